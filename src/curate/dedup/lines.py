# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Lines that recur across documents: menus, cookie notices and licences, which stand on every page of a site.

A line is told by its ASCII letters in lower case, its digits and all bytes beyond ASCII; white space and ASCII marks
do not count. CCNet (Wenzek et al. 2020) removes paragraphs that occur twice in a shard, Dolma and datatrove every
repetition but the first. Here a line goes everywhere, where enough *different* documents of one site have it, or enough
sites, so that what goes depends on no order; documents with the same text count once.

    hash_lines     texts -> lines                               document by document
    count_lines    all lines -> those that recur                the one look at all of them, range of hashes by range
    remove_lines   texts, lines, which recur -> texts           document by document
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.words import view_utf8

MIN_LETTERS = 40
"""Letters, and bytes beyond ASCII, from which a line may go: headings and names of parameters recur in good pages
(`python -m benchmarks dedup_lines`)."""
MOST_SHARE = 0.5
"""A document of which more than this share of its bytes would go stays whole: it is a copy, which deduplication judges."""
_NEWLINE = 10
_SEED = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_U29, _U32 = np.uint64(29), np.uint64(32)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of N documents.

    Attributes:
        hashes: uint64 (n_lines,); 0 for a line with too few letters to go.
        begins: where each begins in the bytes of the texts, int64 (n_lines,).
        firsts: number of each document's first line, int64 (N + 1,).
    """

    hashes: NDArray[np.uint64]
    begins: NDArray[np.int64]
    firsts: NDArray[np.int64]

    @property
    def documents(self) -> NDArray[np.int64]:
        """The document of each line, int64 (n_lines,)."""
        return np.repeat(np.arange(len(self.firsts) - 1), np.diff(self.firsts))


def hash_lines(texts: pa.Array, min_letters: int = MIN_LETTERS) -> Lines:
    r"""Find the lines of N texts; null has none.

    >>> lines = hash_lines(pa.array(["All rights reserved.\nOne\n", "ALL  RIGHTS RESERVED"]), 5)
    >>> lines.firsts.tolist(), bool(lines.hashes[0] == lines.hashes[2]), int(lines.hashes[1])
    ([0, 2, 3], True, 0)
    """
    data, offsets = view_utf8(texts)
    n_most = len(texts) + int(np.count_nonzero(data == _NEWLINE))
    hashes, begins = np.zeros(n_most, np.uint64), np.zeros(n_most, np.int64)
    firsts = np.zeros(len(texts) + 1, np.int64)
    n_lines = _hash_lines(data, offsets, min_letters, hashes, begins, firsts)
    return Lines(hashes[:n_lines], begins[:n_lines], firsts)


def hash_sites(urls: pa.Array | pa.ChunkedArray, texts: pa.Array) -> NDArray[np.uint64]:
    """Name the site of N documents by a number, uint64 (N,): its host without 'www.'.

    A document without an address is a site of its own, by its text.
    """
    sites = np.zeros(len(urls), np.uint64)
    for row, url in enumerate(urls.to_pylist()):
        host = _host(url) if url else ""
        if host:
            sites[row] = xxhash.xxh3_64_intdigest(host.encode("utf-8", "surrogatepass"))
    alone = np.flatnonzero(sites == 0)
    sites[alone] = hash_texts(texts.take(pa.array(alone)))
    return sites


def hash_texts(texts: pa.Array) -> NDArray[np.uint64]:
    """Hash N texts whole, uint64 (N,)."""
    data, offsets = view_utf8(texts)
    view = data.data
    hashes = [xxhash.xxh3_64_intdigest(view[begin:end]) for begin, end in pairwise(offsets.tolist())]
    return np.array(hashes, np.uint64)


def _host(url: str) -> str:
    try:
        return (urlsplit(url.strip()).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


# ---- counting ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recurring:
    """What recurs: sorted hashes of (site, line) pairs, and of lines that go from every document; uint64."""

    on_site: NDArray[np.uint64]
    everywhere: NDArray[np.uint64]

    def find(self, lines: Lines, sites: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which lines recur on the site of their document, and which everywhere; bool (n_lines,) each."""
        is_line = lines.hashes != 0
        pairs = join_hashes(sites[lines.documents], lines.hashes)
        return _is_in(pairs, self.on_site) & is_line, _is_in(lines.hashes, self.everywhere) & is_line


def _is_in(values: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return known[places] == values


def join_hashes(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One hash of two, uint64 (N,); the order counts."""
    mixed = (one ^ (one >> _U32)) * GOLDEN
    mixed = (mixed ^ other) * _PRIME
    return mixed ^ (mixed >> _U29)


Shard = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint64]]
"""Sites and text hashes of documents; for each line the document, and the hash; each line once a document."""


def distinct_lines(lines: Lines) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Documents and hashes of the lines that may go, each line once a document."""
    may_go = lines.hashes != 0
    documents, hashes = lines.documents[may_go], lines.hashes[may_go]
    order = np.lexsort((hashes, documents))
    documents, hashes = documents[order], hashes[order]
    once = _starts(documents, hashes)
    return documents[once], hashes[once]


def count_lines(
    shards: Callable[[], Iterable[Shard]], *, on_site: int, sites: int, n_ranges: int = 1
) -> Recurring:
    """Find the lines that recur among all documents of `shards`, which is asked once for the texts and once a range.

    Args:
        shards: gives the documents in pieces.
        on_site: different documents of one site that have a line which goes from that site.
        sites: sites that have a line which goes from every document.
        n_ranges: ranges of hashes that are looked at one after the other; more take less memory.
    """
    is_first = _first_copies(shards())
    found: tuple[list[Any], list[Any]] = ([], [])
    for place in range(n_ranges):
        lines, owners = _gather(shards(), is_first, place, n_ranges)
        order = np.lexsort((owners, lines))
        lines, owners = lines[order], owners[order]
        pairs = _starts(lines, owners)
        n_documents = np.diff(np.append(pairs, len(lines)))
        often = pairs[n_documents >= on_site]
        found[0].append(join_hashes(owners[often], lines[often]))
        of_line = _starts(lines[pairs])
        n_sites = np.diff(np.append(of_line, len(pairs)))
        found[1].append(lines[pairs][of_line[n_sites >= sites]])
    return Recurring(*(np.unique(np.concatenate([*part, np.zeros(0, np.uint64)])) for part in found))


def _first_copies(shards: Iterable[Shard]) -> NDArray[np.bool_]:
    """Which documents are the first of their site with their text."""
    keys = [join_hashes(sites, texts) for sites, texts, _, _ in shards]
    whole = np.concatenate([*keys, np.zeros(0, np.uint64)])
    is_first = np.zeros(len(whole), np.bool_)
    is_first[np.unique(whole, return_index=True)[1]] = True
    return is_first


def _gather(
    shards: Iterable[Shard], is_first: NDArray[np.bool_], place: int, n_ranges: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Lines of a range of hashes, with the sites of the documents that have them."""
    found: tuple[list[Any], list[Any]] = ([], [])
    n_documents = 0
    for sites, _, documents, hashes in shards:
        wanted = is_first[n_documents + documents]
        if n_ranges > 1:
            wanted &= hashes % np.uint64(n_ranges) == np.uint64(place)
        n_documents += len(sites)
        found[0].append(hashes[wanted])
        found[1].append(sites[documents[wanted]])
    nothing = np.zeros(0, np.uint64)
    return np.concatenate([*found[0], nothing]), np.concatenate([*found[1], nothing])


def _starts(*columns: NDArray[Any]) -> NDArray[np.int64]:
    """Where stretches of equal rows begin in sorted columns."""
    differs = np.ones(len(columns[0]), np.bool_)
    differs[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(differs)


# ---- removing ---------------------------------------------------------------------------------------------


def remove_lines(
    texts: pa.Array, lines: Lines, goes: Sequence[NDArray[np.bool_]]
) -> tuple[pa.Array, NDArray[np.int32]]:
    """Take lines out of N texts, unless that would take more than `MOST_SHARE` of one.

    Args:
        texts: N texts; null stays null.
        lines: theirs.
        goes: which lines go, by reason: bool (n_lines,) each. A line counts for the first reason that names it.

    Returns:
        The texts, large_string, and how many lines went by reason: int32 (n_reasons, N).
    """
    data, offsets = view_utf8(texts)
    reason = np.zeros(len(lines.hashes), np.uint8)
    for number, each in reversed(list(enumerate(goes, 1))):
        reason[each] = number
    counts = np.zeros((len(goes), len(texts)), np.int32)
    cleaned, bounds = (
        np.empty(int(offsets[-1] - offsets[0]) + 1, np.uint8),
        np.zeros(len(texts) + 1, np.int64),
    )
    n_bytes = _remove_lines(
        data, offsets, lines.begins, lines.firsts, reason, MOST_SHARE, cleaned, bounds, counts
    )
    return text_array(texts, cleaned[:n_bytes], bounds), counts


def text_array(like: pa.Array, data: NDArray[np.uint8], bounds: NDArray[np.int64]) -> pa.Array:
    """Make a large_string array of UTF-8 bytes and bounds (N + 1), null where `like` is."""
    valid = pa.array(like.is_valid()).buffers()[1] if like.null_count else None
    buffers = pa.py_buffer(bounds), pa.py_buffer(data), valid
    return pa.LargeStringArray.from_buffers(len(like), *buffers, like.null_count)


@kernel
def _hash_lines(data, offsets, min_letters, hashes, begins, firsts):
    """Hash every line; returns how many there are."""
    n = 0
    for d in range(len(offsets) - 1):
        firsts[d] = n
        i, end = offsets[d], offsets[d + 1]
        while i < end:
            begins[n] = i
            state, letters = _SEED, 0
            while i < end and data[i] != _NEWLINE:
                byte = data[i]
                if 65 <= byte <= 90:
                    byte += 32
                is_letter = 97 <= byte <= 122 or byte >= 128
                if is_letter or 48 <= byte <= 57:
                    state = (state ^ np.uint64(byte)) * _PRIME
                    letters += is_letter
                i += 1
            i += 1
            state = (state ^ (state >> _U32)) * GOLDEN
            state ^= state >> _U29
            hashes[n] = max(state, np.uint64(1)) if letters >= min_letters else np.uint64(0)
            n += 1
    firsts[len(offsets) - 1] = n
    return n


@kernel
def _remove_lines(data, offsets, begins, firsts, reason, most_share, cleaned, bounds, counts):
    """Copy the lines that stay; blank ones at the ends and beside others, where lines went, go too."""
    n = 0
    for d in range(len(offsets) - 1):
        end, lost = offsets[d + 1], 0
        for line in range(firsts[d], firsts[d + 1]):
            stop = begins[line + 1] if line + 1 < firsts[d + 1] else end
            if reason[line]:
                lost += stop - begins[line]
        start, went = n, False
        keeps_all = lost == 0 or lost > most_share * (end - offsets[d])
        was_blank = True
        for line in range(firsts[d], firsts[d + 1]):
            begin = begins[line]
            stop = begins[line + 1] if line + 1 < firsts[d + 1] else end
            if not keeps_all:
                if reason[line]:
                    counts[reason[line] - 1, d] += 1
                    went = True
                    continue
                is_blank = stop - begin <= 1 and data[begin] == _NEWLINE
                if is_blank and was_blank and (went or n == start):
                    continue
                was_blank = is_blank
                went = went and is_blank
            for k in range(begin, stop):
                cleaned[n] = data[k]
                n += 1
        if not keeps_all:
            while n > start and cleaned[n - 1] == _NEWLINE:
                n -= 1
        bounds[d + 1] = n
    return n
