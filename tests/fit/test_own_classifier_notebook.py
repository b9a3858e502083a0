"""The notebook about the number of labels runs from top to bottom."""

import re

from common import run_notebook


def test_the_notebook_says_how_many_labels_it_takes(tmp_path):
    said = run_notebook("own_classifier", tmp_path)
    found = {int(n): float(ap) for n, ap in re.findall(r"^ +(\d+)  .*\) +([01]\.\d+) \(", said, re.MULTILINE)}
    assert list(found) == [50, 100, 200, 400]
    assert found[400] > found[50]
    assert "400 labels less 200:" in said
    assert "precision" in said
