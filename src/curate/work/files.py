"""Files that are there whole or not at all: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import ctypes
import json
import os
import re
import secrets
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.errors import RunError, one_line
from curate.work.json_files import to_json

ROW_GROUP_ROWS = 16_384
ROW_GROUP_BYTES = 64 << 20
_SHARED_FILES, _SHARED_BYTES = 16, 32 << 20
_FACTS = b"curate"
_LEFTOVER = re.compile(r"\.tmp-[0-9]+-.+")


@contextmanager
def committed(path: Path) -> Generator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` when the block ends well.

    Its name holds the process id and a random number, so that two writers of one file do not meet, and nobody
    can lay a link there; it is absolute, since Arrow takes "run-12:30/x" for a URI. Leftovers of a killed writer
    are named `.tmp-NUMBER-*` and removed by `remove_leftovers`.
    """
    path = Path(os.path.abspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete what killed writers left under `folder`; other people's `.tmp-*` stay."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if _LEFTOVER.fullmatch(name):
                (Path(parent) / name).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Commit `value` as indented JSON."""
    with committed(path) as temporary:
        temporary.write_bytes(to_json(value))


def write_arrow(path: Path, table: pa.Table, facts: dict[str, Any]) -> None:
    """Commit `table` as an Arrow file with `facts` (JSON-able) in its schema's metadata."""
    schema = table.schema.with_metadata({_FACTS: json.dumps(facts).encode()})
    with (
        committed(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, schema) as file,
    ):
        file.write_table(table.cast(schema))


def release_memory() -> None:
    """Give back what allocators keep of freed memory: between passes, and where a pass frees pieces that the next cannot use."""
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)


_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc: NumPy's arrays lie there


def read_arrow(path: Path) -> pa.Table:
    """Map an Arrow file into memory; only what is used of it is read from disk.

    Raises:
        RunError: what a step before has committed is not there, or not whole.
    """
    with _opened_arrow(path) as file:
        return file.read_all()


def read_arrow_with_facts(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Both at once: to open a file is to read its schema, of a hundred columns; raises as `read_arrow` does."""
    with _opened_arrow(path) as file:
        return file.read_all(), json.loads(file.schema.metadata[_FACTS])


def read_facts(path: Path) -> dict[str, Any]:
    """Read the facts of a file that `write_arrow` wrote; raises as `read_arrow` does."""
    with _opened_arrow(path) as file:
        return json.loads(file.schema.metadata[_FACTS])


@contextmanager
def _opened_arrow(path: Path) -> Generator[pa.RecordBatchFileReader]:
    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
            yield file
    except FileNotFoundError as error:
        raise RunError(
            f"{path} is not there, though an earlier step committed it. Every machine of a run must see the output "
            "folder. Run the same command again: what is missing is made again."
        ) from error
    except pa.ArrowInvalid as error:
        raise RunError(
            f"{path} is damaged ({one_line(error)}). Delete it, and run the same command again: it is made again."
        ) from error


def write_parquet(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Commit `tables` as one zstd Parquet file; return its number of rows.

    Row groups close where `cut_row_groups` says, each written in the same pieces: the bytes of the file depend on
    its rows alone, not on how they were cut into tables.
    """
    n_rows = 0
    # Numbers hardly repeat: a dictionary of them fills up, and is given up, for nothing.
    repeating: Any = [field.name for field in schema if not pa.types.is_primitive(field.type)]
    with (
        committed(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=repeating) as writer,
    ):
        for group in _row_groups(tables, schema):
            writer.write_table(group, row_group_size=len(group))
            n_rows += len(group)
            del group
            release_memory()
    return n_rows


def cut_row_groups(n_row_bytes: NDArray[np.int64]) -> list[int]:
    """Where row groups end, in rows: after 16,384 rows, or the row with which they reach 64 MiB.

    >>> cut_row_groups(np.array([1, ROW_GROUP_BYTES, 1]))
    [2, 3]
    """
    ends: list[int] = []
    start, total = 0, np.concatenate([[0], np.cumsum(n_row_bytes)])
    while start < len(n_row_bytes):
        by_bytes = int(np.searchsorted(total, total[start] + ROW_GROUP_BYTES))
        start = min(start + ROW_GROUP_ROWS, by_bytes, len(n_row_bytes))
        ends.append(start)
    return ends


def cut_parts(n_text_bytes: NDArray[np.int64], part_bytes: int) -> list[int]:
    """Where output files end, in rows: after the row group with which they reach `part_bytes` of text.

    A small result is in up to 16 files of 32 MiB and more, so that workers share the writing: in one file its last
    second would be one worker's.
    """
    ends: list[int] = []
    part_bytes = min(part_bytes, max(_SHARED_BYTES, int(n_text_bytes.sum()) // _SHARED_FILES))
    n_part_bytes, start = 0, 0
    for end in cut_row_groups(n_text_bytes):
        n_part_bytes += int(n_text_bytes[start:end].sum())
        start = end
        if n_part_bytes >= part_bytes or end == len(n_text_bytes):
            ends.append(end)
            n_part_bytes = 0
    return ends


def text_bytes(table: pa.Table) -> NDArray[np.int64]:
    """Bytes of each row's `text`; null counts as none."""
    lengths = pc.fill_null(pc.binary_length(table["text"]), 0)
    return lengths.to_numpy().astype(np.int64)


def value_bytes(column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:  # noqa: PLR0911 - a row of guards
    """Bytes of text and bytes in each value of `column`, nested ones too; null and numbers count as none."""
    if isinstance(column, pa.ChunkedArray):
        return np.concatenate([np.zeros(0, np.int64), *(value_bytes(chunk) for chunk in column.chunks)])
    kind, nothing = column.type, np.zeros(len(column), np.int64)
    if isinstance(kind, pa.BaseExtensionType):
        return value_bytes(column.storage)
    if pa.types.is_dictionary(kind):
        lengths = np.append(value_bytes(column.dictionary), 0)
        return lengths[pc.fill_null(column.indices.cast(pa.int64()), len(lengths) - 1).to_numpy()]
    if pa.types.is_struct(kind):
        return sum((value_bytes(column.field(i)) for i in range(kind.num_fields)), nothing)
    if pa.types.is_map(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = (column.keys, column.items) if pa.types.is_map(kind) else (column.values,)
        total = np.append(0, np.cumsum(sum(value_bytes(values) + 8 for values in inner)))
        offsets = column.offsets.to_numpy()
        return (total[offsets[1:]] - total[offsets[:-1]]).astype(np.int64)
    try:
        return pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    except pa.ArrowNotImplementedError:
        return nothing


def row_bytes(table: pa.Table) -> NDArray[np.int64]:
    """Bytes of text and bytes in each row: what row groups and files are cut by."""
    # To be refused a length of numbers costs an exception each, at a hundred columns of signals a table.
    columns = [column for column in table.columns if not pa.types.is_primitive(column.type)]
    return sum(map(value_bytes, columns), np.zeros(len(table), np.int64))


_BATCH_ROWS = 8192
_BATCH_BYTES = 32 << 20
_LARGEST_DICTIONARY = 16 << 20  # a column with one of text holds no value that is longer


def batch_rows(metadata: pq.FileMetaData, groups: Sequence[int] | None = None) -> int:
    """Rows to read of a Parquet file at a time, so that a batch takes about 32 MiB, whatever its row groups hold.

    What rows take follows from the bytes of their row group. Text that is stored once and stands in many rows takes more: in row
    groups so small that all of it may be such text, each row is taken for as long as the whole.
    """
    n_rows = _BATCH_ROWS
    for place in range(metadata.num_row_groups) if groups is None else groups:
        group = metadata.row_group(place)
        n_rows = min(n_rows, max(1, _BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)))
        columns = [group.column(number) for number in range(group.num_columns)]
        text = max(
            (
                column.total_uncompressed_size
                for column in columns
                if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page
            ),
            default=0,
        )
        if 0 < text <= _LARGEST_DICTIONARY:
            n_rows = min(n_rows, max(32, 2 * _BATCH_BYTES // text))
    return n_rows


def _row_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Row groups, cut alike into pieces. Where one is handed on, nothing else is held but what begins the next."""
    waiting, n_bytes = schema.empty_table(), np.zeros(0, np.int64)
    for table in (each.cast(schema) for each in tables):
        waiting = pa.concat_tables([waiting, table])
        n_bytes = np.concatenate([n_bytes, row_bytes(table)])
        del table
        *ends, _ = cut_row_groups(n_bytes) or [0]  # the last may still grow
        start = 0
        for end in ends:
            group = _cut_alike(waiting.slice(0, end - start))
            waiting, start = waiting.slice(end - start), end
            release_memory()
            yield group
            del group
        n_bytes = n_bytes[start:]
    if len(waiting):
        yield _cut_alike(waiting)


_PIECE_ROWS = 1024  # what the writer takes at a time


def _cut_alike(group: pa.Table) -> pa.Table:
    """Cut a row group anew, where the writer would: the same pieces, however it was cut; most need no copy for that."""
    starts = range(0, len(group), _PIECE_ROWS)
    return pa.concat_tables([group.slice(start, _PIECE_ROWS).combine_chunks() for start in starts])
