"""Annotated pages: texts with a level on some ordinal scale, and what is known of how they were chosen.

A row is one reading of one page. A page may be read often: by several annotators, by several readers of one, or by one
reader again. Which rows are readings of one page is told by their text.
"""

from __future__ import annotations

import csv
import glob
import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.text.charset import decode_text
from curate.text.lines import read_bytes, read_json_lines

LEVEL_FIELDS = ("edu_level", "level", "label", "score")
_OF_A_READING = ("annotator", "reader", "reason", "weight", "propensity")
_TABLES = {".csv": ",", ".tsv": "\t"}
_YES_AND_NO = {"true": 1, "false": 0, "yes": 1, "no": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """N readings of annotated pages.

    Attributes:
        texts: Arrow strings (N,).
        levels: float64 (N,), the annotator's level.
        annotators: (N,), who or what gave the level; "" where unknown.
        readers: (N,), which of the readers that go under the annotator's name; "" where unknown.
        sites: (N,), host of the page's address, or what else holds pages together; "" where unknown.
        weights: float64 (N,), how much a page counts in fitting.
        propensity: float64 (N,), the chance the page had of being chosen; 1 where unknown.
        topics: (N,), "" where unknown.
        domains: (N,), what kind of collection the page is from; "" where unknown.
        skipped: reason -> rows that could not be used.
    """

    texts: pa.Array
    levels: NDArray[np.float64]
    annotators: tuple[str, ...]
    sites: tuple[str, ...]
    weights: NDArray[np.float64]
    propensity: NDArray[np.float64]
    topics: tuple[str, ...]
    skipped: dict[str, int] = field(default_factory=dict[str, int])
    readers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take readers and domains that are not stated for unknown."""
        for name in ("readers", "domains"):
            if not getattr(self, name):
                object.__setattr__(self, name, ("",) * len(self.levels))

    def __len__(self) -> int:
        return len(self.levels)

    def take(self, rows: NDArray[np.int64]) -> Annotations:
        """Keep the pages at `rows`, in that order."""
        return Annotations(
            self.texts.take(pa.array(rows)),
            self.levels[rows],
            tuple(self.annotators[row] for row in rows),
            tuple(self.sites[row] for row in rows),
            self.weights[rows],
            self.propensity[rows],
            tuple(self.topics[row] for row in rows),
            self.skipped,
            tuple(self.readers[row] for row in rows),
            tuple(self.domains[row] for row in rows),
        )


AnnotationSource = str | Path | Iterable[str | Path] | Iterable[Mapping[str, Any]] | pa.Table | Annotations


def read_annotations(
    source: AnnotationSource,
    *,
    text_field: str = "text",
    level_field: str | None = None,
    annotator_weights: Mapping[str, float] | None = None,
) -> Annotations:
    """Read annotated pages.

    Args:
        source: files (JSONL, CSV with a head line, TSV, each also .gz or .zst, or Parquet; patterns allowed), a
            table, or dictionaries. Beside text and level a row may hold `annotator`, `reader`, `url` or `site`,
            `weight`, `propensity`, `topic` and `domain`. A row with a level and no text takes the text, and whatever else it
            does not say itself, of the row with its `id` that has one: levels and pages may lie in files of their own.
        text_field: field of the text.
        level_field: field of the level; by default the first of edu_level, level, label, score that is there.
            True and False, also as words, and yes and no count as 1 and 0.
        annotator_weights: how much an annotator's pages count, by the annotator's name.

    Returns:
        The readings that have text and a level; the other rows are counted in `skipped`. Equal readings all count; a
        file that is named twice is read once.

    Raises:
        SettingError: A file does not exist or is of no known kind, or no page can be used.
    """
    if isinstance(source, Annotations):
        return source
    rows = _rows_of(source)
    if level_field is None:
        level_field = next(
            (name for name in LEVEL_FIELDS if any(name in row for row in rows)), LEVEL_FIELDS[0]
        )
    rows = _join_texts(rows, text_field, level_field)
    kept, levels, skipped, unread = _select(rows, text_field, level_field)
    if not kept:
        fields = sorted({name for row in rows[:100] for name in row})
        counts = ", ".join(f"{reason}: {n}" for reason, n in skipped.items()) or "no rows"
        odd = f" {level_field} is {unread!r} somewhere, which is no number." if unread is not None else ""
        msg = (
            f"No annotated page was found among {len(rows)} rows ({counts}).{odd} Their fields are "
            f"{', '.join(fields) or 'none'}: name those of text and level with --text-field and --level-field."
        )
        raise SettingError(msg)
    weights = [_weight(row, annotator_weights or {}) for row in kept]
    return Annotations(
        texts=pa.array([_utf8(row[text_field]) for row in kept], pa.large_string()),
        levels=np.array(levels, np.float64),
        annotators=tuple(str(row.get("annotator") or "") for row in kept),
        sites=tuple(str(row.get("site") or "") or site_of(row.get("url")) for row in kept),
        weights=np.array(weights, np.float64),
        propensity=np.array([_propensity(row.get("propensity")) for row in kept], np.float64),
        topics=tuple(str(row.get("topic") or "") for row in kept),
        skipped=skipped,
        readers=tuple(str(_or_empty(row.get("reader"))) for row in kept),
        domains=tuple(str(row.get("domain") or "") for row in kept),
    )


def _select(
    rows: Sequence[Mapping[str, Any]], text_field: str, level_field: str
) -> tuple[list[Mapping[str, Any]], list[float], dict[str, int], Any]:
    """Give the rows that can be used, their levels, the others by reason, and a level that is no number."""
    kept: list[Mapping[str, Any]] = []
    levels: list[float] = []
    skipped: Counter[str] = Counter()
    unread: Any = None
    for row in rows:
        text, stated = row.get(text_field), row.get(level_field)
        level = _level(stated)
        is_odd = level is None and stated is not None and stated != "" and not isinstance(stated, float)
        unread = stated if is_odd and unread is None else unread
        if not isinstance(text, str):
            skipped[f"no {text_field}"] += 1
        elif not text.strip():
            skipped[f"empty {text_field}"] += 1
        elif level is None:
            skipped[f"{level_field} is no number" if is_odd else f"no {level_field}"] += 1
        else:
            kept.append(row)
            levels.append(level)
    return kept, levels, dict(skipped), unread


def _join_texts(
    rows: Sequence[Mapping[str, Any]], text_field: str, level_field: str
) -> Sequence[Mapping[str, Any]]:
    """Give levels without a text the row of their page, and leave out the rows of pages that served for that."""
    wanted = {_key(row) for row in rows if not row.get(text_field) and row.get(level_field) is not None} - {
        ""
    }
    if not wanted:
        return rows
    pages: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row.get(text_field) and _key(row) in wanted:
            pages.setdefault(_key(row), row)
    joined: list[Mapping[str, Any]] = []
    for row in rows:
        page = pages.get(_key(row))
        if page is None or row is page:
            if page is None or row.get(level_field) is not None:
                joined.append(row)
        elif row.get(text_field):
            joined.append(row)
        else:
            # What only a reading can say is not taken from a page that was itself read.
            about = {k: v for k, v in page.items() if k not in {level_field, *LEVEL_FIELDS, *_OF_A_READING}}
            joined.append(about | {k: v for k, v in row.items() if v is not None and v != ""})
    return joined


def _key(row: Mapping[str, Any]) -> str:
    return str(_or_empty(row.get("id")))


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _rows_of(source: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(source, pa.Table):
        return source.to_pylist()
    if isinstance(source, (str, Path)):
        source = [source]
    items = list(source)
    if all(isinstance(item, (str, Path)) for item in items):
        return [row for path in _expand(items) for row in _read_file(path)]
    return items


def _expand(patterns: Sequence[str | Path]) -> list[Path]:
    paths: list[Path] = []
    for pattern in patterns:
        found = sorted(glob.glob(str(pattern)))
        if not found:
            msg = f"There is no annotation file '{pattern}'."
            raise SettingError(msg)
        paths.extend(Path(path) for path in found)
    return list(dict.fromkeys(paths))


def _read_file(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        try:
            return pq.ParquetFile(os.path.abspath(path)).read().to_pylist()
        except (OSError, pa.ArrowInvalid) as error:
            msg = f"'{path}' cannot be read as Parquet ({_first_line(error)}). Write or copy it again."
            raise SettingError(msg) from error
    kind = Path(path.stem).suffix if path.suffix in {".gz", ".zst"} else path.suffix
    if path.is_dir() or kind not in {".jsonl", ".ndjson", *_TABLES}:
        msg = (
            f"'{path}' is no kind of annotation file that is known: use .jsonl, .csv or .tsv (also .gz or .zst), or "
            ".parquet."
        )
        raise SettingError(msg)
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
        msg = f"'{path}' is broken after row {len(rows)} ({_first_line(error)}). Write or copy it again."
        raise SettingError(msg) from error
    return rows


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _level(value: Any) -> float | None:
    if isinstance(value, str):
        value = _YES_AND_NO.get(value.strip().lower(), value)
    try:
        level = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return level if np.isfinite(level) else None


def _propensity(value: Any) -> float:
    propensity = _level(value)
    return propensity if propensity is not None and 0 < propensity <= 1 else 1.0


def _weight(row: Mapping[str, Any], annotator_weights: Mapping[str, float]) -> float:
    weight = _level(row.get("weight"))
    annotator = str(row.get("annotator") or "")
    return (1.0 if weight is None or weight < 0 else weight) * annotator_weights.get(annotator, 1.0)


def site_of(url: Any) -> str:
    """Give the host of an address without www, "" where there is none."""
    if not isinstance(url, str):
        return ""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
