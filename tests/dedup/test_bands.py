"""Keys that are shared are found, all of them, whatever the memory."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import exchange
from curate.dedup.bands import KeyFilter, find_roots, find_shared, join_buckets
from curate.dedup.exchange import MAX_RANGES, SpreadWriter, count_ranges, read_range


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


@pytest.mark.parametrize("n_ranges", [1, 2, 64])
@pytest.mark.parametrize("buffer_bytes", [1 << 30, 2000])
def test_ranges_give_back_every_row_once_and_in_order(tmp_path, monkeypatch, n_ranges, buffer_bytes):
    monkeypatch.setattr(exchange, "BUFFER_BYTES", buffer_bytes)
    rng = np.random.default_rng(2)
    keys = rng.integers(0, 2**64, 3000, np.uint64)
    keys[::3] = keys[0]
    numbers = np.arange(3000)
    spreads = []
    for name, own in (("a", range(0, 1500, 250)), ("b", range(1500, 3000, 250))):
        with SpreadWriter(tmp_path / name, ("u8", "u4"), n_ranges) as writer:
            for begin in own:
                writer.add(keys[begin : begin + 250], numbers[begin : begin + 250])
            spreads.append(writer.finish())
    parts = [read_range(spreads, number, ("u8", "u4")) for number in range(n_ranges)]
    assert [part[0].dtype.str for part in parts] == ["<u8"] * n_ranges
    for number, (some, own) in enumerate(parts):
        assert (some >> np.uint64(64 - n_ranges.bit_length() + 1) == number).all() or n_ranges == 1
        assert (np.diff(own.astype(np.int64)) > 0).all()
        assert (keys[own] == some).all()
    assert sorted(np.concatenate([own for _, own in parts]).tolist()) == numbers.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 1) | st.integers(0, 200_000), max_size=60),
    st.integers(0, 2**31),
    st.sampled_from([1, 8]),
)
def test_numbers_that_are_stored_in_two_bytes_come_back_whole(steps, first, n_ranges):
    numbers = first + np.cumsum([0, *steps])
    keys = np.random.default_rng(len(steps)).integers(0, 2**64, len(numbers), np.uint64)
    kinds = ("u8", "u4")
    with TemporaryDirectory() as folder:
        with SpreadWriter(Path(folder) / "keys", kinds, n_ranges, packed=True) as writer:
            for begin in range(0, len(keys), 25):
                writer.add(keys[begin : begin + 25], numbers[begin : begin + 25])
            spread = writer.finish()
        parts = [read_range([own], number, kinds) for number, own in enumerate(spread.by_range(n_ranges))]
        assert spread.path.stat().st_size == 10 * len(keys)
    found = {(int(key), int(number)) for part in parts for key, number in zip(*part, strict=True)}
    assert {part[1].dtype.str for part in parts} == {"<u4"}
    assert sum(len(part[0]) for part in parts) == len(keys)
    assert found == set(zip(keys.tolist(), numbers.tolist(), strict=True))


def test_ranges_are_a_power_of_two_and_not_without_end():
    assert [count_ranges(n, 100) for n in (0, 1, 100, 101, 201, 10**9)] == [1, 1, 1, 2, 4, MAX_RANGES]


def test_a_filter_holds_what_was_added_and_little_else():
    rng = np.random.default_rng(4)
    keys, others = rng.integers(0, 2**64, (2, 50_000), np.uint64)
    seen = KeyFilter(50_000)
    seen.add(keys[:20_000])
    other = KeyFilter(50_000)
    other.add(keys[20_000:])
    seen = KeyFilter.of([seen, other])
    assert seen.may_hold(keys).all()
    assert seen.may_hold(others).mean() < 0.12


def test_documents_that_share_buckets_over_others_have_one_root():
    parents = np.arange(8, dtype=np.uint32)
    join_buckets(parents, np.array([0, 2, 4, 6]), np.array([1, 2, 5, 6, 2, 6], np.uint32))
    roots = np.empty(8, np.uint32)
    find_roots(parents, np.arange(8, dtype=np.uint32), roots)
    assert roots.tolist() == [0, 1, 1, 3, 4, 1, 1, 7]
