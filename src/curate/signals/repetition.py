"""Repetition: n-grams of words, and lines and paragraphs that come back, without building a string."""

# ruff: noqa: ANN001, ANN201 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import numpy as np

from curate.text.kernel import kernel
from curate.text.utf8 import capacity_for, find_or_add, hash_bytes

FIRST_DUP_N = 5
LAST_DUP_N = 10


@kernel
def measure_ngrams(chars, n_words, ids, counts, table, scratch, sums, raw):
    """Measure the most frequent 2-4-grams and the repeated 5-10-grams, in characters of words.

    An n-gram can only come back where both of its (n-1)-grams do, so each level looks at the few positions
    that the level before left over, and its key is the pair of their numbers. Ties go to the first position.

    Args:
        chars: int32, each word's characters.
        n_words: how many there are.
        ids: int32, first occurrence of each word; overwritten with that of each n-gram.
        counts: int32, occurrences at each first occurrence; overwritten likewise.
        table: keys (uint64) and values (int32) of a hash table with room for `n_words`.
        scratch: int32 (2, capacity): positions that are left, and marks of the greedy walk.
        sums: int64 (capacity + 1,), filled with the characters before each word.
        raw: int64, the block `layout.NGRAMS`.
    """
    left, marks = scratch
    sums[0] = 0
    for k in range(n_words):
        sums[k + 1] = sums[k] + chars[k]
    n_left = 0
    for k in range(n_words):
        left[n_left] = k
        n_left += counts[ids[k]] > 1
    at = 0
    for n in range(2, LAST_DUP_N + 1):
        n_left = join_ngrams(left, n_left, ids, counts, table) if n_left > 1 else 0
        if n < FIRST_DUP_N:
            measure_top(n, n_words, left, n_left, ids, counts, sums, raw[at : at + 3])
        elif n_left:
            measure_duplicates(n, n_words, left, n_left, ids, marks, sums, raw[at : at + 4])
        at += 3 if n < FIRST_DUP_N else 4


@kernel
def join_ngrams(left, n_left, ids, counts, table):
    """Number the n-grams at positions whose (n-1)-grams repeat; keep the positions of those that repeat.

    Positions rise, so `ids[k]` may be overwritten once `ids[k]` and `ids[k + 1]` are read.
    """
    n_joined = 0
    for j in range(n_left - 1):  # without a branch: whether neighbours are left is hard to predict
        k = left[j]
        left[n_joined] = k
        n_joined += left[j + 1] == k + 1
    keys, values = table
    capacity = capacity_for(n_joined)
    values[:capacity] = -1
    for j in range(n_joined):
        k = left[j]
        key = np.uint64(ids[k]) << np.uint64(32) | np.uint64(ids[k + 1])
        same = find_or_add(key, k, keys, values, capacity)
        ids[k] = same
        if same == k:
            counts[k] = 0
        counts[same] += 1
    n_kept = 0
    for j in range(n_joined):
        k = left[j]
        left[n_kept] = k
        n_kept += counts[ids[k]] > 1
    return n_kept


@kernel
def measure_top(n, n_words, left, n_left, ids, counts, sums, raw):
    """Count, characters of the first and of the longest of the most frequent n-grams."""
    if n_words < n:
        return
    raw[0] = 1
    raw[1] = sums[n]
    raw[2] = sums[n]
    for j in range(n_left):
        k = left[j]
        if ids[k] != k:
            continue
        chars = sums[k + n] - sums[k]
        if counts[k] > raw[0]:
            raw[0] = counts[k]
            raw[1] = chars
            raw[2] = chars
        elif counts[k] == raw[0]:
            raw[2] = max(raw[2], chars)


@kernel
def measure_duplicates(n, n_words, left, n_left, ids, marks, sums, raw):
    """Characters of repeated n-grams: covered, met again in a greedy walk, with overlap; and of all n-grams.

    The walk steps over an n-gram that it has met before, by n words, and by one word otherwise.
    """
    covered_until = 0
    for j in range(n_left):
        k = left[j]
        raw[0] += sums[k + n] - sums[max(k, covered_until)]
        covered_until = k + n
        raw[2] += sums[k + n] - sums[k]
        marks[k] = 0
    step_to = 0
    for j in range(n_left):
        k = left[j]
        if k < step_to:
            continue
        if marks[ids[k]]:
            raw[1] += sums[k + n] - sums[k]
            step_to = k + n
        else:
            marks[ids[k]] = 1
    for k in range(n):
        raw[3] += sums[n_words - k] - sums[k]


@kernel
def count_duplicates(hashes, chars, n, table, counts, raw):
    """Count what comes back among n pieces of text.

    Args:
        hashes: uint64, of each piece.
        chars: int64, its length.
        n: how many there are.
        table: keys and values of a hash table with room for `n`.
        counts: int32 scratch with room for `n`.
        raw: int64 (4,): pieces from their second copy on, their characters; all pieces that have a copy,
            their characters.
    """
    keys, values = table
    capacity = capacity_for(n)
    values[:capacity] = -1
    for k in range(n):
        first = find_or_add(hashes[k], np.int32(k), keys, values, capacity)
        if first == k:
            counts[k] = 1
            continue
        counts[first] += 1
        raw[0] += 1
        raw[1] += chars[k]
        raw[2] += 1
        raw[3] += chars[k]
        if counts[first] == 2:
            raw[2] += 1
            raw[3] += chars[first]


@kernel
def hash_pieces(data, pieces, n, hashes):
    """Hash n byte ranges: `pieces` is int64 (3, capacity) of start, end and characters."""
    for k in range(n):
        hashes[k] = hash_bytes(data, pieces[0, k], pieces[1, k])
