# ruff: noqa: PLR0912, PLR0911, PLR0915  (kernels take their arrays by position and decide byte by byte)
# pyright: reportReturnType=false
"""What can be counted in each block's text, and what elements hold: integers and sums, in two passes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.scan import E_END, E_FIRST, M_OG_TITLE, M_TITLE
from curate.extract.tags import FNV_OFFSET, FNV_PRIME, MASK32, peek
from curate.extract.text import B_END, B_INNER_BYTES, B_LINK_BYTES, B_PRE, B_START, read_entity
from curate.text.kernel import kernel

# Columns of the count table (int32), one row a block.
(
    C_CHARS,  # code points that are no white space
    C_WORDS,  # runs between white space that hold a letter or digit; two CJK characters count as one, four Thai ones too
    C_DIGITS,
    C_UPPER,
    C_COMMAS,
    C_STOPS,  # ends of sentences
    C_SYMBOLS,  # | / > » • © and the like
    C_LAST,  # what the text ends in: 0 other, 1 stop, 2 colon, 3 comma, 4 ellipsis
    C_FIRST,  # what it begins with: 0 other, 1 upper-case ASCII letter, 2 digit, 3 beyond ASCII, 4 a copyright sign
    C_HASH,  # of its letters and digits, ASCII case folded
    C_BYTES,
    C_REPEATED,  # blocks before it with the same hash
    C_PROSE,  # whether it looks like sentences: ten words, an end of sentence or comma, few links
) = range(13)
N_COUNTS = 13

# Columns of the sum table (float64), one row an element: totals over the blocks within it.
(
    X_CHARS,
    X_LINK_CHARS,
    X_PROSE_CHARS,
    X_INNER_CHARS,  # within links to places on the page
    X_PRE_CHARS,
    X_BLOCKS,
    X_OWN,
    X_PATH,
    X_PATH_LOW,
    X_PATH_HIGH,
    X_SCORE,
) = range(11)
N_SUMS = 11
N_RUNNING = 5  # the first of them, as running totals over blocks
N_REPEAT_SLOTS = 4096
N_TITLES, N_TITLE_PARTS = 4, 6  # hashes that are features, and all of `hash_titles`
MIN_THAI_SENTENCE = 40  # characters, also of Lao, Burmese and Khmer


@kernel(allocates=False)
def _decode(text: NDArray[np.uint8], i: int) -> tuple[int, int]:
    """(code point, bytes) at `i` of valid UTF-8."""
    byte = np.int64(text[i])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        return ((byte & 31) << 6) | (text[i + 1] & 63), 2
    if byte < 0xF0:
        return ((byte & 15) << 12) | ((text[i + 1] & 63) << 6) | (text[i + 2] & 63), 3
    code = ((byte & 7) << 18) | ((text[i + 1] & 63) << 12)
    return code | ((text[i + 2] & 63) << 6) | (text[i + 3] & 63), 4


@kernel(allocates=False)
def _classify(code: int) -> int:
    """0 other, 1 letter or digit, 2 of a script without blanks, 3 comma, 4 stop, 5 colon, 6 ellipsis, 7 symbol; roughly."""
    if code < 128:
        if 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122:
            return 1
        if code in (44, 59):
            return 3
        if code in (46, 33, 63):
            return 4
        if code == 58:
            return 5
        return 7 if code in (124, 47, 62, 60, 92, 95, 123, 125, 42, 43, 61) else 0
    if code < 0xC0:
        return 7 if code in (0xBB, 0xAB, 0xA9, 0xAE, 0xB7) else 0
    if code < 0x2000:
        if code in (0x60C, 0x61B):
            return 3
        if code in (0x61F, 0x6D4, 0x964):
            return 4
        # Thai, Lao, Burmese, Khmer
        return 2 if 0xE00 <= code < 0xF00 or 0x1000 <= code < 0x10A0 or 0x1780 <= code < 0x1800 else 1
    if code < 0x2E80:
        if code == 0x2026:
            return 6
        return 7 if code in (0x2022, 0x203A, 0x2039) or 0x2190 <= code < 0x2C00 else 0
    if code in (0x3001, 0xFF0C, 0xFF1B):
        return 3
    if code in (0x3002, 0xFF01, 0xFF1F):
        return 4
    if code == 0xFF1A:
        return 5
    return 2 if code >= 0x3040 else 0


ASCII_KINDS = np.array([_classify.py_func(code) for code in range(128)], dtype=np.int64)
# The same of bytes: 1 a letter or digit of ASCII, 0 white space, -1 all others.
BYTE_KINDS = np.full(256, -1, np.int8)
BYTE_KINDS[:33] = 0
BYTE_KINDS[:128][ASCII_KINDS == 1] = 1
LASTS = np.array([0, 0, 0, 3, 1, 2, 4, 0], dtype=np.int64)  # C_LAST by kind


@kernel(allocates=False)
def _is_part(byte: int) -> bool:
    """Whether a byte beside an underscore is part of a name or formula: a letter or digit, a bracket, a byte beyond ASCII."""
    return byte >= 128 or ASCII_KINDS[byte] == 1 or byte in (41, 93, 123, 125, 95)


@kernel(embed=True, allocates=False)
def count_block(text: NDArray[np.uint8], start: int, end: int, row: NDArray[np.int32]) -> None:
    """Count one block's text[start:end] into `row`."""
    n_chars = n_words = n_digits = n_upper = n_commas = n_stops = n_symbols = n_cjk = n_thai = last = (
        first
    ) = 0
    in_word = 0
    hashed = FNV_OFFSET
    i = start
    while i < end:
        code = np.int64(peek(text, i))
        if n_chars > 0:
            # nearly all: letters and digits of ASCII and white space, without branches, which words would make go wrong
            kind = np.int64(peek(BYTE_KINDS, code))
            while kind >= 0:
                n_chars += kind
                n_words += kind & (1 - in_word)
                in_word = kind
                n_digits += kind & np.int64(code <= 57)
                upper = np.int64(code > 57) & np.int64(code <= 90)
                n_upper += upper
                hashed = (hashed ^ ((code | upper << 5) & -kind)) * (1 + kind * (FNV_PRIME - 1))
                last &= kind - 1
                i += 1
                if i == end:
                    break
                code = np.int64(peek(text, i))
                kind = np.int64(peek(BYTE_KINDS, code))
            if i == end:
                break
            hashed &= MASK32
        elif code <= 32:
            i += 1
            continue
        if code < 128:
            kind = peek(ASCII_KINDS, code)
            i += 1
        else:
            code, n_bytes = _decode(text, i)
            kind = _classify(code)
            i += n_bytes
        if n_chars == 0:
            first = 1 if 65 <= code <= 90 else 2 if 48 <= code <= 57 else 3 if code > 127 else 0
            first = 4 if code == 0xA9 else first
        n_chars += 1
        if kind <= 2:
            last = 0
        if kind == 1:
            n_words += 1 - in_word
            in_word = 1
            n_digits += code <= 57
            n_upper += 65 <= code <= 90
            hashed = (hashed ^ (code + 32 if 65 <= code <= 90 else code)) * FNV_PRIME & MASK32
        elif kind == 2:
            if code < 0x2000:
                n_thai += 1
            else:
                n_cjk += 1
            in_word = 0
            hashed = (hashed ^ (code & 0xFFFF)) * FNV_PRIME & MASK32
        elif kind > 2:
            n_commas += kind == 3
            n_stops += kind in (4, 6)
            # D_0 is a name, not two parts of a menu
            joins = code == 95 and i - 1 > start and i < end and _is_part(text[i - 2]) and _is_part(text[i])
            n_symbols += kind == 7 and not joins
            last = LASTS[kind]
    row[C_CHARS] = n_chars
    row[C_WORDS] = n_words + (n_cjk + 1) // 2 + (n_thai + 3) // 4
    row[C_DIGITS] = n_digits
    row[C_UPPER] = n_upper
    row[C_COMMAS] = n_commas
    # Thai ends sentences with a blank
    row[C_STOPS] = n_stops + (n_thai >= MIN_THAI_SENTENCE)
    row[C_SYMBOLS] = n_symbols
    row[C_LAST] = last
    row[C_FIRST] = first
    row[C_HASH] = np.int32(hashed & 0x7FFFFFFF)
    row[C_BYTES] = end - start
    row[C_REPEATED] = 0


@kernel(embed=True, allocates=False)
def count_blocks(
    text: NDArray[np.uint8],
    blocks: NDArray[np.int32],
    n_blocks: int,
    counts: NDArray[np.int32],
    seen: NDArray[np.int32],
) -> None:
    """Count every block, and how often its text has stood on the page before (`seen`: scratch)."""
    seen[:] = 0
    mask = seen.shape[0] - 1
    for b in range(n_blocks):
        count_block(text, blocks[b, B_START], blocks[b, B_END], counts[b])
        slot = counts[b, C_HASH] & mask
        for _ in range(8):
            if seen[slot, 1] == 0 or seen[slot, 0] == counts[b, C_HASH]:
                break
            slot = (slot + 1) & mask
        if seen[slot, 1] > 0 and seen[slot, 0] == counts[b, C_HASH]:
            counts[b, C_REPEATED] = seen[slot, 1]
        seen[slot, 0] = counts[b, C_HASH]
        seen[slot, 1] += 1
        counts[b, C_PROSE] = (
            counts[b, C_WORDS] >= 10
            and counts[b, C_STOPS] + counts[b, C_COMMAS] > 0
            and link_density(blocks, counts, b) < 0.4
            and inner_density(blocks, counts, b) < 0.8
        )


@kernel(allocates=False)
def link_density(blocks: NDArray[np.int32], counts: NDArray[np.int32], b: int) -> float:
    """Share of a block's bytes that are text of links off the page."""
    return blocks[b, B_LINK_BYTES] / max(counts[b, C_BYTES], 1)


@kernel(allocates=False)
def inner_density(blocks: NDArray[np.int32], counts: NDArray[np.int32], b: int) -> float:
    """Share of a block's bytes that are text of links to places on the page."""
    return blocks[b, B_INNER_BYTES] / max(counts[b, C_BYTES], 1)


@kernel(allocates=False)
def is_prose(counts: NDArray[np.int32], b: int) -> bool:
    """Whether a block looks like sentences."""
    return counts[b, C_PROSE] != 0


@kernel(embed=True, allocates=False)
def sum_elements(
    blocks: NDArray[np.int32],
    counts: NDArray[np.int32],
    n_blocks: int,
    elements: NDArray[np.int32],
    n_elements: int,
    running: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Totals of characters, link characters, prose characters and blocks of every element.

    Blocks of an element are consecutive, so that a running total (`running`: scratch of n_blocks + 1 rows) gives
    every element's by one subtraction.
    """
    running[0] = 0.0
    for b in range(n_blocks):
        chars = float(counts[b, C_CHARS])
        running[b + 1, 0] = running[b, 0] + chars
        running[b + 1, 1] = running[b, 1] + chars * link_density(blocks, counts, b)
        running[b + 1, 2] = running[b, 2] + (chars if is_prose(counts, b) else 0.0)
        running[b + 1, 3] = running[b, 3] + chars * inner_density(blocks, counts, b)
        running[b + 1, 4] = running[b, 4] + (chars if blocks[b, B_PRE] else 0.0)
    for e in range(n_elements):
        first, end = elements[e, E_FIRST], elements[e, E_END]
        for k in range(N_RUNNING):
            sums[e, k] = running[end, k] - running[first, k]
        sums[e, X_BLOCKS] = end - first


@kernel(allocates=False)
def hash_titles(html: NDArray[np.uint8], meta: NDArray[np.int64], hashes: NDArray[np.int32]) -> None:
    """Hashes, as in C_HASH, of the title, of its part before the first and the last separator, and of og:title.

    Behind these N_TITLES, of its part after the first and the last separator, where generators name the page.
    """
    hashes[:] = -1
    for row in (M_TITLE, M_OG_TITLE):
        i, end = meta[row, 0], min(meta[row, 1], meta[row, 0] + 2000)
        hashed, before = FNV_OFFSET, 0
        after_first = after_last = -1
        while 0 <= i < end:
            if html[i] == 38:
                code, i = read_entity(html, i, end)
                code &= 0xFFFFFFFF
            elif i + 4 > html.size:
                break
            else:
                code, n_bytes = _decode(html, i)
                i += n_bytes
            kind = _classify(code)
            if kind in (1, 2):
                letter = code + 32 if 65 <= code <= 90 else code & 0xFFFF if kind == 2 else code
                hashed = (hashed ^ letter) * FNV_PRIME & MASK32
                after_first = (after_first ^ letter) * FNV_PRIME & MASK32 if after_first >= 0 else -1
                after_last = (after_last ^ letter) * FNV_PRIME & MASK32 if after_last >= 0 else -1
            separates = code in (124, 45, 0x2013, 0x2014, 0xBB, 0xAB, 0xB7, 58, 0x2022)
            if row == M_TITLE and separates and before <= 32 and hashed != FNV_OFFSET:
                hashes[2] = np.int32(hashed & 0x7FFFFFFF)
                if hashes[1] < 0:
                    hashes[1] = hashes[2]
            if (
                separates
                and hashed != FNV_OFFSET
                and (before <= 32 or (code == 58 and i < end and html[i] == 32))
            ):
                after_last = FNV_OFFSET
                after_first = FNV_OFFSET if after_first < 0 else after_first
            before = code
        if hashed != FNV_OFFSET:
            hashes[0 if row == M_TITLE else 3] = np.int32(hashed & 0x7FFFFFFF)
        if row == M_TITLE and after_first not in (-1, FNV_OFFSET):
            hashes[4] = np.int32(after_first & 0x7FFFFFFF)
        if row == M_TITLE and after_last not in (-1, FNV_OFFSET):
            hashes[5] = np.int32(after_last & 0x7FFFFFFF)
