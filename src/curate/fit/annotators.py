"""Several annotators on one scale."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.fit.annotations import Annotations
from curate.fit.recipe import Recipe

Vector = NDArray[np.float64]


def reference_rows(pages: Annotations, recipe: Recipe) -> NDArray[np.bool_]:
    """Find the pages of the annotator whose scale is predicted: the named one, else the most frequent."""
    names = np.array(pages.annotators)
    if recipe.reference_annotator is None:
        counts = Counter(pages.annotators)
        reference = max(sorted(counts), key=lambda name: counts[name])
        return names == reference
    rows = np.array([recipe.reference_annotator in name for name in pages.annotators])
    if not rows.any():
        known = ", ".join(sorted(set(pages.annotators)))
        msg = f"No page is of the annotator '{recipe.reference_annotator}'. There are: {known}."
        raise SettingError(msg)
    return rows


def align_annotators(
    pages: Annotations,
    ahead: Vector,
    reference: NDArray[np.bool_],
    scale: tuple[float, float, float],
    same_scale: tuple[str, ...],
) -> tuple[Vector, dict[str, dict[str, float]]]:
    """Bring every annotator's levels to the reference annotator's scale.

    Pages are annotated by one annotator each, so annotators are compared through a model of the reference
    alone: for each, levels are regressed on its out-of-fold level, weighted to the source's rates, and what
    parts the two lines at a page is added to that page's level. Annotators of fewer than 50 pages, whose line
    would be noise, are left as they are, and so are those of `same_scale`.

    Returns:
        Targets (N,), and {annotator: {"intercept", "slope", "mean_shift"}}.
    """
    targets = pages.levels.copy()
    names = np.array(pages.annotators)
    weights = 1 / pages.propensity
    base = _line(ahead[reference], pages.levels[reference], weights[reference])
    lines: dict[str, dict[str, float]] = {}
    for name in sorted(set(names[~reference].tolist())):
        rows = (names == name) & ~reference
        is_same = any(part in name for part in same_scale)
        if is_same or rows.sum() < 50 or np.ptp(ahead[rows]) == 0:
            continue
        line = _line(ahead[rows], pages.levels[rows], weights[rows])
        shift = (base[0] - line[0]) + (base[1] - line[1]) * ahead[rows]
        targets[rows] = np.clip(pages.levels[rows] + shift, scale[0], scale[1])
        lines[name] = {"intercept": line[0], "slope": line[1], "mean_shift": float(shift.mean())}
    return targets, lines


def _line(x: Vector, y: Vector, weights: Vector) -> tuple[float, float]:
    slope, intercept = np.polyfit(x, y, 1, w=np.sqrt(weights))
    return float(intercept), float(slope)
