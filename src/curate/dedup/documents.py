"""The documents of a resolution by number: where they are, and which of several would rather stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.dedup.plan import DedupPlan
from curate.dedup.shards import KeyShard
from curate.errors import RunError, SettingError

DOCUMENT_BYTES = 48
"""Memory that a resolution takes for each document, beside keys and shingles."""


@dataclass(slots=True)
class Placed:
    """A shard with its place: its documents have the numbers begin to end."""

    shard: KeyShard
    position: int
    begin: int
    end: int


class Documents:
    """Numbers documents: those of `earlier` first, then by shard name and row.

    Attributes:
        placed: the shards in that order, each with the numbers of its documents.
        n_fixed: documents of `earlier`, which stay.
        rows, n_bytes, n_words: int64, int64 and uint32, by number.
        scores: float64 by number, -inf where unknown; null where no shard has scores.
    """

    def __init__(self, shards: Sequence[KeyShard], earlier: Sequence[KeyShard], plan: DedupPlan) -> None:
        """Read everything but the keys."""
        late = sorted(enumerate(shards), key=lambda placed: placed[1].name)
        early = sorted(enumerate(earlier, len(shards)), key=lambda placed: placed[1].name)
        self.placed: list[Placed] = []
        rows, n_bytes, n_words, scores = [], [], [], []
        n = 0
        for position, shard in early + late:
            keys = shard.read_keys()
            _check_keys(keys, plan, shard.name)
            self.placed.append(Placed(shard, position, n, n + len(keys)))
            n += len(keys)
            rows.append(read_numbers(keys, "row", np.int64))
            n_bytes.append(read_numbers(keys, "n_bytes", np.int64))
            n_words.append(np.minimum(read_numbers(keys, "n_words", np.int64), 2**32 - 1).astype(np.uint32))
            scores.append(_read_scores(keys))
            if position == (late[0][0] if late else -1):
                self.n_fixed = n - len(keys)
        if not late:
            self.n_fixed = n
        if n >= 2**32:
            raise RunError(
                f"{n} documents are more than one resolution can number; split them below 4294967296."
            )
        self.n_documents = n
        self.rows, self.n_bytes, self.n_words = (_join(parts, np.int64) for parts in (rows, n_bytes, n_words))
        self.scores = None
        if any(some is not None for some in scores):
            filled = (
                np.full(place.end - place.begin, -np.inf) if some is None else some
                for place, some in zip(self.placed, scores, strict=True)
            )
            self.scores = np.concatenate(list(filled))

    def preference(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rank documents (ascending numbers) from 0, the first to stay; ids are read only for ties."""
        columns = [-self.n_bytes[documents], documents >= self.n_fixed]
        if self.scores is not None:
            columns.insert(1, -self.scores[documents])
        order = np.lexsort((documents, *columns))
        equals_next = np.ones(max(len(order) - 1, 0), np.bool_)
        for column in columns:
            equals_next &= column[order[1:]] == column[order[:-1]]
        tied = order[np.append(equals_next, False) | np.append(False, equals_next)] if len(order) else order
        if len(tied):
            tied = np.sort(tied)
            id_ranks = np.zeros(len(documents), np.int64)
            id_ranks[tied] = self._rank_ids(documents[tied])
            order = np.lexsort((documents, id_ranks, *columns))
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        return ranks

    def _rank_ids(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rank the documents by id; equal ids have equal ranks. A fixed document needs no rank."""
        chunks: list[pa.Array] = []
        for place, some in self.by_shard(documents):
            ids = place.shard.read_keys()["id"].take(pa.array(some - place.begin))
            ids = ids if pa.types.is_integer(ids.type) else ids.cast(pa.large_string())
            chunks += ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
        if len({chunk.type for chunk in chunks}) > 1:
            chunks = [chunk.cast(pa.large_string()) for chunk in chunks]
        ranks = pc.call_function("rank", [pa.concat_arrays(chunks)], pc.RankOptions(tiebreaker="dense"))
        return ranks.to_numpy(zero_copy_only=False).astype(np.int64)

    def by_shard(self, documents: NDArray[np.int64]) -> Iterator[tuple[Placed, NDArray[np.int64]]]:
        """Split ascending document numbers by shard."""
        for place in self.placed:
            begin, end = np.searchsorted(documents, (place.begin, place.end))
            if begin < end:
                yield place, documents[begin:end]

    def locate(self, documents: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Give the positions of the documents' shards, as the caller listed them, and their rows."""
        if not len(documents):
            return np.zeros(0, np.int32), np.zeros(0, np.int64)
        begins = np.array([place.begin for place in self.placed], np.int64)
        positions = np.array([place.position for place in self.placed], np.int32)
        return positions[np.searchsorted(begins, documents, "right") - 1], self.rows[documents]


def read_numbers(keys: pa.RecordBatch | pa.Table, column: str, kind: type[np.generic]) -> NDArray[Any]:
    """Read a column of numbers."""
    values = keys[column]
    return np.asarray(
        values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False),
        kind,
    )


def _read_scores(keys: pa.RecordBatch | pa.Table) -> NDArray[np.float64] | None:
    if "score" not in keys.schema.names:
        return None
    scores = read_numbers(keys, "score", np.float64)
    return np.where(np.isnan(scores), -np.inf, scores)


def _check_keys(keys: pa.RecordBatch | pa.Table, plan: DedupPlan, name: str) -> None:
    n_bands = keys.schema.field("bands").type.list_size
    if n_bands != plan.n_bands:
        raise SettingError(
            f"The keys of '{name}' have {n_bands} bands, the plan {plan.n_bands}; use one plan."
        )


def _join(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)
