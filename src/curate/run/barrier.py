"""The barrier of the main job: the keys of every chunk in, the duplicates of the whole crawl out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import live_rows
from curate.config import parse_bytes
from curate.dedup import DedupPlan, resolve_duplicates
from curate.text.uncommented import drop_comments
from curate.work.files import read_arrow, write_arrow, write_json
from curate.work.folder import ChunkName, RunFolder

KEY_PREFIX = "key_"
"""Before the names of key columns in a chunk, where signals may have the same names."""


@dataclass(slots=True)
class ChunkShard:
    """A committed chunk as deduplication sees it: its survivors' keys, and their texts on demand."""

    path: Path
    name: str
    has_comments: bool = True

    def read_keys(self) -> pa.Table:
        """Read the survivors' keys, with their row in the chunk and their id.

        A document that passes its rules stays before one that its score must spare yet: that one may still go.
        """
        documents = read_arrow(self.path)
        names = [name for name in documents.column_names if name.startswith(KEY_PREFIX)]
        rows = live_rows(documents)
        keys = documents.select(["id", "spared_by", *names]).take(rows)
        passes = keys["spared_by"].is_null().cast(pa.float64())
        keys = keys.drop_columns(["spared_by"])
        keys = keys.rename_columns([name.removeprefix(KEY_PREFIX) for name in keys.column_names])
        return keys.append_column("score", passes).append_column("row", pa.array(rows))

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.Array | pa.ChunkedArray:
        """Read the texts of the rows named, as they are compared."""
        return compared_texts(read_arrow(self.path), rows, has_comments=self.has_comments)


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


def find_run_duplicates(
    folder: RunFolder,
    names: Sequence[ChunkName],
    plan: DedupPlan,
    *,
    level: str,
    memory: str,
    has_comments: bool,
) -> None:
    """Commit each chunk's duplicates, by row, unless all are there already.

    `level` is 'near' (and exact), 'exact' or 'none'; `has_comments` see `compared_texts`.
    """
    if folder.found_duplicates.exists():
        return
    compared = [] if level == "none" else names
    shards = [ChunkShard(folder.documents(name), str(name), has_comments) for name in compared]
    found = resolve_duplicates(
        shards, plan, folder.work / "dedup", memory_bytes=parse_bytes(memory), near=level == "near"
    )
    found = add_kept_ids(found, folder, names)
    starts = np.searchsorted(found["shard"].to_numpy(), np.arange(len(names) + 1))
    for place, name in enumerate(names):
        if starts[place] < starts[place + 1]:
            rows = found.slice(starts[place], starts[place + 1] - starts[place])
            write_arrow(folder.chunk_duplicates(name), rows.select(_COLUMNS), {})
    write_json(folder.found_duplicates, {"n_duplicates": len(found)})


_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("jaccard", pa.float32()),
        ("method", pa.string()),
        ("kept_id", pa.string()),
    ]
)
_COLUMNS = _SCHEMA.names


def read_duplicates(folder: RunFolder, name: ChunkName) -> pa.Table:
    """Read the duplicates among the rows of a chunk, in row order; a chunk without any has no file."""
    path = folder.chunk_duplicates(name)
    return read_arrow(path) if path.exists() else _SCHEMA.empty_table()


def add_kept_ids(found: pa.Table, folder: RunFolder, names: Sequence[ChunkName]) -> pa.Table:
    """Add `kept_id`: the id of the document that stays for each duplicate."""
    kept_shards, kept_rows = (found[name].to_numpy() for name in ("kept_shard", "kept_row"))
    ids = np.empty(len(found), object)
    for shard in np.unique(kept_shards):
        here = np.flatnonzero(kept_shards == shard)
        column = read_arrow(folder.documents(names[shard]))["id"]
        ids[here] = column.take(kept_rows[here]).to_pylist()
    return found.append_column("kept_id", pa.array(ids, pa.string()))
