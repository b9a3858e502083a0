"""Does curation help? Small models on equal tokens of raw and curated web text."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import curate
from benchmarks.harness import DATA, ROOT, measured
from curate.ablate import AblateSettings, ablate, read_texts
from curate.ablate.plot import draw_svg

TOP = 0.2
PLOT = ROOT / "docs" / "images" / "curation_helps.svg"


def make_arms(folder: Path) -> dict[str, list[str]]:
    """The same web pages, curated in different ways."""
    web = [str(DATA / "web")]
    nothing = {
        "rules": (),
        "dedup": "none",
        "scorer": "none",
        "progress": False,
        "workers": 1,
        "language": ["any"],
    }
    made = {
        "deduplicated": nothing | {"dedup": "near"},
        "heuristics": nothing | {"rules": ("gopher", "c4", "fineweb")},
        "edu_top_20%": nothing | {"scorer": "edu", "keep_fraction": TOP},
    }
    raw = read_texts(DATA / "web")
    arms = {"raw": raw}
    few = np.random.default_rng(0).permutation(len(raw))[: int(len(raw) * TOP)]
    arms["random_20%"] = [raw[i] for i in few]
    for name, settings in made.items():
        curate.filter_crawl(web, folder / name, **settings)
        arms[name] = read_texts(folder / name)
    return arms


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks curation_helps")
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--transformer-tokens", type=int, default=300_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", default="trigram,transformer")
    asked = parser.parse_args(args)
    settings = AblateSettings(
        models=tuple(asked.models.split(",")),
        n_tokens=asked.tokens,
        transformer_tokens=asked.transformer_tokens,
        n_seeds=asked.seeds,
    )
    evaluation = {
        "textbook": read_texts(DATA / "textbooks" / "osbooks-statistics.jsonl.gz"),
        "encyclopedia": read_texts(DATA / "textbooks" / "enwiki.jsonl.gz"),
    }
    with tempfile.TemporaryDirectory() as folder, measured() as spent:
        arms = make_arms(Path(folder))
        found = ablate(arms, evaluation, settings, report=lambda line: print(line, flush=True))
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    PLOT.write_text(draw_svg(found), encoding="utf-8")
    return {
        "settings": vars(asked),
        "cpu_s": spent.cpu_s,
        "table": found.table().splitlines(),
        "notes": "the web pages were filtered once by their publishers; the edu scorer was fitted on levels of some "
        "of these pages, of none of the evaluation text; copies of evaluation text are left out of every arm",
        **found.to_json(),
    }
