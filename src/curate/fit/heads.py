# pyright: reportArgumentType=false, reportIndexIssue=false, reportOptionalSubscript=false
# (scikit-learn states no types: they are guessed)
"""Fitting heads with scikit-learn, and keeping of each only the arrays that `curate.scoring.heads` needs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from curate.errors import SettingError, UnknownNameError
from curate.fit.recipe import HEAD_SETTINGS, LINEAR_HEADS
from curate.scoring.heads import ForestHead, Head, KernelHead, LinearHead, MlpHead, OrdinalHead, SoftmaxHead

Array = NDArray[np.float32]
Rows = sparse.csr_matrix | None

_MOST_LEVELS = 11
_JITTER = 1e-9
# A word of the middle idf weighs as without `idf_power`; the commonest words of all are not lifted without end.
_MIDDLE_IDF, _LEAST_IDF = 4.0, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """A head, and the weights of the sparse columns whose products it sees after the dense ones.

    Attributes:
        head: on (n_dense + n_outputs) columns.
        sparse_weights: float32 (n_sparse_columns, n_outputs), or None without sparse columns.
        seen: float32 (n_sparse_columns,), 1 where a column of a mean was met in fitting and 0 where it may
            not count; None where rows are no means.
    """

    head: Head
    sparse_weights: Array | None
    seen: Array | None = None

    def predict(self, dense: Array, rows: Rows) -> Array:
        """One number a row, float32 (N,)."""
        columns = dense
        if rows is not None and self.sparse_weights is not None:
            products = np.asarray(rows @ self.sparse_weights, np.float32)
            if self.seen is not None:
                products /= np.asarray(rows @ self.seen)[:, None]
            columns = np.hstack([dense, products])
        return self.head.predict(np.ascontiguousarray(columns, np.float32))


Fit = Callable[[Array, Rows, NDArray[np.float64], NDArray[np.float64], int, dict[str, Any]], FittedHead]


def fit_head(
    name: str,
    dense: Array,
    rows: Rows,
    targets: NDArray[np.float64],
    weights: NDArray[np.float64],
    seed: int,
    settings: dict[str, Any],
    idf: Array | None = None,
) -> FittedHead:
    """Fit one head.

    Args:
        name: one of `curate.fit.recipe.HEAD_NAMES`.
        dense: float32 (N, n_dense), prepared.
        rows: sparse columns, or None.
        targets: (N,), levels.
        weights: (N,), how much each page counts.
        seed: of whatever is drawn.
        settings: of the head; see `HEAD_SETTINGS` for names and defaults.
        idf: float32 (n_columns,), how rare the sparse columns of a zone are; `idf_power` needs it.

    Raises:
        SettingError: Unknown head or setting, or sparse columns for a head that cannot use them.
    """
    if name not in _FITS:
        raise UnknownNameError("head", name, _FITS)
    unknown = set(settings) - set(HEAD_SETTINGS[name])
    if unknown:
        raise UnknownNameError(f"setting of the {name} head", min(unknown), HEAD_SETTINGS[name])
    if rows is not None and name not in (*LINEAR_HEADS, "softmax"):
        raise SettingError(f"The {name} head cannot take word counts; type {' or '.join(LINEAR_HEADS)}.")
    settings = {**HEAD_SETTINGS[name], **settings}
    power = settings.get("idf_power", 0.0)
    if rows is None or idf is None or not power:
        return _FITS[name](dense, rows, targets, weights, seed, settings)
    scale = np.tile((np.maximum(idf, _LEAST_IDF) / _MIDDLE_IDF) ** power, rows.shape[1] // len(idf))
    scaled = sparse.csr_matrix(rows.multiply(scale[None, :].astype(np.float32)))
    fitted = _FITS[name](dense, scaled, targets, weights, seed, settings)
    found = fitted.sparse_weights
    return (
        fitted
        if found is None
        else replace(fitted, sparse_weights=(found * scale[:, None]).astype(np.float32))
    )


def _joined(dense: Array, rows: Rows) -> Any:
    if rows is None:
        return dense.astype(np.float64)
    return sparse.hstack([sparse.csr_matrix(dense, dtype=np.float64), rows.astype(np.float64)], format="csr")


def _fit_ridge(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    from sklearn.linear_model import Ridge

    del seed
    columns = _joined(dense, rows)
    solver = "cholesky" if rows is None else "sparse_cg"
    model = Ridge(alpha=s["alpha"], solver=solver, tol=1e-4).fit(columns, y, sample_weight=w)
    coefficients = np.asarray(model.coef_, np.float32)
    bias = np.array([model.intercept_], np.float32)
    n_dense = dense.shape[1]
    if rows is None:
        return FittedHead(LinearHead(coefficients, bias), None)
    return FittedHead(
        LinearHead(np.append(coefficients[:n_dense], np.float32(1)), bias),
        np.ascontiguousarray(coefficients[n_dense:, None]),
    )


def _fit_logistic(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    """One logistic regression a cut between neighbouring levels."""
    from sklearn.linear_model import LogisticRegression

    columns = _joined(dense, rows)
    levels, cuts = split_levels(y)
    coefficients, biases = [], []
    for cut in cuts:
        model = LogisticRegression(C=s["C"], max_iter=s["max_iter"], random_state=seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="lbfgs failed to converge")
            model.fit(columns, y >= cut, sample_weight=w)
        coefficients.append(model.coef_[0])
        biases.append(model.intercept_[0])
    matrix = np.array(coefficients, np.float32).reshape(len(cuts), columns.shape[1]).T
    bias = np.array(biases, np.float32)
    n_dense = dense.shape[1]
    if rows is None:
        return FittedHead(OrdinalHead(np.ascontiguousarray(matrix), bias, levels), None)
    weights = np.vstack([matrix[:n_dense], np.eye(len(cuts), dtype=np.float32)])
    return FittedHead(OrdinalHead(weights, bias, levels), np.ascontiguousarray(matrix[n_dense:]))


def split_levels(y: NDArray[np.float64]) -> tuple[Array, NDArray[np.float64]]:
    """Settle the levels that a head by levels tells apart, and the cuts half way between them.

    The levels that occur where these are few; else whole ones (levels brought to another annotator's scale
    are fractions); else, on a long scale, ten quantiles.

    >>> split_levels(np.array([1.0, 3.0, 3.0, 4.0]))
    (array([1., 3., 4.], dtype=float32), array([2. , 3.5]))
    """
    levels = np.unique(y)
    if len(levels) > _MOST_LEVELS:
        levels = np.unique(np.round(y))
    if len(levels) > _MOST_LEVELS:
        levels = np.unique(np.quantile(y, np.linspace(0, 1, _MOST_LEVELS)))
    return levels.astype(np.float32), (levels[1:] + levels[:-1]) / 2


def _fit_softmax(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    from curate.fit.fasttext import fit_fasttext

    del dense
    levels, cuts = split_levels(y)
    labels = np.searchsorted(cuts, y, side="right")
    vectors, weights, seen = fit_fasttext(rows, labels, len(levels), w, seed, s)
    return FittedHead(SoftmaxHead(weights, levels), vectors, seen)


def _gamma(dense: Array, factor: float) -> float:
    """Width of the bumps, in units of the columns' total variance."""
    return factor / max(float(dense.var(axis=0, dtype=np.float64).sum()), 1e-12)


def _fit_svr(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    from sklearn.svm import SVR

    del rows, seed
    gamma = _gamma(dense, s["gamma"])
    model = SVR(C=s["C"], gamma=gamma, epsilon=s["epsilon"]).fit(dense.astype(np.float64), y, sample_weight=w)
    return FittedHead(_bumps(model.support_vectors_, model.dual_coef_[0], model.intercept_[0], gamma), None)


def _fit_kernel(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    """Ridge regression on bumps at drawn pages.

    The penalty is the norm of the function that the bumps add up to, as in ridge regression after Nystroem's map; solved
    for the bumps' weights themselves, which needs no decomposition of the centres' kernel.
    """
    from scipy.linalg import solve
    from sklearn.metrics.pairwise import rbf_kernel

    del rows
    gamma = _gamma(dense, s["gamma"])
    drawn = np.random.RandomState(seed).permutation(len(dense))[: min(int(s["n_centres"]), len(dense))]
    # Centres are stored in half floats: bumps stand where those lie.
    centres = dense[drawn].astype(np.float16).astype(np.float64)
    bumps = rbf_kernel(dense.astype(np.float64), centres, gamma=gamma)
    means, mean = np.average(bumps, axis=0, weights=w), np.average(y, weights=w)
    bumps -= means
    weighted = bumps * w[:, None]
    square = weighted.T @ bumps + s["alpha"] * rbf_kernel(centres, gamma=gamma)
    # Equal centres would make it singular.
    square[np.diag_indices_from(square)] += _JITTER * np.trace(square) / len(square)
    dual = solve(square, weighted.T @ (y - mean), assume_a="pos")
    return FittedHead(_bumps(centres, dual, mean - means @ dual, gamma), None)


def _bumps(centres: Any, dual: Any, intercept: Any, gamma: float) -> KernelHead:
    return KernelHead(
        np.ascontiguousarray(np.asarray(centres).T, np.float32),
        np.asarray(dual, np.float32),
        np.array([intercept], np.float32),
        np.array([gamma], np.float32),
    )


def _fit_mlp(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    """Several small networks from different starts, averaged, and stored as one wide network."""
    from sklearn.neural_network import MLPRegressor

    del rows
    nets = []
    for k in range(int(s["n_networks"])):
        net = MLPRegressor(
            hidden_layer_sizes=(int(s["n_hidden"]),),
            alpha=s["alpha"],
            learning_rate_init=s["learning_rate"],
            max_iter=int(s["n_epochs"]),
            n_iter_no_change=int(s["n_epochs"]),
            random_state=seed + k,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
            nets.append(net.fit(dense.astype(np.float64), y, sample_weight=w))
    hidden = np.hstack([net.coefs_[0] for net in nets]).astype(np.float32)
    hidden_bias = np.concatenate([net.intercepts_[0] for net in nets]).astype(np.float32)
    out = np.concatenate([net.coefs_[1][:, 0] for net in nets]) / len(nets)
    bias = np.mean([net.intercepts_[1][0] for net in nets])
    return FittedHead(
        MlpHead(
            np.ascontiguousarray(hidden), hidden_bias, out.astype(np.float32), np.array([bias], np.float32)
        ),
        None,
    )


def _fit_forest(
    dense: Array, rows: Rows, y: NDArray[np.float64], w: NDArray[np.float64], seed: int, s: dict[str, Any]
) -> FittedHead:
    from sklearn.ensemble import RandomForestRegressor

    del rows
    model = RandomForestRegressor(
        int(s["n_trees"]),
        min_samples_leaf=int(s["min_leaf"]),
        max_features=s["max_features"],
        random_state=seed,
        n_jobs=1,
    ).fit(dense, y, sample_weight=w)
    trees = [tree.tree_ for tree in model.estimators_]
    roots = np.cumsum([0, *[tree.node_count for tree in trees]])[:-1].astype(np.int32)

    def join(name: str, dtype: Any, *, is_link: bool = False) -> Any:
        parts = [getattr(tree, name) for tree in trees]
        if is_link:
            parts = [np.where(part >= 0, part + root, 0) for part, root in zip(parts, roots, strict=True)]
        return np.concatenate(parts).astype(dtype)

    value = np.concatenate([tree.value[:, 0, 0] for tree in trees]).astype(np.float32)
    feature = join("feature", np.int32)
    head = ForestHead(
        roots,
        np.where(feature < 0, -1, feature).astype(np.int32),
        # Features are float32, so a threshold rounded down to float32 parts them in the same way.
        _round_down(join("threshold", np.float64)),
        join("children_left", np.int32, is_link=True),
        join("children_right", np.int32, is_link=True),
        value,
    )
    return FittedHead(head, None)


def _round_down(numbers: NDArray[np.float64]) -> Array:
    rounded = numbers.astype(np.float32)
    return np.where(rounded > numbers, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)


_FITS: dict[str, Fit] = {
    "ridge": _fit_ridge,
    "logistic": _fit_logistic,
    "svr": _fit_svr,
    "kernel": _fit_kernel,
    "mlp": _fit_mlp,
    "forest": _fit_forest,
    "softmax": _fit_softmax,
}
