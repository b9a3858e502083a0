"""Files of labels, and pages that labels name by id: rows as dictionaries, whatever they are stored as."""

from __future__ import annotations

import csv
import glob
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate.config import plain_file
from curate.crawl import InputFile, ReadOptions, plan_splits, read_chunks
from curate.errors import SettingError, one_line
from curate.extract import extract_pages
from curate.text.charset import decode_text
from curate.text.lines import MOST_BYTES, read_bytes, read_json_lines

Row = Mapping[str, Any]
_TABLES = {".csv": ",", ".tsv": "\t"}


def read_sources(source: Any) -> list[tuple[str, Sequence[Row]]]:
    """Read (name, rows) of every file, or of the one table, dictionary of columns or list of dictionaries.

    Raises:
        SettingError: A file does not exist, is of no known kind, or is broken.
    """
    if isinstance(source, pa.Table):
        return [("table", _rows_of(source))]
    if isinstance(source, (str, Path)):
        source = [source]
    if hasattr(source, "to_dict"):  # a data frame
        source = source.to_dict("list")
    if isinstance(source, Mapping):
        try:
            return [
                (
                    "columns",
                    [dict(zip(source, row, strict=True)) for row in zip(*source.values(), strict=True)],
                )
            ]
        except (TypeError, ValueError) as error:
            raise SettingError(
                "Labels in a dictionary need a list for each column, all of one length."
            ) from error
    items = list(source)
    if all(isinstance(item, (str, Path)) for item in items):
        return [(str(path), _read_file(path)) for path in _expand(items)]
    return [("rows", items)]


def read_pages(
    files: Sequence[InputFile],
    text_column: str | None = "text",
    *,
    extractor: str = "curate",
    passed_over: Counter[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Read id, url, text and extra of every page with text in whatever `curate filter` reads; HTML is extracted.

    Pages without text are counted in `passed_over`, by their reason.
    """
    options, passed_over = (
        ReadOptions(text_column=text_column),
        Counter() if passed_over is None else passed_over,
    )
    for split in plan_splits(files):
        for chunk in read_chunks(split, options):
            pages = chunk.pages.to_pylist()
            html = [row for row, page in enumerate(pages) if page["kind"] == "html"]
            rows = pa.array(html, pa.int64())
            contents, charsets = (chunk.pages[name].take(rows) for name in ("content", "charset"))
            found = extract_pages(contents, charsets, extractor=extractor).to_pylist()
            extracted = dict(zip(html, found, strict=True))
            for row, page in enumerate(pages):
                if row in extracted:
                    text, problem = extracted[row]["text"], extracted[row]["extract_problem"]
                else:
                    text, problem = (page["content"] or b"").decode("utf-8", "replace"), None
                problem = page["drop_reason"] or problem
                if problem or not text or not text.strip():
                    passed_over[problem or "no_text"] += 1
                    continue
                yield {"id": page["id"], "url": page["url"], "text": text, "extra": page["extra"]}


def _expand(patterns: Sequence[str | Path]) -> list[Path]:
    paths: list[Path] = []
    for pattern in patterns:
        found = sorted(glob.glob(str(pattern)))
        if not found:
            raise SettingError(f"There is no annotation file '{pattern}'.")
        paths.extend(Path(path) for path in found)
    return list(dict.fromkeys(paths))


def _read_file(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        try:
            return _rows_of(pq.ParquetFile(os.path.abspath(plain_file(path, MOST_BYTES))).read())
        except (OSError, pa.ArrowInvalid) as error:
            raise SettingError(
                f"'{path}' cannot be read as Parquet ({one_line(error)}). Write or copy it again."
            ) from error
    kind = Path(path.stem).suffix if path.suffix in {".gz", ".zst"} else path.suffix
    if path.is_dir() or kind not in {".jsonl", ".ndjson", *_TABLES}:
        raise SettingError(
            f"'{path}' is no kind of annotation file that is known: use .jsonl, .csv or .tsv (also .gz or .zst), or "
            ".parquet. Pages whose labels lie elsewhere go behind --pages."
        )
    if kind in _TABLES:
        return _read_table(path, _TABLES[kind])
    rows: list[dict[str, Any]] = []
    for number, row in read_json_lines(path):
        if row is None:
            raise SettingError(f"'{path}' line {number} is no JSON object. Mend or remove the line.")
        rows.append(row)
    return rows


def _read_table(path: Path, delimiter: str) -> list[dict[str, Any]]:
    """Read a table with a head line; a field in double quotes may hold delimiters and line breaks."""
    rows: list[dict[str, Any]] = []
    csv.field_size_limit(2**31 - 1)
    text = decode_text(read_bytes(path), markup=False)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        head = next(table, [])
        for fields in table:
            if not fields:
                continue
            if len(fields) != len(head):
                raise SettingError(
                    f"'{path}' line {table.line_num} holds {len(fields)} fields and the first line names {len(head)}: "
                    "put fields with tabs, commas, quotes or line breaks in double quotes."
                )
            rows.append({name: value or None for name, value in zip(head, fields, strict=True)})
    except csv.Error as error:
        raise SettingError(
            f"'{path}' is broken after row {len(rows)} ({one_line(error)}). Write or copy it again."
        ) from error
    return rows


def _rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of a table; bytes are text, as crawls store it."""
    rows = table.to_pylist()
    for field in table.schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            for row in rows:
                if row[field.name] is not None:
                    row[field.name] = row[field.name].decode("utf-8", "replace")
    return rows
