"""The one decorator: what is on disk is never older than what it was made from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common import ROOT

CALLER = """
from curate.rooms.callee import weigh
from curate.text.kernel import kernel


@kernel
def total(n):
    return weigh(n) + 1
"""
CALLEE = """
from curate.rooms import table
from curate.text.kernel import kernel

WEIGHT = table.WEIGHT


@kernel
def weigh(n):
    return n * WEIGHT
"""
SHOW = """
import sys
from curate.rooms.caller import total
print(total(10), sum(total.stats.cache_hits.values()))
"""


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """A package of the same name with the decorator alone, and a kernel that calls one of another file."""
    text = tmp_path / "curate" / "text"
    text.mkdir(parents=True)
    for name in ("kernel.py", "cache.py"):
        (text / name).write_bytes((ROOT / "src" / "curate" / "text" / name).read_bytes())
    folder = tmp_path / "curate" / "rooms"
    folder.mkdir()
    for place in (text, folder, tmp_path / "curate"):
        (place / "__init__.py").touch()
    (folder / "caller.py").write_text(CALLER)
    (folder / "callee.py").write_text(CALLEE)
    (folder / "table.py").write_text("WEIGHT = 2\n")
    return folder


def total(rooms: Path, **environment: str) -> tuple[int, int]:
    """What the kernel gives in a new process, and how often it came from disk."""
    run = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=os.environ | {"PYTHONPATH": str(rooms.parents[1]), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits = run.stdout.split()
    return int(value), int(hits)


def test_an_unchanged_kernel_comes_from_disk(rooms: Path) -> None:
    assert total(rooms) == (21, 0)
    assert total(rooms) == (21, 1)


def test_a_changed_callee_in_another_file_changes_the_result(rooms: Path) -> None:
    assert total(rooms)[0] == 21
    (rooms / "callee.py").write_text(CALLEE.replace("n * WEIGHT", "n * WEIGHT + 100"))
    assert total(rooms)[0] == 121


def test_a_changed_constant_two_files_away_changes_the_result(rooms: Path) -> None:
    assert total(rooms)[0] == 21
    (rooms / "table.py").write_text("WEIGHT = 3\n")
    assert total(rooms)[0] == 31


def test_where_nothing_can_be_written_kernels_are_compiled_without_a_word(rooms: Path) -> None:
    (rooms / "__pycache__").touch()  # a file where the folder should be: even root cannot write into it
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    assert total(rooms, **nowhere) == (21, 0)
    assert total(rooms, **nowhere) == (21, 0)


def test_every_kernel_of_the_package_is_made_by_the_one_decorator() -> None:
    made_elsewhere = [
        str(file)
        for file in (ROOT / "src").rglob("*.py")
        if re.search(r"\bn?b?\.?njit\b|\bnumba\.jit\b", file.read_text(encoding="utf-8"))
    ]
    assert [Path(file).name for file in made_elsewhere] == ["kernel.py"]
