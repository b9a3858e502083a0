"""Paths, and the command as a user runs it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE_CRAWL = ROOT / "examples" / "crawl"
N_EXAMPLES_KEPT = 7  # of 25 documents, at the default threshold


def run_curate(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What a command prints and ends with, run in this process: one of its own costs a second, most of it imports."""
    from curate.cli import run

    given = list(map(str, arguments))
    said, complained = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd or "."),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
    ):
        code = run(given)
    return subprocess.CompletedProcess(given, code, said.getvalue(), complained.getvalue())


def start_curate(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, as a user runs it."""
    command = [sys.executable, "-m", "curate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def run_notebook(name: str, folder: Path) -> str:
    """What the cells of a notebook print, run in this process from top to bottom, in `folder`."""
    cells = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    said = io.StringIO()
    names: dict[str, object] = {"__name__": "__main__"}
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        for cell in cells:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
    return said.getvalue()


def bytes_of(output: Path) -> dict[str, bytes]:
    """All Parquet files of a result."""
    return {str(path.relative_to(output)): path.read_bytes() for path in sorted(output.glob("*/*.parquet"))}
