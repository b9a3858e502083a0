"""Normalisation against `unicodedata`, and what it must leave alone."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup import DedupPlan, compute_keys
from curate.dedup.minhash import shingle_sets
from curate.extract import extract_pages
from curate.text.normalise import _load_mapping, comparable, compose, fold_text

TEXTS = st.lists(
    st.none() | st.text(max_size=20) | st.text("aé\u0301\u0323ᄒ\u1161\u11ab가ｶﾞ\u00ad ", max_size=20),
    max_size=6,
)
FRENCH = "La forêt où l’été dure n’est pas très éloignée de la mer, et les élèves y étudient la géologie dès avril."


@given(TEXTS)
def test_texts_are_composed_as_unicodedata_composes_them(texts: list[str | None]) -> None:
    for kind in (pa.string(), pa.large_string()):
        found = compose(pa.array(["x", *texts], kind)[1:])
        assert found.type == kind
        assert found.to_pylist() == [None if t is None else unicodedata.normalize("NFC", t) for t in texts]


@given(TEXTS)
def test_what_is_compared_is_folded_text_by_text_and_folding_twice_changes_nothing(
    texts: list[str | None],
) -> None:
    found = comparable(pa.array(texts, pa.string()))
    assert found.to_pylist() == [None if t is None else fold_text(t) for t in texts]
    assert comparable(found).equals(found)


@pytest.mark.parametrize(
    "text", ["plain ASCII", FRENCH, "Straße “quoted” — 10 €, x², ½, ™, 日本語, 한국어, Ελλάδα"]
)
def test_composed_text_without_compatibility_letters_is_the_same_array(text: str) -> None:
    texts = pa.array([text, None])
    assert compose(texts) is texts
    assert comparable(texts) is texts


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        (FRENCH, unicodedata.normalize("NFD", FRENCH)),
        (
            "한국의 강은 바다로 흐르고 산은 높다",
            unicodedata.normalize("NFD", "한국의 강은 바다로 흐르고 산은 높다"),
        ),
        ("water flows down to the great sea", "wa\u00adter flows d\u200bown to the great s\u2060ea"),
        (
            "water flows down to the sea",
            "".join(chr(ord(c) + 0xFEE0) if c > " " else c for c in "water flows down to the sea"),
        ),
        ("سلام على العالم كله", "سـلام عـلى العالم كله"),
        ("كتاب الله على الأرض", "كِتابُ اللَّه على الأرض"),
        ("لا اله الا هو", "ﻻ اله اﻻ هو"),
        ("カガク ノ ホン ヲ ヨム", "ｶｶﾞｸ ﾉ ﾎﾝ ｦ ﾖﾑ"),
    ],
)
def test_ways_to_write_the_same_no_longer_hide_a_duplicate(text: str, copy: str) -> None:
    texts = pa.array([text, copy])
    keys = compute_keys(texts, DedupPlan())
    assert keys["exact_low"][0] == keys["exact_low"][1]
    sets, offsets = shingle_sets(texts, 2)
    assert np.array_equal(np.sort(sets[: offsets[1]]), np.sort(sets[offsets[1] :]))


def test_zero_width_spaces_that_divide_words_stay_and_others_go() -> None:
    khmer = "ទឹក\u200bហូរ\u200bចុះ\u200bទៅ\u200bសមុទ្រ"
    thai = "น้ำ&#8203;ไหล&ZeroWidthSpace;ลง"
    html = f"<html><body><p>{khmer} {khmer}</p><p>{thai}</p><p>wa\u200bter flows</p></body></html>".encode()
    text = extract_pages(pa.array([html], pa.binary()))["text"][0].as_py()
    assert text.count("\u200b") >= 8 + 1
    assert khmer in text
    assert "water flows" in text


def test_no_folded_character_maps_to_another() -> None:
    mapping = _load_mapping()
    assert not {character for folded in mapping.values() for character in folded} & mapping.keys()
