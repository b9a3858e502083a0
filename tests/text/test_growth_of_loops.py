"""No loop over a page takes more than a linear number of steps: kernels and scanners, as plain Python, line by line.

Twice the text may take twice the steps and no more. What the patterns of `re` do is counted in test_growth.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("counted_steps.py")
ROOMS = ("extraction", "words", "program", "signals", "line_kinds", "line_rules", "languages", "duplicates", "tokens",
         "benchmarks", "records", "screens", "replies")  # fmt: skip


def counted(seed: int, n_drawn: int, *rooms: str) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), str(seed), str(n_drawn), *rooms]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_loops_over_program_text_take_steps_as_the_text_grows() -> None:
    assert counted(0, 4, "program")["grew"] == {}


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_loops_of_every_room_take_steps_as_the_text_grows(room: str) -> None:
    assert counted(1, 400, room)["grew"] == {}


@pytest.mark.slow
def test_each_kernel_that_reads_text_is_among_those_that_are_counted() -> None:
    ran = counted(0, 16, *ROOMS)["kernels"]
    assert {name for name, did in ran.items() if not did} <= NOT_COUNTED


NOT_COUNTED: set[str] = set()
