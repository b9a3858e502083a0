"""What a run of `curate filter` will take and keep: the run itself, over a sample of its input, scaled up.

Chunks are drawn from files in an order by the hash of their names, one of each before a second of any, until they are 1% of
the input or the time is up. They go through every pass of the main job in a folder that is deleted afterwards.

Two things a sample cannot know. Duplicates are pairs: of 1% of a crawl it holds 0.01% of them, so their share is a lower
bound. And where a file is large, only its beginning is looked at. What recurs (`dedup_lines`,
`dedup_substrings`) is left where it is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import xxhash
from numpy.typing import NDArray

from curate.config import parse_bytes
from curate.crawl import Chunk, InputFile, ReadOptions, Split, find_files, read_chunks
from curate.crawl.compressed import FileBytes, read_compressed
from curate.crawl.find import open_file
from curate.crawl.opening import sniff_file
from curate.jobs.pieces import open_parquet
from curate.pipeline import Job, settle_fates
from curate.run.fates import survey, write_part
from curate.run.funnel import STAGES, Funnel
from curate.run.lanes import code_scorer_of
from curate.run.manifest import build_plan
from curate.run.reading import ChunkFacts, Chunks, reader_facts
from curate.run.settings import FilterSettings
from curate.text.printable import format_bytes
from curate.work.clock import StageClock, peak_memory_bytes
from curate.work.disk import disk_errors, folder_bytes, free_bytes
from curate.work.engine import make_engine
from curate.work.files import write_arrow
from curate.work.folder import ChunkName, RunFolder, run_path
from curate.work.progress import ProgressDisplay, nothing_counted

SHARE, MOST_S = 0.01, 60.0
_LEAST_BYTES = 4 << 20  # of a small input more than 1% is read: its chunks are whole files
_N_RESAMPLES = 400
_BARRIER_BYTES = 400  # memory of the keys of a document while duplicates are found, within `memory`

PUBLISHED = (
    (
        "RefinedWeb",
        "documents of Common Crawl, all stages",
        "a little over 10%",
        "Penedo et al. 2023, arXiv 2306.01116, figure 2",
    ),
    (
        "FineWeb",
        "tokens, of what passed extraction, language and Gopher's rules",
        "42% (15 of 36 trillion)",
        "Penedo et al. 2024, arXiv 2406.17557, section 3",
    ),
    (
        "FineWeb-Edu",
        "tokens of FineWeb, educational level 3 or more",
        "8% (1.3 trillion)",
        "the same, section 4",
    ),
    (
        "DCLM-Baseline",
        "documents of Common Crawl, all stages; 10% of those that reach its last, fastText",
        "1.4%",
        "Li et al. 2024, arXiv 2406.11794, figure 4",
    ),
    (
        "phi-1",
        "tokens of Python in The Stack and StackOverflow",
        "17% (6 of 35 billion)",
        "Gunasekar et al. 2023, arXiv 2306.11644, section 2",
    ),
)
"""What published pipelines keep: name, of what, how much, where it is said."""


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate with its 95% interval over the chunks of the sample."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FilterPlan:
    """What a run is expected to take.

    Attributes:
        n_files: of the input.
        input_bytes: of the input, as stored.
        sampled_bytes: of these, in the sample.
        n_chunks: of the sample; with one there is no interval, and the bounds are the estimate.
        n_documents: of the whole input.
        cpu_s: of all workers together.
        n_workers: that would share it.
        memory_bytes: of all processes together, at most.
        disk_bytes: of work files and output while the run lasts.
        output_bytes: of what stays.
        free_bytes: on the disk of the output, or of the scratch folder.
        disk: that folder.
        keep_rates: by stage, of what reached it, and 'kept' of what was read.
        funnel: of the sample.
    """

    n_files: int
    input_bytes: int
    sampled_bytes: int
    n_chunks: int
    n_documents: Range
    cpu_s: Range
    n_workers: int
    memory_bytes: int
    disk_bytes: Range
    output_bytes: Range
    free_bytes: int
    disk: Path
    keep_rates: dict[str, Range]
    funnel: Funnel

    @property
    def fits(self) -> bool:
        """Whether the disk has room for it."""
        return self.disk_bytes.high <= self.free_bytes


@dataclass(slots=True)
class _Sampled:
    """A chunk of the sample, and the bytes of its file, as stored, that it stands for."""

    chunk: Chunk
    stored_bytes: float
    cpu_s: float


def plan_filter(
    settings: FilterSettings, *, share: float = SHARE, most_s: float = MOST_S, progress: bool = True
) -> FilterPlan:
    """Run the main job over a sample of its input, and scale up what it took and kept. Nothing is left behind.

    Args:
        settings: of the run.
        share: of the input to read, by bytes.
        most_s: stop reading the sample after so many seconds.
        progress: say on stderr what is done.

    Raises:
        SettingError: as the run itself would.
    """
    display = ProgressDisplay(quiet=not progress)
    files = find_files(settings.input)
    job = Job.prepare(settings, files, settings.scorers, code_scorer_of(settings), display)
    input_bytes = sum(file.size_bytes for file in files)
    wanted = min(input_bytes, max(share * input_bytes, _LEAST_BYTES))
    sample: list[_Sampled] = []
    with display.step("Reading the sample", wanted, lambda: (sum(s.stored_bytes for s in sample), "")):
        until_s = time.monotonic() + most_s
        for each in _draw(files, job.read_options):
            sample.append(each)
            if sum(s.stored_bytes for s in sample) >= wanted or time.monotonic() > until_s:
                break
    path = run_path(settings.output, settings.scratch)
    root = next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
    with (
        disk_errors(root),
        tempfile.TemporaryDirectory(prefix=".curate-plan-", dir=root) as folder,
        display.step("Running the sample", 0, nothing_counted),
    ):
        found = _run(sample, job, files, RunFolder(Path(folder)))
    weights = np.array([each.stored_bytes for each in sample])
    cpu_s = np.array([each.cpu_s for each in sample])
    n_documents = np.array([len(each.chunk.pages) for each in sample], float)
    shares = n_documents / max(n_documents.sum(), 1)
    n_workers = settings.count_workers(input_bytes)
    per_byte = _Scaler(weights, input_bytes)
    documents = per_byte(n_documents)
    barrier_bytes = min(parse_bytes(settings.memory), int(documents.high * _BARRIER_BYTES))
    return FilterPlan(
        n_files=len(files),
        input_bytes=input_bytes,
        sampled_bytes=int(weights.sum()),
        n_chunks=len(sample),
        n_documents=documents,
        cpu_s=per_byte(cpu_s + found.other_cpu_s * shares),
        n_workers=n_workers,
        memory_bytes=(n_workers + 1) * peak_memory_bytes() + barrier_bytes,
        disk_bytes=per_byte((found.work_bytes + found.output_bytes) * shares),
        output_bytes=per_byte(found.output_bytes * shares),
        free_bytes=free_bytes(root),
        disk=root,
        keep_rates=_keep_rates(found.fates, is_whole=input_bytes <= weights.sum()),
        funnel=found.funnel,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the passes behind the reading took over all chunks, and where each chunk's documents went.

    `fates` counts documents by chunk: lost at each of `STAGES`, and kept: int64 (n_chunks, n_stages + 1).
    """

    other_cpu_s: float
    work_bytes: int
    output_bytes: int
    fates: NDArray[np.int64]
    funnel: Funnel


def _run(sample: Sequence[_Sampled], job: Job, files: Sequence[InputFile], folder: RunFolder) -> _Found:
    chunks: Chunks = {}
    for number, each in enumerate(sample):
        began_s = time.process_time()
        name = ChunkName(0, number)
        documents, facts = job.make_documents(each.chunk)
        facts |= dict(reader_facts(each.chunk, documents))
        write_arrow(folder.documents(name), documents, facts)
        chunks[name] = cast("ChunkFacts", facts)
        each.cpu_s += time.process_time() - began_s
    began_s = time.process_time()
    plan, funnel = build_plan(job.settings, files, job.contents()), Funnel()
    with make_engine("local", 1) as engine:
        decisions, parts = settle_fates(
            job, plan, folder, chunks, engine, ProgressDisplay(quiet=True), StageClock(), funnel
        )
    for part in parts:
        write_part(decisions, part)
    other_cpu_s = time.process_time() - began_s
    fates = np.zeros((len(chunks), len(STAGES) + 1), np.int64)
    for place, name in enumerate(chunks):
        own = Funnel()
        survey(decisions, [name], own, part_bytes=1 << 62)
        for (stage, _), tally in own.dropped.items():
            fates[place, STAGES.index(stage)] += tally.n_documents
        fates[place, -1] = own.kept.n_documents
    work_bytes = folder_bytes(folder.work)
    return _Found(other_cpu_s, work_bytes, folder_bytes(folder.path) - work_bytes, fates, funnel)


@dataclass(slots=True)
class _Reached:
    """How far the sample has come in a file: chunks, records, plain bytes, and bytes as stored."""

    file: InputFile
    n_chunks: int = 0
    n_records: int = 0
    n_plain_bytes: int = 0
    stored_bytes: float = 0


def _draw(files: Sequence[InputFile], options: ReadOptions) -> Iterator[_Sampled]:
    """Chunks of the files: the first of each in an order by hash, then the second of each, and so on."""
    order = sorted(files, key=lambda file: xxhash.xxh3_64_intdigest(file.source.encode("utf-8", "replace")))
    waiting = [_Reached(file) for file in order]
    while waiting:
        going_on: list[_Reached] = []
        for reached in waiting:
            each = _read_chunk(reached, options)
            if each is not None:
                yield each
                going_on += [] if each.chunk.last else [reached]
        waiting = going_on


def _read_chunk(reached: _Reached, options: ReadOptions) -> _Sampled | None:
    number, before = reached.n_chunks, reached.stored_bytes
    began_s = time.process_time()
    chunks = read_chunks(Split(0, (reached.file,)), options, wanted=lambda n: n == number)
    chunk = next(chunks, None)
    cpu_s = (time.process_time() - began_s) / (number + 1)  # those before it were skimmed
    if chunk is None:
        return None
    reached.n_chunks += 1
    reached.n_records += chunk.n_records
    reached.n_plain_bytes += chunk.n_input_bytes
    reached.stored_bytes = max(before, _stored_bytes(reached, chunk))
    return _Sampled(chunk, reached.stored_bytes - before, cpu_s)


def _stored_bytes(reached: _Reached, chunk: Chunk) -> float:
    """Bytes of the file, as stored, up to the end of the chunk."""
    file = reached.file
    if chunk.last:
        return file.size_bytes
    if chunk.cursor.mark.offset:
        return chunk.cursor.mark.offset
    with open_file(file) as opened:
        kind = sniff_file(opened, file.path)
        if kind.format == "parquet" and kind.codec is None:
            with open_parquet(file) as parquet:
                return file.size_bytes * reached.n_records / max(parquet.metadata.num_rows, 1)
        if kind.codec is None:
            return min(reached.n_plain_bytes, file.size_bytes)
        raw, n_plain = FileBytes(opened), 0
        for block in read_compressed(raw, kind.codec):
            n_plain += len(block.data)
            if n_plain >= reached.n_plain_bytes:
                break
        return min(raw.offset * reached.n_plain_bytes / max(n_plain, 1), file.size_bytes)


class _Scaler:
    """Scales sums over the chunks of the sample up to the input, with intervals over chunks."""

    def __init__(self, weights: NDArray[np.float64], total: float) -> None:
        self._weights, self._total = weights, total
        self._drawn = _draw_chunks(len(weights), is_whole=total <= weights.sum())

    def __call__(self, values: NDArray[np.float64]) -> Range:
        if not len(values):
            return Range(0, 0, 0)
        sums = self._total * values[self._drawn].sum(1) / np.maximum(self._weights[self._drawn].sum(1), 1)
        low, high = np.quantile(sums, [0.025, 0.975])
        return Range(float(self._total * values.sum() / max(self._weights.sum(), 1)), float(low), float(high))


def _draw_chunks(n: int, *, is_whole: bool) -> NDArray[np.int64]:
    """Chunks drawn with replacement, int64 (n_resamples, n); of an input that was read whole, all of them once."""
    if is_whole:
        return np.arange(n)[None]
    return np.random.default_rng(0).integers(0, max(n, 1), (_N_RESAMPLES, n))


def _keep_rates(fates: NDArray[np.int64], *, is_whole: bool) -> dict[str, Range]:
    """Keep rates by stage, from the documents that each chunk lost there; the last column is what was kept."""
    drawn = _draw_chunks(len(fates), is_whole=is_whole)
    rates: dict[str, Range] = {}

    def rate(passed: NDArray[np.int64], reached: NDArray[np.int64]) -> Range:
        shares = passed[drawn].sum(1) / np.maximum(reached[drawn].sum(1), 1)
        low, high = np.quantile(shares, [0.025, 0.975])
        return Range(float(passed.sum() / max(reached.sum(), 1)), float(low), float(high))

    reached = fates.sum(1)
    for place, stage in enumerate(STAGES):
        rates[stage] = rate(reached - fates[:, place], reached)
        reached = reached - fates[:, place]
    return rates | {"kept": rate(fates[:, -1], fates.sum(1))}


def describe_plan(plan: FilterPlan) -> list[str]:
    """Put the plan into lines for people."""
    hours = [plan.cpu_s.value, plan.cpu_s.low, plan.cpu_s.high]
    wall = [seconds / plan.n_workers for seconds in hours]
    share = plan.sampled_bytes / max(plan.input_bytes, 1)
    disk = [format_bytes(n) for n in (plan.disk_bytes.value, plan.disk_bytes.low, plan.disk_bytes.high)]
    after, free = format_bytes(plan.output_bytes.value), format_bytes(plan.free_bytes)
    shared = f"with {plan.n_workers} worker{'s' if plan.n_workers > 1 else ''}; {_duration(hours[0])} of CPU"
    lines = [
        f"Input: {plan.n_files:,} files, {format_bytes(plan.input_bytes)}; sampled {share:.2%} ({plan.n_chunks} chunks).",
        f"Documents: {_about(plan.n_documents, '{:,.0f}')}",
        f"Time: {_duration(wall[0])} ({_duration(wall[1])} to {_duration(wall[2])}) {shared}",
        f"Memory: up to {format_bytes(plan.memory_bytes)}",
        f"Disk: {disk[0]} ({disk[1]} to {disk[2]}) while it lasts, {after} afterwards; {free} are free at {plan.disk}",
        "Keep rates, of what reaches each stage:",
    ]
    for stage, rate in plan.keep_rates.items():
        notes = {"dedup": "  at most: a sample holds few of the pairs", "kept": "  of what was read"}
        lines.append(
            f"  {stage:<10} {rate.value:6.1%} ({rate.low:.1%} to {rate.high:.1%}){notes.get(stage, '')}"
        )
    lines.append("Published pipelines keep:")
    lines += [f"  {name}: {much} of {of} ({source})" for name, of, much, source in PUBLISHED]
    if not plan.fits:
        lines.append(
            f"The disk at {plan.disk} may be too small. Free some, name another --output, or cut the input into runs."
        )
    return lines


def _about(found: Range, form: str) -> str:
    return f"{form.format(found.value)} ({form.format(found.low)} to {form.format(found.high)})"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
