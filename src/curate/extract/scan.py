# ruff: noqa: PLR0911, PLR0912, PLR0915, FBT003  (kernels take their arrays by position and decide byte by byte)
# pyright: reportReturnType=false
"""One pass over a page's bytes: its text in blocks, the block-level elements that hold them, and their links.

No tree is built. A stack of open elements with HTML's implied end tags is enough to know what holds what; what
a browser does with wrongly nested bold or italics has no bearing on text. Time is linear in the bytes: the
stack has a fixed size, the page is never searched twice, and tables that are full take no more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract import tags
from curate.extract.ahead import (
    BY_BREAKS,
    BY_WHITE_SPACE,
    MAX_CELL_BYTES,
    NO_LAYOUT,
    begins_with,
    code_layout,
    find_language,
    holds_much,
    is_data_row,
    is_notice,
)
from curate.extract.mathml import convert_math
from curate.extract.scratch import Workspace
from curate.extract.scripts import write_script
from curate.extract.tags import (
    A_ALT,
    A_ALTTEXT,
    A_ARIA_HIDDEN,
    A_COLSPAN,
    A_CONTENT,
    A_DATA_LANG,
    A_DATA_LANGUAGE,
    A_DATA_MATHML,
    A_DATETIME,
    A_DISPLAY,
    A_ENCODING,
    A_HREF,
    A_ID,
    A_ITEMPROP,
    A_LANG,
    A_NAME,
    A_OPEN,
    A_PROPERTY,
    A_REL,
    A_REVERSED,
    A_ROLE,
    A_ROWSPAN,
    A_SELF_CLOSED,
    A_SHADOWROOT,
    A_SHADOWROOTMODE,
    A_START,
    A_STYLE,
    A_TYPE,
    A_VALUE,
    BLOCK,
    CELL,
    FNV_OFFSET,
    FNV_PRIME,
    HEADING,
    LEX_BOX,
    LEX_CODE,
    LEX_COMMENT,
    LEX_CONSENT,
    LEX_DOCUMENTS,
    LEX_FIRST,
    LEX_GRID,
    LEX_GUTTER,
    LEX_HIDE,
    LEX_LANGUAGE,
    LEX_LINE,
    LEX_LINES,
    LEX_MATH,
    LEX_REFERENCE,
    LEX_RENDERED,
    LEX_SIGNATURE,
    LIST,
    MASK32,
    NO_TEXT,
    RAW,
    ROLE_SHIFT,
    ROWS,
    TAG_BITS,
    TAG_KEYS,
    TAG_NUMBERS,
    TAG_VALUES,
    VOID,
    look_up,
)
from curate.extract.text import (
    BLOCK_START,
    BOX_AT,
    BREAK,
    CELL_MARK,
    CELL_START,
    COLUMN,
    CUSTOM_END,
    CUSTOM_NAME,
    DEPTH,
    ELEMENT,
    ELSEWHERE,
    FORMULA_END,
    FORMULA_START,
    HIDDEN_AT,
    HREF_END,
    HREF_START,
    IN_CODE,
    INDENT,
    INNER,
    LANG_AT,
    LANG_END,
    LANG_START,
    LINK_AT,
    LINK_BYTES,
    LINK_FIRST,
    LINK_KIND,
    LINK_LONG,
    LINK_START,
    MATH_END,
    MAX_COLUMNS,
    MAX_TABLES,
    N_BLOCKS,
    N_ELEMENTS,
    N_LINKS,
    N_TOKENS,
    NAMED,
    NEW,
    OUT,
    OVERFLOW,
    PARAGRAPH,
    PENDING,
    PRE_AT,
    PRE_CODE,
    PRE_ELEMENT,
    PRE_KIND,
    PRE_STYLE,
    RENDERED,
    ROW,
    ROW_DATA,
    ROW_FIRST,
    ROW_KIND,
    ROW_LAYOUT,
    SEPARATORS,
    SPACE,
    SPAN_AFTER,
    SPANS_AT,
    SPARE,
    TABLES,
    XML,
    count_link,
    flush_block,
    write_pending,
    write_run,
    write_space,
    write_span,
)
from curate.extract.tokens import (
    STYLE_BLOCK,
    STYLE_INVISIBLE,
    STYLE_PRE,
    STYLE_WRAP,
    TRUE,
    clear_attributes,
    find_byte,
    find_within,
    is_hidden,
    read_attributes,
    read_lexicon,
    read_name,
    read_style,
    read_tokens,
    skip_to_tag_end,
    value_has,
)
from curate.text.kernel import kernel

MAX_DEPTH = 512
MAX_BLOCKS = 200_000
MAX_ELEMENTS = 300_000
MAX_LINKS = 100_000
MAX_TOKENS = 1_000_000
# Text is no longer than its page but for the empty cells that stand for those spanned, of two bytes each; what is made of
# MathML is no longer than that, and written a second time beside it.
TEXT_FACTOR, TEXT_SLACK = 3, 512
MAX_ADDRESS_BYTES = 2000  # of a link that are looked at
MAX_NUMBER = 9_999_999  # of an item of a list
MAX_MENU_SHARE = 0.8  # of links in a cell of a row of layout that others join
CODE_LEVELS = 4  # between a `code` and a link in it

# Columns of the element table (int32).
(
    E_PARENT,
    E_TAG,
    E_FIRST,
    E_END,
    E_DEPTH,
    E_FLAGS,
    E_TOKEN,
    E_N_TOKENS,
    E_ITEM,
    E_LEVEL,
    E_NUMBER,
    E_STYLE,
) = range(12)
N_ELEMENT_FIELDS = 12
# E_NUMBER is an item's number, of a list that of its next item; E_STYLE how it is written.
BULLET, DECIMAL, SMALL_LETTER, LETTER, SMALL_ROMAN, ROMAN = range(6)
WRITTEN = 7  # the bits of these
# Bits beside it: numbers fall; they fall from the number of items, known at the end; and, of whatever element, a field in
# it asks for an address to send letters to.
DESCENDING, COUNTED, ASKS = 8, 16, 32
# It is a grid, a table of `div` that a style sheet lays out, or a cell of one. E_NUMBER is then the row of the cell, told
# by the element that begins it, and of a grid the latest row; 0 where none has begun.
GRID, GRID_CELL = 64, 128

# Columns of the stack of open elements (int32).
(O_TAG, O_ELEMENT, O_START, O_NAME) = range(4)  # O_NAME: of an unknown name, or PENDING when it began
N_STACK_FIELDS = 4

# Columns of the link table (int32): the text's span and the address's span in the page.
(L_START, L_END, L_HREF_START, L_HREF_END) = range(4)

# What an element lies in: bits of E_FLAGS, handed down.
(
    IN_ARTICLE,
    IN_MAIN,
    IN_NAV,
    IN_ASIDE,
    IN_FOOTER,
    IN_HEADER,
    IN_FORM,
    IN_FIGURE,
    IN_TABLE,
    IN_LIST,
    IN_QUOTE,
    IN_COMMENT,
    IN_CELL,
    IN_DETAILS,
    IN_NOSCRIPT,
) = (1 << n for n in range(15))

_FLAG_TAGS = {
    "article": IN_ARTICLE,
    "main": IN_MAIN,
    "nav": IN_NAV,
    "menu": IN_NAV,
    "aside": IN_ASIDE,
    "footer": IN_FOOTER,
    "header": IN_HEADER,
    "form": IN_FORM,
    "dialog": IN_FORM,
    "figure": IN_FIGURE,
    "table": IN_TABLE,
    "ul": IN_LIST,
    "ol": IN_LIST,
    "dl": IN_LIST,
    "blockquote": IN_QUOTE,
    "td": IN_CELL,
    "th": IN_CELL,
    "details": IN_DETAILS,
    "noscript": IN_NOSCRIPT,
}
TAG_FLAGS = np.zeros(TAG_BITS.size, np.int64)
for _name, _flag in _FLAG_TAGS.items():
    TAG_FLAGS[TAG_NUMBERS[_name]] = _flag

# Spans of metadata in the page, rows of an int64 array (start, end); the first statement of each kind stands.
META_ROWS = [
    "title",
    "lang",
    "canonical",
    "og_title",
    "og_url",
    "published",
    "modified",
    "author",
    "date",
    "description",
    "json_ld",
    "json_ld_2",
    "time",
    "locale",
]
(
    M_TITLE,
    M_LANG,
    M_CANONICAL,
    M_OG_TITLE,
    M_OG_URL,
    M_PUBLISHED,
    M_MODIFIED,
    M_AUTHOR,
    M_DATE,
    M_DESCRIPTION,
    M_JSON_LD,
    M_JSON_LD_2,
    M_TIME,
    M_LOCALE,
) = range(len(META_ROWS))
META_KEYS, META_VALUES = tags.make_table(
    {
        tags.fnv(name): row + 1
        for row, names in (
            (M_OG_TITLE, "og:title"),
            (M_OG_URL, "og:url"),
            (M_PUBLISHED, "article:published_time og:published_time datepublished parsely-pub-date"),
            (M_MODIFIED, "article:modified_time og:updated_time datemodified"),
            (M_AUTHOR, "author article:author dc.creator parsely-author sailthru.author"),
            (M_DATE, "date dc.date dcterms.date pubdate publish-date dc.date.issued sailthru.date"),
            (M_DESCRIPTION, "description og:description"),
            (M_LOCALE, "og:locale content-language"),
        )
        for name in names.split()
    },
    128,
)

T_A, T_P, T_LI, T_DT, T_DD = (TAG_NUMBERS[t] for t in ("a", "p", "li", "dt", "dd"))
T_TR, T_TABLE, T_PRE, T_BR = (TAG_NUMBERS[t] for t in ("tr", "table", "pre", "br"))
T_HR, T_INPUT, T_TD = (TAG_NUMBERS[t] for t in ("hr", "input", "td"))
T_IMG, T_META, T_LINK, T_SUP = (TAG_NUMBERS[t] for t in ("img", "meta", "link", "sup"))
T_SCRIPT, T_TITLE, T_HTML, T_BODY = (TAG_NUMBERS[t] for t in ("script", "title", "html", "body"))
T_TIME, T_SPAN, T_MATH, T_BUTTON = (TAG_NUMBERS[t] for t in ("time", "span", "math", "button"))
T_DIV, T_H1, T_ASIDE = (TAG_NUMBERS[t] for t in ("div", "h1", "aside"))
T_SUB, T_CODE, T_TT, T_SAMP, T_KBD = (TAG_NUMBERS[t] for t in ("sub", "code", "tt", "samp", "kbd"))
T_SVG, T_FOREIGN, T_TEMPLATE, T_DIALOG = (
    TAG_NUMBERS[t] for t in ("svg", "foreignobject", "template", "dialog")
)
T_NOSCRIPT, T_OL, T_UL, T_FIGURE, T_XMP = (TAG_NUMBERS[t] for t in ("noscript", "ol", "ul", "figure", "xmp"))
T_MENU, T_NOBR = TAG_NUMBERS["menu"], TAG_NUMBERS["nobr"]
T_H6, T_CAPTION = TAG_NUMBERS["h6"], TAG_NUMBERS["caption"]

EMAIL = np.frombuffer(b"email", dtype=np.uint8)
MATH_TYPE = np.frombuffer(b"math/tex", dtype=np.uint8)
DISPLAY_MODE = np.frombuffer(b"mode=display", dtype=np.uint8)
LD_JSON = np.frombuffer(b"ld+json", dtype=np.uint8)
CANONICAL = np.frombuffer(b"canonical", dtype=np.uint8)
TEX = np.frombuffer(b"tex", dtype=np.uint8)
ANNOTATION = np.frombuffer(b"<annotation", dtype=np.uint8)
END_ANNOTATION = np.frombuffer(b"</annotation", dtype=np.uint8)
END_MATH = np.frombuffer(b"</math", dtype=np.uint8)
END_MML_MATH = np.frombuffer(b"</mml:math", dtype=np.uint8)
END_M_MATH = np.frombuffer(b"</m:math", dtype=np.uint8)
DISPLAY_BLOCK = np.frombuffer(b"block", dtype=np.uint8)
PRESENTATION = np.frombuffer(b"presentation", dtype=np.uint8)
MATHJAX = np.frombuffer(b"mathjax", dtype=np.uint8)
DISPLAYSTYLE = np.frombuffer(b"{\\displaystyle", dtype=np.uint8)


def max_text_bytes(max_html_bytes: int) -> int:
    """The bytes that the text of a page can take."""
    return TEXT_FACTOR * max_html_bytes + TEXT_SLACK


@kernel(allocates=False)
def find_bytes(html: NDArray[np.uint8], i: int, stop: int, wanted: NDArray[np.uint8]) -> int:
    """Where `wanted` (lower case, beginning with '<' or '-') first stands in html[i:stop], else -1."""
    n = wanted.size
    first = wanted[0]
    while i + n <= stop:
        if html[i] == first:
            k = 1
            while k < n and (html[i + k] == wanted[k] or (html[i + k] | 32 == wanted[k] and wanted[k] >= 97)):
                k += 1
            if k == n:
                return i
        i += 1
    return -1


@kernel(allocates=False)
def _skip_declaration(html: NDArray[np.uint8], i: int) -> int:
    """The place after a comment, doctype, CDATA section or processing instruction at `i`."""
    if i + 3 < html.size and html[i + 1] == 33 and html[i + 2] == 45 and html[i + 3] == 45:
        if i + 4 < html.size and html[i + 4] == 62:  # <!--> is a whole comment
            return i + 5
        begin = i + 4
        i = find_byte(html, begin, 62)
        while i < html.size and not (html[i - 1] == 45 and html[i - 2] == 45):
            if i >= begin + 3 and html[i - 1] == 33 and html[i - 2] == 45 and html[i - 3] == 45:
                break  # --!>
            i = find_byte(html, i + 1, 62)
        return min(i + 1, html.size)
    return skip_to_tag_end(html, i)


@kernel(allocates=False)
def _find_raw_end(html: NDArray[np.uint8], i: int, tag: int) -> int:
    """Where the end tag of a raw element stands, or the end of the page."""
    n = html.size
    i = find_byte(html, i, 60)
    while i + 2 < n:
        if html[i + 1] == 47:
            key, _ = read_name(html, i + 2)
            if look_up(key, TAG_KEYS, TAG_VALUES) == tag:
                return i
        i = find_byte(html, i + 1, 60)
    return n


@kernel(allocates=False)
def _is_sign(text: NDArray[np.uint8], start: int, end: int) -> bool:
    """Whether text[start:end] is one of the signs that stand for a link to the place they stand at: # ¶ § 🔗 ∞ ⚓."""
    n, first = end - start, text[start]
    if n == 1:
        return first == 35
    if n == 2:
        return first == 0xC2 and text[start + 1] in (0xB6, 0xA7)
    if n == 4 and first == 0xF0:
        return text[start + 1] == 0x9F and text[start + 2] == 0x94 and text[start + 3] == 0x97
    if n == 3 and first == 0xE2:
        second, third = text[start + 1], text[start + 2]
        return (second == 0x88 and third == 0x9E) or (second == 0x9A and third == 0x93)
    return False


@kernel(embed=True, allocates=False)
def _link_kind(html: NDArray[np.uint8], start: int, end: int) -> int:
    """What an address points to; a lone `#` is a menu's, and `#!` an application's page."""
    stop = max(min(end, start + MAX_ADDRESS_BYTES), start)
    i = find_within(html, start, stop, 35)
    named = i < stop and i + 1 < end and html[i + 1] != 33
    return (INNER if i == start else NAMED) if named else ELSEWHERE


@kernel(embed=True, allocates=False)
def _is_within_code(s: NDArray[np.int64], stack: NDArray[np.int32], n_open: NDArray[np.int32]) -> bool:
    """Whether a link begins behind other text of a `code` or the like: a name in a declaration, no entry of a menu."""
    if n_open[T_CODE] + n_open[T_TT] == 0:
        return False
    for at in range(s[DEPTH] - 1, max(s[DEPTH] - 1 - CODE_LEVELS, -1), -1):
        if stack[at, O_TAG] in (T_CODE, T_TT):
            return s[OUT] > max(stack[at, O_START], s[BLOCK_START])
    return False


@kernel(allocates=False)
def _close_link(s: NDArray[np.int64], text: NDArray[np.uint8], links: NDArray[np.int32]) -> None:
    if s[LINK_AT] < 0:
        return
    start, end = s[LINK_START], s[OUT]
    if end > start and s[LINK_KIND] in (NAMED, INNER) and _is_sign(text, start, end):
        # a permalink, no text
        s[OUT] = start
        if start == s[BLOCK_START]:
            s[PENDING] = NEW
        elif text[start - 1] == 32 and s[PRE_AT] < 0:
            s[OUT] = start - 1
            s[PENDING] |= SPACE
    elif end > start:
        count_link(s, end - start)
        n = s[N_LINKS]
        if n < links.shape[0]:
            links[n, L_START] = start
            links[n, L_END] = end
            links[n, L_HREF_START] = s[HREF_START]
            links[n, L_HREF_END] = s[HREF_END]
            s[N_LINKS] = n + 1
    s[LINK_AT] = -1


@kernel(allocates=False)
def _pop_to(
    size: int,
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    stack: NDArray[np.int32],
    n_open: NDArray[np.int32],
    elements: NDArray[np.int32],
    links: NDArray[np.int32],
) -> None:
    """End every element of the stack from index `size` up."""
    hides = -1
    while s[DEPTH] > size:
        s[DEPTH] -= 1
        top = s[DEPTH]
        tag, element = stack[top, O_TAG], stack[top, O_ELEMENT]
        n_open[tag] -= 1
        if element >= 0:
            elements[element, E_END] = s[N_BLOCKS]
            s[ELEMENT] = elements[element, E_PARENT]
            if tag == T_OL and elements[element, E_STYLE] & COUNTED:
                _count_down(element, s, elements)
        if tag == T_TR and s[ROW] >= 0:
            _end_row(s)
        if tag == T_TABLE:
            s[TABLES] -= 1
        if tag in (T_TR, T_TABLE):
            s[ROW] = -1
        if tag == T_FOREIGN and stack[top, O_NAME] > 0:
            hides = stack[top, O_NAME] - 1  # the drawing goes on
    if s[LINK_AT] > size:
        _close_link(s, text, links)
    if s[HIDDEN_AT] >= size:
        s[HIDDEN_AT] = -1
        s[RENDERED] = 0
    if 0 <= hides < size:
        s[HIDDEN_AT] = hides
    if s[PRE_AT] >= size:
        s[PRE_AT] = -1
    if s[BOX_AT] >= size:
        s[BOX_AT] = -1
    if s[LANG_AT] >= size and s[PRE_AT] < 0:
        s[LANG_AT] = -1


@kernel(allocates=False)
def _count_down(e: int, s: NDArray[np.int64], elements: NDArray[np.int32]) -> None:
    """Number the items of a list that counts down to 1, whose number of items is known now."""
    if s[N_ELEMENTS] - e > 5000:
        return
    n = elements[e, E_NUMBER]
    for item in range(e + 1, s[N_ELEMENTS]):
        if elements[item, E_TAG] == T_LI and elements[item, E_PARENT] == e:
            elements[item, E_NUMBER] = n - elements[item, E_NUMBER]


@kernel(embed=True, allocates=False)
def _find_open(tag: int, s: NDArray[np.int64], stack: NDArray[np.int32], n_open: NDArray[np.int32]) -> int:
    """The stack index of the element that an end tag ends, -1 where it ends none."""
    if n_open[tag] == 0:
        return -1
    bits = TAG_BITS[tag]
    inline = bits & (BLOCK | NO_TEXT) == 0
    table_part = bits & (CELL | ROWS) != 0
    top = s[DEPTH] - 1
    while top >= 0:
        at = stack[top, 0]
        if at == tag:
            return top
        other = TAG_BITS[at]
        if inline and other & BLOCK:
            return -1
        if not table_part and (other & CELL or at == T_TABLE):
            return -1
        if table_part and at == T_TABLE:
            return -1
        top -= 1
    return -1


@kernel(embed=True, allocates=False)
def _find_implied(tag: int, s: NDArray[np.int64], stack: NDArray[np.int32], n_open: NDArray[np.int32]) -> int:
    """The stack index of the element that a start tag ends without an end tag, -1 where it ends none."""
    bits = TAG_BITS[tag]
    found = -1
    top = s[DEPTH] - 1
    if tag in (T_LI, T_DT, T_DD):
        if n_open[tag] == 0 and (tag == T_LI or n_open[T_DT] + n_open[T_DD] == 0):
            top = -1
        while top >= 0:
            at = stack[top, 0]
            if at == tag or (tag != T_LI and at in (T_DT, T_DD)):
                found = top
                break
            if TAG_BITS[at] & (LIST | CELL | ROWS):
                break
            top -= 1
    elif bits & CELL or (bits & ROWS and tag != T_TABLE):
        while top >= 0:
            at = stack[top, 0]
            if at == T_TABLE:
                break
            ends = TAG_BITS[at] & CELL or (bits & ROWS and at == T_TR)
            if ends or (tag != T_TR and bits & ROWS and TAG_BITS[at] & ROWS):
                found = top
            if bits & CELL and at == T_TR:
                break
            top -= 1
    if found < 0 and (n_open[T_P] > 0 or bits & HEADING):
        top = s[DEPTH] - 1
        while top >= 0:
            at = stack[top, 0]
            if at == T_P or (bits & HEADING and TAG_BITS[at] & HEADING):
                return top
            if TAG_BITS[at] & BLOCK:
                break
            top -= 1
    return found


@kernel(embed=True, allocates=False)
def _boundary(tag: int, s: NDArray[np.int64], text: NDArray[np.uint8], blocks: NDArray[np.int32]) -> None:
    """A block-level tag starts or ends: end the open block, or, in pre, the open line.

    In a table's row of data nothing but the row's end ends the block. In other cells a paragraph does only if text
    follows it in the same cell, so that a row whose cells hold paragraphs stays one row.
    """
    if s[PRE_AT] >= 0 and (s[PRE_KIND] == PRE_CODE or tag == T_DIV):
        if TAG_BITS[tag] & CELL:
            return
        out = s[OUT]
        while out > s[BLOCK_START] and text[out - 1] in (32, 9):
            out -= 1
        if not s[PENDING] & NEW and out > s[BLOCK_START] and (out < s[OUT] or text[out - 1] != 10):
            text[out] = 10
            s[OUT] = out + 1
        return
    if s[PENDING] & NEW:
        return
    if s[ROW] >= 0 and s[ROW_KIND] == ROW_DATA and not TAG_BITS[tag] & (CELL | ROWS):
        if not s[PENDING] & CELL_MARK:
            s[PENDING] |= SPACE
    elif s[ROW] >= 0 and tag in (T_P, T_DIV):
        if s[PENDING] & CELL_MARK:
            return
        s[PENDING] |= PARAGRAPH
    else:
        flush_block(text, s, blocks)


@kernel(allocates=False)
def _read_int(html: NDArray[np.uint8], span: NDArray[np.int64], default: int) -> int:
    """A whole number in an attribute, within MAX_NUMBER; `default` where there is none."""
    i, end = span[0], span[1]
    while 0 <= i < end and html[i] <= 32:
        i += 1
    negative = 0 <= i < end and html[i] == 45
    i += negative
    value, n = 0, 0
    while 0 <= i < end and 48 <= html[i] <= 57:
        value = min(10 * value + html[i] - 48, MAX_NUMBER)
        i += 1
        n += 1
    if n == 0:
        return default
    return -value if negative else value


@kernel(embed=True, allocates=False)
def _begin_cell(
    html: NDArray[np.uint8],
    attributes: NDArray[np.int64],
    s: NDArray[np.int64],
    text: NDArray[np.uint8],
    blocks: NDArray[np.int32],
) -> None:
    """A table cell starts: it joins its row's block in a row of data, or if what came before in the row was short and no menu."""
    if s[PRE_AT] >= 0:
        if not s[PENDING] & NEW and s[OUT] > s[BLOCK_START] and text[s[OUT] - 1] > 32:
            write_space(text, s, blocks, 32)
        return
    if s[ROW] >= 0:
        before = _enter_column(html, attributes, s)
        if s[ROW_KIND] == ROW_DATA:
            s[SEPARATORS] += before
            if not s[PENDING] & NEW and s[SEPARATORS] > 0:
                s[PENDING] = CELL_MARK
            return
    if s[PENDING] & NEW:
        return
    is_menu = s[LINK_BYTES] > MAX_MENU_SHARE * (s[OUT] - s[BLOCK_START])
    if s[ROW] >= 0 and s[OUT] - s[CELL_START] <= MAX_CELL_BYTES and not is_menu:
        s[PENDING] = CELL_MARK
        s[SEPARATORS] = 1
    else:
        flush_block(text, s, blocks)


@kernel(embed=True, allocates=False)
def _enter_column(html: NDArray[np.uint8], attributes: NDArray[np.int64], s: NDArray[np.int64]) -> int:
    """Find the column of a cell among those that cells of earlier rows span; how many columns' ends lie before it."""
    n_before = s[SPAN_AFTER] + (0 if s[ROW_FIRST] else 1)
    s[ROW_FIRST] = s[SPAN_AFTER] = 0
    if not 1 <= s[TABLES] <= MAX_TABLES:
        return n_before
    base = SPANS_AT + (s[TABLES] - 1) * MAX_COLUMNS
    column = s[COLUMN]
    while column < MAX_COLUMNS - 1 and s[base + column] > 0:
        s[base + column] -= 1
        column += 1
        if s[SPARE] > 0:
            s[SPARE] -= 1
            n_before += 1
    n_columns = min(max(_read_int(html, attributes[A_COLSPAN], 1), 1), MAX_COLUMNS)
    n_rows = _read_int(html, attributes[A_ROWSPAN], 1)
    for c in range(column, min(column + n_columns, MAX_COLUMNS - 1)):
        s[base + c] = max(n_rows - 1, 0)
    s[SPAN_AFTER] = min(n_columns - 1, s[SPARE])
    s[SPARE] -= s[SPAN_AFTER]
    s[COLUMN] = min(column + n_columns, MAX_COLUMNS)
    return n_before


@kernel(allocates=False)
def _end_row(s: NDArray[np.int64]) -> None:
    """Cells of earlier rows that span columns behind the row's last cell span one row less."""
    if 1 <= s[TABLES] <= MAX_TABLES:
        base = SPANS_AT + (s[TABLES] - 1) * MAX_COLUMNS
        for c in range(s[COLUMN], MAX_COLUMNS - 1):
            if s[base + c] > 0:
                s[base + c] -= 1


@kernel(embed=True, allocates=False)
def _number_item(
    html: NDArray[np.uint8], tag: int, attributes: NDArray[np.int64], e: int, elements: NDArray[np.int32]
) -> None:
    """Note how a list's items are numbered, or the number of an item."""
    if tag == T_OL:
        style = DECIMAL
        start, end = attributes[A_TYPE]
        if end == start + 1:
            kind = html[start]
            style = SMALL_LETTER if kind == 97 else LETTER if kind == 65 else style
            style = SMALL_ROMAN if kind == 105 else ROMAN if kind == 73 else style
        if attributes[A_REVERSED, 0] >= 0:
            style |= DESCENDING if attributes[A_START, 0] >= 0 else COUNTED
        elements[e, E_STYLE] = style
        elements[e, E_NUMBER] = _read_int(html, attributes[A_START], 1)
        return
    at = elements[e, E_PARENT]
    for _ in range(4):
        if at < 0 or elements[at, E_TAG] in (T_OL, T_UL, T_MENU):
            break
        at = elements[at, E_PARENT]
    if at >= 0 and elements[at, E_TAG] == T_OL:
        style = elements[at, E_STYLE]
        number = _read_int(html, attributes[A_VALUE], elements[at, E_NUMBER])
        elements[e, E_STYLE] = style & WRITTEN
        elements[e, E_NUMBER] = number
        elements[at, E_NUMBER] = number + (-1 if style & DESCENDING else 1)


@kernel(embed=True, allocates=False)
def _place_in_grid(lexical: int, e: int, elements: NDArray[np.int32]) -> None:
    """Note a grid, by its class or as an element of the role `row`, or the row of a grid's cell."""
    grid = elements[e, E_PARENT]
    if lexical & LEX_GRID or lexical >> ROLE_SHIFT == T_TR:
        elements[e, E_STYLE] = GRID
        elements[e, E_NUMBER] = 0 if lexical & LEX_GRID else e
    elif elements[grid, E_STYLE] & GRID:
        if lexical & LEX_FIRST:
            elements[grid, E_NUMBER] = e
        elements[e, E_STYLE] = GRID_CELL
        elements[e, E_NUMBER] = elements[grid, E_NUMBER]


@kernel(embed=True, allocates=False)
def _push_element(
    tag: int,
    bits: int,
    n_tokens: int,
    s: NDArray[np.int64],
    elements: NDArray[np.int32],
) -> bool:
    """Record a block-level element under the open one; False where the table is full."""
    n = s[N_ELEMENTS]
    if n >= elements.shape[0]:
        return False
    parent = s[ELEMENT]
    elements[n, E_PARENT] = parent
    elements[n, E_TAG] = tag
    elements[n, E_FIRST] = s[N_BLOCKS]
    elements[n, E_END] = s[N_BLOCKS]
    elements[n, E_DEPTH] = elements[parent, E_DEPTH] + 1
    flags = elements[parent, E_FLAGS] | TAG_FLAGS[tag] | TAG_FLAGS[bits >> ROLE_SHIFT]
    if bits & (LEX_COMMENT | LEX_DOCUMENTS) == LEX_COMMENT and tag not in (T_BODY, T_HTML):
        flags |= IN_COMMENT
    if tag == T_TABLE:
        flags &= ~IN_LIST
    elements[n, E_FLAGS] = flags
    elements[n, E_TOKEN] = s[N_TOKENS]
    elements[n, E_N_TOKENS] = n_tokens - s[N_TOKENS]
    elements[n, E_ITEM] = n if tag in (T_LI, T_DD, T_DT) else elements[parent, E_ITEM]
    elements[n, E_NUMBER] = elements[n, E_STYLE] = 0
    elements[n, E_LEVEL] = tag - T_H1 + 1 if T_H1 <= tag <= T_H6 else elements[parent, E_LEVEL]
    if TAG_BITS[tag] & (CELL | ROWS):
        elements[n, E_ITEM] = -1
    s[N_TOKENS] = n_tokens
    s[N_ELEMENTS] = n + 1
    s[ELEMENT] = n
    return True


@kernel(allocates=False)
def _write_formula(
    html: NDArray[np.uint8],
    start: int,
    stop: int,
    display: bool,  # noqa: FBT001 - a kernel
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
) -> None:
    """Write LaTeX between dollar signs, without the wrapper that MediaWiki puts around it."""
    while start < stop and html[start] <= 32:
        start += 1
    if stop - start > DISPLAYSTYLE.size:
        k = 0
        while k < DISPLAYSTYLE.size and html[start + k] == DISPLAYSTYLE[k]:
            k += 1
        last = stop - 1
        while last > start and html[last] <= 32:
            last -= 1
        if k == DISPLAYSTYLE.size and html[last] == 125:
            start, stop = start + k, last
    while start < stop and html[start] <= 32:
        start += 1
    if stop <= start:
        return
    quoted = html[start] == 36 or (html[start] == 92 and start + 1 < stop and html[start + 1] in (40, 91))
    space = 0
    if s[FORMULA_START] >= s[BLOCK_START] and s[FORMULA_END] == s[OUT] and not s[PENDING] & NEW:
        # the source of the formula that was just made from MathML
        space = s[PENDING] & SPACE
        s[OUT] = s[FORMULA_START]
        s[PENDING] = 0
    s[FORMULA_START] = -1
    out = write_pending(text, s, blocks) if s[PENDING] else s[OUT]
    for _ in range(0 if quoted else 1 + display):
        text[out] = 36
        out += 1
    s[OUT] = out
    before = s[PRE_AT]
    s[PRE_AT] = -1
    write_span(html, start, stop, text, s, blocks)
    s[PRE_AT] = before
    s[PENDING] &= ~SPACE
    out = s[OUT]
    for _ in range(0 if quoted else 1 + display):
        text[out] = 36
        out += 1
    s[OUT] = out
    s[FORMULA_END] = out
    s[PENDING] |= space


@kernel(allocates=False)
def _start_math(
    html: NDArray[np.uint8],
    begin: int,
    i: int,
    w: Workspace,
) -> int:
    """A math element at html[begin]: write its LaTeX, stated or made, and return the place to go on from."""
    text, s, blocks = w.text, w.state, w.blocks
    attributes = w.attributes
    if i < s[MATH_END]:
        return i
    alt_start, alt_end = attributes[A_ALTTEXT]
    display = attributes[A_DISPLAY, 0] >= 0 and value_has(html, attributes[A_DISPLAY], DISPLAY_BLOCK)
    if html[begin + 2] == 58:
        end = find_bytes(html, i, html.size, END_M_MATH)
    elif html[begin + 4] == 58:
        end = find_bytes(html, i, html.size, END_MML_MATH)
    else:
        end = find_bytes(html, i, html.size, END_MATH)
    if end < 0:
        s[MATH_END] = html.size
        return i
    s[MATH_END] = end
    at = find_bytes(html, i, end, ANNOTATION)
    while at >= 0:
        _, after = read_name(html, at + 1)
        after = read_attributes(html, after, attributes)
        if attributes[A_ENCODING, 0] >= 0 and value_has(html, attributes[A_ENCODING], TEX):
            stop = find_bytes(html, after, end, END_ANNOTATION)
            _write_formula(html, after, end if stop < 0 else stop, display, text, s, blocks)
            return end
        at = find_bytes(html, max(after, at + 1), end, ANNOTATION)
    if alt_end > alt_start:
        _write_formula(html, alt_start, alt_end, display, text, s, blocks)
        return end
    return _convert(html, i, end, display, w)


@kernel(allocates=False)
def _convert(
    html: NDArray[np.uint8],
    i: int,
    end: int,
    display: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
) -> int:
    """Write the LaTeX of MathML that states none; where that fails, let its symbols be read as text."""
    text, s, blocks = w.text, w.state, w.blocks
    attributes, frames = w.attributes, w.frames
    # far enough from the end of the text for what is pending, and moved to its place after that
    begin = s[OUT] + 32 + s[INDENT] + 2 * (s[SEPARATORS] + s[SPAN_AFTER])
    made = convert_math(html, i, end, attributes, frames, text, begin)
    if made < 0:
        return i
    if made == begin:
        return end
    out = write_pending(text, s, blocks) if s[PENDING] else s[OUT]
    start = out
    for _ in range(1 + display):
        text[out] = 36
        out += 1
    for k in range(begin, made):
        text[out] = text[k]
        out += 1
    for _ in range(1 + display):
        text[out] = 36
        out += 1
    s[OUT] = s[FORMULA_END] = out
    s[FORMULA_START] = start if s[RENDERED] else -1
    return end


@kernel(allocates=False)
def _read_meta(
    html: NDArray[np.uint8], tag: int, attributes: NDArray[np.int64], meta: NDArray[np.int64]
) -> None:
    """Note what meta, link, html and time elements state about the page."""
    row, value = -1, A_CONTENT
    if tag == T_LINK:
        if attributes[A_REL, 0] >= 0 and value_has(html, attributes[A_REL], CANONICAL):
            row, value = M_CANONICAL, A_HREF
    elif tag == T_HTML:
        row, value = M_LANG, A_LANG
    elif tag == T_TIME:
        row, value = M_TIME, A_DATETIME
    else:
        for name in (A_PROPERTY, A_NAME, A_ITEMPROP):
            if row < 0 and attributes[name, 0] >= 0:
                hashed = FNV_OFFSET
                for k in range(attributes[name, 0], min(attributes[name, 1], attributes[name, 0] + 64)):
                    byte = np.int64(html[k])
                    hashed = (hashed ^ (byte + 32 if 65 <= byte <= 90 else byte)) * FNV_PRIME & MASK32
                row = look_up(hashed, META_KEYS, META_VALUES) - 1
    if row >= 0 and meta[row, 0] < 0 and attributes[value, 1] > attributes[value, 0]:
        meta[row, 0] = attributes[value, 0]
        meta[row, 1] = attributes[value, 1]


@kernel(allocates=False)
def _read_raw(
    html: NDArray[np.uint8],
    i: int,
    tag: int,
    w: Workspace,
) -> int:
    """Skip a script, style, title or the like; note title and JSON-LD, write formulas of MathJax scripts.

    One that a slash ends is empty in XML and in drawings, and everywhere else if no end tag follows at all.
    """
    text, s, blocks = w.text, w.state, w.blocks
    meta = w.meta
    n_open, attributes = w.n_open, w.attributes
    closed = attributes[A_SELF_CLOSED, 0] >= 0
    if closed and (s[XML] or n_open[T_SVG] > 0 or n_open[tag] > 0):
        return i
    end = _find_raw_end(html, i, tag)
    if end >= html.size:
        n_open[tag] = 1  # raw elements are not on the stack: this says that no end tag comes
        if closed:
            return i
    if tag == T_XMP and s[HIDDEN_AT] < 0:
        _write_plain(html, i, end, text, s, blocks)
        return end
    if tag == T_TITLE and meta[M_TITLE, 0] < 0 and s[HIDDEN_AT] < 0:
        meta[M_TITLE, 0] = i
        meta[M_TITLE, 1] = end
    elif tag == T_SCRIPT and attributes[A_TYPE, 0] >= 0:
        if value_has(html, attributes[A_TYPE], LD_JSON):
            row = M_JSON_LD if meta[M_JSON_LD, 0] < 0 else M_JSON_LD_2
            if meta[row, 0] < 0:
                meta[row, 0] = i
                meta[row, 1] = end
        elif s[HIDDEN_AT] < 0 and value_has(html, attributes[A_TYPE], MATH_TYPE):
            display = value_has(html, attributes[A_TYPE], DISPLAY_MODE)
            _write_formula(html, i, end, display, text, s, blocks)
    return end


@kernel(allocates=False)
def _write_plain(
    html: NDArray[np.uint8],
    i: int,
    end: int,
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
) -> None:
    """Write an old `xmp` as the code that it is, tags and all."""
    outside = s[PRE_AT] < 0
    if outside:
        _boundary(T_PRE, s, text, blocks)
        s[PRE_AT], s[PRE_KIND], s[PRE_ELEMENT] = s[DEPTH], PRE_CODE, s[ELEMENT]
    while i < end:
        byte = html[i]
        if byte <= 32:
            if not (byte == 13 and i + 1 < end and html[i + 1] == 10):
                write_space(text, s, blocks, byte)
        else:
            out = write_pending(text, s, blocks) if s[PENDING] else s[OUT]
            text[out] = byte
            s[OUT] = out + 1
        i += 1
    if outside:
        flush_block(text, s, blocks)
        s[PRE_AT] = -1


@kernel(embed=True, allocates=False)
def _start_void(
    html: NDArray[np.uint8],
    tag: int,
    w: Workspace,
) -> None:
    """Elements without content: line breaks, rules, images of formulas, metadata."""
    text, s, blocks = w.text, w.state, w.blocks
    elements, meta = w.elements, w.meta
    attributes = w.attributes
    if tag in (T_META, T_LINK):
        _read_meta(html, tag, attributes, meta)
    elif s[HIDDEN_AT] >= 0:
        return
    elif tag == T_INPUT:
        if attributes[A_TYPE, 0] >= 0 and value_has(html, attributes[A_TYPE], EMAIL):
            elements[s[ELEMENT], E_STYLE] |= ASKS
    elif tag == T_BR:
        if s[PRE_AT] >= 0:
            write_space(text, s, blocks, 10)
        elif s[ROW] >= 0 and s[ROW_KIND] == ROW_DATA:
            if not s[PENDING] & (CELL_MARK | NEW):
                s[PENDING] |= SPACE
        elif not s[PENDING] & NEW:
            s[PENDING] |= PARAGRAPH if s[PENDING] & BREAK else BREAK
            s[INDENT] = 0
    elif tag == T_HR:
        _boundary(tag, s, text, blocks)
    elif tag == T_IMG and attributes[A_ALT, 1] > attributes[A_ALT, 0] and s[FORMULA_END] != s[OUT]:
        start, end = attributes[A_ALT]
        first = html[start]
        second = html[start + 1] if start + 1 < end else 0
        if (
            read_lexicon(html, attributes) & LEX_MATH
            or (first == 123 and second == 92)
            or (first == 36 and html[end - 1] == 36)
        ):
            _write_formula(html, start, end, False, text, s, blocks)


@kernel(embed=True, allocates=False)
def _start_tag(
    html: NDArray[np.uint8],
    i: int,
    tag: int,
    w: Workspace,
) -> None:
    """A start tag with content, which begins at html[i]: end what it implies, set boundaries, put it on the stack."""
    text, s, blocks = w.text, w.state, w.blocks
    elements, tokens, links, meta = w.elements, w.tokens, w.links, w.meta
    stack, n_open, attributes = w.stack, w.n_open, w.attributes
    bits = TAG_BITS[tag]
    if tag in (T_HTML, T_TIME):
        _read_meta(html, tag, attributes, meta)
    if tag in (T_HTML, T_BODY) and n_open[tag] > 0:
        return
    if tag == T_A:
        _close_link(s, text, links)
    if bits & BLOCK:
        implied = _find_implied(tag, s, stack, n_open)
        if 0 <= implied <= s[HIDDEN_AT]:  # what was hidden ends here
            _pop_to(implied, text, s, stack, n_open, elements, links)
            implied = -1
        if s[HIDDEN_AT] < 0:
            if bits & CELL and tag != T_CAPTION:
                _begin_cell(html, attributes, s, text, blocks)
            else:
                _boundary(tag, s, text, blocks)
        if implied >= 0:
            if s[PRE_AT] >= implied:
                flush_block(text, s, blocks)
            _pop_to(implied, text, s, stack, n_open, elements, links)
    if s[DEPTH] >= MAX_DEPTH:
        s[OVERFLOW] += 1
        return
    lexical = 0
    element = -1
    if s[HIDDEN_AT] < 0:
        if bits & BLOCK or tag == T_CODE:
            n_tokens, lexical = read_tokens(html, attributes, tokens, s[N_TOKENS])
        else:
            n_tokens, lexical = s[N_TOKENS], read_lexicon(html, attributes)
        if bits & BLOCK and _push_element(tag, lexical, n_tokens, s, elements):
            element = s[ELEMENT]
            if tag in (T_OL, T_LI):
                _number_item(html, tag, attributes, element, elements)
            elif tag == T_DIV:
                _place_in_grid(lexical, element, elements)
    at = s[DEPTH]
    stack[at, O_TAG] = tag
    stack[at, O_ELEMENT] = element
    stack[at, O_START] = s[OUT]
    stack[at, O_NAME] = s[PENDING]
    n_open[tag] += 1
    s[DEPTH] = at + 1
    if tag == T_TABLE:
        s[TABLES] += 1
        if s[TABLES] <= MAX_TABLES:
            base = SPANS_AT + (s[TABLES] - 1) * MAX_COLUMNS
            s[base : base + MAX_COLUMNS] = 0
    elif tag == T_FOREIGN:
        _start_foreign(html, i, at, s, stack)
    if s[HIDDEN_AT] >= 0:
        return
    style = read_style(html, attributes[A_STYLE]) if attributes[A_STYLE, 0] >= 0 else 0
    if _hides(html, i, tag, lexical, style, attributes, s, elements):
        s[HIDDEN_AT] = at
        if bits & CELL and s[SEPARATORS] > 0:
            s[SEPARATORS] -= 1
            if s[SEPARATORS] == 0 and s[PENDING] & CELL_MARK:
                s[PENDING] = SPACE
        elif bits & CELL:
            s[ROW_FIRST] = 1
    elif tag == T_A and attributes[A_HREF, 0] >= 0:
        s[LINK_AT] = at + 1
        s[LINK_START] = s[OUT]
        s[LINK_FIRST], s[LINK_LONG] = s[N_BLOCKS], 0
        s[HREF_START], s[HREF_END] = attributes[A_HREF]
        s[LINK_KIND] = _link_kind(html, s[HREF_START], s[HREF_END])
        if _is_within_code(s, stack, n_open):
            s[LINK_KIND] = IN_CODE
    elif tag == T_TR:
        s[ROW] = element
        s[COLUMN] = s[SEPARATORS] = s[SPAN_AFTER] = 0
        s[ROW_FIRST] = 1
        s[ROW_KIND] = ROW_LAYOUT
        if s[PRE_AT] >= 0 or s[BOX_AT] >= 0:
            s[ROW] = -1
        elif is_data_row(html, i, s):
            s[ROW_KIND] = ROW_DATA
    elif tag == T_TABLE:
        s[ROW] = -1
    if s[HIDDEN_AT] < 0:
        _start_code(html, i, at, tag, lexical, style, w)


@kernel(embed=True, allocates=False)
def _start_code(
    html: NDArray[np.uint8],
    i: int,
    at: int,
    tag: int,
    lexical: int,
    style: int,
    w: Workspace,
) -> None:
    """Whether white space or line breaks count in an element, and the programming language that it names."""
    text, s, blocks = w.text, w.state, w.blocks
    stack, attributes = w.stack, w.attributes
    inline = tag in (T_CODE, T_TT, T_SAMP, T_KBD)
    named = lexical & LEX_LANGUAGE or attributes[A_DATA_LANG, 0] >= 0 or attributes[A_DATA_LANGUAGE, 0] >= 0
    if named and tag in (T_PRE, T_CODE, T_DIV, T_FIGURE):
        start, end = find_language(html, tag, attributes)
        if start >= 0 and s[LANG_AT] < 0:
            s[LANG_START], s[LANG_END], s[LANG_AT] = start, end, at
    if s[PRE_AT] >= 0:
        return
    kind, pre_at, layout = 0, at, NO_LAYOUT
    bits = TAG_BITS[tag]
    holds_lines = bits & BLOCK and not bits & (CELL | ROWS | HEADING | LIST)
    if tag == T_PRE or lexical & LEX_CODE:
        kind = PRE_CODE
    elif lexical & LEX_LINE and bits & CELL:
        while pre_at > 0 and stack[pre_at, O_TAG] != T_TABLE:
            pre_at -= 1
        if stack[pre_at, O_TAG] == T_TABLE:
            kind = PRE_CODE
            flush_block(text, s, blocks)
            s[ROW] = -1
    elif style & (STYLE_PRE | STYLE_WRAP) and holds_lines:
        kind = PRE_CODE if style & STYLE_PRE and tag == T_DIV else PRE_STYLE
    elif inline and style & STYLE_BLOCK and style & (STYLE_PRE | STYLE_WRAP):
        flush_block(text, s, blocks)
        kind = PRE_CODE
    elif s[BOX_AT] < 0 and ((inline and s[PENDING] & NEW) or (lexical & LEX_BOX and holds_lines)):
        layout = code_layout(html, i, tag, inline, s)
    elif s[BOX_AT] < 0 and lexical & LEX_LINES and tag == T_DIV and begins_with(html, i, T_DIV):
        layout = code_layout(html, i, tag, False, s)
    if layout:
        kind = PRE_CODE if layout == BY_WHITE_SPACE else 0
        if layout == BY_BREAKS:
            s[BOX_AT] = at
    if kind:
        s[PRE_AT], s[PRE_KIND] = pre_at, kind
        s[PRE_ELEMENT] = stack[pre_at, O_ELEMENT] if stack[pre_at, O_ELEMENT] >= 0 else s[ELEMENT]


@kernel(allocates=False)
def _start_foreign(
    html: NDArray[np.uint8], i: int, at: int, s: NDArray[np.int64], stack: NDArray[np.int32]
) -> None:
    """Text in a drawing: labels are no text of the page, a whole article is."""
    stack[at, O_NAME] = 0
    hidden = s[HIDDEN_AT]
    if hidden >= 0 and stack[hidden, O_TAG] == T_SVG and holds_much(html, i, T_FOREIGN, LEX_HIDE, s):
        stack[at, O_NAME] = hidden + 1
        s[HIDDEN_AT] = -1


@kernel(embed=True, allocates=False)
def _hides(
    html: NDArray[np.uint8],
    i: int,
    tag: int,
    lexical: int,
    style: int,
    attributes: NDArray[np.int64],
    s: NDArray[np.int64],
    elements: NDArray[np.int32],
) -> bool:
    """Whether an element's text is not text of the page."""
    if tag in (T_HTML, T_BODY):  # hidden until a script shows it
        return False
    if TAG_BITS[tag] & NO_TEXT:
        if tag == T_TEMPLATE:  # browsers show one of a shadow tree at once
            return attributes[A_SHADOWROOTMODE, 0] < 0 and attributes[A_SHADOWROOT, 0] < 0
        # Questions of an FAQ are often buttons within headings; one named in a sentence is a word of it.
        return not (tag == T_BUTTON and (elements[s[ELEMENT], E_LEVEL] > 0 or _is_in_sentence(s, elements)))
    if is_hidden(html, attributes, style):
        return True
    if style & STYLE_INVISIBLE or (tag == T_DIALOG and attributes[A_OPEN, 0] < 0):
        return not holds_much(html, i, tag, LEX_HIDE, s)
    if lexical & LEX_RENDERED and _is_typeset(html, i, tag, attributes):
        s[RENDERED] = 1
        return True
    if lexical & LEX_GUTTER:
        return not holds_much(html, i, tag, LEX_GUTTER, s)
    if lexical & LEX_HIDE:
        return not holds_much(html, i, tag, LEX_HIDE, s)
    if lexical & LEX_CONSENT:
        return not holds_much(html, i, tag, LEX_CONSENT, s)
    # A heading or span of that name is a function's.
    if lexical & LEX_SIGNATURE and tag in (T_DIV, T_TD, T_ASIDE):
        return not holds_much(html, i, tag, LEX_SIGNATURE, s)
    if tag == T_A and attributes[A_ARIA_HIDDEN, 0] >= 0:
        return value_has(html, attributes[A_ARIA_HIDDEN], TRUE)
    if tag == T_NOSCRIPT:
        return is_notice(html, i, tag, s)
    return tag == T_SUP and lexical & LEX_REFERENCE != 0


@kernel(allocates=False)
def _is_in_sentence(s: NDArray[np.int64], elements: NDArray[np.int32]) -> bool:
    inside = s[OUT] > s[BLOCK_START] and not s[PENDING] & (NEW | PARAGRAPH | BREAK)
    return inside and elements[s[ELEMENT], E_TAG] == T_P


@kernel(allocates=False)
def _is_typeset(html: NDArray[np.uint8], i: int, tag: int, attributes: NDArray[np.int64]) -> bool:
    """Whether a class word of MathJax or KaTeX stands on what they wrote, not on what MathJax is told to read."""
    if tag not in (T_SPAN, T_DIV):
        return False
    if attributes[A_DATA_MATHML, 0] >= 0 or attributes[A_ARIA_HIDDEN, 0] >= 0:
        return True
    if attributes[A_ROLE, 0] >= 0 and value_has(html, attributes[A_ROLE], PRESENTATION):
        return True
    if attributes[A_ID, 0] >= 0 and value_has(html, attributes[A_ID], MATHJAX):
        return True
    while i < html.size and html[i] <= 32:
        i += 1
    if i + 1 >= html.size or html[i] != 60:
        return False
    key, end = read_name(html, i + 1)
    found = look_up(key, TAG_KEYS, TAG_VALUES)
    if found in (T_NOBR, T_SVG):
        return True
    # <span class="math">, <span class="mjx-math">, <span class="MathJax">
    stop = min(end + 200, html.size - 3)
    while found == T_SPAN and end < stop and html[end] != 62:
        first, second, third = html[end] | 32, html[end + 1] | 32, html[end + 2] | 32
        if first == 109 and ((second == 97 and third == 116) or (second == 106 and third == 120)):
            return True
        end += 1
    return False


@kernel(allocates=False)
def _ends_sentence(text: NDArray[np.uint8], begin: int, out: int) -> bool:
    """Whether text[begin:out] ends in a full stop or the like, perhaps in quotes or brackets."""
    while out > begin and text[out - 1] in (34, 39, 41, 93):
        out -= 1
    while (
        out - 3 >= begin and text[out - 3] == 0xE2 and text[out - 2] == 0x80 and text[out - 1] in (0x99, 0x9D)
    ):
        out -= 3
    if out <= begin:
        return False
    if text[out - 1] in (33, 46, 58, 63):
        return True
    if out - 3 < begin:
        return False
    first, second, third = text[out - 3], text[out - 2], text[out - 1]
    if first == 0xE2:
        return second == 0x80 and third == 0xA6
    return (first == 0xE3 and second == 0x80 and third == 0x82) or (
        first == 0xEF and second == 0xBC and third in (0x81, 0x9F)
    )


@kernel(allocates=False)
def _start_unknown(
    html: NDArray[np.uint8],
    key: int,
    dashed: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
) -> None:
    """A tag of an unknown name: hidden or not; apart from its like before it, as a block where it ended a sentence.

    Only those that hide are put on the stack: many are never closed.
    """
    text, s, blocks = w.text, w.state, w.blocks
    elements = w.elements
    stack, n_open, attributes = w.stack, w.n_open, w.attributes
    name = np.int32((key ^ (key >> 32)) & 0x7FFFFFFF)
    hidden = s[HIDDEN_AT]
    if hidden >= 0:
        again = stack[hidden, O_TAG] == 0 and stack[hidden, O_NAME] == name
        if not again or s[DEPTH] >= MAX_DEPTH:
            return
    elif attributes[A_SELF_CLOSED, 0] < 0 and s[DEPTH] < MAX_DEPTH:
        style = read_style(html, attributes[A_STYLE]) if attributes[A_STYLE, 0] >= 0 else 0
        if is_hidden(html, attributes, style):
            s[HIDDEN_AT] = s[DEPTH]
    if s[HIDDEN_AT] >= 0:
        at = s[DEPTH]
        stack[at, O_TAG] = 0
        stack[at, O_ELEMENT] = -1
        stack[at, O_START] = s[OUT]
        stack[at, O_NAME] = name
        n_open[0] += 1
        s[DEPTH] = at + 1
        return
    if s[PRE_AT] >= 0 or s[PENDING] & (NEW | PARAGRAPH | BREAK | CELL_MARK):
        return
    ended = _ends_sentence(text, s[BLOCK_START], s[OUT])
    if s[CUSTOM_END] == s[OUT]:
        holder = elements[s[ELEMENT], E_TAG]
        inline = holder in (T_P, T_DT) or elements[s[ELEMENT], E_LEVEL] > 0 or s[ROW] >= 0
        if not inline and (ended or (dashed and s[CUSTOM_NAME] != name)):
            flush_block(text, s, blocks)
        else:
            s[PENDING] |= SPACE
    elif dashed and ended:
        s[PENDING] |= SPACE


@kernel(allocates=False)
def _end_unknown(
    key: int,
    w: Workspace,
) -> None:
    """An end tag of an unknown name: it ends what it hid, or is remembered for its like that follows."""
    text, s = w.text, w.state
    elements, links = w.elements, w.links
    stack, n_open = w.stack, w.n_open
    name = np.int32((key ^ (key >> 32)) & 0x7FFFFFFF)
    top = s[DEPTH] - 1 if n_open[0] > 0 else -1
    while top >= 0:
        if stack[top, O_TAG] == 0 and stack[top, O_NAME] == name:
            _pop_to(top, text, s, stack, n_open, elements, links)
            return
        top -= 1
    if s[HIDDEN_AT] < 0 and not s[PENDING] & NEW:
        s[CUSTOM_END] = s[OUT]
        s[CUSTOM_NAME] = name


@kernel(embed=True, allocates=False)
def _end_tag(
    html: NDArray[np.uint8],
    i: int,
    tag: int,
    w: Workspace,
) -> None:
    """An end tag before html[i]: end its element and all within it; one that ends nothing is at most a boundary."""
    text, s, blocks = w.text, w.state, w.blocks
    elements, links = w.elements, w.links
    stack, n_open = w.stack, w.n_open
    bits = TAG_BITS[tag]
    if bits & (VOID | RAW) or tag in (T_HTML, T_BODY):
        if tag == T_BR and s[HIDDEN_AT] < 0 and not s[PENDING] & NEW:
            s[PENDING] |= BREAK
        return
    linked = s[LINK_AT] >= 0
    if tag == T_A:
        _close_link(s, text, links)
    hidden = s[HIDDEN_AT] >= 0
    index = _find_open(tag, s, stack, n_open) if s[OVERFLOW] == 0 else -1
    if index >= 0 and not hidden:
        if s[PRE_AT] >= 0 and tag in (T_DIV, T_TR, T_LI) and index > s[PRE_AT]:
            empty = stack[index, O_START] == s[OUT] and s[OUT] > s[BLOCK_START] and not s[PENDING] & NEW
            if empty and text[s[OUT] - 1] == 10:  # a blank line
                text[s[OUT]] = 10
                s[OUT] += 1
        elif (
            tag in (T_SUP, T_SUB) and s[PRE_AT] < 0 and stack[index, O_NAME] == 0 and s[PENDING] & ~SPACE == 0
        ):
            last = s[N_LINKS] - 1
            linked |= 0 <= last < links.shape[0] and links[last, L_START] >= stack[index, O_START]
            write_script(html, i, tag == T_SUP, linked, stack[index, O_START], text, s, links)
    if bits & CELL and tag != T_CAPTION:
        if not s[PENDING] & NEW and s[PRE_AT] < 0 and not hidden:
            s[PENDING] |= SPACE
    elif bits & BLOCK and not hidden:
        _boundary(tag, s, text, blocks)
    if s[OVERFLOW] > 0:
        s[OVERFLOW] -= 1
        return
    if bits & HEADING and n_open[tag] == 0:
        for other in range(T_H1, T_H6 + 1):
            if n_open[other] > 0:
                tag = other
        index = _find_open(tag, s, stack, n_open)
    if index >= 0:
        if s[PRE_AT] >= index or s[BOX_AT] >= index:
            flush_block(text, s, blocks)
        _pop_to(index, text, s, stack, n_open, elements, links)


@kernel(embed=True, allocates=False)
def _skip_hidden(html: NDArray[np.uint8], i: int) -> int:
    """The place of the next tag."""
    i = find_byte(html, i, 60)
    while i + 1 < html.size:
        after = html[i + 1]
        if 97 <= after | 32 <= 122 or after in (33, 47, 63):
            return i
        i = find_byte(html, i + 1, 60)
    return html.size


@kernel(allocates=False)
def _is_xml(html: NDArray[np.uint8]) -> bool:
    """Whether the page begins with an XML declaration, so that a slash ends any element."""
    i = 0
    while i < html.size and html[i] <= 32:
        i += 1
    return (
        i + 5 < html.size
        and html[i] == 60
        and html[i + 1] == 63
        and html[i + 2] == 120
        and html[i + 3] == 109
        and html[i + 4] == 108
    )


@kernel(inline=True, allocates=False)
def scan_page(
    html: NDArray[np.uint8],
    w: Workspace,
) -> None:
    """Read a page of valid UTF-8 into the tables; s[N_BLOCKS], s[N_ELEMENTS] and so on say how much they hold.

    `text` needs max_text_bytes(html.size) bytes. Full tables of blocks, elements, tokens or links take no more.
    """
    text, s, blocks = w.text, w.state, w.blocks
    elements, links, meta = w.elements, w.links, w.meta
    stack, n_open, attributes = w.stack, w.n_open, w.attributes
    s[:] = 0
    s[HIDDEN_AT] = s[PRE_AT] = s[LINK_AT] = s[ROW] = s[FORMULA_END] = s[FORMULA_START] = -1
    s[BOX_AT] = s[LANG_AT] = s[CUSTOM_END] = -1
    s[PENDING] = NEW
    s[SPARE] = html.size // 2
    s[XML] = _is_xml(html)
    meta[:] = -1
    n_open[:] = 0
    clear_attributes(attributes)
    elements[0] = 0
    elements[0, E_ITEM] = elements[0, E_PARENT] = -1
    s[N_ELEMENTS] = 1
    i, n = 0, html.size
    while i < n:
        i = _skip_hidden(html, i) if s[HIDDEN_AT] >= 0 else write_run(html, i, n, True, text, s, blocks)
        if i + 1 >= n:
            break
        after = html[i + 1]
        if after in (33, 63):
            i = _skip_declaration(html, i)
        elif after == 47:
            key, i = read_name(html, i + 2)
            i = skip_to_tag_end(html, i)
            tag = look_up(key, TAG_KEYS, TAG_VALUES)
            if tag:
                _end_tag(html, i, tag, w)
            else:
                _end_unknown(key, w)
        else:
            begin = i
            key, i = read_name(html, i + 1)
            name_end = i
            i = read_attributes(html, i, attributes)
            tag = look_up(key, TAG_KEYS, TAG_VALUES)
            if i > n:
                continue
            if tag == 0:
                dashed = False
                for k in range(begin + 1, min(name_end, begin + 64)):
                    dashed |= html[k] == 45
                _start_unknown(html, key, dashed, w)
                continue
            bits = TAG_BITS[tag]
            if bits & RAW:
                i = _read_raw(html, i, tag, w)
            elif bits & VOID:
                _start_void(html, tag, w)
            elif attributes[A_SELF_CLOSED, 0] >= 0 and (
                s[XML] or bits & NO_TEXT or tag in (T_A, T_MATH) or n_open[T_SVG] > 0
            ):
                if bits & BLOCK and s[HIDDEN_AT] < 0 and not bits & CELL:
                    _boundary(tag, s, text, blocks)
            elif tag == T_MATH and (s[HIDDEN_AT] < 0 or s[RENDERED]):
                i = _start_math(html, begin, i, w)
            else:
                _start_tag(html, i, tag, w)
    flush_block(text, s, blocks)
    _pop_to(0, text, s, stack, n_open, elements, links)
    elements[0, E_END] = s[N_BLOCKS]
