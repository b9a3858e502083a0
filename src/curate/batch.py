"""The column ledger: every column of a document's journey, its type, and the stage that adds it.

The unit that flows is an Arrow table of a chunk's documents. A stage adds columns and never removes a row:
it names a `drop_reason`, and later stages skip that row (`live_rows`, `add_columns`, `drop_rows`).
"""

from __future__ import annotations

import importlib.abc
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class _NoPandas(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


if os.environ.get("CURATE_WITHOUT_PANDAS") and "pandas" not in sys.modules:
    # Arrow's first array loads pandas where it is installed, only to ask whether the values are its own: .3 CPU seconds
    # and 100 MB a process. No command reads or writes a DataFrame; a library's caller may want one.
    sys.meta_path.insert(0, _NoPandas())
    pa.array([0])
    del sys.meta_path[0]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type, the stage that adds it and what it holds."""

    name: str
    type: pa.DataType
    stage: str
    doc: str


PAGE_COLUMNS = (
    Column("source", pa.string(), "read", "name of the input file, relative to the input it was found under"),
    Column(
        "position", pa.int64(), "read", "record number in the source, from 0; counts records of every kind"
    ),
    Column("id", pa.string(), "read", "the user's id, or a hash of url and content (32 hex digits)"),
    Column("url", pa.string(), "read", "address of the page, null where unknown"),
    Column("date", pa.string(), "read", "as the source states it (ISO 8601 in WARC), null where unknown"),
    Column("kind", pa.string(), "read", "'html', 'text' or 'code'"),
    Column(
        "content",
        pa.binary(),
        "read",
        "the page: HTML bytes as received, or UTF-8 text; null when unreadable",
    ),
    Column("charset", pa.string(), "read", "charset named by the HTTP header, lower case, null where none"),
    Column("title", pa.string(), "read", "title column of a text page, null where there is none"),
    Column("extra", pa.string(), "read", "every other input column as one JSON object, null where none"),
    Column(
        "program_language", pa.string(), "read", "language of a program file, lower case; null for others"
    ),
    Column(
        "path", pa.string(), "read", "path of a program file in its repository or folder; null for others"
    ),
    Column(
        "license", pa.string(), "read", "licence as the data or the file states it, null where they do not"
    ),
    Column(
        "drop_reason", pa.string(), "read", "why the document is dropped; null while it is still in the run"
    ),
)

PAGE_SCHEMA = pa.schema([pa.field(column.name, column.type) for column in PAGE_COLUMNS])

DOCUMENT_COLUMNS = (
    *(column for column in PAGE_COLUMNS if column.name in {"id", "url", "date", "source", "position"}),
    Column("kind", pa.string(), "read", "'page' (it was HTML), 'text' or 'code'"),
    Column("program_language", pa.string(), "read", "language of a program file, null for all else"),
    Column("path", pa.string(), "read", "path of a program file in its repository or folder, else null"),
    Column(
        "license", pa.string(), "read", "licence as the data or the file states it, null where they do not"
    ),
    Column("title", pa.string(), "extract", "title of the page, null where it states none"),
    Column("page_language", pa.string(), "extract", "language that the page states, null where it does not"),
    Column("canonical_url", pa.string(), "extract", "address that the page states as its own"),
    Column("published", pa.string(), "extract", "date that the page states"),
    Column("author", pa.string(), "extract", "author that the page states"),
    Column("text", pa.string(), "extract", "main text, after the line rules; null where there is none"),
    Column("language", pa.string(), "language", "ISO 639 code of the most likely language"),
    Column(
        "language_confidence",
        pa.float32(),
        "language",
        "its probability, 0 to 1; of a long text that of a sample",
    ),
)
"""What every output row begins with; signals, score and the user's own columns follow."""

SPARED_COLUMNS = (
    Column(
        "spared_by", pa.string(), "rules", "the rule that the document fails and its score overruled, or null"
    ),
    Column("spared_value", pa.float64(), "rules", "the number that the rule judged"),
    Column("spared_limit", pa.float64(), "rules", "the limit it is beyond"),
)
"""What kept rows carry beyond dropped ones."""

DROP_COLUMNS = (
    Column("drop_stage", pa.string(), "any", "read, extract, language, rules, dedup or score"),
    Column("drop_reason", pa.string(), "any", "why the document was dropped"),
    Column("drop_value", pa.float64(), "any", "the number that decided, null where none did"),
    Column("drop_limit", pa.float64(), "any", "the limit it is beyond"),
    Column("drop_detail", pa.string(), "rules", "the entry, word or n-gram that decided, or null"),
    Column("duplicate_of", pa.string(), "dedup", "id of the document that stays"),
    Column("jaccard", pa.float32(), "dedup", "exact word-5-gram Jaccard similarity to it, 0 to 1"),
)
"""What dropped rows carry beyond kept ones."""


def live_rows(documents: pa.Table) -> NDArray[np.int64]:
    """Row numbers of the documents that no stage has dropped."""
    return np.flatnonzero(pc.is_null(documents["drop_reason"]).to_numpy())


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece. One that is in one piece is not copied, as `combine_chunks` copies it."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def take_rows(column: pa.Array | pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.Array:
    """The values of `rows`, ascending; the column itself where that is all of it, for a page's bytes are many."""
    return whole(column if len(rows) == len(column) else column.take(pa.array(rows, pa.int64())))


def add_columns(
    documents: pa.Table, rows: NDArray[np.int64], columns: Mapping[str, pa.Array] | pa.RecordBatch | pa.Table
) -> pa.Table:
    """Add columns with one value for each of `rows`; other rows get null, or keep what the column had."""
    if isinstance(columns, pa.RecordBatch | pa.Table):
        columns = dict(zip(columns.schema.names, columns.columns, strict=True))
    is_ascending = bool((rows[1:] > rows[:-1]).all())
    is_all = is_ascending and len(rows) == len(documents)
    places = np.full(len(documents), -1, np.int64)
    places[rows] = np.arange(len(rows))
    picks, has_value = pa.array(places, mask=places < 0), pa.array(places >= 0)
    for name, values in columns.items():
        at = documents.schema.get_field_index(name)
        is_of_type = at >= 0 and values.type == documents.schema.field(at).type
        if is_of_type and not len(rows):
            continue
        if is_of_type and not is_all and pa.types.is_string(values.type) and is_ascending:
            # Texts are many bytes: the same as below, and each is copied once.
            spread = pc.replace_with_mask(whole(documents[name]), has_value, whole(values))
            documents = documents.set_column(at, name, spread)
            continue
        spread = values
        if not is_all:
            spread = values.take(picks) if len(rows) else pa.nulls(len(documents), values.type)
        if at < 0:
            documents = documents.append_column(name, spread)
            continue
        if not is_all or not is_of_type:
            spread = pc.if_else(has_value, spread, documents[name])
        documents = documents.set_column(at, name, spread)
    return documents


def drop_rows(
    documents: pa.Table,
    rows: NDArray[np.int64],
    stage: str,
    reasons: pa.Array,
    numbers: tuple[pa.Array, pa.Array] | None = None,
) -> pa.Table:
    """Name why `rows` are dropped: `reasons` has one entry for each, null where the document stays.

    `numbers` are the values that decided and the limits they are beyond, where there are such.
    """
    dropped = pc.is_valid(reasons)
    at, reasons = rows[dropped.to_numpy(zero_copy_only=False)], reasons.filter(dropped)
    found = {"drop_reason": reasons, "drop_stage": pa.array([stage] * len(at), pa.string())}
    for name, column in zip(("drop_value", "drop_limit"), numbers or (), strict=False):
        found[name] = column.filter(dropped).cast(pa.float64())
    return add_columns(documents, at, found)


def valid_text(array: pa.Array) -> pa.Array:
    """Make Arrow strings UTF-8: bytes that are none become U+FFFD. Other types come back as they are.

    Parquet files hold such strings, a text cut within a letter, and no reader checks them.
    """
    kind = array.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return array
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        data = array.cast(pa.large_binary()).to_pylist()
        return pa.array([None if text is None else text.decode("utf-8", "replace") for text in data], kind)
    return array
