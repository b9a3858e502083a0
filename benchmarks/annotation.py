"""How many labels does choosing pages save? Simulated: the known levels of `edu_train` are the annotator.

Each run begins with the same random pages for all strategies and adds labels round by round: a model is fitted on what is
labelled, `uncertain` and `stratified` choose by its probabilities (cut 0.5), `random` and `diverse` do not look at
it. The model is kernel ridge on tf-idf of hashed words, fitted on levels; every page of `edu_val` is ranked by
it, and average precision is for levels of 3 or more. Intervals: runs and test pages are drawn again together.

`python -m benchmarks annotation [--runs N]`
"""

from __future__ import annotations

import argparse

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression

from benchmarks.harness import DATA, measured, read_jsonl
from curate.annotate.selection import draw_pages, select_pages
from curate.text.words import hash_words

STRATEGIES = ("random", "stratified", "uncertain", "diverse")
ROUNDS = (100, 150, 200, 300, 400, 500, 600, 700, 800)
CUT_LEVEL = 3
RIDGE = 0.3
N_COLUMNS = 2**16
N_RESAMPLES = 400


class LookUp:
    """A scorer of the pool's pages, by their text."""

    name = "simulated"

    def __init__(self, texts: list[str], scores: np.ndarray) -> None:
        self._scores = dict(zip(texts, scores, strict=True))

    def score(self, texts, /) -> np.ndarray:
        return np.array([self._scores[str(text)] for text in texts], np.float32)


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=16)
    options = parser.parse_args(args)
    with measured() as spent:
        pool, test = _read()
        levels = np.array(pool["edu_level"].to_pylist(), float)
        wanted = np.array([row >= CUT_LEVEL for row in test["edu_level"].to_pylist()])
        kernel, test_kernel = _kernels(pool["text"], test["text"])
        ranks = {name: np.zeros((options.runs, len(ROUNDS), len(test))) for name in STRATEGIES}
        found = {name: np.zeros((options.runs, len(ROUNDS))) for name in STRATEGIES}
        for number in range(options.runs):
            for name in STRATEGIES:
                labelled = _label(pool, levels, kernel, name, seed=number)
                for at, rows in enumerate(labelled):
                    ranks[name][number, at] = _fit(kernel, levels, rows)(test_kernel)
                    found[name][number, at] = (levels[rows] >= CUT_LEVEL).sum()
    aps = {name: _all_aps(ranks[name], wanted) for name in STRATEGIES}
    resampled = _resample(ranks, wanted, options.runs)
    return {
        "settings": {"runs": options.runs, "cut_level": CUT_LEVEL, "ridge": RIDGE, "resamples": N_RESAMPLES},
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


def _kernels(texts: pa.ChunkedArray, test_texts: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Inner products of tf-idf vectors: (pool, pool) and (test, pool)."""
    words = TfidfTransformer(sublinear_tf=True)
    rows = words.fit_transform(_counts(texts))
    return (rows @ rows.T).toarray(), (words.transform(_counts(test_texts)) @ rows.T).toarray()


def _counts(texts: pa.ChunkedArray) -> csr_matrix:
    words = hash_words(texts.combine_chunks())
    columns = (words.hashes % np.uint64(N_COLUMNS)).astype(np.int32)
    shape = (len(texts), N_COLUMNS)
    counts = csr_matrix((np.ones(len(columns), np.float32), columns, words.offsets), shape)
    counts.sum_duplicates()
    return counts


def _fit(kernel, levels, rows, *, leave_out=False):
    """Ridge on the labelled rows: a function of kernels to levels, or the levels of the rows, each left out."""
    inverse = np.linalg.inv(kernel[np.ix_(rows, rows)] + RIDGE * np.eye(len(rows)))
    mean = levels[rows].mean()
    weights = inverse @ (levels[rows] - mean)
    if leave_out:
        return levels[rows] - weights / np.diag(inverse)
    return lambda products: products[:, rows] @ weights + mean


def _label(pool, levels, kernel, strategy, *, seed):
    """The labelled rows after each round."""
    everything = np.arange(len(pool))
    rows = draw_pages(pool, ROUNDS[0], strategy="random", scorer="", cut=0.5, seed=seed).rows
    rounds = [rows]
    for at, n_labels in enumerate(ROUNDS[1:], 1):
        open_rows = np.setdiff1d(everything, rows)
        pages = pool.take(pa.array(open_rows))
        scores = _probabilities(kernel, levels, rows)[open_rows]
        scorer = LookUp(pages["text"].to_pylist(), scores)
        n_more = n_labels - len(rows)
        chosen = draw_pages(pages, n_more, strategy=strategy, scorer=scorer, cut=0.5, seed=100 * seed + at)
        rows = np.sort(np.concatenate([rows, open_rows[chosen.rows]]))
        rounds.append(rows)
    return rounds


def _probabilities(kernel, levels, rows):
    """Chance that each page of the pool reaches the cut, calibrated on the labelled pages, each left out."""
    is_above = levels[rows] >= CUT_LEVEL
    predicted = _fit(kernel, levels, rows)(kernel)
    if is_above.sum() < 2:
        return 1 / (1 + np.exp(CUT_LEVEL - 0.5 - predicted))
    calibration = LogisticRegression(C=10.0).fit(
        _fit(kernel, levels, rows, leave_out=True)[:, None], is_above
    )
    return calibration.predict_proba(predicted[:, None])[:, 1]


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
        runs = rng.integers(0, n_runs, 8)
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
