"""`--dedup-lines`: pass 1 in two halves, with one look at all lines between them.

    first half    read -> extract -> language -> the lines' hashes      chunk by chunk
    count         all lines -> those that recur                         the one look
    second half   less these lines -> rules -> signals -> keys          chunk by chunk

Rules, duplicates and scores thus see what is left of a page. Only pages and texts are looked at: of programs the same
lines are asked for by the language. A run that was stopped goes on from the chunks of either half.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.batch import add_columns, live_rows
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
from curate.work.progress import Counted, ProgressDisplay, nothing_counted

REASONS = ("recurring_on_site", "recurring_everywhere")
"""Columns: how many lines of a document went since its site repeats them, and since many sites have them."""
CHARS = "n_chars_recurring"
_PREFIX = "line_"
_BYTES_A_LINE = 80
"""Memory of one line while lines are counted: hash, site, and their sorted copies."""

Judge = Callable[[pa.Table, dict[str, Any]], tuple[pa.Table, dict[str, Any]]]
"""Takes a chunk's documents, and the facts of the first half, through the stages that follow."""


def recurring_columns(settings: FilterSettings) -> list[tuple[str, str]]:
    """Names and types of the columns that this adds to every row."""
    return [(name, "int32") for name in (*REASONS, CHARS)] if settings.dedup_lines else []


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
    first, found = RunFolder(folder.work / "extracted"), folder.work / "lines.arrow"
    if not found.exists():
        names = list(read_pages(partial(_begin, begin), options, first, splits, engine, display))
        for split in splits:
            write_json(folder.inputs(split.index), read_json(first.inputs(split.index)))
        with display.step("Counting lines", 0, nothing_counted):
            recurring = _count(first, names, settings)
            table = pa.table(
                {name: pa.array([getattr(recurring, name)]) for name in ("on_site", "everywhere")}
            )
            write_arrow(found, table, {"names": [str(name) for name in names]})
    names = [ChunkName.parse(name) for name in read_facts(found)["names"]]
    waiting = [name for name in names if not folder.documents(name).exists()]
    done = Counted(len(waiting), "chunks")
    with display.step("Taking out lines", len(waiting), done.look):
        for _ in engine.map(partial(_finish, judge, folder, first, found), waiting):
            done.n_done += 1
    return all_chunks(folder, splits, patience_s=0.0 if engine.is_local else LISTING_AGE_S)


def _begin(begin: MakeDocuments, chunk: Chunk) -> tuple[pa.Table, dict[str, Any]]:
    """The first half of a chunk: what is known of a document alone, and the hashes of its lines."""
    documents, facts = begin(chunk)
    clock = StageClock()
    with clock.stage("lines"):
        rows = _prose_rows(documents)
        texts = documents["text"].take(pa.array(rows)).combine_chunks()
        lines = hash_lines(texts)
        owners, hashes = distinct_lines(lines)
        offsets = pa.array(np.searchsorted(owners, np.arange(len(rows) + 1)).astype(np.int32))
        columns = {
            "site": pa.array(hash_sites(documents["url"].take(pa.array(rows)), texts)),
            "text": pa.array(hash_texts(texts)),
            "hashes": pa.ListArray.from_arrays(offsets, pa.array(hashes)),
        }
        documents = add_columns(documents, rows, {f"{_PREFIX}{name}": each for name, each in columns.items()})
    return documents, facts | {"cpu_s": facts["cpu_s"] | clock.rounded()}


def _prose_rows(documents: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    rows = live_rows(documents)
    return rows[is_of_kind(documents["kind"].take(pa.array(rows)), PROSE)]


def _count(first: RunFolder, names: Sequence[ChunkName], settings: FilterSettings) -> Recurring:
    n_lines = sum(len(hashes) for _, _, _, hashes in _shards(first, names))
    n_ranges = 1 + n_lines * _BYTES_A_LINE // (parse_bytes(settings.memory) // 2)
    return count_lines(
        partial(_shards, first, names),
        on_site=settings.line_documents,
        sites=settings.line_sites,
        n_ranges=n_ranges,
    )


def _shards(first: RunFolder, names: Sequence[ChunkName]) -> Iterator[Shard]:
    for name in names:
        table = read_arrow(first.documents(name))
        table = table.select([f"{_PREFIX}{part}" for part in ("site", "text", "hashes")])
        sites, texts, hashes = (column.combine_chunks() for column in table.drop_null().columns)
        owners = np.repeat(np.arange(len(sites)), pc.list_value_length(hashes).to_numpy())
        yield sites.to_numpy(), texts.to_numpy(), owners, hashes.flatten().to_numpy()


def _finish(judge: Judge, folder: RunFolder, first: RunFolder, found: Path, name: ChunkName) -> None:
    """Commit the second half of a chunk, and delete the first."""
    facts = read_facts(first.documents(name))
    clock = StageClock()
    with clock.stage("lines"):
        documents, tally = take_out(read_arrow(first.documents(name)), _load(found))
    cpu_s = facts["cpu_s"] | {"lines": facts["cpu_s"]["lines"] + clock.rounded()["lines"]}
    documents, facts = judge(documents, facts | tally | {"cpu_s": cpu_s})
    write_arrow(folder.documents(name), documents, facts | {"digest": digest_of(documents)})
    first.documents(name).unlink()


def _load(path: Path) -> Recurring:
    state = path.stat()
    return _load_once(path, state.st_ino, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _load_once(path: Path, *_state: int) -> Recurring:
    """The lines that recur, read once in each process; another run in the same folder has a file of another state."""
    table = read_arrow(path)
    return Recurring(
        *(table[name].combine_chunks().flatten().to_numpy() for name in ("on_site", "everywhere"))
    )


def take_out(documents: pa.Table, recurring: Recurring) -> tuple[pa.Table, dict[str, Any]]:
    """Take the lines out of a chunk's documents, and tell how many lines and characters went."""
    rows = _prose_rows(documents)
    at = pa.array(rows)
    before = documents["text"].take(at).combine_chunks()
    sites = documents[f"{_PREFIX}site"].take(at).to_numpy()
    lines: Lines = hash_lines(before)
    cleaned, counts = remove_lines(before, lines, recurring.find(lines, sites))
    texts = cleaned.cast(pa.string())
    n_chars = pc.subtract(pc.utf8_length(before), pc.utf8_length(texts)).cast(pa.int32())
    columns: dict[str, pa.Array] = {"text": texts}
    if MARKED in documents.column_names:
        columns[MARKED] = follow_lines(before, texts, documents[MARKED].take(at))
    columns |= {reason: pa.array(count) for reason, count in zip(REASONS, counts, strict=True)}
    documents = documents.drop_columns([name for name in documents.column_names if name.startswith(_PREFIX)])
    documents = add_columns(documents, rows, columns | {CHARS: n_chars})
    lost = {reason: int(count.sum()) for reason, count in zip(REASONS, counts, strict=True)}
    return documents, {"recurring": {"lines": lost, "n_chars": pc.sum(n_chars).as_py() or 0}}


def add_to_funnel(lines_removed: Counter[str], facts: Mapping[str, Any]) -> int:
    """Count a chunk's lines by reason, and give the number of their characters."""
    found = facts.get("recurring", {"lines": {}, "n_chars": 0})
    lines_removed.update({reason: n for reason, n in found["lines"].items() if n})
    return found["n_chars"]
