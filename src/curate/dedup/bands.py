# ruff: noqa: ANN001, ANN201, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Which documents share a key: keys spread over partitions by their top bits, one partition at a time.

Most keys are seen once. Two bitmaps of a partition find those that may be seen twice, and only these are
sorted. Partitions stay in memory until a budget is spent, then go to files of a scratch folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel

_KEYS_PER_PARTITION = 1 << 21
_MAX_PARTITIONS = 512
_BYTES_PER_KEY = 12
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class KeySpool:
    """Collects (key, document) pairs and gives them back a partition of the key space at a time."""

    def __init__(self, folder: Path, name: str, n_expected: int, buffer_bytes: int) -> None:
        """Plan partitions for `n_expected` pairs, of which about `buffer_bytes` may wait in memory."""
        wanted = max(1, n_expected // _KEYS_PER_PARTITION)
        self.n_partitions = min(_MAX_PARTITIONS, 1 << (wanted - 1).bit_length())
        self._shift = np.uint64(64 - (self.n_partitions - 1).bit_length())
        self._folder, self._name, self._buffer_bytes = folder, name, buffer_bytes
        self._waiting: list[list[tuple[NDArray[np.uint64], NDArray[np.uint32]]]] = [
            [] for _ in range(self.n_partitions)
        ]
        self._n_waiting_bytes = 0
        self._n_files = 0

    def add(self, keys: NDArray[np.uint64], documents: NDArray[np.uint32]) -> None:
        """Add pairs; both arrays have shape (n,)."""
        if self.n_partitions > 1:
            starts = np.zeros(self.n_partitions + 1, np.int64)
            keys, documents = _spread(keys, documents, self._shift, starts)
            for partition, waiting in enumerate(self._waiting):
                begin, end = starts[partition], starts[partition + 1]
                if begin < end:
                    waiting.append((keys[begin:end], documents[begin:end]))
        else:
            self._waiting[0].append((keys, documents))
        self._n_waiting_bytes += len(keys) * _BYTES_PER_KEY
        if self._n_waiting_bytes > self._buffer_bytes:
            self._write_waiting()

    def partitions(self) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
        """Yield every partition's pairs, in the order in which they were added, and forget them."""
        for partition, waiting in enumerate(self._waiting):
            parts = [_read_pairs(path) for path in self._paths(partition)] + waiting
            self._waiting[partition] = []
            if parts:
                yield np.concatenate([keys for keys, _ in parts]), np.concatenate([some for _, some in parts])
            for path in self._paths(partition):
                os.unlink(path)

    def _write_waiting(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for partition, waiting in enumerate(self._waiting):
            path = self._folder / f"{self._name}-{partition:03d}-{self._n_files:04d}.bin"
            with open(path, "wb") as file:
                file.write(np.int64(sum(len(keys) for keys, _ in waiting)).tobytes())
                file.writelines(keys.tobytes() for keys, _ in waiting)
                file.writelines(documents.tobytes() for _, documents in waiting)
            waiting.clear()
        self._n_files += 1
        self._n_waiting_bytes = 0

    def _paths(self, partition: int) -> list[Path]:
        return [self._folder / f"{self._name}-{partition:03d}-{n:04d}.bin" for n in range(self._n_files)]


def _read_pairs(path: Path) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    raw = np.fromfile(path, np.uint8)
    n = int(raw[:8].view(np.int64)[0])
    return raw[8 : 8 + 8 * n].view(np.uint64), raw[8 + 8 * n :].view(np.uint32)


class KeyFilter:
    """Remembers keys approximately: `may_hold` is true for every key added, and for one other in nine."""

    def __init__(self, n_expected: int) -> None:
        """Take a byte of memory for each of `n_expected` keys."""
        self._bits = np.zeros(max(1, (1 << int(8 * n_expected).bit_length()) // 64), np.uint64)

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Remember the keys."""
        _set_bits(keys, np.uint64(64 * len(self._bits) - 1), self._bits)

    def may_hold(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Say of each key whether it may have been added."""
        held = np.empty(len(keys), np.bool_)
        _test_bits(keys, np.uint64(64 * len(self._bits) - 1), self._bits, held)
        return held


def find_shared(
    keys: NDArray[np.uint64], documents: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Give (bucket starts, members) of the keys that two documents or more share.

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
        bit = ((key * _GOLDEN) >> np.uint64(20)) & mask
        bits[np.int64(bit >> np.uint64(6))] |= np.uint64(1) << (bit & np.uint64(63))


@kernel
def _test_bits(keys, mask, bits, held):
    for i in range(len(keys)):
        bit = ((keys[i] * _GOLDEN) >> np.uint64(20)) & mask
        held[i] = bits[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63)) & np.uint64(1)


@kernel
def _copy_repeated(keys, documents, mask, once, twice, kept_keys, kept_documents):
    """Copy the pairs whose key's bit is set twice: all shared keys and about one lone key in nine."""
    for key in keys:
        bit = ((key * _GOLDEN) >> np.uint64(20)) & mask
        word, flag = np.int64(bit >> np.uint64(6)), np.uint64(1) << (bit & np.uint64(63))
        twice[word] |= once[word] & flag
        once[word] |= flag
    n = 0
    for i in range(len(keys)):
        bit = ((keys[i] * _GOLDEN) >> np.uint64(20)) & mask
        if twice[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63)) & np.uint64(1):
            kept_keys[n], kept_documents[n] = keys[i], documents[i]
            n += 1
    return n


@kernel
def _spread(keys, documents, shift, starts):
    """Reorder the pairs by partition, keeping their order within one; fills starts (n_partitions + 1)."""
    for key in keys:
        starts[np.int64(key >> shift) + 1] += 1
    for partition in range(1, len(starts)):
        starts[partition] += starts[partition - 1]
    fill = starts[:-1].copy()
    spread_keys, spread_documents = np.empty_like(keys), np.empty_like(documents)
    for i in range(len(keys)):
        partition = np.int64(keys[i] >> shift)
        at = fill[partition]
        spread_keys[at], spread_documents[at] = keys[i], documents[i]
        fill[partition] = at + 1
    return spread_keys, spread_documents


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
