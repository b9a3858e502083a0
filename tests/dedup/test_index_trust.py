"""An index loses no crawl in silence, and one from elsewhere harms nobody."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

from common import run_curate
from curate.dedup.index import changing_index, open_index, relocate_texts
from curate.errors import CurateError, RunError, SettingError
from curate.jobs.dedup import dedup_files
from curate.jobs.index import add_to_index, build_index
from curate.work.files import read_arrow, write_arrow
from planted import plant_texts

N = 200
QUIET = {"workers": 1, "progress": False}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return plant_texts(N, seed=5)


@pytest.fixture
def crawl(texts: list[str], tmp_path: Path) -> Path:
    path = tmp_path / "crawl" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"id": [f"a{n}" for n in range(N)], "text": texts}), path, row_group_size=50)
    return path


@pytest.fixture
def index(crawl: Path, tmp_path: Path) -> Path:
    build_index(tmp_path / "index", str(crawl), **QUIET)
    return tmp_path / "index"


def test_a_second_addition_is_refused_at_its_start(index: Path, crawl: Path) -> None:
    with changing_index(index):
        for arguments in (("add", index), ("build", index)):
            done = run_curate("index", *arguments, "--input", crawl, "--workers", 1)
            assert (done.returncode, "Another process" in done.stderr) == (2, True)
    assert open_index(index).n_documents == N


def test_the_same_files_are_added_once_and_others_of_their_name_are_added(
    index: Path, crawl: Path, texts: list[str]
) -> None:
    assert add_to_index(index, str(crawl), **QUIET).n_documents == N
    pq.write_table(pa.table({"text": texts}), crawl)
    assert add_to_index(index, str(crawl), **QUIET).n_documents == 2 * N


def damaged_inputs(folder: Path, texts: list[str]) -> dict[str, Path]:
    lines = "".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts))
    packed = gzip.compress(lines.encode())
    inputs = {
        name: folder / name
        for name in ("cut.jsonl.gz", "broken.jsonl", "cut.parquet", "rotten.parquet", "none.jsonl")
    }
    inputs["cut.jsonl.gz"].write_bytes(packed[: len(packed) // 2])
    inputs["broken.jsonl"].write_text(lines.replace('"text"', '"text', 3))
    pq.write_table(pa.table({"text": texts}), folder / "whole.parquet", compression="snappy")
    data = (folder / "whole.parquet").read_bytes()
    inputs["cut.parquet"].write_bytes(data[: len(data) // 2])
    inputs["rotten.parquet"].write_bytes(data[:2000] + bytes(b ^ 255 for b in data[2000:4000]) + data[4000:])
    inputs["none.jsonl"].write_text('{"id": "1"}\n')
    return inputs


@pytest.mark.parametrize(
    "name", ["cut.jsonl.gz", "broken.jsonl", "cut.parquet", "rotten.parquet", "none.jsonl"]
)
def test_what_cannot_be_read_whole_is_not_added_at_all(
    index: Path, crawl: Path, texts: list[str], tmp_path: Path, name: str
) -> None:
    given = damaged_inputs(tmp_path, texts)[name]
    before = open_index(index).stamp
    with pytest.raises(CurateError):
        add_to_index(index, [str(crawl), str(given)] if name != "none.jsonl" else str(given), **QUIET)
    assert open_index(index).stamp == before
    with pytest.raises(CurateError):
        build_index(tmp_path / "new", str(given), **QUIET)
    assert not (tmp_path / "new").exists()


def test_a_build_that_was_killed_leaves_no_index_and_can_be_repeated(
    crawl: Path, texts: list[str], tmp_path: Path
) -> None:
    script = (
        "import sys, os, signal, curate.jobs.index as room\n"
        "room.append_segment = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "room.build_index(sys.argv[1], sys.argv[2], workers=1, progress=False)"
    )
    target = tmp_path / "index"
    done = subprocess.run([sys.executable, "-c", script, target, crawl], check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(SettingError, match="No index"):
        open_index(target)
    assert build_index(target, str(crawl), **QUIET).n_documents == N
    assert sorted(path.name for path in target.iterdir()) == ["manifest.json", "segment-00000"]


def test_an_empty_index_is_not_deduplicated_against(index: Path, crawl: Path, tmp_path: Path) -> None:
    manifest = json.loads((index / "manifest.json").read_text()) | {"segments": [], "format": 1}
    del manifest["checksum"]
    (index / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SettingError, match="is empty"):
        dedup_files(str(crawl), tmp_path / "out", against=(str(index),), **QUIET)


def test_a_flipped_bit_anywhere_in_the_manifest_is_one_line(index: Path) -> None:
    path = index / "manifest.json"
    whole = path.read_bytes()
    for at in range(0, len(whole), 3):
        for bit in (1, 32):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            try:
                opened = open_index(index)
            except CurateError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:  # white space
                assert opened.manifest == json.loads(whole)


def test_what_is_no_index_is_one_line(index: Path, crawl: Path, tmp_path: Path) -> None:
    for given in (crawl, tmp_path / "nowhere", tmp_path):
        with pytest.raises(SettingError, match="No index in"):
            open_index(given)


def put_keys(index: Path, table: pa.Table, how_offsets: Callable[[bytes], bytes] | None = None) -> None:
    """Put another table into an index, with the checksums that it then needs."""
    from curate.dedup.index import _hash_manifest

    path = index / "segment-00000" / "keys.arrow"
    if "id" in table.schema.names and table["id"].chunk(0).type == pa.large_string():
        # Offsets of the ids are changed in the file itself: no writer writes such a table.
        ids = table["id"].combine_chunks()
        write_arrow(path, table, {})
        if how_offsets is not None:
            buffer = ids.chunk(0).buffers()[1] if isinstance(ids, pa.ChunkedArray) else ids.buffers()[1]
            old = buffer.to_pybytes()[: 8 * (len(table) + 1)]
            data = path.read_bytes()
            assert data.count(old) == 1
            path.write_bytes(data.replace(old, how_offsets(old)))
    else:
        write_arrow(path, table, {})
    manifest = json.loads((index / "manifest.json").read_text())
    manifest["segments"][0]["files"]["keys.arrow"] = xxhash.xxh3_128_hexdigest(path.read_bytes())
    manifest["segments"][0] |= {"n_documents": len(table)}
    manifest["checksum"] = _hash_manifest(manifest)
    (index / "manifest.json").write_text(json.dumps(manifest))


def moved_offsets(offsets: bytes) -> bytes:
    numbers = np.frombuffer(offsets, np.int64).copy()
    numbers[1:] += 1 << 34
    return numbers.tobytes()


CRAFTED = {
    "text files out of range": lambda t: t.set_column(
        t.schema.get_field_index("text_file"), "text_file", pa.array(np.full(len(t), 7, np.int32))
    ),
    "negative rows": lambda t: t.set_column(
        t.schema.get_field_index("text_row"), "text_row", pa.array(np.full(len(t), -5, np.int64))
    ),
    "fewer bands": lambda t: t.set_column(
        t.schema.get_field_index("bands"), "bands", pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(len(t), np.uint64)), 1)
    ),
    "no signature": lambda t: t.drop_columns(["signature"]),
    "ids of another type": lambda t: t.set_column(
        t.schema.get_field_index("id"), "id", pa.array(np.arange(len(t)))
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(CRAFTED))
def test_a_crafted_table_is_refused_before_a_kernel_reads_it(index: Path, how: str) -> None:
    table = read_arrow(index / "segment-00000" / "keys.arrow").replace_schema_metadata(None)
    put_keys(index, table)
    open_index(index)
    put_keys(index, CRAFTED[how](pa.Table.from_batches(table.to_batches()).combine_chunks()))
    with pytest.raises(RunError, match="damaged"):
        open_index(index)


def test_offsets_that_lead_out_of_the_file_are_refused(index: Path) -> None:
    table = read_arrow(index / "segment-00000" / "keys.arrow").replace_schema_metadata(None).combine_chunks()
    put_keys(index, table, moved_offsets)
    with pytest.raises(RunError, match="damaged"):
        open_index(index)


def test_a_lock_that_is_a_link_cuts_nothing_short(index: Path, crawl: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    (index / ".lock").symlink_to(tmp_path / "precious.txt")
    with pytest.raises(SettingError, match="is a link"):
        add_to_index(index, str(crawl), **QUIET)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_a_file_that_was_only_touched_is_within_reach(index: Path, crawl: Path) -> None:
    os.utime(crawl, ns=(1, 1))
    assert open_index(index).count_readable() == N


def test_moved_texts_are_warned_of_and_found_again_where_they_are_said_to_be(
    index: Path, crawl: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.move(crawl.parent, moved)
    report = dedup_files(str(moved / "a.parquet"), tmp_path / "out", against=(str(index),), **QUIET)
    assert "out of reach" in report.warnings[0]
    assert "curate index relocate" in report.warnings[0]
    opened, n_found = relocate_texts(index, crawl.parent, moved)
    assert (n_found, opened.count_readable(), open_index(index).count_readable()) == (1, N, N)
    report = dedup_files(str(moved / "a.parquet"), tmp_path / "again", against=(str(index),), **QUIET)
    assert not any("out of reach" in warning for warning in report.warnings)


def test_texts_that_are_rotten_are_compared_by_their_signatures(
    index: Path, crawl: Path, tmp_path: Path
) -> None:
    shutil.copy(crawl, tmp_path / "new.parquet")
    state, data = crawl.stat(), bytearray(crawl.read_bytes())
    for at in range(100, len(data) // 2, 50):
        data[at] ^= 255
    crawl.write_bytes(data)
    os.utime(crawl, ns=(state.st_atime_ns, state.st_mtime_ns))
    report = dedup_files(str(tmp_path / "new.parquet"), tmp_path / "out", against=(str(index),), **QUIET)
    assert report.n_kept == 0


# ---- what a removed row says ---------------------------------------------------------------------------------


def rows_of(folder: Path, kind: str) -> list[dict[str, object]]:
    return [
        row for file in sorted(folder.glob(f"{kind}/*")) for row in pq.ParquetFile(file).read().to_pylist()
    ]


def test_a_removed_row_says_whether_its_twin_is_in_the_index_or_in_this_crawl(
    tmp_path: Path, texts: list[str]
) -> None:
    long = [text * 3 for text in texts[:4]]
    pq.write_table(pa.table({"id": ["0", "1"], "text": long[:2]}), tmp_path / "old.parquet")
    pq.write_table(
        pa.table({"id": ["0", "1", "2"], "text": [long[0], long[2], long[2]]}), tmp_path / "new.parquet"
    )
    build_index(tmp_path / "seen", str(tmp_path / "old.parquet"), **QUIET)
    report = dedup_files(
        str(tmp_path / "new.parquet"), tmp_path / "out", against=(str(tmp_path / "seen"),), **QUIET
    )
    told = {
        row["id"]: (row["duplicate_of"], row["duplicate_in"]) for row in rows_of(tmp_path / "out", "dropped")
    }
    assert told == {"0": ("0", str(tmp_path / "seen")), "2": ("1", None)}
    assert report.n_in_indexes == 1


def test_whole_numbers_as_ids_are_compared_as_numbers(tmp_path: Path) -> None:
    same = "one text that is the same for all of them and long enough to be a document of its own"
    pq.write_table(pa.table({"id": [10, 9, 100], "text": [same] * 3}), tmp_path / "a.parquet")
    dedup_files(str(tmp_path / "a.parquet"), tmp_path / "out", **QUIET)
    assert [row["id"] for row in rows_of(tmp_path / "out", "kept")] == [9]
    assert {row["duplicate_of"] for row in rows_of(tmp_path / "out", "dropped")} == {"9"}


def test_rows_without_an_id_are_named_by_file_and_row(tmp_path: Path) -> None:
    same = "one text that is the same for all of them and long enough to be a document of its own"
    for kind, ids in (("text", [None, "y"]), ("number", [None, 7])):
        pq.write_table(pa.table({"id": ids, "text": [same] * 2}), tmp_path / f"{kind}.parquet")
        dedup_files(str(tmp_path / f"{kind}.parquet"), tmp_path / kind, **QUIET)
        (dropped,) = rows_of(tmp_path / kind, "dropped")
        assert dropped["duplicate_of"] in {f"{kind}.parquet#0", "y", "7"}
