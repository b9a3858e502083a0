# ruff: noqa: FBT001, FBT003, PLR0912  (kernels take their arrays by position)
"""Chosen blocks to text: paragraphs apart by an empty line, list items and table rows on lines of their own.

The same blocks can be written as Markdown: `#` before headings, code in fences with its language, tables with pipes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.ahead import MAX_LONG_CELL_BYTES
from curate.extract.features import T_LI
from curate.extract.scan import (
    DECIMAL,
    E_FIRST,
    E_FLAGS,
    E_ITEM,
    E_LEVEL,
    E_NUMBER,
    E_PARENT,
    E_STYLE,
    E_TAG,
    GRID_CELL,
    IN_LIST,
    IN_QUOTE,
    L_END,
    L_HREF_END,
    L_HREF_START,
    L_START,
    LETTER,
    ROMAN,
    SMALL_LETTER,
    SMALL_ROMAN,
    WRITTEN,
)
from curate.extract.scratch import Workspace
from curate.extract.tags import CELL, LIST, TAG_BITS, TAG_NUMBERS
from curate.extract.text import (
    B_CELLS,
    B_ELEMENT,
    B_END,
    B_LANG_END,
    B_LANG_START,
    B_PRE,
    B_START,
    N_LINKS,
)
from curate.text.kernel import kernel

# What is written besides plain text: bits.
MARKDOWN, LINKS = 1, 2
MAX_INDENT = 4
OUTPUT_SLACK = 64  # bytes of markup that one block may add
# Of a page's size. The shortest item that a number stands before has five bytes, the shortest cell four.
PLAIN_FACTOR, MARKED_FACTOR = 6, 12
MAX_ROMAN = 3999
GRID_LEVELS = 6  # between a block and the cell of a grid that it stands in
T_TABLE = TAG_NUMBERS["table"]
ROMAN_VALUES = np.array([1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1], np.int64)
# m cm d cd c xc l xl x ix v iv i
ROMAN_FIRST = np.frombuffer(b"mcdccxlxxivii", np.uint8)
ROMAN_SECOND = np.frombuffer(b"\0m\0d\0c\0l\0x\0v\0", np.uint8)


@kernel(allocates=False)
def _put(out: NDArray[np.uint8], at: int, byte: int, times: int) -> int:
    for _ in range(times):
        out[at] = byte
        at += 1
    return at


@kernel(allocates=False)
def _is_line(b: int, w: Workspace) -> bool:
    """Whether a block is one of a run of lines: a list item or a table row."""
    e = w.blocks[b, B_ELEMENT]
    if w.blocks[b, B_PRE]:
        return False
    return (
        w.elements[e, E_ITEM] >= 0 or w.blocks[b, B_CELLS] > 0 or TAG_BITS[w.elements[e, E_TAG]] & CELL != 0
    )


@kernel(allocates=False)
def _list_depth(e: int, w: Workspace) -> int:
    depth = 0
    while e >= 0 and w.elements[e, E_FLAGS] & IN_LIST and depth < MAX_INDENT:
        depth += TAG_BITS[w.elements[e, E_TAG]] & LIST != 0
        e = w.elements[e, E_PARENT]
    return depth


@kernel(allocates=False)
def _find_table(b: int, w: Workspace) -> int:
    """The table that a block is a row of, -1 where it is none."""
    e = w.blocks[b, B_ELEMENT]
    if w.blocks[b, B_PRE] or not (w.blocks[b, B_CELLS] > 0 or TAG_BITS[w.elements[e, E_TAG]] & CELL):
        return -1
    for _ in range(12):
        if e < 0 or w.elements[e, E_TAG] == T_TABLE:
            return e
        e = w.elements[e, E_PARENT]
    return -1


@kernel(embed=True, allocates=False)
def _find_grid_cell(b: int, w: Workspace) -> int:
    """The cell of a row of a grid that a block of running text stands in, -1 where there is none."""
    e = w.blocks[b, B_ELEMENT]
    item = w.elements[e, E_ITEM]
    if w.blocks[b, B_PRE] or w.blocks[b, B_CELLS] > 0 or w.elements[e, E_LEVEL] > 0:
        return -1
    if w.blocks[b, B_END] - w.blocks[b, B_START] > MAX_LONG_CELL_BYTES:
        return -1
    for _ in range(GRID_LEVELS):
        if e < 0 or w.elements[e, E_STYLE] & GRID_CELL:
            break
        e = w.elements[e, E_PARENT]
    in_row = e >= 0 and w.elements[e, E_STYLE] & GRID_CELL and w.elements[e, E_NUMBER] > 0
    return e if in_row and item < e else -1  # not in a list in the cell


@kernel(allocates=False)
def _put_number(number: int, style: int, out: NDArray[np.uint8], at: int) -> int:
    """An item's number as its list writes them: 4, d, D, iv or IV; letters go on after z with aa."""
    if style in (SMALL_LETTER, LETTER) and number > 0:
        n, rest = 0, number
        while rest > 0:
            n += 1
            rest = (rest - 1) // 26
        for k in range(n - 1, -1, -1):
            out[at + k] = (97 if style == SMALL_LETTER else 65) + (number - 1) % 26
            number = (number - 1) // 26
        return at + n
    if style in (SMALL_ROMAN, ROMAN) and 0 < number <= MAX_ROMAN:
        case = 0 if style == SMALL_ROMAN else 32
        for k in range(ROMAN_VALUES.size):
            while number >= ROMAN_VALUES[k]:
                number -= ROMAN_VALUES[k]
                at = _put(out, at, np.int64(ROMAN_FIRST[k]) - case, 1)
                if ROMAN_SECOND[k]:
                    at = _put(out, at, np.int64(ROMAN_SECOND[k]) - case, 1)
        return at
    if number < 0:
        at = _put(out, at, 45, 1)
        number = -number
    n, rest = 1, number // 10
    while rest > 0:
        n += 1
        rest //= 10
    for k in range(n - 1, -1, -1):
        out[at + k] = 48 + number % 10
        number //= 10
    return at + n


@kernel(embed=True, allocates=False)
def _put_prefix(b: int, w: Workspace, options: int, out: NDArray[np.uint8], at: int) -> int:
    """Bullet or number, heading marks or quote mark of a block."""
    e = w.blocks[b, B_ELEMENT]
    if w.blocks[b, B_PRE]:
        return at
    item = w.elements[e, E_ITEM]
    markdown = options & MARKDOWN
    listed = item >= 0 and w.elements[item, E_TAG] == T_LI and w.blocks[b, B_CELLS] == 0
    first = listed and w.elements[item, E_FIRST] == b
    if markdown and w.elements[e, E_FLAGS] & IN_QUOTE and item < 0:
        at = _put(out, _put(out, at, 62, 1), 32, 1)
    if markdown and w.elements[e, E_LEVEL] > 0:
        return _put(out, _put(out, at, 35, w.elements[e, E_LEVEL]), 32, 1)
    if markdown and listed:
        at = _put(out, at, 32, 2 * max(_list_depth(item, w) - first, 0))
    if first:
        style = w.elements[item, E_STYLE] & WRITTEN
        if style:
            at = _put_number(w.elements[item, E_NUMBER], DECIMAL if markdown else style, out, at)
            at = _put(out, at, 46, 1)
        else:
            at = _put(out, at, 45, 1)
        at = _put(out, at, 32, 1)
    return at


@kernel(allocates=False)
def _put_fence(
    html: NDArray[np.uint8], b: int, w: Workspace, opens: bool, out: NDArray[np.uint8], at: int
) -> int:
    """The line before or after code, longer than any run of its marks in the code."""
    longest = run = 0
    for i in range(w.blocks[b, B_START], w.blocks[b, B_END]):
        run = run + 1 if w.text[i] == 96 else 0
        longest = max(longest, run)
    at = _put(out, at, 96, max(3, longest + 1))
    if opens:
        for k in range(w.blocks[b, B_LANG_START], w.blocks[b, B_LANG_END]):
            byte = html[k]
            at = _put(out, at, byte + 32 if 65 <= byte <= 90 else byte, 1)
    return at


@kernel(allocates=False)
def _put_row(b: int, w: Workspace, heads: bool, out: NDArray[np.uint8], at: int) -> int:
    """A table's row between pipes; below its first row, which Markdown takes for its head, the line that says so."""
    start, end = w.blocks[b, B_START], w.blocks[b, B_END]
    at = _put(out, _put(out, at, 124, 1), 32, 1)
    n_cells = 1
    for i in range(start, end):
        byte = w.text[i]
        if byte != 124:
            if not (byte <= 32 and out[at - 1] == 32):
                at = _put(out, at, 32 if byte == 10 else byte, 1)
        elif (i == start or w.text[i - 1] == 32) and (i + 1 == end or w.text[i + 1] == 32):
            at = _put(out, at, 32, 0 if out[at - 1] == 32 and out[at - 2] != 124 else 1)
            at = _put(out, _put(out, at, 124, 1), 32, 1)
            n_cells += 1
        else:
            at = _put(out, _put(out, at, 92, 1), 124, 1)
    at = _put(out, at, 32, 0 if out[at - 1] == 32 and out[at - 2] != 124 else 1)
    at = _put(out, at, 124, 1)
    return _put_rule(n_cells, out, at) if heads else at


@kernel(allocates=False)
def _put_rule(n_cells: int, out: NDArray[np.uint8], at: int) -> int:
    """The line below the head of a table of Markdown."""
    at = _put(out, at, 10, 1)
    for _ in range(n_cells):
        at = _put(out, _put(out, at, 124, 1), 32, 1)
        at = _put(out, _put(out, at, 45, 3), 32, 1)
    return _put(out, at, 124, 1)


@kernel(allocates=False)
def _end_row(n_cells: int, below: bool, out: NDArray[np.uint8], at: int) -> int:
    """The end of a grid's row of Markdown, and the rule if no other row stands above it."""
    at = _put(out, _put(out, at, 32, 1), 124, 1)
    return at if below else _put_rule(n_cells, out, at)


@kernel(allocates=False)
def _put_linked(
    html: NDArray[np.uint8], b: int, link: int, w: Workspace, out: NDArray[np.uint8], at: int
) -> tuple[int, int]:
    """A block's text with its links as [text](address); `link` is the first that can lie in it."""
    i, end = w.blocks[b, B_START], w.blocks[b, B_END]
    while link < w.state[N_LINKS] and w.links[link, L_START] < i:
        link += 1
    while link < w.state[N_LINKS] and w.links[link, L_END] <= end:
        start, stop = w.links[link, L_START], w.links[link, L_END]
        at = _copy(w.text, i, start, out, at)
        at = _put(out, at, 91, 1)
        at = _copy(w.text, start, stop, out, at)
        at = _put(out, _put(out, at, 93, 1), 40, 1)
        for k in range(w.links[link, L_HREF_START], w.links[link, L_HREF_END]):
            if html[k] > 32 and html[k] not in (40, 41):
                at = _put(out, at, html[k], 1)
        at = _put(out, at, 41, 1)
        i = stop
        link += 1
    return _copy(w.text, i, end, out, at), link


@kernel(allocates=False)
def _put_in_row(
    html: NDArray[np.uint8], b: int, link: int, w: Workspace, options: int, out: NDArray[np.uint8], at: int
) -> tuple[int, int]:
    """A block's text in a grid's cell on one line; see `_put_linked`. Pipes of its own are escaped in Markdown."""
    begin = at
    if options & LINKS:
        at, link = _put_linked(html, b, link, w, out, at)
    else:
        for i in range(w.blocks[b, B_START], w.blocks[b, B_END]):
            at = _put(out, at, 92, 1) if w.text[i] == 124 and options & MARKDOWN else at
            at = _put(out, at, w.text[i], 1)
    for i in range(begin, at):
        out[i] = 32 if out[i] == 10 else out[i]
    return at, link


@kernel(allocates=False)
def _copy(text: NDArray[np.uint8], start: int, end: int, out: NDArray[np.uint8], at: int) -> int:
    for i in range(start, end):
        out[at] = text[i]
        at += 1
    return at


@kernel(allocates=False)
def render_page(
    html: NDArray[np.uint8],
    n_blocks: int,
    keep: NDArray[np.uint8],
    w: Workspace,
    options: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write the blocks that `keep` marks to out[at:]; return where the text ends."""
    before, link, table, cell, n_cells = -1, 0, -1, -1, 0
    begin = at
    below = False  # whether the grid's row that is written stands below another
    for b in range(n_blocks):
        if not keep[b]:
            continue
        cell_before, cell = cell, _find_grid_cell(b, w)
        both = cell >= 0 and cell_before >= 0
        if both and w.elements[cell, E_NUMBER] == w.elements[cell_before, E_NUMBER]:
            at = _put(out, at, 32, 1)
            if cell != cell_before:
                at = _put(out, _put(out, at, 124, 1), 32, 1)
                n_cells += 1
            at, link = _put_in_row(html, b, link, w, options, out, at)
            before = b
            continue
        if cell_before >= 0 and options & MARKDOWN:
            at = _end_row(n_cells, below, out, at)
        together = at > begin and before == b - 1 and (both or (_is_line(b, w) and _is_line(before, w)))
        if cell >= 0:
            at = _put(out, at, 10, 0 if at == begin else 1 if together else 2)
            at = _put(out, _put(out, at, 124, 1), 32, 1) if options & MARKDOWN else at
            at, link = _put_in_row(html, b, link, w, options, out, at)
            before, table, n_cells, below = b, -1, 1, together
            continue
        found = _find_table(b, w) if options & MARKDOWN else -1
        row = found >= 0 and (w.blocks[b, B_CELLS] > 0 or (together and found == table))
        heads = row and not (together and found == table)
        if at > begin:
            at = _put(out, at, 10, 2 if heads or not together else 1)
        fenced = options & MARKDOWN and w.blocks[b, B_PRE]
        if fenced:
            at = _put(out, _put_fence(html, b, w, True, out, at), 10, 1)
        elif not row:
            at = _put_prefix(b, w, options, out, at)
        if row:
            at = _put_row(b, w, heads, out, at)
        elif options & LINKS and not fenced:
            at, link = _put_linked(html, b, link, w, out, at)
        else:
            at = _copy(w.text, w.blocks[b, B_START], w.blocks[b, B_END], out, at)
        if fenced:
            at = _put_fence(html, b, w, False, out, _put(out, at, 10, 1))
        before, table = b, found if row else -1
    return _end_row(n_cells, below, out, at) if cell >= 0 and options & MARKDOWN else at
