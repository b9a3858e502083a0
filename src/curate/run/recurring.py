"""`--dedup-lines`, `--dedup-substrings`: pass 1 in two halves, with one look at all lines and passages between them.

    first half    read -> extract -> language -> the hashes of lines, of windows     chunk by chunk
    count         all hashes -> those that recur                                     the one look
    second half   less these lines, these passages -> rules -> signals -> keys       chunk by chunk

Rules, duplicates and scores thus see what is left of a page. Only pages and texts are looked at: of programs the same
lines are asked for by the language. A run that was stopped goes on from the chunks of either half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import add_columns, live_rows, take_rows
from curate.config import parse_bytes
from curate.crawl import Chunk, ReadOptions, Split
from curate.dedup.lines import (
    Lines,
    Recurring,
    Shard,
    count_lines,
    distinct_lines,
    hash_lines,
    hash_sites,
    hash_texts,
    remove_lines,
)
from curate.dedup.passages import (
    BYTES_A_WINDOW,
    Repeated,
    count_windows,
    hash_windows,
    remove_passages,
)
from curate.dedup.passages import Shard as WindowShard
from curate.protocols import Engine
from curate.run.lanes import PROSE, is_of_kind
from curate.run.marked import follow_lines
from curate.run.reading import LISTING_AGE_S, Chunks, MakeDocuments, all_chunks, digest_of, read_pages
from curate.run.screens import MARKED
from curate.run.settings import FilterSettings
from curate.work.clock import StageClock
from curate.work.files import read_arrow, read_facts, write_arrow, write_json
from curate.work.folder import ChunkName, RunFolder
from curate.work.json_files import read_json
from curate.work.progress import ProgressDisplay, nothing_counted

REASONS = ("recurring_on_site", "recurring_everywhere")
"""Columns: how many lines of a document went since its site repeats them, and since many sites have them."""
CHARS = "n_chars_recurring"
PASSAGES, PASSAGE_CHARS = "repeated_passages", "n_chars_repeated"
"""Columns: how many passages of a document went since an earlier one has them, and their characters."""
_PREFIX = "half_"
_BYTES_A_LINE = 80
"""Memory of one line while lines are counted: hash, site, and their sorted copies."""

Judge = Callable[[pa.Table, dict[str, Any]], tuple[pa.Table, dict[str, Any]]]
"""Takes a chunk's documents, and the facts of the first half, through the stages that follow."""


def recurring_columns(settings: FilterSettings) -> list[tuple[str, str]]:
    """Names and types of the columns that this adds to every row."""
    names = [*REASONS, CHARS] if settings.dedup_lines else []
    names += [PASSAGES, PASSAGE_CHARS] if settings.dedup_substrings else []
    return [(name, "int32") for name in names]


def read_without_recurring(
    begin: MakeDocuments,
    judge: Judge,
    settings: FilterSettings,
    options: ReadOptions,
    folder: RunFolder,
    splits: Sequence[Split],
    engine: Engine,
    display: ProgressDisplay,
) -> Chunks:
    """Commit every chunk without the lines that recur, and return them; see `curate.run.reading.read_pages`."""
    first, found = RunFolder(folder.work / "extracted"), Found(folder.work)
    if not found.is_complete():
        start = partial(_begin, begin, settings)
        names = list(read_pages(start, options, first, splits, engine, display))
        for split in splits:
            write_json(folder.inputs(split.index), read_json(first.inputs(split.index)))
        with display.step("Counting lines", 0, nothing_counted):
            found.write(first, names, settings)
    names = [ChunkName.parse(name) for name in read_facts(found.lines)["names"]]
    waiting = [name for name in names if not folder.documents(name).exists()]
    finished = engine.map(partial(_finish, judge, folder, first, settings.dedup_substrings), waiting)
    display.count("Taking out lines", finished, len(waiting), "chunks")
    return all_chunks(folder, splits, patience_s=0.0 if engine.is_local else LISTING_AGE_S)


def _begin(begin: MakeDocuments, settings: FilterSettings, chunk: Chunk) -> tuple[pa.Table, dict[str, Any]]:
    """The first half of a chunk: what is known of a document alone, and the hashes of its lines and windows."""
    documents, facts = begin(chunk)
    clock = StageClock()
    with clock.stage("lines"):
        rows = _prose_rows(documents)
        texts = take_rows(documents["text"], rows)
        columns: dict[str, pa.Array] = {}
        if settings.dedup_lines:
            owners, hashes = distinct_lines(hash_lines(texts))
            columns = {
                "site": pa.array(hash_sites(documents["url"].take(pa.array(rows)), texts)),
                "text": pa.array(hash_texts(texts)),
                "lines": _lists(np.searchsorted(owners, np.arange(len(rows) + 1)), hashes),
            }
        if settings.dedup_substrings:
            windows = hash_windows(texts, settings.dedup_substrings)
            columns["windows"] = _lists(windows.firsts, windows.hashes)
        documents = add_columns(documents, rows, {f"{_PREFIX}{name}": each for name, each in columns.items()})
    return documents, facts | {"cpu_s": facts["cpu_s"] | clock.rounded()}


def _lists(bounds: NDArray[np.int64], hashes: NDArray[np.uint64]) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(bounds.astype(np.int64)), pa.array(hashes))


def _prose_rows(documents: pa.Table) -> NDArray[np.int64]:
    rows = live_rows(documents)
    return rows[is_of_kind(documents["kind"].take(pa.array(rows)), PROSE)]


@dataclass(frozen=True, slots=True)
class Found:
    """What the one look found, in two files of a run's work folder; `lines`, the last, also names the chunks."""

    work: Path

    @property
    def lines(self) -> Path:
        """Lines that recur; lists of none without `--dedup-lines`."""
        return self.work / "lines.arrow"

    @property
    def windows(self) -> Path:
        """Windows that repeat, with the first document of each."""
        return self.work / "windows.arrow"

    def is_complete(self) -> bool:
        """Whether the look has been done."""
        return self.lines.exists()

    def write(self, first: RunFolder, names: Sequence[ChunkName], settings: FilterSettings) -> None:
        """Look at all lines and windows, and commit what recurs."""
        memory = parse_bytes(settings.memory) // 2
        if settings.dedup_substrings:
            n_windows = sum(len(hashes) for hashes, _ in _windows(first, names))
            n_ranges = 1 + n_windows * BYTES_A_WINDOW // memory
            repeated = count_windows(partial(_windows, first, names), n_ranges)
            table = pa.table({"hashes": repeated.hashes, "documents": repeated.documents})
            write_arrow(self.windows, table, {})
        recurring = Recurring(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
        if settings.dedup_lines:
            n_lines = sum(len(hashes) for _, _, _, hashes in _shards(first, names))
            recurring = count_lines(
                partial(_shards, first, names),
                on_site=settings.line_documents,
                sites=settings.line_sites,
                n_ranges=1 + n_lines * _BYTES_A_LINE // memory,
            )
        columns = {name: pa.array([getattr(recurring, name)]) for name in ("on_site", "everywhere")}
        numbers = [0]
        for name in names:
            numbers.append(numbers[-1] + read_facts(first.documents(name))["n_documents"])
        facts = {"names": [str(name) for name in names], "numbers": numbers}
        write_arrow(self.lines, pa.table(columns), facts)

    def load(self) -> tuple[Recurring, Repeated | None, dict[str, int]]:
        """Lines, windows, and the number of each chunk's first document; read once in each process."""
        state = self.lines.stat()
        return _load_once(self, state.st_ino, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _load_once(found: Found, *_state: int) -> tuple[Recurring, Repeated | None, dict[str, int]]:
    """Another run in the same folder has a file of another state."""
    table, facts = read_arrow(found.lines), read_facts(found.lines)
    lines = Recurring(
        *(table[name].combine_chunks().flatten().to_numpy() for name in ("on_site", "everywhere"))
    )
    windows = None
    if found.windows.exists():
        table = read_arrow(found.windows)
        windows = Repeated(*(table[name].combine_chunks().to_numpy() for name in ("hashes", "documents")))
    return lines, windows, dict(zip(facts["names"], facts["numbers"], strict=False))


def _shards(first: RunFolder, names: Sequence[ChunkName]) -> Iterator[Shard]:
    for name in names:
        table = read_arrow(first.documents(name))
        table = table.select([f"{_PREFIX}{part}" for part in ("site", "text", "lines")])
        sites, texts, hashes = (column.combine_chunks() for column in table.drop_null().columns)
        owners = np.repeat(np.arange(len(sites)), pc.list_value_length(hashes).to_numpy())
        yield sites.to_numpy(), texts.to_numpy(), owners, hashes.flatten().to_numpy()


def _windows(first: RunFolder, names: Sequence[ChunkName]) -> Iterator[WindowShard]:
    n_documents = 0
    for name in names:
        column = read_arrow(first.documents(name))[f"{_PREFIX}windows"].combine_chunks()
        sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        yield column.flatten().to_numpy(), np.repeat(n_documents + np.arange(len(column)), sizes)
        n_documents += len(column)


def _finish(judge: Judge, folder: RunFolder, first: RunFolder, n_bytes: int, name: ChunkName) -> None:
    """Commit the second half of a chunk, and delete the first."""
    facts = read_facts(first.documents(name))
    clock = StageClock()
    with clock.stage("lines"):
        lines, windows, numbers = Found(folder.work).load()
        documents, tally = read_arrow(first.documents(name)), dict[str, Any]()
        if f"{_PREFIX}lines" in documents.column_names:
            documents, tally = take_out(documents, lines)
        if windows is not None:
            documents, more = take_out_passages(documents, windows, n_bytes, numbers[str(name)])
            tally = {kind: [*tally.get(kind, ()), *lost] for kind, lost in more.items()}
        documents = documents.drop_columns(
            [name for name in documents.column_names if name.startswith(_PREFIX)]
        )
    cpu_s = facts["cpu_s"] | {"lines": facts["cpu_s"]["lines"] + clock.rounded()["lines"]}
    documents, facts = judge(documents, facts | {"recurring": tally, "cpu_s": cpu_s})
    write_arrow(folder.documents(name), documents, facts | {"digest": digest_of(documents)})
    first.documents(name).unlink()


def take_out(documents: pa.Table, recurring: Recurring) -> tuple[pa.Table, dict[str, Any]]:
    """Take the lines out of a chunk's documents, and tell how many lines and characters went."""
    rows = _prose_rows(documents)
    before = take_rows(documents["text"], rows)
    sites = documents[f"{_PREFIX}site"].take(pa.array(rows)).to_numpy()
    lines: Lines = hash_lines(before)
    cleaned, counts = remove_lines(before, lines, recurring.find(lines, sites))
    return _put(documents, rows, before, cleaned, dict(zip(REASONS, counts, strict=True)), CHARS)


def take_out_passages(
    documents: pa.Table, repeated: Repeated, n_bytes: int, number: int
) -> tuple[pa.Table, dict[str, Any]]:
    """Take the passages out that earlier documents have; `number` is that of the first document."""
    rows = _prose_rows(documents)
    before = take_rows(documents["text"], rows)
    windows = hash_windows(before, n_bytes)
    cleaned, counts = remove_passages(before, windows, repeated.find(windows, number + rows))
    return _put(documents, rows, before, cleaned, {PASSAGES: counts}, PASSAGE_CHARS)


def _put(
    documents: pa.Table,
    rows: NDArray[np.int64],
    before: pa.Array,
    cleaned: pa.Array,
    counts: Mapping[str, NDArray[np.int32]],
    chars: str,
) -> tuple[pa.Table, dict[str, Any]]:
    """Put what is left of texts in their place, and count what went: of what, and in characters in the column `chars`."""
    texts = cleaned.cast(pa.string())
    n_chars = pc.subtract(pc.utf8_length(before), pc.utf8_length(texts)).cast(pa.int32())
    columns: dict[str, pa.Array] = {"text": texts}
    if MARKED in documents.column_names:
        columns[MARKED] = follow_lines(before, texts, documents[MARKED].take(pa.array(rows)))
    columns |= {reason: pa.array(count) for reason, count in counts.items()} | {chars: n_chars}
    lost = [(reason, int(count.sum())) for reason, count in counts.items()]
    return add_columns(documents, rows, columns), {"lines": lost, "chars": [pc.sum(n_chars).as_py() or 0]}


def add_to_funnel(lines_removed: Counter[str], facts: Mapping[str, Any]) -> int:
    """Count a chunk's lines and passages by reason, and give the number of their characters."""
    found = facts.get("recurring", {})
    lines_removed.update({reason: n for reason, n in found.get("lines", ()) if n})
    return sum(found.get("chars", ()))
