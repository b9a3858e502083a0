from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.signals import compute_signals
from curate.signals.catalogue import DEFAULT_SIGNALS, PROGRAM_SIGNALS
from curate.signals.program import GENERATED_MARKS


def measured(text):
    row = compute_signals(pa.array([text], pa.large_string()), PROGRAM_SIGNALS).to_pylist()[0]
    return {name.removeprefix("program_"): value for name, value in row.items()}


def plain(text):
    """What the one walk over characters counts, in plain Python."""
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    visible = [c for c in text if not c.isspace()]
    head = "\n".join(text.split("\n")[:5]).encode()[:2000].decode("utf-8", "ignore")
    runs = [len(run) for run in re.findall(r"[A-Za-z0-9+/\n=]{64,}", text)]
    ratio = lambda a, b: a / b if b else np.nan  # noqa: E731
    return {
        "n_lines": len(lines),
        "max_line_chars": max((len(line) for line in lines), default=0),
        "mean_line_chars": ratio(len(text) - len(lines) + 1, len(lines)),
        "frac_alpha_chars": ratio(sum(c.isalpha() for c in text), len(text)),
        "frac_visible_alpha": ratio(sum(c.isalpha() for c in text), len(visible)),
        "frac_visible_digits": ratio(sum(c in "0123456789" for c in text), len(visible)),
        "frac_space_chars": ratio(len(text) - len(visible), len(text)),
        "is_generated": int(any(mark in head.lower() for mark in GENERATED_MARKS)),
        "max_encoded_chars": max(runs, default=0),
    }


@given(st.text(st.sampled_from('ab Z\n"#=+/é中\ufffd 7\t'), max_size=300))
def test_signals_equal_plain_python(text):
    found = measured(text)
    for name, value in plain(text).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("\\x12" * 8, 32),
        ("\\x12" * 7, 0),
        ("0x1f, " * 8, 46),
        ("\\u00e4" * 8, 48),
        ("12 34 56 78 90 ab cd ef 01", 26),
        ("numbers = 1, 2, 3, 4, 5, 6, 7, 8, 9", 0),
        ("A" * 64, 64),
        ("A" * 63 + " ", 0),
    ],
)
def test_encoded_data_is_found_as_runs(text, n):
    assert measured(text)["max_encoded_chars"] == n


@pytest.mark.parametrize("mark", GENERATED_MARKS)
def test_a_mark_of_generated_text_counts_in_the_first_five_lines(mark):
    assert measured(f"# {mark.upper()}\nx = 1")["is_generated"] == 1
    assert measured("\n\n\n\n# " + mark)["is_generated"] == 1
    assert measured("\n\n\n\n\n# " + mark)["is_generated"] == 0
    assert measured("# " + mark[:-1])["is_generated"] == 0


@given(
    st.text("#é☃\n", min_size=60, max_size=110), st.sampled_from(["<?xml version=", "<?xml versio", "<?xml "])
)
def test_a_declaration_of_xml_counts_within_the_first_hundred_characters(before, mark):
    text = before + mark + "'1.0'?>"
    assert measured(text)["is_xml"] == ("<?xml version=" in text[:100])


def test_code_comments_and_strings_have_their_shares():
    found = measured("# todo: cd\nx = 'ab' # e\n\nassert y\n")
    n = len("# todo: cd\nx = 'ab' # e\n\nassert y\n")
    assert found["frac_comment_bytes"] == (10 + 3) / n
    assert found["frac_string_bytes"] == 4 / n
    assert found["n_code_lines"] == 2
    assert found["frac_assert_lines"] == 0.5
    assert found["frac_todo_lines"] == 0.25


def test_the_signals_of_prose_do_not_hold_them():
    assert not set(PROGRAM_SIGNALS) & set(DEFAULT_SIGNALS)


@given(st.lists(st.text(max_size=50), max_size=5))
def test_a_text_s_signals_do_not_depend_on_its_neighbours(texts):
    together = compute_signals(pa.array(texts, pa.large_string()), PROGRAM_SIGNALS).to_pylist()
    alone = [
        compute_signals(pa.array([text], pa.large_string()), PROGRAM_SIGNALS).to_pylist()[0] for text in texts
    ]
    assert str(together) == str(alone)
