"""The notebook about the number of labels runs from top to bottom."""

import json
import re
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "own_classifier.ipynb"


def test_the_notebook_says_how_many_labels_it_takes(tmp_path):
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (tmp_path / "labels.py").write_text(code + "\n", encoding="utf-8")
    command = [sys.executable, "labels.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = {
        int(n): float(ap)
        for n, ap in re.findall(r"^ +(\d+)  .*\) +([01]\.\d+) \(", done.stdout, re.MULTILINE)
    }
    assert list(found) == [50, 100, 200, 400]
    assert found[400] > found[50]
    assert "400 labels less 200:" in done.stdout
    assert "precision" in done.stdout
