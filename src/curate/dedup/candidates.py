"""Candidates: documents that share a band, in groups that fit into memory, with their shingles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.bands import KeyFilter, KeySpool, find_roots, find_shared, join_buckets
from curate.dedup.documents import Documents
from curate.dedup.minhash import compute_signatures, shingle_sets
from curate.dedup.plan import DedupPlan
from curate.dedup.shards import KeyShard, SignedShard
from curate.dedup.verify import ShingleSets

_FETCH_BYTES = 64 << 20
_SLICE_DOCUMENTS = 1 << 16
_SHINGLE_BYTES = 8


@dataclass(frozen=True, slots=True)
class Buckets:
    """Sizes of buckets, documents that share a band, and their members one after another."""

    sizes: NDArray[np.int64]
    members: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Group:
    """Buckets that share no document with those of other groups.

    Attributes:
        buckets: the group's buckets.
        documents: their members, ascending.
        sets: the documents' shingles.
        signatures: of the documents, where a text is out of reach; else of shape (0, 0).
    """

    buckets: Buckets
    documents: NDArray[np.int64]
    sets: ShingleSets
    signatures: NDArray[np.uint32]


def find_buckets(
    documents: Documents, takes_part: NDArray[np.bool_], plan: DedupPlan, folder: Path, buffer_bytes: int
) -> Buckets:
    """Find the documents, of those that take part, that share a band with another."""
    numbers_of_all = np.flatnonzero(takes_part)
    n_fixed = documents.n_fixed
    spool = KeySpool(folder, "bands", len(numbers_of_all) * plan.n_bands, buffer_bytes)
    n_late_keys = int(np.count_nonzero(takes_part[n_fixed:])) * plan.n_bands
    wanted = KeyFilter(n_late_keys) if n_fixed else None
    for place, some in reversed(list(documents.by_shard(numbers_of_all))):
        bands = _read_bands(place.shard.read_keys(), plan)
        for begin in range(0, len(some), _SLICE_DOCUMENTS):
            slice_ = some[begin : begin + _SLICE_DOCUMENTS]
            numbers = np.repeat(slice_.astype(np.uint32), plan.n_bands)
            keys = bands[slice_ - place.begin].reshape(-1)
            if wanted and place.begin < n_fixed:
                may_meet = wanted.may_hold(keys)
                keys, numbers = keys[may_meet], numbers[may_meet]
            elif wanted:
                wanted.add(keys)
            spool.add(keys, numbers)
    sizes, members = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
    for keys, numbers in spool.partitions():
        starts, some = find_shared(keys, numbers)
        sizes.append(np.diff(starts))
        members.append(some)
    return Buckets(np.concatenate(sizes), np.concatenate(members))


def read_groups(
    documents: Documents, buckets: Buckets, plan: DedupPlan, folder: Path, limit_bytes: int
) -> Iterator[Group]:
    """Read the texts of all members once and yield group after group, each with shingles of `limit_bytes`.

    Where there are several groups, shingles wait in one file per group. A cluster larger than the limit is a
    group of its own, whose file is mapped.
    """
    is_member = np.zeros(documents.n_documents, np.bool_)
    is_member[buckets.members] = True
    members = np.flatnonzero(is_member)
    if not len(members):
        return
    group_of = _assign_groups(documents, buckets, members, limit_bytes)
    n_groups = int(group_of.max()) + 1
    costs = np.bincount(group_of, documents.n_words[members].astype(np.float64), n_groups).astype(np.int64)
    store = _ShingleStore(folder, costs)
    begins, ends, signatures = _fetch(documents, members, group_of, plan, store)
    places = np.zeros(documents.n_documents, np.uint32)
    places[members] = np.arange(len(members))
    group_of_bucket = group_of[places[buckets.members[starts_of(buckets.sizes)[:-1]]]]
    group_of_member = np.repeat(group_of_bucket, buckets.sizes)
    for group in range(n_groups):
        here = group_of == group
        yield Group(
            Buckets(buckets.sizes[group_of_bucket == group], buckets.members[group_of_member == group]),
            members[here],
            (store.take(group), begins[here], ends[here]),
            signatures[here] if len(signatures) else signatures,
        )


def starts_of(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of several runs begins; the end of the last one at the end."""
    return np.append(0, np.cumsum(sizes)).astype(np.int64)


def _assign_groups(
    documents: Documents, buckets: Buckets, members: NDArray[np.int64], limit_bytes: int
) -> NDArray[np.uint16]:
    """Give every member its group: connected documents together, small clusters packed up to the limit."""
    costs = documents.n_words[members].astype(np.int64) * _SHINGLE_BYTES
    if costs.sum() <= limit_bytes:
        return np.zeros(len(members), np.uint16)
    parents = np.arange(documents.n_documents, dtype=np.uint32)
    join_buckets(parents, starts_of(buckets.sizes), buckets.members)
    roots = np.empty(len(members), np.uint32)
    find_roots(parents, members, roots)
    components, component_of = np.unique(roots, return_inverse=True)
    component_costs = np.bincount(component_of, costs, len(components))
    limit = max(limit_bytes, int(costs.sum()) // 200)  # the files are open at the same time
    filled = (np.cumsum(component_costs) - component_costs) // limit
    return np.unique(filled, return_inverse=True)[1].astype(np.uint16)[component_of]


class _ShingleStore:
    """Shingles of the groups: in memory if there is one group, else in a file each."""

    def __init__(self, folder: Path, capacities: NDArray[np.int64]) -> None:
        self._folder, self._capacities = folder, capacities
        self._fills = np.zeros(len(capacities), np.int64)
        self._in_memory = np.empty(int(capacities[0]), np.uint64) if len(capacities) == 1 else None
        if self._in_memory is None:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = [open(self._path(group), "wb") for group in range(len(capacities))]  # noqa: SIM115

    def add(self, group: int, shingles: NDArray[np.uint64]) -> int:
        """Append shingles to a group; returns how many of them fit: all, unless a text changed since."""
        fill = int(self._fills[group])
        n = min(len(shingles), int(self._capacities[group]) - fill)
        if self._in_memory is not None:
            self._in_memory[fill : fill + n] = shingles[:n]
        else:
            self._files[group].write(shingles[:n].tobytes())
        self._fills[group] = fill + n
        return n

    def take(self, group: int) -> NDArray[np.uint64]:
        """Give the shingles of a group; those of the groups before are forgotten."""
        if self._in_memory is not None:
            return self._in_memory
        for number, file in enumerate(self._files):
            file.close()
            if number < group:
                self._path(number).unlink(missing_ok=True)
        n = int(self._fills[group])
        return np.memmap(self._path(group), np.uint64, "r+", shape=(n,)) if n else np.zeros(0, np.uint64)

    def _path(self, group: int) -> Path:
        return self._folder / f"shingles-{group:04d}.bin"


def _fetch(
    documents: Documents,
    members: NDArray[np.int64],
    group_of: NDArray[np.uint16],
    plan: DedupPlan,
    store: _ShingleStore,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32]]:
    """Read the members' texts; returns where their shingles begin and end in their group, and signatures."""
    begins, ends = np.zeros(len(members), np.int64), np.zeros(len(members), np.int64)
    fills = np.zeros(int(group_of.max()) + 1, np.int64)
    signatures = np.zeros((0, 0), np.uint32)
    n_read = 0
    for place, some in documents.by_shard(members):
        for rows in _split_by_bytes(documents.rows[some], documents.n_bytes[some]):
            at = slice(n_read, n_read + len(rows))
            n_read += len(rows)
            texts = place.shard.read_texts(rows)
            if texts.null_count and isinstance(place.shard, SignedShard) and not len(signatures):
                signatures = np.zeros((len(members), plan.n_permutations), np.uint32)
            if len(signatures):
                signatures[at] = _read_signatures(place.shard, rows, texts, plan)
            sets, offsets = shingle_sets(texts, plan.shingle_words)
            groups = group_of[at]
            for group in np.unique(groups).tolist():
                own = groups == group
                wanted = sets if own.all() else sets[np.repeat(own, np.diff(offsets))]
                n_fitting = store.add(group, wanted)
                bounds = np.minimum(starts_of(np.diff(offsets)[own]), n_fitting) + fills[group]
                begins[at][own], ends[at][own] = bounds[:-1], bounds[1:]
                fills[group] += n_fitting
        release = getattr(place.shard, "release", None)
        if release is not None:
            release()
    return begins, ends, signatures


def _read_signatures(
    shard: KeyShard, rows: NDArray[np.int64], texts: pa.Array | pa.ChunkedArray, plan: DedupPlan
) -> NDArray[np.uint32]:
    """Compute the signatures of texts; read the stored ones where the text is out of reach."""
    signatures = compute_signatures(texts, plan).copy()
    missing = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))
    if len(missing) and isinstance(shard, SignedShard):
        signatures[missing] = shard.read_signatures(rows[missing])
    return signatures


def _read_bands(keys: pa.RecordBatch | pa.Table, plan: DedupPlan) -> NDArray[np.uint64]:
    column = keys["bands"]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(keys), plan.n_bands)


def _split_by_bytes(rows: NDArray[np.int64], n_bytes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Split the rows into runs of about `_FETCH_BYTES` of text."""
    runs = (np.cumsum(n_bytes) - n_bytes) // _FETCH_BYTES
    yield from np.split(rows, np.flatnonzero(np.diff(runs)) + 1)
