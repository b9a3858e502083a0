"""Every Python line of README and docs is run, in the order of its page, on inputs made here.

What cannot run here stands behind `<!-- not run: REASON -->` in the page's source, and is counted.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from common import EXAMPLE_CRAWL, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("classifiers/*/*.md"))]
BLOCK = re.compile(r"(?:<!-- not run: (.+) -->\n)?```python\n(.*?)```", re.DOTALL)
INDENTED = re.compile(r"^ {4}(?:import \w+|from \w\S* import )", re.MULTILINE)
PAGE = (
    b"<html><head><title>Rain</title></head><body><article><p>"
    + b"Water rises as vapour, cools, and falls as rain. " * 8
    + b"</p></article></body></html>"
)
TEXTS = ["Water boils at a lower temperature on a mountain, since the air there presses less.", "Two words."]
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


def write_inputs(folder: Path, demo: Path) -> None:
    """The files that pages name: a crawl, the demo's result, labels."""
    (folder / "crawl").mkdir()
    shutil.copy(EXAMPLE_CRAWL / "forum.jsonl", folder / "crawl")
    (folder / "demo-out").symlink_to(demo)
    lessons = (ROOT / "examples" / "mixture" / "lessons.jsonl").read_text(encoding="utf-8").splitlines()
    for name, rows in (("medical-labels.jsonl", lessons[0::2]), ("more-labels.jsonl", lessons[1::2])):
        labelled = [
            {"text": row["text"], "label": int(row["topic"] == "mathematics")}
            for row in map(json.loads, rows)
        ]
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in labelled), encoding="utf-8")


@pytest.mark.parametrize("page", WITH_PYTHON, ids=[page.name for page in WITH_PYTHON])
def test_the_python_lines_of_a_page_run_one_after_the_other(
    page: Path, tmp_path: Path, curated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_inputs(tmp_path, curated)
    if page.name == "tokens.md":
        from curate.tokens import tokenize_mixture

        tokenize_mixture(curated, tmp_path / "TOKENS", vocab_size=300, workers=1, progress=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {
        "__name__": "__page__",
        "html": PAGE,
        "contents": pa.array([PAGE]),
        "charsets": pa.array([None], pa.string()),
        "texts": pa.array(TEXTS),
        "table": pa.table({"id": ["a", "b", "c"], "text": [*TEXTS, TEXTS[0]]}),
        "documents": pa.record_batch({"text": TEXTS}),
        "np": np,
    }
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        if found[1] is None:
            line = text.count("\n", 0, found.start(2))
            exec(compile("\n" * line + found[2], str(page), "exec"), names)


def test_what_is_not_run_is_known() -> None:
    left_out = [
        (page.name, found[1])
        for page in PAGES
        for found in BLOCK.finditer(page.read_text(encoding="utf-8"))
        if found[1]
    ]
    assert left_out == []


def test_python_stands_in_blocks_that_are_run() -> None:
    assert [page.name for page in PAGES if INDENTED.search(page.read_text(encoding="utf-8"))] == []
