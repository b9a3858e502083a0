"""What is counted word by word, and the number that stands for each distinct word."""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.signals import layout as at
from curate.signals.classes import ALPHA, LOWER, NUMBER, UPPER
from curate.signals.utf8 import (
    LOWER_CASE_BITS, MULTIPLIER, SEED, capacity_for, find_or_add, load, mix,
)  # fmt: skip

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Gopher, arXiv 2112.11446, A.1.1
SECOND_PERSON = ("you", "your", "yours", "yourself")
FIRST_PERSON = ("i", "me", "my", "mine", "we", "us", "our", "ours")
# Kinds of function words: 0 for none, 1-8 for the stop words in order, then these.
IS_SECOND_PERSON = 9
IS_FIRST_PERSON = 10
N_KINDS = 16
N_SLOTS = 256
N_LOGARITHMS = 4096

_HTTP = np.uint64(int.from_bytes(b"http", "little"))
_WWW = np.uint64(int.from_bytes(b"www.", "little"))
_LOREM = np.uint64(int.from_bytes(b"lorem", "little"))
_IPSUM = np.uint64(int.from_bytes(b"ipsum", "little"))


@cache
def load_function_words() -> tuple[NDArray[np.uint64], NDArray[np.int64], np.uint64]:
    """A perfect hash table of short words by their lower-case bytes: keys (0 where empty), kinds, multiplier."""
    kind_of = {word: 1 + i for i, word in enumerate(STOP_WORDS)}
    kind_of |= dict.fromkeys(SECOND_PERSON, IS_SECOND_PERSON) | dict.fromkeys(FIRST_PERSON, IS_FIRST_PERSON)
    key_of = {word: int.from_bytes(word.encode(), "little") for word in kind_of}
    multiplier = int(MULTIPLIER)
    while len({slot_of(key, multiplier) for key in key_of.values()}) < len(key_of):
        multiplier = (multiplier * 6364136223846793005 + 1442695040888963407) & (2**64 - 1) | 1
    keys, kinds = np.zeros(N_SLOTS, np.uint64), np.zeros(N_SLOTS, np.int64)
    for word, kind in kind_of.items():
        slot = slot_of(key_of[word], multiplier)
        keys[slot], kinds[slot] = key_of[word], kind
    return keys, kinds, np.uint64(multiplier)


def slot_of(key: int, multiplier: int) -> int:
    """Where a function word lies in its table."""
    return ((key * multiplier) & (2**64 - 1)) >> 56


@cache
def load_logarithms() -> NDArray[np.float64]:
    """c log2(c) for small c."""
    counts = np.arange(N_LOGARITHMS, dtype=np.float64)
    counts[2:] *= np.log2(counts[2:])
    counts[:2] = 0.0
    return counts


@njit(cache=True, nogil=True, inline="always")
def is_lorem_ipsum(data, word_start, word_end, text_end):
    """Whether `lorem ipsum` stands across the end of this word, in any case."""
    if word_end - word_start < 5 or word_end + 6 > text_end or data[word_end] != 32:
        return False
    if load(data, word_end - 5, 5) | (LOWER_CASE_BITS >> np.uint64(24)) != _LOREM:
        return False
    return load(data, word_end + 1, 5) | (LOWER_CASE_BITS >> np.uint64(24)) == _IPSUM


@njit(cache=True, nogil=True, inline="always")
def hash_word(data, start, end, first):
    """Hash a word whose first eight bytes are at hand.

    Up to 16 bytes, that block and the last eight bytes say it all; no branch tells shorter words apart.
    """
    length = end - start
    state = mix(SEED ^ (np.uint64(length) * MULTIPLIER), first)
    if length > 16:
        i = start + 8
        while i + 8 < end:
            state = mix(state, load(data, i, 8))
            i += 8
    return mix(state, load(data, max(end - 8, start), length))


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
    keys, kinds, multiplier = function_words
    slots, values = table
    capacity = capacity_for(n_words)
    values[:capacity] = -1
    by_flags = np.zeros(64, np.int32)  # words by which of ALPHA, NUMBER, UPPER, LOWER, FIRST_UPPER, long they have
    by_kind = np.zeros(2 * N_KINDS, np.int32)  # function words by kind, those in lower case apart
    total = squared = longest = n_short = n_long = n_unique = n_urls = n_lorem = punct_chars = np.int64(0)
    entropy = 0.0
    # Branches here are few on purpose: what a word is like cannot be predicted.
    for k in range(n_words):
        word_start = start + words[0, k]
        word_end = start + words[1, k]
        length = word_end - word_start
        chars = np.int64(words[3, k])
        flags = np.int64(words[4, k])
        total += chars
        squared += chars * chars
        longest = max(longest, chars)
        n_short += chars <= at.SHORT_WORD_CHARS
        n_long += chars >= at.LONG_WORD_CHARS
        kinds_of_chars = (flags >> 1) & 15 | (flags >> 11) & 16
        by_flags[kinds_of_chars | (chars > 1) << 5] += 1
        if not kinds_of_chars & 3:
            punct_chars += chars
        first = load(data, word_start, length)
        folded = first | (LOWER_CASE_BITS >> np.uint64(64 - 8 * min(length, 8)))
        slot = np.int64((folded * multiplier) >> np.uint64(56))
        known = (keys[slot] == folded) & (length <= 8)
        by_kind[(kinds[slot] if known else 0) | (folded == first) << 4] += 1
        lead = folded & np.uint64(0xFFFFFFFF)
        n_urls += ((lead == _HTTP) | (lead == _WWW)) & (length > 8)
        if data[word_end - 1] | 0x20 == 0x6D:
            n_lorem += is_lorem_ipsum(data, word_start, word_end, end)
        same = find_or_add(hash_word(data, word_start, word_end, first), np.int32(k), slots, values, capacity)
        ids[k] = same
        if same == k:
            counts[k] = 1
            n_unique += 1
        else:
            count = counts[same]
            counts[same] = count + 1
            if count + 1 < N_LOGARITHMS:
                entropy += logarithms[count + 1] - logarithms[count]
            else:
                entropy += (count + 1) * np.log2(count + 1) - count * np.log2(count)
    raw[at.W_WORDS], raw[at.W_CHARS], raw[at.W_SQUARED], raw[at.W_MAX] = n_words, total, squared, longest
    raw[at.W_SHORT], raw[at.W_LONG], raw[at.W_UNIQUE] = n_short, n_long, n_unique
    raw[at.W_URLS], raw[at.W_LOREM], raw[at.W_PURE_PUNCT_CHARS] = n_urls, n_lorem, punct_chars
    count_flags(by_flags, raw)
    count_kinds(by_kind, raw)
    return entropy


@njit(cache=True, nogil=True)
def count_kinds(by_kind, raw):
    """Add up function words, those in lower case apart."""
    for kind in range(1, N_KINDS):
        exact = by_kind[kind | N_KINDS]
        n = by_kind[kind] + exact
        if kind < IS_SECOND_PERSON:
            raw[at.W_STOP] += n
            raw[at.W_STOP_EXACT] += exact
            raw[at.W_STOP_MASK] |= (n > 0) << (kind - 1)
            raw[at.W_STOP_EXACT_MASK] |= (exact > 0) << (kind - 1)
        elif kind == IS_SECOND_PERSON:
            raw[at.W_SECOND_PERSON] = n
        elif kind == IS_FIRST_PERSON:
            raw[at.W_FIRST_PERSON] = n


@njit(cache=True, nogil=True)
def count_flags(by_flags, raw):
    """Add up words by the classes of their characters."""
    for j in range(64):
        n = by_flags[j]
        flags = (j & 15) << 1
        raw[at.W_ALPHA] += n if flags & ALPHA else 0
        raw[at.W_NUMBER] += n if flags & (ALPHA | NUMBER) == NUMBER else 0
        raw[at.W_TITLE] += n if j & 16 and flags & LOWER else 0
        raw[at.W_UPPER] += n if j & 32 and flags & (UPPER | LOWER) == UPPER else 0
        raw[at.W_PURE_PUNCT] += n if not flags & (ALPHA | NUMBER) else 0
