"""Output files of `curate dedup`: the input's columns as they were, dropped rows with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.work.files import ROW_GROUP_BYTES, ROW_GROUP_ROWS, cut_row_groups, row_bytes

DROP_FIELDS = (
    pa.field("drop_reason", pa.string()),
    pa.field("duplicate_of", pa.string()),
    pa.field("jaccard", pa.float32()),
    pa.field("duplicate_in", pa.string()),
)


def add_reasons(batch: pa.RecordBatch, reasons: Sequence[pa.Array]) -> pa.RecordBatch:
    """Add the drop columns to a batch of dropped rows."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for field, column in zip(DROP_FIELDS, reasons, strict=True):
        name = field.name
        while name in columns:  # the input has such a column: both stay
            name = f"dedup_{name}"
        columns[name] = column
    return pa.RecordBatch.from_pydict(columns)


class PartWriter:
    """Writes batches to a Parquet file in row groups of 16,384 rows or 64 MB, whatever the batches' sizes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._n_rows = self._n_bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; whole row groups are written."""
        self._waiting.append(batch)
        self._n_rows += len(batch)
        self._n_bytes += batch.nbytes
        if self._n_rows >= ROW_GROUP_ROWS or self._n_bytes >= ROW_GROUP_BYTES:
            self._write(whole=False)

    def close(self) -> None:
        """Write what waits; a file without rows has the schema of an empty batch."""
        self._write(whole=True)
        if self._writer:
            self._writer.close()

    def _write(self, *, whole: bool) -> None:
        """Write what waits but for the last row group, which may still grow; that too if it is the whole rest."""
        if self._waiting:
            table = pa.Table.from_batches(self._waiting)
        else:
            table = pa.schema([("text", pa.string())]).empty_table()
        if self._writer is None:
            few_values = [field.name for field in table.schema if not _is_long(field)]
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="zstd",
                use_dictionary=few_values,  # pyright: ignore[reportArgumentType]  (a list is fine too)
            )
        ends = cut_row_groups(row_bytes(table)) if len(table) else []
        start = 0
        for end in ends if whole else ends[:-1]:
            self._writer.write_table(table.slice(start, end - start), row_group_size=ROW_GROUP_ROWS)
            start = end
        self._waiting = table.slice(start).to_batches()
        self._n_rows, self._n_bytes = len(table) - start, table.slice(start).nbytes


def _is_long(field: pa.Field) -> bool:
    """Whether values of the column seldom repeat, so that a dictionary of them would be wasted work."""
    return field.name != "drop_reason" and (
        pa.types.is_string(field.type)
        or pa.types.is_large_string(field.type)
        or pa.types.is_binary(field.type)
    )
