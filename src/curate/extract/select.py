"""Scores to a choice of blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.measure import (
    C_CHARS,
    C_DIGITS,
    C_STOPS,
    C_WORDS,
    X_CHARS,
    X_LINK_CHARS,
    X_PROSE_CHARS,
    is_prose,
    link_density,
)
from curate.extract.outline import is_term
from curate.extract.scan import (
    E_END,
    E_FIRST,
    E_FLAGS,
    E_TAG,
    IN_ARTICLE,
    IN_ASIDE,
    IN_COMMENT,
    IN_FOOTER,
    IN_FORM,
    IN_NAV,
)
from curate.extract.scratch import Workspace
from curate.extract.structure import keep_structure
from curate.extract.tags import TAG_NUMBERS
from curate.extract.text import B_CELLS, B_ELEMENT, B_END, B_PRE, B_START, N_ELEMENTS
from curate.text.kernel import kernel

# A page whose best blocks score low is read with a lower bar: REACH under the mean of its three best long blocks,
# but at most SLACK under the usual bar. Kinds of pages that the selector is unsure of keep their text that way.
REACH, SLACK, LONG_CHARS = 3.0, 0.8, 60

# A page whose text is to so great a part listings, terms and rows of tables is a reference: its bar is lower, too, by
# REFERENCE_SLACK, for its short entries look like furniture to a selector that has seen more articles than manuals.
REFERENCE_SHARE, REFERENCE_SLACK = 0.1, 0.6

# What lies in these gets no lower bar.
AROUND = IN_NAV | IN_ASIDE | IN_FOOTER | IN_FORM

# A link in a `nav` is a menu's. Its lines are all alike, and where they are nearly all of a page they would pass all together.
MAX_LINK_TEXT, MENU_MARGIN = 0.8, 1.5

# Where less than MIN_SHARE of the prose in the page's best container passes, its prose is kept all the same, if no more
# than MAX_LINK_SHARE of the container is link text (a list of teasers has more) and the scores do not rule it out.
MIN_SHARE, MAX_LINK_SHARE, RULED_OUT = 0.25, 0.15, -2.2

# An index: a page of which less than MIN_SHARE is kept and a list of so many terms, few of them links, is the greater part.
MIN_TERMS, INDEX_SHARE = 8, 0.5

T_DL = TAG_NUMBERS["dl"]

# A thread without an article: so many blocks of prose, and what a post's block has at least and at most.
MIN_POSTS, MIN_POST_WORDS, MAX_POST_LINKS = 2, 4, 0.4


@kernel(embed=True, allocates=False)
def page_threshold(n_blocks: int, threshold: float, w: Workspace) -> float:
    """The log-odds that this page's blocks must exceed."""
    first = second = third = -1e9
    best = -1e9
    for b in range(n_blocks):
        score = float(w.scores[b])
        best = max(best, score)
        if w.counts[b, C_CHARS] < LONG_CHARS:
            continue
        if score > first:
            first, second, third = score, first, second
        elif score > second:
            second, third = score, second
        elif score > third:
            third = score
    if first > -1e9:
        second = first if second == -1e9 else second
        third = (first + second) / 2 if third == -1e9 else third
        best = (first + second + third) / 3
    return min(threshold, max(best - REACH, threshold - SLACK))


@kernel(embed=True, allocates=False)
def is_reference(n_blocks: int, bar: float, w: Workspace) -> bool:
    """Whether listings, terms and rows of tables make up a good part of what passes the bar."""
    n_chars = n_reference_chars = 0
    for b in range(n_blocks):
        if w.scores[b] > bar:
            n_chars += w.counts[b, C_CHARS]
            if w.blocks[b, B_PRE] or w.blocks[b, B_CELLS] > 0 or is_term(b, w.blocks, w.elements):
                n_reference_chars += w.counts[b, C_CHARS]
    return n_reference_chars > REFERENCE_SHARE * n_chars


@kernel(allocates=False)
def choose_blocks(n_blocks: int, top: int, threshold: float, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Mark in keep[:n_blocks] the blocks that pass and that hold a letter or digit.

    `top` is the element that `describe_page` found. A `pre` of numbers that count up beside another is a gutter of line
    numbers; a number alone is what a line of code gave.
    """
    lowered = page_threshold(n_blocks, threshold, w)
    reference = is_reference(n_blocks, lowered, w)
    if reference:
        lowered = min(lowered, threshold - REFERENCE_SLACK)
    first, end = w.elements[top, E_FIRST], w.elements[top, E_END]
    n_chars = 0
    for b in range(n_blocks):
        flags = w.elements[w.blocks[b, B_ELEMENT], E_FLAGS]
        bar = threshold if flags & AROUND else lowered
        if flags & IN_NAV and link_density(w.blocks, w.counts, b) > MAX_LINK_TEXT:
            bar += MENU_MARGIN
        keep[b] = w.scores[b] > bar and w.counts[b, C_WORDS] > 0
        if keep[b] and w.blocks[b, B_PRE] and w.counts[b, C_DIGITS] == w.counts[b, C_CHARS]:
            keep[b] = b + 1 == n_blocks or not w.blocks[b + 1, B_PRE] or not _counts_up(b, w)
        if keep[b] and first <= b < end:
            n_chars += w.counts[b, C_CHARS]
    if n_chars < MIN_SHARE * w.sums[top, X_PROSE_CHARS] and _is_text_container(top, w):
        for b in range(first, end):
            keep[b] |= is_prose(w.counts, b) and w.scores[b] > RULED_OUT
    _judge_index(n_blocks, w, keep)
    keep_structure(n_blocks, lowered, reference, w, keep)
    _judge_threads(n_blocks, w, keep)


@kernel(embed=True, allocates=False)
def _judge_index(n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Keep a page's list of terms where nearly nothing else is on it: the definitions of an index are links."""
    n_chars = 0
    for b in range(n_blocks):
        n_chars += w.counts[b, C_CHARS] if keep[b] else 0
    if n_chars >= MIN_SHARE * w.sums[0, X_CHARS]:
        return
    e = 0  # the outermost such list, so that nested ones are not counted again and again
    while e < w.state[N_ELEMENTS] and (
        w.elements[e, E_TAG] != T_DL or w.sums[e, X_CHARS] <= INDEX_SHARE * w.sums[0, X_CHARS]
    ):
        e += 1
    if e == w.state[N_ELEMENTS] or w.elements[e, E_FLAGS] & (AROUND | IN_COMMENT):
        return
    n_terms = 0
    for b in range(w.elements[e, E_FIRST], w.elements[e, E_END]):
        linked = link_density(w.blocks, w.counts, b) > MAX_LINK_TEXT
        n_terms += is_term(b, w.blocks, w.elements) and not linked
    if n_terms >= MIN_TERMS:
        for b in range(w.elements[e, E_FIRST], w.elements[e, E_END]):
            keep[b] = w.counts[b, C_WORDS] > 0


@kernel(embed=True, allocates=False)
def _judge_threads(n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """A thread of comments is the page where no other prose is kept; beside an article it is none of it."""
    n_prose = n_article = 0
    for b in range(n_blocks):
        flags = w.elements[w.blocks[b, B_ELEMENT], E_FLAGS]
        if is_prose(w.counts, b):
            if flags & IN_COMMENT:
                n_prose += 1
            elif keep[b]:
                n_article += 1 if flags & IN_ARTICLE else 0
                n_prose = -n_blocks
    if n_article == 0 and n_prose < MIN_POSTS:
        return
    for b in range(n_blocks):
        flags = w.elements[w.blocks[b, B_ELEMENT], E_FLAGS]
        if not flags & IN_COMMENT:
            continue
        if n_article > 0:
            keep[b] &= flags & IN_ARTICLE != 0
        elif not flags & AROUND and w.counts[b, C_WORDS] >= MIN_POST_WORDS and w.counts[b, C_STOPS] > 0:
            keep[b] |= link_density(w.blocks, w.counts, b) < MAX_POST_LINKS


@kernel(allocates=False)
def _counts_up(b: int, w: Workspace) -> bool:
    """Whether a block of digits is several lines, each one more than the one before."""
    before, number, n_lines = -1, 0, 1
    for i in range(w.blocks[b, B_START], w.blocks[b, B_END]):
        byte = w.text[i]
        if byte == 10:
            if before >= 0 and number != before + 1:
                return False
            before, number = number, 0
            n_lines += 1
        elif byte > 32:
            number = min(10 * number + byte - 48, 1_000_000)
    return n_lines > 1 and number == before + 1


@kernel(allocates=False)
def _is_text_container(e: int, w: Workspace) -> bool:
    """Whether an element looks like an article whatever the scores say: few links, no menu, form or comments."""
    if w.elements[e, E_FLAGS] & (AROUND | IN_COMMENT):
        return False
    return w.sums[e, X_LINK_CHARS] <= MAX_LINK_SHARE * w.sums[e, X_CHARS]
