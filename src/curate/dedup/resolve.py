"""The barrier: all keys in, and for every duplicate the document that stays out.

    same address -> same words -> shared bands -> components -> exact Jaccard, best first -> ledger

Each step is tasks over batches of shards, over ranges of keys, or over groups of documents (`curate.dedup.steps`), and
what lies between two steps is files of the scratch folder. One machine runs the same tasks, one after another. What
is held here is what documents have in common: about 40 bytes for each that shares a band, 20 for each that goes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.config import MIN_MEMORY_BYTES
from curate.dedup.bands import KeyFilter, find_roots, join_buckets
from curate.dedup.documents import Documents, Placed, measure_shard
from curate.dedup.exchange import Spread, count_ranges
from curate.dedup.plan import DedupPlan
from curate.dedup.shards import KeyShard, SignedShard
from curate.dedup.steps import (
    Batch,
    DescribeTask,
    Fetched,
    FetchTask,
    MatchTask,
    SpreadTask,
    VerifyTask,
    describe,
    fetch,
    load_buckets,
    match_bands,
    match_same,
    save_buckets,
    spread_keys,
    starts_of,
    verify,
)
from curate.errors import SettingError
from curate.protocols import Engine

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

KEYS_A_RANGE = 1 << 21
GROUP_BYTES = 32 << 20
_MAX_GROUPS = 1 << 12
_KEY_BYTES = 64  # what a key takes while its range is sorted
_SHINGLE_BYTES = 8
_MAX_FILTER_KEYS = 1 << 28
_WORTH_WORKERS = 20_000  # documents; fewer are resolved in this process
Task = TypeVar("Task")
Result = TypeVar("Result")


def resolve_duplicates(
    shards: Sequence[KeyShard],
    plan: DedupPlan,
    scratch: str | Path,
    *,
    memory_bytes: int = 4 << 30,
    by_url: bool = False,
    near: bool = True,
    earlier: Sequence[KeyShard] = (),
    engine: Engine | None = None,
) -> pa.Table:
    """Find every document to remove and the document that stays for it.

    Of two duplicates the one with the higher score stays (where shards give scores), else the longer text
    in bytes, else the smaller id, else the first by shard name and row.

    Args:
        shards: what to deduplicate, in any order.
        plan: the plan that the keys were computed with.
        scratch: a folder for files between the steps; it is emptied before and after.
        memory_bytes: what keys and shingles may take at a time, in each task.
        near: remove near-duplicates, not only exact ones.
        by_url: first remove all but one of the documents of each address.
        earlier: shards of documents that stay whatever comes; nothing of theirs is removed.
        engine: whose workers share the steps, where there are many documents; shards must be such that they can be
            sent to them.

    Returns:
        A table of `LEDGER_SCHEMA`, ordered by shard and row. `shard` and `kept_shard` are positions in
        `[*shards, *earlier]`; `jaccard` is null for the method "url". A document that is kept for another
        is itself never removed.
    """
    if memory_bytes < MIN_MEMORY_BYTES:
        raise SettingError(f"{memory_bytes} bytes of memory are too few; give at least 64MB.")
    names = [shard.name for shard in (*shards, *earlier)]
    if len(set(names)) < len(names):
        raise SettingError("Two shards have the same name; give each its own.")
    folder = Path(scratch).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        run = _Run(shards, earlier, plan, folder, memory_bytes, engine)
        if by_url:
            run.remove_same_keys("url")
        run.remove_same_keys("exact")
        if near:
            run.remove_near()
        return run.ledger()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """State of one resolution: what is removed, ascending, with its keeper, similarity and method."""

    def __init__(
        self,
        shards: Sequence[KeyShard],
        earlier: Sequence[KeyShard],
        plan: DedupPlan,
        folder: Path,
        memory_bytes: int,
        engine: Engine | None,
    ) -> None:
        self.plan, self.folder = plan, folder
        self.keys_a_range = max(1, min(KEYS_A_RANGE, memory_bytes // 4 // _KEY_BYTES))
        self.memory_bytes = memory_bytes
        lengths = [measure_shard(shard, plan) for shard in (*shards, *earlier)]
        self.documents = Documents.of(shards, earlier, lengths)
        self.signed = any(isinstance(shard, SignedShard) for shard in earlier)
        self.engine = engine if engine and self.documents.n_documents >= _WORTH_WORKERS else None
        self.removed, self.keepers = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.jaccards, self.methods = np.zeros(0, np.float32), np.zeros(0, np.uint8)
        self.n_files = 0

    # ---- the steps ------------------------------------------------------------------------------------

    def remove_same_keys(self, method: str) -> None:
        """Remove all but the preferred one of the documents with the same 128-bit key."""
        found = list(self._match(method, self.documents.n_documents, match_same))
        if found:
            removed, keepers = (np.concatenate(parts) for parts in zip(*found, strict=True))
            self._remove(removed, keepers, 1.0 if method == "exact" else np.nan, method)

    def remove_near(self) -> None:
        """Remove what has a kept twin at or above the threshold, by bands and exact comparison."""
        n_keys = (self.documents.n_documents - len(self.removed)) * self.plan.n_bands
        buckets = list(self._match("near", n_keys, match_bands))
        members = [np.unique(load_buckets(path)[1]).astype(np.int64) for path in buckets]
        candidates = np.unique(np.concatenate([*members, np.zeros(0, np.int64)]))
        del members
        if not len(candidates):
            return
        _, n_words = self._describe(candidates)
        groups = self._assign_groups(candidates, n_words, buckets)
        fetched = self._fetch(candidates, groups)
        n_groups = int(groups.max()) + 1
        routed = [self._route(path, candidates, groups, n_groups) for path in buckets]
        files = _files_by_group(fetched, n_groups)
        tasks = [
            VerifyTask(
                tuple(
                    (path, *bounds[group].tolist())
                    for path, bounds in routed
                    if bounds[group, 0] < bounds[group, 1]
                ),
                *files[group],
                self.documents.n_fixed,
                self.plan,
                self._file("shingles"),
            )
            for group in range(n_groups)
        ]
        found = list(self._map(verify, tasks))
        removed, keepers, jaccards, estimated = (np.concatenate(parts) for parts in zip(*found, strict=True))
        self._remove(removed, keepers, jaccards, np.where(estimated, "estimate", "near"))

    def ledger(self) -> pa.Table:
        """List what is removed. A copy of a document that fell later goes with it, to the one that stays."""
        removed, keepers, jaccards = self.removed, self.keepers.copy(), self.jaccards.copy()
        methods = self.methods.copy()
        for method in ("exact", "url"):  # the reverse of the order of removal
            own = np.flatnonzero(methods == METHODS.index(method))
            at = np.searchsorted(removed, keepers[own])
            fell = (at < len(removed)) & (removed[np.minimum(at, len(removed) - 1)] == keepers[own])
            own, at = own[fell], at[fell]
            keepers[own] = keepers[at]
            if method == "exact":
                jaccards[own], methods[own] = jaccards[at], methods[at]
        row = self._describe(removed)[0]
        stays, place = np.unique(keepers, return_inverse=True)
        kept_row = self._describe(stays)[0][place]
        shard, kept_shard = self.documents.positions(removed), self.documents.positions(keepers)
        ledger = pa.table(
            {
                "shard": shard,
                "row": row,
                "kept_shard": kept_shard,
                "kept_row": kept_row,
                "jaccard": pa.array(jaccards, mask=np.isnan(jaccards)),
                "method": pa.array(METHODS).take(pa.array(methods)),
            },
            schema=LEDGER_SCHEMA,
        )
        return ledger.take(pa.array(np.lexsort((row, shard))))

    # ---- their parts ----------------------------------------------------------------------------------

    def _match(self, method: str, n_keys: int, match: Callable[[MatchTask], Result]) -> Iterator[Result]:
        """Spread the keys, and find in each range those that documents have in common."""
        n_ranges = count_ranges(n_keys, self.keys_a_range)
        spreads = self._spread(method, n_ranges)
        by_range = zip(*(spread.by_range(n_ranges) for spread in spreads), strict=True)
        tasks = [
            MatchTask(own, number, self.documents, self._file("buckets"))
            for number, own in enumerate(by_range)
        ]
        yield from self._map(match, tasks)
        for spread in spreads:
            spread.path.unlink()

    def _spread(self, method: str, n_ranges: int) -> list[Spread]:
        """Write the keys of all shards by range. Of earlier ones only those that a later one may share."""
        documents = self.documents
        kinds = [False, True] if documents.n_fixed else [True]
        n_late_keys = documents.n_documents - documents.n_fixed
        n_late_keys *= self.plan.n_bands if method == "near" else 1
        use_filter = bool(documents.n_fixed) and n_late_keys <= _MAX_FILTER_KEYS
        spreads: list[Spread] = []
        wanted = None
        for late in reversed(kinds):
            tasks = [
                SpreadTask(
                    Batch(placed, _within(self.removed, placed)),
                    method,
                    self.plan,
                    self._file("keys"),
                    n_ranges,
                    documents.number_kind,
                    n_late_keys if late and use_filter else 0,
                    None if late else wanted,
                )
                for placed in self._batches(late=late)
            ]
            found = list(self._map(spread_keys, tasks))
            spreads += [spread for spread, _ in found]
            filters = [held for _, held in found if held is not None]
            wanted = KeyFilter.of(filters) if filters else None
        return spreads

    def _describe(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Rows and numbers of words of ascending documents."""
        tasks = [
            DescribeTask(placed, own) for placed in self._batches() if len(own := _within(numbers, placed))
        ]
        found = list(self._map(describe, tasks))
        rows, n_words = [np.zeros(0, np.int64)], [np.zeros(0, np.uint32)]
        return (
            np.concatenate([*rows, *(each[0] for each in found)]),
            np.concatenate([*n_words, *(each[1] for each in found)]),
        )

    def _assign_groups(
        self, candidates: NDArray[np.int64], n_words: NDArray[np.uint32], buckets: Sequence[Path]
    ) -> NDArray[np.int64]:
        """Every candidate's group: connected documents together, small clusters packed up to the limit."""
        parents = np.arange(len(candidates), dtype=np.uint32 if len(candidates) < 1 << 32 else np.uint64)
        for path in buckets:
            sizes, members = load_buckets(path)
            places = np.searchsorted(candidates, members.astype(np.int64)).astype(parents.dtype)
            join_buckets(parents, starts_of(sizes), places)
        roots = np.empty(len(candidates), parents.dtype)
        find_roots(parents, np.arange(len(candidates)), roots)
        components, component_of = np.unique(roots, return_inverse=True)
        costs = np.bincount(component_of, n_words.astype(np.float64) * _SHINGLE_BYTES, len(components))
        # Small groups keep memory flat; without end they would be as many files and tasks.
        limit = min(max(GROUP_BYTES, costs.sum() / _MAX_GROUPS), self.memory_bytes / 4)
        filled = ((np.cumsum(costs) - costs) // limit).astype(np.int64)
        return np.unique(filled, return_inverse=True)[1][component_of].astype(np.int64)

    def _fetch(self, candidates: NDArray[np.int64], groups: NDArray[np.int64]) -> list[Fetched]:
        """Have the candidates' texts read."""
        id_type = pa.int64() if self.documents.has_whole_ids else pa.large_string()
        tasks: list[FetchTask] = []
        for placed in self._batches():
            begin, end = np.searchsorted(candidates, (placed[0].begin, placed[-1].end))
            if begin < end:
                some, own = candidates[begin:end], groups[begin:end]
                path = self._file("texts")
                tasks.append(FetchTask(placed, some, own, self.plan, path, id_type, self.signed))
        return list(self._map(fetch, tasks))

    def _route(
        self, path: Path, candidates: NDArray[np.int64], groups: NDArray[np.int64], n_groups: int
    ) -> tuple[Path, NDArray[np.int64]]:
        """Sort the buckets of a range by group; give the file, and each group's (first, last) bucket and (begin, end) member.

        The file is a new one: another machine may know the old one by its name.
        """
        sizes, members = load_buckets(path)
        starts = starts_of(sizes)
        group_of = groups[np.searchsorted(candidates, members[starts[:-1]].astype(np.int64))]
        order = np.argsort(group_of, kind="stable")
        of_member = np.repeat(group_of, sizes)
        sorted_sizes, sorted_members = sizes[order], members[np.argsort(of_member, kind="stable")]
        by_group = path.with_suffix(".sorted")
        save_buckets(by_group, sorted_sizes, sorted_members)
        path.unlink()
        bounds = np.searchsorted(group_of[order], np.arange(n_groups + 1))
        ends = starts_of(sorted_sizes)[bounds]
        return by_group, np.stack([bounds[:-1], bounds[1:], ends[:-1], ends[1:]], axis=1)

    def _remove(
        self,
        documents: NDArray[np.int64],
        keepers: NDArray[np.int64],
        jaccards: NDArray[np.float64] | float,
        method: str | NDArray[np.str_],
    ) -> None:
        names = np.broadcast_to(np.asarray(method), documents.shape)
        methods = np.zeros(len(documents), np.uint8)
        for number, name in enumerate(METHODS):
            methods[names == name] = number
        similar = np.broadcast_to(np.asarray(jaccards, np.float32), documents.shape)
        removed = np.concatenate([self.removed, documents])
        order = np.argsort(removed)
        self.removed = removed[order]
        self.keepers = np.concatenate([self.keepers, keepers])[order]
        self.jaccards = np.concatenate([self.jaccards, similar])[order]
        self.methods = np.concatenate([self.methods, methods])[order]

    def _batches(self, *, late: bool | None = None) -> list[tuple[Placed, ...]]:
        """Shards, in their order, as many together as make a few tasks for each worker."""
        placed = [
            place
            for place in self.documents.placed
            if late is None or (place.begin >= self.documents.n_fixed) == late
        ]
        n = 4 * self.engine.n_workers if self.engine else 1
        size = max(1, -(-len(placed) // n))
        return [tuple(placed[begin : begin + size]) for begin in range(0, len(placed), size)]

    def _map(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterable[Result]:
        """The tasks' results in their order."""
        if self.engine is None:
            return map(function, tasks)
        numbered = dict(self.engine.map(_Numbered(function), list(enumerate(tasks))))
        return [numbered[number] for number in range(len(tasks))]

    def _file(self, name: str) -> Path:
        self.n_files += 1
        return self.folder / f"{name}-{self.n_files:06d}.bin"


_Files = tuple[tuple[Path, tuple[int, ...]], ...]


def _files_by_group(fetched: Sequence[Fetched], n_groups: int) -> list[tuple[_Files, int]]:
    """For each group the files that hold documents of it, with the numbers of their batches; and all of its shingles."""
    found: list[list[tuple[Path, tuple[int, ...]]]] = [[] for _ in range(n_groups)]
    n_shingles = np.zeros(n_groups, np.int64)
    for each in fetched:
        own: dict[int, list[int]] = {}
        for number, group in enumerate(each.groups.tolist()):
            own.setdefault(group, []).append(number)
        for group, numbers in own.items():
            found[group].append((each.path, tuple(numbers)))
        np.add.at(n_shingles, each.groups, each.n_shingles)
    return [(tuple(files), n) for files, n in zip(found, n_shingles.tolist(), strict=True)]


class _Numbered:
    """A step that gives a task's number back with its result."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __call__(self, task: tuple[int, Any]) -> tuple[int, Any]:
        return task[0], self._function(task[1])


def _within(numbers: NDArray[np.int64], placed: Sequence[Placed]) -> NDArray[np.int64]:
    """Those of ascending numbers that are of these shards."""
    begin, end = np.searchsorted(numbers, (placed[0].begin, placed[-1].end))
    return numbers[begin:end]
