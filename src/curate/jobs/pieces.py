"""What `curate dedup` works on piece by piece: row groups of Parquet files as they are, other formats staged.

A Parquet file is read column by column, straight into the kernels. Every other format goes through the
crawl reader once and waits as Arrow files in the work folder.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate._version import __version__
from curate.batch import valid_text
from curate.config import hashed_settings, stable_hash
from curate.crawl import Chunk, InputFile, ReadOptions
from curate.crawl.columns import find_layout
from curate.crawl.find import open_file
from curate.crawl.opening import sniff_file
from curate.errors import SettingError
from curate.jobs.settings import DedupSettings, ScoreSettings
from curate.protocols import Engine
from curate.work.files import batch_rows, read_arrow, read_facts
from curate.work.folder import RunFolder, opened_run
from curate.work.progress import ProgressDisplay
from curate.work.urls import is_url

PIECE_BYTES = 128 << 20
BATCH_ROWS = 8192
STAGED_COLUMNS = ("id", "url", "date", "title", "text", "source", "extra")


def plan_job(job: str, settings: Any, files: Sequence[InputFile], **facts: Any) -> dict[str, Any]:
    """What a job's folder remembers of what it was asked to do: its settings with `facts`, and its input."""
    stamps = [
        [file.source, file.size_bytes, os.stat(file.path).st_mtime_ns if os.path.exists(file.path) else None]
        for file in files
    ]
    return {
        "curate_version": __version__,
        "settings": hashed_settings(settings) | {"job": job} | facts,
        "input_hash": stable_hash(stamps),
        "n_input_files": len(files),
    }


@contextmanager
def opened_job(
    settings: DedupSettings | ScoreSettings,
    plan: dict[str, Any],
    inputs: Sequence[str | Path],
    *,
    overwrite: bool,
    display: ProgressDisplay,
) -> Generator[tuple[RunFolder, Engine]]:
    """Hold the job's output folder while its block runs, see `opened_run`, with the workers that write into it."""
    with (
        opened_run(
            settings.output,
            plan,
            overwrite=overwrite,
            inputs=inputs,
            scratch=settings.scratch,
            display=display,
        ) as folder,
        settings.start(folder.path, inputs) as engine,
    ):
        yield folder, engine


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of documents: the unit of work and of commit, and one output file.

    Attributes:
        name: sorts in the order of the documents.
        file: the Parquet file, or the staged Arrow file.
        groups: row groups of the Parquet file, (first, end); None for a staged file.
        first_row: of the file, with which the piece begins.
        n_rows: rows of the piece.
        columns: the file's columns for text, id, url and score, None where it has none.
        schema: names and types of all its columns, as text; empty for a staged file.
    """

    name: str
    file: InputFile
    groups: tuple[int, int] | None
    first_row: int
    n_rows: int
    columns: dict[str, str | None]
    schema: str = ""

    def read_batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Read the columns named, or all, some thousand rows at a time."""
        if self.groups is None:
            table = read_arrow(Path(self.file.path))
            names = [name for name in STAGED_COLUMNS if columns is None or name in columns]
            if columns is not None and "drop_reason" in columns:
                names.append("drop_reason")
            # Without what the stage noted of itself: its seconds are others in every run.
            yield from table.select(names).replace_schema_metadata(None).to_batches(max_chunksize=BATCH_ROWS)
            return
        with open_parquet(self.file) as file:
            groups = list(range(*self.groups))
            yield from file.iter_batches(
                batch_rows(file.metadata, groups),
                row_groups=groups,
                columns=None if columns is None else list(dict.fromkeys(columns)),
                use_threads=False,
            )

    def read_texts(self) -> Iterator[pa.RecordBatch]:
        """Read the texts, as the only column."""
        return self.read_batches([self.columns["text"] or "text"])

    def read_documents(self) -> Iterator[tuple[pa.RecordBatch, dict[str, Any]]]:
        """Read batches with the columns that deduplication needs, by their part: text, id, url, score."""
        wanted = [name for name in self.columns.values() if name is not None]
        if self.groups is None:
            wanted.append("drop_reason")
        row = self.first_row
        for batch in self.read_batches(wanted):
            parts = {part: valid_text(batch[name]) for part, name in self.columns.items() if name is not None}
            if "id" not in parts or parts["id"].null_count:
                names = pa.array(
                    [f"{self.file.source}#{row + i}" for i in range(len(batch))], pa.large_string()
                )
                parts["id"] = pc.coalesce(parts["id"].cast(names.type), names) if "id" in parts else names
            yield batch, parts
            row += len(batch)


def open_parquet(file: InputFile) -> pq.ParquetFile:
    """Open a local or remote Parquet file."""
    if is_url(file.path):
        return pq.ParquetFile(open_file(file), pre_buffer=False)
    return pq.ParquetFile(os.path.abspath(file.path), pre_buffer=False)  # "run-12:30/x" would be a URI


def split_by_format(
    files: Sequence[InputFile], options: ReadOptions, score_column: str | None
) -> tuple[list[tuple[InputFile, dict[str, str | None]]], list[InputFile]]:
    """Tell Parquet files with a column of their own for every part from those for the crawl reader."""
    direct: list[tuple[InputFile, dict[str, str | None]]] = []
    staged: list[InputFile] = []
    for file in files:
        columns = _find_columns(file, options, score_column)
        if columns is None:
            staged.append(file)
        else:
            direct.append((file, columns))
    if score_column and staged:
        raise SettingError(
            f"--score-column '{score_column}' is not a number in {staged[0].source}; scores are read from "
            "numeric columns of Parquet files only."
        )
    return direct, staged


def _find_columns(
    file: InputFile, options: ReadOptions, score_column: str | None
) -> dict[str, str | None] | None:
    try:
        with open_file(file) as opened:
            kind = sniff_file(opened, file.path)
            if kind.format != "parquet" or kind.codec is not None:
                return None
            opened.seek(0)
            schema = pq.read_schema(opened)
    except (OSError, ValueError, pa.ArrowException):
        return None
    layout = find_layout(schema.names, options)
    texts = [name for name, role in layout.contents if role != "html"]
    has_twins = len(set(schema.names)) < len(schema.names)  # the crawl reader says so
    if has_twins or len(texts) != 1 or not _is_text(schema, texts[0]):
        return None
    columns: dict[str, str | None] = {
        "text": texts[0],
        "id": layout.id,
        "url": layout.url,
        "score": score_column,
    }
    for part in ("id", "url"):
        name = columns[part]
        if name is not None and not (_is_text(schema, name) or _is_number(schema, name, whole=True)):
            return None
    if score_column is not None and not _is_number(schema, score_column):
        return None
    return columns


def _is_text(schema: pa.Schema, name: str) -> bool:
    kind = schema.field(name).type if name in schema.names else None
    return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(schema: pa.Schema, name: str, *, whole: bool = False) -> bool:
    kind = schema.field(name).type if name in schema.names else None
    return kind is not None and (pa.types.is_integer(kind) or (pa.types.is_floating(kind) and not whole))


def plan_pieces(direct: Sequence[tuple[InputFile, dict[str, str | None]]]) -> list[Piece]:
    """Cut Parquet files at row groups, after about 128 MiB of data each."""
    pieces: list[Piece] = []
    for number, (file, columns) in enumerate(direct):
        with open_parquet(file) as opened:
            metadata = opened.metadata
            groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
            schema = opened.schema_arrow.remove_metadata().to_string()
        begin = row = n_bytes = n_rows = 0
        for end, group in enumerate(groups, 1):
            n_bytes += group.total_byte_size
            n_rows += group.num_rows
            if n_bytes >= PIECE_BYTES or end == len(groups):
                pieces.append(
                    Piece(f"p{number:06d}-{begin:06d}", file, (begin, end), row, n_rows, columns, schema)
                )
                begin, row, n_bytes, n_rows = end, row + n_rows, 0, 0
    return pieces


def stage_texts(chunk: Chunk) -> tuple[pa.Table, dict[str, Any]]:
    """Turn a chunk of pages into documents; a page that is no text keeps the reason why."""
    pages = chunk.pages
    is_html = pc.equal(pages["kind"], "html")
    reason = pc.if_else(
        pc.and_(is_html, pc.is_null(pages["drop_reason"])), "html_not_text", pages["drop_reason"]
    )
    text = pc.if_else(pc.is_null(reason), pages["content"], pa.scalar(None, pages["content"].type))
    table = pa.table({name: pages[name] for name in ("id", "url", "date", "title", "source", "extra")})
    table = table.append_column("text", text.cast(pa.large_string())).append_column("drop_reason", reason)
    return table, {}


def staged_piece(name: str, path: Path) -> Piece:
    """Make a piece of a staged Arrow file."""
    file = InputFile(str(path), name, path.stat().st_size)
    return Piece(
        f"s{name}",
        file,
        None,
        0,
        read_facts(path)["n_documents"],
        {"text": "text", "id": "id", "url": "url", "score": None},
    )
