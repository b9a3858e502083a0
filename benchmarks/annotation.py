"""How many labels does choosing pages save? Simulated: the known levels of `edu_train` are the annotator.

Each run begins with the same random pages for all strategies and adds labels round by round: the default classifier of
`curate fit` is fitted on what is labelled, and `uncertain`, `disagreement` and `stratified` choose by it (cut 0.5);
`random` and `diverse` do not look at it. For `disagreement` the members are fitted without stacking, which leaves out members. Fits do not know the chances that pages had. Every page of `edu_val` is ranked by the classifier,
and average precision is for levels of 3 or more. Intervals: runs and test pages are drawn again together.

`python -m benchmarks annotation [--runs N]`
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.harness import DATA, measured, read_jsonl
from curate.annotate.selection import draw_pages, select_pages
from curate.annotate.settings import STRATEGIES
from curate.fit import fit_classifier
from curate.scoring.model import FittedScorer

ROUNDS = (100, 150, 200, 300, 400, 500, 600, 700, 800)
CUT_LEVEL = 3
# Of the first labels: as few as the folds of a fit can do with.
MIN_ABOVE = 5
N_RESAMPLES = 400


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=16)
    options = parser.parse_args(args)
    logging.disable(logging.INFO)
    with measured() as spent:
        pool, test = _read()
        levels = np.array(pool["edu_level"].to_pylist(), float)
        wanted = np.array([row >= CUT_LEVEL for row in test["edu_level"].to_pylist()])
        ranks = {name: np.zeros((options.runs, len(ROUNDS), len(test))) for name in STRATEGIES}
        found = {name: np.zeros((options.runs, len(ROUNDS))) for name in STRATEGIES}
        for number in range(options.runs):
            first = _first(pool, levels, seed=number)
            for name in STRATEGIES:
                for at, (rows, scores) in enumerate(_label(pool, test, first, name, seed=number)):
                    ranks[name][number, at] = scores
                    found[name][number, at] = (levels[rows] >= CUT_LEVEL).sum()
            print(f"run {number + 1} of {options.runs}", flush=True)
    aps = {name: _all_aps(ranks[name], wanted) for name in STRATEGIES}
    resampled = _resample(ranks, wanted, options.runs)
    return {
        "settings": {
            "runs": options.runs,
            "cut_level": CUT_LEVEL,
            "recipe": "default",
            "resamples": N_RESAMPLES,
        },
        "pool": {"pages": len(pool), "at_or_above_cut": int((levels >= CUT_LEVEL).sum())},
        "test": {"pages": len(test), "at_or_above_cut": int(wanted.sum())},
        "rows": _rows(aps, resampled, found),
        "labels_for_equal_ap": _labels_needed(aps, resampled),
        "cpu_s": round(spent.cpu_s, 1),
    }


def _read() -> tuple[pa.Table, pa.Table]:
    """Pages to label, without near-duplicates among themselves and with the test pages; and the test pages."""
    tables = []
    for name in ("edu_train", "edu_val"):
        rows = read_jsonl(DATA / "annotations" / f"{name}.jsonl.gz")
        columns = {field: [row[field] for row in rows] for field in ("id", "text", "edu_level")}
        columns["text"] = pa.array(columns["text"], pa.large_string())
        tables.append(pa.table(columns))
    pool, test = tables
    apart = select_pages(pool, exclude=test.select(["id", "text"]).to_pylist())
    return pool.take(pa.array(apart.rows)), test


def _first(pool, levels, *, seed):
    """Random rows, drawn again until a fit can do with them."""
    for again in range(100):
        rows = draw_pages(
            pool, ROUNDS[0], strategy="random", scorer="", cut=0.5, seed=1000 * again + seed
        ).rows
        if (levels[rows] >= CUT_LEVEL).sum() >= MIN_ABOVE:
            return rows
    raise ValueError(f"Of {ROUNDS[0]} random pages fewer than {MIN_ABOVE} are good, a hundred times.")


def _label(pool, test, rows, strategy, *, seed):
    """After each round the labelled rows and the scores of the test pages."""
    everything = np.arange(len(pool))
    scorer = ""
    for at, n_labels in enumerate(ROUNDS):
        if at:
            open_rows = np.setdiff1d(everything, rows)
            chosen = draw_pages(
                pool.take(pa.array(open_rows)),
                n_labels - len(rows),
                strategy=strategy,
                scorer=scorer,
                cut=0.5,
                seed=100 * seed + at,
            )
            rows = np.sort(np.concatenate([rows, open_rows[chosen.rows]]))
        with tempfile.TemporaryDirectory() as folder:
            labels = pool.take(pa.array(rows)).to_pylist()

            def fit(name: str, *, stack: bool = True) -> FittedScorer:
                return fit_classifier(
                    labels,  # noqa: B023  (called in this round)
                    Path(folder) / name,
                    positive=CUT_LEVEL,
                    n_resamples=2,
                    progress=False,
                    stack=stack,
                ).scorer

            ranker = fit("ranker")
            scorer = fit("members", stack=False) if strategy == "disagreement" else ranker
        yield rows, ranker.score(test["text"].combine_chunks())


def _average_precision(scores, wanted):
    hits = wanted[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)).mean())


def _all_aps(ranks, wanted):
    return np.array([[_average_precision(scores, wanted) for scores in rounds] for rounds in ranks])


def _resample(ranks, wanted, n_runs):
    """Mean AP by strategy and round, over runs and test pages drawn again: name -> (resamples, rounds)."""
    rng = np.random.default_rng(0)
    means = {name: np.zeros((N_RESAMPLES, len(ROUNDS))) for name in ranks}
    for at in range(N_RESAMPLES):
        runs = rng.integers(0, n_runs, n_runs)
        pages = rng.integers(0, len(wanted), len(wanted))
        for name, scores in ranks.items():
            means[name][at] = _all_aps(
                scores[np.ix_(runs, np.arange(len(ROUNDS)), pages)], wanted[pages]
            ).mean(0)
    return means


def _interval(values):
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return {"low": round(float(low), 3), "high": round(float(high), 3)}


def _rows(aps, resampled, found):
    rows = []
    for name in STRATEGIES:
        for at, n_labels in enumerate(ROUNDS):
            gain = aps[name][:, at].mean() - aps["random"][:, at].mean()
            rows.append(
                {
                    "strategy": name,
                    "n_labels": n_labels,
                    "n_above_cut": round(float(found[name][:, at].mean()), 1),
                    "average_precision": {"value": round(float(aps[name][:, at].mean()), 3)} | _interval(resampled[name][:, at]),
                    "less_random": {"value": round(float(gain), 3)} | _interval(resampled[name][:, at] - resampled["random"][:, at]),
                }
            )  # fmt: skip
    return rows


def _needed(curve, target):
    """Labels at which a curve, made never to fall, first reaches the target; NaN if it does not."""
    curve = np.maximum.accumulate(curve)
    if curve[-1] < target:
        return np.nan
    at = int(np.argmax(curve >= target))
    if at == 0:
        return float(ROUNDS[0])
    share = (target - curve[at - 1]) / (curve[at] - curve[at - 1])
    return ROUNDS[at - 1] + share * (ROUNDS[at] - ROUNDS[at - 1])


def _labels_needed(aps, resampled):
    """Labels that each strategy needs for the AP that random reaches with 400 and with 600."""
    rows = []
    for n_random in (400, 600, 800):
        at = ROUNDS.index(n_random)
        for name in STRATEGIES[1:]:
            value = _needed(aps[name].mean(0), aps["random"][:, at].mean())
            drawn = [_needed(c, r[at]) for c, r in zip(resampled[name], resampled["random"], strict=True)]
            never = float(np.mean(np.isnan(drawn)))
            drawn = np.nan_to_num(drawn, nan=ROUNDS[-1])
            rows.append(
                {
                    "random_labels": n_random,
                    "average_precision": round(float(aps["random"][:, at].mean()), 3),
                    "strategy": name,
                    "labels": None if np.isnan(value) else round(value),
                    "interval": [round(v) for v in np.percentile(drawn, [2.5, 97.5])],
                    "frac_never_reached": round(never, 2),
                }
            )
    return rows
