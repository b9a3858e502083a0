"""Output files of `curate dedup`: the input's columns as they were, dropped rows with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 16_384
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
    """Writes batches to a Parquet file in row groups of 16,384, whatever the batches' sizes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._n_waiting = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; whole row groups are written."""
        self._waiting.append(batch)
        self._n_waiting += len(batch)
        while self._n_waiting >= ROW_GROUP_ROWS:
            self._write(ROW_GROUP_ROWS)

    def close(self) -> None:
        """Write what waits; a file without rows has the schema of an empty batch."""
        self._write(self._n_waiting)
        if self._writer:
            self._writer.close()

    def _write(self, n_rows: int) -> None:
        if not self._waiting:
            schema = pa.schema([("text", pa.string())])
            table = schema.empty_table()
        else:
            table = pa.Table.from_batches(self._waiting)
        if self._writer is None:
            few_values = [field.name for field in table.schema if not _is_long(field)]
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="zstd",
                use_dictionary=few_values,  # pyright: ignore[reportArgumentType]  (a list is fine too)
            )
        self._writer.write_table(table.slice(0, n_rows), row_group_size=ROW_GROUP_ROWS)
        self._waiting = table.slice(n_rows).to_batches()
        self._n_waiting -= n_rows


def _is_long(field: pa.Field) -> bool:
    """Whether values of the column seldom repeat, so that a dictionary of them would be wasted work."""
    return field.name != "drop_reason" and (
        pa.types.is_string(field.type)
        or pa.types.is_large_string(field.type)
        or pa.types.is_binary(field.type)
    )
