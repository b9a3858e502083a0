# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""The one tokeniser: Arrow strings to 64-bit word hashes, for deduplication and scoring.

A word is a maximal run of code points of the Unicode categories L*, M* and N*; in scripts written without
spaces every code point is a word (`curate.text.unicode_tables.SINGLE_BLOCKS`). Words are case-folded code point
by code point (`str.casefold`, so that "Straße" equals "STRASSE") and hashed from their folded UTF-8 bytes.
Bytes that are not UTF-8 separate words.

A document is folded eight bytes at a time into a tile of a few kilobytes, beside a byte of flags for each
byte of text; bitmaps of the flags give the words' bounds, and words are hashed in blocks of eight bytes.
Text in other scripts costs up to twice as much per byte as ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.unaligned import count_trailing_zeros, load64, store64
from curate.text.unicode_tables import FOLDING, SEPARATOR, SINGLE, load_tables

WORDS_VERSION = 1
"""Counts changes of the hash or of the definition of a word; it is part of every file of keys."""

_TILE = 8192
_SLACK = 128  # what a step may write past the fill mark

_SEED = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio
_MULTIPLY_BLOCK = np.uint64(0xD6E8FEB86659FD93)  # odd, from mix64 of Evensen (rrmxmx family)
_MULTIPLY_LENGTH = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's 64-bit finaliser

_U0, _U1, _U7, _U8 = (np.uint64(n) for n in (0, 1, 7, 8))
_HIGH = np.uint64(0x8080808080808080)
_LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_GATHER = np.uint64(0x0002040810204081)  # moves the high bits of eight bytes into the top byte


def _every_byte(value: int) -> np.uint64:
    return np.uint64(0x0101010101010101 * value)


# Added to a byte below 128, each sets the high bit exactly from the named character on.
_FROM_0, _PAST_9 = _every_byte(0x80 - ord("0")), _every_byte(0x7F - ord("9"))
_FROM_UPPER_A, _PAST_UPPER_Z = _every_byte(0x80 - ord("A")), _every_byte(0x7F - ord("Z"))
_FROM_LOWER_A, _PAST_LOWER_Z = _every_byte(0x80 - ord("a")), _every_byte(0x7F - ord("z"))


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Word hashes of documents, one run after the other.

    Attributes:
        hashes: uint64 (n_words,).
        offsets: int64 (n_documents + 1,); document `i` has `hashes[offsets[i]:offsets[i + 1]]`.
    """

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Words:
        """The words of some of the documents, `rows` ascending; no copy where all others have none.

        >>> words = hash_words(pa.array(["one two", None, "three"]))
        >>> words.take(np.array([0, 2])).hashes is words.hashes
        True
        """
        sizes = np.diff(self.offsets)[rows]
        if int(sizes.sum()) == len(self.hashes):
            return Words(self.hashes, np.append(self.offsets[rows], len(self.hashes)))
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        taken = np.empty(int(offsets[-1]), np.uint64)
        _take_words(self.hashes, self.offsets, rows, offsets, taken)
        return Words(taken, offsets)


def hash_words(texts: pa.Array | pa.ChunkedArray) -> Words:
    """Hash every word of `texts`, in order.

    Args:
        texts: string or large_string, N documents, sliced or not; null counts as empty.

    Returns:
        The words of N documents; the same text gives the same hashes in every array and every process.
    """
    data, bounds = view_utf8(texts)
    tables = load_tables()
    n_bytes = int(bounds[-1] - bounds[0])
    # A word takes two bytes with its separator, or three where there is none: the bound is of addresses,
    # and only pages that are written become memory.
    hashes = np.empty(n_bytes // 2 + len(bounds) + 8, np.uint64)
    offsets = np.zeros(len(bounds), np.int64)
    n_words = _hash_documents(data, bounds, tables.kinds, tables.fold_pages, tables.folds, hashes, offsets)
    return Words(hashes[:n_words], offsets)


def view_utf8(texts: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """View an Arrow string or binary array as bytes and int64 bounds (N + 1), without copying the bytes.

    Both are read-only, so that each kernel is compiled once. Bytes under a null are not viewed.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = _join_chunks(texts)
    if pa.types.is_null(texts.type):
        texts = texts.cast(pa.string())
    wide_type = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
    if not (wide_type or pa.types.is_string(texts.type) or pa.types.is_binary(texts.type)):
        texts, wide_type = texts.cast(pa.large_string()), True
    if texts.null_count:
        texts = pc.fill_null(texts, b"" if "binary" in str(texts.type) else "")
    _, offset_buffer, data_buffer = texts.buffers()
    offset_type = np.int64 if wide_type else np.int32
    if offset_buffer is None or offset_buffer.size == 0:  # Arrow allows an empty array to have no offsets
        bounds = np.zeros(1, np.int64)
    else:
        n_seen = texts.offset + len(texts) + 1
        bounds = np.frombuffer(offset_buffer, offset_type, n_seen)[texts.offset :].astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    for array in (data, bounds):
        array.flags.writeable = False
    return data, bounds


def _join_chunks(texts: pa.ChunkedArray) -> pa.Array:
    if texts.num_chunks == 1:
        return texts.chunk(0)
    if pa.types.is_string(texts.type):  # together they may exceed 2 GB
        texts = texts.cast(pa.large_string())
    return pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], texts.type)


@kernel
def _take_words(hashes, offsets, rows, taken_offsets, taken):
    for i in range(len(rows)):
        row = rows[i]
        taken[taken_offsets[i] : taken_offsets[i + 1]] = hashes[offsets[row] : offsets[row + 1]]


@kernel
def _hash_documents(data, bounds, kinds, fold_pages, folds, hashes, offsets):
    folded = np.zeros(_TILE + _SLACK, np.uint8)
    flags = np.zeros(_TILE + _SLACK, np.uint8)
    toggles = np.zeros(_TILE + _SLACK, np.int32)
    n_words = 0
    for document in range(len(bounds) - 1):
        position, end = bounds[document], bounds[document + 1]
        fill, open_state, open_length = 0, _SEED, 0
        while position < end:
            position, fill = _fold_tile(data, position, end, kinds, fold_pages, folds, folded, flags, fill)
            n_toggles = _find_toggles(flags, fill, toggles)
            if n_toggles == 0:
                fill = 0
                continue
            n_spans = n_toggles // 2
            begin, stop = np.int64(toggles[n_toggles - 2]), np.int64(toggles[n_toggles - 1])
            still_open = position < end and stop == fill
            if still_open:
                n_spans -= 1
            first = 0
            if open_length and n_spans:
                span_end = np.int64(toggles[1])
                state, length = _absorb(folded, 0, span_end, open_state)
                hashes[n_words] = _finish(state, open_length + length)
                n_words += 1
                first = 1
                open_state, open_length = _SEED, 0
            for span in range(first, n_spans):
                hashes[n_words] = _hash_span(
                    folded, np.int64(toggles[2 * span]), np.int64(toggles[2 * span + 1])
                )
                n_words += 1
            fill = 0
            if still_open:
                # Whole blocks of the open word are absorbed; one to eight bytes go to the front of the tile.
                whole_blocks_end = begin + (stop - begin - 1) // 8 * 8
                open_state, length = _absorb(folded, begin, whole_blocks_end, open_state)
                open_length += length
                fill = stop - whole_blocks_end
                store64(folded, 0, load64(folded, whole_blocks_end))
                store64(flags, 0, _ONES)
        offsets[document + 1] = n_words
    return n_words


# Helpers of this loop take numbers, not arrays: numba counts references at every call that passes an
# array, which costs ten times the work on one code point.
@kernel
def _fold_tile(data, position, end, kinds, fold_pages, folds, folded, flags, fill):
    """Fold text into the tile until either ends; returns (position, fill)."""
    while position < end and fill <= _TILE - 8:
        n_left = end - position
        if position + 8 <= len(data):
            block = load64(data, position)
        else:
            block = _U0
            for i in range(n_left):
                block |= np.uint64(data[position + i]) << np.uint64(8 * i)
        n_ascii = min(count_trailing_zeros(block & _HIGH) >> 3, n_left)
        if n_ascii:
            low, is_part = _fold_ascii(block)
            store64(folded, fill, low)
            store64(flags, fill, is_part)
            position += n_ascii
            fill += n_ascii
            continue
        length, code_point, packed = _decode(block, n_left)
        kind = kinds[code_point]
        position += length
        if kind == SEPARATOR:  # as is a byte that is not UTF-8: code point 0
            flags[fill] = 0
            fill += 1
            continue
        if kind & FOLDING:
            entry = folds[np.int64(fold_pages[code_point >> 6]) * 64 + (code_point & 63)]
            packed = entry & np.uint64(0x00FFFFFFFFFFFFFF)
            length = np.int64(entry >> np.uint64(56))
        is_single = (kind & SINGLE) >> 1  # between separators of its own
        flags[fill] = 0
        fill += is_single
        store64(folded, fill, packed)
        store64(flags, fill, _HIGH)
        fill += length
        flags[fill] = 0
        fill += is_single
    return position, fill


@kernel
def _fold_ascii(block):
    """Lower the case of eight bytes and flag, in their high bits, letters and digits."""
    low = block & _LOW7
    upper = (low + _FROM_UPPER_A) & ~(low + _PAST_UPPER_Z) & _HIGH
    low |= upper >> np.uint64(2)
    letter = (low + _FROM_LOWER_A) & ~(low + _PAST_LOWER_Z)
    digit = (low + _FROM_0) & ~(low + _PAST_9)
    return low, (letter | digit) & _HIGH


@kernel
def _decode(block, n_left):
    """Decode the first code point of a block as (bytes, code point, its bytes); (1, 0, 0) if not UTF-8."""
    lead = np.int64(block & np.uint64(0xFF))
    second = np.int64(block >> _U8) & 0x3F
    third = np.int64(block >> np.uint64(16)) & 0x3F
    if 0xC2 <= lead < 0xE0:
        if n_left >= 2 and block & np.uint64(0xC000) == np.uint64(0x8000):
            return 2, (lead & 0x1F) << 6 | second, block & np.uint64(0xFFFF)
    elif 0xE0 <= lead < 0xF0:
        code_point = (lead & 0x0F) << 12 | second << 6 | third
        is_valid = code_point >= 0x800 and not 0xD800 <= code_point <= 0xDFFF
        if is_valid and n_left >= 3 and block & np.uint64(0xC0C000) == np.uint64(0x808000):
            return 3, code_point, block & np.uint64(0xFFFFFF)
    elif 0xF0 <= lead < 0xF5:
        fourth = np.int64(block >> np.uint64(24)) & 0x3F
        code_point = (lead & 0x07) << 18 | second << 12 | third << 6 | fourth
        is_valid = 0x10000 <= code_point <= 0x10FFFF
        if is_valid and n_left >= 4 and block & np.uint64(0xC0C0C000) == np.uint64(0x80808000):
            return 4, code_point, block & np.uint64(0xFFFFFFFF)
    return 1, 0, _U0


@kernel
def _find_toggles(flags, fill, toggles):
    """List where words begin and end, by turns, in flags[:fill]; returns how many (even)."""
    for i in range(8):
        store64(flags, fill + 8 * i, _U0)
    n_toggles, carry = 0, _U0
    for base in range(0, fill + 1, 64):
        bits = _U0
        for i in range(8):
            lanes = load64(flags, base + 8 * i) & _HIGH
            bits |= ((lanes >> _U7) * (_GATHER << _U7) >> np.uint64(56)) << np.uint64(8 * i)
        edges = bits ^ (bits << _U1 | carry)
        carry = bits >> np.uint64(63)
        while edges:
            toggles[n_toggles] = base + count_trailing_zeros(edges)
            n_toggles += 1
            edges &= edges - _U1
    return n_toggles


@kernel
def _hash_span(folded, begin, stop):
    """Hash folded[begin:stop]; most words fit into one block."""
    length = stop - begin
    if length <= 8:
        block = load64(folded, begin) & (_ONES >> np.uint64(64 - 8 * length))
        state = (_SEED ^ block) * _MULTIPLY_BLOCK
        state ^= state >> np.uint64(32)
    else:
        state, _ = _absorb(folded, begin, stop, _SEED)
    return _finish(state, length)


@kernel
def _absorb(folded, begin, stop, state):
    """Take the bytes into the state, in blocks of eight, the last one padded with zeros."""
    at = begin
    while at < stop:
        block = load64(folded, at)
        if stop - at < 8:
            block &= _ONES >> np.uint64(64 - 8 * (stop - at))
        state = (state ^ block) * _MULTIPLY_BLOCK
        state ^= state >> np.uint64(32)
        at += 8
    return state, stop - begin


@kernel
def _finish(state, length):
    state = (state ^ np.uint64(length)) * _MULTIPLY_LENGTH
    return state ^ (state >> np.uint64(29))
