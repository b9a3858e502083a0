# ruff: noqa: ANN001, ANN201, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Which documents share a key, and which are joined by that.

Most keys are seen once. Two bitmaps find those that may be seen twice, and only these are sorted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel


class KeyFilter:
    """Remembers keys approximately: `may_hold` is true for every key added, and for one other in nine."""

    def __init__(self, n_expected: int) -> None:
        """Take a byte of memory for each of `n_expected` keys."""
        self.bits = np.zeros(max(1, (1 << int(8 * n_expected).bit_length()) // 64), np.uint64)

    @classmethod
    def of(cls, filters: Sequence[KeyFilter]) -> KeyFilter:
        """One that remembers what all of these do, which were made for the same number of keys."""
        united = cls(0)
        united.bits = np.bitwise_or.reduce([each.bits for each in filters])
        return united

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Remember the keys."""
        _set_bits(keys, np.uint64(64 * len(self.bits) - 1), self.bits)

    def may_hold(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say of each key whether it may have been added."""
        held = np.empty(len(keys), np.bool_)
        _test_bits(keys, np.uint64(64 * len(self.bits) - 1), self.bits, held)
        return held


def find_shared(
    keys: NDArray[np.uint64], documents: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """(bucket starts, members) of the keys that two documents or more share.

    Members are the documents of bucket 0, then of bucket 1, and so on, ascending within a bucket.
    """
    keys, documents = _drop_lone_keys(keys, documents)
    order = np.lexsort((documents, keys))
    keys, documents = keys[order], documents[order]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])) if len(keys) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(begins, len(keys)))
    members = documents[np.repeat(sizes > 1, sizes)]
    return np.append(0, np.cumsum(sizes[sizes > 1])).astype(np.int64), members


def _drop_lone_keys(
    keys: NDArray[np.uint64], documents: NDArray[np.uint32]
) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    n_bits = max(64, 1 << int(8 * len(keys)).bit_length())
    once, twice = np.zeros(n_bits // 64, np.uint64), np.zeros(n_bits // 64, np.uint64)
    kept_keys, kept_documents = np.empty_like(keys), np.empty_like(documents)
    n = _copy_repeated(keys, documents, np.uint64(n_bits - 1), once, twice, kept_keys, kept_documents)
    return kept_keys[:n].copy(), kept_documents[:n].copy()


@kernel
def _set_bits(keys, mask, bits):
    for key in keys:
        bit = ((key * GOLDEN) >> np.uint64(20)) & mask
        bits[np.int64(bit >> np.uint64(6))] |= np.uint64(1) << (bit & np.uint64(63))


@kernel
def _test_bits(keys, mask, bits, held):
    for i in range(len(keys)):
        bit = ((keys[i] * GOLDEN) >> np.uint64(20)) & mask
        held[i] = bits[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63)) & np.uint64(1)


@kernel
def _copy_repeated(keys, documents, mask, once, twice, kept_keys, kept_documents):
    """Copy the pairs whose key's bit is set twice: all shared keys and about one lone key in nine."""
    for key in keys:
        bit = ((key * GOLDEN) >> np.uint64(20)) & mask
        word, flag = np.int64(bit >> np.uint64(6)), np.uint64(1) << (bit & np.uint64(63))
        twice[word] |= once[word] & flag
        once[word] |= flag
    n = 0
    for i in range(len(keys)):
        bit = ((keys[i] * GOLDEN) >> np.uint64(20)) & mask
        if twice[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63)) & np.uint64(1):
            kept_keys[n], kept_documents[n] = keys[i], documents[i]
            n += 1
    return n


@kernel
def _find_root(parents, document):
    while parents[document] != document:
        parents[document] = parents[parents[document]]
        document = np.int64(parents[document])
    return document


@kernel
def join_buckets(parents, bucket_starts, members):
    """Join the documents of each bucket in a union-find forest; the smallest document is the root."""
    for bucket in range(len(bucket_starts) - 1):
        begin, end = bucket_starts[bucket], bucket_starts[bucket + 1]
        root = _find_root(parents, np.int64(members[begin]))
        for i in range(begin + 1, end):
            other = _find_root(parents, np.int64(members[i]))
            if other < root:
                root, other = other, root
            parents[other] = root


@kernel
def find_roots(parents, documents, roots):
    """Fill roots with the root of each document."""
    for i in range(len(documents)):
        roots[i] = _find_root(parents, np.int64(documents[i]))
