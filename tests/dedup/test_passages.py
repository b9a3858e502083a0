"""`--dedup-substrings`: what an earlier document has word for word goes, as a plain search finds it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curate.dedup.lines import MOST_SHARE
from curate.dedup.passages import count_windows, hash_windows, remove_passages

SPACE = b" \t\n\r"


def plain_windows(text: bytes, n_bytes: int) -> list[tuple[int, int, tuple[object, ...]]]:
    """The twin: (begin, end, words) of every window; a word knows whether it touches the one before."""
    starts = [
        i
        for i, byte in enumerate(text)
        if byte not in SPACE and (byte >= 0xE0 or i == 0 or text[i - 1] in SPACE)
    ]
    bounds = [*starts, len(text)]
    words = [
        (i > 0 and text[i - 1] not in SPACE, bytes(byte for byte in text[i:end] if byte not in SPACE))
        for i, end in pairwise(bounds)
    ]
    found: list[tuple[int, int, tuple[object, ...]]] = []
    for k, begin in enumerate(starts):
        stop = next((j for j in range(k, len(bounds)) if bounds[j] - begin >= n_bytes), None)
        if stop is not None:
            found.append((begin, bounds[stop], tuple(words[k:stop])))
    return found


def plain_passages(texts: list[str | None], n_bytes: int) -> tuple[list[str | None], list[int]]:
    """Texts without what an earlier one has, and how many passages went from each."""
    first: dict[tuple[object, ...], int] = {}
    left: list[str | None] = []
    counts: list[int] = []
    for n, text in enumerate(texts):
        raw = (text or "").encode()
        spans: list[list[int]] = []
        for begin, end, words in plain_windows(raw, n_bytes):
            if first.setdefault(words, n) < n:
                if spans and begin <= spans[-1][1]:
                    spans[-1][1] = max(spans[-1][1], end)
                else:
                    spans.append([begin, end])
        lost = sum(end - begin for begin, end in spans)
        if lost > MOST_SHARE * len(raw):
            spans = []
        kept, at = b"", 0
        for begin, end in spans:
            kept, at = kept + raw[at:begin], end
        kept += raw[at:]
        if spans and spans[-1][1] == len(raw):
            kept = kept.rstrip(SPACE)
        left.append(None if text is None else kept.decode())
        counts.append(len(spans))
    return left, counts


word = st.sampled_from(["the", "sea", "of", "a", "水", "河が", "zo", "ä", "b-c"])
texts = st.lists(
    st.one_of(st.none(), st.lists(st.tuples(word, st.sampled_from([" ", "  ", "\n", ""])), max_size=24)),
    max_size=7,
)


@given(given=texts, n_bytes=st.integers(3, 14), n_ranges=st.integers(1, 3), cut=st.integers(0, 7))
def test_what_goes_is_what_a_plain_search_finds_in_an_earlier_text(given, n_bytes, n_ranges, cut):
    rows = [None if each is None else "".join(a + b for a, b in each) for each in given]
    array = pa.array(rows, pa.string())
    windows = hash_windows(array, n_bytes)
    documents = np.repeat(np.arange(len(rows)), np.diff(windows.firsts))
    at = int(windows.firsts[min(cut, len(rows))])
    shards = [(windows.hashes[part], documents[part]) for part in (slice(0, at), slice(at, None))]
    repeated = count_windows(lambda: shards, n_ranges)
    goes = repeated.find(windows, np.arange(len(rows)))
    cleaned, counts = remove_passages(array, windows, goes)
    assert (cleaned.to_pylist(), counts.tolist()) == plain_passages(rows, n_bytes)


def test_half_a_document_may_go_and_not_a_byte_more():
    """At 50 bytes of 100 the passage goes; with 51 of 101 the document is a copy, and stays."""
    passage = "one two three four five six seven eight nine ten. "
    for own, goes in ((" ".join(["own"] * 12) + " 3x", True), (" ".join(["own"] * 12) + " 3", False)):
        array = pa.array([passage, passage + own])
        windows = hash_windows(array, 40)
        documents = np.repeat(np.arange(2), np.diff(windows.firsts))
        found = count_windows(lambda windows=windows, documents=documents: [(windows.hashes, documents)])
        cleaned, _ = remove_passages(array, windows, found.find(windows, np.arange(2)))
        assert (cleaned[1].as_py() == own) == goes
