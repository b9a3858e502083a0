# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""Bags of words and pairs: the plain mean of their vectors, as fastText's supervised model has it.

(Joulin, Grave, Bojanowski, Mikolov: Bag of Tricks for Efficient Text Classification, 2017.) Every known word or
pair counts as often as it occurs; unknown ones do not count; the end of the document counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curate.scoring.vocabulary import hash_ngrams
from curate.text.kernel import kernel
from curate.text.words import Words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_WIDEST = 1 << 62  # hashes of words and pairs are kept nearly whole: a vocabulary tells them apart


def bag_of(words: Words) -> Words:
    """Hash every word and every pair of neighbours."""
    return hash_ngrams(words, _WIDEST, pairs=True)


def bag_rows(numbers: NDArray[np.int32], offsets: NDArray[np.int64], n_columns: int) -> csr_matrix:
    """The matrix (N, n_columns) whose product with vectors is their mean.

    Args:
        numbers: int32 (n_words,), below `n_columns - 1`, -1 where unknown.
        offsets: int64 (N + 1,).
        n_columns: the last one is the end of the document.
    """
    from scipy.sparse import csr_matrix  # 150 ms, and only fitting asks for it

    n_documents = len(offsets) - 1
    known = numbers >= 0
    document = np.repeat(np.arange(n_documents), np.diff(offsets))[known]
    rows = np.append(document, np.arange(n_documents))
    columns = np.append(numbers[known].astype(np.int64), np.full(n_documents, n_columns - 1))
    sizes = np.bincount(rows, minlength=n_documents)
    matrix = csr_matrix(
        (1.0 / sizes[rows], (rows, columns)), shape=(n_documents, n_columns), dtype=np.float64
    )
    matrix.sum_duplicates()
    return matrix


def bag_means(
    numbers: NDArray[np.int32], offsets: NDArray[np.int64], vectors: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The mean of each document's vectors.

    Args:
        numbers: as of `bag_rows`.
        offsets: int64 (N + 1,).
        vectors: float32 (n_columns, n_dimensions), the last one of the end of the document.

    Returns:
        float32 (N, n_dimensions).
    """
    means = np.empty((len(offsets) - 1, vectors.shape[1]), np.float32)
    _fill_means(numbers, offsets, vectors, means)
    return means


@kernel
def _fill_means(numbers, offsets, vectors, means):
    n_dimensions = vectors.shape[1]
    end = len(vectors) - 1
    for document in range(len(offsets) - 1):
        n = 0
        means[document] = 0
        for i in range(offsets[document], offsets[document + 1]):
            number = numbers[i]
            if number >= 0:
                n += 1
                for j in range(n_dimensions):
                    means[document, j] += vectors[number, j]
        for j in range(n_dimensions):
            means[document, j] = (means[document, j] + vectors[end, j]) / np.float32(n + 1)
