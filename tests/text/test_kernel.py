"""The one decorator: what is on disk is never older than what it was made from."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common import ROOT
from curate.text.kernel import Kernel
from curate.text.words import add_signs

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


def test_a_kernel_comes_from_disk_until_a_callee_or_a_constant_in_another_file_changes(rooms: Path) -> None:
    assert total(rooms) == (21, 0)
    assert total(rooms) == (21, 1)
    (rooms / "callee.py").write_text(CALLEE.replace("n * WEIGHT", "n * WEIGHT + 100"))
    assert total(rooms) == (121, 0)
    (rooms / "table.py").write_text("WEIGHT = 3\n")  # two files away
    assert total(rooms) == (131, 0)


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


def test_a_command_says_once_that_it_compiles_and_nothing_when_kernels_are_on_disk(tmp_path):
    (tmp_path / "two.py").write_text(
        "from curate.text.kernel import kernel\n"
        "@kernel\ndef one(x):\n    return x + 1\n"
        "@kernel\ndef two(x):\n    return x + 2\n"
        "one(1), two(1)\n"
    )
    environment = os.environ | {"CURATE_TELL_COMPILING": "1", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def said(**more):
        command = [sys.executable, str(tmp_path / "two.py")]
        return subprocess.run(
            command, env=environment | more, capture_output=True, text=True, check=True
        ).stderr

    assert said().count("curate: compiling for this machine") == 1
    assert said() == ""
    assert said(CURATE_TELL_COMPILING="", NUMBA_CACHE_DIR=str(tmp_path / "other")) == ""


def test_a_kernel_is_made_when_it_is_called_and_carried_by_its_name() -> None:
    made = Kernel(_doubled, {})
    assert made._dispatcher is None
    assert [made(21), made.py_func(4)] == [42, 8]
    assert made._dispatcher is not None
    assert pickle.loads(pickle.dumps(add_signs)) is add_signs


def _doubled(value: int) -> int:
    return 2 * value
