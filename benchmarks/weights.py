"""Weights and upsampling chosen by evidence: `curate ablate --grid` over the topics of web pages, and curves over the score.

11,000 English web pages in the topics that the bundled classifier gives them; judged on a statistics textbook, modules of a
microbiology textbook and encyclopedia pages. All with the trigram model: a grid takes minutes. The second part draws pages by score
with a density of steps or of a curve (`curate.mixture.plan.curve_factors`) and compares equal tokens; as nothing is repeated, it says which
pages to prefer, not what passes over them are worth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import curate
from benchmarks.harness import DATA, ROOT, measured, read_jsonl
from curate.ablate import AblateSettings, ablate, find_weights, read_texts
from curate.ablate.grid import write_grid
from curate.ablate.result import conclude
from curate.extract import extract_pages
from curate.mixture.plan import curve_factors
from curate.scoring import load_classifier

N_STEPS = 100


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks weights")
    parser.add_argument("--mixtures", type=int, default=160)
    parser.add_argument("--tokens", type=int, default=400_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "weights")
    asked = parser.parse_args(args)
    asked.folder.mkdir(parents=True, exist_ok=True)
    rows = [row for path in sorted((DATA / "web").glob("*.jsonl.gz")) for row in read_jsonl(path)]
    texts = [row["text"] for row in rows if row["text"].strip()]
    books = read_jsonl(DATA / "textbooks" / "microbiology.html.jsonl.gz")
    evaluation = {
        "statistics textbook": read_texts(DATA / "textbooks" / "osbooks-statistics.jsonl.gz"),
        "microbiology textbook": [
            text
            for text in extract_pages(pa.array([row["html"].encode() for row in books]))["text"].to_pylist()
            if text
        ],
        "encyclopedia": read_texts(DATA / "textbooks" / "enwiki.jsonl.gz"),
    }
    settings = AblateSettings(mixtures=asked.mixtures, tokens=asked.tokens, seeds=asked.seeds)
    with measured() as spent_grid:
        grid = weigh_topics(texts, evaluation, settings, asked.folder)
    with measured() as spent_curves:
        curves = ablate(
            curve_arms(texts),
            evaluation,
            settings,
            output=asked.folder,
            report=lambda line: print(line, flush=True),
        )
    return {
        "settings": {name: getattr(asked, name) for name in ("mixtures", "tokens", "seeds")},
        "grid": grid.to_json() | {"said": conclude(grid.check), "cpu_s": round(spent_grid.cpu_s)},
        "curves": curves.to_json()
        | {"table": curves.table().splitlines(), "cpu_s": round(spent_curves.cpu_s)},
    }


def weigh_topics(
    texts: list[str], evaluation: dict[str, list[str]], settings: AblateSettings, folder: Path
) -> Any:
    """`curate ablate --grid` on the pages, each with its topic."""
    topics = load_classifier("topic").label(texts).to_pylist()
    with (folder / "pages.jsonl").open("w", encoding="utf-8") as file:
        for text, topic in zip(texts, topics, strict=True):
            file.write(json.dumps({"text": text, "topic": topic}) + "\n")
    mixture = {"sources": {"web": {"path": str(folder / "pages.jsonl")}}}
    found = find_weights(
        mixture, evaluation, settings, output=folder, report=lambda line: print(line, flush=True)
    )
    print(found.table())
    write_grid(found, mixture, folder)
    return found


def curve_arms(texts: list[str]) -> dict[str, list[str]]:
    """The pages, drawn by their educational score: alike, by steps of fifths, and by curves."""
    scores = np.asarray(curate.load_scorer("edu").score(texts), np.float64)
    order = np.argsort(scores, kind="stable")
    sizes = np.array([len(texts[i].encode()) for i in order.tolist()], float)
    places = np.empty(len(texts))
    places[order] = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    fine = {f"q{i}": (i / N_STEPS, (i + 1) / N_STEPS) for i in range(N_STEPS)}
    shapes = {
        "all alike": [1.0] * 5,
        "best fifth": [0.0, 0.0, 0.0, 0.0, 1.0],
        "steps 0 0 1 2 4": [0.0, 0.0, 1.0, 2.0, 4.0],
        "curve from .4, power 1": list(curve_factors(fine, power=1, begins=0.4, growth=0).values()),
        "curve from .4, power 1, growth 4": list(curve_factors(fine, power=1, begins=0.4, growth=4).values()),
        "curve from 0, power 3": list(curve_factors(fine, power=3, begins=0, growth=0).values()),
    }
    chances = np.random.default_rng(0).random(len(texts))
    arms: dict[str, list[str]] = {}
    for name, factors in shapes.items():
        heights = np.array(factors)[(places * len(factors)).astype(int)] / max(factors)
        arms[name] = [texts[i] for i in np.flatnonzero(chances < heights).tolist()]
    return arms
