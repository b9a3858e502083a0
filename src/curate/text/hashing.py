"""How 64-bit hashes are mixed: splitmix64 (Steele, Lea and Flood, 2014), and hashes of several words in a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2**64 / golden ratio, made odd: multiplied by it, neighbours lie far apart; the increment of splitmix64."""
_MIX_A, _MIX_B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def finish_all(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Let every bit of each number decide over every bit of its result, as splitmix64 ends."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_A
    values = (values ^ (values >> np.uint64(27))) * _MIX_B
    return values ^ (values >> np.uint64(31))


@kernel
def finish(value: np.uint64) -> np.uint64:
    """The same of one number, for kernels."""
    value = (value ^ (value >> np.uint64(30))) * _MIX_A
    value = (value ^ (value >> np.uint64(27))) * _MIX_B
    return value ^ (value >> np.uint64(31))


def hash_runs(hashes: NDArray[np.uint64], n_words: int) -> NDArray[np.uint64]:
    """Hash every `n_words` words in a row, uint64 (n - n_words + 1,); none where there are fewer words.

    >>> hash_runs(np.array([1, 2, 3], np.uint64), 4).tolist()
    []
    """
    runs = np.zeros(max(len(hashes) - n_words + 1, 0), np.uint64)
    for at in range(n_words if len(runs) else 0):
        runs = runs * GOLDEN + hashes[at : at + len(runs)]
    return runs
