"""What becomes of text that teaches: lost to language and rules, and kept at a score of .5, by book and by level.

Every page goes through the default settings, and through those of named peers (`gopher`, `c4`, `fineweb`, a language
confidence of .65): the language, line rules, rules, and the score of `edu` on the text that they leave. A page that a rule
drops is not scored, as with `--spare-above none`. Textbooks stand by book, pages with levels by the mean of their readers' levels;
intervals are bootstraps over pages, weighted by 1 / propensity where pages were chosen by chance. On ordinary labelled pages the
kept sets are compared at equal size: the best pages by score of those that pass either.

Raw pages are those of crawls as they came, with levels of two readers (classifiers/recipe/raw_levels.tsv: file and position, and levels).
Pages of documentation whose address names another language than English are left out. The score took some of these pages into
its fit: this compares rules, not scores.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

import curate
from benchmarks.harness import DATA, ROOT, read_jsonl
from curate.extract import extract_pages
from curate.language import identify_languages
from curate.rules import apply_rules, clean_lines, line_rules_of, load_rules, required_signals
from curate.run.languages import tell_languages
from curate.run.settings import FilterSettings
from curate.scoring import load_scorer
from curate.signals import compute_signals

NAMED = ("gopher", "c4", "fineweb")
NAMED_CONFIDENCE = 0.65
THRESHOLD = 0.5
N_RESAMPLES = 500
LESSON, MIDDLING = 2.5, 1.5
READERS_LESSON = 2.0  # these readers are about .6 of a level stricter
OTHER_LANGUAGES = re.compile(r"/(?:de|fr|ja|ko|es|tr|da|zh-cn|pt-br)/")
BOOKS = (
    "osbooks-statistics", "economics.html", "chemistry.html", "contemporary-mathematics.html", "calculus.html",
    "world-history.html", "business-ethics.html", "microbiology.html",
)  # fmt: skip
ENCYCLOPEDIA_WORDS = 100
RAW_LEVELS = ROOT / "classifiers" / "recipe" / "raw_levels.tsv"

Groups = dict[str, NDArray[np.bool_]]


@dataclass
class Pool:
    """Pages of one source.

    Attributes:
        texts: their text, as extracted.
        groups: name -> which pages.
        weights: how many pages each stands for.
        levels: educational level, where readers gave one.
    """

    name: str
    texts: pa.Array
    groups: Groups
    weights: NDArray[np.float64]
    levels: NDArray[np.float64] | None = None


@dataclass
class Fates:
    """What one set of rules makes of a pool: the reason for each drop ("" where it stays), and the score."""

    reasons: list[str]
    scores: NDArray[np.float32]

    @property
    def passes(self) -> NDArray[np.bool_]:
        return np.array([not reason for reason in self.reasons])


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks lessons")
    parser.add_argument("--pools", nargs="*", help=f"run these alone: {' '.join(_POOLS)}")
    options = parser.parse_args(args)
    chosen = options.pools or list(_POOLS)
    defaults = FilterSettings(input=("-",))
    ways = {
        "named": lambda texts: judge(texts, NAMED, confident_english),
        "default": lambda texts: judge(texts, defaults.rules, default_english),
    }
    rows: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    for pool in (pool for name in chosen for pool in _POOLS[name]()):
        fates = {way: judged(pool.texts) for way, judged in ways.items()}
        for group, members in pool.groups.items():
            for way, found in fates.items():
                rows.append(
                    {"pool": pool.name, "group": group, "rules": way}
                    | summarise(found, members, pool.weights)
                )
                print(_line(rows[-1]), flush=True)
        if pool.levels is not None and pool.name in _ORDINARY:
            comparisons += compare(pool, fates)
    return {
        "settings": {
            "rules": {"named": [*NAMED], "default": [*defaults.rules]},
            "language_confidence": {"named": NAMED_CONFIDENCE, "default": defaults.min_language_confidence},
            "threshold": THRESHOLD,
            "resamples": N_RESAMPLES,
        },
        "rows": rows,
        "equal_size": comparisons,
    }


def confident_english(texts: pa.Array) -> NDArray[np.bool_]:
    found = identify_languages(texts)
    is_english = np.array([code == "en" for code in found["language"].to_pylist()], bool)
    return is_english & (found["language_confidence"].to_numpy() >= NAMED_CONFIDENCE)


def default_english(texts: pa.Array) -> NDArray[np.bool_]:
    return tell_languages(texts, ["en"])[1]


def judge(
    texts: pa.Array, names: Sequence[str], is_english: Callable[[pa.Array], NDArray[np.bool_]]
) -> Fates:
    """Take texts through language, line rules, rules and score."""
    rule_sets = load_rules(names)
    english = is_english(texts)
    cleaned, _ = clean_lines(texts, line_rules_of(rule_sets))
    verdict = apply_rules(compute_signals(cleaned, required_signals(rule_sets)), rule_sets)
    reasons = [reason or "" for reason in verdict["drop_reason"].to_pylist()]
    reasons = [reason if stays else "language" for reason, stays in zip(reasons, english, strict=True)]
    return Fates(reasons, load_scorer("edu").score(cleaned))


def summarise(found: Fates, members: NDArray[np.bool_], weights: NDArray[np.float64]) -> dict[str, Any]:
    """Shares of a group in percent: lost to the language, to a rule, kept at the threshold; the commonest reasons."""
    reasons = np.array(found.reasons)[members]
    kept = (found.passes & (found.scores >= THRESHOLD))[members]
    w = weights[members]
    names, counts = np.unique(reasons[reasons != ""], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:4]
    return {
        "pages": int(members.sum()),
        "lost": share(reasons != "", w),
        "lost_to_language": share(reasons == "language", w),
        "kept": share(kept, w),
        "reasons": {str(names[i]): int(counts[i]) for i in order},
    }


def share(holds: NDArray[np.bool_], weights: NDArray[np.float64]) -> list[float]:
    """A weighted share in percent with its 95% bootstrap interval; where it is 0 or 1, the rule of three."""
    n = len(holds)
    if n == 0:
        return [float("nan")] * 3
    chance = np.random.default_rng(0)
    drawn = chance.poisson(1.0, (N_RESAMPLES, n)) * weights
    value = float(np.average(holds, weights=weights))
    low, high = np.percentile((drawn * holds).sum(1) / np.maximum(drawn.sum(1), 1e-9), [2.5, 97.5])
    if not holds.any():
        high = min(3 / n, 1.0)
    if holds.all():
        low = max(1 - 3 / n, 0.0)
    return [round(100 * float(x), 1) for x in (value, low, high)]


def compare(pool: Pool, fates: dict[str, Fates]) -> list[dict[str, Any]]:
    """Mean level and share of lessons of the best pages by score among those that pass, at equal size."""
    levels = pool.levels
    assert levels is not None
    found: list[dict[str, Any]] = []
    for part in (0.05, 0.1, 0.3):
        chosen: dict[str, NDArray[np.bool_]] = {}
        for way, fate in fates.items():
            scores = np.where(fate.passes, fate.scores, -1.0)
            size = int(part * len(scores))
            chosen[way] = np.zeros(len(scores), bool)
            chosen[way][np.argsort(-scores, kind="stable")[:size]] = True
        chance = np.random.default_rng(0)
        drawn = chance.poisson(1.0, (N_RESAMPLES, len(levels)))
        row: dict[str, Any] = {"pool": pool.name, "part": part}
        for what, values in (("mean_level", levels), ("share_of_lessons", (levels >= LESSON).astype(float))):
            means = {way: float(values[mask].mean()) for way, mask in chosen.items()}
            resampled = {
                way: (drawn * mask * values).sum(1) / np.maximum((drawn * mask).sum(1), 1)
                for way, mask in chosen.items()
            }
            gain = resampled["default"] - resampled["named"]
            row[what] = {way: round(mean, 3) for way, mean in means.items()}
            row[what]["gain"] = [
                round(means["default"] - means["named"], 3),
                *(round(float(x), 3) for x in np.percentile(gain, [2.5, 97.5])),
            ]
        found.append(row)
        print(row, flush=True)
    return found


def books() -> list[Pool]:
    pools: list[Pool] = []
    for book in BOOKS:
        rows = read_jsonl(DATA / "textbooks" / f"{book}.jsonl.gz")
        pools.append(_pool(book.removesuffix(".html"), _texts_of(rows), None, {"modules": None}))
    return pools


def docs() -> list[Pool]:
    rows = read_jsonl(DATA / "lessons" / "docs.jsonl.gz")
    rows = [row for row in rows if not OTHER_LANGUAGES.search(row["source"])]
    return [_levelled("documentation", rows, *_levels_of(rows))]


def web() -> list[Pool]:
    rows = read_jsonl(DATA / "lessons" / "web.jsonl.gz")
    return [_levelled("science and code on the web", rows, *_levels_of(rows))]


def raw() -> list[Pool]:
    """Pages of crawls that nobody filtered before, with the levels of two readers."""
    found: dict[str, list[tuple[float, float]]] = {}
    with RAW_LEVELS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["id"], []).append((float(row["edu_level"]), float(row["quality_level"])))
    texts = read_raw()
    rows = [{"id": page, "text": texts[page]} for page in found if page in texts]
    means = np.array([np.mean(found[row["id"]], axis=0) for row in rows])
    pool = _levelled("raw crawl pages", rows, means[:, 0], means[:, 1], READERS_LESSON)
    # A mean that lies between two levels goes to the higher one.
    for name, levels, highest in (("edu", means[:, 0], 3), ("quality", means[:, 1], 4)):
        rounded = np.minimum(np.floor(levels + 0.5), highest)
        pool.groups |= {f"{name} {level}": rounded == level for level in range(highest + 1)}
    return [pool]


def read_raw() -> dict[str, str]:
    """Texts of raw pages as a run extracts them, by file and position."""
    inputs = [str(DATA / "html" / "pages"), *(str(DATA / folder) for folder in ("crawl", "crawl-malformed"))]
    with tempfile.TemporaryDirectory() as folder:
        curate.filter_crawl(
            inputs, folder, rules=(), language="any", dedup="none", scorer="none", workers=1, progress=False
        )
        kept = ds.dataset(f"{folder}/kept").to_table(columns=["source", "position", "text"])
    return {f"{Path(row['source']).name}#{row['position']}": row["text"] for row in kept.to_pylist()}


def encyclopedia() -> list[Pool]:
    rows = read_jsonl(DATA / "textbooks" / "enwiki.jsonl.gz")
    rows = [row for row in rows if len(row["text"].split()) >= ENCYCLOPEDIA_WORDS]
    return [
        _pool("encyclopedia", _texts_of(rows), None, {f"pages of {ENCYCLOPEDIA_WORDS} words or more": None})
    ]


def code() -> list[Pool]:
    rows = read_jsonl(DATA / "code" / "files.jsonl.gz")
    return [_pool("program files", _texts_of(rows), None, {"files": None})]


def pages() -> list[Pool]:
    """Ordinary web pages with levels: two annotators, and readers."""
    pools: list[Pool] = []
    for name, file in (("reference annotator", "edu_val"), ("second annotator", "edu_second_annotator")):
        rows = read_jsonl(DATA / "annotations" / f"{file}.jsonl.gz")
        levels = np.array([row["edu_level"] for row in rows], float)
        pools.append(_levelled(name, rows, levels, None, LESSON))
    readings = [r for r in read_jsonl(DATA / "annotations" / "readers.jsonl.gz") if r["stratum"] != "control"]
    by_page: dict[str, list[dict[str, Any]]] = {}
    for reading in readings:
        by_page.setdefault(reading["id"], []).append(reading)
    rows = [found[0] for found in by_page.values()]
    levels = np.array([np.mean([r["edu_level"] for r in found]) for found in by_page.values()], np.float64)
    qualities = np.array(
        [np.mean([r["quality_level"] for r in found]) for found in by_page.values()], np.float64
    )
    return [*pools, _levelled("readers", rows, levels, qualities, READERS_LESSON)]


_POOLS: dict[str, Callable[[], list[Pool]]] = {
    "books": books, "docs": docs, "web": web, "raw": raw, "encyclopedia": encyclopedia, "pages": pages, "code": code,
}  # fmt: skip
_ORDINARY = ("reference annotator", "second annotator", "readers")


def _texts_of(rows: Sequence[dict[str, Any]]) -> pa.Array:
    if "html" not in rows[0]:
        return pa.array([row["text"] for row in rows], pa.large_string())
    extracted = extract_pages(pa.array([row["html"].encode() for row in rows]))["text"]
    return extracted.cast(pa.large_string()).fill_null("")


def _levels_of(rows: Sequence[dict[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean educational level and content quality of each page, NaN where nobody read it."""
    readings: dict[str, list[tuple[float, float]]] = {}
    with (DATA / "lessons" / "levels.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            readings.setdefault(row["id"], []).append((float(row["edu_level"]), float(row["quality_level"])))
    nothing = [(np.nan, np.nan)]
    means = np.array([np.mean(readings.get(row["id"], nothing), axis=0) for row in rows])
    return means[:, 0], means[:, 1]


def _levelled(
    name: str,
    rows: Sequence[dict[str, Any]],
    levels: NDArray[np.float64],
    qualities: NDArray[np.float64] | None,
    lesson: float = LESSON,
) -> Pool:
    groups: dict[str, NDArray[np.bool_] | None] = {
        f"level {lesson:g} or more": levels >= lesson,
        "level 0-1": levels < MIDDLING,
    }
    if qualities is not None:
        groups |= {"quality 4-5": qualities >= 3.5, "quality 0-1": qualities < 1.5}
    weights = np.array([1 / float(row.get("propensity") or 1) for row in rows])
    return _pool(name, _texts_of(rows), weights, groups, levels)


def _pool(
    name: str,
    texts: pa.Array,
    weights: NDArray[np.float64] | None,
    groups: dict[str, NDArray[np.bool_] | None],
    levels: NDArray[np.float64] | None = None,
) -> Pool:
    every = np.ones(len(texts), bool)
    members = {group: every if mask is None else mask for group, mask in groups.items()}
    return Pool(name, texts, members, np.ones(len(texts)) if weights is None else weights, levels)


def _line(row: dict[str, Any]) -> str:
    lost, kept = (
        f"{row[name][0]:5.1f} [{row[name][1]:.1f}, {row[name][2]:.1f}]" for name in ("lost", "kept")
    )
    return (
        f"{row['pool']:<28} {row['group']:<20} {row['rules']:<8} n={row['pages']:<5} lost {lost:<20} "
        f"kept {kept:<20} {row['reasons']}"
    )


if __name__ == "__main__":
    run([])
