"""The barrier: all keys in, and for every duplicate the document that stays out.

    read keys -> same address -> same words -> shared bands -> exact Jaccard, best first -> ledger

What is held in memory is about 40 bytes a document, and within the given budget the partitions of the keys
and the shingles of the candidates; what exceeds it waits in files of the scratch folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.dedup.bands import KeyFilter, KeySpool, find_roots, find_shared, join_buckets
from curate.dedup.minhash import compute_signatures, shingle_sets
from curate.dedup.plan import DedupPlan
from curate.dedup.shards import KeyShard, SignedShard
from curate.dedup.urls import hash_urls
from curate.dedup.verify import ShingleSets, keep_greedily
from curate.errors import RunError, SettingError

METHODS = ("url", "exact", "near", "estimate")
"""How a duplicate was told: same address, same words, exact Jaccard, or the signatures' estimate of it where
a text of an index is out of reach."""

LEDGER_SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("kept_shard", pa.int32()),
        ("kept_row", pa.int64()),
        ("jaccard", pa.float32()),
        ("method", pa.string()),
    ]
)

_MIN_MEMORY_BYTES = 64 << 20
_FETCH_BYTES = 64 << 20
_SLICE_DOCUMENTS = 1 << 16
_SHINGLE_BYTES = 8
_STAYS = -1


def resolve_duplicates(
    shards: Sequence[KeyShard],
    plan: DedupPlan,
    scratch: str | Path,
    *,
    memory_bytes: int = 4 << 30,
    by_url: bool = False,
    near: bool = True,
    earlier: Sequence[KeyShard] = (),
) -> pa.Table:
    """Find every document to remove and the document that stays for it.

    Of two duplicates the one with the higher score stays (where shards give scores), else the longer text
    in bytes, else the smaller id, else the first by shard name and row.

    Args:
        shards: what to deduplicate, in any order.
        plan: the plan that the keys were computed with.
        scratch: a folder for files that exceed the memory; it is emptied before and after.
        memory_bytes: what keys and shingles may take at a time.
        near: remove near-duplicates, not only exact ones.
        by_url: first remove all but one of the documents of each address.
        earlier: shards of documents that stay whatever comes; nothing of theirs is removed.

    Returns:
        A table of `LEDGER_SCHEMA`, ordered by shard and row. `shard` and `kept_shard` are positions in
        `[*shards, *earlier]`; `jaccard` is null for the method "url". A document that is kept for another
        is itself never removed.
    """
    if memory_bytes < _MIN_MEMORY_BYTES:
        raise SettingError(f"{memory_bytes} bytes of memory are too few; give at least 64MB.")
    names = [shard.name for shard in (*shards, *earlier)]
    if len(set(names)) < len(names):
        raise SettingError("Two shards have the same name; give each its own.")
    folder = Path(scratch)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        run = _Run(shards, earlier, plan, folder, memory_bytes)
        if by_url:
            run.remove_same_keys("url")
        run.remove_same_keys("exact")
        if near:
            run.remove_near()
        return run.ledger()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class _Placed:
    """A shard with its place: its documents have the numbers begin to end."""

    shard: KeyShard
    position: int
    begin: int
    end: int


class _Run:
    """State of one resolution; documents are numbered: `earlier` first, then by shard name and row."""

    def __init__(
        self,
        shards: Sequence[KeyShard],
        earlier: Sequence[KeyShard],
        plan: DedupPlan,
        folder: Path,
        memory_bytes: int,
    ) -> None:
        self.plan, self.folder, self.memory_bytes = plan, folder, memory_bytes
        late = sorted(enumerate(shards), key=lambda placed: placed[1].name)
        early = sorted(enumerate(earlier, len(shards)), key=lambda placed: placed[1].name)
        self.placed: list[_Placed] = []
        rows, n_bytes, n_words, scores = [], [], [], []
        n = 0
        for position, shard in early + late:
            keys = shard.read_keys()
            _check_keys(keys, plan, shard.name)
            self.placed.append(_Placed(shard, position, n, n + len(keys)))
            n += len(keys)
            rows.append(_numbers(keys, "row", np.int64))
            n_bytes.append(_numbers(keys, "n_bytes", np.int64))
            n_words.append(np.minimum(_numbers(keys, "n_words", np.int64), 2**32 - 1).astype(np.uint32))
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
        self.keepers = np.full(n, _STAYS, np.int64)
        self.jaccards = np.full(n, np.nan, np.float32)
        self.methods = np.zeros(n, np.uint8)

    def remove_same_keys(self, method: str) -> None:
        """Remove all but the preferred one of the documents with the same 128-bit key."""
        spool = KeySpool(self.folder, method, self.n_documents, self.memory_bytes // 8)
        # The lower half of the keys stays in memory and confirms what the upper half found.
        lows = np.zeros(self.n_documents, np.uint64)
        wanted = KeyFilter(self.n_documents - self.n_fixed) if self.n_fixed else None
        for place in reversed(self.placed):  # earlier documents come last: few of theirs are wanted
            high, low, takes_part = _read_same_keys(place.shard.read_keys(), method)
            takes_part &= self.keepers[place.begin : place.end] == _STAYS
            if wanted and place.begin < self.n_fixed:
                takes_part &= wanted.may_hold(high)
            lows[place.begin : place.end] = low
            documents = np.flatnonzero(takes_part)
            if wanted and place.begin >= self.n_fixed:
                wanted.add(high[documents])
            spool.add(high[documents], (documents + place.begin).astype(np.uint32))
        for keys, documents in spool.partitions():
            starts, members = find_shared(keys, documents)
            groups = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            by_number = np.argsort(members)
            preference = np.empty(len(members), np.int64)
            preference[by_number] = self._preference(members[by_number].astype(np.int64))
            order = np.lexsort((preference, lows[members], groups))
            members, groups = members[order].astype(np.int64), groups[order]
            low = lows[members]
            is_first = np.append(True, (groups[1:] != groups[:-1]) | (low[1:] != low[:-1]))[: len(members)]
            keepers = members[is_first][np.cumsum(is_first) - 1]
            removed = (keepers != members) & (members >= self.n_fixed)
            self._remove(members[removed], keepers[removed], 1.0 if method == "exact" else np.nan, method)

    def remove_near(self) -> None:
        """Remove what has a kept twin at or above the threshold, by bands and exact comparison."""
        bucket_sizes, members = self._find_buckets()
        for sizes, some in self._split_into_groups(bucket_sizes, members):
            documents = np.unique(some).astype(np.int64)
            preference = self._preference(documents)
            local = preference[np.searchsorted(documents, some)]
            ordered = np.empty_like(documents)
            ordered[preference] = documents
            sets, signatures = self._fetch(ordered)
            n_fixed = int(np.count_nonzero(documents < self.n_fixed))
            keepers, jaccards, estimated = keep_greedily(
                (_starts(sizes), local), sets, signatures, n_fixed, self.plan.jaccard
            )
            for method, told_so in (("near", ~estimated), ("estimate", estimated)):
                removed = np.flatnonzero((keepers != _STAYS) & told_so)
                self._remove(ordered[removed], ordered[keepers[removed]], jaccards[removed], method)

    def ledger(self) -> pa.Table:
        """List what is removed. A copy of a document that fell later goes with it, to the one that stays."""
        for method in ("exact", "url"):  # the reverse of the order of removal
            removed = np.flatnonzero((self.keepers != _STAYS) & (self.methods == METHODS.index(method)))
            removed = removed[self.keepers[self.keepers[removed]] != _STAYS]
            fallen = self.keepers[removed]
            self.keepers[removed] = self.keepers[fallen]
            if method == "exact":
                self.jaccards[removed], self.methods[removed] = self.jaccards[fallen], self.methods[fallen]
        removed = np.flatnonzero(self.keepers != _STAYS)
        keepers = self.keepers[removed]
        begins = np.array([place.begin for place in self.placed], np.int64)
        positions = np.array([place.position for place in self.placed], np.int32)
        shard = positions[np.searchsorted(begins, removed, "right") - 1] if len(removed) else positions[:0]
        kept_shard = (
            positions[np.searchsorted(begins, keepers, "right") - 1] if len(removed) else positions[:0]
        )
        jaccards, methods = self.jaccards[removed], self.methods[removed]
        ledger = pa.table(
            {
                "shard": shard,
                "row": self.rows[removed],
                "kept_shard": kept_shard,
                "kept_row": self.rows[keepers],
                "jaccard": pa.array(jaccards, mask=np.isnan(jaccards)),
                "method": pa.array(METHODS).take(pa.array(methods)),
            },
            schema=LEDGER_SCHEMA,
        )
        return ledger.take(pa.array(np.lexsort((self.rows[removed], shard))))

    def _remove(
        self,
        documents: NDArray[np.int64],
        keepers: NDArray[np.int64],
        jaccards: NDArray[np.float64] | float,
        method: str,
    ) -> None:
        self.keepers[documents] = keepers
        self.jaccards[documents] = jaccards
        self.methods[documents] = METHODS.index(method)

    def _preference(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
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
        for place, some in self._by_shard(documents):
            ids = place.shard.read_keys()["id"].take(pa.array(some - place.begin))
            ids = ids if pa.types.is_integer(ids.type) else ids.cast(pa.large_string())
            chunks += ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
        if len({chunk.type for chunk in chunks}) > 1:
            chunks = [chunk.cast(pa.large_string()) for chunk in chunks]
        ranks = pc.call_function("rank", [pa.concat_arrays(chunks)], pc.RankOptions(tiebreaker="dense"))
        return ranks.to_numpy(zero_copy_only=False).astype(np.int64)

    def _by_shard(self, documents: NDArray[np.int64]) -> Iterator[tuple[_Placed, NDArray[np.int64]]]:
        """Split ascending document numbers by shard."""
        for place in self.placed:
            begin, end = np.searchsorted(documents, (place.begin, place.end))
            if begin < end:
                yield place, documents[begin:end]

    def _find_buckets(self) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Give the sizes of the buckets (documents that share a band) and their members, on end."""
        takes_part = (self.keepers == _STAYS) & (self.n_words >= self.plan.shingle_words)
        n_keys = int(np.count_nonzero(takes_part)) * self.plan.n_bands
        spool = KeySpool(self.folder, "bands", n_keys, self.memory_bytes // 4)
        n_late_keys = int(np.count_nonzero(takes_part[self.n_fixed :])) * self.plan.n_bands
        wanted = KeyFilter(n_late_keys) if self.n_fixed else None
        for place, some in reversed(list(self._by_shard(np.flatnonzero(takes_part)))):
            bands = _read_bands(place.shard.read_keys(), self.plan)
            for begin in range(0, len(some), _SLICE_DOCUMENTS):
                documents = some[begin : begin + _SLICE_DOCUMENTS]
                numbers = np.repeat(documents.astype(np.uint32), self.plan.n_bands)
                keys = bands[documents - place.begin].reshape(-1)
                if wanted and place.begin < self.n_fixed:
                    may_meet = wanted.may_hold(keys)
                    keys, numbers = keys[may_meet], numbers[may_meet]
                elif wanted:
                    wanted.add(keys)
                spool.add(keys, numbers)
        all_sizes, all_members = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
        for keys, documents in spool.partitions():
            starts, members = find_shared(keys, documents)
            all_sizes.append(np.diff(starts))
            all_members.append(members)
        return np.concatenate(all_sizes), np.concatenate(all_members)

    def _split_into_groups(
        self, sizes: NDArray[np.int64], members: NDArray[np.uint32]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint32]]]:
        """Split the buckets into groups without a document in common, whose shingles fit into the memory."""
        documents = np.unique(members)
        costs = self.n_words[documents].astype(np.int64) * _SHINGLE_BYTES
        limit = self.memory_bytes // 2
        if not len(members) or costs.sum() <= limit:
            if len(members):
                yield sizes, members
            return
        parents = np.arange(self.n_documents, dtype=np.uint32)
        join_buckets(parents, _starts(sizes), members)
        roots = np.empty(len(documents), np.uint32)
        find_roots(parents, documents, roots)
        components, component_of = np.unique(roots, return_inverse=True)
        component_costs = np.bincount(component_of, weights=costs)
        group_of_component = (np.cumsum(component_costs) - component_costs) // limit
        group_of = np.zeros(self.n_documents, np.uint16)
        group_of[documents] = group_of_component[component_of]
        first_members = members[_starts(sizes)[:-1]]
        group_of_bucket = group_of[first_members]
        group_of_member = np.repeat(group_of_bucket, sizes)
        for group in range(int(group_of_component[-1]) + 1 if len(components) else 0):
            if np.any(group_of_bucket == group):
                yield sizes[group_of_bucket == group], members[group_of_member == group]

    def _fetch(self, ordered: NDArray[np.int64]) -> tuple[ShingleSets, NDArray[np.uint32]]:
        """Read the texts of the documents, shard by shard, and give their shingles in the order asked for."""
        by_number = np.argsort(ordered)
        numbers = ordered[by_number]
        capacity = int(self.n_words[numbers].astype(np.int64).sum())
        if capacity * _SHINGLE_BYTES > self.memory_bytes // 2:  # one cluster larger than the memory
            self.folder.mkdir(parents=True, exist_ok=True)
            shingles = np.memmap(self.folder / "shingles.bin", np.uint64, "w+", shape=(capacity,))
        else:
            shingles = np.empty(capacity, np.uint64)
        begins, ends = np.zeros(len(ordered), np.int64), np.zeros(len(ordered), np.int64)
        signatures = np.zeros((0, 0), np.uint32)
        n_shingles = n_read = 0
        for place, some in self._by_shard(numbers):
            for rows in _split_by_bytes(self.rows[some], self.n_bytes[some]):
                at = by_number[n_read : n_read + len(rows)]
                n_read += len(rows)
                texts = place.shard.read_texts(rows)
                if texts.null_count and isinstance(place.shard, SignedShard) and not len(signatures):
                    signatures = np.zeros((len(ordered), self.plan.n_permutations), np.uint32)
                if len(signatures):
                    signatures[at] = _read_signatures(place.shard, rows, texts, self.plan)
                sets, offsets = shingle_sets(texts, self.plan.shingle_words)
                n_fitting = min(len(sets), capacity - n_shingles)  # all, unless a text changed since
                shingles[n_shingles : n_shingles + n_fitting] = sets[:n_fitting]
                begins[at] = n_shingles + np.minimum(offsets[:-1], n_fitting)
                ends[at] = n_shingles + np.minimum(offsets[1:], n_fitting)
                n_shingles += n_fitting
        return (shingles, begins, ends), signatures


def _read_signatures(
    shard: KeyShard, rows: NDArray[np.int64], texts: pa.Array | pa.ChunkedArray, plan: DedupPlan
) -> NDArray[np.uint32]:
    """Compute the signatures of texts; read the stored ones where the text is out of reach."""
    signatures = compute_signatures(texts, plan).copy()
    missing = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))
    if len(missing) and isinstance(shard, SignedShard):
        signatures[missing] = shard.read_signatures(rows[missing])
    return signatures


def _read_same_keys(
    keys: pa.RecordBatch | pa.Table, method: str
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """Give (high, low, takes part) of the keys that equal documents have in common."""
    if method == "url":
        if "url" not in keys.schema.names:
            raise SettingError("Deduplication by URL was asked for, but the input has no column 'url'.")
        return hash_urls(keys["url"])
    # Of documents without words, those without bytes have nothing in common.
    takes_part = _numbers(keys, "n_bytes", np.int64) > 0
    return _numbers(keys, "exact_high", np.uint64), _numbers(keys, "exact_low", np.uint64), takes_part


def _read_bands(keys: pa.RecordBatch | pa.Table, plan: DedupPlan) -> NDArray[np.uint64]:
    column = keys["bands"]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(keys), plan.n_bands)


def _read_scores(keys: pa.RecordBatch | pa.Table) -> NDArray[np.float64] | None:
    if "score" not in keys.schema.names:
        return None
    scores = _numbers(keys, "score", np.float64)
    return np.where(np.isnan(scores), -np.inf, scores)


def _check_keys(keys: pa.RecordBatch | pa.Table, plan: DedupPlan, name: str) -> None:
    n_bands = keys.schema.field("bands").type.list_size
    if n_bands != plan.n_bands:
        raise SettingError(
            f"The keys of '{name}' have {n_bands} bands, the plan {plan.n_bands}; use one plan."
        )


def _numbers(keys: pa.RecordBatch | pa.Table, column: str, kind: type[np.generic]) -> NDArray[Any]:
    values = keys[column]
    return np.asarray(
        values.to_numpy() if isinstance(values, pa.ChunkedArray) else values.to_numpy(zero_copy_only=False),
        kind,
    )


def _join(parts: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(0, np.cumsum(sizes)).astype(np.int64)


def _split_by_bytes(rows: NDArray[np.int64], n_bytes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Split the rows into runs of about `_FETCH_BYTES` of text."""
    runs = (np.cumsum(n_bytes) - n_bytes) // _FETCH_BYTES
    yield from np.split(rows, np.flatnonzero(np.diff(runs)) + 1)
