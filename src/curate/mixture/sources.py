"""Reading sources in pieces: files, or stretches of them, of some 128 MiB: the unit of work and of commit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.batch import valid_text
from curate.crawl import FileProblem, InputFile, ReadOptions, find_files, read_rows
from curate.crawl.columns import find_layout, get_path, to_utf8
from curate.crawl.find import open_file, open_needed
from curate.crawl.records import content_id
from curate.errors import RunError, SettingError, one_line
from curate.mixture.settings import MixtureSettings, Source
from curate.work.files import batch_rows
from curate.work.urls import is_url

PIECE_BYTES = 128 << 20
_BATCH_ROWS = 1024
_TEXT_PER_COMPRESSED = (
    3  # what a byte of compressed JSON lines holds, roughly; only the size of pieces hangs on it
)
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}

DOCUMENT_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("score", pa.float64()),
        ("domain", pa.string()),
        ("seed", pa.string()),
        ("provenance", pa.string()),
        ("is_invalid", pa.bool_()),
    ]
)
"""What a source gives; `text` is null or empty where there is none, the others null. `seed` is null too where its passages are
not counted by seed. `is_invalid`: no JSON object."""

_NAMED_BY = {
    "id": "id_column",
    "text": "text_column",
    "score": "column under [quality]",
    "domain": "column under [domains]",
    "seed": "seed_column",
    "provenance": "provenance",
}
"""The setting that names the column of each part."""

PROVENANCE_NAMES = (
    "url",
    "model",
    "annotator",
    "prompt",
    "recipe",
    "seed_id",
    "seed_url",
    "seed_license",
    "license",
    "path",
    "program_language",
)
"""Columns that say where a text is from, as rows of pages and of LLM-written text name them."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A file, or some row groups (first, end) of a Parquet file."""

    file: InputFile
    groups: tuple[int, int] | None
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Stretches of one source that are worked on together; `number` counts over all sources."""

    number: int
    source: Source
    stretches: tuple[Stretch, ...]
    score_column: str
    domain_column: str

    @property
    def name(self) -> str:
        """Sorts in the order of the pieces."""
        return f"{self.number:06d}"

    def read(self, *, provenance: bool = False) -> Iterator[pa.Table]:
        """Read tables of `DOCUMENT_SCHEMA`, in the order of the files, the same each time.

        `provenance` is left null unless asked for: it is made row by row.
        """
        for stretch in self.stretches:
            if _is_parquet(stretch.file.path):
                yield from self._read_parquet(stretch, provenance=provenance)
            else:
                yield from self._read_lines(stretch, provenance=provenance)

    def _read_parquet(self, stretch: Stretch, *, provenance: bool) -> Iterator[pa.Table]:
        with open_file(stretch.file) as opened, _opened_parquet(opened, stretch.file) as file:
            columns = _find_columns(self, file.schema_arrow.names, stretch.file)
            origins = _find_provenance(self.source, file.schema_arrow.names, stretch.file)
            origins = origins if provenance else []
            wanted = list(dict.fromkeys([*(name for name in columns.values() if name is not None), *origins]))
            groups = range(*(stretch.groups or (0, 0)))
            n_rows = min(_BATCH_ROWS, batch_rows(file.metadata, groups))
            batches = file.iter_batches(n_rows, row_groups=groups, columns=wanted, use_threads=False)
            try:
                for each in batches:
                    batch = pa.RecordBatch.from_arrays(
                        [valid_text(column) for column in each.columns], each.schema.names
                    )
                    found = {part: None if name is None else batch[name] for part, name in columns.items()}
                    found["provenance"] = _join_provenance(batch.select(origins).to_pylist())
                    yield _as_documents(found, len(batch), self.source)
            except (pa.ArrowException, OSError) as error:
                raise RunError(
                    f"{stretch.file.path} cannot be read: {one_line(error)}. Replace or remove it."
                ) from error

    def _read_lines(self, stretch: Stretch, *, provenance: bool) -> Iterator[pa.Table]:
        rows: list[dict[str, Any] | None] = []
        problems: list[FileProblem] = []
        for row in read_rows(stretch.file, problems):
            rows.append(row)
            if len(rows) == _BATCH_ROWS:
                yield self._from_rows(rows, stretch.file, provenance=provenance)
                rows = []
        if problems:
            raise RunError(
                f"{stretch.file.path} cannot be read to its end: {problems[0].reason}. Replace or remove it."
            )
        if rows:
            yield self._from_rows(rows, stretch.file, provenance=provenance)

    def _from_rows(
        self, raw: Sequence[dict[str, Any] | None], file: InputFile, *, provenance: bool
    ) -> pa.Table:
        rows = [row or {} for row in raw]
        names = dict.fromkeys(name for row in rows for name in row)
        columns = _find_columns(self, list(names), file)
        found = {
            part: None
            if name is None
            else pa.array([_cell(row, name, part) for row in rows], DOCUMENT_SCHEMA.field(part).type)
            for part, name in columns.items()
        }
        wanted = self.source.provenance if self.source.provenance is not None else PROVENANCE_NAMES
        origins = [{name: get_path(row, name) for name in wanted} for row in rows if provenance]
        found["provenance"] = _join_provenance(origins)
        table = _as_documents(found, len(rows), self.source)
        is_invalid = pa.array([row is None for row in raw], pa.bool_())
        return table.set_column(table.column_names.index("is_invalid"), "is_invalid", is_invalid)


def list_pieces(settings: MixtureSettings) -> list[Piece]:
    """Cut every source into pieces, in the order of the sources and of their files."""
    pieces: list[Piece] = []
    for source in settings.sources:
        waiting: list[Stretch] = []
        stretches = [stretch for file in _find(source) for stretch in _cut_file(file)]
        for place, stretch in enumerate(stretches):
            waiting.append(stretch)
            n_next = stretches[place + 1].n_bytes if place + 1 < len(stretches) else PIECE_BYTES
            if sum(some.n_bytes for some in waiting) + n_next > PIECE_BYTES:
                columns = (settings.score_column, settings.domain_column)
                pieces.append(Piece(len(pieces), source, tuple(waiting), *columns))
                waiting = []
    return pieces


def _find(source: Source) -> list[InputFile]:
    """Find the files of a source that hold documents; others in its folders are passed over."""
    for path in source.path:
        if os.path.isfile(os.path.join(path, "plan.json")) and os.path.isdir(os.path.join(path, "train")):
            raise SettingError(
                f"Source '{source.name}': {path} is a mixture, with validation text in it. Give {path}/train to take its "
                "training text again."
            )
    found = find_files(source.path)
    files = [file for file in found if _format(file.path) and not file.path.endswith("/manifest.json")]
    if not files:
        raise SettingError(
            f"Source '{source.name}' has no Parquet or JSON lines files (.parquet, .jsonl, .jsonl.gz, "
            "...), only "
            f"for example {found[0].source}."
        )
    return files


def describe_pieces(pieces: Sequence[Piece]) -> list[list[Any]]:
    """What a resumed run must find unchanged: the files by name, size and, locally, time of change."""
    facts: list[list[Any]] = []
    for piece in pieces:
        for stretch in piece.stretches:
            path = stretch.file.path
            changed = None if is_url(path) else os.stat(path).st_mtime_ns
            facts.append(
                [piece.source.name, stretch.file.source, stretch.file.size_bytes, stretch.groups, changed]
            )
    return facts


def _cut_file(file: InputFile) -> Iterator[Stretch]:
    """Cut a Parquet file at its row groups; any other file stays whole."""
    if not _is_parquet(file.path):
        if not is_url(file.path):
            open_needed(file).close()
        is_packed = os.path.splitext(file.path)[1] in _COMPRESSIONS
        yield Stretch(file, None, file.size_bytes * (_TEXT_PER_COMPRESSED if is_packed else 1))
        return
    with open_needed(file) as opened, _opened_parquet(opened, file) as parquet:
        sizes = [parquet.metadata.row_group(i).total_byte_size for i in range(parquet.num_row_groups)]
    first, total = 0, 0
    for group, size in enumerate(sizes):
        if total and total + size > PIECE_BYTES:
            yield Stretch(file, (first, group), total)
            first, total = group, 0
        total += size
    if sizes:
        yield Stretch(file, (first, len(sizes)), total)


def _opened_parquet(opened: Any, file: InputFile) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(opened)
    except (pa.ArrowException, OSError) as error:
        raise SettingError(
            f"{file.path} is not a readable Parquet file: {one_line(error)}. Replace or remove it."
        ) from error


def _format(path: str) -> str | None:
    stem, ending = os.path.splitext(path.lower())
    if ending in _COMPRESSIONS:
        ending = os.path.splitext(stem)[1]
    return {
        ".parquet": "parquet",
        ".pq": "parquet",
        ".jsonl": "lines",
        ".ndjson": "lines",
        ".json": "lines",
    }.get(ending)


def _is_parquet(path: str) -> bool:
    return _format(path) == "parquet"


def _find_columns(piece: Piece, names: list[str], file: InputFile) -> dict[str, str | None]:
    """Find the columns for text, id, score and domain; null where a file has none, but for the text."""
    source = piece.source
    layout = find_layout(names, ReadOptions(text_column=source.text_column, id_column=source.id_column))
    text = layout.contents[0][0] if layout.contents else None
    has_text = text is not None and (text in names or "." in text)
    if not has_text and _is_parquet(file.path):
        raise SettingError(
            f"{file.path} has no text column{f' {text!r}' if text else ''}. Name it as text_column in "
            f"[sources.{source.name}]; its columns: {', '.join(names)}."
        )
    has = set(names)
    seed = source.seed_column if source.max_per_seed is not None else None
    if seed is not None and seed not in has and _is_parquet(file.path):
        raise SettingError(
            f"{file.path} has no column '{seed}' to count passages by. Name it as seed_column in "
            f"[sources.{source.name}], or leave max_per_seed out; its columns: {', '.join(names)}."
        )
    return {
        "id": layout.id if layout.id in has else None,
        "text": text if has_text else None,
        "score": piece.score_column if piece.score_column in has else None,
        "domain": piece.domain_column if piece.domain_column in has else None,
        "seed": seed if seed in has else None,
    }


def _find_provenance(source: Source, names: Sequence[str], file: InputFile) -> list[str]:
    if source.provenance is None:
        return [name for name in PROVENANCE_NAMES if name in names]
    for name in source.provenance:
        if name not in names:
            raise SettingError(
                f"{file.path} has no column '{name}', which provenance of [sources.{source.name}] names; its "
                f"columns: {', '.join(names)}."
            )
    return list(source.provenance)


def _join_provenance(rows: Sequence[Mapping[str, Any]]) -> pa.Array | None:
    """One JSON object for each row; null where none of the columns holds anything."""
    if not rows:
        return None
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return pa.array([_to_json(some) if some else None for some in kept], pa.string())


def _to_json(values: Mapping[str, Any]) -> str:
    return to_utf8(json.dumps(values, ensure_ascii=False, default=str)).decode()


def _as_documents(found: dict[str, Any], n_rows: int, source: Source) -> pa.Table:
    """Bring columns to `DOCUMENT_SCHEMA`; the source's own score and domain stand where a row has none."""
    columns: dict[str, Any] = {}
    for field in DOCUMENT_SCHEMA:
        values = found.get(field.name)
        if values is None:
            values = pa.nulls(n_rows, field.type)
        try:
            columns[field.name] = pc.cast(values, field.type, safe=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            kind = "numbers" if field.name == "score" else "text"
            raise SettingError(
                f"The column that source '{source.name}' has for the {field.name} holds no {kind} ({values.type}): "
                f"name another one ({_NAMED_BY[field.name]})."
            ) from error
    if source.score is not None:
        columns["score"] = pc.fill_null(columns["score"], float(source.score))
    if source.domain is not None:
        columns["domain"] = pc.fill_null(columns["domain"], source.domain)
    columns["is_invalid"] = pc.fill_null(columns["is_invalid"], fill_value=False)
    missing = pc.is_null(columns["id"])
    if pc.any(missing).as_py():
        ids = [content_id(None, (text or "").encode()) for text in columns["text"].to_pylist()]
        columns["id"] = pc.coalesce(columns["id"], pa.array(ids, pa.string()))
    return pa.table(columns, schema=DOCUMENT_SCHEMA)


def _cell(row: dict[str, Any], name: str, part: str) -> Any:
    value = get_path(row, name)
    if value is None:
        return None
    if part == "score":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number else None
    if part == "text":
        return to_utf8(value).decode() if isinstance(value, str) else None
    return to_utf8(str(value)).decode()
