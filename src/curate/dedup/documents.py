"""The documents of a resolution by number: which shard each is in, and which of several would rather stay."""

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

MAX_DOCUMENTS = 1 << 40


@dataclass(frozen=True, slots=True)
class Placed:
    """A shard with its place: its documents have the numbers begin to end.

    Attributes:
        shard: the shard.
        position: as the caller listed it.
        begin: number of its first document.
        end: number after its last.
        n_words: of all its documents together.
        has_whole_ids: whether its ids are whole numbers.
    """

    shard: KeyShard
    position: int
    begin: int
    end: int
    n_words: int
    has_whole_ids: bool


@dataclass(frozen=True, slots=True)
class Documents:
    """Numbers documents: those of `earlier` first, then by shard name and row. Nothing is held of each of them.

    Attributes:
        placed: the shards in that order, each with the numbers of its documents.
        n_fixed: documents of `earlier`, which stay.
        n_documents: all.
    """

    placed: tuple[Placed, ...]
    n_fixed: int
    n_documents: int

    @classmethod
    def of(
        cls,
        shards: Sequence[KeyShard],
        earlier: Sequence[KeyShard],
        lengths: Sequence[tuple[int, int, bool]],
    ) -> Documents:
        """Place shards, with what `measure_shard` says of each of `[*shards, *earlier]`."""
        late = sorted(enumerate(shards), key=lambda placed: placed[1].name)
        early = sorted(enumerate(earlier, len(shards)), key=lambda placed: placed[1].name)
        placed: list[Placed] = []
        n = n_fixed = 0
        for position, shard in early + late:
            length, n_words, has_whole_ids = lengths[position]
            placed.append(Placed(shard, position, n, n + length, n_words, has_whole_ids))
            n += length
            n_fixed += length if position >= len(shards) else 0
        if n >= MAX_DOCUMENTS:
            raise RunError(f"{n} documents are more than one resolution can number.")
        return cls(tuple(placed), n_fixed, n)

    @property
    def number_kind(self) -> str:
        """The NumPy kind that holds a number."""
        return "u4" if self.n_documents < 1 << 32 else "u8"

    @property
    def has_whole_ids(self) -> bool:
        """Whether ids are compared as whole numbers: where those of every shard are."""
        return all(place.has_whole_ids for place in self.placed if place.begin < place.end)

    def by_shard(self, documents: NDArray[np.integer[Any]]) -> Iterator[tuple[Placed, slice]]:
        """Split ascending document numbers by shard: each shard with where its own are."""
        for place in self.placed:
            begin, end = np.searchsorted(documents, (place.begin, place.end))
            if begin < end:
                yield place, slice(int(begin), int(end))

    def positions(self, documents: NDArray[np.int64]) -> NDArray[np.int32]:
        """The positions of the documents' shards, as the caller listed them."""
        begins = np.array([place.begin for place in self.placed], np.int64)
        positions = np.array([place.position for place in self.placed], np.int32)
        return positions[np.searchsorted(begins, documents, "right") - 1]

    def read_ids(self, documents: NDArray[np.integer[Any]]) -> pa.Array:
        """Read the ids of ascending documents, all of one type."""
        kind = pa.int64() if self.has_whole_ids else pa.large_string()
        chunks: list[pa.Array] = []
        for place, own in self.by_shard(documents):
            places = pa.array(documents[own].astype(np.int64) - place.begin)
            ids = read_columns(place.shard, "id")["id"].take(places).cast(kind)
            chunks += ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
        return pa.concat_arrays(chunks) if chunks else pa.array([], kind)


def measure_shard(shard: KeyShard, plan: DedupPlan) -> tuple[int, int, bool]:
    """A shard's number of documents, of all their words, and whether its ids are whole numbers.

    Raises:
        SettingError: its keys are of another plan.
    """
    keys = read_columns(shard, "n_words", "bands", "id")
    n_bands = keys.schema.field("bands").type.list_size
    if n_bands != plan.n_bands:
        raise SettingError(
            f"The keys of '{shard.name}' have {n_bands} bands, the plan {plan.n_bands}; use one plan."
        )
    n_words = int(read_numbers(keys, "n_words", np.int64).sum())
    return len(keys), n_words, pa.types.is_integer(keys.schema.field("id").type)


def read_columns(shard: KeyShard, *names: str) -> pa.RecordBatch | pa.Table:
    """Read some columns of a shard's keys, of those that it has; a shard may have a cheap way to."""
    reader = getattr(shard, "read_columns", None)
    return shard.read_keys() if reader is None else reader(names)


@dataclass(frozen=True, slots=True)
class Preference:
    """What decides which of several documents stays, but for their ids: N of each.

    Attributes:
        numbers: of the documents.
        n_bytes: of the texts.
        scores: -inf where unknown.
        is_late: False for those of `earlier`.
    """

    numbers: NDArray[np.integer[Any]]
    n_bytes: NDArray[np.int64]
    scores: NDArray[np.float64]
    is_late: NDArray[np.bool_]

    def order(self, groups: NDArray[Any] | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sort the documents, the first to stay first, within `groups`; also gives those that only an id can order."""
        columns: list[NDArray[Any]] = [-self.n_bytes, -self.scores, self.is_late]
        columns += [] if groups is None else [groups]
        order = np.lexsort((self.numbers, *columns))
        equals_next = np.ones(max(len(order) - 1, 0), np.bool_)
        for column in columns:
            equals_next &= column[order[1:]] == column[order[:-1]]
        if not len(order):
            return order, order
        return order, order[np.append(equals_next, False) | np.append(False, equals_next)]

    def order_with_ids(
        self, tied: NDArray[np.int64], ids: pa.Array, groups: NDArray[Any] | None = None
    ) -> NDArray[np.int64]:
        """Sort as `order`, equals by `ids`, which are those of the documents at `tied`, then by number."""
        ranks = np.zeros(len(self.numbers), np.int64)
        found = pc.call_function("rank", [ids], pc.RankOptions(tiebreaker="dense"))
        ranks[tied] = found.to_numpy(zero_copy_only=False).astype(np.int64)
        columns: list[NDArray[Any]] = [ranks, -self.n_bytes, -self.scores, self.is_late]
        columns += [] if groups is None else [groups]
        return np.lexsort((self.numbers, *columns))


def read_numbers(keys: pa.RecordBatch | pa.Table, column: str, kind: type[np.generic]) -> NDArray[Any]:
    """Read a column of numbers."""
    values = keys[column]
    return np.asarray(
        values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False),
        kind,
    )


def read_scores(keys: pa.RecordBatch | pa.Table) -> NDArray[np.float64]:
    """Read the scores, -inf where there is none."""
    if "score" not in keys.schema.names:
        return np.full(len(keys), -np.inf)
    scores = read_numbers(keys, "score", np.float64)
    return np.where(np.isnan(scores), -np.inf, scores)


def read_bands(keys: pa.RecordBatch | pa.Table, plan: DedupPlan) -> NDArray[np.uint64]:
    """Read the band keys of N documents, uint64 (N, n_bands)."""
    column = keys["bands"]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(keys), plan.n_bands)
