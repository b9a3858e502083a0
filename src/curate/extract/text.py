# ruff: noqa: FBT003, PLR0912, PLR0915, SIM110  (kernels take their arrays by position and decide byte by byte)
"""The writer of the scanner: HTML text to clean UTF-8 with entities decoded and white space collapsed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.extract.tags import (
    CP1252,
    ENTITY_KEYS,
    ENTITY_VALUES,
    FNV_OFFSET,
    FNV_PRIME,
    MASK32,
    MAX_ENTITY_CHARS,
    MAX_OPEN_ENTITY_CHARS,
    look_up,
    peek,
)
from curate.extract.tokens import HIGH, mark_below, mark_equal
from curate.text.kernel import kernel
from curate.text.unaligned import count_trailing_zeros, load64, store64

# Slots of the scanner's state, an int64 array, because numba passes scalars by value.
(
    OUT,  # where the next byte of text goes
    BLOCK_START,  # where the open block's text began
    PENDING,  # what must be written before the next visible character: bits below
    N_BLOCKS,
    N_ELEMENTS,
    N_TOKENS,
    N_LINKS,
    DEPTH,  # size of the stack of open elements
    OVERFLOW,  # elements opened beyond MAX_DEPTH
    HIDDEN_AT,  # stack index of the outermost element without text, -1
    PRE_AT,  # stack index of the outermost pre, -1
    LINK_AT,  # stack size when the open link began, -1
    LINK_START,  # where in the text the open link began
    LINK_BYTES,  # bytes of text within links in the open block
    LINK_COUNT,
    HREF_START,
    HREF_END,
    ELEMENT,  # block-level element that holds what is written now
    BLOCK_ELEMENT,  # the same when the open block began
    CELL_START,  # where the open table cell's text began
    CELLS,  # cells joined in the open block
    ROW,  # the open table row's element
    MATH_END,  # the page has been searched for the end of a formula up to here
    FORMULA_END,  # where in the text the last formula ended
    FORMULA_START,  # where it began, if it was made from MathML beside which TeX may still come; -1
    PRE_KIND,  # what PRE_AT is: below
    BOX_AT,  # stack index of an element with code that line breaks lay out, -1
    INDENT,  # blanks at the beginning of the line to come
    LINK_FIRST,  # the block in which the open link began
    LINK_LONG,  # blocks of prose that it has run over
    LANG_START,  # the programming language that was named last, a span of the page
    LANG_END,
    LANG_AT,  # stack index of the element that names it, -1
    SEPARATORS,  # table cells begun since the last text in the row
    ROW_KIND,  # what ROW is: below
    ROW_FIRST,  # whether no cell of the row has begun
    COLUMN,  # of the open row
    TABLES,  # open tables
    SPARE,  # separators that spanned cells may still add, so that the text is bounded
    LOOKED,  # bytes that were looked at ahead
    XML,  # whether the page is XML
    RENDERED,  # whether the hidden element is a formula as typeset
    CUSTOM_END,  # where in the text the last element of an unknown name ended
    CUSTOM_NAME,  # that name
    PRE_ELEMENT,  # the block-level element of PRE_AT
    SPAN_AFTER,  # columns that the open cell spans beyond its first
    LINK_KIND,  # of the open link: one of the numbers below
    INNER_BYTES,  # bytes of text within links to places on the page in the open block
    N_SLOTS,
) = range(49)
# Behind them, for each open table: the rows that cells still span, by column; last, whether it had a row of data.
MAX_COLUMNS, MAX_TABLES = 64, 8
SPANS_AT = N_SLOTS
N_STATE = SPANS_AT + MAX_COLUMNS * MAX_TABLES

# Links elsewhere, to a named place of another page or of this page.
ELSEWHERE, NAMED, INNER, IN_CODE = range(4)

SPACE, BREAK, PARAGRAPH, CELL_MARK, NEW = 1, 2, 4, 8, 16
# Of PRE_AT: an element of code; one whose style keeps blanks, which is code where lines are indented; a line of a table.
PRE_CODE, PRE_STYLE = 1, 2
# Of ROW: a row of layout, whose cells stand apart where they are long; one of data, which is one line whatever its cells hold.
ROW_LAYOUT, ROW_DATA = 0, 1
# From so many bytes on a block in a link counts as prose; a link over so many such is one that was never closed.
LONG_LINK_BYTES, MAX_LINK_BLOCKS = 60, 2
MAX_INDENT = 40
EIGHT = np.uint64(8)

# Bytes that are copied as they are: not white space, `&`, `<`, or the first byte of a space beyond ASCII.
PLAIN = np.ones(256, dtype=np.bool_)
PLAIN[:33] = PLAIN[[0x26, 0x3C, 0x7F, 0xC2, 0xE2, 0xE3, 0xEF]] = False

# Columns of the block table (int32).
# Links to places on the same page are no way off it: they count in B_INNER_BYTES and nowhere else.
(
    B_START,
    B_END,
    B_ELEMENT,
    B_LINK_BYTES,
    B_LINKS,
    B_CELLS,
    B_PRE,
    B_INNER_BYTES,
    B_LANG_START,
    B_LANG_END,
) = range(10)
N_BLOCK_FIELDS = 10


@kernel(allocates=False)
def count_link(s: NDArray[np.int64], n_bytes: int) -> None:
    """Count the text of the open link, or of its part in the open block."""
    if s[LINK_KIND] == INNER:
        s[INNER_BYTES] += n_bytes
    elif n_bytes > 0 and s[LINK_KIND] != IN_CODE:
        s[LINK_BYTES] += n_bytes
        s[LINK_COUNT] += 1


@kernel(allocates=False)
def flush_block(text: NDArray[np.uint8], s: NDArray[np.int64], blocks: NDArray[np.int32]) -> None:
    """End the open block: record it if it holds any text and the table has room."""
    start, out = s[BLOCK_START], s[OUT]
    while out > start and text[out - 1] <= 32:
        out -= 1
    if s[ROW] >= 0 and s[ROW_KIND] == ROW_DATA and out > start and s[CELLS] > 0:
        empty = s[SEPARATORS] + s[SPAN_AFTER]  # cells at the end of a row
        for _ in range(empty):
            text[out] = 32
            text[out + 1] = 124
            out += 2
        s[CELLS] += empty
    s[SEPARATORS] = s[SPAN_AFTER] = 0
    if s[LINK_AT] >= 0:
        _flush_link(out, s, blocks)
    n = s[N_BLOCKS]
    if out > start and n < blocks.shape[0]:
        is_code = _is_code(text, start, out, s)
        blocks[n, B_START] = start
        blocks[n, B_END] = out
        blocks[n, B_ELEMENT] = s[BLOCK_ELEMENT]
        # names in code that lead to their documentation make no menu of it
        blocks[n, B_LINK_BYTES] = 0 if is_code else s[LINK_BYTES]
        blocks[n, B_LINKS] = 0 if is_code else s[LINK_COUNT]
        blocks[n, B_CELLS] = s[CELLS]
        blocks[n, B_PRE] = is_code
        blocks[n, B_INNER_BYTES] = 0 if is_code else s[INNER_BYTES]
        blocks[n, B_LANG_START] = s[LANG_START] if s[LANG_AT] >= 0 else 0
        blocks[n, B_LANG_END] = s[LANG_END] if s[LANG_AT] >= 0 else 0
        s[N_BLOCKS] = n + 1
    else:
        out = start
    s[OUT] = s[BLOCK_START] = s[LINK_START] = out
    s[LINK_BYTES] = s[INNER_BYTES] = s[LINK_COUNT] = s[CELLS] = s[INDENT] = 0
    s[CUSTOM_END] = -1
    s[PENDING] = NEW


@kernel(embed=True, allocates=False)
def _flush_link(out: int, s: NDArray[np.int64], blocks: NDArray[np.int32]) -> None:
    """A block ends within a link. One that runs over paragraphs was never closed, and says nothing of any of them."""
    n_bytes = out - s[LINK_START]
    if n_bytes <= 0:
        return
    s[LINK_LONG] += n_bytes >= LONG_LINK_BYTES
    if s[LINK_LONG] > MAX_LINK_BLOCKS:
        for b in range(s[LINK_FIRST], s[N_BLOCKS]):
            blocks[b, B_LINK_BYTES] = blocks[b, B_INNER_BYTES] = blocks[b, B_LINKS] = 0
        s[LINK_AT] = -1
    else:
        count_link(s, n_bytes)


@kernel(embed=True, allocates=False)
def _is_code(text: NDArray[np.uint8], start: int, out: int, s: NDArray[np.int64]) -> bool:
    if s[PRE_AT] >= 0:
        if s[PRE_KIND] == PRE_CODE:
            return True
        for i in range(start, out - 2):
            if text[i] == 10 and (text[i + 1] == 9 or (text[i + 1] == 32 and text[i + 2] == 32)):
                return True
        return False
    return s[BOX_AT] >= 0 and s[CELLS] == 0


@kernel(allocates=False)
def write_pending(text: NDArray[np.uint8], s: NDArray[np.int64], blocks: NDArray[np.int32]) -> int:
    """Write what must stand before the next visible character; return where that goes."""
    if s[PENDING] & PARAGRAPH and not s[PENDING] & NEW:
        flush_block(text, s, blocks)
    pending, out = s[PENDING], s[OUT]
    if pending & NEW:
        s[BLOCK_ELEMENT] = s[PRE_ELEMENT] if s[PRE_AT] >= 0 else s[ELEMENT]
        for _ in range(s[SEPARATORS]):
            text[out] = 124
            text[out + 1] = 32
            out += 2
        s[CELLS] = s[SEPARATORS]
        s[CELL_START] = out
    elif pending & CELL_MARK:
        if s[CELLS] == 0:
            for i in range(s[BLOCK_START], out):  # a row is one line
                text[i] = 32 if text[i] == 10 else text[i]
        for _ in range(s[SEPARATORS]):
            text[out] = 32
            text[out + 1] = 124
            out += 2
        text[out] = 32
        out += 1
        s[CELLS] += s[SEPARATORS]
        s[CELL_START] = out
    elif pending & BREAK and not (s[CELLS] > 0 or (s[ROW] >= 0 and s[ROW_KIND] == ROW_DATA)):
        text[out] = 10
        out += 1
        if s[INDENT] > 1:
            for _ in range(s[INDENT]):
                text[out] = 32
                out += 1
    elif pending & (SPACE | BREAK):
        text[out] = 32
        out += 1
    if s[LINK_AT] >= 0 and s[LINK_START] == s[OUT]:
        s[LINK_START] = out
    s[PENDING] = s[INDENT] = s[SEPARATORS] = 0
    s[OUT] = out
    return out


@kernel(allocates=False)
def put_code_point(text: NDArray[np.uint8], out: int, code: int) -> int:
    """Write one code point as UTF-8; return where the next goes."""
    if code < 0x80:
        text[out] = code
        return out + 1
    if code < 0x800:
        text[out] = 0xC0 | (code >> 6)
        text[out + 1] = 0x80 | (code & 63)
        return out + 2
    if code < 0x10000:
        text[out] = 0xE0 | (code >> 12)
        text[out + 1] = 0x80 | ((code >> 6) & 63)
        text[out + 2] = 0x80 | (code & 63)
        return out + 3
    text[out] = 0xF0 | (code >> 18)
    text[out + 1] = 0x80 | ((code >> 12) & 63)
    text[out + 2] = 0x80 | ((code >> 6) & 63)
    text[out + 3] = 0x80 | (code & 63)
    return out + 4


@kernel(allocates=False)
def _read_number(html: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """A numeric reference that begins after `&#`: (code point, place after it); (-1, i) where there is none."""
    base = 10
    if i < stop and html[i] | 32 == 120:
        base = 16
        i += 1
    code, begin = 0, i
    while i < stop:
        byte = html[i]
        digit = byte - 48 if 48 <= byte <= 57 else (byte | 32) - 87 if 97 <= byte | 32 <= 102 else 99
        if digit >= base:
            break
        code = min(code * base + digit, 0x110000)
        i += 1
    if i == begin:
        return -1, i
    if i < stop and html[i] == 59:
        i += 1
    if 128 <= code < 160:
        code = CP1252[code - 128]
    if code == 0 or code >= 0x110000 or 0xD800 <= code < 0xE000:
        code = 0xFFFD
    return code, i


@kernel(allocates=False)
def read_entity(html: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """The character reference at `&`: (first | second code point << 32, place after it); '&' itself if none."""
    if i + 1 < stop and html[i + 1] == 35:
        code, end = _read_number(html, i + 2, stop)
        # "&#9" of two bytes' gain at most: four bytes of UTF-8 need at least five of reference
        return (code, end) if code >= 0 else (38, i + 1)
    value, j = FNV_OFFSET, i + 1
    limit = min(stop, j + MAX_ENTITY_CHARS)
    while j < limit:
        byte = html[j]
        if not (48 <= byte <= 57 or 97 <= byte | 32 <= 122):
            break
        value = (value ^ byte) * FNV_PRIME & MASK32
        j += 1
    if j > i + 1 and j < stop and html[j] == 59:
        found = look_up((value ^ 59) * FNV_PRIME & MASK32, ENTITY_KEYS, ENTITY_VALUES)
        if found:
            return found, j + 1
    # Some old names stand without ';', and the longest that a word begins with counts; but not before '=', as in the
    # address ?a=1&copy=2
    best, end = 38, i + 1
    if j > i + 1 and not (j < stop and html[j] == 61):
        value, k = FNV_OFFSET, i + 1
        while k < min(j, i + 1 + MAX_OPEN_ENTITY_CHARS):
            value = (value ^ html[k]) * FNV_PRIME & MASK32
            k += 1
            found = look_up(value, ENTITY_KEYS, ENTITY_VALUES)
            if found:
                best, end = found, k
    return best, end


@kernel(allocates=False)
def _is_space_code(code: int) -> bool:
    return (
        code <= 32 or code in (0xA0, 0x3000, 0x2028, 0x2029, 0x202F, 0x205F, 0x85) or 0x2000 <= code <= 0x200A
    )


@kernel(allocates=False)
def _is_dropped_code(code: int) -> bool:
    """Characters that carry no text: soft hyphen, zero-width space, byte order mark, delete."""
    return code in (0xAD, 0x200B, 0xFEFF, 0x2060, 0x7F)


@kernel(allocates=False)
def _divides_words(text: NDArray[np.uint8], s: NDArray[np.int64]) -> Any:
    """Whether what is written ends in Thai, Lao, Khmer or Myanmar: there zero-width spaces alone divide words."""
    out = s[OUT]
    if out < 3 or s[PENDING]:
        return False
    first, second = text[out - 3], text[out - 2]
    if first == 0xE0:
        return 0xB8 <= second <= 0xBB
    return first == 0xE1 and (0x80 <= second <= 0x82 or 0x9E <= second <= 0x9F)


@kernel(allocates=False)
def _peek_special(html: NDArray[np.uint8], i: int, stop: int) -> tuple[int, int]:
    """(code point, bytes) of a space or dropped character in UTF-8 at `i`; (-1, 0) for all others."""
    byte = html[i]
    if byte == 0xC2 and i + 1 < stop:
        if html[i + 1] in (0xA0, 0xAD, 0x85):
            return html[i + 1], 2
    elif byte in (0xE2, 0xE3, 0xEF) and i + 2 < stop:
        code = ((byte & 15) << 12) | ((html[i + 1] & 63) << 6) | (html[i + 2] & 63)
        if _is_space_code(code) or _is_dropped_code(code):
            return code, 3
    return -1, 0


@kernel(allocates=False)
def write_space(text: NDArray[np.uint8], s: NDArray[np.int64], blocks: NDArray[np.int32], code: int) -> None:
    """White space: one pending space in prose; kept as it is inside pre."""
    if s[PRE_AT] < 0:
        if code in (9, 10, 12, 13, 32) or code > 32:
            s[PENDING] |= SPACE
        return
    if code in (10, 13):
        if s[PENDING] & NEW or s[OUT] == s[BLOCK_START]:
            s[OUT] = s[BLOCK_START]  # blank first lines
            return
        out = write_pending(text, s, blocks)
        while out > s[BLOCK_START] and text[out - 1] in (32, 9):
            out -= 1
        text[out] = 10
        s[OUT] = out + 1
    elif code == 9 or code >= 32:
        out = write_pending(text, s, blocks)
        text[out] = 9 if code == 9 else 32
        s[OUT] = out + 1


@kernel(embed=True, allocates=False)
def write_run(
    html: NDArray[np.uint8],
    i: int,
    stop: int,
    markup: bool,  # noqa: FBT001 - a kernel
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
) -> int:
    """Write html[i:stop], up to the next tag where it is `markup`; return where it ended."""
    collapse = s[PRE_AT] < 0
    while i < stop:
        byte = peek(html, i)
        if PLAIN[byte]:
            out = write_pending(text, s, blocks) if s[PENDING] else s[OUT]
            # a single blank between two words is the same wherever it stands
            while i + 8 <= stop:
                word = load64(html, i)
                blanks = mark_equal(word, 32)
                other = blanks & (blanks << EIGHT) | mark_below(word, 32)
                other |= mark_equal(word, 38) | mark_equal(word, 60) | mark_equal(word, 0x7F)
                if word & HIGH:
                    other |= mark_equal(word, 0xC2) | mark_equal(word, 0xE2)
                    other |= mark_equal(word, 0xE3) | mark_equal(word, 0xEF)
                n = count_trailing_zeros(other) >> 3
                if n > 0 and peek(html, i + n - 1) == 32:
                    n -= 1
                store64(text, out, word)
                out += n
                i += n
                if other:
                    break
            if i >= stop:
                s[OUT] = out
                break
            byte = peek(html, i)
            while PLAIN[byte] or (byte == 32 and i + 1 < stop and PLAIN[peek(html, i + 1)]):
                text[np.uint64(out)] = byte
                out += 1
                i += 1
                if i >= stop:
                    break
                byte = peek(html, i)
            s[OUT] = out
            continue
        if byte == 60 and markup and i + 1 < stop:
            after = html[i + 1]
            if 97 <= after | 32 <= 122 or after in (33, 47, 63):
                return i
        if byte <= 32:
            if collapse:
                s[PENDING] |= SPACE
                if s[INDENT] > 0:
                    s[INDENT] = min(s[INDENT] + 1, MAX_INDENT)
                while i < stop and peek(html, i) <= 32:
                    i += 1
            else:
                # two bytes that are one end of a line
                if not (byte == 13 and i + 1 < stop and html[i + 1] == 10):
                    write_space(text, s, blocks, byte)
                i += 1
            continue
        code, second, n_bytes = -1, 0, 1
        if byte == 38:
            code, end = read_entity(html, i, stop)
            second = code >> 32
            code &= 0xFFFFFFFF
            n_bytes = end - i
        elif byte >= 0x7F:
            code, n_bytes = (0x7F, 1) if byte == 0x7F else _peek_special(html, i, stop)
            if code < 0:
                n_bytes = 1
        if code >= 0 and _is_space_code(code):
            if collapse and code > 32 and s[PENDING] & BREAK:  # blanks that indent a line
                s[INDENT] = min(s[INDENT] + 1, MAX_INDENT)
            write_space(text, s, blocks, min(code, 32))
        elif code < 0 or not _is_dropped_code(code) or (code == 0x200B and _divides_words(text, s)):
            out = write_pending(text, s, blocks) if s[PENDING] else s[OUT]
            if code < 0:
                text[out] = byte
                out += 1
            else:
                out = put_code_point(text, out, code)
                if second:
                    out = put_code_point(text, out, second)
            s[OUT] = out
        i += n_bytes
    return i


@kernel(allocates=False)
def write_span(
    html: NDArray[np.uint8],
    i: int,
    stop: int,
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
) -> None:
    """Write html[i:stop], whatever it is, in a kernel of its own: what is called rarely is not put into its callers."""
    write_run(html, i, stop, False, text, s, blocks)
