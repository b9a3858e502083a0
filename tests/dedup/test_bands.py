"""Keys that are shared are found, all of them, whatever the memory."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import bands
from curate.dedup.bands import KeyFilter, KeySpool, find_roots, find_shared, join_buckets


def shared_by_dict(keys, documents):
    holders = defaultdict(list)
    for key, document in zip(keys.tolist(), documents.tolist(), strict=True):
        holders[key].append(document)
    return sorted(sorted(some) for some in holders.values() if len(some) > 1)


def as_lists(starts, members):
    return sorted(members[a:b].tolist() for a, b in pairwise(starts.tolist()))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 30) | st.integers(0, 2**64 - 1), max_size=200))
def test_shared_keys_are_those_of_a_dictionary(values):
    keys, documents = np.array(values, np.uint64), np.arange(len(values), dtype=np.uint32)
    assert as_lists(*find_shared(keys, documents)) == shared_by_dict(keys, documents)


@pytest.mark.parametrize(("per_partition", "buffer_bytes"), [(1 << 21, 1 << 30), (100, 1 << 30), (100, 2000)])
def test_partitions_give_back_every_pair_from_memory_or_disk(
    tmp_path, monkeypatch, per_partition, buffer_bytes
):
    monkeypatch.setattr(bands, "_KEYS_PER_PARTITION", per_partition)
    rng = np.random.default_rng(2)
    keys = rng.integers(0, 2**64, 3000, np.uint64)
    keys[::3] = keys[0]
    documents = np.arange(3000, dtype=np.uint32)
    spool = KeySpool(tmp_path, "k", 3000, buffer_bytes)
    for begin in range(0, 3000, 250):
        spool.add(keys[begin : begin + 250], documents[begin : begin + 250])
    assert bool(list(tmp_path.iterdir())) == (buffer_bytes == 2000)
    parts = list(spool.partitions())
    assert len(parts) > 1 or per_partition > 3000
    found = sorted(
        pair for some, numbers in parts for pair in zip(some.tolist(), numbers.tolist(), strict=True)
    )
    assert found == sorted(zip(keys.tolist(), documents.tolist(), strict=True))
    assert not list(tmp_path.iterdir())


def test_a_filter_holds_what_was_added_and_little_else():
    rng = np.random.default_rng(4)
    keys, others = rng.integers(0, 2**64, (2, 50_000), np.uint64)
    seen = KeyFilter(50_000)
    seen.add(keys)
    assert seen.may_hold(keys).all()
    assert seen.may_hold(others).mean() < 0.12


def test_documents_that_share_buckets_over_others_have_one_root():
    parents = np.arange(8, dtype=np.uint32)
    join_buckets(parents, np.array([0, 2, 4, 6]), np.array([1, 2, 5, 6, 2, 6], np.uint32))
    roots = np.empty(8, np.uint32)
    find_roots(parents, np.arange(8, dtype=np.uint32), roots)
    assert roots.tolist() == [0, 1, 1, 3, 4, 1, 1, 7]
