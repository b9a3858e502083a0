"""Deduplicate files: Parquet or any crawl format in, kept/ and dropped/ Parquet out.

    pass 1   read texts -> keys                       a piece at a time
    barrier  all keys -> duplicates, each with the document that stays
    pass 2   kept/*.parquet, dropped/*.parquet        a piece at a time

A piece is a run of row groups of one file and becomes one output file. Each step commits files by renaming,
so a run that was killed goes on where it was and ends with the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from numpy.typing import NDArray

from curate.config import Paths, hashed_settings, input_paths, parse_bytes, settings_from, stable_hash
from curate.crawl import FileProblem, ReadOptions, check_columns, find_files, plan_splits
from curate.dedup import DedupPlan, compute_keys, resolve_duplicates
from curate.dedup.index import Index, open_index
from curate.dedup.texts import RowTexts
from curate.errors import RunError, SettingError
from curate.jobs.keywords import DedupKeywords
from curate.jobs.parts import PartWriter, add_reasons
from curate.jobs.pieces import (
    Piece,
    opened_job,
    plan_job,
    plan_pieces,
    split_by_format,
    stage_texts,
    staged_piece,
)
from curate.jobs.settings import DedupSettings
from curate.jobs.warnings import find_losses, tell_out_of_reach, tell_unlike
from curate.protocols import Engine
from curate.run.reading import read_pages
from curate.work.files import committed, read_arrow, read_facts, write_arrow
from curate.work.folder import RunFolder
from curate.work.progress import ProgressDisplay, nothing_counted
from curate.work.urls import public_name

NO_TEXT = "json_no_text"


@dataclass(frozen=True, slots=True)
class DedupReport:
    """What came of a run.

    Attributes:
        n_documents: documents read.
        n_kept: documents that stay.
        n_dropped: by reason, as 'duplicate_near'.
        warnings: sources and clusters that lost more than was to be expected.
        problems: stretches of input that could not be read.
        n_in_indexes: of the dropped, those whose twin lies in an index and not in this crawl.
    """

    n_documents: int
    n_kept: int
    n_dropped: dict[str, int]
    warnings: tuple[str, ...]
    problems: list[FileProblem]
    n_in_indexes: int = 0


def dedup_files(
    input: Paths,  # noqa: A002  (the name of the setting)
    output: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[DedupKeywords],
) -> DedupReport:
    """Deduplicate files into `output`/kept and `output`/dropped; the same job as `curate dedup`.

    Args:
        input: files, folders or globs; Parquet, JSONL, WET and the other formats of `curate filter`.
        output: a new or empty folder, or that of an earlier run with these settings, which is continued.
        overwrite: delete the result of an earlier run in `output` first.
        progress: show progress on stderr; or a display to show it on.
        **settings: the other fields of `curate.jobs.settings.DedupSettings`.

    Returns:
        The report. A dropped row has `drop_reason`, `duplicate_of` (the id that stays) and `jaccard` beside
        the columns it came with; documents without an id are named by file and row.
    """
    checked = settings_from(DedupSettings, settings | {"input": input_paths(input), "output": fspath(output)})
    return run_dedup(checked, overwrite=overwrite, display=ProgressDisplay.of(progress))


def run_dedup(
    settings: DedupSettings, *, overwrite: bool = False, display: ProgressDisplay | None = None
) -> DedupReport:
    """Run the job with checked settings; see `dedup_files`."""
    if not settings.output:
        raise SettingError("No output folder. Give --output with a folder for the result.")
    display = display or ProgressDisplay()
    files = find_files(settings.input)
    indexes = [open_index(path, settings.plan, used=True) for path in settings.against]
    options = ReadOptions.of(hashed_settings(settings))
    check_columns(files, options)
    direct, staged = split_by_format(files, options, settings.score_column)
    inputs_named = [public_name(name) for name in settings.input]
    plan = plan_job("dedup", settings, files, input=inputs_named, indexes=[index.stamp for index in indexes])
    inputs = [*(file.path for file in files), *settings.against]
    with opened_job(settings, plan, inputs, overwrite=overwrite, display=display) as (folder, engine):
        earlier = folder.manifest()
        if earlier:
            return _report_from(earlier["report"])
        display.expect(3 + bool(staged) + bool(folder.store))
        pieces = plan_pieces(direct)
        if staged:
            chunks = read_pages(stage_texts, options, folder, plan_splits(staged), engine, display)
            pieces += [staged_piece(str(name), folder.documents(name)) for name in chunks]
        job = _Job(settings.plan, folder, tuple(pieces), by_url=settings.url)
        numbers = range(len(pieces))
        display.count("Computing keys", engine.map(partial(write_keys, job), numbers), len(pieces), "pieces")
        with display.step("Finding duplicates", 0, nothing_counted):
            find_file_duplicates(job, settings, indexes, engine)
        display.count("Writing", engine.map(partial(write_piece, job), numbers), len(pieces), "files")
        check_pieces(job)
        report = _count(job, settings, indexes)
        folder.finish(plan | {"report": asdict(report)})
    return report


@dataclass(frozen=True, slots=True)
class _Job:
    """What every worker needs to know."""

    plan: DedupPlan
    folder: RunFolder
    pieces: tuple[Piece, ...]
    by_url: bool

    def keys_path(self, number: int) -> Path:
        return self.folder.work / "keys" / f"{number:06d}.arrow"


# ---- pass 1 ---------------------------------------------------------------------------------------------


def write_keys(job: _Job, number: int) -> None:
    """Commit the keys of a piece, unless they are there already."""
    path = job.keys_path(number)
    if path.exists():
        return
    piece = job.pieces[number]
    tables: list[pa.Table] = []
    problem = None
    try:
        for batch, parts in piece.read_documents():
            tables.append(_compute_table(job, batch, parts))
    except (pa.ArrowException, OSError) as error:
        # What cannot be read whole stays out as a whole; the report and the exit code say so.
        problem, tables = asdict(FileProblem.unreadable(piece.file.source, error)), []
    if len({table.schema for table in tables}) > 1:  # ids that are null in some batches only
        tables = [table.set_column(0, "id", table["id"].cast(pa.large_string())) for table in tables]
    if not tables:
        empty = pa.array([], pa.string())
        tables = [_compute_table(job, pa.record_batch({"text": empty}), {"text": empty, "id": empty})]
    table = pa.concat_tables(tables)
    digest = xxhash.xxh3_64()
    for name in ("exact_high", "exact_low"):
        digest.update(table[name].to_numpy().tobytes())
    facts = {"problem": problem, "n_documents": len(table), "digest": digest.hexdigest()}
    write_arrow(path, table, facts)


def _compute_table(job: _Job, batch: pa.RecordBatch, parts: dict[str, Any]) -> pa.Table:
    keys = compute_keys(parts["text"], job.plan)
    columns: dict[str, Any] = {"id": None} | {name: keys[name] for name in keys.schema.names}
    ids = parts["id"]  # whole numbers are compared as such: 9 before 10
    columns["id"] = ids if pa.types.is_integer(ids.type) else ids.cast(pa.large_string())
    if job.by_url:
        urls = parts.get("url")
        columns["url"] = pa.nulls(len(batch), pa.string()) if urls is None else urls.cast(pa.string())
    if "score" in parts:
        columns["score"] = parts["score"].cast(pa.float64())
    if "drop_reason" in batch.schema.names and "drop_reason" not in parts:
        columns["drop_reason"] = batch["drop_reason"]
    else:
        columns["drop_reason"] = _find_blank(parts["text"], keys)
    return pa.table(columns)


def _find_blank(texts: pa.Array, keys: pa.RecordBatch) -> pa.Array:
    """Name the reason of texts that are null or white space; only those without words are looked at."""
    wordless = np.flatnonzero(keys["n_words"].to_numpy() == 0)
    is_blank = np.zeros(len(keys), np.bool_)
    for row in wordless.tolist():
        text = texts[row].as_py()
        is_blank[row] = not text or text.isspace()
    return pa.array(np.where(is_blank, NO_TEXT, ""), mask=~is_blank)


# ---- the barrier ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class PieceShard:
    """A piece as deduplication sees it."""

    name: str
    keys: Path
    texts: RowTexts

    def read_keys(self) -> pa.Table:
        """Read the keys of the documents that have a text."""
        keys = read_arrow(self.keys)
        keys = keys.append_column("row", pa.array(np.arange(len(keys))))
        if keys["drop_reason"].null_count < len(keys):
            keys = keys.filter(pc.is_null(keys["drop_reason"]))
        return keys

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.ChunkedArray:
        """Read the texts of the rows."""
        return self.texts.read(rows)

    def release(self) -> None:
        """Close the file of the texts."""
        self.texts.release()


def find_file_duplicates(
    job: _Job, settings: DedupSettings, indexes: Sequence[Index], engine: Engine | None = None
) -> None:
    """Commit the table of duplicates with the ids that stay, unless it is there already.

    One that was found among other pieces is deleted with what was made of it: it names rows by their place.
    """
    keys = [read_facts(job.keys_path(number)) for number in range(len(job.pieces))]
    barrier = stable_hash(
        [
            [piece.name, facts["n_documents"], facts["digest"]]
            for piece, facts in zip(job.pieces, keys, strict=True)
        ]
    )
    if job.folder.duplicates.exists():
        if read_facts(job.folder.duplicates).get("barrier") == barrier:
            return
        job.folder.duplicates.unlink()
        job.folder.forget_duplicates()
    shards = [
        PieceShard(piece.name, job.keys_path(number), RowTexts(piece.read_texts))
        for number, piece in enumerate(job.pieces)
    ]
    earlier = [shard for index in indexes for shard in index.shards()]
    found = resolve_duplicates(
        shards,
        job.plan,
        job.folder.work / "dedup",
        memory_bytes=parse_bytes(settings.memory),
        near=not settings.exact,
        by_url=settings.url,
        earlier=earlier,
        engine=None if earlier else engine,  # what an index has open stays in this process
    )
    owners = [
        str(path) for path, index in zip(settings.against, indexes, strict=True) for _ in index.shards()
    ]
    kept_shards, kept_rows = found["kept_shard"].to_numpy(), found["kept_row"].to_numpy()
    ids, places = np.empty(len(found), object), np.full(len(found), None, object)
    order = np.argsort(kept_shards, kind="stable")
    for here in np.split(order, np.flatnonzero(np.diff(kept_shards[order])) + 1) if len(order) else ():
        shard = kept_shards[here[0]]
        if shard < len(shards):
            column = read_arrow(job.keys_path(shard))["id"]
        else:
            column = earlier[shard - len(shards)].read_keys()["id"]
            places[here] = owners[shard - len(shards)]
        ids[here] = column.cast(pa.large_string()).take(pa.array(kept_rows[here])).to_pylist()
    found = found.append_column("kept_id", pa.array(ids, pa.string()))
    found = found.append_column("kept_in", pa.array(places, pa.string()))
    write_arrow(job.folder.duplicates, found, {"barrier": barrier})


# ---- pass 2 ---------------------------------------------------------------------------------------------


def write_piece(job: _Job, number: int) -> None:
    """Commit a piece's dropped documents, then its kept ones, unless they are there already."""
    kept_path = job.folder.part("kept", number)
    if kept_path.exists():
        return
    drops = _read_drops(job, number)
    if read_facts(job.keys_path(number))["problem"] is not None:
        return
    dropped_path = job.folder.part("dropped", number)
    is_dropped = np.zeros(drops.n_rows, np.bool_)
    is_dropped[drops.rows] = True
    has_drops = len(drops.rows) > 0
    with committed(kept_path) as kept, committed(dropped_path) if has_drops else nullcontext() as dropped:
        writers = PartWriter(kept), PartWriter(dropped) if dropped else None
        row = 0
        for batch in job.pieces[number].read_batches():
            here = is_dropped[row : row + len(batch)]
            writers[0].add(batch.filter(pa.array(~here)))
            if writers[1] and here.any():
                first = int(np.searchsorted(drops.rows, row))
                reasons = [column.slice(first, int(here.sum())) for column in drops.columns]
                writers[1].add(add_reasons(batch.filter(pa.array(here)), reasons))
            row += len(batch)
        for writer in writers:
            if writer:
                writer.close()


def check_pieces(job: _Job) -> None:
    """Refuse to call a run finished in whose files not every row of its pieces is.

    Raises:
        RunError: names the piece's file.
    """
    for number in range(len(job.pieces)):
        facts = read_facts(job.keys_path(number))
        paths = [job.folder.part(kind, number) for kind in ("kept", "dropped")]
        found = [pq.read_metadata(os.path.abspath(path)).num_rows for path in paths if path.exists()]
        if sum(found) != facts["n_documents"]:
            raise RunError(
                f"{paths[0]} and its file of dropped rows have {sum(found):,} rows, and must have "
                f"{facts['n_documents']:,}. Delete what is there of the two, and run the same command again."
            )


@dataclass(frozen=True, slots=True)
class _Drops:
    """A piece's dropped rows, ascending, and the columns that say why."""

    n_rows: int
    rows: NDArray[np.int64]
    columns: tuple[pa.Array, ...]


def _read_drops(job: _Job, number: int) -> _Drops:
    """Bring together the documents that had no text and those that are duplicates."""
    reasons = read_arrow(job.keys_path(number))["drop_reason"].combine_chunks()
    found = _read_duplicates(job.folder, number)
    early = np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False))
    rows = np.concatenate([early, found["row"].to_numpy()])
    order = pa.array(np.argsort(rows))
    n_early = len(early)
    columns = (
        pa.concat_arrays([reasons.take(pa.array(early)), _reasons_of(found)]),
        pa.concat_arrays([pa.nulls(n_early, pa.string()), _whole(found["kept_id"])]),
        pa.concat_arrays([pa.nulls(n_early, pa.float32()), _whole(found["jaccard"])]),
        pa.concat_arrays([pa.nulls(n_early, pa.string()), _whole(found["kept_in"])]),
    )
    return _Drops(len(reasons), np.sort(rows), tuple(column.take(order) for column in columns))


def _read_duplicates(folder: RunFolder, number: int) -> pa.Table:
    table = read_arrow(folder.duplicates)
    begin, end = np.searchsorted(table["shard"].to_numpy(), [number, number + 1])
    return table.slice(begin, end - begin)


def _reasons_of(found: pa.Table) -> pa.Array:
    return pc.binary_join_element_wise("duplicate", _whole(found["method"]), "_")


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


# ---- the report -----------------------------------------------------------------------------------------


def _count(job: _Job, settings: DedupSettings, indexes: Sequence[Index]) -> DedupReport:
    found = read_arrow(job.folder.duplicates)
    dropped: dict[str, int] = {}
    for method in pc.value_counts(found["method"]).to_pylist():
        dropped[f"duplicate_{method['values']}"] = method["counts"]
    n_by_piece: list[int] = []
    problems: list[dict[str, Any]] = []
    for number in range(len(job.pieces)):
        reasons = read_arrow(job.keys_path(number))["drop_reason"]
        n_by_piece.append(len(reasons))
        for reason in pc.value_counts(reasons.drop_null()).to_pylist():
            dropped[reason["values"]] = dropped.get(reason["values"], 0) + reason["counts"]
        problem = read_facts(job.keys_path(number))["problem"]
        problems += [problem] if problem else []
    for name in job.folder.chunk_names():
        problems += read_facts(job.folder.documents(name))["problems"]
    sources = [piece.file.source for piece in job.pieces]
    n_documents = sum(n_by_piece)
    return DedupReport(
        n_documents=n_documents,
        n_kept=n_documents - sum(dropped.values()),
        n_dropped=dict(sorted(dropped.items())),
        warnings=(
            *tell_out_of_reach(indexes),
            *tell_unlike(job.pieces),
            *find_losses(found, n_by_piece, sources, settings.warn_share),
        ),
        problems=[FileProblem(**problem) for problem in problems],
        n_in_indexes=len(found) - found["kept_in"].null_count,
    )


def _report_from(values: dict[str, Any]) -> DedupReport:
    return DedupReport(
        values["n_documents"],
        values["n_kept"],
        values["n_dropped"],
        tuple(values["warnings"]),
        [FileProblem(**problem) for problem in values["problems"]],
        values.get("n_in_indexes", 0),
    )
