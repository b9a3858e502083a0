"""Scores to a choice of blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.kernel import kernel
from curate.extract.measure import C_CHARS, C_WORDS
from curate.extract.workspace import Workspace

# A page whose best blocks score low is read with a lower bar: REACH under the mean of its three best long blocks,
# but at most SLACK under the usual bar. Kinds of pages that the selector is unsure of keep their text that way.
REACH, SLACK, LONG_CHARS = 3.0, 0.8, 60


@kernel
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


@kernel
def choose_blocks(n_blocks: int, threshold: float, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Mark in keep[:n_blocks] the blocks that pass and that hold a letter or digit."""
    bar = page_threshold(n_blocks, threshold, w)
    for b in range(n_blocks):
        keep[b] = w.scores[b] > bar and w.counts[b, C_WORDS] > 0
