"""Measures of a scorer against annotated levels, and their bootstrap intervals.

All are weighted: a page that had the chance p of being chosen for annotation stands for 1 / p pages.
A measure that is not defined on the pages at hand (no positive, one level only) is NaN.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.fit.annotations import Annotations
from curate.fit.settings import N_RESAMPLES

Vector = NDArray[np.float64]
_N_BINS = 10
_N_FOLDS = 5
_MOST_LEVELS, _LEAST_WHOLE = 11, 3


def average_precision(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> float:
    """Area under precision over recall as a step function; tied scores enter together.

    >>> round(average_precision(np.array([3.0, 2, 1]), np.array([True, False, True]), np.ones(3)), 4)
    0.8333
    """
    hits, misses = _cumulate(scores, positive, weights)
    if len(hits) == 0 or hits[-1] == 0:
        return float("nan")
    return float(np.diff(hits, prepend=0.0) @ (hits / (hits + misses)) / hits[-1])


def roc_area(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> float:
    """Chance that a positive scores above a negative; ties count half."""
    hits, misses = _cumulate(scores, positive, weights)
    if len(hits) == 0 or hits[-1] == 0 or misses[-1] == 0:
        return float("nan")
    mean_hits = hits - np.diff(hits, prepend=0.0) / 2
    return float(np.diff(misses, prepend=0.0) @ mean_hits / (hits[-1] * misses[-1]))


def precision_recall(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> tuple[Vector, Vector]:
    """(precision, recall) of the cut at every distinct score, from the highest down."""
    hits, misses = _cumulate(scores, positive, weights)
    return hits / (hits + misses), hits / hits[-1]


def _cumulate(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> tuple[Vector, Vector]:
    """Cumulated weights of positives and negatives at every distinct score, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)[: len(scores)]
    hits = np.cumsum(weights[order] * positive[order])[last_of_tie]
    misses = np.cumsum(weights[order] * ~positive[order])[last_of_tie]
    return hits, misses


def rank(values: Vector) -> Vector:
    """Ranks from 1, ties sharing their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def spearman(a: Vector, b: Vector, weights: Vector) -> float:
    """Correlation of ranks; with weights, the weighted correlation of plain ranks."""
    ranks_a, ranks_b = rank(a), rank(b)
    share = weights / weights.sum()
    ranks_a, ranks_b = ranks_a - share @ ranks_a, ranks_b - share @ ranks_b
    spread = np.sqrt((share @ ranks_a**2) * (share @ ranks_b**2))
    return float(share @ (ranks_a * ranks_b) / spread) if spread > 0 else float("nan")


def calibration_error(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> float:
    """Expected calibration error over ten bins of equal width."""
    return float(
        sum(
            abs(row["share"] * (row["score"] - row["rate"])) for row in reliability(scores, positive, weights)
        )
    )


def reliability(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> list[dict[str, float]]:
    """For every bin of scores that holds pages: its share of pages, mean score, and rate of positives.

    The rate has Wilson's 95% interval, for as many pages as the weights are worth (Kish's effective size).
    """
    bins = np.minimum((scores * _N_BINS).astype(np.int64), _N_BINS - 1)
    total = weights.sum()
    rows: list[dict[str, float]] = []
    for k in range(_N_BINS):
        here = bins == k
        weight = weights[here].sum()
        if weight > 0:
            rate = float(weights[here] @ positive[here] / weight)
            low, high = wilson(rate, float(weight**2 / (weights[here] @ weights[here])))
            rows.append({
                "low": k / _N_BINS,
                "n_pages": int(here.sum()),
                "share": float(weight / total),
                "score": float(weights[here] @ scores[here] / weight),
                "rate": rate,
                "rate_low": low,
                "rate_high": high,
            })  # fmt: skip
    return rows


def wilson(rate: float, n: float) -> tuple[float, float]:
    """Wilson's 95% interval of a rate among n.

    >>> [round(end, 3) for end in wilson(0.0, 10)]
    [0.0, 0.278]
    """
    z = 1.959964
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def cut_metrics(kept: NDArray[np.bool_], positive: NDArray[np.bool_], weights: Vector) -> dict[str, float]:
    """Precision, recall, F1 of positives, macro F1 and keep rate of a cut already made."""
    tp = float(weights @ (kept & positive))
    fp = float(weights @ (kept & ~positive))
    fn = float(weights @ (~kept & positive))
    tn = float(weights @ (~kept & ~positive))

    def ratio(a: float, b: float) -> float:
        return a / b if b > 0 else float("nan")

    f1 = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn > 0 else float("nan")
    f1_negative = 2 * tn / (2 * tn + fp + fn) if tn + fp + fn > 0 else float("nan")
    return {
        "keep_rate": ratio(tp + fp, tp + fp + fn + tn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "f1": f1,
        "macro_f1": (f1 + f1_negative) / 2,
    }


def best_cut(scores: Vector, positive: NDArray[np.bool_], weights: Vector) -> float:
    """Find the cut (keep at or above) of the highest F1 of positives; the highest such cut of equals."""
    hits, misses = _cumulate(scores, positive, weights)
    f1 = 2 * hits / np.maximum(hits + misses + hits[-1], 1e-300)
    return float(np.unique(scores)[::-1][int(np.argmax(f1))])


def cut_without_test(
    scores: Vector, positive: NDArray[np.bool_], weights: Vector, seed: int
) -> NDArray[np.bool_]:
    """Keep or drop every page by the cut of best F1 on the other folds: none has a say in its own."""
    fold = np.random.default_rng(seed).permutation(len(scores)) % _N_FOLDS
    kept = np.zeros(len(scores), np.bool_)
    for k in range(_N_FOLDS):
        test, rest = fold == k, fold != k
        kept[test] = scores[test] >= best_cut(scores[rest], positive[rest], weights[rest])
    return kept


Measure = Callable[[NDArray[np.int64]], float]


def bootstrap(
    measure: Measure, n: int, seed: int, n_resamples: int = N_RESAMPLES, *, unbias: bool = False
) -> dict[str, float]:
    """A measure on all rows and its 95% percentile interval over resampled rows.

    Args:
        measure: takes rows.
        n: number of rows.
        seed: of the resampling.
        n_resamples: how often.
        unbias: whether the interval is moved by how far the resamples' mean is off the measure. An average of absolute
            differences is larger on rows drawn twice, so that its plain interval may lie wholly above its own value.
    """
    rng = np.random.default_rng(seed)
    values = [measure(rng.integers(0, n, n)) for _ in range(n_resamples)]
    finite = np.array([value for value in values if np.isfinite(value)])
    low, high = np.quantile(finite, (0.025, 0.975)) if len(finite) else (float("nan"), float("nan"))
    value = measure(np.arange(n))
    if unbias and len(finite):
        bias = float(finite.mean()) - value
        low, high = min(max(low - bias, 0.0), value), max(high - bias, value)
    return {"value": value, "low": float(low), "high": float(high)}


def summarise(
    pages: Annotations,
    levels: Vector,
    scores: Vector,
    scale: tuple[float, float, float],
    *,
    rows: NDArray[np.bool_] | None = None,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, Any]:
    """Measure predicted levels and scores (N,) against the annotated levels of `pages` at `rows`.

    Returns:
        Measures as {"value", "low", "high"}, the measures by threshold, and the reliability table.
    """
    rows = np.ones(len(pages), np.bool_) if rows is None else rows
    truth, levels, scores = pages.levels[rows], levels[rows], scores[rows]
    weights = 1 / pages.propensity[rows]
    n, positive = len(truth), truth >= scale[2]

    def measured(function: Callable[..., float], *vectors: Any, unbias: bool = False) -> dict[str, float]:
        return bootstrap(lambda r: function(*(v[r] for v in vectors)), n, seed, n_resamples, unbias=unbias)

    kept = cut_without_test(scores, positive, weights, seed)
    cuts = sorted({*(level for level in distinct_levels(truth).tolist() if level > scale[0]), scale[2]})
    return {
        "n_pages": n,
        "n_positive": int(positive.sum()),
        "positive_level": scale[2],
        "spearman": measured(spearman, levels, truth, weights),
        "mae": measured(lambda a, b, w: float(w @ np.abs(a - b) / w.sum()), levels, truth, weights),
        "average_precision": {
            f"{cut:g}": measured(average_precision, levels, truth >= cut, weights) for cut in cuts
        },
        "roc_area": {f"{cut:g}": measured(roc_area, levels, truth >= cut, weights) for cut in cuts},
        "f1": measured(lambda *v: cut_metrics(*v)["f1"], kept, positive, weights),
        "macro_f1": measured(lambda *v: cut_metrics(*v)["macro_f1"], kept, positive, weights),
        "brier": measured(lambda s, p, w: float(w @ (s - p) ** 2 / w.sum()), scores, positive, weights),
        "calibration_error": measured(calibration_error, scores, positive, weights, unbias=True),
        "thresholds": [
            {"threshold": t / 20, **cut_metrics(scores >= t / 20, positive, weights)} for t in range(1, 20)
        ],
        "reliability": reliability(scores, positive, weights),
    }


def distinct_levels(levels: Vector) -> Vector:
    """List the levels that occur, ascending; of a scale of whole levels only these, not means of several readings.

    >>> distinct_levels(np.array([1.0, 3, 3, 2.5, 2]))
    array([1., 2., 3.])
    """
    found = np.unique(levels)
    whole = found[found == np.round(found)]
    if len(whole) >= _LEAST_WHOLE:
        return whole
    return found if len(found) <= _MOST_LEVELS else np.unique(np.round(levels))


def to_json(metrics: Any) -> str:
    """Write measures as JSON; one that is not defined is null, since JSON knows no NaN.

    >>> print(to_json({"f1": float("nan")}))
    {
      "f1": null
    }
    """
    return json.dumps(_without_nan(metrics), indent=2, allow_nan=False)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
