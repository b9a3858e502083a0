"""Folds for cross-fitting, drawn so that near-duplicates and pages of one site stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.scoring.texts import take_window
from curate.text.hashing import GOLDEN
from curate.text.words import hash_words, view_utf8

_SHINGLE_WORDS = 5
# Where a word is a character, as in Chinese and Japanese, ten of them are about as much text as five words.
_SHINGLE_CHARACTERS, _CHARACTER_BYTES = 10, 4.0
_SKETCH, _SAMPLE = 64, 256
_MOST_MET = 50
# A shingle in more pages than these, and than this share of them, is a menu or a banner.
_COMMON_PAGES, _COMMON_SHARE = 20, 0.01
# Of pages that share what many pages hold, half has to be the same, else a banner would join them.
_OVERLAP_WITH_COMMON = 0.5

Hashes = NDArray[np.uint64]
_LAST_HASH = np.uint64(2**64 - 1)


def group_pages(texts: pa.Array, sites: Sequence[str], overlap: float = 0.25) -> NDArray[np.int64]:
    """Number the groups of pages that may not be parted between fitting and testing.

    Two pages are of one group when their site is the same, when their words are, or when they share `overlap` of
    their shingles or more (Jaccard similarity, as in deduplication, estimated from the 64 smallest hashes). A shingle
    is five words in a row, or ten characters where words are characters. What more than 20 pages and a hundredth of
    all hold, such as a menu, does not count, unless it makes up half of both pages.

    Args:
        texts: (N,).
        sites: (N,), "" where unknown.
        overlap: above 1, only pages of equal words are held together.

    Returns:
        int64 (N,), numbered by first appearance.
    """
    parent = list(range(len(texts)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(i: int, j: int) -> None:
        parent[max(find(i), find(j))] = min(find(i), find(j))

    first_of_site: dict[str, int] = {}
    for i, site in enumerate(sites):
        if site:
            join(i, first_of_site.setdefault(site, i))
    for i, j in _near_pairs(texts, overlap):
        join(i, j)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(find(i), len(numbers)) for i in range(len(texts))], np.int64)


def _near_pairs(texts: pa.Array, overlap: float) -> list[tuple[int, int]]:
    window = take_window(texts, 1 << 16)
    words = hash_words(window)
    lengths = np.diff(view_utf8(window)[1])
    by_character = np.diff(words.offsets) * _CHARACTER_BYTES > lengths
    first_of: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    samples: list[Hashes] = []
    for i in range(len(texts)):
        page = words.hashes[words.offsets[i] : words.offsets[i + 1]]
        same = first_of.setdefault(page.tobytes(), i)
        if same < i:
            pairs.append((same, i))
            samples.append(np.zeros(0, np.uint64))
        else:
            n_words = _SHINGLE_CHARACTERS if by_character[i] else _SHINGLE_WORDS
            samples.append(_shingles(page, n_words)[:_SAMPLE])
    if overlap > 1:
        return pairs
    pairs += _similar(
        samples, [_reach(sample, _SAMPLE) for sample in samples], max(overlap, _OVERLAP_WITH_COMMON)
    )
    found, n_pages = (
        np.unique(np.concatenate(samples), return_counts=True) if samples else (np.zeros(0), np.zeros(0))
    )
    common = found[n_pages > max(_COMMON_PAGES, _COMMON_SHARE * len(texts))]
    rare = [sample[~np.isin(sample, common, assume_unique=True)] for sample in samples]
    return pairs + _similar(rare, [_reach(sample, _SAMPLE) for sample in samples], overlap)


def _reach(sample: Hashes, size: int) -> np.uint64:
    """Up to which hash all shingles of the page are in the sample: to the end where the page has no more."""
    return sample[-1] if len(sample) == size else _LAST_HASH


def _similar(samples: list[Hashes], reaches: list[np.uint64], overlap: float) -> list[tuple[int, int]]:
    """Find pairs whose estimated Jaccard similarity is `overlap` or more, each page against the first it meets."""
    sketches = [sample[:_SKETCH] for sample in samples]
    reaches = [
        min(sketch[-1], reach) if len(sketch) == _SKETCH else reach
        for sketch, reach in zip(sketches, reaches, strict=True)
    ]
    pages_of: dict[int, list[int]] = defaultdict(list)
    for i, sketch in enumerate(sketches):
        for key in sketch.tolist():
            pages_of[key].append(i)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for pages in pages_of.values():
        # Of a shingle that very many pages hold, each page meets the first few only: they stand for all.
        for at, page in enumerate(pages):
            for other in pages[: min(at, _MOST_MET)]:
                shared[other, page] += 1
    found: list[tuple[int, int]] = []
    for (i, j), n in shared.items():
        # Hashes up to the smaller reach are known of both pages, so that the share among them is that of the pages.
        reach = min(reaches[i], reaches[j])
        n_either = int(
            np.searchsorted(sketches[i], reach, side="right")
            + np.searchsorted(sketches[j], reach, side="right")
        )
        if n >= overlap * (n_either - n):
            found.append((i, j))
    return found


def _shingles(page: Hashes, n_words: int) -> Hashes:
    n = len(page) - n_words + 1
    if n < 1:
        return np.zeros(0, np.uint64)
    shingles = np.zeros(n, np.uint64)
    for k in range(n_words):
        shingles = (shingles ^ page[k : k + n]) * GOLDEN
        shingles ^= shingles >> np.uint64(31)
    return np.unique(shingles)


def draw_folds(
    groups: NDArray[np.int64],
    levels: NDArray[np.float64],
    n_folds: int,
    seed: int,
    domains: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    """Draw a fold for every page: groups stay whole, and levels are spread evenly within each domain.

    Groups are taken in random order, larger ones first, and each goes to the fold that has the fewest pages
    of its domain and highest level so far, then the fewest of its domain, then the fewest pages. The domain of a
    group is that of its first page: so a collection of a few large groups, such as books, is not dealt to one fold.

    Returns:
        int64 (N,) in [0, n_folds).
    """
    rng = np.random.default_rng(seed)
    n_groups = int(groups.max()) + 1
    sizes = np.bincount(groups, minlength=n_groups)
    highest = np.full(n_groups, -np.inf)
    np.maximum.at(highest, groups, levels)
    order = np.lexsort((rng.permutation(n_groups), -highest, -sizes))
    fold_of_group = np.zeros(n_groups, np.int64)
    n_pages = np.zeros(n_folds, np.int64)
    first = np.unique(groups, return_index=True)[1]
    domain_of = [domains[i] for i in first.tolist()] if domains else [""] * n_groups
    n_high: dict[tuple[str, float], NDArray[np.int64]] = {}
    n_of_domain: dict[str, NDArray[np.int64]] = {}
    for group in order:
        domain = domain_of[group]
        counts = n_high.setdefault((domain, float(highest[group])), np.zeros(n_folds, np.int64))
        of_domain = n_of_domain.setdefault(domain, np.zeros(n_folds, np.int64))
        fold = int(np.lexsort((np.arange(n_folds), n_pages, of_domain, counts))[0])
        fold_of_group[group] = fold
        counts[fold] += sizes[group]
        of_domain[fold] += sizes[group]
        n_pages[fold] += sizes[group]
    return fold_of_group[groups]
