"""Other toolkits' readings of a text against plain Python."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from oracle import covered_by_repeats, duplicates, peer_signals_of, ratio

from curate.errors import SettingError, UnknownNameError
from curate.signals import SIGNALS, compute_signals, parse_signal

PIECES = ["same", "other line", "- item", "* x", "• y", "# tag", "…", "...", ". . .", ". . . .", "\n",
"\n\n", "\r\n", "\r",
          "\x0b", "\x85", "\u2028", " ", "  ", "日本", "é", "end.", "end…"]  # fmt: skip
texts = (
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
    | st.text("a \n", max_size=60)
    | st.text(max_size=60)
)


def value_of(text, name):
    return compute_signals(pa.array([text]), [name]).column(0)[0].as_py()


def equal(got, want):
    return (math.isnan(got) and math.isnan(want)) or got == pytest.approx(want, abs=1e-9)


@settings(max_examples=250, deadline=None)
@given(texts)
def test_lines_and_paragraphs_are_cut_as_other_toolkits_cut_them(text):
    readings = {
        "feed": text.split("\n"),
        "feeds": re.split("\n+", text),
        "breaks": text.splitlines(),
        "unstripped": [line for line in text.split("\n") if line.strip()],
    }
    for reading, lines in readings.items():
        assert value_of(text, f"n_lines[lines={reading}]") == len(lines)
        ends = sum(line.rstrip().endswith(("...", "…")) for line in lines)
        if reading == "breaks":
            starts = sum(line.lstrip().startswith(("•", "-")) for line in lines)
            assert equal(value_of(text, "frac_ellipsis_lines[lines=breaks]"), ratio(ends, len(lines)))
            assert equal(
                value_of(text, "frac_bullet_lines[lines=breaks,bullets=datatrove]"), ratio(starts, len(lines))
            )
            continue
        for copies in ("later", "all"):
            n, chars = duplicates(lines, copies)
            assert equal(
                value_of(text, f"frac_dup_lines[lines={reading},copies={copies}]"), ratio(n, len(lines))
            )
            name = f"frac_dup_line_chars[lines={reading},copies={copies},over=text]"
            assert equal(value_of(text, name), ratio(chars, len(text)))
    paragraphs = re.split(r"\n{2,}", text.strip())
    n, chars = duplicates(paragraphs)
    assert equal(value_of(text, "frac_dup_paragraphs[paragraphs=feeds]"), n / len(paragraphs))
    assert equal(
        value_of(text, "frac_dup_paragraph_chars[paragraphs=feeds,over=text]"), ratio(chars, len(text))
    )
    stripped = [piece.strip() for piece in text.split("\n\n") if piece.strip()]
    n, _ = duplicates(stripped, "all")
    assert equal(
        value_of(text, "frac_dup_paragraphs[paragraphs=two_feeds,copies=all]"), ratio(n, len(stripped))
    )


@settings(max_examples=150, deadline=None)
@given(texts)
def test_the_signals_that_only_peers_read_equal_the_oracle(text):
    for name, want in peer_signals_of(text).items():
        assert equal(value_of(text, name), want), name


UNSPACED = st.text("光合作ひカไทយ。！!?. 1a\n", max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.lists(UNSPACED, max_size=3), st.integers(1, 3))
def test_letters_of_scripts_without_spaces_are_counted_one_by_one(texts, n_copies):
    texts = [text * n_copies for text in texts]
    found = compute_signals(
        pa.array(texts, pa.large_string()), ["sentence_ends_per_letter", "dup_10letter_chars_beyond_length"]
    )
    for text, ends, repeated in zip(texts, *found.to_pydict().values(), strict=True):
        letters = [c for c in text if c in "光合作ひカไทយ"]
        n_ends = len(re.findall("[。！]|(?<=[光合作ひカไทយ])[!?.]", text))
        growth = min(0.06 * math.log2(max(len(letters), 400) / 400), 0.3)
        assert equal(ends, ratio(n_ends, len(letters)))
        assert equal(
            repeated, covered_by_repeats(letters, 10, len(letters)) - growth if letters else math.nan
        )


def walked(words, n):
    seen, chars, i = set(), 0, 0
    while i < len(words) - n + 1:
        gram = tuple(words[i : i + n])
        if gram in seen:
            chars += sum(map(len, gram))
            i += n
        else:
            seen.add(gram)
            i += 1
    return chars


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "cc"]), max_size=80).map(" ".join))
def test_ngrams_are_counted_as_other_toolkits_count_them(text):
    words = text.split()
    total = sum(map(len, words))
    for n in (5, 7, 10):
        grams = list(zip(*(words[i:] for i in range(n)), strict=False))
        repeated = [gram for gram in grams if grams.count(gram) > 1]
        chars = sum(len(word) for gram in repeated for word in gram)
        everything = sum(len(word) for gram in grams for word in gram)
        name = f"frac_dup_{n}gram_chars"
        assert equal(value_of(text, f"{name}[chars=walked,over=text]"), ratio(walked(words, n), len(text)))
        want = chars / max(everything, 1) if total else math.nan
        assert equal(value_of(text, f"{name}[chars=repeated,over=ngrams]"), want)
    for n in (2, 3, 4):
        grams = list(zip(*(words[i:] for i in range(n)), strict=False))
        counts = [grams.count(gram) for gram in grams]
        top = max(counts, default=0)
        longest = max(
            (sum(map(len, gram)) for gram, count in zip(grams, counts, strict=True) if count == top),
            default=0,
        )
        want = ratio(longest * top if top > 1 else 0, total)
        assert equal(value_of(text, f"frac_top_{n}gram_chars[ties=longest,single=ignore]"), want)


def test_fasttext_words_begin_with_a_letter_or_a_number():
    assert value_of("One, (two) 3rd\xa0same -4 été", "n_words[words=fasttext]") == 3


@pytest.mark.parametrize("reading", ["spacy", "uniseg"])
def test_a_reading_without_its_package_says_what_to_install(reading, monkeypatch):
    for package in ("spacy", "uniseg", "uniseg.wordbreak"):
        monkeypatch.setitem(sys.modules, package, None)
    for texts in (["word"], []):
        with pytest.raises(SettingError, match="pip install"):
            compute_signals(pa.array(texts, pa.string()), [f"n_words[words={reading}]"])


@pytest.mark.parametrize(
    "name", ["n_wrds", "n_words[word=space]", "n_words[words=spice]", "n_words[", "n_words[]x", ""]
)
def test_names_that_mean_nothing_are_refused(name):
    with pytest.raises(SettingError):
        parse_signal(name)


def test_an_unknown_signal_names_the_nearest_one():
    with pytest.raises(UnknownNameError, match="Did you mean 'n_words'"):
        compute_signals(pa.array(["x"]), ["n_wrods"])


def test_every_signal_says_what_it_is():
    for name, signal in SIGNALS.items():
        assert signal.doc
        assert parse_signal(name).signal is signal
