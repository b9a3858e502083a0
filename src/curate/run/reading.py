"""Pass 1 as work to share out: which worker reads which chunks, what is committed, how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.crawl import Chunk, Cursor, Mark, ReadOptions, Split, read_chunks
from curate.protocols import Engine
from curate.work.clock import StageClock
from curate.work.disk import folder_bytes
from curate.work.files import read_facts, write_arrow
from curate.work.folder import ChunkName, RunFolder
from curate.work.progress import ProgressDisplay

MakeDocuments = Callable[[Chunk], tuple[pa.Table, dict[str, Any]]]
"""Takes a chunk's pages through the stages; gives its documents, and JSON-able facts of the job's own."""


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A stripe of a split: the chunks `j` with `j % n_stripes == stripe`."""

    make_documents: MakeDocuments
    options: ReadOptions
    folder: RunFolder
    split: Split
    stripe: int
    n_stripes: int


def read_pages(
    make_documents: MakeDocuments,
    options: ReadOptions,
    folder: RunFolder,
    splits: Sequence[Split],
    engine: Engine,
    display: ProgressDisplay,
) -> None:
    """Commit every chunk of every split; those that are committed already are passed over."""
    # Few splits are read by all workers together; many are shared out whole, which reads nothing twice.
    n_stripes = engine.n_workers if len(splits) < 4 * engine.n_workers else 1
    tasks = [
        ReadTask(make_documents, options, folder, split, stripe, n_stripes)
        for split in splits
        for stripe in range(n_stripes)
    ]
    tally = ReadTally(folder, splits)
    with display.step("Reading", sum(split.size_bytes for split in splits), tally.look):
        for _ in engine.map(read_stripe, tasks):
            pass


def read_stripe(task: ReadTask) -> None:
    """Commit every chunk of a stripe that is not committed yet."""
    committed = task.folder.split_facts(task.split.index)
    if any(facts["last"] for facts in committed.values()) and len(committed) == max(committed) + 1:
        return
    # Begin where the unbroken run of committed chunks ends; beyond it, skim those that are committed.
    n_done = next(j for j in range(len(committed) + 1) if j not in committed)
    chunks = read_chunks(
        task.split,
        task.options,
        wanted=lambda j: j % task.n_stripes == task.stripe and j not in committed,
        start=_cursor_from(committed[n_done - 1]["cursor"]) if n_done else None,
    )
    clock = StageClock()
    while True:
        with clock.stage("read"):
            chunk = next(chunks, None)
        if chunk is None:
            return
        documents, own = task.make_documents(chunk)
        facts = own | reader_facts(chunk, documents) | {"cpu_s": own.get("cpu_s", {}) | clock.rounded()}
        clock = StageClock()
        write_arrow(task.folder.documents(ChunkName(task.split.index, chunk.index)), documents, facts)


def reader_facts(chunk: Chunk, documents: pa.Table) -> dict[str, Any]:
    """What the reader notes of a chunk: where to go on, and what it met in the files."""
    return {
        "cursor": asdict(chunk.cursor),
        "last": chunk.last,
        "n_input_bytes": chunk.n_input_bytes,
        "n_documents": len(documents),
        "records": chunk.skipped,
        "problems": [asdict(problem) for problem in chunk.problems],
    }


def _cursor_from(facts: Mapping[str, Any]) -> Cursor:
    return Cursor(facts["chunk"], facts["file"], facts["position"], Mark(**facts["mark"]))


class ReadTally:
    """Looks at what pass 1 has committed; each chunk's facts are read once."""

    def __init__(self, folder: RunFolder, splits: Sequence[Split]) -> None:
        self._folder = folder
        self._splits = splits
        self._seen: set[ChunkName] = set()
        self._reached_bytes: dict[int, int] = {}
        self._n_documents = 0

    def look(self) -> tuple[float, str]:
        """Bytes of the input files passed, and how many documents came out of them."""
        for name in self._folder.chunk_names():
            if name not in self._seen:
                self._seen.add(name)
                facts = read_facts(self._folder.documents(name))
                self._n_documents += facts["n_documents"]
                reached = max(self._reached_bytes.get(name.split, 0), self._reach(name.split, facts))
                self._reached_bytes[name.split] = reached
        return sum(self._reached_bytes.values()), f"{self._n_documents:,} documents"

    def _reach(self, split: int, facts: Mapping[str, Any]) -> int:
        files = self._splits[split].files
        if facts["last"]:
            return self._splits[split].size_bytes
        cursor = _cursor_from(facts["cursor"])
        return sum(file.size_bytes for file in files[: cursor.file]) + cursor.mark.offset


# Kept and dropped files are packed; the work files that they are made of stay until they are written.
_OUTPUT_SHARE = 0.5


def estimate_needed(output: Path, splits: Sequence[Split]) -> int | None:
    """Bytes that a run which was stopped in or after pass 1 may still write; null before its first chunk."""
    folder = RunFolder(output)
    passed, _ = ReadTally(folder, splits).look()
    total = sum(split.size_bytes for split in splits)
    if not passed:
        return None
    n_written = folder_bytes(folder.work)
    return max(0, int(n_written * total / passed * (1 + _OUTPUT_SHARE)) - folder_bytes(output))
