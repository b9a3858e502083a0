"""No kernel reads or writes beyond an array: each runs once with checks of every index, which it compiles anew for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common import ROOT


@pytest.mark.parametrize(
    "rooms",
    [
        ("words", "keys", "order"),
        pytest.param(("language", "tokens", "scores", "signals"), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_no_index_leaves_its_array(rooms: tuple[str, ...], tmp_path: Path) -> None:
    environment = os.environ | {
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NUMBA_OPT": "0",  # compiles sooner
        "PYTHONPATH": str(ROOT / "src"),
    }
    command = [sys.executable, ROOT / "tests" / "nasty.py", *rooms]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
