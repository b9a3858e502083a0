"""The steps of a resolution, each a task that can run anywhere: what it is given is small, what it makes is a file.

    spread      some shards -> their keys, by range                   (a batch of shards each)
    match       a range of keys -> who has the same
    describe    some documents -> what is needed to share them out    (a batch of shards each)
    fetch       some documents -> their shingles, by group            (a batch of shards each)
    verify      a group -> who stays

No result depends on how many batches, ranges or groups there are: equal keys are in one range, and documents that
share a band, at whatever remove, in one group. Each try of a task writes to a file of its own, and its result names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup.bands import KeyFilter, find_shared
from curate.dedup.documents import (
    Documents,
    Placed,
    Preference,
    read_bands,
    read_columns,
    read_numbers,
    read_scores,
)
from curate.dedup.exchange import Spread, SpreadWriter, cut_short, own_path, read_range
from curate.dedup.minhash import compute_signatures, shingle_sets
from curate.dedup.plan import DedupPlan
from curate.dedup.shards import KeyShard, SignedShard
from curate.dedup.urls import hash_urls
from curate.dedup.verify import ShingleSets, keep_greedily
from curate.errors import SettingError

FETCH_BYTES = 32 << 20
SLICE_DOCUMENTS = 1 << 16
MAP_BYTES = 1 << 30
_BUCKETS_HEAD = 24
STAYS = -1
SAME_KINDS = ("u8", "u8", "u8", "i8", "f8")  # high, low, number, bytes of the text, score


@dataclass(frozen=True, slots=True)
class Batch:
    """Some shards, one after another, and which of their documents are gone already (ascending)."""

    placed: tuple[Placed, ...]
    removed: NDArray[np.int64]

    def remaining(self, place: Placed) -> NDArray[np.bool_]:
        """Which of a shard's documents are there yet."""
        begin, end = np.searchsorted(self.removed, (place.begin, place.end))
        remains = np.ones(place.end - place.begin, np.bool_)
        remains[self.removed[begin:end] - place.begin] = False
        return remains


# ---- the same key ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpreadTask:
    """Spread the keys of a batch: the whole-document keys of `method`, or ('near') the bands.

    `n_late_keys` above 0 asks for a filter of that size with all keys; `wanted` is such a filter, and what it does not
    hold is left out.
    """

    batch: Batch
    method: str
    plan: DedupPlan
    path: Path
    n_ranges: int
    number_kind: str
    n_late_keys: int = 0
    wanted: KeyFilter | None = None


def spread_keys(task: SpreadTask) -> tuple[Spread, KeyFilter | None]:
    """Write the keys by range."""
    near = task.method == "near"
    kinds = ("u8", task.number_kind) if near else SAME_KINDS
    held = KeyFilter(task.n_late_keys) if task.n_late_keys else None
    with SpreadWriter(own_path(task.path), kinds, task.n_ranges, packed=near) as writer:
        for place in task.batch.placed:
            for columns in (_band_columns if near else _same_columns)(task, place):
                if held is not None:
                    held.add(columns[0])
                if task.wanted is not None:
                    may_meet = task.wanted.may_hold(columns[0])
                    columns = [column[may_meet] for column in columns]  # noqa: PLW2901
                writer.add(*columns)
        return writer.finish(), held


def _band_columns(task: SpreadTask, place: Placed) -> Iterator[list[NDArray[Any]]]:
    keys = read_columns(place.shard, "bands", "n_words")
    takes_part = task.batch.remaining(place)
    takes_part &= read_numbers(keys, "n_words", np.int64) >= task.plan.shingle_words
    bands, places = read_bands(keys, task.plan), np.flatnonzero(takes_part)
    for begin in range(0, len(places), SLICE_DOCUMENTS):
        some = places[begin : begin + SLICE_DOCUMENTS]
        yield [bands[some].reshape(-1), np.repeat(some + place.begin, task.plan.n_bands)]


def _same_columns(task: SpreadTask, place: Placed) -> Iterator[list[NDArray[Any]]]:
    keys = read_columns(
        place.shard, *(("url",) if task.method == "url" else ("exact_high", "exact_low")), "n_bytes", "score"
    )
    n_bytes = read_numbers(keys, "n_bytes", np.int64)
    if task.method == "url":
        if "url" not in keys.schema.names:
            raise SettingError("Deduplication by URL was asked for, but the input has no column 'url'.")
        high, low, takes_part = hash_urls(keys["url"])
    else:
        high, low = (read_numbers(keys, name, np.uint64) for name in ("exact_high", "exact_low"))
        takes_part = n_bytes > 0  # of documents without words, those without bytes have nothing in common
    at = np.flatnonzero(takes_part & task.batch.remaining(place))
    yield [high[at], low[at], at + place.begin, n_bytes[at], read_scores(keys)[at]]


@dataclass(frozen=True, slots=True)
class MatchTask:
    """Find the documents of a range that have a key in common; bands are written beside `path`."""

    spreads: tuple[Spread, ...]
    number: int
    documents: Documents
    path: Path


def match_same(task: MatchTask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All but the preferred one of the documents with the same 128-bit key, and that one for each."""
    high, low, numbers, n_bytes, scores = read_range(task.spreads, task.number, SAME_KINDS)
    starts, members = find_shared(high, np.arange(len(high), dtype=np.uint32))
    at = members.astype(np.int64)
    # Documents of one upper half are told apart by the lower one.
    groups = _split_groups(np.repeat(np.arange(len(starts) - 1), np.diff(starts)), low[at])
    numbers = numbers[at].astype(np.int64)
    preference = Preference(numbers, n_bytes[at], scores[at], numbers >= task.documents.n_fixed)
    order, tied = preference.order(groups)
    if len(tied):
        tied = tied[np.argsort(numbers[tied])]
        order = preference.order_with_ids(tied, task.documents.read_ids(numbers[tied]), groups)
    numbers, groups = numbers[order], groups[order]
    is_first = np.append(True, groups[1:] != groups[:-1])[: len(groups)]
    keepers = numbers[is_first][np.cumsum(is_first) - 1]
    removed = (keepers != numbers) & (numbers >= task.documents.n_fixed)
    return numbers[removed], keepers[removed]


def _split_groups(groups: NDArray[np.int64], values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Number the groups anew so that all of one have the same value, too."""
    order = np.lexsort((values, groups))
    ordered = groups[order], values[order]
    is_new = np.append(False, np.logical_or.reduce([each[1:] != each[:-1] for each in ordered]))[: len(order)]
    split = np.empty(len(order), np.int64)
    split[order] = np.cumsum(is_new)
    return split


def match_bands(task: MatchTask) -> Path:
    """Write the buckets of a range: sizes, and the documents of one after those of the other."""
    kinds = ("u8", task.documents.number_kind)
    keys, numbers = read_range(task.spreads, task.number, kinds)
    starts, members = find_shared(keys, np.arange(len(keys), dtype=np.uint32))
    path = own_path(task.path)
    save_buckets(path, np.diff(starts), numbers[members])
    return path


Unsigned: TypeAlias = NDArray[np.uint32] | NDArray[np.uint64]


def save_buckets(path: Path, sizes: NDArray[Any], members: NDArray[Any]) -> None:
    """Write buckets into one file: sizes, and the members of one after those of the other."""
    kind = members.dtype
    with path.open("wb") as file:
        file.write(np.array([kind.itemsize, len(sizes), len(members)], np.int64).tobytes())
        file.writelines(array.astype(kind).tobytes() for array in (sizes, members))


def load_buckets(path: Path) -> tuple[Unsigned, Unsigned]:
    """Map sizes and members of `save_buckets`.

    Raises:
        RunError: the file is shorter than it was.
    """
    head = np.fromfile(path, np.int64, 3).tolist()
    if len(head) < 3 or path.stat().st_size != _BUCKETS_HEAD + head[0] * (head[1] + head[2]):
        raise cut_short(path)
    width, n, _ = head
    if path.stat().st_size == _BUCKETS_HEAD:
        return np.zeros(0, f"u{width}"), np.zeros(0, f"u{width}")  # nothing cannot be mapped
    whole = np.memmap(path, f"u{width}", "r", _BUCKETS_HEAD)
    return whole[:n], whole[n:]


# ---- the exact similarity --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DescribeTask:
    """Documents (ascending) of a batch."""

    placed: tuple[Placed, ...]
    numbers: NDArray[np.int64]


def describe(task: DescribeTask) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """The rows of N documents in their shards, and their numbers of words."""
    rows, n_words = np.zeros(len(task.numbers), np.int64), np.zeros(len(task.numbers), np.uint32)
    for place in task.placed:
        begin, end = np.searchsorted(task.numbers, (place.begin, place.end))
        if begin < end:
            keys, at = read_columns(place.shard, "row", "n_words"), task.numbers[begin:end] - place.begin
            rows[begin:end] = read_numbers(keys, "row", np.int64)[at]
            n_words[begin:end] = np.minimum(read_numbers(keys, "n_words", np.int64)[at], 2**32 - 1)
    return rows, n_words


@dataclass(frozen=True, slots=True)
class FetchTask:
    """Documents (ascending) of a batch, with the group of each; what is read of them goes beside `path`."""

    placed: tuple[Placed, ...]
    numbers: NDArray[np.int64]
    groups: NDArray[np.int64]
    plan: DedupPlan
    path: Path
    id_type: pa.DataType
    signed: bool


@dataclass(frozen=True, slots=True)
class Fetched:
    """An Arrow file of documents, each record batch of one group: which group, and how many shingles."""

    path: Path
    groups: NDArray[np.int64]
    n_shingles: NDArray[np.int64]


def fetch(task: FetchTask) -> Fetched:
    """Read the texts and write what decides over them: shingles, ids, and signatures where a text may be out of reach."""
    signature = pa.list_(pa.uint32(), task.plan.n_permutations)
    fields = [
        ("number", pa.int64()),
        ("n_bytes", pa.int64()),
        ("score", pa.float64()),
        ("id", task.id_type),
        ("shingles", pa.large_list(pa.uint64())),
    ]
    schema = pa.schema([*fields, ("signature", signature)] if task.signed else fields)
    groups, n_shingles = list[int](), list[int]()
    path = own_path(task.path)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
        for place in task.placed:
            begin, end = np.searchsorted(task.numbers, (place.begin, place.end))
            if begin == end:
                continue
            keys = read_columns(place.shard, "row", "n_bytes", "score", "id")
            at = task.numbers[begin:end] - place.begin
            rows, n_bytes = (read_numbers(keys, name, np.int64)[at] for name in ("row", "n_bytes"))
            ids = keys["id"].take(pa.array(at)).cast(task.id_type)
            scores = read_scores(keys)[at]
            for low, high in _runs_of_bytes(n_bytes):
                texts = place.shard.read_texts(rows[low:high])
                sets, offsets = shingle_sets(texts, task.plan.shingle_words)
                columns = {
                    "number": task.numbers[begin + low : begin + high],
                    "n_bytes": n_bytes[low:high],
                    "score": scores[low:high],
                    "id": ids[low:high],
                    "shingles": pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(sets)),
                }
                if task.signed:
                    columns["signature"] = _signatures(
                        place.shard, rows[low:high], texts, task.plan, signature
                    )
                of_rows = task.groups[begin + low : begin + high]
                order = np.argsort(of_rows, kind="stable")
                table, of_rows = pa.table(columns, schema=schema).take(pa.array(order)), of_rows[order]
                (batch,) = table.combine_chunks().to_batches()
                firsts = np.flatnonzero(np.append(True, of_rows[1:] != of_rows[:-1])).tolist()
                for first, end_of_group in pairwise([*firsts, len(of_rows)]):
                    own = batch.slice(first, end_of_group - first)
                    file.write_batch(own)
                    groups.append(int(of_rows[first]))
                    n_shingles.append(len(own["shingles"].flatten()))
            release = getattr(place.shard, "release", None)
            if release is not None:
                release()
    return Fetched(path, np.array(groups, np.int64), np.array(n_shingles, np.int64))


def _runs_of_bytes(n_bytes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut documents into runs of about `FETCH_BYTES` of text."""
    runs = (np.cumsum(n_bytes) - n_bytes) // FETCH_BYTES
    cuts = [0, *(np.flatnonzero(np.diff(runs)) + 1).tolist(), len(n_bytes)]
    yield from pairwise(cuts)


def _signatures(
    shard: KeyShard,
    rows: NDArray[np.int64],
    texts: pa.Array | pa.ChunkedArray,
    plan: DedupPlan,
    kind: pa.DataType,
) -> pa.Array:
    """Signatures of a run of documents; the stored ones where a text is out of reach."""
    signatures = compute_signatures(texts, plan).copy()
    missing = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))
    if len(missing) and isinstance(shard, SignedShard):
        signatures[missing] = shard.read_signatures(rows[missing])
    return pa.FixedSizeListArray.from_arrays(pa.array(signatures.reshape(-1)), type=kind)


@dataclass(frozen=True, slots=True)
class VerifyTask:
    """A group: its buckets (files of sizes and members, with where the group's are), and its documents (files, with batches).

    `n_shingles` counts those of all its documents.
    """

    buckets: tuple[tuple[Path, int, int, int, int], ...]
    fetched: tuple[tuple[Path, tuple[int, ...]], ...]
    n_shingles: int
    n_fixed: int
    plan: DedupPlan
    scratch: Path


def verify(
    task: VerifyTask,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Who goes and for whom, with the similarity and whether it is the signatures' estimate."""
    documents, (shingles, begins, ends) = _gather(task)
    numbers = documents["number"].to_numpy()
    preference = Preference(
        numbers, documents["n_bytes"].to_numpy(), documents["score"].to_numpy(), numbers >= task.n_fixed
    )
    order, tied = preference.order()
    if len(tied):
        order = preference.order_with_ids(tied, _whole(documents["id"]).take(pa.array(tied)))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    sizes, members = _read_buckets(task)
    by_number = np.argsort(numbers)
    places = by_number[np.searchsorted(numbers, members, sorter=by_number)]
    keepers, jaccards, estimated = keep_greedily(
        (starts_of(sizes), ranks[places]),
        (shingles, begins[order], ends[order]),
        _read_signatures(documents, task.plan)[order],
        int(np.count_nonzero(numbers < task.n_fixed)),
        task.plan.jaccard,
    )
    removed = np.flatnonzero(keepers != STAYS)
    ordered = numbers[order]
    return ordered[removed], ordered[keepers[removed]], jaccards[removed], estimated[removed]


def _gather(task: VerifyTask) -> tuple[pa.Table, ShingleSets]:
    """The documents of a group, and their shingles; those of a cluster too large for memory lie in a file.

    Batches are read one by one: mapped, all of them would be in memory beside the array that they are copied to.
    """
    shingles = np.empty(task.n_shingles, np.uint64)
    if shingles.nbytes > MAP_BYTES:
        shingles = np.memmap(own_path(task.scratch), np.uint64, "w+", shape=shingles.shape)
    documents, lengths, fill = list[pa.Table](), list[NDArray[np.int64]](), 0
    for path, own in task.fetched:
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            for number in own:
                batch = file.get_batch(number)
                values = batch["shingles"].flatten().to_numpy()
                shingles[fill : fill + len(values)] = values
                fill += len(values)
                lengths.append(np.diff(batch["shingles"].offsets.to_numpy()))
                table = pa.Table.from_batches([batch]).drop_columns(["shingles"])
                documents.append(
                    table.take(pa.array(np.arange(len(table))))
                )  # a copy: all of a batch is one piece
    bounds = starts_of(np.concatenate(lengths))
    return pa.concat_tables(documents).combine_chunks(), (shingles, bounds[:-1], bounds[1:])


def _read_buckets(task: VerifyTask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    sizes, members = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for path, first, last, begin, end in task.buckets:
        all_sizes, all_members = load_buckets(path)
        sizes.append(all_sizes[first:last].astype(np.int64))
        members.append(all_members[begin:end].astype(np.int64))
    return np.concatenate(sizes), np.concatenate(members)


def _read_signatures(documents: pa.Table, plan: DedupPlan) -> NDArray[np.uint32]:
    """Signatures of N documents, (N, 0) where no text is out of reach."""
    if "signature" not in documents.column_names:
        return np.zeros((len(documents), 0), np.uint32)
    column = _whole(documents["signature"])
    return column.values.to_numpy(zero_copy_only=False).reshape(-1, plan.n_permutations)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def starts_of(sizes: NDArray[Any]) -> NDArray[np.int64]:
    """Where each of several runs begins; the end of the last one at the end."""
    return np.append(np.int64(0), np.cumsum(sizes, dtype=np.int64))
