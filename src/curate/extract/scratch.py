"""The arrays that the kernels of one page share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Workspace(NamedTuple):
    """Scratch of the kernels; see the modules that fill each array for its columns."""

    state: NDArray[np.int64]
    text: NDArray[np.uint8]
    blocks: NDArray[np.int32]
    elements: NDArray[np.int32]
    tokens: NDArray[np.int32]
    links: NDArray[np.int32]
    meta: NDArray[np.int64]
    stack: NDArray[np.int32]
    n_open: NDArray[np.int32]
    attributes: NDArray[np.int64]
    frames: NDArray[np.int64]
    counts: NDArray[np.int32]
    seen: NDArray[np.int32]
    titles: NDArray[np.int32]
    running: NDArray[np.float64]
    sums: NDArray[np.float64]
    marks: NDArray[np.int32]
    places: NDArray[np.int32]
    repeats: NDArray[np.int32]
    features: NDArray[np.float32]
    row: NDArray[np.int32]
    scores: NDArray[np.float32]
