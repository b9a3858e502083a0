"""Structure goes with its content: a choice of blocks made whole where it left holes.

The selector judges each block alone. What stands between like siblings that are kept is kept with them, a list or
table stands or falls with the greater part of it, and a heading, term, caption or lead-in stays with what it
introduces. Each pass looks at every block a fixed number of times. Blocks that the selector rules out, menus and
text that is mostly links stay out in all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.features import K_KEPT_CHARS, K_ROWS, K_UNIT_CHARS
from curate.extract.furniture import drop_ways
from curate.extract.measure import (
    C_CHARS,
    C_COMMAS,
    C_DIGITS,
    C_HASH,
    C_LAST,
    C_STOPS,
    C_WORDS,
    N_TITLES,
    X_CHARS,
    X_INNER_CHARS,
    X_LINK_CHARS,
    inner_density,
    is_prose,
    link_density,
)
from curate.extract.outline import P_BEFORE, P_BOX, P_END, P_KIND, P_SOLO, P_UNIT, T_TABLE, is_term
from curate.extract.scan import (
    E_DEPTH,
    E_END,
    E_FIRST,
    E_FLAGS,
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
    IN_TABLE,
    T_P,
)
from curate.extract.scratch import Workspace
from curate.extract.tags import FNV_OFFSET, FNV_PRIME, MASK32, TAG_NUMBERS
from curate.extract.text import B_CELLS, B_ELEMENT, B_END, B_LINKS, B_PRE, B_START, N_ELEMENTS
from curate.text.kernel import kernel

# What lies in these is not kept for the sake of its neighbours.
AROUND = IN_NAV | IN_ASIDE | IN_FOOTER | IN_FORM | IN_COMMENT

# How far under the bar a block may score and still be kept with its siblings, its list or table, what it introduces.
# On a page of reference all but captions reach further by REFERENCE_REACH.
HOLE_REACH, UNIT_REACH, HEAD_REACH, TERM_REACH, LEAD_REACH = 1.0, 1.5, 1.8, 3.0, 1.0
# Of captions: of what is kept itself, as a table or a listing; of a picture amid kept text, which some readers want left out.
SHOWN_REACH, CAPTION_REACH, SHORT_REACH = 3.0, 1.0, 0.4
NO_REACH = 1e9
MIN_CAPTION_WORDS, MANY_WORDS = 6, 8  # of a sentence, and without a stop at its end
REFERENCE_REACH = 0.8
EDGE_REACH = 0.4  # of prose at either end of a run of its kind
PRE_REACH, NEAR = 3.5, 3  # of listings, and how many blocks away something must be kept

# The share of a list or table that must be kept for the rest to be kept with it, and of a section for its heading.
UNIT_SHARE, SECTION_SHARE, TERM_SHARE = 0.5, 0.5, 0.3
MAX_LINK_SHARE = 0.5
# Of lines of a reference: of one with signs or sentences between two of its kind, of one with a name and its bracket.
MAX_LINKED, MAX_LINKED_NAME = 0.75, 0.9
# A heading of more words than this is a standfirst; one so far over the bar stays above a section that does not.
MAX_HEADING_WORDS, SURE = 10, 2.0
COLON = 2  # of C_LAST
MAX_BESIDE = (
    16  # bytes beside the formulas of a block of formulas: a full stop, `and`, the number of an equation
)
# A page's title is kept above so much text, and has at most so great a share of it above itself.
MIN_TITLED_CHARS, MAX_ABOVE, MAX_TITLE_WORDS = 150, 0.2, 30
MIN_TECHNICAL = 3  # listings, terms and rows, by which documentation is told
NEAR_TITLE, MIN_NAME_BYTES = (
    12,
    3,
)  # blocks below a title that can declare what it names, and bytes of such a name
MAX_MEMBER_BLOCKS = 200  # of a declaration's box, which several kinds of listings can share
MAX_UNIT_CHARS = 200  # that one block counts for in its list or table
T_FIGCAPTION, T_CAPTION, T_QUOTE = (TAG_NUMBERS[t] for t in ("figcaption", "caption", "blockquote"))
T_FIGURE, T_DL, T_HEADER, T_DIV = (TAG_NUMBERS[t] for t in ("figure", "dl", "header", "div"))
CAPTION_LEVELS = 4  # from a caption's block to its element
KIN_LEVELS = 4  # a block's own element, its box and what that lies in, from which its kind is told


@kernel(embed=True, allocates=False)
def keep_structure(
    n_blocks: int,
    bar: float,
    reference: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
    keep: NDArray[np.uint8],
) -> None:
    """Add to keep[:n_blocks], chosen with the log-odds `bar`, what belongs to what was chosen."""
    for e in range(w.state[N_ELEMENTS]):
        w.marks[e, K_KEPT_CHARS] = w.marks[e, K_UNIT_CHARS] = w.marks[e, K_ROWS] = 0
    further = REFERENCE_REACH if reference else 0.0
    _fill_holes(n_blocks, bar, further, w, keep)
    if reference:
        _join_members(n_blocks, bar - HOLE_REACH - further, w, keep)
    _join_units(n_blocks, bar - UNIT_REACH - further, reference, w, keep)
    drop_ways(n_blocks, w, keep)
    _join_introductions(n_blocks, bar - further, reference, w, keep)
    _join_formulas(n_blocks, w, keep)
    _keep_title(n_blocks, reference, w, keep)
    if reference:
        _keep_declared(n_blocks, bar - HOLE_REACH - further, w, keep)


@kernel(allocates=False)
def _may_join(b: int, bar: float, w: Workspace) -> bool:
    """Whether a block can be kept for the sake of others at all."""
    return _may_stand(b, bar, w) and _link_share(b, w) <= MAX_LINK_SHARE


@kernel(allocates=False)
def _may_stand(b: int, bar: float, w: Workspace) -> bool:
    """The same but for its links."""
    flags = w.elements[w.blocks[b, B_ELEMENT], E_FLAGS]
    return w.scores[b] > bar and w.counts[b, C_WORDS] > 0 and not flags & AROUND


@kernel(allocates=False)
def _link_share(b: int, w: Workspace) -> float:
    """The share of links of either kind in a block's text."""
    return link_density(w.blocks, w.counts, b) + inner_density(w.blocks, w.counts, b)


@kernel(embed=True, allocates=False)
def _may_be_alike(b: int, bar: float, reference: bool, w: Workspace) -> bool:  # noqa: FBT001 - a kernel
    """Whether a block can be kept between two of its kind; in a reference also sentences and declarations of many links."""
    if not _may_stand(b, bar, w):
        return False
    share = _link_share(b, w)
    said = reference and (is_prose(w.counts, b) or _has_signs(b, w))
    return share <= (MAX_LINKED if said else MAX_LINK_SHARE)


@kernel(embed=True, allocates=False)
def _kind_of(b: int, w: Workspace) -> int:
    """A hash of the tags and first class words of a block's element, of its box and of what that lies in.

    Paragraphs are alike in every section of a page that one template wrote; a quote between paragraphs is one of them.
    """
    hashed = FNV_OFFSET
    e = w.places[b, P_SOLO]
    for level in range(KIN_LEVELS):
        tag = w.elements[e, E_TAG]
        word = w.tokens[w.elements[e, E_TOKEN]] if w.elements[e, E_N_TOKENS] > 0 else -1
        hashed = (hashed ^ (T_P if tag == T_QUOTE and level == 0 else tag)) * FNV_PRIME & MASK32
        hashed = (hashed ^ (word & 0xFFFF)) * FNV_PRIME & MASK32
        if level == 0:
            e = w.places[b, P_BOX]
            hashed = (hashed ^ w.elements[e, E_DEPTH]) * FNV_PRIME & MASK32
        elif w.elements[e, E_PARENT] >= 0:
            e = w.elements[e, E_PARENT]
    return int(hashed & 0x7FFFFFFF)


@kernel(embed=True, allocates=False)
def _fill_holes(n_blocks: int, bar: float, further: float, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Keep what stands between two kept blocks and is of their kind, and prose that nearly passed beside one.

    `seen` is used again, for the latest block of each kind and the latest kept.
    """
    w.seen[:] = -1
    for b in range(n_blocks):
        kind = _kind_of(b, w)
        slot = kind & (w.seen.shape[0] - 1)
        w.places[b, P_KIND] = kind
        w.places[b, P_BEFORE] = w.seen[slot, 0]
        w.seen[slot, 0] = b
        c = w.places[b, P_BEFORE]
        if not keep[b] and c >= 0 and keep[c] and w.places[c, P_KIND] == kind:
            keep[b] = _nearly_passed(b, bar, w)
        if not keep[b]:
            continue
        kept = w.seen[slot, 1]
        w.seen[slot, 1] = b
        if kept >= 0 and w.places[kept, P_KIND] == kind:
            while c > kept:
                keep[c] |= w.places[c, P_KIND] == kind and _may_be_alike(
                    c, bar - HOLE_REACH - further, further > 0, w
                )
                c = w.places[c, P_BEFORE]
        while c > kept and w.places[c, P_KIND] == kind and _nearly_passed(c, bar, w):
            keep[c] = 1
            c = w.places[c, P_BEFORE]


@kernel(embed=True, allocates=False)
def _join_members(n_blocks: int, bar: float, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Keep what stands in one box with a kept declaration of a row of them: a member's description, in short lines alike.

    Such rows are listings of one kind, each in a box of its own. Listings of an article share its box.
    """
    for b in range(n_blocks):
        c = w.places[b, P_BEFORE]
        if c < 0 or not (keep[b] and keep[c] and w.blocks[b, B_PRE] and w.blocks[c, B_PRE]):
            continue
        first, second = w.places[c, P_BOX], w.places[b, P_BOX]
        if (
            w.places[c, P_KIND] != w.places[b, P_KIND]
            or w.elements[first, E_END] > w.elements[second, E_FIRST]
        ):
            continue
        for box in (first, second):
            begin, end = w.elements[box, E_FIRST], w.elements[box, E_END]
            for k in range(begin, min(end, begin + MAX_MEMBER_BLOCKS)):
                keep[k] |= _may_join(k, bar, w)


@kernel(allocates=False)
def _nearly_passed(b: int, bar: float, w: Workspace) -> bool:
    """Whether a block is prose a little under the bar: the first or last paragraph of a text."""
    return is_prose(w.counts, b) and _may_join(b, bar - EDGE_REACH, w)


@kernel(embed=True, allocates=False)
def _join_units(
    n_blocks: int,
    bar: float,
    reference: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
    keep: NDArray[np.uint8],
) -> None:
    """Keep the rest of a list or a table of data of which the greater part is kept.

    Also a table of data between two kept blocks or below its caption, whose rows are as short as those of menus, and
    in a reference a list of terms between two kept blocks.
    """
    for b in range(n_blocks):
        unit = w.places[b, P_UNIT]
        if unit >= 0:
            chars = min(w.counts[b, C_CHARS], MAX_UNIT_CHARS)
            w.marks[unit, K_UNIT_CHARS] += chars
            w.marks[unit, K_KEPT_CHARS] += chars if keep[b] else 0
            w.marks[unit, K_ROWS] += 1 if w.blocks[b, B_CELLS] > 0 else -1
    for b in range(n_blocks):
        unit = w.places[b, P_UNIT]
        if keep[b] or unit < 0:
            continue
        if w.elements[unit, E_TAG] == T_TABLE and w.marks[unit, K_ROWS] <= 0:  # layout
            continue
        if w.counts[b, C_WORDS] == 0:  # a row of signs: of a grammar, of a declaration's brackets
            keep[b] = _is_row_amid(b, n_blocks, unit, w, keep)
            continue
        greater = w.marks[unit, K_KEPT_CHARS] > UNIT_SHARE * w.marks[unit, K_UNIT_CHARS]
        if greater or _is_amid(unit, n_blocks, reference, w, keep):
            flags = w.elements[w.blocks[b, B_ELEMENT], E_FLAGS]
            keep[b] = w.scores[b] > bar and w.counts[b, C_WORDS] > 0 and not flags & AROUND


@kernel(embed=True, allocates=False)
def _is_row_amid(b: int, n_blocks: int, unit: int, w: Workspace, keep: NDArray[np.uint8]) -> bool:
    """Whether a row follows a kept row of its table and another row of it comes."""
    if w.blocks[b, B_CELLS] == 0 or b == 0 or b + 1 >= n_blocks:
        return False
    return keep[b - 1] != 0 and w.places[b - 1, P_UNIT] == unit and w.places[b + 1, P_UNIT] == unit


@kernel(embed=True, allocates=False)
def _is_amid(
    e: int,
    n_blocks: int,
    reference: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
    keep: NDArray[np.uint8],
) -> bool:
    """Whether a table of few links, or in a reference a list of terms, stands between kept blocks or below its caption."""
    is_table = w.elements[e, E_TAG] == T_TABLE
    if not is_table and not (reference and w.elements[e, E_TAG] == T_DL):
        return False
    if is_table and w.sums[e, X_LINK_CHARS] + w.sums[e, X_INNER_CHARS] > MAX_LINK_SHARE * w.sums[e, X_CHARS]:
        return False
    first, end = w.elements[e, E_FIRST], w.elements[e, E_END]
    for b in range(max(first - 1, 0), min(first + 1, n_blocks)):
        shown = _find_shown(w.blocks[b, B_ELEMENT], w)
        if keep[b] and shown >= 0 and w.elements[shown, E_FIRST] <= first and end <= w.elements[shown, E_END]:
            return True
    figure = w.elements[e, E_PARENT]
    if figure >= 0 and w.elements[figure, E_TAG] == T_FIGURE:  # with a caption before or after
        first, end = w.elements[figure, E_FIRST], w.elements[figure, E_END]
    before = first > 0 and keep[first - 1] != 0
    behind = end < n_blocks and keep[end] != 0
    if before == behind:
        return before
    # Beside prose in a page laid out as a table.
    holder = w.elements[e, E_PARENT]
    laid_out = is_table and holder >= 0 and w.elements[holder, E_FLAGS] & IN_TABLE != 0
    return laid_out and is_prose(w.counts, first - 1 if before else end)


@kernel(embed=True, allocates=False)
def _join_introductions(
    n_blocks: int,
    bar: float,
    reference: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
    keep: NDArray[np.uint8],
) -> None:
    """Keep headings, terms, captions and lead-ins with what they introduce, from the page's end to its beginning.

    Headings of sections of which nothing is kept go, but for references, whose sections may be links or figures.
    `running` is used again: the kept and all characters from each block on.
    """
    w.running[n_blocks, 0] = w.running[n_blocks, 1] = 0.0
    for b in range(n_blocks - 1, -1, -1):
        if not keep[b]:
            keep[b] = _goes_with_content(b, n_blocks, bar, reference, w, keep)
        elif not reference:
            keep[b] = not _stands_alone(b, bar, w)
        elif _says_nothing(b, w) and _may_join(b + 1, bar - HEAD_REACH, w):
            # a line of a reference under its heading
            keep[b + 1] = 1
            w.running[b + 1, 0] += float(w.counts[b + 1, C_CHARS])
        chars = float(w.counts[b, C_CHARS])
        w.running[b, 0] = w.running[b + 1, 0] + (chars if keep[b] else 0.0)
        w.running[b, 1] = w.running[b + 1, 1] + chars


@kernel(allocates=False)
def _stands_alone(b: int, bar: float, w: Workspace) -> bool:
    """Whether a block is the short heading of a section of which nothing is kept: of teasers, tags or an advertisement."""
    if w.elements[w.blocks[b, B_ELEMENT], E_LEVEL] <= 1 or w.counts[b, C_WORDS] > MAX_HEADING_WORDS:
        return False
    end = w.places[b, P_END]
    return w.scores[b] < bar + SURE and end > b + 1 and w.running[b + 1, 0] == w.running[end, 0]


@kernel(embed=True, allocates=False)
def _says_nothing(b: int, w: Workspace) -> bool:
    """Whether a block is a heading of text of which nothing is kept."""
    end = w.places[b, P_END]
    if w.elements[w.blocks[b, B_ELEMENT], E_LEVEL] <= 0 or end == b + 1:
        return False
    below = w.elements[w.blocks[b + 1, B_ELEMENT], E_LEVEL]
    return below <= 0 and w.running[b + 1, 0] == w.running[end, 0]


@kernel(embed=True, allocates=False)
def _goes_with_content(
    b: int,
    n_blocks: int,
    bar: float,
    reference: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
    keep: NDArray[np.uint8],
) -> bool:
    """Whether a block that was not chosen introduces, names or shows something that was."""
    e = w.blocks[b, B_ELEMENT]
    if w.counts[b, C_WORDS] == 0 or w.elements[e, E_FLAGS] & AROUND:
        return False
    below = b + 1 < n_blocks and keep[b + 1] != 0
    if w.elements[e, E_LEVEL] > 0:
        declares = reference and w.places[b, P_END] == b + 1 and _is_declaration(b, n_blocks, w, keep)
        return w.scores[b] > bar - HEAD_REACH and (declares or _frac_kept(b, w) > SECTION_SHARE)
    if is_term(b, w.blocks, w.elements):
        end = w.places[b, P_END]
        shared = end == b + 1 and below and is_term(end, w.blocks, w.elements)
        return w.scores[b] > bar - TERM_REACH and (shared or _frac_kept(b, w) > TERM_SHARE)
    if w.blocks[b, B_PRE] and w.counts[b, C_DIGITS] < w.counts[b, C_CHARS]:
        near = False
        for c in range(max(b - NEAR, 0), min(b + NEAR + 1, n_blocks)):
            near |= keep[c] != 0
        return near and w.scores[b] > bar - PRE_REACH
    shown = _find_shown(e, w)
    if shown >= 0:
        return w.scores[b] > bar - _caption_reach(b, shown, n_blocks, w, keep)
    titles = _heads_box(b, w)
    leads = below and w.counts[b, C_LAST] == COLON and _are_close(b, b + 1, w)
    leads |= below and reference and _names_function(b, w) and _are_close(b, b + 1, w)
    return (leads or titles) and w.scores[b] > bar - (HEAD_REACH if titles else LEAD_REACH)


@kernel(embed=True, allocates=False)
def _heads_box(b: int, w: Workspace) -> bool:
    """Whether a short block is all of the `header` of a box of which the greater part is kept, as textbooks title an example."""
    header = w.places[b, P_SOLO]
    box = w.elements[header, E_PARENT]
    if w.elements[header, E_TAG] != T_HEADER or w.elements[box, E_TAG] != T_DIV:
        return False
    end = w.elements[box, E_END]
    n_chars = w.running[b + 1, 1] - w.running[end, 1]
    titles = (
        w.counts[b, C_WORDS] <= MAX_HEADING_WORDS and link_density(w.blocks, w.counts, b) <= MAX_LINK_SHARE
    )
    return (
        titles
        and w.elements[box, E_FIRST] == b
        and w.running[b + 1, 0] - w.running[end, 0] > SECTION_SHARE * n_chars
    )


@kernel(embed=True, allocates=False)
def _is_declaration(b: int, n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> bool:
    """Whether a heading below which nothing stands declares a function or the like.

    It has brackets, or it is one of several near kept text that are no sentences: variables, each by its type and name.
    """
    if link_density(w.blocks, w.counts, b) > MAX_LINK_SHARE:
        return _has_bracket(b, w) and link_density(w.blocks, w.counts, b) <= MAX_LINKED_NAME
    if _has_signs(b, w):
        return True
    near = alike = False
    for c in range(max(b - NEAR, 0), min(b + NEAR + 1, n_blocks)):
        near |= keep[c] != 0
        alike |= abs(b - c) == 1 and w.places[c, P_KIND] == w.places[b, P_KIND] and _is_bare(c, w)
    return near and alike and _is_bare(b, w)


@kernel(allocates=False)
def _is_bare(b: int, w: Workspace) -> bool:
    """Whether a block is a heading of a lower level without stops, commas and many links, and nothing stands below it."""
    if w.elements[w.blocks[b, B_ELEMENT], E_LEVEL] <= 2 or w.places[b, P_END] > b + 1:
        return False
    return (
        w.counts[b, C_STOPS] + w.counts[b, C_COMMAS] == 0
        and link_density(w.blocks, w.counts, b) <= MAX_LINK_SHARE
    )


@kernel(allocates=False)
def _has_signs(b: int, w: Workspace) -> bool:
    """Whether a block has the signs of a declaration behind its first byte: an opening bracket or what a name is set to."""
    found = False
    for i in range(w.blocks[b, B_START] + 1, w.blocks[b, B_END]):
        found |= w.text[i] in (40, 60, 61, 123)
    return found


@kernel(embed=True, allocates=False)
def _names_function(b: int, w: Workspace) -> bool:
    """Whether a block that is no prose has a bracket right behind a name: `def send(self)` above what it says of it."""
    if is_prose(w.counts, b) or link_density(w.blocks, w.counts, b) > MAX_LINK_SHARE:
        return False
    return _has_bracket(b, w)


@kernel(allocates=False)
def _has_bracket(b: int, w: Workspace) -> bool:
    """Whether a bracket stands right behind a name."""
    named = False
    for i in range(w.blocks[b, B_START] + 2, w.blocks[b, B_END]):
        before = w.text[i - 1]
        named |= w.text[i] == 40 and (97 <= before | 32 <= 122 or 48 <= before <= 57 or before == 95)
    return named


@kernel(allocates=False)
def _find_shown(e: int, w: Workspace) -> int:
    """The figure or table of which a block in the element `e` is the caption, -1 where it is none."""
    for _ in range(CAPTION_LEVELS):
        if e < 0 or w.elements[e, E_TAG] in (T_FIGCAPTION, T_CAPTION):
            break
        e = w.elements[e, E_PARENT]
    caption = e >= 0 and w.elements[e, E_TAG] in (T_FIGCAPTION, T_CAPTION)
    return w.elements[e, E_PARENT] if caption else -1


@kernel(embed=True, allocates=False)
def _caption_reach(b: int, shown: int, n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> float:
    """How far under the bar the caption `b` of a figure or table may score: by what is kept of that, or around it."""
    before = behind = False
    for c in range(max(b - NEAR, 0), min(b + NEAR + 1, n_blocks)):
        if c == b or not keep[c]:
            continue
        inside = w.elements[shown, E_FIRST] <= c < w.elements[shown, E_END]
        of_picture = w.elements[shown, E_TAG] not in (T_FIGURE, T_TABLE)
        if inside and not of_picture and _find_shown(w.blocks[c, B_ELEMENT], w) < 0:
            return SHOWN_REACH
        before |= c < b
        behind |= c > b
    if not (before and behind):
        return -NO_REACH
    # more than whose picture it is
    said = w.counts[b, C_WORDS] >= (MIN_CAPTION_WORDS if w.counts[b, C_STOPS] > 0 else MANY_WORDS)
    return CAPTION_REACH if said else SHORT_REACH


@kernel(allocates=False)
def _frac_kept(b: int, w: Workspace) -> float:
    """The share that is kept of what a heading or term introduces; 0 where that is nothing."""
    end = w.places[b, P_END]
    chars = w.running[b + 1, 1] - w.running[end, 1]
    return (w.running[b + 1, 0] - w.running[end, 0]) / max(chars, 1.0)


@kernel(allocates=False)
def _are_close(b: int, c: int, w: Workspace) -> bool:
    """Whether a block and the one after it lie in the same box, or the second in a list or the like beside the first."""
    box = w.places[c, P_BOX]
    parent = w.elements[box, E_PARENT]
    return w.places[b, P_BOX] == box or w.places[b, P_BOX] == parent


@kernel(embed=True, allocates=False)
def _keep_title(
    n_blocks: int,
    reference: bool,  # noqa: FBT001 - a kernel
    w: Workspace,
    keep: NDArray[np.uint8],
) -> None:
    """Keep the line above the kept text that says what the page's title says, or else its only main heading.

    Generators of documentation write it as a `div`, or so far from the text that it looks like a banner. On pages
    without listings, terms and tables only the former counts: those who labelled articles left their headlines out.
    """
    n_chars = w.running[0, 0]  # of `_join_introductions`
    if n_chars < MIN_TITLED_CHARS:
        return
    # a line that says the title, one right above the text that says its tail, and a main heading
    stated = near = tail = heading = -1
    n_above = b = 0
    while b < n_blocks and n_above <= MAX_ABOVE * n_chars:
        level = w.elements[w.blocks[b, B_ELEMENT], E_LEVEL]
        part = _part_of_title(b, w)
        if keep[b]:
            above = max(stated, near, tail)
            if part >= 0 or (level == 1 and (above < 0 or b - NEAR <= above)):
                return
            if level == 1:  # a section of the text
                break
            n_above += w.counts[b, C_CHARS]
            tail = near if b - NEAR <= near else tail  # further above the text stands the site's name
            near = -1
        elif (part >= 0 or level == 1) and _may_be_title(b, w):
            stated = b if 0 <= part < N_TITLES else stated
            near = b if part >= N_TITLES else near
            heading = b if level == 1 else heading
        b += 1
    if max(stated, tail, heading) < 0:
        return
    technical = reference or _is_technical(n_blocks, w, keep)
    n_headings = 0
    for c in range(n_blocks):
        n_headings += w.elements[w.blocks[c, B_ELEMENT], E_LEVEL] == 1
    title = heading if n_headings == 1 else -1
    title = stated if stated >= 0 else title
    plain = n_headings == 0 and w.elements[w.blocks[max(tail, 0), B_ELEMENT], E_LEVEL] <= 0
    if tail >= 0 and (technical or plain):
        keep[tail] = 1
    elif technical and title >= 0:
        keep[title] = 1


@kernel(embed=True, allocates=False)
def _keep_declared(n_blocks: int, bar: float, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Keep lines below a reference's title that say again the name that it ends in: a class's declaration."""
    title = 0
    while title < n_blocks and not (keep[title] and w.elements[w.blocks[title, B_ELEMENT], E_LEVEL] == 1):
        title += 1
    if title == n_blocks:
        return
    start, end = w.blocks[title, B_START], w.blocks[title, B_END]
    for i in range(start, end):
        start = i + 1 if w.text[i] <= 32 else start
    if end - start < MIN_NAME_BYTES:
        return
    for b in range(title + 1, min(title + 1 + NEAR_TITLE, n_blocks)):
        if not keep[b] and _may_join(b, bar, w):
            keep[b] = _says(b, start, end, w)


@kernel(embed=True, allocates=False)
def _says(b: int, start: int, end: int, w: Workspace) -> bool:
    """Whether a block holds text[start:end]."""
    n = end - start
    for i in range(w.blocks[b, B_START], w.blocks[b, B_END] - n + 1):
        k = 0
        while k < n and w.text[i + k] == w.text[start + k]:
            k += 1
        if k == n:
            return True
    return False


@kernel(embed=True, allocates=False)
def _is_technical(n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> bool:
    """Whether some listings, terms or rows of tables are kept."""
    n_technical = 0
    for b in range(n_blocks):
        is_technical = w.blocks[b, B_PRE] != 0 or w.blocks[b, B_CELLS] > 0 or is_term(b, w.blocks, w.elements)
        n_technical += keep[b] != 0 and is_technical
    return n_technical >= MIN_TECHNICAL


@kernel(embed=True, allocates=False)
def _part_of_title(b: int, w: Workspace) -> int:
    """The part of the page's title that a block says, a number of `hash_titles`; -1 where it says none."""
    for k in range(w.titles.size):
        if w.titles[k] == w.counts[b, C_HASH]:
            return k
    return -1


@kernel(embed=True, allocates=False)
def _may_be_title(b: int, w: Workspace) -> bool:
    """Whether a block is a line outside menus and the like that is not a single link, as a site's name is."""
    if w.elements[w.blocks[b, B_ELEMENT], E_FLAGS] & AROUND:
        return False
    if not 0 < w.counts[b, C_WORDS] <= MAX_TITLE_WORDS:
        return False
    return w.blocks[b, B_LINKS] > 1 or link_density(w.blocks, w.counts, b) <= MAX_LINK_SHARE


@kernel(embed=True, allocates=False)
def _join_formulas(n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Keep displayed formulas between two kept blocks, or behind the last that is kept of the box that they stand in.

    They are short and full of signs, and read like furniture to a selector, but no menu is made of them.
    """
    b = 0
    while b < n_blocks:
        if keep[b] or not _is_formula(b, w):
            b += 1
            continue
        end = b + 1
        while end < n_blocks and not keep[end] and _is_formula(end, w):
            end += 1
        if b > 0 and keep[b - 1]:
            between = end < n_blocks and keep[end] != 0
            for c in range(b, end):
                if between or _are_close(b - 1, c, w):
                    keep[c] = w.elements[w.blocks[c, B_ELEMENT], E_FLAGS] & AROUND == 0
        b = end


@kernel(allocates=False)
def _is_formula(b: int, w: Workspace) -> bool:
    """Whether a block is formulas between dollar signs, or one between the brackets of LaTeX, and next to nothing else."""
    start, end = w.blocks[b, B_START], w.blocks[b, B_END]
    if w.blocks[b, B_PRE] or w.counts[b, C_WORDS] == 0:
        return False
    if w.text[start] == 92 and end - start > 4:
        return w.text[start + 1] in (91, 40, 98) and w.text[end - 1] in (93, 41, 125)
    n_beside = n_signs = 0
    within = relates = False
    for i in range(start, end):
        byte = w.text[i]
        if byte == 36:
            n_signs += 1
            within = not within
        elif not within:
            n_beside += byte > 32
            if n_beside > MAX_BESIDE:
                return False
        elif byte in (92, 94, 95, 61, 60, 62):
            # a command, script or relation: what prices do not have
            relates = True
    return n_signs > 1 and relates
