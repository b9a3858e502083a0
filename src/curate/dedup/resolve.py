"""The barrier: all keys in, and for every duplicate the document that stays out.

    read keys -> same address -> same words -> shared bands -> exact Jaccard, best first -> ledger

What is held in memory is about 40 bytes a document, and within the given budget the partitions of the keys
and the shingles of the candidates; what exceeds it waits in files of the scratch folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.config import MIN_MEMORY_BYTES
from curate.dedup.bands import KeyFilter, KeySpool, find_shared
from curate.dedup.candidates import find_buckets, read_groups, starts_of
from curate.dedup.documents import DOCUMENT_BYTES, Documents, read_numbers
from curate.dedup.plan import DedupPlan
from curate.dedup.shards import KeyShard
from curate.dedup.urls import hash_urls
from curate.dedup.verify import keep_greedily
from curate.errors import SettingError

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

_BASE_BYTES = 400 << 20  # interpreter, libraries and a batch of texts
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
    if memory_bytes < MIN_MEMORY_BYTES:
        raise SettingError(f"{memory_bytes} bytes of memory are too few; give at least 64MB.")
    names = [shard.name for shard in (*shards, *earlier)]
    if len(set(names)) < len(names):
        raise SettingError("Two shards have the same name; give each its own.")
    folder = Path(scratch)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        run = _Run(Documents(shards, earlier, plan), plan, folder, memory_bytes)
        if by_url:
            run.remove_same_keys("url")
        run.remove_same_keys("exact")
        if near:
            run.remove_near()
        return run.ledger()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Run:
    """State of one resolution."""

    def __init__(self, documents: Documents, plan: DedupPlan, folder: Path, memory_bytes: int) -> None:
        self.documents, self.plan, self.folder = documents, plan, folder
        n = documents.n_documents
        # What is left for keys and shingles; a quarter at the least, however small the limit.
        spent = _BASE_BYTES + n * DOCUMENT_BYTES
        self.memory_bytes = max(memory_bytes // 4, memory_bytes - spent)
        self.keepers = np.full(n, _STAYS, np.int64)
        self.jaccards = np.full(n, np.nan, np.float32)
        self.methods = np.zeros(n, np.uint8)

    def remove_same_keys(self, method: str) -> None:
        """Remove all but the preferred one of the documents with the same 128-bit key."""
        docs = self.documents
        spool = KeySpool(self.folder, method, docs.n_documents, self.memory_bytes // 8)
        # The lower half of the keys stays in memory and confirms what the upper half found.
        lows = np.zeros(docs.n_documents, np.uint64)
        wanted = KeyFilter(docs.n_documents - docs.n_fixed) if docs.n_fixed else None
        for place in reversed(docs.placed):  # earlier documents come last: few of theirs are wanted
            high, low, takes_part = _read_same_keys(place.shard.read_keys(), method)
            takes_part &= self.keepers[place.begin : place.end] == _STAYS
            if wanted and place.begin < docs.n_fixed:
                takes_part &= wanted.may_hold(high)
            lows[place.begin : place.end] = low
            documents = np.flatnonzero(takes_part)
            if wanted and place.begin >= docs.n_fixed:
                wanted.add(high[documents])
            spool.add(high[documents], (documents + place.begin).astype(np.uint32))
        for keys, documents in spool.partitions():
            starts, members = find_shared(keys, documents)
            groups = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            by_number = np.argsort(members)
            preference = np.empty(len(members), np.int64)
            preference[by_number] = docs.preference(members[by_number].astype(np.int64))
            order = np.lexsort((preference, lows[members], groups))
            members, groups = members[order].astype(np.int64), groups[order]
            low = lows[members]
            is_first = np.append(True, (groups[1:] != groups[:-1]) | (low[1:] != low[:-1]))[: len(members)]
            keepers = members[is_first][np.cumsum(is_first) - 1]
            removed = (keepers != members) & (members >= docs.n_fixed)
            self._remove(members[removed], keepers[removed], 1.0 if method == "exact" else np.nan, method)

    def remove_near(self) -> None:
        """Remove what has a kept twin at or above the threshold, by bands and exact comparison."""
        docs = self.documents
        takes_part = (self.keepers == _STAYS) & (docs.n_words >= self.plan.shingle_words)
        buckets = find_buckets(docs, takes_part, self.plan, self.folder, self.memory_bytes // 4)
        ranks = np.zeros(docs.n_documents, np.int64)  # by number, in the group at hand
        for group in read_groups(docs, buckets, self.plan, self.folder, self.memory_bytes // 2):
            documents = group.documents
            preference = docs.preference(documents)
            ranks[documents] = preference
            order = np.argsort(preference)
            shingles, begins, ends = group.sets
            keepers, jaccards, estimated = keep_greedily(
                (
                    starts_of(group.buckets.sizes),
                    ranks[group.buckets.members],
                ),
                (shingles, begins[order], ends[order]),
                group.signatures[order] if len(group.signatures) else group.signatures,
                int(np.count_nonzero(documents < docs.n_fixed)),
                self.plan.jaccard,
            )
            ordered = documents[order]
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
        shard, row = self.documents.locate(removed)
        kept_shard, kept_row = self.documents.locate(keepers)
        jaccards, methods = self.jaccards[removed], self.methods[removed]
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


def _read_same_keys(
    keys: pa.RecordBatch | pa.Table, method: str
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """Give (high, low, takes part) of the keys that equal documents have in common."""
    if method == "url":
        if "url" not in keys.schema.names:
            raise SettingError("Deduplication by URL was asked for, but the input has no column 'url'.")
        return hash_urls(keys["url"])
    # Of documents without words, those without bytes have nothing in common.
    takes_part = read_numbers(keys, "n_bytes", np.int64) > 0
    return read_numbers(keys, "exact_high", np.uint64), read_numbers(keys, "exact_low", np.uint64), takes_part
