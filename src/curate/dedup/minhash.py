# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Shingles, signatures and keys: everything about a document that deduplication compares.

A shingle is `shingle_words` consecutive words, hashed to 64 bits by a polynomial over the words' hashes; signs and
operators between words (`curate.text.words`) change the hash of the word behind them, so that `x < low` is not `x > low`.
Signatures are uint32 affine MinHash, bit-identical with datasketch 2's scheme "affine32" over the upper half
of the shingle hashes: a row's minimum costs one multiplication, one addition and one comparison per shingle
and permutation, which the compiler turns into vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.plan import DedupPlan
from curate.text.kernel import kernel
from curate.text.normalise import comparable
from curate.text.words import Words, add_signs, hash_words, view_utf8

KEYS_VERSION = 2
"""Counts changes of shingles, signatures or keys; files of keys of another version are refused."""

_TILE = 1024
_SLICE_DOCUMENTS = 512  # documents whose words stay in the processor's cache between the two kernels

_BASE = np.uint64(0x9E3779B97F4A7C15)  # of the shingles' polynomial; odd
_MIX_A = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's 64-bit finaliser
_MIX_B = np.uint64(0xC4CEB9FE1A85EC53)
_STEP = np.uint64(0xD1342543DE82EF95)  # an LCG multiplier by Steele and Vigna; here it numbers positions
_SHORT = np.uint64(0x5851F42D4C957F2D)  # Knuth's; sets whole-document shingles apart


def compute_keys(
    texts: pa.Array | pa.ChunkedArray,
    plan: DedupPlan,
    words: Words | None = None,
    rows: NDArray[np.int64] | None = None,
    *,
    signatures: bool = False,
) -> pa.RecordBatch:
    """Compute what deduplication needs to know of N documents.

    Args:
        texts: string or large_string; null counts as empty.
        plan: its shingles, seed, bands and rows shape the keys; its threshold does not.
        words: `hash_words(comparable(texts), signs=True)` where it is known already.
        rows: int64 (N,), the documents among `texts` and `words` that are meant, with `words` alone; all N by default.
        signatures: add the column `signature`.

    Returns:
        N rows: `exact_high`, `exact_low` (uint64: 128 bits over the folded words in order; of a document
        without words over its bytes), `bands` (one uint64 per band), `n_words`, `n_bytes` (int64), and
        `signature` (one uint32 per permutation) if wanted.
    """
    data, bounds = view_utf8(texts)
    if rows is None:
        rows = np.arange(len(bounds) - 1)
    first, last = bounds[:-1][rows], bounds[1:][rows]
    n_documents = len(rows)
    factors, terms = plan.permutations()
    exact = np.zeros((n_documents, 2), np.uint64)
    bands = np.zeros((n_documents, plan.n_bands), np.uint64)
    n_kept = plan.n_permutations if signatures else 0
    minima = np.zeros((n_documents, n_kept), np.uint32)
    n_words = np.zeros(n_documents, np.int64)
    step = n_documents if words is not None else _SLICE_DOCUMENTS
    for begin in range(0, n_documents, max(step, 1)):
        end = min(begin + step, n_documents)
        some = words if words is not None else hash_words(comparable(texts[begin:end]), signs=True)
        at = rows if words is not None else np.arange(end - begin)
        starts, ends = some.offsets[:-1][at], some.offsets[1:][at]
        n_words[begin:end] = ends - starts
        signed = np.empty(n_words[begin:end].max(initial=0), np.uint64)
        _compute_keys(
            data, first[begin:end], last[begin:end], some.hashes, some.signs, starts, ends, signed, plan.shingle_words,
            factors, terms, plan.n_rows, exact[begin:end], bands[begin:end], minima[begin:end],
        )  # fmt: skip
    columns: dict[str, Any] = {
        "exact_high": exact[:, 0].copy(),
        "exact_low": exact[:, 1].copy(),
        "bands": pa.FixedSizeListArray.from_arrays(pa.array(bands.reshape(-1)), plan.n_bands),
        "n_words": n_words,
        "n_bytes": last - first,
    }
    if signatures:
        columns["signature"] = pa.FixedSizeListArray.from_arrays(pa.array(minima.reshape(-1)), n_kept)
    return pa.RecordBatch.from_pydict(columns)


def compute_signatures(texts: pa.Array | pa.ChunkedArray, plan: DedupPlan) -> NDArray[np.uint32]:
    """Compute MinHash signatures, uint32 (N, n_permutations); 2**32 - 1 throughout where there is no word."""
    keys = compute_keys(texts, plan, signatures=True)
    return keys["signature"].values.to_numpy(zero_copy_only=False).reshape(len(keys), plan.n_permutations)


def signatures_to_datasketch(signatures: NDArray[np.uint32], plan: DedupPlan) -> list[Any]:
    """Turn signatures into datasketch `MinHash` objects, for its `MinHashLSH` on Redis or Cassandra.

    Args:
        signatures: uint32 (N, n_permutations) from `compute_signatures`.
        plan: the plan they were computed with.

    Returns:
        N objects, equal to those that datasketch >= 2 makes of the same 32-bit shingle hashes with
        `MinHash(num_perm=plan.n_permutations, seed=plan.seed, scheme="affine32")`.
    """
    from datasketch import MinHash

    first = MinHash(num_perm=plan.n_permutations, seed=plan.seed, scheme="affine32")
    return [
        MinHash(seed=plan.seed, hashvalues=row, permutations=first.permutations, scheme="affine32")
        for row in signatures
    ]


def shingle_sets(
    texts: pa.Array | pa.ChunkedArray, shingle_words: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Every document's distinct shingles: uint64 hashes, and int64 offsets (N + 1) into them.

    Hashes are made odd, so that kernels can mark free slots with 0. Their order within a document is fixed
    but means nothing.
    """
    words = hash_words(comparable(texts), signs=True)
    sizes = np.diff(words.offsets)
    n_shingles = np.where(sizes >= shingle_words, sizes - shingle_words + 1, np.minimum(sizes, 1))
    sets = np.empty(int(n_shingles.sum()), np.uint64)
    offsets = np.zeros(len(words.offsets), np.int64)
    n_slots = 1 << int(2 * n_shingles.max(initial=1)).bit_length()
    signed = np.empty(sizes.max(initial=0), np.uint64)
    n = _shingle_sets(
        words.hashes, words.signs, words.offsets, signed, shingle_words, sets, offsets,
        np.zeros(n_slots, np.uint64),
    )  # fmt: skip
    return sets[:n], offsets


@kernel
def _compute_keys(
    data, first, last, hashes, signs, starts, ends, signed, shingle_words, factors, terms, n_rows, exact, bands,
    signatures,
):  # fmt: skip
    # Signs are put to the words of one document at a time, in memory that stays near; to all at once takes longer than keys do.
    shingles = np.empty(_TILE, np.uint64)
    mixed = np.empty(_TILE + 8, np.uint32)
    minima = np.empty(len(factors), np.uint32)
    n_kept = signatures.shape[1]
    for document in range(len(starts)):
        n_words = ends[document] - starts[document]
        add_signs(hashes, signs, starts[document], ends[document], signed)
        if n_words == 0:
            _hash_bytes(data, first[document], last[document], exact[document])
        else:
            _hash_sequence(signed, n_words, exact[document])
        minima[:] = np.uint32(0xFFFFFFFF)
        width = min(shingle_words, n_words)
        n_shingles = n_words - width + 1 if width else 0
        for tile in range(0, n_shingles, _TILE):
            n = min(_TILE, n_shingles - tile)
            _hash_shingles(signed, tile, n, width, shingle_words, shingles)
            _premix(shingles, n, mixed)
            _take_minima(mixed, n, factors, terms, minima)
        for band in range(bands.shape[1]):
            key = _STEP * np.uint64(band + 1)
            for row in range(band * n_rows, (band + 1) * n_rows):
                key = (key ^ np.uint64(minima[row])) * _MIX_A
                key ^= key >> np.uint64(32)
            bands[document, band] = key * _MIX_B
        for row in range(n_kept):
            signatures[document, row] = minima[row]


@kernel
def _hash_shingles(hashes, begin, n, width, shingle_words, shingles):
    """Hash the n shingles of `width` words that start at hashes[begin:], into shingles[:n]."""
    start = np.uint64(0) if width == shingle_words else _SHORT * np.uint64(width)
    for i in range(n):
        shingles[i] = start
    for word in range(width):
        for i in range(n):
            shingles[i] = shingles[i] * _BASE + hashes[begin + word + i]


@kernel
def _premix(shingles, n, mixed):
    """MurmurHash3's 32-bit finaliser over the shingles' upper halves; pads mixed[:n] to a multiple of 8."""
    for i in range(n):
        h = np.uint32(shingles[i] >> np.uint64(32))
        h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        mixed[i] = h ^ np.uint32(h >> np.uint32(16))
    for i in range(n, n + 8):
        mixed[i] = mixed[0]  # seen again, it changes no minimum


@kernel
def _take_minima(mixed, n, factors, terms, minima):
    """Lower the minima by the permuted values of mixed[:n]; eight at a time, so that minima seldom move."""
    for i in range(0, n, 8):
        h0, h1, h2, h3 = mixed[i], mixed[i + 1], mixed[i + 2], mixed[i + 3]
        h4, h5, h6, h7 = mixed[i + 4], mixed[i + 5], mixed[i + 6], mixed[i + 7]
        for p in range(len(factors)):
            a, b = factors[p], terms[p]
            low_01 = min(np.uint32(a * h0 + b), np.uint32(a * h1 + b))
            low_23 = min(np.uint32(a * h2 + b), np.uint32(a * h3 + b))
            low_45 = min(np.uint32(a * h4 + b), np.uint32(a * h5 + b))
            low_67 = min(np.uint32(a * h6 + b), np.uint32(a * h7 + b))
            low_03, low_47 = min(low_01, low_23), min(low_45, low_67)
            low_07 = min(low_03, low_47)
            minima[p] = min(minima[p], low_07)


@kernel
def _hash_sequence(hashes, n_words, exact):
    """128 bits over words and their positions: two sums, whose terms can be added in any order."""
    high = low = np.uint64(0)
    for i in range(n_words):
        x = hashes[i] + np.uint64(i + 1) * _STEP
        x ^= x >> np.uint64(32)
        y = x * _MIX_A
        z = x * _MIX_B
        high += y ^ (y >> np.uint64(29))
        low += z ^ (z >> np.uint64(31))
    exact[0] = (high ^ (high >> np.uint64(32))) * _MIX_B
    exact[1] = (low ^ (low >> np.uint64(32))) * _MIX_A + np.uint64(n_words)


@kernel
def _hash_bytes(data, begin, end, exact):
    """128 bits over the bytes of a document without words."""
    high, low = _STEP, _SHORT
    for i in range(begin, end):
        high = (high ^ np.uint64(data[i])) * _MIX_A
        high ^= high >> np.uint64(32)
        low = (low ^ np.uint64(data[i])) * _MIX_B
        low ^= low >> np.uint64(31)
    exact[0], exact[1] = high, low


@kernel
def _shingle_sets(hashes, signs, offsets, signed, shingle_words, sets, set_offsets, table):
    shingles = np.empty(_TILE, np.uint64)
    n_sets = 0
    for document in range(len(offsets) - 1):
        n_words = offsets[document + 1] - offsets[document]
        add_signs(hashes, signs, offsets[document], offsets[document + 1], signed)
        width = min(shingle_words, n_words)
        n_shingles = n_words - width + 1 if width else 0
        n_slots, shift = 2, np.uint64(63)  # the table of this document: at most half full
        while n_slots < 2 * n_shingles:
            n_slots *= 2
            shift -= np.uint64(1)
        table[:n_slots] = np.uint64(0)
        for tile in range(0, n_shingles, _TILE):
            n = min(_TILE, n_shingles - tile)
            _hash_shingles(signed, tile, n, width, shingle_words, shingles)
            for i in range(n):
                shingle = shingles[i] | np.uint64(1)  # 0 marks a free slot
                slot = np.int64(shingle >> shift)
                while table[slot] != np.uint64(0) and table[slot] != shingle:
                    slot = (slot + 1) & (n_slots - 1)
                if table[slot] == np.uint64(0):
                    table[slot] = shingle
                    sets[n_sets] = shingle
                    n_sets += 1
        set_offsets[document + 1] = n_sets
    return n_sets
