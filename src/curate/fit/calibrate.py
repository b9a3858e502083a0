"""Fitting a calibration on out-of-fold levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from curate.scoring.calibration import Calibration, Isotonic, Platt

_MIN_POSITIVES_ISOTONIC = 200

Vector = NDArray[np.float64]


def fit_calibration(kind: str, levels: Vector, positive: NDArray[np.bool_], weights: Vector) -> Calibration:
    """Fit the map from level to the probability of a positive.

    Args:
        kind: "platt", "isotonic", or "auto": isotonic with 1,000 positives and as many negatives or more.
        levels: (N,), out of fold.
        positive: (N,).
        weights: (N,), one over the chance a page had of being chosen, so that rates are those of the source.
    """
    n_rarer = int(min(positive.sum(), (~positive).sum()))
    if kind == "isotonic" or (kind == "auto" and n_rarer >= 5 * _MIN_POSITIVES_ISOTONIC):
        return fit_isotonic(levels, positive, weights)
    return fit_platt(levels, positive, weights)


def fit_platt(levels: Vector, positive: NDArray[np.bool_], weights: Vector) -> Platt:
    """Fit Platt's curve by maximum likelihood, with his shrunk targets; weights are pages of the source.

    The targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2) keep the curve finite when a level parts the two. They count
    labels. With weights in the same sum, one label's worth of doubt is spread over the thousands of pages that 50
    negatives of propensity .005 stand for, and promises more positives than there are. So the slope is fitted as of a
    case-control study, where weights only tell pages of one kind apart; and the intercept is set so that the labelled
    pages promise as many positives as they stand for. With equal weights it is Platt's own fit.

    Source: J. Platt, Probabilistic outputs for support vector machines (1999); R. L. Prentice and R. Pyke, Logistic
    disease incidence models and case-control studies (1979).
    """
    n_positive, n_negative = float(positive.sum()), float((~positive).sum())
    targets = np.where(positive, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    of_source = weights
    if n_positive and n_negative:
        weights = weights / np.where(positive, weights[positive].mean(), weights[~positive].mean())
    weights = weights / weights.sum()
    centre = float(weights @ levels)
    spread = max(float(np.sqrt(weights @ (levels - centre) ** 2)), 1e-6)
    x = (levels - centre) / spread

    def loss(parameters: Vector) -> tuple[float, Vector]:
        z = parameters[0] * x + parameters[1]
        probabilities = 1 / (1 + np.exp(-np.clip(z, -60, 60)))
        gradient = weights * (probabilities - targets)
        value = weights @ (np.logaddexp(0, z) - targets * z)
        return float(value), np.array([gradient @ x, gradient.sum()])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    slope = max(float(found[0]), 0.0) / spread  # a scorer that is worse than none is made flat, not reversed
    intercept = float(found[1]) - slope * centre
    if n_positive and n_negative:
        intercept += _shift_to_source(slope * levels + intercept, positive, of_source)
    return Platt(slope, intercept)


def _shift_to_source(logits: Vector, positive: NDArray[np.bool_], weights: Vector) -> float:
    """Find what to add to logits (N,) so that the pages promise what they stand for.

    Platt's page that is added to each kind weighs as one label of the kind whose labels stand for less.
    """
    n_positive, n_negative = float(weights[positive].sum()), float(weights[~positive].sum())
    added = min(float(weights[positive].mean()), float(weights[~positive].mean()))
    promised = n_positive * (n_positive + added) / (n_positive + 2 * added)
    promised += n_negative * added / (n_negative + 2 * added)

    def excess(shift: float) -> float:
        return float(weights @ (1 / (1 + np.exp(-np.clip(logits + shift, -700, 700))))) - promised

    reach = float(np.abs(logits).max()) + 60.0
    found: Any = brentq(excess, -reach, reach, xtol=1e-12)
    return float(found)


def fit_isotonic(levels: Vector, positive: NDArray[np.bool_], weights: Vector) -> Isotonic:
    """Fit a rising step function, and join the middles of its steps by lines."""
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(levels, kind="stable")
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(
        levels[order], positive[order].astype(np.float64), sample_weight=weights[order]
    )
    values, first = np.unique(fitted, return_index=True)
    ends = np.append(first[1:], len(fitted))
    middles = [float(np.median(levels[order][a:b])) for a, b in zip(first, ends, strict=True)]
    knots, starts = np.unique(middles, return_index=True)
    return Isotonic(tuple(knots.tolist()), tuple(values[starts].tolist()))
