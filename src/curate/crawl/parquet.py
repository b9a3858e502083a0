"""Parquet: one page a row. Rows of row groups that nobody wants are never opened."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curate.crawl.columns import RowReader
from curate.crawl.options import ReadOptions
from curate.crawl.records import FileProblem, Mark, Page, Record, place_id

BATCH_ROWS = 256


class ParquetReader:
    """Reads Parquet; see `RecordReader`. A row counts as the mean size of its row group's rows."""

    def __init__(self, file: BinaryIO, source: str, options: ReadOptions, start: Mark) -> None:
        self.position = start.position
        self.problems: list[FileProblem] = []
        self._source = source
        self._rows = RowReader(source, options, "parquet_no_text")
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: list[dict[str, Any] | None] = []
        self._batch_start = 0  # row of the file with which `_batch` starts
        self._open_group = -1
        self._group_ends: list[int] = []
        self._row_bytes: list[int] = []
        self._broken_groups: set[int] = set()
        self._file: pq.ParquetFile | None = None
        try:
            self._file = pq.ParquetFile(file, pre_buffer=False)
            self._read_groups(self._file.metadata)
            names = self._file.schema_arrow.names
        except (pa.ArrowException, OSError, ValueError) as error:
            self._give_up("parquet_damaged", str(error))
            return
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            self._give_up("parquet_column_twice", f"columns of one name: {', '.join(twice)}")
            return
        contents = self._rows.layout(names).contents
        if not any(name.split(".")[0] in names or name in names for name, _ in contents):
            self._give_up("no_text_column", f"columns: {', '.join(names)}")

    def _give_up(self, reason: str, detail: str) -> None:
        self.problems.append(FileProblem(self._source, None, reason, detail.replace("\n", " ")[:500]))
        self._group_ends = []

    def _read_groups(self, metadata: pq.FileMetaData) -> None:
        end = 0
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            end += group.num_rows
            self._group_ends.append(end)
            self._row_bytes.append(max(1, group.total_byte_size // max(1, group.num_rows)))

    def mark(self) -> Mark:
        """Return the next row: any row can be started from, as its row group has a place in the file."""
        return Mark(0, self.position)

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next row, null at the end; only wanted rows are decoded."""
        if not self._group_ends or self.position >= self._group_ends[-1]:
            return None
        group = bisect_right(self._group_ends, self.position)
        record = Record(self._row_bytes[group])
        if wanted:
            row = self._row(group)
            if row is None:
                page_id = place_id(self._source, self.position)
                record.page = Page(page_id, kind="text", drop_reason="parquet_damaged")
            else:
                record.page = self._rows.page(row, self.position)
        self.position += 1
        return record

    def _row(self, group: int) -> dict[str, Any] | None:
        """Return row `position`, null where its row group cannot be decoded."""
        if group != self._open_group:
            self._open_group = group
            self._batch = []
            self._batch_start = self._group_ends[group - 1] if group else 0
            self._batches = (
                self._file.iter_batches(BATCH_ROWS, row_groups=[group]) if self._file else iter(())
            )
        while self.position >= self._batch_start + len(self._batch):
            self._batch_start += len(self._batch)
            try:
                batch = next(self._batches, None)
                if batch is None:
                    return None
                past = self._batch_start + batch.num_rows <= self.position
                self._batch = [None] * batch.num_rows if past else batch_rows(batch)
            except (pa.ArrowException, OSError, ValueError):
                n_left = self._group_ends[group] - self._batch_start
                self._batch = [None] * n_left
                self._batches = iter(())
        return self._batch[self.position - self._batch_start]


def batch_rows(batch: pa.RecordBatch) -> list[dict[str, Any] | None]:
    """Return the rows of `batch` as Python values."""
    columns = [_values(column) for column in batch.columns]
    return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _values(column: pa.Array) -> list[Any]:
    """Return the values of `column`; what Python cannot hold becomes a string, or null as a last resort."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    try:
        if pa.types.is_temporal(kind):
            return (
                column.cast(pa.string()).to_pylist() if not pa.types.is_duration(kind) else _numbers(column)
            )
        return column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.large_binary(), safe=False).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in values]
    except (ValueError, OverflowError, TypeError, pa.ArrowException):
        return [None] * len(column)


def _numbers(column: pa.Array) -> list[Any]:
    return column.cast(pa.int64()).to_pylist()
