# ruff: noqa: PLR0912, PLR0911  (kernels take their arrays by position and decide byte by byte)
# pyright: reportReturnType=false
"""What can only be told by looking ahead: what a hidden element holds, how code is laid out, what a table's row is.

Each look stops after so many bytes, and all of a page's together are bounded by a multiple of its size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.tags import (
    A_CLASS,
    A_DATA_LANG,
    A_DATA_LANGUAGE,
    BLOCK,
    CELL,
    LEX_CONSENT,
    LEX_GUTTER,
    LEX_HIDE,
    LEX_SIGNATURE,
    RAW,
    ROWS,
    TAG_BITS,
    TAG_KEYS,
    TAG_NUMBERS,
    TAG_VALUES,
    fnv,
    look_up,
    make_table,
)
from curate.extract.text import LOOKED, MAX_COLUMNS, MAX_TABLES, SPANS_AT, TABLES
from curate.extract.tokens import find_byte, read_name, skip_to_tag_end
from curate.text.kernel import kernel

MAX_HIDDEN_BYTES = 400  # of text outside links that a class word may hide
MAX_NOTICE_BYTES = 400
MAX_LOOK_BYTES = 16_384
MANY_LINES = 50  # that are elements and hold nothing but text
MAX_CELL_BYTES = 160  # a longer cell is layout or prose and a block of its own
MAX_LONG_CELL_BYTES = 600  # in a row of data one cell may be longer, up to this

T_A, T_P, T_BR, T_DIV, T_PRE = (TAG_NUMBERS[t] for t in ("a", "p", "br", "div", "pre"))
T_ARTICLE, T_MAIN, T_H1, T_H6 = (TAG_NUMBERS[t] for t in ("article", "main", "h1", "h6"))
T_TABLE, T_TR, T_XMP, T_UL, T_OL = (TAG_NUMBERS[t] for t in ("table", "tr", "xmp", "ul", "ol"))
T_BLOCKQUOTE, T_SECTION, T_DL, T_LI = (TAG_NUMBERS[t] for t in ("blockquote", "section", "dl", "li"))
T_FIGURE, T_CODE = TAG_NUMBERS["figure"], TAG_NUMBERS["code"]
NO_LAYOUT, BY_WHITE_SPACE, BY_BREAKS = 0, 1, 2


@kernel(allocates=False)
def may_look(html: NDArray[np.uint8], s: NDArray[np.int64]) -> bool:
    """Whether the page's share of looking ahead is not used up."""
    return s[LOOKED] <= 4 * html.size + 65_536


@kernel(allocates=False)
def read_tag(html: NDArray[np.uint8], i: int) -> tuple[int, bool, int]:
    """What stands at the `<` at i: (tag or 0, whether it is an end tag, the place after it); -1 for text."""
    if i + 1 >= html.size:
        return -1, False, html.size
    after = html[i + 1]
    if after == 47:
        key, end = read_name(html, i + 2)
        return look_up(key, TAG_KEYS, TAG_VALUES), True, skip_to_tag_end(html, end)
    if 97 <= after | 32 <= 122:
        key, end = read_name(html, i + 1)
        return look_up(key, TAG_KEYS, TAG_VALUES), False, skip_to_tag_end(html, end)
    if after in (33, 63):
        return 0, False, skip_to_tag_end(html, i)
    return -1, False, i + 1


@kernel(allocates=False)
def skip_raw(html: NDArray[np.uint8], i: int, stop: int, tag: int) -> int:
    """The place of the end tag of a raw element, at most `stop`."""
    i = find_byte(html, i, 60)
    while i + 2 < stop:
        if html[i + 1] == 47:
            key, _ = read_name(html, i + 2)
            if look_up(key, TAG_KEYS, TAG_VALUES) == tag:
                return i
        i = find_byte(html, i + 1, 60)
    return min(i, stop)


@kernel(allocates=False)
def _blank_size(html: NDArray[np.uint8], i: int) -> int:
    """Bytes of a blank at `i`, also as a reference or beyond ASCII; 0 where there is none."""
    byte = html[i]
    if byte <= 32:
        return 1
    if byte == 0xC2 and i + 1 < html.size and html[i + 1] == 0xA0:
        return 2
    if byte == 38 and i + 4 < html.size and html[i + 1] == 110 and html[i + 2] == 98 and html[i + 3] == 115:
        return 6 if i + 5 < html.size and html[i + 5] == 59 else 5
    if (
        byte == 38
        and i + 5 < html.size
        and html[i + 1] == 35
        and html[i + 2] == 49
        and html[i + 3] == 54
        and html[i + 4] == 48
    ):
        return 6
    return 0


@kernel(allocates=False)
def _pass_tag(html: NDArray[np.uint8], i: int, stop: int) -> tuple[int, bool, int]:
    """The same as `read_tag`, but the place is after the content of a script or the like."""
    found, ends, end = read_tag(html, i)
    if found > 0 and not ends and TAG_BITS[found] & RAW:
        end = skip_raw(html, end, stop, found)
    return found, ends, max(end, i + 1)


@kernel(allocates=False)
def holds_much(html: NDArray[np.uint8], i: int, tag: int, kind: int, s: NDArray[np.int64]) -> bool:
    """Whether an element of class words of this kind holds more than such an element hides.

    Line numbers are no letters, scraps for screen readers no code, article or several sentences outside links, a
    question about cookies no article, a signature no code.
    """
    if not may_look(html, s):
        return False
    begin, stop = i, min(html.size, i + MAX_LOOK_BYTES)
    depth, n_text, in_link, much = 1, 0, False, False
    while i < stop and not much:
        if html[i] == 60:
            found, ends, end = _pass_tag(html, i, stop)
            if found >= 0:
                if found == tag:
                    depth += -1 if ends else 1
                    if depth == 0:
                        break
                if found == T_A:
                    in_link = not ends
                if not ends and kind != LEX_GUTTER:
                    much = found in (T_ARTICLE, T_MAIN, T_H1) or (found == T_PRE and kind == LEX_HIDE)
                    much |= kind == LEX_SIGNATURE and found in (T_PRE, T_CODE)
                i = end
                continue
        size = _blank_size(html, i)
        if size:
            i += size
            continue
        byte = html[i]
        if kind == LEX_GUTTER:
            if byte == 38:
                size = 1
                while size < 10 and i + size < stop and html[i + size] > 32 and html[i + size] != 59:
                    size += 1
                i += size
                continue
            much = 97 <= byte | 32 <= 122 or byte >= 0xC3
        elif not in_link:
            n_text += 1
            much = n_text > MAX_HIDDEN_BYTES and kind != LEX_CONSENT
        i += 1
    s[LOOKED] += i - begin
    return much


JAVASCRIPT = np.frombuffer(b"javascript", np.uint8)


@kernel(allocates=False)
def is_notice(html: NDArray[np.uint8], i: int, tag: int, s: NDArray[np.int64]) -> bool:
    """Whether what an element without scripts shows is only that scripts are wanted."""
    if not may_look(html, s):
        return False
    begin, stop = i, min(html.size, i + 8 * MAX_NOTICE_BYTES)
    n_text, matched, found_word = 0, 0, False
    while i < stop:
        if html[i] == 60:
            found, ends, end = read_tag(html, i)
            if found >= 0:
                if found == tag and ends:
                    break
                i = max(end, i + 1)
                continue
        byte = html[i]
        low = byte + np.uint8(32) if 65 <= byte <= 90 else byte
        n_text += byte > 32
        if low == JAVASCRIPT[matched]:
            matched += 1
            if matched == JAVASCRIPT.size:
                found_word, matched = True, 0
        elif byte > 32 or matched != 4:  # "Java Script"
            matched = 1 if low == JAVASCRIPT[0] else 0
        i += 1
        if n_text > MAX_NOTICE_BYTES:
            break
    s[LOOKED] += i - begin
    return found_word and n_text <= MAX_NOTICE_BYTES


@kernel(allocates=False)
def code_layout(
    html: NDArray[np.uint8],
    i: int,
    tag: int,
    alone: bool,  # noqa: FBT001
    s: NDArray[np.int64],
) -> int:
    """How the code in an element is laid out: by its white space, by line breaks, or, where it is none, not at all.

    `alone` asks for an inline element that no text of its block follows.
    """
    if not may_look(html, s):
        return NO_LAYOUT
    begin, stop = i, min(html.size, i + 2 * MAX_LOOK_BYTES)
    depth, n_breaks, n_lines, n_divs, n_text = 1, 0, 0, 0, 0
    line = False
    verdict = -1
    while i < stop:
        if html[i] == 60:
            found, ends, end = _pass_tag(html, i, stop)
            if found >= 0:
                if found == tag:
                    depth += -1 if ends else 1
                    if depth == 0:
                        i = end
                        break
                if not ends:
                    n_breaks += found == T_BR
                    n_divs += found == T_DIV
                    structured = found in (
                        T_P,
                        T_UL,
                        T_OL,
                        T_DL,
                        T_PRE,
                        T_TABLE,
                        T_BLOCKQUOTE,
                        T_SECTION,
                        T_ARTICLE,
                    )
                    if structured or T_H1 <= found <= T_H6 or (alone and TAG_BITS[found] & BLOCK):
                        verdict = NO_LAYOUT
                        break
                i = end
                continue
        if html[i] in (10, 13):
            line = n_text > 0
        elif html[i] > 32:
            n_lines += line
            line = False
            n_text += 1
        i += 1
    s[LOOKED] += i - begin
    if verdict >= 0 or n_text == 0:
        return NO_LAYOUT
    if i >= stop:  # a long listing, unless nothing but its class says so
        return BY_WHITE_SPACE if n_divs > MANY_LINES and not alone else NO_LAYOUT
    if alone:
        if n_breaks == 0 and n_lines == 0:
            return NO_LAYOUT
        while i < html.size and html[i] <= 32:
            i += 1
        if i < html.size:
            if html[i] != 60:
                return NO_LAYOUT
            found, _, _ = read_tag(html, i)
            if found <= 0 or not (TAG_BITS[found] & BLOCK):
                return NO_LAYOUT
    if n_breaks > 0:
        return BY_BREAKS
    return BY_WHITE_SPACE if n_lines > 0 or n_divs > 1 else BY_BREAKS


@kernel(allocates=False)
def begins_with(html: NDArray[np.uint8], i: int, tag: int) -> bool:
    """Whether the first thing at `i`, white space aside, is a start tag of this name."""
    while i < html.size and html[i] <= 32:
        i += 1
    if i >= html.size or html[i] != 60:
        return False
    found, ends, _ = read_tag(html, i)
    return found == tag and not ends


@kernel(allocates=False)
def _is_reached(s: NDArray[np.int64]) -> bool:
    """Whether a cell of an earlier row reaches into the row that starts."""
    base = SPANS_AT + (s[TABLES] - 1) * MAX_COLUMNS
    reached = False
    for column in range(MAX_COLUMNS - 1):
        reached |= s[base + column] > 0
    return reached


@kernel(allocates=False)
def is_data_row(html: NDArray[np.uint8], i: int, s: NDArray[np.int64]) -> bool:
    """Whether the table row whose content begins at `i` holds data, so that it is one line: several short cells.

    One may be longer, unless it is paragraphs, which two breaks part as well. A cell with a table, code or a heading in
    it is layout. In a table that had such a row already, a row with one cell that is not empty is one, too.
    """
    if not may_look(html, s) or not 1 <= s[TABLES] <= MAX_TABLES:
        return False
    wide_at = SPANS_AT + s[TABLES] * MAX_COLUMNS - 1
    begin, stop = i, min(html.size, i + MAX_LOOK_BYTES)
    n_filled = n_long = n_text = n_parts = n_cells = 0
    after_break = False
    fits = True
    while i < stop and fits:
        if html[i] == 60:
            found, ends, end = _pass_tag(html, i, stop)
            if found >= 0:
                bits = TAG_BITS[found]
                if bits & ROWS and (ends or found != T_TABLE):
                    break
                if not ends:
                    if bits & CELL:
                        n_filled += n_text > 0
                        n_long += n_text > MAX_CELL_BYTES
                        n_text = n_parts = 0
                        after_break = False
                        n_cells += 1
                    fits = found not in (T_TABLE, T_PRE, T_XMP, T_BLOCKQUOTE, T_ARTICLE, T_SECTION)
                    fits &= not T_H1 <= found <= T_H6
                    n_parts += found in (T_P, T_LI) or (found == T_BR and after_break)
                    after_break = found == T_BR
                i = end
                continue
        size = _blank_size(html, i)
        if size:
            i += size
            continue
        n_text += 1
        after_break = False
        fits = n_text <= MAX_LONG_CELL_BYTES
        fits &= n_text <= MAX_CELL_BYTES or n_parts < 2 or s[wide_at] != 0
        i += 1
    s[LOOKED] += i - begin
    if not fits or i >= stop:
        return False
    n_filled += n_text > 0
    n_long += n_text > MAX_CELL_BYTES
    if n_cells == 1 and n_filled == 1 and n_long == 0 and s[wide_at] != 0:
        return _is_reached(s)
    if n_long > 1 or n_cells < 2:
        return False
    if n_filled > 1:
        s[wide_at] = 1
        return True
    return s[wide_at] != 0 and n_filled == 1


# Prefixes of class words that the name of a programming language follows, and words before it.
_PREFIXES = [
    np.frombuffer(name, np.uint8)
    for name in (b"highlight-source-", b"highlight-", b"language-", b"lang-", b"src-", b"brush:")
]
P_SOURCE, P_HIGHLIGHT, P_LANGUAGE, P_LANG, P_SRC, P_BRUSH = _PREFIXES
NO_LANGUAGE_KEYS, NO_LANGUAGE_VALUES = make_table(
    {
        fnv(name): 1
        for name in [
            "none",
            "text",
            "plain",
            "plaintext",
            "txt",
            "default",
            "nohighlight",
            "no-highlight",
            "notranslate",
            "auto",
            "source",
            "undefined",
            "language",
            "nogutter",
            "output",
            "code",
            "example",
            "wrapper",
            "container",
            "block",
            "inline",
            "pre",
            "table",
        ]
    },
    64,
)
BEFORE_KEYS, BEFORE_VALUES = make_table(
    {fnv(name): 1 for name in ("sourcecode", "syntaxhighlighter", "src")}, 16
)
MAX_LANGUAGE_BYTES = 20


@kernel(allocates=False)
def _after_prefix(html: NDArray[np.uint8], i: int, end: int, prefix: NDArray[np.uint8]) -> int:
    n = prefix.size
    if i + n >= end:
        return -1
    for k in range(n):
        byte = html[i + k]
        if (byte + 32 if 65 <= byte <= 90 else byte) != prefix[k]:
            return -1
    return i + n


@kernel(allocates=False)
def _language_word(html: NDArray[np.uint8], i: int, end: int) -> tuple[int, int]:
    """The span of the language that html[i:end] begins with, (-1, -1) where it is no such name."""
    while i < end and html[i] <= 32:
        i += 1
    value, k = FNV_START, i
    while k < end:
        byte = np.int64(html[k])
        low = byte + 32 if 65 <= byte <= 90 else byte
        if not (97 <= low <= 122 or 48 <= low <= 57 or low in (43, 35, 45, 95, 46)):
            break
        value = (value ^ low) * 16777619 & 0xFFFFFFFF
        k += 1
    if k == i or k - i > MAX_LANGUAGE_BYTES or look_up(value, NO_LANGUAGE_KEYS, NO_LANGUAGE_VALUES):
        return -1, -1
    return (i, k) if k == end or html[k] <= 32 or html[k] == 59 else (-1, -1)


FNV_START = 2166136261


@kernel(allocates=False)
def find_language(html: NDArray[np.uint8], tag: int, attributes: NDArray[np.int64]) -> tuple[int, int]:
    """The span of the programming language that an element names, (-1, -1) where it names none."""
    for row in (A_DATA_LANG, A_DATA_LANGUAGE):
        if attributes[row, 1] > attributes[row, 0]:
            start, end = _language_word(html, attributes[row, 0], attributes[row, 1])
            if start >= 0:
                return start, end
    i, stop = attributes[A_CLASS, 0], min(attributes[A_CLASS, 1], attributes[A_CLASS, 0] + 512)
    follows = False
    while 0 <= i < stop:
        while i < stop and html[i] <= 32:
            i += 1
        end, value = i, FNV_START
        while end < stop and html[end] > 32:
            byte = np.int64(html[end])
            value = (value ^ (byte + 32 if 65 <= byte <= 90 else byte)) * 16777619 & 0xFFFFFFFF
            end += 1
        after = -1
        for prefix in (P_SOURCE, P_HIGHLIGHT, P_LANGUAGE, P_LANG, P_SRC, P_BRUSH):
            if after < 0:
                after = _after_prefix(html, i, end + (prefix.size == P_BRUSH.size), prefix)
        if after >= 0 or follows:
            start, stop_word = _language_word(html, i if follows and after < 0 else after, stop)
            if start >= 0:
                return start, stop_word
        follows = look_up(value, BEFORE_KEYS, BEFORE_VALUES) != 0 or (tag == T_FIGURE and end - i == 9)
        i = end
    return -1, -1
