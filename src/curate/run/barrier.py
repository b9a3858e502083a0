"""The barrier of the main job: the keys of every chunk in, the duplicates of the whole crawl out.

Keys are columns of a chunk's documents, from pass 1. What is found is written for each chunk into a file of its own: row, the id
that stays, the similarity, and how it was found. The passes behind the barrier read both through `Committed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import live_rows
from curate.config import parse_bytes, stable_hash
from curate.dedup import DedupPlan, resolve_duplicates
from curate.errors import RunError
from curate.protocols import Engine
from curate.run.reading import Chunks
from curate.text.uncommented import drop_comments
from curate.work.files import read_arrow, read_arrow_with_facts, read_facts, write_arrow, write_json
from curate.work.folder import ChunkName, RunFolder
from curate.work.json_files import read_json

KEY_PREFIX = "key_"
"""Before the names of key columns in a chunk, where signals may have the same names."""


@dataclass(slots=True)
class ChunkShard:
    """A committed chunk as deduplication sees it: its survivors' keys, and their texts on demand."""

    path: Path
    name: str
    digest: str
    has_comments: bool = True

    def read_keys(self) -> pa.Table:
        """Read the survivors' keys, with their row in the chunk and their id; see `read_columns`."""
        documents = read_chunk(self.path, self.digest)
        names = [name for name in documents.column_names if name.startswith(KEY_PREFIX)]
        return self.read_columns(["id", "score", "row", *(name.removeprefix(KEY_PREFIX) for name in names)])

    def read_columns(self, names: Sequence[str]) -> pa.Table:
        """Read some columns of the survivors' keys.

        A document that passes its rules stays before one that its score must spare yet: that one may still go.
        """
        documents = read_chunk(self.path, self.digest)
        rows = live_rows(documents)
        columns: dict[str, Any] = {}
        for name in names:
            if name == "row":
                columns[name] = pa.array(rows)
            elif name == "score":
                columns[name] = documents["spared_by"].take(rows).is_null().cast(pa.float64())
            else:
                columns[name] = documents[name if name == "id" else f"{KEY_PREFIX}{name}"].take(rows)
        return pa.table(columns)

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.Array | pa.ChunkedArray:
        """Read the texts of the rows named, as they are compared."""
        return compared_texts(read_arrow(self.path), rows, has_comments=self.has_comments)


def read_chunk(path: Path, digest: str) -> pa.Table:
    """Read the documents of a chunk, which must be those of `digest`.

    Raises:
        RunError: it is missing, damaged, or holds others.
    """
    documents, facts = read_arrow_with_facts(path)
    if facts["digest"] != digest:
        raise RunError(
            f"{path} holds other documents than it did before. Delete it, and run the same command again: it is made again."
        )
    return documents


def compared_texts(
    documents: pa.Table, rows: NDArray[np.int64], *, has_comments: bool
) -> pa.Array | pa.ChunkedArray:
    """Texts of rows as deduplication compares them: programs without comments and documentation, unless these count."""
    texts = documents["text"].take(pa.array(rows))
    if has_comments:
        return texts
    some = documents.select(["kind", "program_language"]).take(pa.array(rows))
    is_code = pc.fill_null(pc.equal(some["kind"], "code"), fill_value=False).combine_chunks()
    if not pc.any(is_code).as_py():
        return texts
    texts = texts.cast(pa.large_string()).combine_chunks()
    programs = drop_comments(texts.filter(is_code), some["program_language"].filter(is_code).to_pylist())
    return pc.replace_with_mask(texts, is_code, programs)


@dataclass(frozen=True, slots=True)
class Committed:
    """The chunks as the barrier saw them, with what has been made of them since; what names rows of other chunks is refused.

    Attributes:
        barrier: what each file that names rows of a chunk must carry: a digest of all chunks, by name, length
            and content.
    """

    folder: RunFolder
    barrier: str

    def read(self, path: Path) -> pa.Table:
        """Read such a file.

        Raises:
            RunError: it is missing, damaged, or was made among other chunks.
        """
        table, facts = read_arrow_with_facts(path)
        if facts.get("barrier") != self.barrier:
            raise RunError(
                f"{path} was made among other chunks than those that are there now. Run the same command again: it is "
                "made again."
            )
        return table

    def is_there(self, path: Path) -> bool:
        """Whether such a file is there, made among these chunks."""
        return path.exists() and read_facts(path).get("barrier") == self.barrier

    def duplicates(self, name: ChunkName) -> pa.Table:
        """Read the duplicates among the rows of a chunk, in row order."""
        return self.read(self.folder.chunk_duplicates(name))

    def documents(self, name: ChunkName) -> pa.Table:
        """Read a chunk's documents: those that the barrier saw."""
        return read_chunk(
            self.folder.documents(name), read_facts(self.folder.chunk_duplicates(name)).get("digest", "")
        )

    def scores(self, name: ChunkName) -> pa.Table:
        """Read the scores of a chunk's survivors."""
        return self.read(self.folder.scores(name))


def find_run_duplicates(
    folder: RunFolder,
    chunks: Chunks,
    plan: DedupPlan,
    *,
    level: str,
    memory: str,
    has_comments: bool,
    engine: Engine | None = None,
) -> Committed:
    """Commit each chunk's duplicates, by row, unless all are there already.

    What was found among other chunks is deleted with all that was made of it: rows are named by their place in a
    chunk, so among others it would name other documents.

    Args:
        folder: of the run.
        chunks: all of them, with their facts.
        plan: that the keys were computed with.
        level: 'near' (and exact), 'exact' or 'none'.
        memory: bytes, as text, that keys and shingles may take.
        has_comments: see `compared_texts`.
        engine: whose workers share the search.
    """
    names = list(chunks)
    barrier = stable_hash(
        [[str(name), facts["n_documents"], facts["digest"]] for name, facts in chunks.items()]
    )
    committed = Committed(folder, barrier)
    ledger = read_json(folder.found_duplicates)
    paths = {folder.chunk_duplicates(name) for name in names}
    if ledger.get("barrier") == barrier and paths <= set((folder.work / "duplicates").glob("*.arrow")):
        return committed
    folder.forget_duplicates()
    shards = [
        ChunkShard(folder.documents(name), str(name), facts["digest"], has_comments)
        for name, facts in chunks.items()
        if level != "none"
    ]
    found = resolve_duplicates(
        shards,
        plan,
        folder.work / "dedup",
        memory_bytes=parse_bytes(memory),
        near=level == "near",
        engine=engine,
    )
    found = add_kept_ids(found, folder, names)
    starts = np.searchsorted(found["shard"].to_numpy(), np.arange(len(names) + 1))
    for place, name in enumerate(names):
        rows = found.slice(starts[place], starts[place + 1] - starts[place])
        facts = {"barrier": barrier, "digest": chunks[name]["digest"]}
        write_arrow(folder.chunk_duplicates(name), rows.select(_COLUMNS), facts)
    write_json(
        folder.found_duplicates, {"n_duplicates": len(found), "n_chunks": len(names), "barrier": barrier}
    )
    return committed


_COLUMNS = ["row", "jaccard", "method", "kept_id"]


def add_kept_ids(found: pa.Table, folder: RunFolder, names: Sequence[ChunkName]) -> pa.Table:
    """Add `kept_id`: the id of the document that stays for each duplicate."""
    kept_shards, kept_rows = (found[name].to_numpy() for name in ("kept_shard", "kept_row"))
    ids = np.empty(len(found), object)
    order = np.argsort(kept_shards, kind="stable")
    for here in np.split(order, np.flatnonzero(np.diff(kept_shards[order])) + 1) if len(order) else ():
        column = read_arrow(folder.documents(names[kept_shards[here[0]]]))["id"]
        ids[here] = column.take(kept_rows[here]).to_pylist()
    return found.append_column("kept_id", pa.array(ids, pa.string()))
