"""Chosen blocks to text: paragraphs apart by an empty line, list items and table rows on lines of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.features import T_LI
from curate.extract.scan import (
    E_FIRST,
    E_FLAGS,
    E_ITEM,
    E_LEVEL,
    E_PARENT,
    E_TAG,
    IN_LIST,
    IN_QUOTE,
    L_END,
    L_HREF_END,
    L_HREF_START,
    L_START,
)
from curate.extract.tags import CELL, LIST, TAG_BITS
from curate.extract.text import B_CELLS, B_ELEMENT, B_END, B_PRE, B_START, N_LINKS
from curate.extract.workspace import Workspace
from curate.text.kernel import kernel

# What is written besides plain text: bits.
MARKDOWN, LINKS = 1, 2
MAX_INDENT = 4
OUTPUT_SLACK = 64  # bytes of markup that one block may add


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
def _put_prefix(b: int, w: Workspace, options: int, out: NDArray[np.uint8], at: int) -> int:
    """Bullet, heading marks or quote mark of a block."""
    e = w.blocks[b, B_ELEMENT]
    item = w.elements[e, E_ITEM]
    markdown = options & MARKDOWN
    if markdown and w.elements[e, E_FLAGS] & IN_QUOTE and item < 0:
        at = _put(out, _put(out, at, 62, 1), 32, 1)
    if w.elements[e, E_LEVEL] > 0:
        if markdown:
            at = _put(out, _put(out, at, 35, w.elements[e, E_LEVEL]), 32, 1)
    elif item >= 0 and w.elements[item, E_TAG] == T_LI and w.elements[item, E_FIRST] == b:
        if markdown:
            at = _put(out, at, 32, 2 * max(_list_depth(item, w) - 1, 0))
        at = _put(out, _put(out, at, 45, 1), 32, 1)
    return at


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
    before, link = -1, 0
    begin = at
    for b in range(n_blocks):
        if not keep[b]:
            continue
        if at > begin:
            together = _is_line(b, w) and before == b - 1 and _is_line(before, w)
            at = _put(out, at, 10, 1 if together else 2)
        fenced = options & MARKDOWN and w.blocks[b, B_PRE]
        if fenced:
            at = _put(out, _put(out, at, 96, 3), 10, 1)
        else:
            at = _put_prefix(b, w, options, out, at)
        if options & LINKS:
            at, link = _put_linked(html, b, link, w, out, at)
        else:
            at = _copy(w.text, w.blocks[b, B_START], w.blocks[b, B_END], out, at)
        if fenced:
            at = _put(out, _put(out, at, 10, 1), 96, 3)
        before = b
    return at
