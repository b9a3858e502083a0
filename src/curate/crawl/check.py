"""Checks columns that the user named before a run starts."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from curate.crawl.columns import get_path
from curate.crawl.find import InputFile, open_file
from curate.crawl.opening import read_rows, sniff_file
from curate.crawl.options import ReadOptions
from curate.errors import SettingError


def check_columns(files: Sequence[InputFile], options: ReadOptions) -> None:
    """Look for the columns named in `options` in the first record of the columnar files.

    Stops at the first file that settles the matter; without named columns no file is opened.

    Raises:
        SettingError: No columnar file has a named column; lists the columns that there are.
    """
    missing = dict(options.named_columns)
    known: dict[str, None] = {}
    n_columnar = 0
    for file in files:
        if not missing:
            return
        row = _first_row(file)
        if row is None:
            continue
        n_columnar += 1
        known |= dict.fromkeys(row)
        missing = {setting: name for setting, name in missing.items() if not _has(row, name)}
    if n_columnar and missing:
        setting, name = next(iter(missing.items()))
        flag = "--" + setting.replace("_", "-")
        raise SettingError(f"No input file has the column '{name}' ({flag}). Columns: {', '.join(known)}.")


def _has(row: dict[str, object], name: str) -> bool:
    return name in row or get_path(row, name) is not None


def _first_row(file: InputFile) -> dict[str, object] | None:
    """Return a row with the columns of `file`; null where it has no columns or cannot be read."""
    try:
        with open_file(file) as opened:
            kind = sniff_file(opened, file.path)
            if kind.format in ("jsonl", "json", "csv"):
                return next((row for row in read_rows(file) if row is not None), None)
            if kind.format == "parquet" and kind.codec is None:
                opened.seek(0)
                return _empty_row(pq.read_schema(opened))
    except (OSError, ValueError, pa.ArrowException):
        return None
    return None


def _empty_row(schema: pa.Schema) -> dict[str, object]:
    """Return a row of `schema` with its nested columns as dicts and null everywhere else."""

    def value(kind: pa.DataType) -> object:
        if pa.types.is_struct(kind):
            return {kind.field(i).name: value(kind.field(i).type) for i in range(kind.num_fields)}
        return True

    return {field.name: value(field.type) for field in schema}
