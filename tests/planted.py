"""Texts with planted near-duplicates, and the truth about them by brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from curate.dedup.minhash import shingle_sets


def plant_texts(n: int, seed: int = 0, *, n_words: int = 80, vocabulary: int = 3000) -> list[str]:
    """Generate texts, about a third of which are edited copies of others."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlu"))
    words = np.array(
        ["".join(rng.choice(letters, rng.integers(2, 9))) + str(i % 7) for i in range(vocabulary)]
    )
    texts = [
        rng.integers(0, vocabulary, max(1, int(rng.normal(n_words, n_words / 3)))) for _ in range(2 * n // 3)
    ]
    originals = len(texts)
    while len(texts) < n:
        copy = texts[rng.integers(originals)].copy()
        hit = rng.random(len(copy)) < rng.choice([0, 0.005, 0.01, 0.02, 0.03, 0.05])
        copy[hit] = rng.integers(0, vocabulary, hit.sum())
        texts.append(copy[: len(copy) - rng.integers(0, 4)] if len(copy) > 8 else copy)
    return [" ".join(words[texts[i]]) for i in rng.permutation(n)]


def exact_sets(texts, width: int = 5) -> list[set[int]]:
    sets, offsets = shingle_sets(texts, width)
    return [set(sets[a:b].tolist()) for a, b in pairwise(offsets.tolist())]


def similarity(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def similar_pairs(sets: list[set[int]], jaccard: float) -> set[tuple[int, int]]:
    """All pairs at or above the threshold."""
    holders: dict[int, list[int]] = {}
    pairs: set[tuple[int, int]] = set()
    for i, shingles in enumerate(sets):
        near = {j for shingle in shingles for j in holders.get(shingle, ())}
        pairs |= {(j, i) for j in near if similarity(sets[j], shingles) >= jaccard}
        for shingle in shingles:
            holders.setdefault(shingle, []).append(i)
    return pairs
