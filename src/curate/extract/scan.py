# ruff: noqa: PLR0912, PLR0915, FBT003  (kernels take their arrays by position and decide byte by byte)
"""One pass over a page's bytes: its text in blocks, the block-level elements that hold them, and their links.

No tree is built. A stack of open elements with HTML's implied end tags is enough to know what holds what; what
a browser does with wrongly nested bold or italics has no bearing on text. Time is linear in the bytes: the
stack has a fixed size, the page is never searched twice, and tables that are full take no more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract import tags
from curate.extract.tags import (
    A_ALT,
    A_ALTTEXT,
    A_ARIA_HIDDEN,
    A_COLSPAN,
    A_CONTENT,
    A_DATETIME,
    A_ENCODING,
    A_HREF,
    A_ITEMPROP,
    A_LANG,
    A_NAME,
    A_PROPERTY,
    A_REL,
    A_ROWSPAN,
    A_TYPE,
    BLOCK,
    CELL,
    FNV_OFFSET,
    FNV_PRIME,
    HEADING,
    LEX_CODE,
    LEX_COMMENT,
    LEX_HIDE,
    LEX_MATH,
    LEX_REFERENCE,
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
    BREAK,
    CELL_ELEMENT,
    CELL_MARK,
    CELL_START,
    COLUMN,
    DEPTH,
    ELEMENT,
    ELSEWHERE,
    FORMULA_END,
    HIDDEN_AT,
    HREF_END,
    HREF_START,
    INNER,
    JOINS,
    LINK_AT,
    LINK_KIND,
    LINK_START,
    MATH_END,
    MAX_CELL_BYTES,
    MAX_COLUMNS,
    N_BLOCKS,
    N_ELEMENTS,
    N_LINKS,
    N_TOKENS,
    NAMED,
    NEW,
    NEXT_COLUMN,
    OUT,
    OVERFLOW,
    PARAGRAPH,
    PENDING,
    PRE_AT,
    ROW,
    SPACE,
    SPANS,
    SPARE,
    WRITTEN_COLUMN,
    count_link,
    flush_block,
    in_data_row,
    write_pending,
    write_run,
    write_space,
)
from curate.extract.tokens import (
    TRUE,
    find_byte,
    is_hidden,
    read_attributes,
    read_name,
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
# Text is never longer than its page but for marks of empty cells, which may add one byte in so many of the page.
TEXT_SLACK, MARKS_PART = 128, 8
MAX_ADDRESS_BYTES = 2000  # of a link that are looked at

# Columns of the element table (int32).
(E_PARENT, E_TAG, E_FIRST, E_END, E_DEPTH, E_FLAGS, E_TOKEN, E_N_TOKENS, E_ITEM, E_LEVEL) = range(10)
N_ELEMENT_FIELDS = 10

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

T_A, T_B, T_P, T_LI, T_DT, T_DD = (TAG_NUMBERS[t] for t in ("a", "b", "p", "li", "dt", "dd"))
T_TR, T_TABLE, T_PRE, T_BR = (TAG_NUMBERS[t] for t in ("tr", "table", "pre", "br"))
T_UL, T_OL = TAG_NUMBERS["ul"], TAG_NUMBERS["ol"]
T_HR = TAG_NUMBERS["hr"]
T_IMG, T_META, T_LINK, T_SUP = (TAG_NUMBERS[t] for t in ("img", "meta", "link", "sup"))
T_SCRIPT, T_TITLE, T_HTML, T_BODY = (TAG_NUMBERS[t] for t in ("script", "title", "html", "body"))
T_TIME, T_SPAN, T_MATH, T_BUTTON = (TAG_NUMBERS[t] for t in ("time", "span", "math", "button"))
T_DIV, T_H1 = (TAG_NUMBERS[t] for t in ("div", "h1"))
T_H6, T_CAPTION = TAG_NUMBERS["h6"], TAG_NUMBERS["caption"]

MATH_TYPE = np.frombuffer(b"math/tex", dtype=np.uint8)
DISPLAY_MODE = np.frombuffer(b"mode=display", dtype=np.uint8)
LD_JSON = np.frombuffer(b"ld+json", dtype=np.uint8)
CANONICAL = np.frombuffer(b"canonical", dtype=np.uint8)
TEX = np.frombuffer(b"tex", dtype=np.uint8)
ANNOTATION = np.frombuffer(b"<annotation", dtype=np.uint8)
END_ANNOTATION = np.frombuffer(b"</annotation", dtype=np.uint8)
END_MATH = np.frombuffer(b"</math", dtype=np.uint8)
DISPLAYSTYLE = np.frombuffer(b"{\\displaystyle", dtype=np.uint8)


def max_text_bytes(max_html_bytes: int) -> int:
    """The bytes that the text of a page can take."""
    return max_html_bytes + max_html_bytes // MARKS_PART + TEXT_SLACK


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
        i = find_byte(html, i + 4, 62)
        while i < html.size and not (html[i - 1] == 45 and html[i - 2] == 45):
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


@kernel(allocates=False)
def _link_kind(html: NDArray[np.uint8], start: int, end: int) -> int:
    """What an address points to; a lone `#` is a menu's, and `#!` an application's page."""
    for i in range(start, min(end, start + MAX_ADDRESS_BYTES)):
        if html[i] == 35:
            named = i + 1 < end and html[i + 1] != 33
            return (INNER if i == start else NAMED) if named else ELSEWHERE
    return ELSEWHERE


@kernel(allocates=False)
def _close_link(s: NDArray[np.int64], text: NDArray[np.uint8], links: NDArray[np.int32]) -> None:
    if s[LINK_AT] < 0:
        return
    start, end = s[LINK_START], s[OUT]
    if end > start and s[LINK_KIND] != ELSEWHERE and _is_sign(text, start, end):
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
    while s[DEPTH] > size:
        s[DEPTH] -= 1
        top = s[DEPTH]
        tag, element = stack[top, 0], stack[top, 1]
        n_open[tag] -= 1
        if element >= 0:
            elements[element, E_END] = s[N_BLOCKS]
            s[ELEMENT] = elements[element, E_PARENT]
        if tag in (T_TR, T_TABLE):
            s[ROW] = -1
            if tag == T_TABLE:
                s[JOINS] = 0
                s[SPANS : SPANS + MAX_COLUMNS] = 0
    if s[LINK_AT] > size:
        _close_link(s, text, links)
    if s[HIDDEN_AT] >= size:
        s[HIDDEN_AT] = -1
    if s[PRE_AT] >= size:
        s[PRE_AT] = -1


@kernel(allocates=False)
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


@kernel(allocates=False)
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


@kernel(allocates=False)
def _boundary(tag: int, s: NDArray[np.int64], text: NDArray[np.uint8], blocks: NDArray[np.int32]) -> None:
    """A block-level tag starts or ends: end the open block, or, in pre, the open line.

    A paragraph within a table cell ends the block only if text follows it in the same cell, so that a row whose
    cells hold paragraphs stays one row.
    """
    if s[PRE_AT] >= 0:
        out = s[OUT]
        while out > s[BLOCK_START] and text[out - 1] in (32, 9):
            out -= 1
        if not s[PENDING] & NEW and out > s[BLOCK_START] and (out < s[OUT] or text[out - 1] != 10):
            text[out] = 10
            s[OUT] = out + 1
        return
    if s[PENDING] & NEW:
        return
    if s[ROW] >= 0 and (tag in (T_P, T_DIV) or (tag in (T_UL, T_OL, T_LI) and in_data_row(s))):
        if s[PENDING] & CELL_MARK:
            return
        s[PENDING] |= PARAGRAPH
    else:
        flush_block(text, s, blocks)


@kernel(allocates=False)
def _begin_cell(s: NDArray[np.int64], text: NDArray[np.uint8], blocks: NDArray[np.int32]) -> None:
    """A table cell starts: it joins its row's block if what came before in the row was short."""
    if s[PENDING] & NEW:
        return
    if s[ROW] >= 0 and s[OUT] - s[CELL_START] <= MAX_CELL_BYTES and s[PRE_AT] < 0:
        s[PENDING] = CELL_MARK
    else:
        flush_block(text, s, blocks)


@kernel(allocates=False)
def _read_span(html: NDArray[np.uint8], span: NDArray[np.int64]) -> int:
    """A colspan or rowspan, 1 where it is none, MAX_COLUMNS at most."""
    value = 0
    for i in range(span[0], min(span[1], span[0] + 3)):
        if not 48 <= html[i] <= 57:
            break
        value = value * 10 + html[i] - 48
    return min(max(value, 1), MAX_COLUMNS)


@kernel(allocates=False)
def _place_cell(html: NDArray[np.uint8], attributes: NDArray[np.int64], s: NDArray[np.int64]) -> None:
    """Find the column of a cell that starts, past those that cells of rows above reach into."""
    column = s[NEXT_COLUMN]
    while column < MAX_COLUMNS and s[SPANS + column] > 0:
        s[SPANS + column] -= 1
        column += 1
    s[SPARE] += 1
    n_columns, n_rows = _read_span(html, attributes[A_COLSPAN]), _read_span(html, attributes[A_ROWSPAN])
    for k in range(column, min(column + n_columns, MAX_COLUMNS)):
        s[SPANS + k] = n_rows - 1
    s[COLUMN] = min(column, MAX_COLUMNS)
    s[NEXT_COLUMN] = min(column + n_columns, MAX_COLUMNS)


@kernel(allocates=False)
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
    if bits & LEX_COMMENT and tag not in (T_BODY, T_HTML):
        flags |= IN_COMMENT
    if tag == T_TABLE:
        flags &= ~IN_LIST
    elements[n, E_FLAGS] = flags
    elements[n, E_TOKEN] = s[N_TOKENS]
    elements[n, E_N_TOKENS] = n_tokens - s[N_TOKENS]
    elements[n, E_ITEM] = n if tag in (T_LI, T_DD, T_DT) else elements[parent, E_ITEM]
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
    out = write_pending(text, s, blocks) if s[PENDING] else s[OUT]
    for _ in range(0 if quoted else 1 + display):
        text[out] = 36
        out += 1
    s[OUT] = out
    before = s[PRE_AT]
    s[PRE_AT] = -1
    write_run(html, start, stop, False, text, s, blocks)
    s[PRE_AT] = before
    s[PENDING] &= ~SPACE
    out = s[OUT]
    for _ in range(0 if quoted else 1 + display):
        text[out] = 36
        out += 1
    s[OUT] = out
    s[FORMULA_END] = out


@kernel(allocates=False)
def _start_math(
    html: NDArray[np.uint8],
    i: int,
    attributes: NDArray[np.int64],
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
) -> int:
    """A math element: write its LaTeX where it states it, and return the place to go on from."""
    if i < s[MATH_END]:
        return i
    alt_start, alt_end = attributes[A_ALTTEXT]
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
            _write_formula(html, after, end if stop < 0 else stop, False, text, s, blocks)
            return end
        at = find_bytes(html, max(after, at + 1), end, ANNOTATION)
    if alt_end > alt_start:
        _write_formula(html, alt_start, alt_end, False, text, s, blocks)
        return end
    return i


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
    attributes: NDArray[np.int64],
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
    meta: NDArray[np.int64],
) -> int:
    """Skip a script, style, title or the like; note title and JSON-LD, write formulas of MathJax scripts."""
    end = _find_raw_end(html, i, tag)
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
def _start_void(
    html: NDArray[np.uint8],
    tag: int,
    attributes: NDArray[np.int64],
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
    tokens: NDArray[np.int32],
    meta: NDArray[np.int64],
) -> None:
    """Elements without content: line breaks, rules, images of formulas, metadata."""
    if tag in (T_META, T_LINK):
        _read_meta(html, tag, attributes, meta)
    elif s[HIDDEN_AT] >= 0:
        return
    elif tag == T_BR:
        if s[PRE_AT] >= 0:
            write_space(text, s, blocks, 10)
        elif not s[PENDING] & NEW:
            s[PENDING] |= PARAGRAPH if s[PENDING] & BREAK else BREAK
    elif tag == T_HR:
        _boundary(tag, s, text, blocks)
    elif tag == T_IMG and attributes[A_ALT, 1] > attributes[A_ALT, 0] and s[FORMULA_END] != s[OUT]:
        start, end = attributes[A_ALT]
        first = html[start]
        second = html[start + 1] if start + 1 < end else 0
        _, bits = read_tokens(html, attributes, tokens, s[N_TOKENS])
        if bits & LEX_MATH or (first == 123 and second == 92) or (first == 36 and html[end - 1] == 36):
            _write_formula(html, start, end, False, text, s, blocks)


@kernel(allocates=False)
def _start_tag(
    html: NDArray[np.uint8],
    tag: int,
    attributes: NDArray[np.int64],
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
    elements: NDArray[np.int32],
    tokens: NDArray[np.int32],
    links: NDArray[np.int32],
    meta: NDArray[np.int64],
    stack: NDArray[np.int32],
    n_open: NDArray[np.int32],
) -> None:
    """A start tag with content: end what it implies, set block and link boundaries, put it on the stack."""
    bits = TAG_BITS[tag]
    if tag in (T_HTML, T_TIME):
        _read_meta(html, tag, attributes, meta)
    if tag in (T_HTML, T_BODY) and n_open[tag] > 0:
        return
    if tag == T_A:
        _close_link(s, text, links)
    if bits & BLOCK:
        implied = _find_implied(tag, s, stack, n_open)
        if s[HIDDEN_AT] < 0:
            if bits & CELL and tag != T_CAPTION:
                _place_cell(html, attributes, s)
                _begin_cell(s, text, blocks)
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
        n_tokens, lexical = read_tokens(html, attributes, tokens, s[N_TOKENS])
        if bits & BLOCK and _push_element(tag, lexical, n_tokens, s, elements):
            element = s[ELEMENT]
    at = s[DEPTH]
    stack[at, 0] = tag
    stack[at, 1] = element
    n_open[tag] += 1
    s[DEPTH] = at + 1
    if s[HIDDEN_AT] >= 0:
        return
    if _hides(html, tag, lexical, attributes, s, elements):
        s[HIDDEN_AT] = at
    elif tag == T_A and attributes[A_HREF, 0] >= 0:
        s[LINK_AT] = at + 1
        s[LINK_START] = s[OUT]
        s[HREF_START], s[HREF_END] = attributes[A_HREF]
        s[LINK_KIND] = _link_kind(html, s[HREF_START], s[HREF_END])
    elif (tag == T_PRE or lexical & LEX_CODE) and s[PRE_AT] < 0:
        s[PRE_AT] = at
    elif bits & CELL:
        s[CELL_ELEMENT] = element
    elif tag == T_TR:
        s[ROW] = element
        s[NEXT_COLUMN] = 0
        s[COLUMN] = s[WRITTEN_COLUMN] = -1
    elif tag == T_TABLE:
        s[ROW] = -1
        s[JOINS] = 0
        s[SPANS : SPANS + MAX_COLUMNS] = 0


@kernel(allocates=False)
def _hides(
    html: NDArray[np.uint8],
    tag: int,
    lexical: int,
    attributes: NDArray[np.int64],
    s: NDArray[np.int64],
    elements: NDArray[np.int32],
) -> bool:
    """Whether an element's text is not text of the page."""
    if tag in (T_HTML, T_BODY):  # hidden until a script shows it
        return False
    if TAG_BITS[tag] & NO_TEXT:
        # Questions of an FAQ are often buttons within headings.
        return not (tag == T_BUTTON and elements[s[ELEMENT], E_LEVEL] > 0)
    if is_hidden(html, attributes) or lexical & LEX_HIDE:
        return True
    if tag in (T_SPAN, T_A) and attributes[A_ARIA_HIDDEN, 0] >= 0:
        return value_has(html, attributes[A_ARIA_HIDDEN], TRUE)
    return tag == T_SUP and lexical & LEX_REFERENCE != 0


@kernel(allocates=False)
def _end_tag(
    tag: int,
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
    elements: NDArray[np.int32],
    links: NDArray[np.int32],
    stack: NDArray[np.int32],
    n_open: NDArray[np.int32],
) -> None:
    """An end tag: end its element and all within it; one that ends nothing is at most a boundary."""
    bits = TAG_BITS[tag]
    if bits & (VOID | RAW) or tag in (T_HTML, T_BODY):
        if tag == T_BR and s[HIDDEN_AT] < 0 and not s[PENDING] & NEW:
            s[PENDING] |= BREAK
        return
    if tag == T_A:
        _close_link(s, text, links)
    hidden = s[HIDDEN_AT] >= 0
    if bits & CELL:
        if not s[PENDING] & NEW:
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
        if s[PRE_AT] >= index:
            flush_block(text, s, blocks)
        _pop_to(index, text, s, stack, n_open, elements, links)


@kernel(allocates=False)
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
def scan_page(
    html: NDArray[np.uint8],
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    blocks: NDArray[np.int32],
    elements: NDArray[np.int32],
    tokens: NDArray[np.int32],
    links: NDArray[np.int32],
    meta: NDArray[np.int64],
    stack: NDArray[np.int32],
    n_open: NDArray[np.int32],
    attributes: NDArray[np.int64],
) -> None:
    """Read a page of valid UTF-8 into the tables; s[N_BLOCKS], s[N_ELEMENTS] and so on say how much they hold.

    `text` needs max_text_bytes(html.size) bytes. Full tables of blocks, elements, tokens or links take no more.
    """
    s[:] = 0
    s[HIDDEN_AT] = s[PRE_AT] = s[LINK_AT] = s[ROW] = s[FORMULA_END] = -1
    s[PENDING] = NEW
    s[SPARE] = html.size // MARKS_PART
    meta[:] = -1
    n_open[:] = 0
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
                _end_tag(tag, text, s, blocks, elements, links, stack, n_open)
        else:
            key, i = read_name(html, i + 1)
            i = read_attributes(html, i, attributes)
            tag = look_up(key, TAG_KEYS, TAG_VALUES)
            if i > n or tag == 0:
                continue
            bits = TAG_BITS[tag]
            if bits & RAW:
                i = _read_raw(html, i, tag, attributes, text, s, blocks, meta)
            elif bits & VOID:
                _start_void(html, tag, attributes, text, s, blocks, tokens, meta)
            elif tag == T_MATH and s[HIDDEN_AT] < 0:
                i = _start_math(html, i, attributes, text, s, blocks)
            else:
                _start_tag(
                    html, tag, attributes, text, s, blocks, elements, tokens, links, meta, stack, n_open
                )
    flush_block(text, s, blocks)
    _pop_to(0, text, s, stack, n_open, elements, links)
    elements[0, E_END] = s[N_BLOCKS]
