"""Make the arrays of a page, once for a batch, and read and describe one page after the other in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.features import (
    N_FEATURES,
    N_MARKS,
    fill_features,
    find_core,
    find_top,
    mark_elements,
    score_paths,
)
from curate.extract.mathml import MAX_MATH_DEPTH, N_FRAME_FIELDS
from curate.extract.measure import (
    N_COUNTS,
    N_REPEAT_SLOTS,
    N_RUNNING,
    N_SUMS,
    N_TITLE_PARTS,
    count_blocks,
    hash_titles,
    sum_elements,
)
from curate.extract.outline import N_PLACES, find_places
from curate.extract.scan import (
    MAX_BLOCKS,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_LINKS,
    MAX_TOKENS,
    META_ROWS,
    N_ELEMENT_FIELDS,
    N_STACK_FIELDS,
    max_text_bytes,
    scan_page,
)
from curate.extract.scratch import Workspace
from curate.extract.tags import TAG_BITS
from curate.extract.text import N_BLOCK_FIELDS, N_BLOCKS, N_ELEMENTS, N_STATE
from curate.extract.tokens import MAX_ELEMENT_TOKENS, N_ATTRIBUTE_ROWS
from curate.text.kernel import kernel


def make_workspace(max_html_bytes: int) -> Workspace:
    """Arrays for pages of up to `max_html_bytes`; memory is touched, and so used, only as far as pages need."""
    # the shortest element is <p>, the shortest block <p>x
    n_blocks = min(max_html_bytes // 4 + 16, MAX_BLOCKS)
    n_elements = min(max_html_bytes // 3 + 16, MAX_ELEMENTS)
    return Workspace(
        state=np.zeros(N_STATE, np.int64),
        text=np.empty(max_text_bytes(max_html_bytes), np.uint8),
        blocks=np.empty((n_blocks, N_BLOCK_FIELDS), np.int32),
        elements=np.empty((n_elements, N_ELEMENT_FIELDS), np.int32),
        tokens=np.empty(min(max_html_bytes, MAX_TOKENS) + MAX_ELEMENT_TOKENS, np.int32),
        links=np.empty((min(max_html_bytes // 8 + 16, MAX_LINKS), 4), np.int32),
        meta=np.empty((len(META_ROWS), 2), np.int64),
        stack=np.empty((MAX_DEPTH, N_STACK_FIELDS), np.int32),
        n_open=np.empty(TAG_BITS.size, np.int32),
        attributes=np.empty((N_ATTRIBUTE_ROWS, 2), np.int64),
        frames=np.zeros((MAX_MATH_DEPTH + 1, N_FRAME_FIELDS), np.int64),
        counts=np.empty((n_blocks, N_COUNTS), np.int32),
        seen=np.empty((4096, 2), np.int32),
        titles=np.empty(N_TITLE_PARTS, np.int32),
        running=np.empty((n_blocks + 1, N_RUNNING), np.float64),
        sums=np.empty((n_elements, N_SUMS), np.float64),
        marks=np.empty((n_elements, N_MARKS), np.int32),
        places=np.empty((n_blocks, N_PLACES), np.int32),
        repeats=np.empty(N_REPEAT_SLOTS, np.int32),
        features=np.empty((n_blocks, N_FEATURES), np.float32),
        row=np.empty(N_FEATURES, np.int32),
        scores=np.empty(n_blocks, np.float32),
    )


@kernel(inline=True, allocates=False)
def read_page(html: NDArray[np.uint8], w: Workspace) -> int:
    """Scan and count a page; return its number of blocks."""
    scan_page(html, w)
    n_blocks, n_elements = w.state[N_BLOCKS], w.state[N_ELEMENTS]
    count_blocks(w.text, w.blocks, n_blocks, w.counts, w.seen)
    sum_elements(w.blocks, w.counts, n_blocks, w.elements, n_elements, w.running, w.sums)
    hash_titles(html, w.meta, w.titles)
    return n_blocks


@kernel(inline=True, allocates=False)
def describe_page(w: Workspace, table: NDArray[np.int16]) -> int:
    """Fill the features of the page that was read; `table` are the class words' log-odds."""
    n_blocks, n_elements = w.state[N_BLOCKS], w.state[N_ELEMENTS]
    score_paths(w.elements, n_elements, w.tokens, table, w.sums)
    top = find_top(w.blocks, w.counts, n_blocks, w.elements, n_elements, w.sums)
    core = find_core(n_elements, w.sums)
    mark_elements(w.elements, n_elements, w.tokens, top, core, w.marks, w.repeats)
    find_places(w.blocks, n_blocks, w.elements, w.places)
    fill_features(
        w.blocks,
        w.counts,
        n_blocks,
        w.elements,
        w.sums,
        w.marks,
        w.repeats,
        w.places,
        w.running,
        top,
        core,
        w.titles,
        w.features,
    )
    return top
