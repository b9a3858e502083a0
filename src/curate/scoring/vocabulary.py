# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""Word hashes to small numbers: an open-addressing table of a vocabulary, and the hashing trick.

A vocabulary is known by its words' hashes alone (`curate.text.words`), so neither fitting nor scoring needs
the words themselves. A word that is not in it has the number -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.text.kernel import kernel
from curate.text.words import Words

_EMPTY = np.int32(-1)
_MOST_STEPS = 32  # a word, on average
_SLOT_SHIFT = np.uint64(20)
_MIX_PAIR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio
_MIX_FINISH = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """A table from word hash to number.

    Attributes:
        hashes: uint64 (n_words,), all different; word `i` has the hash `hashes[i]`.
        slots: int32 (a power of two at least twice n_words,); the number in each slot, -1 where empty.
    """

    hashes: NDArray[np.uint64]
    slots: NDArray[np.int32]

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], idf: NDArray[np.float32] | None = None) -> Vocabulary:
        """Build the table of `hashes` (n_words,); each is the number of its place.

        Where the words' `idf` (n_words,) is known, common ones are placed first: these are then found where they are looked
        for, nearly always, so that a processor foresees it.
        """
        n_slots = 1 << max(4, int(2 * len(hashes) - 1).bit_length())
        hashes = np.ascontiguousarray(hashes, np.uint64)
        order = np.arange(len(hashes)) if idf is None else np.argsort(idf, kind="stable")
        return cls(hashes, _fill_slots(hashes, order.astype(np.int32), n_slots))

    def __len__(self) -> int:
        return len(self.hashes)

    def find(self, words: Words) -> NDArray[np.int32]:
        """The number of every word as int32 (n_words,), -1 where it is not in the vocabulary."""
        numbers = np.empty(len(words.hashes), np.int32)
        if len(self.hashes) == 0:
            numbers[:] = _EMPTY
        else:
            _find_words(words.hashes, self.hashes, self.slots, numbers)
        return numbers


def _fill_slots(hashes: NDArray[np.uint64], order: NDArray[np.int32], n_slots: int) -> NDArray[np.int32]:
    """Place every word in the first free slot from its own on; of those that want the same, the first in `order` (n_words,).

    In numpy, all words a step at a time: loading a classifier should not have to wait for numba to start. Hashes of
    words need about 2 steps a word in all; those that somebody chose to share a slot would need n_words / 2 each.

    Raises:
        SettingError: the hashes share their slots as those of words do not.
    """
    n_steps_left = _MOST_STEPS * len(hashes) + _MOST_STEPS
    slots = np.full(n_slots, _EMPTY, np.int32)
    waiting = order
    wanted = (hashes[order] >> _SLOT_SHIFT).astype(np.int64) & (n_slots - 1)
    while len(waiting):
        n_steps_left -= len(waiting)
        if n_steps_left < 0:
            raise SettingError("The vocabulary is damaged: its hashes are not those of words.")
        free = np.flatnonzero(slots[wanted] == _EMPTY)
        _, first = np.unique(wanted[free], return_index=True)
        placed = free[first]
        slots[wanted[placed]] = waiting[placed]
        left = np.ones(len(waiting), np.bool_)
        left[placed] = False
        waiting, wanted = waiting[left], (wanted[left] + 1) & (n_slots - 1)
    return slots


@kernel
def _find_words(words, hashes, slots, numbers):
    mask = len(slots) - 1
    for i in range(len(words)):
        word = words[i]
        slot = np.int64(word >> _SLOT_SHIFT) & mask
        found = slots[slot]
        while found >= 0 and hashes[found] != word:
            slot = (slot + 1) & mask
            found = slots[slot]
        numbers[i] = found


def hash_ngrams(words: Words, n_buckets: int, *, pairs: bool) -> Words:
    """Hash every word, and every pair of neighbours if asked, to a bucket (the hashing trick).

    The buckets of pairs stand behind the pair's second word, so that a document's first words have
    the same buckets whatever follows.

    Args:
        words: the words of N documents.
        n_buckets: a power of two.
        pairs: whether neighbours are hashed too.

    Returns:
        Buckets in place of hashes, with the offsets they have then.
    """
    if not pairs:
        return Words(words.hashes & np.uint64(n_buckets - 1), words.offsets)
    n_documents = len(words.offsets) - 1
    lengths = np.diff(words.offsets)
    offsets = np.zeros(n_documents + 1, np.int64)
    np.cumsum(np.maximum(2 * lengths - 1, 0), out=offsets[1:])
    buckets = np.empty(int(offsets[-1]), np.uint64)
    _hash_pairs(words.hashes, words.offsets, np.uint64(n_buckets - 1), buckets, offsets)
    return Words(buckets, offsets)


@kernel
def _hash_pairs(words, offsets, mask, buckets, bucket_offsets):
    for document in range(len(offsets) - 1):
        fill = bucket_offsets[document]
        for i in range(offsets[document], offsets[document + 1]):
            buckets[fill] = words[i] & mask
            fill += 1
            if i > offsets[document]:
                mixed = (words[i - 1] * _MIX_PAIR) ^ words[i]
                mixed = (mixed ^ (mixed >> np.uint64(29))) * _MIX_FINISH
                buckets[fill] = (mixed ^ (mixed >> np.uint64(32))) & mask
                fill += 1
