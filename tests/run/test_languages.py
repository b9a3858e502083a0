"""The language of a document is that of its prose; program text and notation are in none."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.run.languages import LineLanguages, tell_languages

GERMAN = (
    "Die Photosynthese ist ein Vorgang, bei dem Pflanzen aus Wasser und Luft mit Hilfe von Licht Zucker aufbauen. "
    * 3
)
ENGLISH = (
    "The function below adds up the squares of a list, and we call it once for every row of the table that we read. "
    * 3
)
PROGRAM = "\n".join(
    f"    für_{i} = müssen[{i}] + größe(straße, {i}); ergebnis->länge += über({i}, höhe);" for i in range(30)
)


def test_a_page_in_another_language_is_told():
    found, stays = tell_languages(pa.array([GERMAN, ENGLISH]), ["en"])
    assert found["language"].to_pylist() == ["de", "en"]
    assert stays.tolist() == [False, True]


def test_program_text_does_not_pass_for_a_language():
    texts = pa.array([f"{ENGLISH}\n\n{PROGRAM}", f"{GERMAN}\n\n{PROGRAM}", PROGRAM])
    found, stays = tell_languages(texts, ["en"])
    assert stays.tolist() == [True, False, True]
    assert found["language"].to_pylist()[:2] == ["en", "de"]


def test_text_without_a_word_is_in_no_language_and_does_not_stay():
    found, stays = tell_languages(pa.array(["", None, " \n"]), ["en"])
    assert found["language"].to_pylist() == [None, None, None]
    assert stays.tolist() == [False, False, False]


def test_nothing_gives_nothing():
    found, stays = tell_languages(pa.array([], pa.string()), ["en"])
    assert found.num_rows == len(stays) == 0


KOREAN = "물은 수소 두 개와 산소 한 개로 이루어져 있으며 영도에서 얼고 백도에서 끓는다고 선생님이 말씀하셨다."
FRENCH = "L'eau est faite de deux parts d'hydrogène et d'une part d'oxygène, et elle gèle à zéro degré."


def mixed_page(n_english: int = 6, n_korean: int = 4) -> str:
    english = [f"{n}. {ENGLISH.strip()[:110]}" for n in range(n_english)]
    korean = [f"{n}. {KOREAN}" for n in range(n_korean)]
    pairs = [line for pair in zip(english, korean, strict=False) for line in pair]
    return "\n\n".join([*pairs, *english[n_korean:], *korean[n_english:]])


def test_the_lines_of_a_page_have_languages_of_their_own():
    page = f"Water\n{FRENCH}\n{PROGRAM}\n{FRENCH}\n\n{KOREAN}\nOK\n{FRENCH}"
    lines = LineLanguages.of(pa.array([page, "", None, GERMAN.strip()]))
    codes = [code for code, n in zip(lines.codes.to_pylist(), lines.n_chars, strict=True) if n]
    assert codes == ["fr", "fr", *[None] * 30, "fr", "ko", "ko", "fr", "de"]
    shares = lines.shares()
    assert [code for code, _ in shares[0]] == ["fr", "ko"]
    assert sum(share for _, share in shares[0]) == pytest.approx(1)
    assert shares[1:] == [[], [], [("de", 1.0)]]


def test_lines_in_other_languages_are_taken_out_and_counted_and_program_text_stays():
    page = f"{FRENCH}\n\n{KOREAN}\nOK\n\n{FRENCH}\n\n{PROGRAM}"
    kept, n_lines, n_chars = LineLanguages.of(pa.array([page, FRENCH])).keep(["fr"])
    assert kept.to_pylist() == [f"{FRENCH}\n\n{FRENCH}\n\n{PROGRAM}", FRENCH]
    assert n_lines.tolist() == [2, 0]
    assert n_chars.tolist() == [len(KOREAN) + 2, 0]


@given(st.lists(st.lists(st.sampled_from([FRENCH, KOREAN, "", "OK", ENGLISH, " "]), max_size=6), max_size=4))
def test_lines_do_not_depend_on_other_texts_and_none_is_lost(texts):
    joined = ["\n".join(lines) for lines in texts]
    together = LineLanguages.of(pa.array(joined, pa.string()))
    alone = [LineLanguages.of(pa.array([text])) for text in joined]
    assert together.codes.to_pylist() == [code for each in alone for code in each.codes.to_pylist()]
    assert together.lines.to_pylist() == [line for text in joined for line in text.split("\n")]
    kept, n_lines, _ = together.keep(["fr"])
    for text, left, lost in zip(joined, kept.to_pylist(), n_lines, strict=True):
        assert left == text or lost
        assert sum(bool(line.strip()) for line in left.split("\n")) == sum(
            bool(line.strip()) for line in text.split("\n")
        ) - int(lost)


@pytest.mark.parametrize(("mixed", "n_kept"), [("page", 0), ("share", 1), ("lines", 2)])
def test_a_mixed_page_is_taken_by_its_share_or_by_its_lines(tmp_path, mixed, n_kept):
    pages = [mixed_page(8, 4), mixed_page(2, 9), KOREAN * 4]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({"text": page}) for page in pages))
    funnel = curate.filter_crawl(
        str(tmp_path / "in.jsonl"), tmp_path / "out", language="en", mixed_languages=mixed, rules=[], scorer="none",
        workers=1, progress=False,
    )  # fmt: skip
    rows = pq.read_table(tmp_path / "out" / "kept").to_pylist()
    assert funnel.kept.n_documents == len(rows) == n_kept
    assert all(row["language"] == "en" for row in rows)
    if mixed == "page":
        assert "line_share_1" not in pq.read_table(tmp_path / "out" / "dropped").column_names
        return
    row = rows[0]
    assert (row["line_language_1"], row["line_language_2"], row["line_language_3"]) == ("en", "ko", None)
    assert row["line_share_1"] + row["line_share_2"] == pytest.approx(1)
    assert ("수소" in row["text"]) == (mixed == "share")
    if mixed == "lines":
        assert [row["language_line_other"] for row in rows] == [4, 9]
        assert funnel.lines_removed["language_line_other"] == 13
        assert funnel.n_chars_removed == 13 * (len(KOREAN) + 3)
