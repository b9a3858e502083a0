"""Long texts are told by a sample: where its windows lie, when it is asked, and how often it says what the whole text says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_language import TEXTS

from curate.extract import extract_pages
from curate.language import identify_languages
from curate.language.kernel import (
    N_WINDOWS,
    SAMPLED_FROM,
    SURE,
    SURE_OF_CUT,
    WINDOW_BYTES,
    draw_sample,
    find_dressed,
)
from curate.text.words import view_utf8

NEAR = 16


def find_windows_plainly(text: bytes) -> list[tuple[int, int]]:
    def find_cut(at: int) -> int:
        if at + NEAR <= len(text):
            for place in range(at, at + NEAR):
                if text[place - 1] <= 32:
                    return place
        while at < len(text) and text[at] & 0xC0 == 0x80:
            at += 1
        return at

    places = [((2 * n + 1) * len(text) // N_WINDOWS - WINDOW_BYTES) // 2 for n in range(N_WINDOWS)]
    return [(find_cut(at), find_cut(at + WINDOW_BYTES)) for at in places]


def long_texts(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of `SAMPLED_FROM` bytes and more, some of them just so many."""
    pieces = st.text(alphabet, min_size=1, max_size=60)
    return st.builds(
        lambda piece, other, n: (piece + other * (n // len(other.encode()))).ljust(SAMPLED_FROM - n % 4),
        pieces, pieces, st.integers(SAMPLED_FROM, 5 * SAMPLED_FROM),
    )  # fmt: skip


CHARACTERS = st.one_of(
    st.sampled_from("a \n\u3000\u00e9\u0431\u4e2d\u0e01\U0001f600-"), st.characters(exclude_categories=["Cs"])
)


@settings(deadline=None)
@given(long_texts(CHARACTERS), st.integers(0, 60))
def test_windows_are_whole_characters_spread_over_the_text_and_apart(text: str, n_around: int) -> None:
    raw = text.encode()
    expected = find_windows_plainly(raw)
    data = np.frombuffer(b"\xe4" * n_around + raw + b"x" * n_around, np.uint8)
    sample = np.zeros(N_WINDOWS * (WINDOW_BYTES + NEAR + 1), np.uint8)
    n, n_cut = draw_sample(data, n_around, n_around + len(raw), sample)
    assert sample[:n].tobytes() == b"".join(raw[start:stop] + b" " for start, stop in expected)
    assert n_cut == sum(raw[start - 1] > 32 for start, _ in expected)
    ends = [0] + [place for window in expected for place in window] + [len(raw)]
    assert ends == sorted(ends)
    for part, (start, stop) in enumerate(expected):
        raw[start:stop].decode()  # strict: no character is cut
        assert stop - start <= WINDOW_BYTES + NEAR
        assert part * len(raw) // N_WINDOWS <= start <= (part + 1) * len(raw) // N_WINDOWS


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(long_texts(CHARACTERS), st.text(CHARACTERS)), min_size=1, max_size=5))
def test_the_answer_is_that_of_a_sure_sample_or_else_of_the_whole_text(texts: list[str]) -> None:
    found, whole = (identify_languages(pa.array(texts), whole=each).to_pylist() for each in (False, True))
    is_dressed = np.zeros(len(texts), np.bool_)
    find_dressed(*view_utf8(pa.array(texts, pa.large_string())), is_dressed)
    for number in np.flatnonzero(~is_dressed):  # the others are read in another form
        raw, expected = texts[number].encode(), whole[number]
        if len(raw) >= SAMPLED_FROM:
            windows = find_windows_plainly(raw)
            sample = b" ".join(raw[start:stop] for start, stop in windows).decode()
            (of_sample,) = identify_languages(pa.array([sample]), whole=True).to_pylist()
            is_cut = 4 * sum(raw[start - 1] > 32 for start, _ in windows) > N_WINDOWS
            if of_sample["language_confidence"] >= (SURE_OF_CUT if is_cut else SURE):
                expected = of_sample
        assert found[number] == expected


def test_texts_below_the_size_of_a_sample_are_read_whole() -> None:
    texts = [(text * 60).encode()[: SAMPLED_FROM - 1].decode(errors="ignore") for text in TEXTS.values()]
    array = pa.array(texts)
    assert identify_languages(array).equals(identify_languages(array, whole=True))


@pytest.mark.parametrize("code", TEXTS)
def test_long_texts_of_any_script_have_their_language(code: str) -> None:
    (found,) = identify_languages(pa.array([TEXTS[code] * 40])).to_pylist()
    assert found["language"] == code
    assert found["language_confidence"] > SURE


@pytest.mark.parametrize("n_before", [20, 35, 80, 90])
def test_a_text_that_goes_on_in_another_language_is_told_as_when_it_is_read_whole(n_before: int) -> None:
    text = (TEXTS["en"] + "\n") * n_before + (TEXTS["de"] + "\n") * (100 - n_before)
    sampled, whole = (
        identify_languages(pa.array([text]), whole=each).to_pylist()[0] for each in (False, True)
    )
    assert sampled["language"] == whole["language"] == ("de" if n_before < 50 else "en")
    assert abs(sampled["language_confidence"] - whole["language_confidence"]) < 0.1


def test_a_sampled_text_does_not_depend_on_its_neighbours() -> None:
    texts = [(TEXTS[code] + " " + TEXTS[other] + "\n") * 40 for code in TEXTS for other in ("en", "ja")]
    together = identify_languages(pa.array(texts)).to_pylist()
    assert together[::-1] == identify_languages(pa.array(texts[::-1])).to_pylist()
    assert together == [identify_languages(pa.array([text])).to_pylist()[0] for text in texts]


@pytest.mark.realdata
def test_a_sample_says_what_the_whole_text_says_of_999_pages_in_1000(real_data: Path) -> None:
    texts: list[str] = []
    for name in ("web/c4.jsonl.gz", "web/weborganizer-03.jsonl.gz", "code/files.jsonl.gz"):
        with gzip.open(real_data / name, "rt", encoding="utf-8") as file:
            texts += [json.loads(line)["text"] for line in file]
    pages = [path.read_bytes() for path in sorted((real_data / "html" / "pages").iterdir())[::4]]
    texts += extract_pages(pa.array(pages, pa.binary()))["text"].to_pylist()
    array = pa.array([text for text in texts if text and len(text) > 200])
    whole, found = identify_languages(array, whole=True), identify_languages(array)
    labels, of_whole = (each["language"].to_numpy(zero_copy_only=False) for each in (found, whole))
    sure, sure_whole = (each["language_confidence"].to_numpy() >= 0.65 for each in (found, whole))
    same = labels == of_whole
    assert np.mean(same) >= 0.999
    assert np.mean(same & (sure == sure_whole)) >= 0.999
