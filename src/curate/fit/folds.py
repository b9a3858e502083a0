"""Folds for cross-fitting, drawn so that near-duplicates and pages of one site stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.scoring.texts import take_window
from curate.text.words import hash_words

_SHINGLE_WORDS = 5
_SKETCH = 16
_SHARED = 2
_MOST_MET = 50


def group_pages(texts: pa.Array, sites: Sequence[str]) -> NDArray[np.int64]:
    """Number the groups of pages that may not be parted between fitting and testing.

    Two pages are of one group when their site is the same, when their words are, or when at least 2 of the 16
    smallest hashes of their five-word shingles are (all, where a page has fewer): a coarse sketch that errs
    on the side of holding pages together.

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
    for i, j in _near_pairs(texts):
        join(i, j)
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(find(i), len(numbers)) for i in range(len(texts))], np.int64)


def _near_pairs(texts: pa.Array) -> list[tuple[int, int]]:
    words = hash_words(take_window(texts, 1 << 16))
    first_of: dict[bytes, int] = {}
    pages_of: dict[int, list[int]] = defaultdict(list)
    sizes: list[int] = []
    pairs: list[tuple[int, int]] = []
    for i in range(len(texts)):
        page = words.hashes[words.offsets[i] : words.offsets[i + 1]]
        same = first_of.setdefault(page.tobytes(), i)
        sketch = _sketch(page)
        sizes.append(len(sketch))
        if same < i:
            pairs.append((same, i))
            continue
        for key in sketch.tolist():
            pages_of[key].append(i)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for pages in pages_of.values():
        # Of a shingle that very many pages hold, each page meets the first few only: they stand for all.
        for at, page in enumerate(pages):
            for other in pages[: min(at, _MOST_MET)]:
                shared[other, page] += 1
    pairs.extend(pair for pair, n in shared.items() if n >= min(_SHARED, *(sizes[page] for page in pair)))
    return pairs


def _sketch(page: NDArray[np.uint64]) -> NDArray[np.uint64]:
    n = len(page) - _SHINGLE_WORDS + 1
    if n < 1:
        return np.zeros(0, np.uint64)
    shingles = np.zeros(n, np.uint64)
    for k in range(_SHINGLE_WORDS):
        shingles = (shingles ^ page[k : k + n]) * np.uint64(0x9E3779B97F4A7C15)
        shingles ^= shingles >> np.uint64(31)
    return np.unique(shingles)[:_SKETCH]


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
