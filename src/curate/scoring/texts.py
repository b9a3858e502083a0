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
    lengths = np.diff(bounds)
    if len(lengths) == 0 or int(lengths.max()) <= window_bytes:
        return texts
    capacity = int(np.minimum(lengths, window_bytes).sum())
    cut = np.empty(capacity, np.uint8)
    cut_bounds = np.zeros(len(bounds), np.int64)
    n_bytes = _cut_documents(data, bounds, window_bytes, cut, cut_bounds)
    buffers = [None, pa.py_buffer(cut_bounds), pa.py_buffer(cut[:n_bytes])]
    return pa.Array.from_buffers(pa.large_string(), len(lengths), buffers)


def count_read(texts: pa.Array, window_bytes: int) -> NDArray[np.int64]:
    """Count the bytes of every document that lie in its window, int64 (N,): those `take_window` keeps."""
    return np.diff(view_utf8(take_window(texts, window_bytes))[1])


@kernel
def _cut_documents(data, bounds, window_bytes, cut, cut_bounds):
    fill = 0
    for document in range(len(bounds) - 1):
        start, stop = bounds[document], bounds[document + 1]
        if stop - start > window_bytes:
            stop = _cut_at(data, start, start + window_bytes)
        for i in range(start, stop):
            cut[fill + i - start] = data[i]
        fill += stop - start
        cut_bounds[document + 1] = fill
    return fill


@kernel
def _cut_at(data, start, stop):
    """Move `stop` back to white space if some is near, else out of the middle of a character."""
    for i in range(stop, max(start, stop - _LONGEST_BACK_STEP), -1):
        if data[i] <= 32:
            return i
    while stop > start and data[stop] & 0xC0 == 0x80:
        stop -= 1
    return stop
