"""Score a table of any library: the same kind comes back, with the scorers' columns beside its own.

    pyarrow Table, RecordBatch                       at once
    pandas, polars DataFrame, DuckDB relation        at once
    pyarrow RecordBatchReader, Dataset; a path       as a reader, batch by batch
    polars LazyFrame                                 when it is collected
    datasets Dataset, IterableDataset                by its `map`: the latter as it is read
    Ray Data                                         by its `map_batches`, on the cluster

None of these packages is imported before a table of it is given.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeVar

import pyarrow as pa

from curate.crawl import ReadOptions
from curate.errors import SettingError, TextsError, one_line
from curate.jobs.score import find_text_column, score_texts
from curate.run.lanes import LaneScorer, ScorerSource, check_distinct, name_scorers
from curate.text.gate import as_texts

T = TypeVar("T")
_BATCH_ROWS = 8192


def score_table(
    table_or_path: T, *, scorer: ScorerSource | Sequence[ScorerSource] = "edu", text_column: str | None = None
) -> T | Any:
    """Score the texts of a table; it comes back as the kind it was, with columns such as `edu_level` and `edu_score`.

    >>> score_table(pa.table({"text": ["Water boils at 100 degrees at sea level.", None]})).column_names
    ['text', 'edu_level', 'edu_score', 'edu_n_bytes_read']

    Args:
        table_or_path: see the head of this module. A path is a Parquet or JSONL file, or a folder of Parquet.
        scorer: name or folder of a classifier, or an object that keeps `curate.Scorer`; or several of these.
        text_column: column of the texts; found by its usual names.

    Returns:
        The same kind of table, rows in their order; a `RecordBatchReader` for a path and for a pyarrow Dataset. A row
        without text has no score. A column that a scorer would write and that is there already is written anew, in
        its place. A DuckDB relation comes back as one of DuckDB's default connection.

    Raises:
        SettingError: there is no such scorer, no column of texts, or the path holds no table.
        TextsError: the column holds something else than texts, or this is no table.
    """
    sources, _ = name_scorers(scorer)
    scorers = tuple(LaneScorer.of(source) for source in sources)
    check_distinct(scorers)
    adder = _Adder(scorers, text_column)
    table: Any = table_or_path
    if isinstance(table, str | PathLike):
        return _stream_path(os.fspath(table), adder)
    if isinstance(table, pa.Table | pa.RecordBatch):
        return adder(table)
    if isinstance(table, pa.RecordBatchReader):
        return _stream(table.schema, iter(table), adder)
    package = type(table).__module__.partition(".")[0].lstrip("_")
    if package in _KINDS and not _is_column(table):
        return _KINDS[package](table, adder)
    raise TextsError(
        f"score_table takes a table of pyarrow, pandas, polars, DuckDB, datasets or Ray Data, or a path, not "
        f"{type(table).__name__}. Score texts by load_scorer(...).score(texts)."
    )


@dataclass(frozen=True, slots=True)
class _Adder:
    """Adds the columns to a part of a table; can be sent to another process, and loads the scorers there."""

    scorers: tuple[LaneScorer, ...]
    text_column: str | None

    def find_text(self, names: Sequence[str]) -> str:
        column = self.text_column or find_text_column(names, ReadOptions())
        if column not in names:
            called = f" {column!r}" if column else ""
            raise SettingError(
                f"The table has no column of text{called}. Name it with text_column; its columns: {', '.join(names)}."
            )
        return column

    def columns(self, texts: Any) -> dict[str, pa.Array]:
        """The columns for N texts, null where there is no text."""
        return score_texts([scorer.load() for scorer in self.scorers], as_texts(texts))

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema with the columns."""
        self.find_text(schema.names)
        for name, alias in (column for scorer in self.scorers for column in scorer.columns):
            own, place = pa.field(name, pa.type_for_alias(alias)), schema.get_field_index(name)
            schema = schema.append(own) if place < 0 else schema.set(place, own)
        return schema

    def __call__(self, table: Any) -> Any:
        """A part of an Arrow table with the columns."""
        schema = self.schema(table.schema)
        found = dict(zip(table.schema.names, table.columns, strict=True))
        found |= self.columns(table.column(self.find_text(table.schema.names)))
        arrays = [found[name] for name in schema.names]
        return type(table).from_arrays(arrays, schema=schema)


def _stream(schema: pa.Schema, batches: Iterator[pa.RecordBatch], adder: _Adder) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(adder.schema(schema), map(adder, batches))


def _stream_path(path: str, adder: _Adder) -> pa.RecordBatchReader:
    from pyarrow import dataset

    if not os.path.exists(path):
        raise SettingError(f"There is no file or folder '{path}'.")
    is_json = path.endswith((".jsonl", ".ndjson", ".json", ".jsonl.gz", ".json.gz"))
    try:
        # Paths are names: a folder `date=2024` above the files is no column.
        found = dataset.dataset(
            os.path.abspath(path), format="json" if is_json else "parquet", partitioning=None
        )
    except (pa.ArrowException, OSError) as error:
        raise SettingError(
            f"'{path}' is no readable {'JSONL' if is_json else 'Parquet'}: {one_line(error)}."
        ) from error
    return _stream(found.schema, iter(found.to_batches(batch_size=_BATCH_ROWS)), adder)


def _pyarrow(table: Any, adder: _Adder) -> Any:
    if not hasattr(table, "to_batches"):
        raise TextsError(f"score_table takes a table, not {type(table).__name__}.")
    return _stream(table.schema, iter(table.to_batches(batch_size=_BATCH_ROWS)), adder)


def _pandas(table: Any, adder: _Adder) -> Any:
    names = [str(name) for name in table.columns]
    column = adder.find_text(names)
    columns = adder.columns(table.iloc[:, names.index(column)])
    # With NaN for null, as pandas has it: an integer with a null becomes a float.
    return table.assign(**{name: values.to_numpy(zero_copy_only=False) for name, values in columns.items()})


def _polars(table: Any, adder: _Adder) -> Any:
    import polars as pl

    def add(frame: Any) -> Any:
        columns = adder.columns(frame.get_column(adder.find_text(frame.columns)))
        return frame.with_columns(pl.Series(name, values) for name, values in columns.items())

    if not hasattr(table, "collect_schema") or not hasattr(table, "collect"):
        return add(table)
    schema = dict(table.collect_schema())
    adder.find_text(list(schema))
    for name, alias in (column for scorer in adder.scorers for column in scorer.columns):
        schema[name] = pl.Float32() if alias == "float" else pl.Int64()
    return table.map_batches(add, schema=schema, streamable=True)


def _duckdb(relation: Any, adder: _Adder) -> Any:
    import duckdb

    # A relation may be read more than once, which a stream of Arrow cannot.
    return duckdb.from_arrow(adder(pa.table(relation)))


def _datasets(table: Any, adder: _Adder) -> Any:
    column = adder.text_column or _column_of(table, adder)

    def add(batch: Any) -> dict[str, Any]:
        return {name: values.to_pylist() for name, values in adder.columns(batch[column]).items()}

    return table.map(add, batched=True)


def _column_of(table: Any, adder: _Adder) -> str:
    names = table.column_names
    if isinstance(names, dict):  # a DatasetDict: the names of each split
        names = next(iter(names.values()))
    if names is None:
        raise SettingError(
            "The stream does not say what columns it has. Name that of the texts with text_column."
        )
    return adder.find_text(list(names))


def _ray(table: Any, adder: _Adder) -> Any:
    return table.map_batches(adder, batch_format="pyarrow")


def _is_column(value: Any) -> bool:
    """Whether this is one column of a library whose tables are taken."""
    return type(value).__name__ in {"Series", "Index", "Array", "ChunkedArray", "Column"}


_KINDS: dict[str, Callable[[Any, _Adder], Any]] = {
    "pyarrow": _pyarrow,
    "pandas": _pandas,
    "polars": _polars,
    "duckdb": _duckdb,
    "datasets": _datasets,
    "ray": _ray,
}
