"""Score files that are text already: the same files out, with the scorers' columns (and classes) beside their own.

    PATH.parquet  ->  OUT/scored/PATH.parquet     same columns and types; a large one in parts, PATH-00000.parquet ...
    PATH.jsonl.gz ->  OUT/scored/PATH.jsonl.gz    same lines, with the scores as further keys

No row is lost or moved. A row without a text, and a line that is no JSON object, has no score. A column that a scorer
would write and that is there already is written anew, in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO, Unpack

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.config import Paths, input_paths, settings_from
from curate.crawl import FileProblem, InputFile, ReadOptions, find_files
from curate.crawl.columns import find_layout, get_path
from curate.crawl.find import open_file, open_needed
from curate.crawl.opening import sniff_file
from curate.errors import SettingError, one_line
from curate.jobs.keywords import ScoreKeywords
from curate.jobs.pieces import open_parquet, opened_job, plan_job, plan_pieces
from curate.jobs.settings import ScoreSettings
from curate.protocols import Scorer
from curate.run.lanes import Labeller, LaneScorer, ScorerSource, check_distinct, load_labellers, name_scorers
from curate.scoring import ask_all, scored_columns
from curate.text.json_values import clean_surrogates, dump_json, parse_object
from curate.work.files import batch_rows, committed, read_facts, write_arrow
from curate.work.folder import RunFolder
from curate.work.progress import ProgressDisplay

_BATCH_ROWS = 8192
_BATCH_BYTES = 32 << 20
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What came of a run.

    Attributes:
        n_documents: rows and lines read, each of which was written.
        n_scored: those that have a score; the others have no text, or are no JSON object.
        n_files: files written.
        problems: files that could not be read to their end; nothing was written of them.
    """

    n_documents: int
    n_scored: int
    n_files: int
    problems: list[FileProblem] = field(default_factory=list[FileProblem])


@dataclass(frozen=True, slots=True)
class _Piece:
    """A JSONL file, or row groups (first, end) of a Parquet file, and the file to write."""

    file: InputFile
    groups: tuple[int, int] | None
    text_column: str
    name: str


@dataclass(frozen=True, slots=True)
class _Job:
    folder: RunFolder
    scorers: tuple[LaneScorer, ...]
    labellers: tuple[Labeller, ...]
    options: ReadOptions
    pieces: tuple[_Piece, ...]

    def columns(self) -> list[tuple[str, str]]:
        """Names and types of what is added."""
        scores = [column for scorer in self.scorers for column in scorer.columns]
        return scores + [(labeller.name, "string") for labeller in self.labellers]

    def facts_path(self, number: int) -> Path:
        return self.folder.work / "pieces" / f"{number:06d}.arrow"


def score_files(
    input: Paths,  # noqa: A002  (the name of the setting)
    output: str | PathLike[str],
    *,
    scorer: ScorerSource | Sequence[ScorerSource] = "edu",
    overwrite: bool = False,
    progress: bool | ProgressDisplay = True,
    **settings: Unpack[ScoreKeywords],
) -> ScoreReport:
    """Score Parquet and JSONL files; the same job as `curate score`.

    A call with the settings of an unfinished run goes on with it; of a finished one it returns the report.

    Args:
        input: files, folders or globs.
        output: a new or empty folder, or that of an earlier run with these settings.
        scorer: name or folder of a classifier, or an object that keeps `curate.Scorer`; or several of these.
        overwrite: delete the result of an earlier run in `output` first.
        progress: show progress on stderr; or a display to show it on.
        **settings: the other fields of `ScoreSettings`.
    """
    scorers, named = name_scorers(scorer)
    values = dict(settings) | {"input": input_paths(input), "output": fspath(output), "scorer": named}
    checked = settings_from(ScoreSettings, values)
    return run_score(checked, scorers=scorers, overwrite=overwrite, display=ProgressDisplay.of(progress))


def run_score(
    settings: ScoreSettings,
    *,
    scorers: Sequence[str | Scorer] | None = None,
    overwrite: bool = False,
    display: ProgressDisplay | None = None,
) -> ScoreReport:
    """Run the job with checked settings; see `score_files`."""
    display = display or ProgressDisplay()
    named = (settings.scorer,) if isinstance(settings.scorer, str) else settings.scorer
    loaded = tuple(LaneScorer.of(source) for source in (scorers if scorers is not None and named else named))
    check_distinct(loaded)
    labellers = load_labellers(settings.label)
    files = find_files(settings.input)
    options = ReadOptions(text_column=settings.text_column)
    pieces = _plan_pieces(files, options)
    contents = {f"the scorer {scorer.name}": scorer.fingerprint for scorer in loaded}
    contents |= {f"the classifier {each.name}": each.fingerprint for each in labellers}
    plan = plan_job("score", settings, files, contents=contents)
    inputs = [file.path for file in files]
    with opened_job(settings, plan, inputs, overwrite=overwrite, display=display) as (folder, engine):
        earlier = folder.manifest()
        if earlier:
            return _report_from(earlier["report"])
        job = _Job(folder, loaded, labellers, options, tuple(pieces))
        scored = engine.map(partial(_score_piece, job), range(len(pieces)))
        display.count("Scoring", scored, len(pieces), "files")
        report = _count(job)
        folder.finish(plan | {"report": asdict(report)})
    return report


def _plan_pieces(files: Sequence[InputFile], options: ReadOptions) -> list[_Piece]:
    """Find every file's text; large Parquet files are cut at row groups."""
    pieces: list[_Piece] = []
    for file in files:
        with open_needed(file) as opened:
            kind = sniff_file(opened, file.path)
        if kind.format == "parquet" and kind.codec is None:
            pieces += _plan_parquet(file, options)
        elif kind.format == "jsonl" and not kind.utf16:
            pieces.append(_Piece(file, None, options.text_column or "", file.source))
        else:
            raise SettingError(
                f"{file.source} is neither Parquet nor JSONL in UTF-8. 'curate score' takes text; 'curate filter' reads pages."
            )
    names = [piece.name for piece in pieces]
    twice = (
        next((name for name in names if names.count(name) > 1), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice:
        raise SettingError(f"Two inputs would be written to scored/{twice}. Score them one at a time.")
    return pieces


def _plan_parquet(file: InputFile, options: ReadOptions) -> list[_Piece]:
    try:
        with open_parquet(file) as opened:
            schema = opened.schema_arrow
        cut = plan_pieces([(file, {})])
    except (pa.ArrowException, OSError) as error:
        raise SettingError(
            f"{file.source} is no readable Parquet file: {one_line(error)}. Replace or remove it."
        ) from error
    column = find_text_column(schema.names, options)
    if column not in schema.names or not _is_text(schema.field(column).type):
        raise SettingError(
            f"{file.source} has no column of text{f' {column!r}' if column else ''}. Name it with --text-column; its "
            f"columns: {', '.join(schema.names)}."
        )
    stem, ending = os.path.splitext(file.source)
    groups = [piece.groups for piece in cut] or [(0, 0)]
    names = [file.source] if len(groups) == 1 else [f"{stem}-{n:05d}{ending}" for n in range(len(groups))]
    return [_Piece(file, each, column, name) for each, name in zip(groups, names, strict=True)]


def find_text_column(names: Sequence[str], options: ReadOptions) -> str:
    """The column of the text among these, "" where none has a usual name."""
    contents = find_layout(names, options).contents
    return next((name for name, role in contents if role != "html"), "")


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)


# ---- a piece ---------------------------------------------------------------------------------------------


def _score_piece(job: _Job, number: int) -> None:
    """Commit a piece's file, then what is to be said of it, unless that is there already."""
    facts = job.facts_path(number)
    if facts.exists():
        return
    piece = job.pieces[number]
    write = _write_lines if piece.groups is None else _write_parquet
    scorers = [scorer.load() for scorer in job.scorers]
    n_documents, n_scored, problem = 0, 0, None
    try:
        with committed(job.folder.path / "scored" / piece.name) as path:
            n_documents, n_scored = write(
                job, piece, path, partial(score_texts, scorers, labellers=job.labellers)
            )
    except (pa.ArrowException, OSError, EOFError) as error:
        problem = asdict(FileProblem.unreadable(piece.file.source, error))
    counts = {"n_documents": n_documents, "n_scored": n_scored, "problem": problem}
    write_arrow(facts, pa.table({}), counts)


Score = Callable[[pa.Array], dict[str, pa.Array]]


def score_texts(
    scorers: Sequence[Scorer], texts: pa.Array, labellers: Sequence[Labeller] = ()
) -> dict[str, pa.Array]:
    """The scorers' and classifiers' columns for N texts; null where there is no text."""
    has_text = texts.is_valid()
    rows = np.flatnonzero(has_text.to_numpy(zero_copy_only=False))
    places = np.full(len(texts), -1, np.int64)
    places[rows] = np.arange(len(rows))
    picks = pa.array(places, mask=places < 0)
    given = texts.filter(has_text)
    columns: dict[str, pa.Array] = {}
    for scorer, scored in zip(scorers, ask_all(scorers, given), strict=True):
        columns |= {name: values.take(picks) for name, values in scored_columns(scorer, scored).items()}
    return columns | {each.name: each.label(given).take(picks) for each in labellers}


def _write_parquet(job: _Job, piece: _Piece, path: Path, score: Score) -> tuple[int, int]:
    n_documents = n_scored = 0
    with open_parquet(piece.file) as file:
        schema = _schema_with(file.schema_arrow, job.columns())
        groups = list(range(*piece.groups or (0, 0)))
        n_rows = min(_BATCH_ROWS, batch_rows(file.metadata, groups))
        batches = file.iter_batches(n_rows, row_groups=groups, use_threads=False)
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                texts = pc.cast(batch[piece.text_column], pa.large_string())
                columns = dict(zip(batch.schema.names, batch.columns, strict=True)) | score(texts)
                writer.write_table(pa.table(columns).select(schema.names).cast(schema), _BATCH_ROWS)
                n_documents += len(batch)
                n_scored += len(batch) - texts.null_count
    return n_documents, n_scored


def _schema_with(schema: pa.Schema, columns: Sequence[tuple[str, str]]) -> pa.Schema:
    # What Hugging Face's `datasets` notes of a file lists all of its columns, and is refused where one is missing.
    notes = {key: value for key, value in (schema.metadata or {}).items() if key != b"huggingface"}
    for name, alias in columns:
        own = pa.field(name, pa.type_for_alias(alias))
        place = schema.get_field_index(name)
        schema = schema.append(own) if place < 0 else schema.set(place, own)
    return schema.with_metadata(notes or None)


def _write_lines(job: _Job, piece: _Piece, path: Path, score: Score) -> tuple[int, int]:
    n_documents = n_scored = 0
    compression = _COMPRESSIONS.get(os.path.splitext(piece.file.path)[1].lower())
    with open_file(piece.file) as opened, pa.OSFile(str(path), "wb") as sink:
        out: Any = pa.CompressedOutputStream(sink, compression) if compression else sink
        for lines in _batches_of_lines(opened, compression):
            rows = [parse_object(line) for line in lines]
            texts = pa.array([_text_of(row, job.options) for row in rows], pa.large_string())
            columns = {name: values.to_numpy(zero_copy_only=False) for name, values in score(texts).items()}
            for place, (line, row) in enumerate(zip(lines, rows, strict=True)):
                has_score = texts[place].is_valid
                out.write(_add_keys(line, row, columns, place, has_score=has_score) + b"\n")
                n_documents += bool(line.strip())
                n_scored += has_score
        if compression:
            out.close()
    return n_documents, n_scored


def _text_of(row: dict[str, Any] | None, options: ReadOptions) -> str | None:
    text = None if row is None else get_path(row, find_text_column(list(row), options))
    return clean_surrogates(text) if isinstance(text, str) else None


def _add_keys(
    line: bytes, row: dict[str, Any] | None, columns: dict[str, Any], place: int, *, has_score: bool
) -> bytes:
    """Put the scores behind the object's own keys, which stay as they are written, number by number."""
    if row is None:
        return line
    scores = {name: values[place] if has_score else None for name, values in columns.items()}
    if any(name in row for name in scores):
        plain = orjson.loads(orjson.dumps(scores, option=orjson.OPT_SERIALIZE_NUMPY))
        return dump_json(row | plain).encode()
    added = orjson.dumps(scores, option=orjson.OPT_SERIALIZE_NUMPY)
    body = line.rstrip()[:-1].rstrip()
    return body + (b"" if body.endswith(b"{") else b",") + added[1:]


def _batches_of_lines(opened: BinaryIO, compression: str | None) -> Iterator[list[bytes]]:
    stream: Any = pa.PythonFile(opened, "r")
    source = pa.CompressedInputStream(stream, compression) if compression else stream
    lines: list[bytes] = []
    n_bytes = 0
    for line in _lines_of(source):
        lines.append(line)
        n_bytes += len(line)
        if len(lines) == _BATCH_ROWS or n_bytes >= _BATCH_BYTES:
            yield lines
            lines, n_bytes = [], 0
    if lines:
        yield lines


def _lines_of(source: Any) -> Iterator[bytes]:
    parts: list[bytes] = []
    while data := source.read(4 << 20):
        first, *rest = data.split(b"\n")
        parts.append(first)
        for part in rest:
            yield b"".join(parts)
            parts = [part]
    if any(parts):
        yield b"".join(parts)


# ---- the report ------------------------------------------------------------------------------------------


def _count(job: _Job) -> ScoreReport:
    found = [read_facts(job.facts_path(number)) for number in range(len(job.pieces))]
    problems = [FileProblem(**facts["problem"]) for facts in found if facts["problem"]]
    return ScoreReport(
        n_documents=sum(facts["n_documents"] for facts in found),
        n_scored=sum(facts["n_scored"] for facts in found),
        n_files=len(found) - len(problems),
        problems=problems,
    )


def _report_from(values: dict[str, Any]) -> ScoreReport:
    problems = [FileProblem(**problem) for problem in values["problems"]]
    return ScoreReport(values["n_documents"], values["n_scored"], values["n_files"], problems)
