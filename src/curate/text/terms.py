# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""Lists of words and phrases, looked for among the hashed words of documents: adult terms, stop words.

A term is one or more words as `curate.text.words` divides them, so that `l'eau` is two and each Han character is one. Terms
are compared folded (`curate.text.normalise.comparable`). At every word the longest term that begins there counts, also within
another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.normalise import comparable
from curate.text.words import Words, hash_words

_MOST_WORDS = 8
"""Words of a term."""


class Terms:
    """Terms in classes."""

    def __init__(self, classes: Sequence[Sequence[str]]) -> None:
        """Take one list of terms for each class; a term belongs to one class.

        Raises:
            ValueError: a term has no word, or more than eight.
        """
        terms = [term for each in classes for term in each]
        self.n_terms, self.n_classes = len(terms), len(classes)
        self._classes = np.repeat(np.arange(len(classes)), [len(each) for each in classes])
        n_slots = 1 << (4 * len(terms) + 2).bit_length()
        self._firsts, self._keys = np.zeros(n_slots, np.uint64), np.zeros(n_slots, np.uint64)
        self._numbers = np.zeros(n_slots, np.int64)
        words = hash_words(comparable(pa.array(terms, pa.string())))
        for number, term in enumerate(terms):
            hashes = words.hashes[words.offsets[number] : words.offsets[number + 1]]
            if not 1 <= len(hashes) <= _MOST_WORDS:
                raise ValueError(f"The term '{term}' has {len(hashes)} words, not 1 to {_MOST_WORDS}.")
            key = np.uint64(0)
            with np.errstate(over="ignore"):
                for each in hashes:
                    key = key * GOLDEN + each
            _put(self._firsts, hashes[0])
            self._numbers[_put(self._keys, key)] = number

    def count(self, words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Count terms in N documents.

        Returns:
            How many of each class, and how many different ones: int64 (N, n_classes); and the number of the first term of the
            first class, -1 where there is none: int64 (N,).

        >>> terms = Terms([["open sea", "sea"], ["land"]])
        >>> n, n_distinct, first = terms.count(hash_words(pa.array(["The open sea, the sea and the land by the sea."])))
        >>> n.tolist(), n_distinct.tolist(), first.tolist()
        ([[4, 1]], [[2, 1]], [0])
        """
        n_documents = len(words.offsets) - 1
        n, n_distinct = np.zeros((2, n_documents, self.n_classes), np.int64)
        first = np.full(n_documents, -1, np.int64)
        seen = np.full(self.n_terms, -1, np.int64)
        _count_terms(
            words.hashes, words.offsets, self._firsts, self._keys, self._numbers, self._classes, seen, n, n_distinct, first
        )  # fmt: skip
        return n, n_distinct, first


def _put(table: NDArray[np.uint64], key: np.uint64) -> int:
    slot = int(key) & (len(table) - 1)
    while table[slot] not in (0, key):
        slot = (slot + 1) & (len(table) - 1)
    table[slot] = key
    return slot


@kernel
def _find(table, key):
    slot = np.int64(key & np.uint64(len(table) - 1))
    while table[slot] != 0:
        if table[slot] == key:
            return slot
        slot = (slot + 1) & (len(table) - 1)
    return -1


@kernel
def _count_terms(hashes, offsets, firsts, keys, numbers, classes, seen, n, n_distinct, first):
    for document in range(len(offsets) - 1):
        end = offsets[document + 1]
        for i in range(offsets[document], end):
            if _find(firsts, hashes[i]) < 0:
                continue
            key = np.uint64(0)
            found = -1  # the longest term that begins here
            for j in range(i, min(end, i + _MOST_WORDS)):
                key = key * GOLDEN + hashes[j]
                slot = _find(keys, key)
                if slot >= 0:
                    found = numbers[slot]
            if found < 0:
                continue
            kind = classes[found]
            n[document, kind] += 1
            if seen[found] != document:
                seen[found] = document
                n_distinct[document, kind] += 1
            if kind == 0 and first[document] < 0:
                first[document] = found
