"""Reads a quantised, supervised fastText model (.ftz) into plain arrays.

The layout is that of fastText's own files, version 12 (facebookresearch/fastText, src/fasttext.cc,
dictionary.cc, quantmatrix.cc, productquantizer.cc). Only what lid.176.ftz uses is read: a quantised input
matrix with quantised norms, a dense output matrix, hierarchical softmax, pruned character n-grams.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.errors import RunError

_MAGIC = 793_712_314
_N_CENTROIDS = 256  # per sub-quantiser
_HIERARCHICAL_SOFTMAX = 1
_SUPERVISED = 3


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model as arrays.

    Attributes:
        words: the dictionary's words as bytes, without labels.
        labels: ISO codes, in the order of the model.
        label_counts: int64 (n_labels,), from which the tree of the softmax follows.
        vectors: float32 (n_words + n_ngrams, n_dimensions), the input matrix, no longer quantised.
        ngram_rows: int32 (n_buckets,): row of a character n-gram's hash in `vectors`, -1 where pruned.
        output: float32 (n_labels, n_dimensions): one row for each inner node of the tree; the last is unused.
        min_chars, max_chars: length of character n-grams.
    """

    words: list[bytes]
    labels: list[str]
    label_counts: NDArray[np.int64]
    vectors: NDArray[np.float32]
    ngram_rows: NDArray[np.int32]
    output: NDArray[np.float32]
    min_chars: int
    max_chars: int


def read_model(path: Path) -> ModelFile:
    """Read the model file at `path`; one of another kind is a `RunError`."""
    data = _Reader(path.read_bytes())
    magic, _version = data.take("ii")
    arguments = data.take("12i")
    data.take("d")
    n_dimensions, loss, kind, n_buckets, min_chars, max_chars = (arguments[i] for i in (0, 6, 7, 8, 9, 10))
    word_ngrams = arguments[5]
    if (magic, loss, kind, word_ngrams) != (_MAGIC, _HIERARCHICAL_SOFTMAX, _SUPERVISED, 1):
        raise RunError(f"{path} is no fastText model of the kind of lid.176.ftz.")
    words, labels, counts, pruned = _read_dictionary(data)
    ngram_rows = np.full(n_buckets, -1, np.int32)
    ngram_rows[pruned[:, 0]] = pruned[:, 1] + len(words)
    (is_quantised,) = data.take("?")
    if not is_quantised:
        raise RunError(f"{path} is not quantised; use lid.176.ftz.")
    vectors = _read_quantised(data)
    (output_is_quantised,) = data.take("?")
    n_rows, n_columns = data.take("qq")
    if output_is_quantised or n_columns != n_dimensions:
        raise RunError(f"{path} has a quantised output; use lid.176.ftz.")
    output = data.array(np.float32, n_rows * n_columns).reshape(n_rows, n_columns)
    return ModelFile(words, labels, counts, vectors, ngram_rows, output, min_chars, max_chars)


class _Reader:
    """Little-endian fields, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, fields: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{fields}", self._data, self._at)
        self._at += struct.calcsize(f"<{fields}")
        return values

    def array(self, kind: type[np.generic], n: int) -> NDArray:
        values = np.frombuffer(self._data, kind, n, self._at)
        self._at += values.nbytes
        return values

    def text(self) -> bytes:
        end = self._data.index(b"\0", self._at)
        text, self._at = self._data[self._at : end], end + 1
        return text


def _read_dictionary(data: _Reader) -> tuple[list[bytes], list[str], NDArray[np.int64], NDArray[np.int32]]:
    n_entries, _n_words, _n_labels = data.take("iii")
    _n_tokens, n_pruned = data.take("qq")
    words: list[bytes] = []
    labels: list[str] = []
    counts: list[int] = []
    for _ in range(n_entries):
        text = data.text()
        count, is_label = data.take("qb")
        if is_label:
            labels.append(text.decode().removeprefix("__label__"))
            counts.append(count)
        else:
            words.append(text)
    pruned = data.array(np.int32, 2 * n_pruned).reshape(n_pruned, 2)
    return words, labels, np.array(counts, np.int64), pruned


def _read_quantised(data: _Reader) -> NDArray[np.float32]:
    """A product-quantised matrix: each row is a choice of centroids, times a quantised norm."""
    (has_norms,) = data.take("?")
    n_rows, n_columns = data.take("qq")
    (n_codes,) = data.take("i")
    codes = data.array(np.uint8, n_codes).reshape(n_rows, -1)
    rows = _read_centroids(data, codes, n_columns)
    if has_norms:
        norm_codes = data.array(np.uint8, n_rows).reshape(n_rows, 1)
        rows *= _read_centroids(data, norm_codes, 1)
    return rows


def _read_centroids(data: _Reader, codes: NDArray[np.uint8], n_columns: int) -> NDArray[np.float32]:
    n_dimensions, n_parts, part_size, last_size = data.take("iiii")
    flat = data.array(np.float32, n_dimensions * _N_CENTROIDS)
    rows = np.empty((len(codes), n_columns), np.float32)
    for part in range(n_parts):
        size = last_size if part == n_parts - 1 else part_size
        first = part * _N_CENTROIDS * part_size
        centroids = flat[first : first + _N_CENTROIDS * size].reshape(_N_CENTROIDS, size)
        rows[:, part * part_size : part * part_size + size] = centroids[codes[:, part]]
    return rows
