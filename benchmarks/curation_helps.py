"""Does curation help? Small models on equal tokens of raw and curated web text, judged on text named beforehand.

Four questions, each an ablation of its own:

- selection: web pages that others had extracted and filtered once, chosen in different ways. Two controls part
  "educational" from "nearer in topic": the top fifth within each topic has the topics of the raw pages, and
  random pages with the topics of the top fifth have its topics only.
- keep_fraction: the same score, cut at other places, its worst fifth, and random pages as long as the best.
- scale: whether the gap shrinks with more training text.
- extraction: crawled HTML pages as all of their text, as their main text, and after rules and deduplication.

Finished runs are kept in `--folder`: the same command goes on after a stop.
MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1073741824 makes the transformer a third faster.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

import curate
from benchmarks.harness import DATA, ROOT, measured, read_jsonl
from curate.ablate import AblateSettings, Ablation, ablate, draw_svg, read_texts
from curate.crawl import find_files, plan_splits, read_chunks
from curate.extract import decode_text, extract_pages

TOP = 0.2
N_LENGTHS = 20
"""Classes of page length, for the control of that."""
BASE = "raw"
PLOT = ROOT / "docs" / "images" / "curation_helps.svg"
TITLE = "Does curation help? Web pages chosen in different ways, equal training tokens"
MAIN = (
    BASE,
    "random 20%",
    "deduplicated",
    "heuristics",
    "edu top 20%",
    "edu top 20% of each topic",
    "random, topics of edu top 20%",
)
SWEEP = (
    BASE,
    "edu top 50%",
    "edu top 20%",
    "edu top 10%",
    "edu bottom 20%",
    "random, lengths of edu top 20%",
)
NOTES = (
    "The web pages were extracted and filtered once by their publishers.",
    "The edu scorer was fitted on levels of some of these pages, of none of the evaluation text.",
    "Copies of evaluation text are left out of every arm.",
    "Intervals are over training text (seeds share none) and evaluation documents; the textbook is one book.",
)
NOTHING: dict[str, Any] = {
    "rules": (),
    "dedup": "none",
    "scorer": "none",
    "progress": False,
    "workers": 1,
    "language": ["any"],
}


def filtered(pages: str | Sequence[str], **settings: Any) -> list[str]:
    """What `curate filter` keeps, with everything off but `settings`."""
    with tempfile.TemporaryDirectory() as folder:
        curate.filter_crawl(pages, Path(folder) / "out", **(NOTHING | settings))
        return read_texts(Path(folder) / "out")


def like(kinds: NDArray[Any], wanted: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Random places that have each kind as often as `wanted` has it."""
    return np.concatenate(
        [
            rng.permutation(np.flatnonzero(kinds == kind))[: int((kinds[wanted] == kind).sum())]
            for kind in np.unique(kinds)
        ]
    )


def selection_arms() -> dict[str, list[str]]:
    """The same web pages, chosen in different ways."""
    rows = [row for path in sorted((DATA / "web").glob("*.jsonl.gz")) for row in read_jsonl(path)]
    rows = [row for row in rows if row["text"].strip()]
    texts = [row["text"] for row in rows]
    topics = np.array([row.get("topic_id", -1) for row in rows])  # C4 has none: one topic of its own
    scores = np.asarray(curate.load_scorer("edu").score(texts), np.float64)
    n = len(texts)
    order = np.argsort(-scores, kind="stable")
    top = order[: int(n * TOP)]
    rng = np.random.default_rng(0)
    by_topic = {topic: np.flatnonzero(topics == topic) for topic in np.unique(topics)}
    best_of_each = [some[np.argsort(-scores[some])][: round(len(some) * TOP)] for some in by_topic.values()]
    sizes = np.array([len(text.encode()) for text in texts])
    lengths = np.searchsorted(np.quantile(sizes, np.arange(1, N_LENGTHS) / N_LENGTHS), sizes)
    chosen: dict[str, NDArray[np.int64]] = {
        "random 20%": rng.permutation(n)[: int(n * TOP)],
        "edu top 50%": order[: n // 2],
        "edu top 20%": top,
        "edu top 10%": order[: n // 10],
        "edu bottom 20%": order[-int(n * TOP) :],
        "edu top 20% of each topic": np.concatenate(best_of_each),
        "random, topics of edu top 20%": like(topics, top, rng),
        "random, lengths of edu top 20%": like(lengths, top, rng),
    }
    web = str(DATA / "web")
    return {
        BASE: texts,
        "deduplicated": filtered(web, dedup="near"),
        "heuristics": filtered(web, rules=("gopher", "c4", "fineweb")),
        **{name: [texts[i] for i in places.tolist()] for name, places in chosen.items()},
    }


def extraction_arms(folder: Path) -> dict[str, list[str]]:
    """English pages of crawl files and saved pages: all of their text, their main text, and that cleaned."""
    from resiliparse.extract.html2text import extract_plain_text

    path = folder / "pages.jsonl"
    files = find_files([str(DATA / "crawl" / "*.warc.gz"), str(DATA / "html" / "pages")])
    with path.open("w", encoding="utf-8") as lines:
        for split in plan_splits(files):
            for chunk in read_chunks(split):
                pages = chunk.pages.filter(pc.equal(chunk.pages["kind"], "html"))
                pages = pages.filter(pages["content"].is_valid())
                mains = extract_pages(pages["content"], pages["charset"])["text"].to_pylist()
                for html, charset, text in zip(
                    pages["content"].to_pylist(), pages["charset"].to_pylist(), mains, strict=True
                ):
                    if text:
                        all_text = extract_plain_text(decode_text(html, charset), main_content=False)
                        lines.write(json.dumps({"text": text, "all_text": all_text}) + "\n")
    english: dict[str, Any] = {"language": ["en"]}
    with tempfile.TemporaryDirectory() as kept:
        curate.filter_crawl(str(path), Path(kept) / "out", **(NOTHING | english))
        return {
            "all text": read_texts(Path(kept) / "out", "all_text"),
            "main text": read_texts(Path(kept) / "out"),
            "main text, rules, deduplicated": filtered(
                str(path), rules=("gopher", "c4", "fineweb"), dedup="near", **english
            ),
        }


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks curation_helps")
    parser.add_argument("--tokens", type=int, default=500_000, help="of a trigram run")
    parser.add_argument("--transformer-tokens", type=int, default=330_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--eval-tokens", type=int, default=75_000)
    parser.add_argument(
        "--learning-rate", type=float, help="of the transformer; chosen on a pilot if left out"
    )
    parser.add_argument("--models", default="trigram,transformer")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "curation_helps")
    asked = parser.parse_args(args)
    asked.folder.mkdir(parents=True, exist_ok=True)
    evaluation = {
        "textbook": read_texts(DATA / "textbooks" / "osbooks-statistics.jsonl.gz"),
        "encyclopedia": read_texts(DATA / "textbooks" / "enwiki.jsonl.gz"),
    }
    models = tuple(asked.models.split(","))

    def compare(arms: dict[str, list[str]], **changes: Any) -> Ablation:
        values: dict[str, Any] = {
            "model": ("trigram",),
            "tokens": asked.tokens,
            "transformer_tokens": asked.transformer_tokens,
            "eval_tokens": asked.eval_tokens,
            "learning_rate": asked.learning_rate,
            "seeds": asked.seeds,
        }
        settings = AblateSettings(**(values | changes))
        return ablate(
            arms, evaluation, settings, output=asked.folder, report=lambda line: print(line, flush=True)
        )

    with measured() as spent:
        arms = selection_arms()
        pages = extraction_arms(asked.folder)
        top = {name: arms[name] for name in (BASE, "edu top 20%")}
        found = {
            "selection": compare({name: arms[name] for name in MAIN}, model=models),
            "keep_fraction": compare({name: arms[name] for name in SWEEP}),
            **{f"scale_{n}": compare(top, tokens=n) for n in (60_000, 180_000, 540_000)},
            "extraction": compare(pages),
        }
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    PLOT.write_text(draw_svg(found["selection"], TITLE), encoding="utf-8")
    shown = {name: one.to_json() | {"table": one.table().splitlines()} for name, one in found.items()}
    asked.folder = asked.folder.name
    return {"settings": vars(asked), "cpu_s_without_known_runs": spent.cpu_s, "notes": NOTES, **shown}
