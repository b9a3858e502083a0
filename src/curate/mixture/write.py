"""Last pass: every piece's documents to the Parquet files of their groups, and those removed to a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from curate.mixture.sources import PIECE_BYTES, Piece
from curate.work.files import read_arrow, text_bytes, write_json, write_parquet

MIXTURE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("source", pa.string()),
        ("domain", pa.string()),
        ("bucket", pa.string()),
        ("score", pa.float64()),
        ("provenance", pa.string()),
    ]
)
REMOVED_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("kept_id", pa.string()),
        ("jaccard", pa.float64()),
        ("detail", pa.string()),
    ]
)
SPLITS = ("train", "validation")


@dataclass(frozen=True, slots=True)
class WriteTask:
    """One piece, and the file that says where its documents go: columns group, is_validation."""

    piece: Piece
    assignment: Path


def write_piece(task: WriteTask, *, folder: Path, groups: Sequence[dict[str, Any]]) -> None:
    """Commit the piece's part of every group, and last the hash of each part."""
    done = folder / "work" / "written" / f"{task.piece.name}.json"
    if done.exists():
        return
    assigned = read_arrow(task.assignment)
    numbers, in_validation = assigned["group"].to_numpy(), assigned["is_validation"].to_numpy() != 0
    hashes: dict[str, str] = {}
    begin = 0
    for slab_number, documents in enumerate(_slabs(task.piece)):
        rows = slice(begin, begin + len(documents))
        begin = rows.stop
        name = f"part-{task.piece.name}-{slab_number:03d}.parquet"
        for split, chosen in zip(SPLITS, (~in_validation[rows], in_validation[rows]), strict=True):
            members = np.where(chosen, numbers[rows], -1)
            for number in np.unique(members[members >= 0]).tolist():
                some = _columns(documents.take(pa.array(np.flatnonzero(members == number))), groups[number])
                path = f"{split}/{groups[number]['name']}/{name}"
                write_parquet(folder / path, [some], MIXTURE_SCHEMA)
                hashes[path] = _hash_documents(some)
    write_json(done, hashes)


def _slabs(piece: Piece) -> Iterator[pa.Table]:
    """Read a piece whole; of a file that could not be cut into pieces, some 256 MiB at a time."""
    slab: list[pa.Table] = []
    n_bytes = 0
    for documents in piece.read(provenance=True):
        slab.append(documents)
        n_bytes += int(text_bytes(documents).sum())
        if n_bytes >= 2 * PIECE_BYTES:
            yield pa.concat_tables(slab).combine_chunks()
            slab, n_bytes = [], 0
    if slab:
        yield pa.concat_tables(slab).combine_chunks()


def _columns(documents: pa.Table, group: dict[str, Any]) -> pa.Table:
    """Documents of a group with the columns of `MIXTURE_SCHEMA`."""
    names = {name: [group[name]] * len(documents) for name in ("source", "domain", "bucket")}
    columns = {name: documents[name] for name in ("id", "text", "score", "provenance")}
    return pa.table(columns | names, schema=MIXTURE_SCHEMA)


def _hash_documents(documents: pa.Table) -> str:
    digest = xxhash.xxh3_64()
    for name in ("id", "text"):
        for value in documents[name].to_pylist():
            digest.update(value.encode())
            digest.update(b"\x00")
    return digest.hexdigest()


def read_hashes(folder: Path, pieces: Sequence[Piece]) -> dict[str, str]:
    """Read the hashes of all parts, by path."""
    hashes: dict[str, str] = {}
    for piece in pieces:
        hashes |= json.loads((folder / "work" / "written" / f"{piece.name}.json").read_text(encoding="utf-8"))
    return dict(sorted(hashes.items()))
