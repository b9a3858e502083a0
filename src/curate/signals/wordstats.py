"""What is counted word by word, and the number that stands for each distinct word."""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.signals import layout as at
from curate.signals.classes import ALPHA, FIRST_UPPER, LOWER, NUMBER, UPPER
from curate.signals.utf8 import (
    LOWER_CASE_BITS, MULTIPLIER, SEED, capacity_for, find_or_add, load, mix,
)  # fmt: skip

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Gopher, arXiv 2112.11446, A.1.1
SECOND_PERSON = ("you", "your", "yours", "yourself")
FIRST_PERSON = ("i", "me", "my", "mine", "we", "us", "our", "ours")
IS_SECOND_PERSON = 1 << 8
IS_FIRST_PERSON = 1 << 9
N_SLOTS = 64
N_LOGARITHMS = 4096

_HTTP = np.uint64(int.from_bytes(b"http", "little"))
_WWW = np.uint64(int.from_bytes(b"www.", "little"))
_LOREM = np.uint64(int.from_bytes(b"lorem", "little"))
_IPSUM = np.uint64(int.from_bytes(b"ipsum", "little"))


@cache
def load_function_words() -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A table of short words by their lower-case bytes: keys and kinds, open addressing, 0 where empty."""
    keys, kinds = np.zeros(N_SLOTS, np.uint64), np.zeros(N_SLOTS, np.int64)
    kind_of = {word: 1 << i for i, word in enumerate(STOP_WORDS)}
    kind_of |= dict.fromkeys(SECOND_PERSON, IS_SECOND_PERSON) | dict.fromkeys(FIRST_PERSON, IS_FIRST_PERSON)
    for word, kind in kind_of.items():
        key = int.from_bytes(word.encode(), "little")
        slot = (key * int(MULTIPLIER) & (2**64 - 1)) >> 58
        while keys[slot]:
            slot = (slot + 1) % N_SLOTS
        keys[slot], kinds[slot] = key, kind
    return keys, kinds


@cache
def load_logarithms() -> NDArray[np.float64]:
    """c log2(c) for small c."""
    counts = np.arange(N_LOGARITHMS, dtype=np.float64)
    counts[2:] *= np.log2(counts[2:])
    counts[:2] = 0.0
    return counts


@njit(cache=True, nogil=True, inline="always")
def kind_of_word(key, keys, kinds):
    """The kind of a word of at most eight bytes, 0 when it is none of the listed ones."""
    slot = np.int64((key * MULTIPLIER) >> np.uint64(58))
    while keys[slot]:
        if keys[slot] == key:
            return kinds[slot]
        slot = (slot + 1) & (N_SLOTS - 1)
    return np.int64(0)


@njit(cache=True, nogil=True, inline="always")
def is_lorem_ipsum(data, word_start, word_end, text_end):
    """Whether `lorem ipsum` stands across the end of this word, in any case."""
    if word_end - word_start < 5 or word_end + 6 > text_end or data[word_end] != 32:
        return False
    if load(data, word_end - 5, 5) | (LOWER_CASE_BITS >> np.uint64(24)) != _LOREM:
        return False
    return load(data, word_end + 1, 5) | (LOWER_CASE_BITS >> np.uint64(24)) == _IPSUM


@njit(cache=True, nogil=True)
def count_function_word(length, first, keys, kinds, raw):
    """Count a word of at most eight bytes, if it is one of the listed ones."""
    folded = first | (LOWER_CASE_BITS >> np.uint64(8 * (8 - length)))
    kind = kind_of_word(folded, keys, kinds)
    if kind & 0xFF:
        raw[at.W_STOP] += 1
        raw[at.W_STOP_MASK] |= kind
        if folded == first:
            raw[at.W_STOP_EXACT] += 1
            raw[at.W_STOP_EXACT_MASK] |= kind
    elif kind == IS_SECOND_PERSON:
        raw[at.W_SECOND_PERSON] += 1
    elif kind == IS_FIRST_PERSON:
        raw[at.W_FIRST_PERSON] += 1


@njit(cache=True, nogil=True)
def measure_words(data, start, end, words, n_words, function_words, logarithms, table, ids, counts, raw):
    """Count the words of a document by kind and number the distinct ones.

    Args:
        data: uint8, the buffer.
        start: first byte of the document.
        end: one past its last byte.
        words: int32 (5, capacity), as `scan` leaves them.
        n_words: how many there are.
        function_words: keys and kinds of `load_function_words`.
        logarithms: the table of `load_logarithms`.
        table: keys (uint64) and values (int32) of a hash table with room for `n_words`.
        ids: int32, filled with the index of each word's first occurrence.
        counts: int32, filled with the number of occurrences at each first occurrence.
        raw: int64, the block `layout.WORDS`.

    Returns:
        The sum of c log2(c) over the counts c of distinct words.
    """
    keys, kinds = function_words
    slots, values = table
    capacity = capacity_for(n_words)
    values[:capacity] = -1
    n_unique = 0
    for k in range(n_words):
        word_start = start + words[0, k]
        word_end = start + words[1, k]
        length = word_end - word_start
        chars = np.int64(words[3, k])
        flags = words[4, k]
        raw[at.W_CHARS] += chars
        raw[at.W_SQUARED] += chars * chars
        raw[at.W_MAX] = max(raw[at.W_MAX], chars)
        raw[at.W_SHORT] += chars <= at.SHORT_WORD_CHARS
        raw[at.W_LONG] += chars >= at.LONG_WORD_CHARS
        raw[at.W_ALPHA] += (flags & ALPHA) != 0
        raw[at.W_NUMBER] += (flags & (NUMBER | ALPHA)) == NUMBER
        raw[at.W_TITLE] += (flags & (FIRST_UPPER | LOWER)) == FIRST_UPPER | LOWER
        raw[at.W_UPPER] += (flags & (UPPER | LOWER)) == UPPER and chars > 1
        if not flags & (ALPHA | NUMBER):
            raw[at.W_PURE_PUNCT] += 1
            raw[at.W_PURE_PUNCT_CHARS] += chars
        first = load(data, word_start, min(length, 8))
        state = mix(SEED ^ (np.uint64(length) * MULTIPLIER), first)
        if length <= 8:
            count_function_word(length, first, keys, kinds, raw)
        else:
            i = word_start + 8
            while i < word_end:
                state = mix(state, load(data, i, min(word_end - i, 8)))
                i += 8
            lead = (first | LOWER_CASE_BITS) & np.uint64(0xFFFFFFFF)
            raw[at.W_URLS] += lead in (_HTTP, _WWW)
        if data[word_end - 1] | 0x20 == 0x6D:
            raw[at.W_LOREM] += is_lorem_ipsum(data, word_start, word_end, end)
        ids[k] = find_or_add(state, np.int32(k), slots, values, capacity)
        if ids[k] == k:
            counts[k] = 0
            n_unique += 1
        counts[ids[k]] += 1
    raw[at.W_WORDS] = n_words
    raw[at.W_UNIQUE] = n_unique
    entropy = 0.0
    for k in range(n_words):
        if ids[k] == k and counts[k] > 1:
            c = counts[k]
            entropy += logarithms[c] if c < N_LOGARITHMS else c * np.log2(c)
    return entropy
