"""Files that are there whole or not at all, and bytes that depend on the rows alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.work import files as shards
from curate.work.files import (
    batch_rows,
    committed,
    cut_parts,
    cut_row_groups,
    read_arrow,
    read_facts,
    remove_leftovers,
    write_arrow,
    write_parquet,
)  # fmt: skip

SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])


def make_table(n_rows: int, start: int = 0) -> pa.Table:
    texts = [
        f"text {number} " * (number % 7) if number % 5 else None for number in range(start, start + n_rows)
    ]
    return pa.table({"id": range(start, start + n_rows), "text": texts}, schema=SCHEMA)


def test_a_failed_write_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), committed(path) as temporary:
        temporary.write_text("half")
        _ = 1 / 0
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / ".tmp-99-part.parquet").write_text("half")
    (tmp_path / "kept" / "part.parquet").write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["part.parquet"]


def test_facts_travel_with_an_arrow_file(tmp_path: Path) -> None:
    table = make_table(20)
    write_arrow(tmp_path / "a.arrow", table, {"n": 1, "name": "é"})
    assert read_facts(tmp_path / "a.arrow") == {"n": 1, "name": "é"}
    assert read_arrow(tmp_path / "a.arrow").equals(table)


@given(st.lists(st.integers(1, 2000), min_size=1, max_size=5))
def test_parquet_bytes_depend_on_the_rows_alone(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("parquet")
    starts = np.concatenate([[0], np.cumsum(cuts)])
    pieces = [make_table(n, int(start)) for n, start in zip(cuts, starts, strict=False)]
    write_parquet(folder / "whole.parquet", [make_table(int(starts[-1]))], SCHEMA)
    assert write_parquet(folder / "pieces.parquet", pieces, SCHEMA) == starts[-1]
    whole, cut = (
        hashlib.sha256((folder / name).read_bytes()).digest() for name in ("whole.parquet", "pieces.parquet")
    )
    assert whole == cut


@given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 10), st.integers(1, 200))
def test_row_groups_cover_all_rows_within_their_bounds(lengths: list[int], n_rows: int, n_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROW_GROUP_ROWS", n_rows)
        patch.setattr(shards, "ROW_GROUP_BYTES", n_bytes)
        ends = cut_row_groups(np.array(lengths, np.int64))
    starts = [0, *ends[:-1]]
    assert ends[-1:] == ([len(lengths)] if lengths else [])
    for start, end in zip(starts, ends, strict=False):
        assert 0 < end - start <= n_rows
        assert sum(lengths[start : end - 1]) < n_bytes  # the last row may reach it


@given(st.lists(st.integers(0, 100), max_size=60))
def test_parts_end_where_row_groups_end(lengths: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROW_GROUP_ROWS", 4)
        sizes = np.array(lengths, np.int64)
        assert set(cut_parts(sizes, 300)) <= set(cut_row_groups(sizes))
        assert cut_parts(sizes, 300)[-1:] == cut_row_groups(sizes)[-1:]


def test_a_small_result_is_shared_out_and_a_large_one_is_not_in_more_files_than_asked() -> None:
    rows = np.full(100_000, 3_000)  # 300 MB
    ends = cut_parts(rows, 512 << 20)
    assert len(ends) == -(-100_000 // 16_384)
    assert cut_parts(rows[:10_000], 512 << 20) == [10_000]
    large = np.full(10_000_000, 3_000)
    assert len(cut_parts(large, 512 << 20)) == len(cut_parts(large, 500 << 20)) > 16


def test_row_groups_of_a_file_are_where_the_cut_says(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "ROW_GROUP_ROWS", 100)
        write_parquet(tmp_path / "a.parquet", [make_table(150), make_table(130, 150)], SCHEMA)
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [100, 100, 80]


@pytest.mark.parametrize(
    ("texts", "dictionary"),
    [
        (["word " * 20_000 + str(n) for n in range(2_000)], False),  # 200 MB in one row group
        (["word " * 40_000] * 1_500, True),  # 300 MB, stored once
        (["word " * 40_000, *map(str, range(500))] * 2, True),
        ([f"a page of some words, number {n}" for n in range(30_000)], True),
        ([], True),
    ],
)
def test_a_batch_of_a_row_group_of_any_size_is_bounded(tmp_path, texts, dictionary):
    path = tmp_path / "x.parquet"
    pq.write_table(
        pa.table({"text": texts}), path, row_group_size=10**9, use_dictionary=dictionary, compression="zstd"
    )
    with pq.ParquetFile(path) as file:
        n_rows = batch_rows(file.metadata)
        sizes = [batch.nbytes for batch in file.iter_batches(n_rows, use_threads=False)]
    assert max(sizes, default=0) < 100 << 20
    assert 1 <= n_rows <= 8192
