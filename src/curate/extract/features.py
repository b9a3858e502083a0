# pyright: reportConstantRedefinition=false
"""Sixty-odd numbers for each block, from which the selector decides whether it is main text.

They describe the block's text, its element and what that lies in, class and id words of its ancestors, its
neighbours, and where it stands relative to the element that holds most of the page's prose. Only counts,
sums and quotients: no logarithms, whose last bit differs between machines. Sizes are capped, so that a page
larger than any that was fitted on looks like a large one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.measure import (
    C_CHARS,
    C_COMMAS,
    C_DIGITS,
    C_FIRST,
    C_HASH,
    C_LAST,
    C_REPEATED,
    C_STOPS,
    C_SYMBOLS,
    C_UPPER,
    C_WORDS,
    N_REPEAT_SLOTS,
    N_TITLES,
    X_BLOCKS,
    X_CHARS,
    X_INNER_CHARS,
    X_LINK_CHARS,
    X_OWN,
    X_PATH,
    X_PATH_HIGH,
    X_PATH_LOW,
    X_PRE_CHARS,
    X_PROSE_CHARS,
    X_SCORE,
    inner_density,
    is_prose,
    link_density,
)
from curate.extract.outline import P_BOX, P_END, P_HEADING, P_UNIT, is_term
from curate.extract.scan import (
    E_DEPTH,
    E_END,
    E_FIRST,
    E_FLAGS,
    E_ITEM,
    E_LEVEL,
    E_N_TOKENS,
    E_PARENT,
    E_TAG,
    E_TOKEN,
    IN_ASIDE,
    IN_COMMENT,
    IN_FOOTER,
    IN_FORM,
    IN_NAV,
)
from curate.extract.tags import TAG_NUMBERS
from curate.extract.text import B_CELLS, B_ELEMENT, B_LINKS, B_PRE
from curate.text.kernel import kernel

PATH_DECAY = 0.6
NEAR = 4  # blocks away
TOKEN_SCALE = 256.0  # of the class-word table, which holds int16 log-odds

# Working columns of the element table of marks (int32).
(K_TOP_UP, K_TOP_AT, K_CORE_UP, K_CORE_AT, K_REPEAT, K_MARK) = range(6)
# The same of the passes after the choice, see `curate.extract.structure`.
(K_FURNITURE, K_KEPT_CHARS, K_UNIT_CHARS, K_ROWS) = range(6, 10)
N_MARKS = 10

FEATURES = [
    "n_words",
    "n_chars",
    "link_density",
    "n_links",
    "n_stops",
    "n_commas",
    "frac_digits",
    "frac_upper",
    "n_symbols",
    "last",
    "first",
    "mean_word_chars",
    "tag",
    "level",
    "is_pre",
    "n_cells",
    "item_first",
    "n_repeated",
    "same_as_title",
    "in_article",
    "in_main",
    "in_nav",
    "in_aside",
    "in_footer",
    "in_header",
    "in_form",
    "in_figure",
    "in_table",
    "in_list",
    "in_quote",
    "in_comment",
    "in_cell",
    "in_details",
    "in_noscript",
    "depth",
    "own",
    "path",
    "path_low",
    "path_high",
    "parent_own",
    "block_position",
    "char_position",
    "blocks_before",
    "blocks_after",
    "after_h1",
    "prev_words",
    "prev_link_density",
    "prev_prose",
    "next_words",
    "next_link_density",
    "next_prose",
    "prev2_words",
    "next2_words",
    "prev_same_element",
    "next_same_element",
    "prose_near",
    "box_chars",
    "box_link_density",
    "box_frac_prose",
    "outer_chars",
    "outer_link_density",
    "outer_frac_prose",
    "box_blocks",
    "repeat",
    "repeat_chars",
    "repeat_link_density",
    "top_up",
    "top_down",
    "top_share",
    "after_top",
    "before_top",
    "core_up",
    "core_down",
    "core_link_density",
    "before_core",
    "after_core",
    "page_chars",
    "page_link_density",
    "page_frac_prose",
    "page_prose_blocks",
    "path_to_core",
    "inner_density",
    "prev_inner_density",
    "next_inner_density",
    "prev_tag",
    "next_tag",
    "unit_chars",
    "unit_link_density",
    "unit_inner_density",
    "unit_frac_prose",
    "unit_blocks",
    "kin_chars",
    "kin_link_density",
    "kin_inner_density",
    "kin_frac_prose",
    "kin_blocks",
    "section_chars",
    "section_link_density",
    "section_inner_density",
    "section_frac_prose",
    "section_blocks",
    "heading_before",
    "page_inner_density",
    "page_frac_pre",
    "page_headings",
    "page_terms",
]
N_FEATURES = len(FEATURES)

_CAPS = {"n_words": 300, "n_chars": 2000, "n_links": 40, "n_stops": 30, "n_commas": 40, "n_symbols": 30}
_CAPS |= {"mean_word_chars": 40, "n_cells": 20, "n_repeated": 10, "depth": 40, "blocks_before": 200}
_CAPS |= {"blocks_after": 200, "after_h1": 100, "prev_words": 100, "next_words": 100, "prev2_words": 100}
_CAPS |= {"next2_words": 100, "box_chars": 15_000, "outer_chars": 15_000, "box_blocks": 100, "repeat": 50}
_CAPS |= {"repeat_chars": 5000, "after_top": 50, "before_top": 50, "before_core": 50, "after_core": 50}
_CAPS |= {"page_chars": 15_000, "page_prose_blocks": 40, "unit_chars": 15_000, "unit_blocks": 100}
_CAPS |= {"kin_chars": 15_000, "kin_blocks": 100, "section_chars": 15_000, "section_blocks": 100}
_CAPS |= {"heading_before": 50, "page_headings": 40, "page_terms": 40}
CAPS = np.array([_CAPS.get(name, 1e6) for name in FEATURES], np.float32)

T_P, T_LI, T_DIV, T_BODY = (TAG_NUMBERS[t] for t in ("p", "li", "div", "body"))
_TAG_CODES = {
    "p": 1,
    "li": 2,
    "td": 3,
    "th": 13,
    "div": 4,
    "section": 4,
    "article": 4,
    "pre": 5,
    "dd": 6,
    "dt": 12,
}
_TAG_CODES |= {
    "blockquote": 7,
    "figcaption": 8,
    "body": 9,
    "caption": 8,
    "legend": 10,
    "form": 10,
    "summary": 11,
}
_TAG_CODES |= {f"h{n}": 20 for n in range(1, 7)}
TAG_CODES = np.zeros(len(TAG_NUMBERS) + 1, np.float32)
for _name, _code in _TAG_CODES.items():
    TAG_CODES[TAG_NUMBERS[_name]] = _code


@kernel(embed=True, allocates=False)
def score_paths(
    elements: NDArray[np.int32],
    n_elements: int,
    tokens: NDArray[np.int32],
    table: NDArray[np.int16],
    sums: NDArray[np.float64],
) -> None:
    """Log-odds of being main text by class words: an element's own, and decayed along its ancestors."""
    for e in range(n_elements):
        total, n = 0.0, 0
        for t in range(elements[e, E_TOKEN], elements[e, E_TOKEN] + elements[e, E_N_TOKENS]):
            if table[tokens[t]] != 0:
                total += table[tokens[t]] / TOKEN_SCALE
                n += 1
        own = total / n if n else 0.0
        parent = elements[e, E_PARENT]
        sums[e, X_OWN] = own
        if parent < 0:
            sums[e, X_PATH] = sums[e, X_PATH_LOW] = sums[e, X_PATH_HIGH] = own
        else:
            sums[e, X_PATH] = own + PATH_DECAY * sums[parent, X_PATH]
            sums[e, X_PATH_LOW] = min(own, sums[parent, X_PATH_LOW])
            sums[e, X_PATH_HIGH] = max(own, sums[parent, X_PATH_HIGH])


@kernel(embed=True, allocates=False)
def find_top(
    blocks: NDArray[np.int32],
    counts: NDArray[np.int32],
    n_blocks: int,
    elements: NDArray[np.int32],
    n_elements: int,
    sums: NDArray[np.float64],
) -> int:
    """The element that gathers most prose from its near descendants, in the manner of Arc90's Readability.

    Prose in navigation, footers, forms and comment threads counts little, so that a thread longer than its
    post does not win.
    """
    for e in range(n_elements):
        sums[e, X_SCORE] = 0.0
    for b in range(n_blocks):
        if not is_prose(counts, b):
            continue
        e = blocks[b, B_ELEMENT]
        worth = 1.0 + counts[b, C_COMMAS] + min(counts[b, C_CHARS] / 100.0, 3.0)
        worth *= 1.0 - link_density(blocks, counts, b)
        flags = elements[e, E_FLAGS]
        if flags & (IN_NAV | IN_ASIDE | IN_FOOTER | IN_FORM | IN_COMMENT):
            worth *= 0.2
        if elements[e, E_TAG] != T_DIV and elements[e, E_PARENT] >= 0:
            e = elements[e, E_PARENT]
        for level in range(5):
            sums[e, X_SCORE] += worth / (1.0 if level == 0 else 2.0 if level == 1 else level * 3.0)
            e = elements[e, E_PARENT]
            if e < 0:
                break
    best, top = -1.0, 0
    for e in range(n_elements):
        density = sums[e, X_LINK_CHARS] / max(sums[e, X_CHARS], 1.0)
        score = sums[e, X_SCORE] * (1.0 - density) * min(max(1.0 + sums[e, X_PATH] / 3.0, 0.3), 2.0)
        if score > best:
            best, top = score, e
    return top


@kernel(embed=True, allocates=False)
def find_core(n_elements: int, sums: NDArray[np.float64]) -> int:
    """The innermost element that holds three quarters of the page's prose."""
    core = 0
    for e in range(n_elements):
        if sums[e, X_PROSE_CHARS] >= 0.75 * sums[0, X_PROSE_CHARS]:
            core = e
    return core


@kernel(embed=True, allocates=False)
def mark_elements(
    elements: NDArray[np.int32],
    n_elements: int,
    tokens: NDArray[np.int32],
    top: int,
    core: int,
    marks: NDArray[np.int32],
    repeats: NDArray[np.int32],
) -> None:
    """Every element's levels up to the line of `top` and of `core`, where it meets them, and its like siblings."""
    repeats[:] = 0
    for e in range(n_elements):
        marks[e, K_MARK] = 0
    for bit, target in ((1, top), (2, core)):
        e = target
        while e >= 0:
            marks[e, K_MARK] |= bit
            e = elements[e, E_PARENT]
    for e in range(n_elements):
        parent = elements[e, E_PARENT]
        on_top = marks[e, K_MARK] & 1 or parent < 0
        marks[e, K_TOP_UP] = 0 if on_top else marks[parent, K_TOP_UP] + 1
        marks[e, K_TOP_AT] = e if on_top else marks[parent, K_TOP_AT]
        on_core = marks[e, K_MARK] & 2 or parent < 0
        marks[e, K_CORE_UP] = 0 if on_core else marks[parent, K_CORE_UP] + 1
        marks[e, K_CORE_AT] = e if on_core else marks[parent, K_CORE_AT]
        first = tokens[elements[e, E_TOKEN]] if elements[e, E_N_TOKENS] > 0 else 0
        slot = ((parent + 7) * 31 + elements[e, E_TAG]) * 8209 + first
        slot = (slot ^ (slot >> 12)) & (N_REPEAT_SLOTS - 1)
        repeats[slot] += 1
        marks[e, K_REPEAT] = slot


@kernel(embed=True, allocates=False)
def _fill_text(
    b: int,
    row: NDArray[np.float32],
    blocks: NDArray[np.int32],
    counts: NDArray[np.int32],
    elements: NDArray[np.int32],
    titles: NDArray[np.int32],
) -> int:
    """The first features: the block's own text and kind, and the flags of its element."""
    e = blocks[b, B_ELEMENT]
    chars = max(counts[b, C_CHARS], 1)
    row[0] = counts[b, C_WORDS]
    row[1] = chars
    row[2] = link_density(blocks, counts, b)
    row[3] = blocks[b, B_LINKS]
    row[4] = counts[b, C_STOPS]
    row[5] = counts[b, C_COMMAS]
    row[6] = counts[b, C_DIGITS] / chars
    row[7] = counts[b, C_UPPER] / chars
    row[8] = counts[b, C_SYMBOLS]
    row[9] = counts[b, C_LAST]
    row[10] = counts[b, C_FIRST]
    row[11] = chars / max(counts[b, C_WORDS], 1)
    row[12] = TAG_CODES[elements[e, E_TAG]]
    row[13] = elements[e, E_LEVEL]
    row[14] = blocks[b, B_PRE]
    row[15] = blocks[b, B_CELLS]
    item = elements[e, E_ITEM]
    row[16] = 0 if item < 0 else 1 + (elements[item, E_FIRST] == b)
    row[17] = counts[b, C_REPEATED]
    row[18] = 0
    for k in range(N_TITLES):
        if titles[k] == counts[b, C_HASH]:
            row[18] = 1
    flags = elements[e, E_FLAGS]
    for bit in range(15):
        row[19 + bit] = (flags >> bit) & 1
    row[34] = elements[e, E_DEPTH]
    return 35


@kernel(embed=True, allocates=False)
def _fill_neighbours(
    b: int,
    n_blocks: int,
    row: NDArray[np.float32],
    at: int,
    blocks: NDArray[np.int32],
    counts: NDArray[np.int32],
) -> int:
    """Features of the blocks before and after."""
    for side in (-1, 1):
        k = b + side
        inside = 0 <= k < n_blocks
        row[at] = counts[k, C_WORDS] if inside else -1
        row[at + 1] = link_density(blocks, counts, k) if inside else -1
        row[at + 2] = is_prose(counts, k) if inside else -1
        at += 3
    row[at] = counts[b - 2, C_WORDS] if b >= 2 else -1
    row[at + 1] = counts[b + 2, C_WORDS] if b + 2 < n_blocks else -1
    row[at + 2] = b >= 1 and blocks[b - 1, B_ELEMENT] == blocks[b, B_ELEMENT]
    row[at + 3] = b + 1 < n_blocks and blocks[b + 1, B_ELEMENT] == blocks[b, B_ELEMENT]
    return at + 4


@kernel(embed=True, allocates=False)
def _fill_boxes(
    e: int,
    row: NDArray[np.float32],
    at: int,
    elements: NDArray[np.int32],
    sums: NDArray[np.float64],
    marks: NDArray[np.int32],
    repeats: NDArray[np.int32],
) -> int:
    """Features of the container, of the one around it, and of the list of like elements that it is one of."""
    box = e
    if elements[e, E_TAG] != T_DIV and elements[e, E_PARENT] >= 0:
        box = elements[e, E_PARENT]
    outer = box
    # an outer box must hold something besides the box
    while elements[outer, E_PARENT] >= 0 and sums[outer, X_CHARS] <= 1.2 * sums[box, X_CHARS]:
        outer = elements[outer, E_PARENT]
    for x in (box, outer):
        chars = max(sums[x, X_CHARS], 1.0)
        row[at] = chars
        row[at + 1] = sums[x, X_LINK_CHARS] / chars
        row[at + 2] = sums[x, X_PROSE_CHARS] / chars
        at += 3
    most, item = 0, e
    x = e
    for _ in range(5):
        n = repeats[marks[x, K_REPEAT]]
        if n > most and elements[x, E_TAG] != T_P:
            most, item = n, x
        x = elements[x, E_PARENT]
        if x < 0:
            break
    row[at] = sums[box, X_BLOCKS]
    row[at + 1] = most
    row[at + 2] = sums[item, X_CHARS]
    row[at + 3] = sums[item, X_LINK_CHARS] / max(sums[item, X_CHARS], 1.0)
    return at + 4


@kernel(embed=True, allocates=False)
def _fill_places(
    b: int,
    e: int,
    row: NDArray[np.float32],
    at: int,
    elements: NDArray[np.int32],
    sums: NDArray[np.float64],
    marks: NDArray[np.int32],
    top: int,
    core: int,
) -> int:
    """Features of the place relative to the top and the core element."""
    row[at] = marks[e, K_TOP_UP]
    row[at + 1] = elements[top, E_DEPTH] - elements[marks[e, K_TOP_AT], E_DEPTH]
    row[at + 2] = sums[top, X_PROSE_CHARS] / max(sums[0, X_PROSE_CHARS], 1.0)
    row[at + 3] = max(b - elements[top, E_END] + 1, 0)
    row[at + 4] = max(elements[top, E_FIRST] - b, 0)
    row[at + 5] = marks[e, K_CORE_UP]
    row[at + 6] = elements[core, E_DEPTH] - elements[marks[e, K_CORE_AT], E_DEPTH]
    row[at + 7] = sums[core, X_LINK_CHARS] / max(sums[core, X_CHARS], 1.0)
    row[at + 8] = max(elements[core, E_FIRST] - b, 0)
    row[at + 9] = max(b - elements[core, E_END] + 1, 0)
    return at + 10


@kernel(embed=True, allocates=False)
def _fill_outline(
    b: int,
    n_blocks: int,
    row: NDArray[np.float32],
    at: int,
    blocks: NDArray[np.int32],
    counts: NDArray[np.int32],
    elements: NDArray[np.int32],
    sums: NDArray[np.float64],
    places: NDArray[np.int32],
    running: NDArray[np.float64],
) -> int:
    """Features of the list or table, of the like blocks around, and of what a heading or term introduces."""
    row[at] = inner_density(blocks, counts, b)
    row[at + 1] = inner_density(blocks, counts, b - 1) if b > 0 else -1
    row[at + 2] = inner_density(blocks, counts, b + 1) if b + 1 < n_blocks else -1
    row[at + 3] = TAG_CODES[elements[blocks[b - 1, B_ELEMENT], E_TAG]] if b > 0 else -1
    row[at + 4] = TAG_CODES[elements[blocks[b + 1, B_ELEMENT], E_TAG]] if b + 1 < n_blocks else -1
    at += 5
    for x in (places[b, P_UNIT], places[b, P_BOX]):
        if x < 0:
            row[at : at + 5] = -1
        else:
            chars = max(sums[x, X_CHARS], 1.0)
            row[at] = chars
            row[at + 1] = sums[x, X_LINK_CHARS] / chars
            row[at + 2] = sums[x, X_INNER_CHARS] / chars
            row[at + 3] = sums[x, X_PROSE_CHARS] / chars
            row[at + 4] = sums[x, X_BLOCKS]
        at += 5
    # what the block introduces, or what its heading does
    start, end = b + 1, places[b, P_END]
    heading = places[b, P_HEADING]
    if end == start and heading >= 0 and heading < b < places[heading, P_END]:
        start, end = heading + 1, places[heading, P_END]
    chars = running[end, X_CHARS] - running[start, X_CHARS]
    row[at] = chars
    row[at + 1] = (running[end, X_LINK_CHARS] - running[start, X_LINK_CHARS]) / max(chars, 1.0)
    row[at + 2] = (running[end, X_INNER_CHARS] - running[start, X_INNER_CHARS]) / max(chars, 1.0)
    row[at + 3] = (running[end, X_PROSE_CHARS] - running[start, X_PROSE_CHARS]) / max(chars, 1.0)
    row[at + 4] = end - start
    row[at + 5] = b - heading if heading >= 0 else -1
    return at + 6


@kernel(embed=True, allocates=False)
def fill_features(
    blocks: NDArray[np.int32],
    counts: NDArray[np.int32],
    n_blocks: int,
    elements: NDArray[np.int32],
    sums: NDArray[np.float64],
    marks: NDArray[np.int32],
    repeats: NDArray[np.int32],
    places: NDArray[np.int32],
    running: NDArray[np.float64],
    top: int,
    core: int,
    titles: NDArray[np.int32],
    features: NDArray[np.float32],
) -> None:
    """Fill features[:n_blocks] (float32, columns `FEATURES`); `running` is what `sum_elements` left."""
    h1 = -1
    n_prose = n_headings = n_terms = 0
    for b in range(n_blocks):
        n_headings += elements[blocks[b, B_ELEMENT], E_LEVEL] > 0
        n_terms += is_term(b, blocks, elements)
        if h1 < 0 and elements[blocks[b, B_ELEMENT], E_LEVEL] == 1:
            h1 = b
        n_prose += is_prose(counts, b)
    page_chars = max(sums[0, X_CHARS], 1.0)
    near = 0  # blocks of prose up to NEAR away
    for b in range(min(NEAR, n_blocks)):
        near += is_prose(counts, b)
    for b in range(n_blocks):
        row = features[b]
        e = blocks[b, B_ELEMENT]
        at = _fill_text(b, row, blocks, counts, elements, titles)
        row[at] = sums[e, X_OWN]
        row[at + 1] = sums[e, X_PATH]
        row[at + 2] = sums[e, X_PATH_LOW]
        row[at + 3] = sums[e, X_PATH_HIGH]
        row[at + 4] = sums[max(elements[e, E_PARENT], 0), X_OWN]
        row[at + 5] = b / n_blocks
        row[at + 6] = running[b, 0] / page_chars
        row[at + 7] = b
        row[at + 8] = n_blocks - 1 - b
        row[at + 9] = -1000 if h1 < 0 else b - h1
        at = _fill_neighbours(b, n_blocks, row, at + 10, blocks, counts)
        near += is_prose(counts, b + NEAR) if b + NEAR < n_blocks else 0
        row[at] = near
        near -= is_prose(counts, b - NEAR) if b >= NEAR else 0
        at = _fill_boxes(e, row, at + 1, elements, sums, marks, repeats)
        at = _fill_places(b, e, row, at, elements, sums, marks, top, core)
        row[at] = page_chars
        row[at + 1] = sums[0, X_LINK_CHARS] / page_chars
        row[at + 2] = sums[0, X_PROSE_CHARS] / page_chars
        row[at + 3] = n_prose
        row[at + 4] = sums[e, X_PATH] - sums[core, X_PATH]
        at = _fill_outline(b, n_blocks, row, at + 5, blocks, counts, elements, sums, places, running)
        row[at] = sums[0, X_INNER_CHARS] / page_chars
        row[at + 1] = sums[0, X_PRE_CHARS] / page_chars
        row[at + 2] = n_headings
        row[at + 3] = n_terms
        for f in range(N_FEATURES):
            row[f] = min(row[f], CAPS[f])
