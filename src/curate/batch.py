"""The column ledger: every column of a document's journey, its type, and the stage that adds it.

The unit that flows is an Arrow record batch. A stage adds columns and never removes a row: it names a
`drop_reason`, and later stages skip that row.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type, the stage that adds it and what it holds."""

    name: str
    type: pa.DataType
    stage: str
    doc: str


PAGE_COLUMNS = (
    Column("source", pa.string(), "read", "path or URL of the input file"),
    Column("position", pa.int64(), "read", "record number in the source, from 0; counts records of every kind"),
    Column("id", pa.string(), "read", "the user's id, or a hash of url and content (32 hex digits)"),
    Column("url", pa.string(), "read", "address of the page, null where unknown"),
    Column("date", pa.string(), "read", "as the source states it (ISO 8601 in WARC), null where unknown"),
    Column("kind", pa.string(), "read", "'html' or 'text'"),
    Column("content", pa.binary(), "read", "the page: HTML bytes as received, or UTF-8 text; null when unreadable"),
    Column("charset", pa.string(), "read", "charset named by the HTTP header, lower case, null where none"),
    Column("extra", pa.string(), "read", "every other input column as one JSON object, null where none"),
    Column("drop_reason", pa.string(), "read", "why the document is dropped; null while it is still in the run"),
)

PAGE_SCHEMA = pa.schema([pa.field(column.name, column.type) for column in PAGE_COLUMNS])
