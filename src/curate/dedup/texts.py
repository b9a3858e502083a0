"""Texts by row from a stream of batches, such as a Parquet file gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class RowTexts:
    """Reads texts by ascending row; goes on in the stream as long as rows ascend from call to call."""

    def __init__(self, read_batches: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        """Take a function that begins the stream anew; its batches have the text as their only column."""
        self._read_batches = read_batches
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: pa.RecordBatch | None = None
        self._begin = 0  # row with which the batch begins

    def release(self) -> None:
        """Let go of the stream; the next read begins it anew."""
        self._batches, self._batch = iter(()), None

    def read(self, rows: NDArray[np.int64]) -> pa.ChunkedArray:
        """Read the texts of ascending rows; null for rows behind the end of the stream."""
        if self._batch is None or (len(rows) and rows[0] < self._begin):
            self._batches, self._begin = self._read_batches(), 0
            self._batch = next(self._batches, None)
        texts: list[pa.Array] = []
        n_read = 0
        while n_read < len(rows) and self._batch is not None:
            end = int(np.searchsorted(rows, self._begin + len(self._batch)))
            if end > n_read:
                texts.append(self._batch.column(0).take(pa.array(rows[n_read:end] - self._begin)))
                n_read = end
            if n_read < len(rows):
                self._begin += len(self._batch)
                self._batch = next(self._batches, None)
        kind = texts[0].type if texts else pa.string()
        if n_read < len(rows):
            texts.append(pa.nulls(len(rows) - n_read, kind))
        return pa.chunked_array(texts, kind)
