"""The outline of a page: what each block introduces or is part of.

A heading introduces what stands below it up to the next heading of its level or a higher one, a term its
definitions, and neither reaches out of the element that holds both. Rows are parts of a table, items of a list.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.scan import E_END, E_FIRST, E_ITEM, E_LEVEL, E_PARENT, E_TAG
from curate.extract.tags import LIST, TAG_BITS, TAG_NUMBERS
from curate.extract.text import B_ELEMENT
from curate.text.kernel import kernel

# Columns of the table of places (int32), one row a block.
(
    P_HEADING,  # the heading that the block stands under, itself for a heading, -1
    P_END,  # where that which a heading or term introduces ends (exclusive); b + 1 for all others
    P_SOLO,  # the outermost element that holds nothing besides the block
    P_BOX,  # the element that holds it among others
    P_UNIT,  # the innermost list or table, -1
    P_KIND,  # a hash of the tags and class words around it; this and the next are filled by `curate.extract.structure`
    P_BEFORE,  # the block before it whose kind fell into the same slot, -1
) = range(7)
N_PLACES = 7

T_DT, T_TABLE = TAG_NUMBERS["dt"], TAG_NUMBERS["table"]


@kernel(allocates=False)
def is_term(b: int, blocks: NDArray[np.int32], elements: NDArray[np.int32]) -> bool:
    """Whether a block is the term of a definition."""
    item = elements[blocks[b, B_ELEMENT], E_ITEM]
    return item >= 0 and elements[item, E_TAG] == T_DT


@kernel(embed=True, allocates=False)
def find_places(
    blocks: NDArray[np.int32], n_blocks: int, elements: NDArray[np.int32], places: NDArray[np.int32]
) -> None:
    """Fill places[:n_blocks]. Every climb is of at most the scanner's greatest depth."""
    latest = -1
    for b in range(n_blocks):
        e = blocks[b, B_ELEMENT]
        if elements[e, E_LEVEL] > 0:
            latest = b
        places[b, P_HEADING] = latest
        places[b, P_END] = b + 1
        solo = e
        if _is_alone(solo, b, elements):
            while elements[solo, E_PARENT] >= 0 and _is_alone(elements[solo, E_PARENT], b, elements):
                solo = elements[solo, E_PARENT]
            places[b, P_BOX] = max(elements[solo, E_PARENT], 0)
        else:
            places[b, P_BOX] = e
        places[b, P_SOLO] = solo
        unit = e
        while unit >= 0 and not (TAG_BITS[elements[unit, E_TAG]] & LIST or elements[unit, E_TAG] == T_TABLE):
            unit = elements[unit, E_PARENT]
        places[b, P_UNIT] = unit
    _find_ends(blocks, n_blocks, elements, places)


@kernel(allocates=False)
def _is_alone(e: int, b: int, elements: NDArray[np.int32]) -> bool:
    return elements[e, E_FIRST] == b and elements[e, E_END] == b + 1


@kernel(embed=True, allocates=False)
def _find_ends(
    blocks: NDArray[np.int32], n_blocks: int, elements: NDArray[np.int32], places: NDArray[np.int32]
) -> None:
    """P_END of headings and terms, from the page's end to its beginning."""
    # the first heading after b of each level or a higher one
    n1 = n2 = n3 = n4 = n5 = n6 = n_blocks
    term, term_parent = n_blocks, -1  # the first term after b, and its list
    for b in range(n_blocks - 1, -1, -1):
        e = blocks[b, B_ELEMENT]
        level = elements[e, E_LEVEL]
        if level > 0:
            end = n1 if level == 1 else n2 if level == 2 else n3 if level == 3 else n4
            end = n5 if level == 5 else n6 if level == 6 else end
            places[b, P_END] = min(end, _end_of_box(b, elements[e, E_END], e, elements))
            n6 = b
            n5 = b if level <= 5 else n5
            n4 = b if level <= 4 else n4
            n3 = b if level <= 3 else n3
            n2 = b if level <= 2 else n2
            n1 = b if level <= 1 else n1
        elif is_term(b, blocks, elements):
            item = elements[e, E_ITEM]
            parent = elements[item, E_PARENT]
            end = max(elements[parent, E_END], b + 1)
            if term_parent == parent:
                end = min(end, term)
            places[b, P_END] = end
            if b == elements[item, E_FIRST]:
                term, term_parent = b, parent


@kernel(embed=True, allocates=False)
def _end_of_box(b: int, end: int, e: int, elements: NDArray[np.int32]) -> int:
    """Where the innermost element ends that holds anything after the heading in `e`."""
    while elements[e, E_PARENT] >= 0 and elements[e, E_END] <= max(b + 1, end):
        e = elements[e, E_PARENT]
    return max(elements[e, E_END], b + 1)
