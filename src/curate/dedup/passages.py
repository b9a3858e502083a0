# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Passages that an earlier document has word for word: quoted articles, biographies, product texts, terms of use.

Lee et al. 2021 (arXiv 2107.06499) remove every substring of 50 tokens or more that stands in another document from one
of the two, by a suffix array of the whole corpus. Here a document is covered by windows: from the start of every word to
the first start of a word that is at least so many bytes on. A passage goes where its windows stand in an earlier document; the
first one keeps it. So documents are read one after the other, memory is bounded, and nothing depends on workers.

    hash_windows     texts -> windows                             document by document
    count_windows    all windows -> those that repeat             the one look at all of them, range of hashes by range
    remove_passages  texts, windows, which repeat -> texts        document by document

White space counts as one blank however much there is. What repeats within one document is left to the rules that measure
repetition. Windows are compared by 64-bit hashes alone: of a billion different ones two are alike with a chance of 3%.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.lines import MOST_SHARE, text_array
from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.words import view_utf8

BYTES_A_WINDOW = 56
"""Memory of one window while windows are counted: its hash, its document and a mark, in a table up to three times as large."""
_PER_BUCKET = 8
_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_STEP = np.uint64(0xD6E8FEB86659FD93)  # odd: a word's weight by its place in a window
_U29, _U32, _U64 = np.uint64(29), np.uint64(32), np.uint64(64)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of N documents, as they begin.

    Attributes:
        hashes: uint64 (n_windows,), none of them 0.
        begins: where each begins in the bytes of the texts, int64 (n_windows,).
        stops: and where it ends.
        firsts: number of each document's first window, int64 (N + 1,).
    """

    hashes: NDArray[np.uint64]
    begins: NDArray[np.int64]
    stops: NDArray[np.int64]
    firsts: NDArray[np.int64]


def hash_windows(texts: pa.Array, n_bytes: int) -> Windows:
    r"""Find the windows of N texts; null has none, nor has a text of fewer than `n_bytes` bytes.

    >>> windows = hash_windows(pa.array(["one two three", "zero  one two\nthree"]), 8)
    >>> windows.firsts.tolist(), bool(windows.hashes[0] == windows.hashes[2])
    ([0, 2, 5], False)
    >>> bool(windows.hashes[0] == windows.hashes[3]), windows.begins.tolist()[:2], windows.stops.tolist()[:2]
    (True, [0, 4], [8, 13])
    """
    data, offsets = view_utf8(texts)
    n_most = int(offsets[-1] - offsets[0]) // 2 + len(offsets)
    hashes, begins, stops = (
        np.empty(n_most, np.uint64),
        np.empty(n_most, np.int64),
        np.empty(n_most, np.int64),
    )
    firsts = np.zeros(len(offsets), np.int64)
    n = _hash_windows(data, offsets, n_bytes, hashes, begins, stops, firsts)
    return Windows(hashes[:n], begins[:n], stops[:n], firsts)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Windows that stand in two documents or more: sorted hashes, and the number of the first document; (n,) each."""

    hashes: NDArray[np.uint64]
    documents: NDArray[np.int64]

    def find(self, windows: Windows, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which windows stand in a document before theirs, bool (n_windows,); `numbers` are those of their documents."""
        found = np.zeros(len(windows.hashes), np.bool_)
        bits = max(1, int(len(self.hashes) // _PER_BUCKET).bit_length())
        bounds = (np.arange(1 << bits, dtype=np.uint64) << (_U64 - np.uint64(bits))).astype(np.uint64)
        starts = np.append(np.searchsorted(self.hashes, bounds), len(self.hashes))
        _find(windows.hashes, windows.firsts, numbers, self.hashes, self.documents, starts, bits, found)
        return found


Shard = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Hashes of windows, and the number of the document of each; documents ascend, in a shard and from one to the next."""


def count_windows(shards: Callable[[], Iterable[Shard]], n_ranges: int = 1) -> Repeated:
    """Find the windows that stand in two documents or more.

    Args:
        shards: gives all windows of all documents, anew for each range.
        n_ranges: so many looks, each at a share of the hashes, for memory.
    """
    hashes, documents = list[NDArray[np.uint64]](), list[NDArray[np.int64]]()
    n_all = sum(len(shard[0]) for shard in shards())
    for place in range(n_ranges):
        size = (
            1 << (64 + 3 * n_all // (2 * n_ranges)).bit_length()
        )  # half as much again, up to three times as much
        keys, owners, repeats = np.zeros(size, np.uint64), np.zeros(size, np.int64), np.zeros(size, np.bool_)
        for found, numbers in shards():
            _note(found, numbers, place, n_ranges, keys, owners, repeats)
        hashes.append(keys[repeats])
        documents.append(owners[repeats])
    joined = np.concatenate(hashes)
    order = np.argsort(joined)
    return Repeated(joined[order], np.concatenate(documents)[order])


def remove_passages(
    texts: pa.Array, windows: Windows, goes: NDArray[np.bool_]
) -> tuple[pa.Array, NDArray[np.int32]]:
    """Take passages out of N texts, unless that would take more than half of one: it is a copy, judged as one.

    Args:
        texts: N texts; null stays null.
        windows: theirs.
        goes: which windows go, bool (n_windows,); those that overlap are one passage.

    Returns:
        The texts, large_string, and how many passages went from each, int32 (N,).
    """
    data, offsets = view_utf8(texts)
    cleaned, bounds = np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8), np.zeros(len(offsets), np.int64)
    counts = np.zeros(len(texts), np.int32)
    spans = windows.begins, windows.stops, windows.firsts
    n_bytes = _remove_passages(data, offsets, *spans, goes, MOST_SHARE, cleaned, bounds, counts)
    return text_array(texts, cleaned[:n_bytes], bounds), counts


@kernel(inline=True)
def _starts_word(data, i, begin):
    """Whether a word begins at byte `i`: behind white space, or with a letter of three bytes or more."""
    byte = data[i]
    return byte > 32 and (byte >= 0xE0 or i == begin or data[i - 1] <= 32)


@kernel
def _hash_windows(data, offsets, n_least, hashes, begins, stops, firsts):
    """Hash the window of every word; returns how many there are."""
    n = 0
    longest = np.int64(0)
    for d in range(len(offsets) - 1):
        longest = max(longest, offsets[d + 1] - offsets[d])
    starts = np.empty(longest // 2 + 3, np.int64)
    sums = np.empty(
        longest // 2 + 3, np.uint64
    )  # of the words before each: a window is the difference of two
    powers = np.ones(n_least // 2 + 3, np.uint64)
    for k in range(1, len(powers)):
        powers[k] = powers[k - 1] * _STEP
    for d in range(len(offsets) - 1):
        firsts[d] = n
        begin, end = offsets[d], offsets[d + 1]
        n_words, total, state = 0, np.uint64(0), _SEED
        for i in range(begin, end):
            byte = data[i]
            if _starts_word(data, i, begin):
                if n_words:
                    total = total * _STEP + (state ^ (state >> _U32)) * GOLDEN
                starts[n_words] = i
                sums[n_words] = total
                n_words += 1
                state = _SEED
                is_glued = i > begin and data[i - 1] > 32
                state = (state ^ np.uint64(is_glued)) * _PRIME
            if byte > 32:
                state = (state ^ np.uint64(byte)) * _PRIME
        if n_words:
            total = total * _STEP + (state ^ (state >> _U32)) * GOLDEN
        starts[n_words], sums[n_words] = end, total
        stop = 0
        for k in range(n_words):
            while stop <= n_words and starts[stop] - starts[k] < n_least:
                stop += 1
                if stop > n_words:
                    break
            if stop > n_words:
                break
            value = sums[stop] - sums[k] * powers[stop - k]
            value = (value ^ (value >> _U32)) * GOLDEN
            value ^= value >> _U29
            hashes[n] = max(value, np.uint64(1))
            begins[n], stops[n] = starts[k], starts[stop]
            n += 1
    firsts[len(offsets) - 1] = n
    return n


@kernel
def _note(hashes, documents, place, n_ranges, keys, owners, repeats):
    """Note windows in a table of open addresses."""
    mask = len(keys) - 1
    for i in range(len(hashes)):
        value = hashes[i]
        if n_ranges > 1 and np.int64(value % np.uint64(n_ranges)) != place:
            continue
        at = np.int64((value * GOLDEN) >> _U32) & mask
        while keys[at] != 0 and keys[at] != value:
            at = (at + 1) & mask
        if keys[at] == 0:
            keys[at], owners[at] = value, documents[i]
        elif owners[at] != documents[i]:
            repeats[at] = True


@kernel
def _find(hashes, firsts, numbers, known, owners, starts, bits, found):
    """Look every window up among the known ones, by the upper bits of its hash."""
    shift = np.uint64(64 - bits)
    for d in range(len(firsts) - 1):
        for i in range(firsts[d], firsts[d + 1]):
            bucket = np.int64(hashes[i] >> shift)
            for k in range(starts[bucket], starts[bucket + 1]):
                if known[k] == hashes[i]:
                    found[i] = owners[k] < numbers[d]
                    break


@kernel
def _remove_passages(data, offsets, begins, stops, firsts, goes, most_share, cleaned, bounds, counts):
    """Copy what no window that goes covers; white space behind the last word goes with what stood before it."""
    n = 0
    for d in range(len(offsets) - 1):
        begin, end = offsets[d], offsets[d + 1]
        lost, covered = np.int64(0), begin
        for i in range(firsts[d], firsts[d + 1]):
            if goes[i]:
                lost += stops[i] - max(begins[i], covered) if stops[i] > covered else 0
                covered = max(covered, stops[i])
        at, start = begin, n
        if lost and lost <= most_share * (end - begin):
            passage_end = np.int64(-1)
            for i in range(firsts[d], firsts[d + 1]):
                if not goes[i]:
                    continue
                counts[d] += begins[i] > passage_end
                passage_end = stops[i]
                for k in range(at, begins[i]):
                    cleaned[n] = data[k]
                    n += 1
                at = max(at, stops[i])
        took_end = at == end and at > begin
        for k in range(at, end):
            cleaned[n] = data[k]
            n += 1
        while took_end and n > start and cleaned[n - 1] <= 32:
            n -= 1
        bounds[d + 1] = n
    return n
