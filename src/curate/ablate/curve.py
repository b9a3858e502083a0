"""A fitted curve from weights to bits per byte, and what it is good for outside the points it was fitted on.

Polynomials in the shares of a mixture (Scheffé, 1958): linear, sum of b_i w_i, as RegMix (arXiv 2407.01492) fits beside trees, or
with products, sum of b_i w_i + sum of b_ij w_i w_j, in which more of a text helps less and less. Shares sum to 1, so there is no
constant. Of both, and of several strengths of ridge, the one with the least error on points left out stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """One fitted polynomial."""

    quadratic: bool
    ridge: float
    coefficients: FloatArray
    centre: float
    left_out: FloatArray
    """What it says of each point when fitted on the others (n,)."""

    def predict(self, weights: FloatArray) -> FloatArray:
        """Values at shares (n, k) -> (n,)."""
        return design(weights, quadratic=self.quadratic) @ self.coefficients + self.centre


def fit_curve(weights: FloatArray, values: FloatArray) -> Curve:
    """Fit shares (n, k) to values (n,), with the form that predicts left-out points best."""
    found = [
        _fit(weights, values, quadratic=quadratic, ridge=ridge)
        for quadratic in (False, True)
        for ridge in _RIDGES
    ]
    return min(found, key=lambda curve: float(((curve.left_out - values) ** 2).sum()))


def refit(curve: Curve, weights: FloatArray, values: FloatArray) -> Curve:
    """The same form on other points."""
    return _fit(weights, values, quadratic=curve.quadratic, ridge=curve.ridge)


def rank_correlation(a: FloatArray, b: FloatArray) -> float:
    """Spearman's, for values without ties to speak of; 0 where one does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    first, second = (
        np.argsort(np.argsort(each, kind="stable"), kind="stable").astype(float) for each in (a, b)
    )
    return float(np.corrcoef(first, second)[0, 1])


def _fit(weights: FloatArray, values: FloatArray, *, quadratic: bool, ridge: float) -> Curve:
    features = design(weights, quadratic=quadratic)
    centre = float(values.mean())
    gram = features.T @ features + ridge * np.eye(features.shape[1])
    solved = np.linalg.solve(gram, features.T)
    coefficients = solved @ (values - centre)
    # Left-out values of a ridge come from its hat matrix (Allen's PRESS, 1974).
    leverage = np.minimum(np.einsum("ij,ji->i", features, solved), 1 - 1e-9)
    residuals = values - centre - features @ coefficients
    return Curve(quadratic, ridge, coefficients, centre, values - residuals / (1 - leverage))


def design(weights: FloatArray, *, quadratic: bool) -> FloatArray:
    """What a curve multiplies: the shares (n, k), and their products behind them."""
    if not quadratic:
        return weights
    first, second = np.triu_indices(weights.shape[1], 1)
    return np.hstack([weights, weights[:, first] * weights[:, second]])
