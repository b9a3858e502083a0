# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Who stays: candidates in order of preference, each compared exactly with those that already stay.

The first of a group of near-duplicates stays; each later document is removed exactly if one that stays is
similar enough, so a removed document always has a kept twin and no chain of removals can form. Work is
linear in documents: a bucket offers at most 64 kept documents, and a document is compared with at most 64.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel

_OFFERED = 64  # kept documents that a bucket offers: its first 32 and its last 32
_COMPARED = 64  # candidates that a document is compared with: those it shares most with
_RARE = 64  # what sharing a small bucket counts, against 1 for a full one, which may be a template
_NO_KEEPER = -1

ShingleSets: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]
"""Distinct shingles of N documents: (shingles, begins N, ends N), in any order."""


def keep_greedily(
    memberships: tuple[NDArray[np.int64], NDArray[np.int64]],
    sets: ShingleSets,
    signatures: NDArray[np.uint32],
    n_fixed: int,
    jaccard: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Decide for N documents, in order of preference, who stays.

    Args:
        memberships: (bucket starts, members): int64, members being 0 to N - 1, ascending within a bucket.
        sets: the distinct shingles of each; an empty set stands for a text that cannot be read.
        signatures: uint32 (N, n_permutations), or (0, 0) if every text can be read.
        n_fixed: the first so many documents stay unasked.
        jaccard: the threshold.

    Returns:
        The keeper of each document, -1 for those that stay; the similarity with it (NaN for those that
        stay); whether that similarity is the signatures' estimate.
    """
    bucket_starts, members = memberships
    shingles, begins, ends = sets
    n_documents = len(begins)
    sizes = np.diff(bucket_starts)
    document_starts = np.zeros(n_documents + 1, np.int64)
    document_buckets = np.empty(len(members), np.int64)
    _turn_around(bucket_starts, members, document_starts, document_buckets)
    list_starts = np.append(0, np.cumsum(np.minimum(sizes, _OFFERED)))
    keepers = np.full(n_documents, _NO_KEEPER, np.int64)
    similarities = np.full(n_documents, np.nan)
    estimated = np.zeros(n_documents, np.bool_)
    n_slots = 1 << int(2 * (ends - begins).max(initial=1)).bit_length()
    _keep_greedily(
        document_starts, document_buckets, list_starts, np.zeros(len(sizes), np.int64),
        np.empty(int(list_starts[-1]), np.int64), shingles, begins, ends, signatures, n_fixed,
        jaccard, np.zeros(n_slots, np.uint64), keepers, similarities, estimated,
    )  # fmt: skip
    return keepers, similarities, estimated


@kernel
def _turn_around(bucket_starts, members, document_starts, document_buckets):
    """List the buckets of each document, from the documents of each bucket."""
    for member in members:
        document_starts[member + 1] += 1
    for document in range(1, len(document_starts)):
        document_starts[document] += document_starts[document - 1]
    fill = document_starts[:-1].copy()
    for bucket in range(len(bucket_starts) - 1):
        for i in range(bucket_starts[bucket], bucket_starts[bucket + 1]):
            document_buckets[fill[members[i]]] = bucket
            fill[members[i]] += 1


@kernel
def _keep_greedily(
    document_starts, document_buckets, list_starts, n_kept, kept_lists, shingles, begins, ends,
    signatures, n_fixed, jaccard, table, keepers, similarities, estimated,
):  # fmt: skip
    n_documents = len(begins)
    n_shared = np.zeros(n_documents, np.int32)
    seen = np.empty(n_documents, np.int64)
    chosen = np.empty(_COMPARED, np.int64)
    for document in range(n_documents):
        begin, end = document_starts[document], document_starts[document + 1]
        if document >= n_fixed:
            n_seen = 0
            for i in range(begin, end):
                bucket = document_buckets[i]
                first = list_starts[bucket]
                n_offered = list_starts[bucket + 1] - first
                weight = 1 if n_offered == _OFFERED else _RARE
                for j in range(first, first + min(n_kept[bucket], n_offered)):
                    other = kept_lists[j]
                    if n_shared[other] == 0:
                        seen[n_seen] = other
                        n_seen += 1
                    n_shared[other] += weight
            if n_seen:
                n_chosen = _choose(seen, n_seen, n_shared, chosen)
                for i in range(n_seen):
                    n_shared[seen[i]] = 0
                keeper, similarity, is_estimate = _find_keeper(
                    document, chosen, n_chosen, shingles, begins, ends, signatures, jaccard, table
                )
                if keeper != _NO_KEEPER:
                    keepers[document] = keeper
                    similarities[document] = similarity
                    estimated[document] = is_estimate
                    continue
        for i in range(begin, end):
            bucket = document_buckets[i]
            first = list_starts[bucket]
            n = n_kept[bucket]
            half = _OFFERED // 2
            kept_lists[first + (n if n < _OFFERED else half + n % half)] = document
            n_kept[bucket] = n + 1


@kernel
def _choose(seen, n_seen, n_shared, chosen):
    """Put the candidates that share most first, the preferred one among equals; returns how many."""
    n_chosen = 0
    for i in range(n_seen):
        candidate = seen[i]
        if n_chosen == len(chosen) and not _goes_before(candidate, chosen[n_chosen - 1], n_shared):
            continue
        at = min(n_chosen, len(chosen) - 1)
        while at > 0 and _goes_before(candidate, chosen[at - 1], n_shared):
            chosen[at] = chosen[at - 1]
            at -= 1
        chosen[at] = candidate
        n_chosen = min(n_chosen + 1, len(chosen))
    return n_chosen


@kernel
def _goes_before(one, other, n_shared):
    return n_shared[one] > n_shared[other] or (n_shared[one] == n_shared[other] and one < other)


@kernel
def _find_keeper(document, chosen, n_chosen, shingles, begins, ends, signatures, jaccard, table):
    """Find the most similar of the chosen, at or above the threshold; exact comparison beats estimate."""
    begin, end = begins[document], ends[document]
    n = end - begin
    n_slots, shift = _fill_table(shingles, begin, end, table)
    keeper, best, is_estimate = _NO_KEEPER, 0.0, False
    for i in range(n_chosen):
        other = chosen[i]
        other_begin, other_end = begins[other], ends[other]
        n_other = other_end - other_begin
        if n == 0 or n_other == 0:
            n_equal = 0
            for row in range(signatures.shape[1]):
                n_equal += signatures[document, row] == signatures[other, row]
            estimate = n_equal / max(signatures.shape[1], 1)
            if estimate >= jaccard and (keeper == _NO_KEEPER or (is_estimate and estimate > best)):
                keeper, best, is_estimate = other, estimate, True
            continue
        # At least jaccard / (1 + jaccard) of all shingles have to be common; one less, for the rounding.
        n_missable = n_other - np.int64(jaccard / (1.0 + jaccard) * (n + n_other)) + 1
        if n_missable < 0:
            continue
        n_missed = 0
        for j in range(other_begin, other_end):
            if not _holds(table, n_slots, shift, shingles[j]):
                n_missed += 1
                if n_missed > n_missable:
                    break
        if n_missed > n_missable:
            continue
        n_common = n_other - n_missed
        similarity = n_common / (n + n_other - n_common)
        if similarity >= jaccard and (keeper == _NO_KEEPER or is_estimate or similarity > best):
            keeper, best, is_estimate = other, similarity, False
            if similarity == 1.0:
                break
    return keeper, best, is_estimate


@kernel
def _fill_table(shingles, begin, end, table):
    """Put distinct shingles, all odd, into an open-addressing table; 0 marks a free slot."""
    n_slots, shift = 2, np.uint64(63)
    while n_slots < 2 * (end - begin):
        n_slots *= 2
        shift -= np.uint64(1)
    table[:n_slots] = np.uint64(0)
    for i in range(begin, end):
        slot = np.int64(shingles[i] >> shift)
        while table[slot] != np.uint64(0):
            slot = (slot + 1) & (n_slots - 1)
        table[slot] = shingles[i]
    return n_slots, shift


@kernel
def _holds(table, n_slots, shift, shingle):
    slot = np.int64(shingle >> shift)
    while table[slot] != np.uint64(0):
        if table[slot] == shingle:
            return True
        slot = (slot + 1) & (n_slots - 1)
    return False
