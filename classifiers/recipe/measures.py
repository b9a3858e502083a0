"""What the cards and figures of the bundled classifiers need beyond those of any fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import chi2

from curate.fit.classes import ClassesFit
from curate.fit.metrics import calibration_error
from curate.scoring.features import Pages

_N_DRAWS = 1000

Array = NDArray[np.float32]
Vector = NDArray[np.float64]


def perfect_calibration_error(scores: Vector) -> dict[str, float]:
    """The calibration error that chance alone makes: of a scorer whose every score is the true probability.

    Labels are drawn from `scores` (N,). The error is an average of absolute differences, so it does not vanish
    before each of its ten bins holds many pages; an error within this range is no sign of miscalibration.

    Returns:
        "value", the mean over draws, and "low" and "high", between which 95% of them lie.
    """
    rng = np.random.default_rng(0)
    weights = np.ones(len(scores))
    errors = [calibration_error(scores, rng.random(len(scores)) < scores, weights) for _ in range(_N_DRAWS)]
    low, high = np.quantile(errors, (0.025, 0.975))
    return {"value": float(np.mean(errors)), "low": float(low), "high": float(high)}


def compare_rates(scores: Vector, positive: NDArray[np.bool_], groups: Sequence[str]) -> dict[str, Any]:
    """Compare, in each group of pages, how many positives the scores promise with how many there are.

    Returns:
        "groups", the largest first: name, n_pages, promised (the sum of scores), found (positives); and the
        chi-squared sum of their differences, in standard deviations, with its p-value: small where the groups
        differ by more than chance.
    """
    names = np.array(groups)
    rows: list[dict[str, Any]] = []
    statistic = 0.0
    for name in sorted(set(groups), key=lambda name: (-int((names == name).sum()), name)):
        here = names == name
        promised, found = float(scores[here].sum()), int(positive[here].sum())
        variance = float((scores[here] * (1 - scores[here])).sum())
        statistic += (found - promised) ** 2 / max(variance, 1e-12)
        rows.append({"name": name, "n_pages": int(here.sum()), "promised": promised, "found": found})
    return {"groups": rows, "chi_squared": statistic, "p_value": float(chi2.sf(statistic, len(rows)))}


def held_out_outputs(
    fits: Sequence[ClassesFit],
    web_texts: pa.Array,
    web_sites: Sequence[str],
    texts: pa.Array,
    sites: Sequence[str],
) -> Array:
    """The classifiers' outputs on pages, each from a classifier that saw neither the page nor its site.

    So that a scorer which uses the outputs as features learns how far they can be trusted on new pages.
    """
    blocks: list[Array] = []
    for fit in fits:
        fold_of = dict(zip(web_texts.to_pylist(), fit.folds.tolist(), strict=True))
        fold_of_site = {site: fold for site, fold in zip(web_sites, fit.folds.tolist(), strict=True) if site}
        fold_of_page = np.array([
            fold_of_site.get(site, fold_of.get(text, -1))
            for text, site in zip(texts.to_pylist(), sites, strict=True)
        ])  # fmt: skip
        window = fit.classifier.window_bytes
        outputs = fit.classifier.outputs(Pages(texts, window))
        for fold, part in enumerate(fit.fold_classifiers):
            rows = np.flatnonzero(fold_of_page == fold)
            if len(rows):
                outputs[rows] = part.outputs(Pages(texts.take(pa.array(rows)), window))
        blocks.append(outputs)
    return np.hstack(blocks)


def render_classes_card(fit: ClassesFit) -> str:
    """Render the card of a classifier into classes."""
    about, metrics = fit.classifier.about["annotations"], fit.metrics
    accuracy = metrics["accuracy"]
    by_class = "\n".join(f"| {name} | {value:.2f} |" for name, value in metrics["f1_by_class"].items())
    return f"""# {fit.classifier.name}

The probability of each of {len(fit.classifier.classes)} classes (WebOrganizer: Wettig and others, 2025),
from word counts and the shape of the page. The first {fit.classifier.window_bytes:,} bytes are read.

Fitted on {about["n_pages"]:,} English web pages labelled by {about["annotator"]},
not by people: these figures say how well that classifier is imitated. The pages are balanced over topics,
and so are the probabilities.

## Figures
Out of fold; near-duplicates and pages of one site are never parted between fitting and testing.

| measure | value |
|---|---|
| accuracy | {accuracy["value"]:.3f} (95% interval {accuracy["low"]:.3f} to {accuracy["high"]:.3f}) |
| right class among the first three | {metrics["accuracy_top3"]:.3f} |
| macro F1 | {metrics["macro_f1"]:.3f} |
| log loss | {metrics["log_loss"]:.3f} |
| calibration error of the likeliest class | {metrics["calibration_error"]:.3f} |

| class | F1 |
|---|---|
{by_class}
"""
