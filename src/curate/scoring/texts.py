# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""What a scorer reads of its documents: Arrow strings, and of each the first bytes only."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.words import view_utf8

_LONGEST_BACK_STEP = 64


def take_window(texts: pa.Array, window_bytes: int) -> pa.Array:
    """Keep the first `window_bytes` of every document, cut at white space where some is near the end.

    So that the cost of a document is bounded. An array in which no document is longer is passed on as it is.
    """
    data, bounds = view_utf8(texts)
    stops = _find_stops(data, bounds, window_bytes)
    is_cut = stops < bounds[1:]
    if not is_cut.any():
        return texts
    cut_bounds = np.zeros(len(bounds), np.int64)
    np.cumsum(stops - bounds[:-1], out=cut_bounds[1:])
    # From one document that is cut to the next, all bytes are taken at once.
    ends = np.append(np.flatnonzero(is_cut), len(stops) - 1)
    starts = np.append(0, ends[:-1] + 1)
    pieces = [
        data[bounds[first] : stops[last]] for first, last in zip(starts, ends, strict=True) if first <= last
    ]
    buffers = [None, pa.py_buffer(cut_bounds), pa.py_buffer(np.concatenate(pieces))]
    return pa.Array.from_buffers(pa.large_string(), len(stops), buffers)


def count_read(texts: pa.Array, window_bytes: int) -> NDArray[np.int64]:
    """Count the bytes of every document that lie in its window, int64 (N,): those `take_window` keeps."""
    data, bounds = view_utf8(texts)
    return _find_stops(data, bounds, window_bytes) - bounds[:-1]


def _find_stops(data: NDArray[np.uint8], bounds: NDArray[np.int64], window_bytes: int) -> NDArray[np.int64]:
    """Where the window of each document ends in `data`, int64 (N,)."""
    stops = bounds[1:].copy()
    for document in np.flatnonzero(np.diff(bounds) > window_bytes):
        stops[document] = _cut_at(data, bounds[document], bounds[document] + window_bytes)
    return stops


@kernel
def _cut_at(data, start, stop):
    """Move `stop` back to white space if some is near, else out of the middle of a character."""
    for i in range(stop, max(start, stop - _LONGEST_BACK_STEP), -1):
        if data[i] <= 32:
            return i
    while stop > start and data[stop] & 0xC0 == 0x80:
        stop -= 1
    return stop
