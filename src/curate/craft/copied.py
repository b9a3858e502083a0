# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""How much of a passage was copied from its seed: words that stand in common runs of eight and more, and the longest run."""

# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.words import hash_words

RUN_WORDS = 8
"""A run that two texts on one subject seldom share by chance; titles, terms and names are shorter."""


def measure_copied(passages: pa.Array, seeds: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Share of the words of each passage in runs copied from its seed (0 to 1), and the words of its longest run.

    Words are those of `curate.text.words`: case, punctuation and spacing hide nothing.

    >>> share, longest = measure_copied(pa.array(["Now: one two three four FIVE six seven, eight."]),
    ...                                 pa.array(["one two three four five six seven eight nine"]))
    >>> round(float(share[0]), 3), int(longest[0])
    (0.889, 8)
    """
    ours, theirs = hash_words(passages), hash_words(seeds)
    shares, longest = np.zeros(len(passages)), np.zeros(len(passages), np.int64)
    _measure(ours.hashes, ours.offsets, theirs.hashes, theirs.offsets, shares, longest)
    return shares, longest


@kernel
def _measure(ours, our_offsets, theirs, their_offsets, shares, longest):
    """Chain the seed's positions by hash, and follow each run that begins at a word of the passage."""
    for d in range(len(our_offsets) - 1):
        a, b = ours[our_offsets[d] : our_offsets[d + 1]], theirs[their_offsets[d] : their_offsets[d + 1]]
        n_a, n_b = len(a), len(b)
        if n_a == 0 or n_b == 0:
            continue
        size = 16
        while size < 2 * n_b:
            size *= 2
        head = np.full(size, -1, np.int64)
        after = np.full(n_b, -1, np.int64)
        for j in range(n_b - 1, -1, -1):
            slot = np.int64(b[j] & np.uint64(size - 1))
            after[j] = head[slot]
            head[slot] = j
        n_copied = 0
        i = 0
        while i < n_a:
            best = 0
            j = head[np.int64(a[i] & np.uint64(size - 1))]
            while j >= 0:
                k = 0
                while i + k < n_a and j + k < n_b and a[i + k] == b[j + k]:
                    k += 1
                best = max(best, k)
                j = after[j]
            longest[d] = max(longest[d], best)
            if best >= RUN_WORDS:
                n_copied += best
                i += best
            else:
                i += 1
        shares[d] = n_copied / n_a
