"""Pass 1 as work to share out: which worker reads which chunks, what is committed, how far it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import numpy as np
import pyarrow as pa
import xxhash

from curate.crawl import Chunk, Cursor, InputFile, Mark, ReadOptions, Split, hash_file, read_chunks
from curate.errors import RunError
from curate.protocols import Engine
from curate.run.shards import Shard, read_inputs
from curate.work.clock import StageClock
from curate.work.disk import folder_bytes
from curate.work.files import read_facts, write_arrow, write_json
from curate.work.folder import ChunkName, RunFolder
from curate.work.json_files import read_json
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
    committed: frozenset[int] = frozenset()
    notes_inputs: bool = False


class ReaderFacts(TypedDict):
    """What the reader notes of a chunk, in the schema of its Arrow file: where to go on, and what it met in the files."""

    cursor: dict[str, Any]
    last: bool
    n_input_bytes: int
    n_documents: int
    digest: str
    records: dict[str, int]
    problems: list[dict[str, Any]]


class ChunkFacts(ReaderFacts):
    """With what `curate.pipeline.Job` adds in pass 1. Of other jobs that read pages only the reader's are there.

    `judged` is a dictionary for each lane; `in_other_languages` counts lines and characters; `recurring` is that of
    `curate.run.recurring`.
    """

    cpu_s: dict[str, float]
    peak_memory_bytes: int
    extra_types: dict[str, str]
    in_other_languages: dict[str, int]
    judged: list[dict[str, Any]]
    recurring: NotRequired[dict[str, Any]]


Chunks = dict[ChunkName, ChunkFacts]
"""Every chunk of a run with its facts, in the order of the documents."""


def read_pages(
    make_documents: MakeDocuments,
    options: ReadOptions,
    folder: RunFolder,
    splits: Sequence[Split],
    engine: Engine,
    display: ProgressDisplay,
    shard: Shard | None = None,
) -> Chunks:
    """Commit every chunk of every split, or of a shard; those that are committed already are passed over.

    Returns:
        The chunks that there must be, all or the shard's, with their facts.

    Raises:
        RunError: a chunk is not there when all are read; see `all_chunks`.
    """
    committed, begun = _by_split(folder), set[int]()
    tasks: list[ReadTask] = []
    for split, stripe, n_stripes in (shard or Shard(0, 1)).stripes(splits, engine.n_workers):
        done = frozenset(committed.get(split.index, ()))
        notes = split.index not in begun
        begun.add(split.index)
        tasks.append(ReadTask(make_documents, options, folder, split, stripe, n_stripes, done, notes))
    shutil.rmtree(folder.work / "cursors", ignore_errors=True)  # of a call before, which may have been killed
    tally = ReadTally(folder, splits)
    n_bytes = sum(split.size_bytes for split in splits) // (shard.n if shard else 1)
    made: list[ChunkName] = []
    with display.step("Reading", n_bytes, tally.look):
        for names in engine.map(read_stripe, tasks):
            made += names
    if shard is None:
        return all_chunks(folder, splits, patience_s=0.0 if engine.is_local else LISTING_AGE_S)
    return {name: _chunk_facts(folder, name) for name in sorted({*folder.chunk_names(), *made})}


def _chunk_facts(folder: RunFolder, name: ChunkName) -> ChunkFacts:
    return cast("ChunkFacts", read_facts(folder.documents(name)))


LISTING_AGE_S = 60.0
"""How old a network file system may show a folder to another machine (the longest that NFS keeps a listing)."""


def all_chunks(folder: RunFolder, splits: Sequence[Split], *, patience_s: float = 0.0) -> Chunks:
    """Every chunk of every split with its facts, as this process sees the folder.

    A split's chunks are numbered from 0, and the last one says that it is the last: so it is known what there must
    be, whoever wrote it.

    Args:
        folder: of the run.
        splits: all of the run.
        patience_s: seconds to look again in, where others write and the file system shows their files late.

    Raises:
        RunError: a chunk is missing, or one of another run lies there; it is named.
    """
    waited_until = time.monotonic() + patience_s
    while True:
        committed = _by_split(folder)
        lacking = _find_lacking(folder, splits, committed)
        if lacking is None:
            break
        if time.monotonic() >= waited_until:
            raise RunError(
                f"{lacking}, though all input was read. Every machine of a run must see the output folder "
                f"{folder.path}. Run the same command again: what is missing is read again."
            )
        time.sleep(min(1.0, patience_s))
    names = sorted(ChunkName(split, chunk) for split, chunks in committed.items() for chunk in chunks)
    return {name: _chunk_facts(folder, name) for name in names}


def _by_split(folder: RunFolder) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for name in folder.chunk_names():
        found.setdefault(name.split, set()).add(name.chunk)
    return found


def _find_lacking(
    folder: RunFolder, splits: Sequence[Split], committed: Mapping[int, set[int]]
) -> str | None:
    """Say which chunk is missing, or of no split of this run; None where all is as it must be."""
    for split in splits:
        chunks = committed.get(split.index, set())
        lowest = next(chunk for chunk in range(len(chunks) + 1) if chunk not in chunks)
        first = ChunkName(split.index, lowest)
        if lowest < len(chunks) or not chunks:
            return f"The chunk {folder.documents(first)} (of {_name_files(split)}) is not there"
        last = ChunkName(split.index, lowest - 1)
        if not read_facts(folder.documents(last))["last"]:
            return f"The chunk {folder.documents(first)} (of {_name_files(split)}) is not there"
    strange = committed.keys() - {split.index for split in splits}
    if strange:
        name = ChunkName(min(strange), min(committed[min(strange)]))
        return f"The chunk {folder.documents(name)} is of another run"
    return None


def _name_files(split: Split) -> str:
    first, *rest = [file.source for file in split.files]
    return first + (f" and {len(rest)} more" if rest else "")


def read_stripe(task: ReadTask) -> list[ChunkName]:
    """Commit every chunk of a stripe that is not committed yet, and name those; the hashes of the files first."""
    committed, made = task.committed, list[ChunkName]()
    inputs = task.folder.inputs(task.split.index)
    if task.notes_inputs and not inputs.exists():
        files = [
            {"source": f.source, "n_bytes": f.size_bytes, "hash": hash_file(f)} for f in task.split.files
        ]
        write_json(inputs, {"files": files})
    # Begin where the unbroken run of committed chunks ends; beyond it, skim those that are committed.
    n_done = next(j for j in range(len(committed) + 1) if j not in committed)
    start = None
    if n_done:
        before = read_facts(task.folder.documents(ChunkName(task.split.index, n_done - 1)))
        if before["last"]:
            return made
        start = _cursor_from(before["cursor"])
    chunks = read_chunks(
        task.split,
        task.options,
        wanted=lambda j: j % task.n_stripes == task.stripe and j not in committed,
        start=start,
        ahead=partial(_find_ahead, task),
    )
    clock = StageClock()
    while True:
        with clock.stage("read"):
            chunk = next(chunks, None)
        if chunk is None:
            return made
        if task.n_stripes > 1 and not chunk.last:
            write_json(
                task.folder.cursor(ChunkName(task.split.index, chunk.cursor.chunk)), asdict(chunk.cursor)
            )
        documents, own = task.make_documents(chunk)
        facts = own | dict(reader_facts(chunk, documents)) | {"cpu_s": own.get("cpu_s", {}) | clock.rounded()}
        clock = StageClock()
        made.append(ChunkName(task.split.index, chunk.index))
        write_arrow(task.folder.documents(made[-1]), documents, facts)


def _find_ahead(task: ReadTask, chunk: int) -> Cursor | None:
    """The furthest start of a chunk behind `chunk`, up to the stripe's next, that a worker has come to in this pass.

    Workers read the chunk that they make before they make it, so from the second round on all know where the others stopped
    reading, and none inflates or frames what another one reads.
    """
    for j in range(chunk + (task.stripe - chunk) % task.n_stripes, chunk, -1):
        known = read_json(task.folder.cursor(ChunkName(task.split.index, j)))
        if known:
            return _cursor_from(known)
    return None


def reader_facts(chunk: Chunk, documents: pa.Table) -> ReaderFacts:
    """The reader's facts of a chunk."""
    return {
        "cursor": asdict(chunk.cursor),
        "last": chunk.last,
        "n_input_bytes": chunk.n_input_bytes,
        "n_documents": len(documents),
        "digest": digest_of(documents),
        "records": chunk.skipped,
        "problems": [asdict(problem) for problem in chunk.problems],
    }


def holds_same(files: Sequence[InputFile], folder: RunFolder) -> bool:
    """Whether the input files hold what a run, finished or not, has read of them.

    Files of which nothing is read yet may hold anything; what was read without a hash is taken for changed.
    """
    manifest = folder.manifest()
    if manifest is not None:
        known = manifest.get("input_files", [])
        is_known = len(known) == len(files)
    else:
        inputs = read_inputs(folder)
        known = [file for found in inputs.values() for file in found["files"]]
        is_known = all(name.split in inputs for name in folder.chunk_names())
    hashes = {file["source"]: file["hash"] for file in known}
    return is_known and all(
        file.source not in hashes or (hashes[file.source] and hash_file(file) == hashes[file.source])
        for file in files
    )


def digest_of(documents: pa.Table) -> str:
    """A digest of the documents' ids and texts: what tells a chunk from another one of its name."""
    digest = xxhash.xxh3_64()
    for name in [name for name in ("id", "text") if name in documents.column_names]:
        for column in documents[name].cast(pa.large_string()).chunks:
            offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset :][: len(column) + 1]
            digest.update((offsets - offsets[:1]).tobytes())
            if column.buffers()[2] is not None and len(offsets):
                digest.update(memoryview(column.buffers()[2])[offsets[0] : offsets[-1]])
    return digest.hexdigest()


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
