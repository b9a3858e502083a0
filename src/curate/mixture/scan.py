"""First pass over the sources: what the plan needs to know of every document, one Arrow file a piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.dedup import DedupPlan, compute_keys
from curate.mixture.sources import Piece
from curate.rules import Decontaminator
from curate.text.normalise import comparable
from curate.text.words import hash_words
from curate.work.files import read_arrow, write_arrow

NO_TEXT = "no_text"
JSON_INVALID = "json_invalid"
CONTAMINATED = "contaminated"


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """How to look at documents; n-grams of `ngram_words` words of the files `benchmarks` are to be absent."""

    folder: Path
    dedup: DedupPlan
    benchmarks: tuple[str, ...]
    ngram_words: int

    def path(self, piece: Piece) -> Path:
        """Where the scan of a piece is committed."""
        return self.folder / f"{piece.name}.arrow"


def scan_piece(piece: Piece, *, plan: ScanPlan) -> None:
    """Commit a row for each document: id, score, domain, seed, reason, detail, the columns of `compute_keys`."""
    tables: list[pa.Table] = []
    for documents in piece.read():
        texts = documents["text"].combine_chunks()
        words = hash_words(comparable(texts), signs=True)
        keys = compute_keys(texts, plan.dedup, words)
        reasons = np.full(len(documents), None, object)
        details = pa.nulls(len(documents), pa.string())
        if plan.benchmarks:
            found = load_benchmarks(plan.benchmarks, plan.ngram_words).match(texts, words)
            reasons[found["n_matches"].to_numpy() > 0] = CONTAMINATED
            details = pc.binary_join_element_wise(found["benchmark"], found["ngram"], ": ")
        reasons[keys["n_words"].to_numpy() == 0] = NO_TEXT
        reasons[documents["is_invalid"].to_numpy()] = JSON_INVALID
        table = documents.drop_columns(["text", "provenance", "is_invalid"]).append_column(
            "reason", pa.array(reasons, pa.string())
        )
        table = table.append_column("detail", details)
        for name in keys.schema.names:
            table = table.append_column(name, keys[name])
        tables.append(table)
    if tables:
        found = pa.concat_tables(tables).combine_chunks()
    else:
        found = pa.table({"reason": pa.array([], pa.string())})
    write_arrow(plan.path(piece), found, {})


@lru_cache(maxsize=1)
def load_benchmarks(paths: tuple[str, ...], ngram_words: int) -> Decontaminator:
    """Read the benchmarks, once in each process.

    Raises:
        SettingError: A file cannot be read, or none has an item of so many words.
    """
    return Decontaminator.from_files(paths, ngram_words)


@dataclass(slots=True)
class ScanShard:
    """A scanned piece as deduplication sees it: the rows that are still in, their texts on demand."""

    piece: Piece
    plan: ScanPlan
    rows: NDArray[np.int64]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.piece.name

    def read_keys(self) -> pa.Table:
        """Read the keys of the rows, with their ids and scores."""
        table = read_arrow(self.plan.path(self.piece))
        if not len(table):
            empty = compute_keys(pa.array([], pa.large_string()), self.plan.dedup)
            table = pa.table({name: empty[name] for name in empty.schema.names})
            table = table.append_column("id", pa.array([], pa.string()))
            table = table.append_column("score", pa.array([], pa.float64()))
        keys = table.take(pa.array(self.rows))
        wanted = [name for name in keys.column_names if name not in {"domain", "seed", "reason", "detail"}]
        return keys.select(wanted).append_column("row", pa.array(self.rows))

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.ChunkedArray:
        """Read the texts of some rows by going through the piece again."""
        return take_texts(self.piece, rows)


def take_texts(piece: Piece, rows: NDArray[np.int64]) -> pa.ChunkedArray:
    """Read the texts of some rows of a piece, ascending; tables behind the last one are not read."""
    found: list[pa.Array] = []
    begin = 0
    for documents in piece.read():
        end = begin + len(documents)
        first, last = np.searchsorted(rows, [begin, end])
        if last > first:
            found += documents["text"].take(pa.array(rows[first:last] - begin)).chunks
        begin = end
        if last == len(rows):
            break
    return pa.chunked_array(found, pa.large_string())


@dataclass(slots=True)
class Documents:
    """All documents of all pieces, in order, as columns in memory: about 40 bytes each.

    Attributes:
        begins: (n_pieces + 1,) where each piece's documents begin.
        source: number of the source.
        split_key: 64 bits over the document's folded words.
        n_bytes: UTF-8 bytes of the text.
        score: NaN where there is none.
        domain: number into `domains`.
        reason: '' while the document is in, else why it is not.
        kept_id: for duplicates, the document that stays.
    """

    begins: NDArray[np.int64]
    source: NDArray[np.int32]
    split_key: NDArray[np.uint64]
    n_bytes: NDArray[np.int64]
    score: NDArray[np.float64]
    domain: NDArray[np.int32]
    domains: list[str]
    reason: NDArray[Any]
    kept: dict[int, tuple[str, float | None]]

    def rows(self, piece: int) -> slice:
        """Where the documents of a piece are."""
        return slice(int(self.begins[piece]), int(self.begins[piece + 1]))


NO_DOMAIN = "none"


def read_scans(pieces: Sequence[Piece], plan: ScanPlan) -> Documents:
    """Bring the scans of all pieces together."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("source", "split_key", "n_bytes", "score", "reason")
    }
    domains: list[pa.Array] = []
    sizes = [0]
    sources: dict[str, int] = {}
    for piece in pieces:
        table = read_arrow(plan.path(piece))
        sizes.append(len(table))
        number = sources.setdefault(piece.source.name, len(sources))
        columns["source"].append(np.full(len(table), number, np.int32))
        if not len(table):
            continue
        columns["split_key"].append(table["exact_high"].to_numpy())
        columns["n_bytes"].append(table["n_bytes"].to_numpy())
        columns["score"].append(pc.fill_null(table["score"], float("nan")).to_numpy())
        columns["reason"].append(pc.fill_null(table["reason"], "").to_numpy(zero_copy_only=False))
        domains += pc.fill_null(table["domain"], NO_DOMAIN).chunks
    kinds = {
        "source": np.int32,
        "split_key": np.uint64,
        "n_bytes": np.int64,
        "score": np.float64,
        "reason": object,
    }
    joined = {
        name: np.concatenate([np.empty(0, kind), *columns[name]]).astype(kind) for name, kind in kinds.items()
    }
    coded = pc.dictionary_encode(pa.chunked_array(domains, pa.string())).combine_chunks()
    coded = coded.unify_dictionaries().combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    return Documents(
        begins=np.cumsum(sizes),
        domain=coded.indices.to_numpy().astype(np.int32),
        domains=coded.dictionary.to_pylist(),
        kept={},
        **joined,
    )
