"""Scores to a choice of blocks."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from curate.extract.measure import C_WORDS
from curate.extract.workspace import Workspace


@njit(cache=True, nogil=True, _nrt=False)
def choose_blocks(n_blocks: int, threshold: float, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Mark in keep[:n_blocks] the blocks whose log-odds exceed `threshold` and that hold a letter or digit."""
    for b in range(n_blocks):
        keep[b] = w.scores[b] > threshold and w.counts[b, C_WORDS] > 0
