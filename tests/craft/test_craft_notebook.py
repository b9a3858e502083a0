"""The notebook from a crawl to a mixture with crafted text runs in a kernel."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "crafted_mixture.ipynb"
RUN = """
import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(book, timeout=240, kernel_name="python3").execute()
for cell in book.cells:
    for output in cell.get("outputs", ()):
        print(output.get("text", ""))
"""


def test_three_tenths_of_the_notebooks_mixture_are_crafted(tmp_path):
    command = [sys.executable, "-c", RUN, str(NOTEBOOK)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    share = re.search(r"(\d+)% of the training tokens are crafted", done.stdout)
    assert 28 <= int(share[1]) <= 32, done.stdout
    assert "craft_preamble" in done.stdout
