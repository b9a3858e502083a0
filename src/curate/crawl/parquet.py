"""Parquet: one page a row. Rows of row groups that nobody wants are never opened.

A row counts as the bytes it takes once decoded, so that a chunk is bounded by all its columns. The footer tells these
but for text that is stored once and stands in many rows; such columns are measured, and stay dictionaries in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.crawl.arrow_values import name_type, plain_type, to_json_values
from curate.crawl.columns import RowReader
from curate.crawl.options import MIB, ReadOptions
from curate.crawl.records import FileProblem, Mark, Page, Record, place_id
from curate.work.files import row_bytes

BATCH_ROWS = 256
MEASURED_ROWS = 4096
# A row group whose rows could not take more than this, were every value the largest, is not measured.
SAFE_GROUP_BYTES = 64 * MIB
_FIXED_BYTES = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


class ParquetReader:
    """Reads Parquet; see `RecordReader`. A row counts as its decoded bytes, or as the mean of its row group."""

    def __init__(self, file: BinaryIO, source: str, options: ReadOptions, start: Mark) -> None:
        self.position = start.position
        self.problems: list[FileProblem] = []
        self.column_types: Mapping[str, str] = {}
        self._source = source
        self._rows = RowReader(source, options, "parquet_no_text")
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: list[dict[str, Any] | None] = []
        self._batch_start = 0  # row of the file with which `_batch` starts
        self._open_group = -1
        self._group_ends: list[int] = []
        self._measured: tuple[int, NDArray[np.int64] | int] = (-1, 0)
        self._repeated: list[str] = []  # columns whose values may stand in many rows and be stored once
        self._file: pq.ParquetFile | None = None
        try:
            self._file = pq.ParquetFile(file, pre_buffer=False)
            self._read_groups(self._file.metadata)
            schema = self._file.schema_arrow
            names = distinct_names(schema.names)
            types = (name_type(plain_type(field.type)) for field in schema)
            self.column_types = dict(zip(names, types, strict=True))
            self._repeated = _find_repeated(self._file.metadata, schema)
            if self._repeated:
                self._file = pq.ParquetFile(file, pre_buffer=False, read_dictionary=self._repeated)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._give_up("parquet_damaged", str(error))
            return
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            self._give_up("parquet_column_twice", f"columns of one name: {', '.join(twice)}")
            return
        layout = self._rows.layout(names)
        bytes_columns = {name for name, field in zip(names, schema, strict=True) if _holds_bytes(field.type)}
        self._raw = frozenset({*layout.columns, *(bytes_columns & {*layout.facts})})
        if not any(name.split(".")[0] in names or name in names for name, _ in layout.contents):
            self._give_up("no_text_column", f"columns: {', '.join(names)}")

    def _give_up(self, reason: str, detail: str) -> None:
        self.problems.append(FileProblem(self._source, None, reason, detail.replace("\n", " ")[:500]))
        self._group_ends = []

    def _read_groups(self, metadata: pq.FileMetaData) -> None:
        ends = np.cumsum([metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)])
        self._group_ends = ends.tolist()

    def _row_bytes(self, group: int) -> int:
        """Bytes of row `position`, which is in `group`; the same whether or not the row is decoded."""
        if self._measured[0] != group:
            self._measured = group, self._measure(group)
        sizes = self._measured[1]
        if isinstance(sizes, int):
            return sizes
        return int(sizes[self.position - (self._group_ends[group - 1] if group else 0)])

    def _measure(self, group: int) -> NDArray[np.int64] | int:
        if self._file is None:
            return 1
        facts = self._file.metadata.row_group(group)
        mean = max(1, _decoded_bytes(facts) // max(1, facts.num_rows))
        if not self._repeated:
            return mean
        batches = self._file.iter_batches(
            MEASURED_ROWS, row_groups=[group], columns=self._repeated, use_threads=False
        )
        try:
            sizes = [row_bytes(pa.Table.from_batches([batch])) for batch in batches]
        except (pa.ArrowException, OSError, ValueError):
            return mean  # its rows are damaged, and say so when they are read
        measured = np.concatenate([np.zeros(0, np.int64), *sizes]) + mean
        return measured if len(measured) == facts.num_rows else mean

    def mark(self) -> Mark:
        """Return the next row: any row can be started from, as its row group has a place in the file."""
        return Mark(0, self.position)

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next row, null at the end; only wanted rows are decoded."""
        if not self._group_ends or self.position >= self._group_ends[-1]:
            return None
        group = bisect_right(self._group_ends, self.position)
        record = Record(self._row_bytes(group))
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
            self._batches = self._read_group(group)
        while self.position >= self._batch_start + len(self._batch):
            self._batch_start += len(self._batch)
            try:
                batch = next(self._batches, None)
                if batch is None:
                    return None
                past = self._batch_start + batch.num_rows <= self.position
                self._batch = [None] * batch.num_rows if past else batch_rows(batch, self._raw)
            except (pa.ArrowException, OSError, ValueError):
                n_left = self._group_ends[group] - self._batch_start
                self._batch = [None] * n_left
                self._batches = iter(())
        return self._batch[self.position - self._batch_start]

    def _read_group(self, group: int) -> Iterator[pa.RecordBatch]:
        """Read a row group in batches of at most about 32 MiB, where its rows are of like size."""
        if self._file is None:
            return iter(())
        facts = self._file.metadata.row_group(group)
        mean = max(1, _decoded_bytes(facts) // max(1, facts.num_rows))
        n_rows = max(1, min(BATCH_ROWS, 32 * MIB // mean))
        return self._file.iter_batches(n_rows, row_groups=[group], use_threads=False)


def batch_rows(batch: pa.RecordBatch, raw: frozenset[str] = frozenset()) -> list[dict[str, Any] | None]:
    """Return the rows of `batch` as Python values: of the columns `raw` bytes as they are, else what JSON takes."""
    names = distinct_names(batch.schema.names)
    columns = [
        _values(column) if name in raw else _json_values(column)
        for name, column in zip(names, batch.columns, strict=True)
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def distinct_names(names: Sequence[str]) -> list[str]:
    """Number the later ones of columns of one name, as a join leaves them.

    >>> distinct_names(["text", "n", "text"])
    ['text', 'n', 'text_2']
    """
    found: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for name in names:
        distinct = name
        while distinct in found:
            numbers[name] = numbers.get(name, 1) + 1
            distinct = f"{name}_{numbers[name]}"
        found[distinct] = None
    return list(found)


def _holds_bytes(kind: pa.DataType) -> bool:
    """Whether a column is of bytes, or of lists of bytes: what older writers made of text."""
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _find_repeated(metadata: pq.FileMetaData, schema: pa.Schema) -> list[str]:
    """Name the columns of text and bytes that may take far more room than they are stored in."""
    flat = {
        field.name
        for field in schema
        if pa.types.is_string(field.type)
        or pa.types.is_binary(field.type)
        or pa.types.is_large_string(field.type)
        or pa.types.is_large_binary(field.type)
        or pa.types.is_dictionary(field.type)
    }
    found: dict[str, None] = {}
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        for number in range(group.num_columns):
            column = group.column(number)
            is_repeated = column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page
            largest = column.total_uncompressed_size * group.num_rows
            if is_repeated and column.path_in_schema in flat and largest > SAFE_GROUP_BYTES:
                found[column.path_in_schema] = None
    return list(found)


def _decoded_bytes(group: pq.RowGroupMetaData) -> int:
    """Bytes of a row group's values, but for text that is stored once and stands many times."""
    total = 0
    for number in range(group.num_columns):
        column = group.column(number)
        width = _FIXED_BYTES.get(column.physical_type, 0)
        total += max(column.total_uncompressed_size, width * column.num_values)
    return total


def _json_values(column: pa.Array) -> list[Any]:
    """Return the values of `column` for JSON; null, as a last resort, where a file holds what no type allows."""
    try:
        return to_json_values(column)
    except (ValueError, OverflowError, TypeError, pa.ArrowException):
        return [None] * len(column)


def _values(column: pa.Array) -> list[Any]:
    """Return the values of `column`; what Python cannot hold becomes a string, or null as a last resort."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    try:
        if pa.types.is_temporal(kind):
            return _json_values(column)
        return column.to_pylist()
    except UnicodeDecodeError:
        values = column.cast(pa.large_binary(), safe=False).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in values]
    except (ValueError, OverflowError, TypeError, pa.ArrowException):
        return [None] * len(column)
