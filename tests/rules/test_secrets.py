"""Secrets leave the text, and nothing else does; twice is as once."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from secret_cases import draw, make_cases

from curate.rules import redact_secrets

CASES = make_cases()
# Forms that are known to be missed: settings without quotes in lower case, and arguments that no word explains.
MISSED = ("spring.datasource", "jwt.sign")


def redact(text):
    texts, n = redact_secrets(pa.array([text]))
    return texts[0].as_py(), n[0].as_py()


@pytest.mark.parametrize(("text", "gone", "stays"), CASES, ids=[str(n) for n in range(len(CASES))])
def test_what_is_secret_goes_and_the_rest_stays(text, gone, stays):
    redacted, n = redact(text)
    assert all(value in redacted for value in stays)
    if text.startswith(MISSED):
        assert n == 0
        return
    assert n == len(gone)
    assert not any(value in redacted for value in gone)


def test_a_key_block_keeps_its_marks_and_what_stands_around_it():
    lines = "\n".join(draw("|b64", number) for number in range(4))
    first, last = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    found = redact(f"before\n{first}\n{lines}\n{last}\nafter")
    assert found == (f"before\n{first}<KEY>{last}\nafter", 1)
    assert redact(f"{first}\n{lines}\nafter it, some prose of the page") == (
        f"{first}<KEY>\nafter it, some prose of the page",
        1,
    )


def test_a_key_that_lies_in_another_find_is_replaced_once():
    token = draw("ghp_|a36", 0)
    assert redact(f'api_key = "{token}"') == ('api_key = "<KEY>"', 1)
    assert redact(f"https://ann:{token}@github.com/x") == ("https://ann:<KEY>@github.com/x", 1)


@pytest.mark.parametrize(
    "line",
    [
        "curl -u ann:{} https://api.shop.io/1curl -u ann:{} https://api.shop.io/2",
        "curl -u ann:{} -u bob:{} https://api.shop.io",
        "mysql -h db -p{} -p{} shop",
    ],
)
def test_the_second_password_of_one_command_is_replaced_at_the_first_look(line):
    text = line.format("X1eC8uWoIQDagi", "Zr7Kq0vBnT5w")
    assert redact(text) == (line.format("<PASSWORD>", "<PASSWORD>"), 2)


PIECES = [text for text, _, _ in CASES] + [
    "<KEY>", "<PASSWORD>", "\n", " ", "'", '"', "://a:", "@b", "password=", "-----BEGIN PRIVATE KEY-----", "-----END ", "☃",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=6))
def test_twice_is_as_once_and_rows_do_not_depend_on_each_other(pieces):
    text = "".join(pieces)
    redacted, n = redact(text)
    assert redact(redacted) == (redacted, 0)
    texts, counts = redact_secrets(pa.chunked_array([["", None], [text, "x"]]))
    assert texts.to_pylist() == ["", "", redacted, "x"]
    assert counts.to_pylist() == [0, 0, n, 0]
    assert redacted.count("<KEY>") + redacted.count("<PASSWORD>") >= n
