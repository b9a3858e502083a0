# ruff: noqa: ANN001, ANN202, PLR0912, PLR0915, PLR1714, SIM109  (kernels: numba infers types, and likes them plain)
"""The one tokeniser: Arrow strings to 64-bit word hashes, for deduplication and scoring.

A word is a maximal run of code points of the Unicode categories L*, M* and N*; in scripts written without
spaces every code point is a word (`curate.text.unicode_tables.SINGLE_BLOCKS`). Words are case-folded code point
by code point (`str.casefold`, so that "Straße" equals "STRASSE") and hashed from their folded UTF-8 bytes.
Bytes that are not UTF-8 separate words.

What stands between words is no word, but signs and operators that a formula or a program turns on are noted with the word
behind them: `x < low` and `x > low` are the same words with other signs. Scores and benchmarks look at words alone,
deduplication at both (`add_signs`).

A document is folded eight bytes at a time into a tile of a few kilobytes, beside a byte of flags for each
byte of text; bitmaps of the flags give the words' bounds, and words are hashed in blocks of eight bytes.
Text in other scripts costs up to twice as much per byte as ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.unaligned import bytes_between, count_trailing_zeros, fold_ascii_64, load64, store64
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


_SIGN_FACTOR = np.uint64(0x94D049BB133111EB)  # splitmix64's
_LONGEST_SIGN = 3  # a longer run of one sign is a ruler
_LINE_FEED, _SPACE = 10, 32
_POINT = 4


def _sign_bytes() -> NDArray[np.uint8]:
    """Which bytes of a gap may be a sign: 1 where always, 2 by what stands beside it, 4 alone between digits."""
    signs = np.zeros(256, np.uint8)
    signs[[ord(sign) for sign in "+/<>=^&%()[]{}"]] = 1
    signs[[ord(sign) for sign in "-!*"]] = 2
    signs[[ord(sign) for sign in ".,"]] = _POINT
    signs[128:] = 1  # what `_fold_tile` puts there for a mathematical operator
    return signs


_SIGNS = _sign_bytes()
_STARS = np.array([0, 0x2A, 0x2A2A, 0x2A2A2A], np.uint64)


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
        signs: uint8 (n_words,), empty where they were not asked for: stands for the signs before a word, and with the
            last word of a document for those behind it; 0 for none. A sign is one of `+ / < > = ^ & %`, a bracket, a
            mathematical operator of Unicode, and, where they stand as in a formula, `-`, `!`, `*` and the point of a
            decimal number. Bullets, rulers and white space are none.
    """

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    signs: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))

    def take(self, rows: NDArray[np.int64]) -> Words:
        """The words of some of the documents, `rows` ascending; no copy where all others have none.

        >>> words = hash_words(pa.array(["one two", None, "three"]))
        >>> words.take(np.array([0, 2])).hashes is words.hashes
        True
        """
        sizes = np.diff(self.offsets)[rows]
        if int(sizes.sum()) == len(self.hashes):
            return Words(self.hashes, np.append(self.offsets[rows], len(self.hashes)), self.signs)
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        taken = np.empty(int(offsets[-1]), np.uint64)
        _take_words(self.hashes, self.offsets, rows, offsets, taken)
        signs = np.empty(len(taken) if len(self.signs) else 0, np.uint8)
        if len(signs):
            _take_words(self.signs, self.offsets, rows, offsets, signs)
        return Words(taken, offsets, signs)


def hash_words(texts: pa.Array | pa.ChunkedArray, *, signs: bool = False) -> Words:
    """Hash every word of `texts`, in order.

    Args:
        texts: string or large_string, N documents, sliced or not; null counts as empty.
        signs: also note the signs and operators before each word.

    Returns:
        The words of N documents; the same text gives the same hashes in every array and every process.
    """
    data, bounds = view_utf8(texts)
    tables = load_tables()
    n_bytes = int(bounds[-1] - bounds[0])
    # A word takes two bytes with its separator, or three where there is none: the bound is of addresses,
    # and only pages that are written become memory.
    hashes = np.empty(n_bytes // 2 + len(bounds) + 8, np.uint64)
    noted = np.zeros(len(hashes) if signs else 0, np.uint8)
    offsets = np.zeros(len(bounds), np.int64)
    n_words = _hash_documents(
        data, bounds, tables.kinds, tables.fold_pages, tables.folds, hashes, noted, offsets
    )
    return Words(hashes[:n_words], offsets, noted[:n_words])


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
def add_signs(hashes, signs, begin, end, signed) -> None:
    """Put hashes[begin:end], those of words behind signs changed by these, into the front of `signed`."""
    for i in range(end - begin):
        signed[i] = hashes[begin + i] ^ np.uint64(signs[begin + i]) * _SIGN_FACTOR


@kernel
def _take_words(hashes, offsets, rows, taken_offsets, taken):
    for i in range(len(rows)):
        row = rows[i]
        taken[taken_offsets[i] : taken_offsets[i + 1]] = hashes[offsets[row] : offsets[row + 1]]


@kernel
def _hash_documents(data, bounds, kinds, fold_pages, folds, hashes, signs, offsets):
    wants_signs = len(signs) > 0
    folded = np.zeros(_TILE + _SLACK, np.uint8)
    flags = np.zeros(_TILE + _SLACK, np.uint8)
    toggles = np.zeros(_TILE + _SLACK, np.int32)
    n_words = 0
    for document in range(len(bounds) - 1):
        position, end = bounds[document], bounds[document + 1]
        fill, open_state, open_length, is_open = 0, _SEED, 0, False
        # What stands between the last word and the next: its last eight bytes, its length, which kinds of sign it may hold.
        gap, n_gap, may_sign = _U0, 0, np.uint8(0)
        last = np.uint8(0)  # the last byte of the word before it
        while position < end:
            position, fill = _fold_tile(data, position, end, kinds, fold_pages, folds, folded, flags, fill)
            n_toggles = _find_toggles(flags, fill, toggles)
            n_spans = n_toggles // 2
            if n_spans and position < end and np.int64(toggles[n_toggles - 1]) == fill:
                n_spans -= 1
                goes_on = True
            else:
                goes_on = False
            at = 0  # up to where the tile has been looked at
            for span in range(n_toggles // 2 if wants_signs else 0):
                begin = np.int64(toggles[2 * span])
                if begin - at != 1 or folded[at] != _SPACE or span == 0:  # most gaps are a space
                    for i in range(at, begin):
                        gap, n_gap = _lengthen(gap, n_gap, folded[i])
                        may_sign |= _SIGNS[folded[i]]
                    # The signs of a word that goes on from the tile before are noted already.
                    is_mark = may_sign == _POINT and n_gap > 1  # the comma or full stop of a sentence
                    if may_sign and not is_mark and (span or not is_open):
                        last = folded[at - 1] if span else last
                        signs[n_words + span] = _read_signs(gap, n_gap, last, folded[begin])
                    gap, n_gap, may_sign = _U0, 0, np.uint8(0)
                at = np.int64(toggles[2 * span + 1])
            if at:
                last = folded[at - 1]  # of an open word, what it has so far
            first = 0
            if open_length and n_spans:
                state, length = _absorb(folded, 0, np.int64(toggles[1]), open_state)
                hashes[n_words] = _finish(state, open_length + length)
                first = 1
                open_state, open_length = _SEED, 0
            for span in range(first, n_spans):
                begin, stop = np.int64(toggles[2 * span]), np.int64(toggles[2 * span + 1])
                hashes[n_words + span] = _hash_span(folded, begin, stop)
            n_words += n_spans
            is_open = goes_on
            if goes_on:
                # Whole blocks of the open word are absorbed; one to eight bytes go to the front of the tile.
                begin = np.int64(toggles[n_toggles - 2])
                whole_blocks_end = begin + (fill - begin - 1) // 8 * 8
                open_state, length = _absorb(folded, begin, whole_blocks_end, open_state)
                open_length += length
                fill -= whole_blocks_end
                store64(folded, 0, load64(folded, whole_blocks_end))
                store64(flags, 0, _ONES)
                continue
            for i in range(at, fill if wants_signs else 0):
                gap, n_gap = _lengthen(gap, n_gap, folded[i])
                may_sign |= _SIGNS[folded[i]]
            fill = 0
        if may_sign and n_words > offsets[document]:
            sign = _read_signs(gap, n_gap, last, np.uint8(0))
            signs[n_words - 1] ^= np.uint8(sign * 7)
        offsets[document + 1] = n_words
    return n_words


@kernel
def _lengthen(gap, n_gap, byte):
    """Add a byte to a gap; white space is one space, or one line feed where it holds one, however much of it there is."""
    if byte == 9 or byte == 13:
        byte = np.uint8(_SPACE)
    if byte == _SPACE or byte == _LINE_FEED:
        before = gap & np.uint64(0xFF) if n_gap else np.uint64(0)
        if before == _LINE_FEED or before == _SPACE:
            return (gap & ~np.uint64(0xFF)) | np.uint64(min(before, byte)), n_gap
    return gap << _U8 | np.uint64(byte), n_gap + 1


@kernel
def _read_signs(gap, n_gap, last, first):
    """What the signs between two words come to, 1 to 255; 0 for none.

    Args:
        gap: its last eight bytes, the last one lowest, white space shortened.
        n_gap: its bytes.
        last: byte of the word before it, 0 at the start of a document.
        first: byte of the word behind it, 0 at the end.
    """
    n_seen = min(n_gap, 8)
    before_digit, behind_digit = 48 <= first <= 57, 48 <= last <= 57
    found = np.uint8(0)
    run = 0
    for i in range(n_seen - 1, -1, -1):
        byte = np.int64(gap >> np.uint64(8 * i)) & 0xFF
        kind = _SIGNS[byte]
        before = np.int64(gap >> np.uint64(8 * (i + 1))) & 0xFF if i + 1 < n_seen else -1
        behind = np.int64(gap >> np.uint64(8 * (i - 1))) & 0xFF if i else -1
        run = run + 1 if byte == before else 1
        if kind == 0:
            continue
        # At the beginning of a line, with a space behind it, it is a bullet or marks a quotation.
        opens_line = before == _LINE_FEED or (n_gap <= 8 and before == -1 and last == 0)
        counts = False
        if kind == 1:
            is_ruler = run + _run_length(gap, i - 1, byte) > _LONGEST_SIGN
            counts = not is_ruler and not (opens_line and behind == _SPACE)
        elif byte == 45 or byte == 33:  # - and !: before a word, and none before them; 3 - 2; !=
            stands_free = before != -1 or last == 0
            if i == 0:
                counts = stands_free and first != 0 and (before_digit or byte == 33 or not opens_line)
            elif byte == 45:
                counts = before == _SPACE and behind == _SPACE and i == 1 and before_digit
            else:
                counts = behind == 61
        elif byte == 42:
            counts = n_gap <= _LONGEST_SIGN and gap == _STARS[n_gap] and last != 0 and first != 0
        else:
            counts = n_gap == 1 and before_digit and behind_digit
        if counts:
            found = np.uint8(found * 31 + byte)
            found = max(found, np.uint8(1))
    return found


@kernel
def _run_length(gap, i, byte):
    """How many bytes of a gap, from `i` on towards its end, are the same."""
    n = 0
    while i - n >= 0 and np.int64(gap >> np.uint64(8 * (i - n))) & 0xFF == byte:
        n += 1
    return n


# Helpers of this loop take numbers, not arrays: numba counts references at every call that passes an
# array, which costs ten times the work on one code point.
@kernel
def _fold_tile(data, position, end, kinds, fold_pages, folds, folded, flags, fill):
    """Fold text into the tile until either ends; returns (position, fill)."""
    is_ascii = True  # as the bytes before: many at once are tried only where they are likely to be
    while position < end and fill <= _TILE - 8:
        if is_ascii and position + 64 <= end and fill <= _TILE - 64:
            n_ascii = fold_ascii_64(data, position, folded, flags, fill)
            position += n_ascii
            fill += n_ascii
            is_ascii = n_ascii == 64
            continue
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
            is_ascii = n_ascii == 8
            continue
        length, code_point, packed = _decode(block, n_left)
        kind = kinds[code_point]
        position += length
        if kind == SEPARATOR:  # as is a byte that is not UTF-8: code point 0
            flags[fill] = 0
            folded[fill] = _sign_byte(code_point)
            fill += 1
            continue
        if kind & FOLDING:
            entry = folds[np.int64(fold_pages[code_point >> 6]) * 64 + (code_point & 63)]
            packed = entry & np.uint64(0x00FFFFFFFFFFFFFF)
            length = np.int64(entry >> np.uint64(56))
        is_single = (kind & SINGLE) >> 1  # between separators of its own
        flags[fill] = 0
        folded[fill] = 0
        fill += is_single
        store64(folded, fill, packed)
        store64(flags, fill, _HIGH)
        fill += length
        flags[fill] = 0
        fill += is_single
    return position, fill


@kernel(inline=True)
def _sign_byte(code_point):
    """The byte that stands for a separator beyond ASCII: of 128 and more for a mathematical operator, else 0."""
    if code_point == 0x2212:
        return 45
    if 0x2200 <= code_point < 0x2300 or code_point == 0xD7 or code_point == 0xF7 or code_point == 0xB1:
        return 0x80 | (code_point & 0x7F)
    return 0


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
        bits = bytes_between(flags, base, 128, 255)
        edges = bits ^ (bits << _U1 | carry)
        carry = bits >> np.uint64(63)
        while edges:
            toggles[n_toggles] = base + count_trailing_zeros(edges)
            n_toggles += 1
            edges &= edges - _U1
    return n_toggles


@kernel
def _hash_span(folded, begin, stop):
    """Hash folded[begin:stop]. Most words fit into one block, but which do not cannot be foreseen: two are always taken."""
    length = stop - begin
    if length <= 16:
        state = _absorb_block(_SEED, load64(folded, begin), min(length, 8))
        longer = _absorb_block(state, load64(folded, begin + 8), max(length - 8, 1))
        state = longer if length > 8 else state
    else:
        state, _ = _absorb(folded, begin, stop, _SEED)
    return _finish(state, length)


@kernel(inline=True)
def _absorb_block(state, block, n_bytes):
    """Take the first one to eight bytes of a block into the state, as if zeros stood behind them."""
    block &= _ONES >> np.uint64(64 - 8 * n_bytes)
    state = (state ^ block) * _MULTIPLY_BLOCK
    return state ^ (state >> np.uint64(32))


@kernel
def _absorb(folded, begin, stop, state):
    """Take the bytes into the state, in blocks of eight, the last one padded with zeros."""
    at = begin
    while at < stop:
        state = _absorb_block(state, load64(folded, at), min(stop - at, 8))
        at += 8
    return state, stop - begin


@kernel
def _finish(state, length):
    state = (state ^ np.uint64(length)) * _MULTIPLY_LENGTH
    return state ^ (state >> np.uint64(29))
