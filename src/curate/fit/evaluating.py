"""Evaluating scorers on annotated pages, and comparing two on the same pages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.config import settings_from
from curate.errors import SettingError
from curate.fit.annotations import Annotations, AnnotationSource, read_annotations
from curate.fit.evaluation import Evaluation
from curate.fit.fitted_on import hash_texts, read_fitted_on
from curate.fit.keywords import EvaluateKeywords
from curate.fit.metrics import Vector, average_precision, calibration_error, cut_metrics, spearman, summarise
from curate.fit.settings import EvaluateSettings
from curate.protocols import Scorer
from curate.scoring import FittedScorer, ask, load_classifier, load_scorer, states_levels
from curate.scoring.load import find_folder

_LENGTHS = (1000, 2000, 4000, 8000)
_MIN_PAGES = 20


def evaluate(
    scorer: str | Path | Scorer,
    annotations: AnnotationSource,
    *,
    other: str | Path | Scorer | None = None,
    **settings: Unpack[EvaluateKeywords],
) -> Evaluation:
    """Measure a scorer on annotated pages.

    F1 is of a cut that was chosen on other pages than it is measured on. A page of propensity p stands for
    1 / p pages. Intervals are 95% percentiles over resampled pages.

    Args:
        scorer: as for `load_scorer`.
        annotations: as for `read_annotations`; pages the scorer was not fitted on.
        other: a second scorer, to be compared on the same pages.
        **settings: the fields of `curate.fit.settings.EvaluateSettings`.

    Raises:
        SettingError: A setting is wrong, or no page or every page is positive.
    """
    checked = settings_from(EvaluateSettings, settings)
    seed, n_resamples = checked.seed, checked.n_resamples
    first = load_scorer(scorer)
    pages = read_annotations(annotations)
    positive = find_positive(first, pages) if checked.positive is None else checked.positive
    truth = pages.levels >= positive
    if not 0 < truth.sum() < len(pages):
        n = f"{truth.sum()} of {len(pages)}"
        reach = f"Levels reach from {pages.levels.min():g} to {pages.levels.max():g}"
        raise SettingError(
            f"{n} pages are at level {positive:g} or above; both kinds are needed. {reach}: set positive "
            "(--positive), or add pages."
        )
    scale = (min(0.0, float(pages.levels.min())), float(pages.levels.max()), positive)
    levels, scores = predict(first, pages)
    metrics = summarise(pages, levels, scores, scale, seed=seed, n_resamples=n_resamples)
    metrics["has_levels"] = states_levels(first)
    if not on_one_scale(first, pages, levels):
        del metrics["mae"]
    metrics["n_fitted_on"] = count_fitted_on(scorer, pages)
    metrics["slices"] = slice_pages(
        pages, levels, scores, positive, checked.threshold, by_topic=checked.by_topic
    )
    comparison, their_scores = None, None
    if other is not None:
        second = load_scorer(other)
        their_levels, their_scores = predict(second, pages)
        theirs = summarise(pages, their_levels, their_scores, scale, seed=seed, n_resamples=n_resamples)
        if not on_one_scale(second, pages, their_levels):
            del theirs["mae"]
        theirs["n_fitted_on"] = count_fitted_on(other, pages)
        comparison = {
            "scorer": second.name,
            "metrics": theirs,
            "difference": compare(
                pages, (levels, scores), (their_levels, their_scores), positive, n_resamples, seed
            ),
        }
    return Evaluation(first.name, metrics, comparison, levels, scores, pages, their_scores)


def count_fitted_on(scorer: Any, pages: Annotations) -> int:
    """Count the pages whose very text a classifier of `curate fit` was fitted on; 0 where none can be known."""
    folder = find_folder(scorer) if isinstance(scorer, (str, Path)) else None
    fitted = None if folder is None else read_fitted_on(folder)
    return 0 if fitted is None else int(np.isin(hash_texts(pages.texts), fitted).sum())


def find_positive(scorer: Scorer, pages: Annotations) -> float:
    """Settle the level from which a page counts as positive, where nobody said."""
    if set(pages.levels.tolist()) <= {0.0, 1.0}:
        return 1.0
    return float(scorer.scale[2]) if isinstance(scorer, FittedScorer) else 3.0


def on_one_scale(scorer: Scorer, pages: Annotations, levels: Vector) -> bool:
    """Whether levels of the scorer and of the pages can be subtracted: both of 0 and 1, or both of more."""
    if not states_levels(scorer):
        return False
    lowest, highest = float(pages.levels.min()), float(pages.levels.max())
    low, high = scorer.scale[:2] if isinstance(scorer, FittedScorer) else (0.0, max(1.0, float(levels.max())))
    return low <= lowest and highest <= max(high, 5.0 if high > 1 else 1.0) and (highest <= 1) == (high <= 1)


def predict(scorer: Scorer, pages: Annotations) -> tuple[Vector, Vector]:
    """(levels, scores) of the pages; a scorer without levels of its own is ranked by its scores."""
    scored = ask(scorer, pages.texts)
    scores = scored.scores.astype(np.float64)
    return scores if scored.levels is None else scored.levels.astype(np.float64), scores


Pair = tuple[Vector, Vector]


def compare(
    pages: Annotations, first: Pair, second: Pair, positive: float, n_resamples: int, seed: int
) -> dict[str, dict[str, float]]:
    """The second scorer's measures less the first's, both on the same resampled pages.

    Returns:
        Measure -> {"value", "low", "high", "share_above"}: the last is the share of resamples in which the
        difference is above zero.
    """
    weights, truth, levels = 1 / pages.propensity, pages.levels >= positive, pages.levels
    n = len(levels)

    def measure(rows: NDArray[np.int64], pair: Pair) -> dict[str, float]:
        predicted, scores = pair[0][rows], pair[1][rows]
        w, t, y = weights[rows], truth[rows], levels[rows]
        return {
            "spearman": spearman(predicted, y, w),
            "average_precision": average_precision(predicted, t, w),
            "brier": float(w @ (scores - t) ** 2 / w.sum()),
            "calibration_error": calibration_error(scores, t, w),
        }

    def difference(rows: NDArray[np.int64]) -> dict[str, float]:
        ours, theirs = measure(rows, first), measure(rows, second)
        return {name: theirs[name] - ours[name] for name in ours}

    rng = np.random.default_rng(seed)
    draws = [difference(rng.integers(0, n, n)) for _ in range(n_resamples)]
    whole = difference(np.arange(n))
    found: dict[str, dict[str, float]] = {}
    for name, value in whole.items():
        values = np.array([draw[name] for draw in draws if np.isfinite(draw[name])])
        low, high = np.quantile(values, (0.025, 0.975)) if len(values) else (np.nan, np.nan)
        above = float((values > 0).mean()) if len(values) else float("nan")
        found[name] = {"value": value, "low": float(low), "high": float(high), "share_above": above}
    return found


def slice_pages(
    pages: Annotations, levels: Vector, scores: Vector, positive: float, threshold: float, *, by_topic: bool
) -> dict[str, list[dict[str, Any]]]:
    """Measure by length, site and topic, where a slice has 20 pages or more."""
    n_bytes = np.asarray(pc.binary_length(pages.texts))
    bins = np.searchsorted(_LENGTHS, n_bytes, side="right")
    names = ["under 1,000 bytes", "1,000 to 2,000", "2,000 to 4,000", "4,000 to 8,000", "8,000 and more"]
    topics = np.array(pages.topics)
    if by_topic and not topics.any():
        topics = _find_topics(pages)
    by: dict[str, NDArray[Any]] = {
        "length": np.array(names)[bins],
        "site": np.array(pages.sites),
        "topic": topics,
    }
    truth, weights = pages.levels >= positive, 1 / pages.propensity

    def measure(name: str, rows: NDArray[np.bool_]) -> dict[str, Any]:
        t, w = truth[rows], weights[rows]
        return {
            "slice": name,
            "n_pages": int(rows.sum()),
            "n_positive": int(t.sum()),
            "rate": float(w @ t / w.sum()),
            "mean_score": float(w @ scores[rows] / w.sum()),
            "spearman": spearman(levels[rows], pages.levels[rows], w),
            "average_precision": average_precision(levels[rows], t, w),
            **cut_metrics(scores[rows] >= threshold, t, w),
        }

    found: dict[str, list[dict[str, Any]]] = {}
    for kind, values in by.items():
        counts = Counter(values.tolist())
        order = names if kind == "length" else [name for name, _ in counts.most_common()]
        found[kind] = [measure(name, values == name) for name in order if name and counts[name] >= _MIN_PAGES]
    return found


def _find_topics(pages: Annotations) -> NDArray[Any]:
    return np.array(load_classifier("topic").label(pages.texts).to_pylist())
