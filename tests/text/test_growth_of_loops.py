"""No loop over a page takes more than a linear number of steps: kernels and scanners, as plain Python, line by line.

Twice the text may take twice the steps and no more. What the patterns of `re` do is counted in test_growth.py.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from curate.crawl import ReadOptions, find_files, plan_splits, read_chunks
from curate.crawl.http import decode_body
from curate.crawl.parquet import distinct_names
from curate.run.marked import follow_lines

SCRIPT = Path(__file__).with_name("counted_steps.py")
ROOMS = ("extraction", "words", "program", "signals", "line_kinds", "line_rules", "languages", "duplicates", "tokens",
         "benchmarks", "records", "screens", "replies")  # fmt: skip


def counted(seed: int, n_drawn: int, *rooms: str) -> dict[str, list[str]]:
    command = [sys.executable, str(SCRIPT), str(seed), str(n_drawn), *rooms]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_some_loops_of_some_rooms_take_steps_as_the_text_grows() -> None:
    assert counted(0, 2, "program", "signals", "line_kinds", "languages") == {}


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_loops_of_every_room_take_steps_as_the_text_grows(room: str) -> None:
    assert counted(1, 100, room) == {}


# What `bytes` and lists copy is not seen line by line. These are of a size at which the square takes minutes or hours.


@pytest.mark.timeout(60)
@pytest.mark.parametrize("inner", [b"a", b"\n"])
def test_a_file_of_many_members_is_read_in_steps_that_grow_as_it_does(tmp_path: Path, inner: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "One."}\n') + gzip.compress(inner) * 30_000)
    chunks = [
        chunk for split in plan_splits(find_files([str(path)])) for chunk in read_chunks(split, ReadOptions())
    ]
    assert sum(chunk.pages.num_rows for chunk in chunks) == 1 + (inner == b"a")


@pytest.mark.timeout(60)
def test_a_body_of_many_members_is_decoded_in_steps_that_grow_as_it_does() -> None:
    members = gzip.compress(b"") * 300_000 + gzip.compress(b"One.")
    assert decode_body(members, "gzip", 1 << 24) == b"One."


@pytest.mark.timeout(60)
def test_many_marks_on_one_page_are_followed_in_steps_that_grow_as_they_do() -> None:
    nested, fences = "[" * 60_000 + "]" * 60_000, "```\n```\n" * 200_000
    before, after = pa.array([f"gone\nstays{nested}\n"]), pa.array(["stays"])
    assert follow_lines(before, after, pa.array([f"gone\nstays{nested}\n"])).to_pylist() == ["stays"]
    marked = follow_lines(pa.array(["gone\nstays"]), after, pa.array([f"gone\n{fences}stays"]))
    assert marked.to_pylist() == ["stays"]


@pytest.mark.timeout(60)
def test_many_columns_of_one_name_are_numbered_in_steps_that_grow_as_they_do() -> None:
    names = distinct_names(["a"] * 200_000 + ["a_2"])
    assert names[:3] == ["a", "a_2", "a_3"]
    assert len(set(names)) == 200_001
