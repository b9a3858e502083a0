"""What one command keeps and what it drops, by title: thirty of each from web pages, documentation and textbooks.

One run of `curate filter --threshold 0.5` over everything; then thirty kept and thirty dropped documents of each source, drawn by
chance with a fixed seed, each with its title (its address where it has none), its score and the reason. Nothing is
measured here: the lists are there to be read. `--docs FOLDER` gives documentation that no fit saw, as folders of HTML files.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds

import curate
from benchmarks.harness import DATA

N_TITLES = 30
THRESHOLD = 0.5
SEED = 20261129
LONGEST = 70
BOOKS = ("calculus", "world-history", "business-ethics", "microbiology")  # no fit saw them
COLUMNS = ["source", "url", "title", "edu_score"]


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks titles")
    parser.add_argument("--docs", type=Path, default=DATA / "lessons" / "docs.jsonl.gz", help="documentation")
    options = parser.parse_args(args)
    sources = {
        "web": [DATA / "web" / "c4.jsonl.gz"],
        "documentation": [options.docs],
        "textbooks": [DATA / "textbooks" / f"{book}.html.jsonl.gz" for book in BOOKS],
    }
    drawn: dict[str, Any] = {}
    for name, paths in sources.items():
        with tempfile.TemporaryDirectory() as folder:
            curate.filter_crawl([str(path) for path in paths], f"{folder}/out", threshold=THRESHOLD)
            drawn[name] = draw(Path(folder) / "out")
        print(f"{name}: {drawn[name]['n_kept']:,} kept, {drawn[name]['n_dropped']:,} dropped", flush=True)
    return {
        "settings": {"threshold": THRESHOLD, "seed": SEED},
        "documentation": sorted(path.name for path in options.docs.glob("*")) or "lessons/docs, fitted on",
        "sources": drawn,
    }


def draw(run_folder: Path) -> dict[str, Any]:
    """Draw titles of a finished run: kept, and dropped with the first reason."""
    kept = ds.dataset(run_folder / "kept").to_table(columns=COLUMNS).to_pylist()
    dropped = ds.dataset(run_folder / "dropped").to_table(columns=[*COLUMNS, "drop_reason"]).to_pylist()
    return {
        "n_kept": len(kept),
        "n_dropped": len(dropped),
        "kept": [_entry(row) for row in _some(kept)],
        "dropped": [_entry(row) | {"reason": row["drop_reason"]} for row in _some(dropped)],
    }


def _some(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    chosen = np.random.default_rng(SEED).permutation(len(rows))[:N_TITLES]
    return sorted((rows[i] for i in chosen), key=lambda row: -(row["edu_score"] or 0.0))


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    score = row["edu_score"]
    return {
        "title": _short(row["title"] or row["url"] or row["source"]),
        "score": None if score is None else round(score, 2),
    }


def _short(title: str) -> str:
    """Give the beginning of a title on one line, without what Markdown reads as its own."""
    words = re.sub(r"^https?://(www\.)?|[\s|<>\[\]`*_]+", " ", title).strip()
    return words if len(words) <= LONGEST else words[:LONGEST] + "…"
