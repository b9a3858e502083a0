"""Files into an index of earlier crawls: `curate index build` and `curate index add`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.config import settings_from, stable_hash
from curate.crawl import FileProblem, InputFile, ReadOptions, check_columns, find_files, plan_splits
from curate.dedup import DedupPlan, compute_keys
from curate.dedup.index import Index, TextFile, append_segment, changing_index, new_index, open_index
from curate.errors import RunError, one_line
from curate.jobs.pieces import Piece, plan_pieces, split_by_format, stage_texts, staged_piece
from curate.run.reading import read_pages
from curate.work.engine import EngineSettings
from curate.work.files import read_arrow, read_facts, write_arrow
from curate.work.folder import RunFolder
from curate.work.progress import ProgressDisplay
from curate.work.urls import is_url


def build_index(
    index: str | Path,
    input: str | Sequence[str],  # noqa: A002
    *,
    jaccard: float = 0.8,
    recall: float = 0.999,
    **options: Any,
) -> Index:
    """Make an index of the documents in `input`, in a new or empty folder.

    Args:
        index: folder of the index.
        input: files, folders or globs, as for `dedup_files`; most often the kept/ folder of a run.
        jaccard: threshold that the bands are made for; runs against the index may verify at another.
        recall: chance that a pair at the threshold is found.
        options: `text_column`, `id_column`, `url_column`, `workers`, `engine`, `ray_address`, `progress`.

    Raises:
        RunError: part of the input cannot be read, or it holds no text; no index was made.
    """
    plan = DedupPlan(jaccard=jaccard, recall=recall)
    is_new = not Path(index).exists()
    try:
        with changing_index(index):
            return _add_files(new_index(index, plan), input, **options)
    finally:
        if is_new and not any(Path(index).iterdir()):  # nothing came of it
            Path(index).rmdir()


def add_to_index(index: str | Path, input: str | Sequence[str], **options: Any) -> Index:  # noqa: A002
    """Add the documents in `input` to an index, all of them or none.

    Files that are in it already, as they are now, are not added again: a call that was killed may be repeated.

    Raises:
        RunError: part of the input cannot be read, or it holds no text; nothing was added.
        SettingError: another process is adding to the index.
    """
    open_index(index)  # says what is wrong before anything is made
    with changing_index(index):
        return _add_files(open_index(index), input, **options)


@dataclass(frozen=True, slots=True)
class _IndexJob:
    plan: DedupPlan
    work: Path
    pieces: tuple[Piece, ...]
    text_files: tuple[int, ...]  # per piece, -1 where its texts cannot be read again

    def path(self, number: int) -> Path:
        return self.work / f"{number:06d}.arrow"


def _add_files(
    index: Index,
    input: str | Sequence[str],  # noqa: A002
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    url_column: str | None = None,
    progress: bool = True,
    **where: Any,
) -> Index:
    running = settings_from(EngineSettings, where)
    files = find_files((input,) if isinstance(input, str) else tuple(input))
    options = ReadOptions(text_column=text_column, id_column=id_column, url_column=url_column)
    check_columns(files, options)
    stamp = _stamp_of(files, options)
    if index.holds(stamp):
        return index
    direct, staged = split_by_format(files, options, None)
    display = ProgressDisplay(quiet=not progress)
    work = index.path / ".tmp-work"
    shutil.rmtree(work, ignore_errors=True)
    with ExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        pool = cleanup.enter_context(running.start(index.path, (file.path for file in files)))
        pieces = plan_pieces(direct)
        texts = [
            TextFile.stamp(file.path, columns["text"] or "")
            for file, columns in direct
            if "://" not in file.path
        ]
        places = {text_file.path: number for number, text_file in enumerate(texts)}
        text_files = [places.get(str(Path(piece.file.path).absolute()), -1) for piece in pieces]
        if staged:
            folder = RunFolder(work)
            chunks = read_pages(stage_texts, options, folder, plan_splits(staged), pool, display)
            pieces += [staged_piece(str(name), folder.documents(name)) for name in chunks]
            text_files += [-1] * (len(pieces) - len(text_files))
        job = _IndexJob(index.plan, work / "keys", tuple(pieces), tuple(text_files))
        keyed = pool.map(partial(_write_piece_keys, job), range(len(pieces)))
        display.count("Computing keys", keyed, len(pieces), "pieces")
        _refuse_partial(index, job, RunFolder(work))
        return append_segment(index, _read_piece_keys(job), texts, stamp)


def _stamp_of(files: Sequence[InputFile], options: ReadOptions) -> str:
    """What tells this input from any other; "" where a file lies elsewhere, of which its name and size say too little."""
    if any(is_url(file.path) for file in files):
        return ""
    states = [(os.path.abspath(file.path), os.stat(file.path)) for file in files]
    columns = [options.text_column, options.id_column, options.url_column]
    return stable_hash([columns, *([path, state.st_size, state.st_mtime_ns] for path, state in states)])


def _write_piece_keys(job: _IndexJob, number: int) -> None:
    tables: list[pa.Table] = []
    problems: list[str] = []
    source = job.pieces[number].file.source
    try:
        tables, n_broken = _compute_piece(job, number)
        problems += [f"{source}: {n_broken:,} broken lines"] if n_broken else []
    except (pa.ArrowException, OSError) as error:
        problems.append(f"{source}: {one_line(error)}")
    table = pa.concat_tables(tables) if tables else pa.table({})
    write_arrow(job.path(number), table, {"problems": problems})


def _compute_piece(job: _IndexJob, number: int) -> tuple[list[pa.Table], int]:
    """The keys of a piece, and how many of its lines were broken."""
    piece = job.pieces[number]
    tables: list[pa.Table] = []
    row, n_broken = piece.first_row, 0
    for batch, parts in piece.read_documents():
        if piece.groups is None:
            n_broken += pc.sum(pc.equal(batch["drop_reason"], "json_invalid")).as_py() or 0
        keys = compute_keys(parts["text"], job.plan, signatures=True)
        columns: dict[str, Any] = {name: keys[name] for name in keys.schema.names}
        urls = parts.get("url")
        columns["id"] = parts["id"].cast(pa.large_string())
        columns["url"] = pa.nulls(len(batch), pa.string()) if urls is None else urls.cast(pa.string())
        columns["text_file"] = np.full(len(batch), job.text_files[number], np.int32)
        columns["text_row"] = np.arange(row, row + len(batch))
        row += len(batch)
        table = pa.table(columns)
        tables.append(table.filter(pa.array(keys["n_bytes"].to_numpy() > 0)))
    return tables, n_broken


def _refuse_partial(index: Index, job: _IndexJob, folder: RunFolder) -> None:
    """Half a crawl in an index would let the other half pass as new, for ever and unseen."""
    problems = [
        said for number in range(len(job.pieces)) for said in read_facts(job.path(number))["problems"]
    ]
    problems += [
        str(FileProblem(**found))
        for name in folder.chunk_names()
        for found in read_facts(folder.documents(name))["problems"]
    ]
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise RunError(
            f"Nothing was added to {index.path}, since part of the input cannot be read: "
            f"{'; '.join(problems[:3])}{more}. Repair it or leave it out."
        )
    if not any(len(read_arrow(job.path(number))) for number in range(len(job.pieces))):
        raise RunError(f"Nothing was added to {index.path}: the input holds no text. Name the --text-column.")


def _read_piece_keys(job: _IndexJob) -> Iterator[pa.Table]:
    for number in range(len(job.pieces)):
        table = read_arrow(job.path(number))
        if len(table):
            yield table.replace_schema_metadata(None)
