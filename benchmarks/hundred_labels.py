"""A classifier for another purpose from a hundred labels: how good, over many draws of the labels?

Purposes are topics and kinds of page of WebOrganizer (web/weborganizer-*): pages on health, on software development,
tutorials. Half of the labels are of pages of that kind and half of others, as someone gets who looks for them. Every fit
is the default of `fit_classifier`, which knows nothing of these labels, and is measured on all pages of other
sites. Beside it, from the same labels, TF-IDF and logistic regression of scikit-learn. Intervals: draws of labels and
test pages are drawn again together.

The word table's idf and vectors were made, without labels, from text that includes these pages.

`python -m benchmarks hundred_labels [--draws N] [--sizes N ...]`
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from benchmarks.harness import DATA, measured, read_jsonl
from curate.bundled import classifiers_folder
from curate.fit import fit_classifier
from curate.fit.metrics import average_precision, calibration_error, roc_area
from curate.fit.sites import site_of

PURPOSES = {"health": "Health", "software development": "Software Development", "tutorials": "Tutorial"}
SIZES = (50, 100, 200, 400)
N_RESAMPLES = 500


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    options = parser.parse_args(args)
    logging.disable(logging.INFO)
    with measured() as spent:
        pages = _read()
        texts = pa.array([page["text"] for page in pages], pa.large_string())
        sites = np.array([site_of(page["url"]) or str(i) for i, page in enumerate(pages)])
        vectorizer = HashingVectorizer(n_features=2**18, alternate_sign=False).set_params(norm=None)
        counts = vectorizer.transform(page["text"] for page in pages)
        rows = []
        for purpose, name in PURPOSES.items():
            truth = np.array([name in page["kinds"] for page in pages])
            for n_labels in options.sizes:
                draws = [_draw(texts, counts, sites, truth, n_labels, seed) for seed in range(options.draws)]
                rows.append({"purpose": purpose, "n_labels": n_labels} | _summarise(draws, truth))
    return {
        "settings": {"draws": options.draws, "resamples": N_RESAMPLES, "recipe": "default"},
        "pages": {"all": len(pages), "of_the_kind": {p: rows[i * len(options.sizes)]["n_of_kind"] for i, p in enumerate(PURPOSES)}},
        "rows": rows,
        "cpu_s": round(spent.cpu_s, 1),
    }  # fmt: skip


def _read() -> list[dict]:
    """The pages with the names of their topic and kind."""
    names = {
        kind: json.loads((classifiers_folder() / kind / "config.json").read_text())["classes"]
        for kind in ("topic", "format")
    }
    pages = []
    for path in sorted((DATA / "web").glob("weborganizer-*.jsonl.gz")):
        for row in read_jsonl(path):
            kinds = {names["topic"][row["topic_id"]], names["format"][row["format_id"]]}
            pages.append({"text": row["text"], "url": row["url"], "kinds": kinds})
    return pages


def _draw(texts, counts, sites, truth, n_labels, seed):
    """One draw of labels: scores of ours and of the baseline for pages of other sites, and what the fit took."""
    rng = np.random.default_rng(seed)
    half = n_labels // 2
    labelled = np.concatenate(
        [rng.choice(np.flatnonzero(truth == kind), half, replace=False) for kind in (True, False)]
    )
    propensity = np.where(truth, half / truth.sum(), half / (~truth).sum())
    rows = [
        {"text": texts[int(i)].as_py(), "label": int(truth[i]), "url": f"https://{sites[i]}/", "propensity": propensity[i]}
        for i in labelled
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, measured() as spent:
        fit = fit_classifier(rows, Path(folder) / "mine", seed=seed, n_resamples=50)
    test = np.flatnonzero(~np.isin(sites, sites[labelled]))
    ours = fit.scorer.score(texts.take(pa.array(test))).astype(np.float64)
    words = TfidfTransformer(sublinear_tf=True).fit(counts[labelled])
    model = LogisticRegression(C=100, max_iter=500).fit(words.transform(counts[labelled]), truth[labelled])
    baseline = model.decision_function(words.transform(counts[test]))
    foretold = fit.metrics["average_precision"]["1"]["value"]
    return {
        "test": test,
        "curate": ours,
        "tfidf_logistic": baseline,
        "fit_cpu_s": spent.cpu_s,
        "foretold": foretold,
    }


def _summarise(draws, truth):
    def measure(draw, name, times):
        """Average precision with every page as often as it was drawn again."""
        weights = times[draw["test"]].astype(float)
        drawn = weights > 0
        return average_precision(draw[name][drawn], truth[draw["test"]][drawn], weights[drawn])

    rng = np.random.default_rng(0)
    once = np.ones(len(truth))
    whole = {name: [measure(draw, name, once) for draw in draws] for name in ("curate", "tfidf_logistic")}
    again = {name: [] for name in whole}
    for _ in range(N_RESAMPLES):
        # One page is drawn as often in every draw of labels that has it among its test pages.
        times = np.bincount(rng.integers(0, len(truth), len(truth)), minlength=len(truth))
        chosen = rng.integers(0, len(draws), len(draws))
        values = {name: [] for name in whole}
        for k in np.unique(chosen):
            for name in whole:
                values[name] += [measure(draws[k], name, times)] * int((chosen == k).sum())
        for name in whole:
            again[name].append(np.mean(values[name]))
    return {
        "n_of_kind": int(truth.sum()),
        "average_precision": _figure(whole["curate"], again["curate"]),
        "of_draws": [round(float(value), 3) for value in whole["curate"]],
        "tfidf_logistic": _figure(whole["tfidf_logistic"], again["tfidf_logistic"]),
        "less_tfidf_logistic": _figure(
            np.subtract(whole["curate"], whole["tfidf_logistic"]), np.subtract(again["curate"], again["tfidf_logistic"])
        ),
        "roc_area": round(_mean(draws, truth, roc_area), 3),
        "calibration_error": round(_mean(draws, truth, calibration_error), 4),
        "out_of_fold_average_precision": round(float(np.mean([draw["foretold"] for draw in draws])), 3),
        "fit_cpu_s": round(float(np.median([draw["fit_cpu_s"] for draw in draws])), 2),
    }  # fmt: skip


def _mean(draws, truth, measure):
    return float(np.mean([measure(d["curate"], truth[d["test"]], np.ones(len(d["test"]))) for d in draws]))


def _figure(values, resampled):
    low, high = np.quantile(resampled, (0.025, 0.975))
    return {
        "value": round(float(np.mean(values)), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
    }
