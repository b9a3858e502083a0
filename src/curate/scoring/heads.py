# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Heads: features of a document to one number on the annotators' scale.

A head is plain arrays, whatever fitted it, and computes a document at a time in a fixed order of
additions: so the number of a document does not depend on the batch it came in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel

Array = NDArray[np.float32]


class Head(Protocol):
    """Maps dense features (N, n_features) to float32 (N,)."""

    kind: ClassVar[str]

    def predict(self, features: Array, /) -> Array:
        """One number a row, from that row alone."""
        ...

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """The arrays that `head_from_arrays` makes the head from."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """A weighted sum: ridge regression, or one output of any linear model.

    Attributes:
        weights: float32 (n_features,).
        bias: float32 (1,).
    """

    kind: ClassVar[str] = "linear"
    weights: Array
    bias: Array

    def predict(self, features: Array, /) -> Array:
        """The weighted sum of every row."""
        numbers = np.empty(len(features), np.float32)
        _predict_linear(features, self.weights, self.bias, numbers)
        return numbers

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """`weights` and `bias`, to be stored."""
        return {"weights": self.weights, "bias": self.bias}


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalHead:
    """Logistic regressions of "at least this level", one a level above the lowest; the level is expected.

    Attributes:
        weights: float32 (n_features, n_levels - 1).
        bias: float32 (n_levels - 1,).
        levels: float32 (n_levels,), rising.
    """

    kind: ClassVar[str] = "ordinal"
    weights: Array
    bias: Array
    levels: Array

    def predict(self, features: Array, /) -> Array:
        """The lowest level, and for every other its step times the chance that it is reached."""
        numbers = np.empty(len(features), np.float32)
        _predict_ordinal(features, self.weights, self.bias, self.levels, numbers)
        return numbers

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """`weights`, `bias` and `levels`, to be stored."""
        return {"weights": self.weights, "bias": self.bias, "levels": self.levels}


@dataclass(frozen=True, slots=True, eq=False)
class SoftmaxHead:
    """One output a level, made probabilities by a softmax; the level is expected. What fastText ends in.

    Attributes:
        weights: float32 (n_features, n_levels).
        levels: float32 (n_levels,).
    """

    kind: ClassVar[str] = "softmax"
    weights: Array
    levels: Array

    def predict(self, features: Array, /) -> Array:
        """The mean of the levels by their probabilities."""
        numbers = np.empty(len(features), np.float32)
        _predict_softmax(features, self.weights, self.levels, numbers)
        return numbers

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """`weights` and `levels`, to be stored."""
        return {"weights": self.weights, "levels": self.levels}


@dataclass(frozen=True, slots=True, eq=False)
class KernelHead:
    """A sum of Gaussian bumps: support vector regression, or ridge regression on chosen centres.

    Attributes:
        centres: float32 (n_features, n_centres), transposed for the walk through memory.
        weights: float32 (n_centres,).
        bias: float32 (1,).
        gamma: float32 (1,); a bump is exp(-gamma * squared distance).
    """

    kind: ClassVar[str] = "kernel"
    centres: Array
    weights: Array
    bias: Array
    gamma: Array

    def predict(self, features: Array, /) -> Array:
        """The sum of the bumps at every row."""
        numbers = np.empty(len(features), np.float32)
        squares = np.square(self.centres, dtype=np.float32).sum(axis=0, dtype=np.float32)
        _predict_kernel(features, self.centres, squares, self.weights, self.bias, self.gamma, numbers)
        return numbers

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """`centres`, in half floats where these hold them, `weights`, `bias` and `gamma`, to be stored."""
        half = self.centres.astype(np.float16)
        centres = half if (half == self.centres).all() else self.centres
        return {"centres": centres, "weights": self.weights, "bias": self.bias, "gamma": self.gamma}


@dataclass(frozen=True, slots=True, eq=False)
class MlpHead:
    """One hidden layer of rectified units; several networks stand side by side in it as one.

    Attributes:
        hidden: float32 (n_features, n_hidden).
        hidden_bias: float32 (n_hidden,).
        weights: float32 (n_hidden,).
        bias: float32 (1,).
    """

    kind: ClassVar[str] = "mlp"
    hidden: Array
    hidden_bias: Array
    weights: Array
    bias: Array

    def predict(self, features: Array, /) -> Array:
        """The output of the network for every row."""
        numbers = np.empty(len(features), np.float32)
        _predict_mlp(features, self.hidden, self.hidden_bias, self.weights, self.bias, numbers)
        return numbers

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """`hidden`, `hidden_bias`, `weights` and `bias`, to be stored."""
        return {
            "hidden": self.hidden,
            "hidden_bias": self.hidden_bias,
            "weights": self.weights,
            "bias": self.bias,
        }


@dataclass(frozen=True, slots=True, eq=False)
class ForestHead:
    """The mean of decision trees, as node arrays of all trees on end.

    Attributes:
        roots: int32 (n_trees,), the first node of each tree.
        feature: int32 (n_nodes,), the feature a node asks for, -1 in a leaf.
        threshold: float32 (n_nodes,); at most this goes left.
        left: int32 (n_nodes,).
        right: int32 (n_nodes,).
        value: float32 (n_nodes,), what a leaf answers.
    """

    kind: ClassVar[str] = "forest"
    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: Array
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Array

    def predict(self, features: Array, /) -> Array:
        """The mean of the trees' answers for every row."""
        numbers = np.empty(len(features), np.float32)
        _predict_forest(
            features, self.roots, self.feature, self.threshold, self.left, self.right, self.value, numbers
        )
        return numbers

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """The node arrays."""
        return {
            "roots": self.roots,
            "feature": self.feature,
            "threshold": self.threshold,
            "left": self.left,
            "right": self.right,
            "value": self.value,
        }


HEADS: dict[str, type] = {
    head.kind: head for head in (LinearHead, OrdinalHead, SoftmaxHead, KernelHead, MlpHead, ForestHead)
}


def head_from_arrays(kind: str, arrays: dict[str, NDArray[np.generic]]) -> Head:
    """Make the head of `kind` from the arrays its `to_arrays` gave; half floats become float32."""
    wide = {
        name: np.ascontiguousarray(a, np.float32 if a.dtype.kind == "f" else a.dtype)
        for name, a in arrays.items()
    }
    return HEADS[kind](**wide)


@kernel
def _predict_linear(features, weights, bias, numbers):
    for row in range(len(features)):
        total = bias[0]
        for i in range(len(weights)):
            total += features[row, i] * weights[i]
        numbers[row] = total


def add_products(features: Array, weights: Array, outputs: Array) -> None:
    """Add features (N, n_features) times weights (n_features, n_outputs) to outputs (N, n_outputs)."""
    _add_products(features, weights, outputs)


@kernel
def _add_products(features, weights, outputs):
    for row in range(len(features)):
        for i in range(features.shape[1]):
            feature = features[row, i]
            for j in range(weights.shape[1]):
                outputs[row, j] += feature * weights[i, j]


@kernel
def _predict_ordinal(features, weights, bias, levels, numbers):
    n_cuts = len(bias)
    sums = np.empty(n_cuts, np.float32)
    for row in range(len(features)):
        sums[:] = bias
        for i in range(features.shape[1]):
            feature = features[row, i]
            for j in range(n_cuts):
                sums[j] += feature * weights[i, j]
        level = np.float64(levels[0])
        for j in range(n_cuts):
            step = np.float64(levels[j + 1]) - np.float64(levels[j])
            level += step / (1.0 + math.exp(-np.float64(sums[j])))
        numbers[row] = level


@kernel
def _predict_softmax(features, weights, levels, numbers):
    n_levels = len(levels)
    sums = np.empty(n_levels, np.float32)
    for row in range(len(features)):
        sums[:] = 0
        for i in range(features.shape[1]):
            feature = features[row, i]
            for j in range(n_levels):
                sums[j] += feature * weights[i, j]
        highest = sums.max()
        total, level = 0.0, 0.0
        for j in range(n_levels):
            power = math.exp(np.float64(sums[j] - highest))
            total += power
            level += power * levels[j]
        numbers[row] = level / total


@kernel
def _predict_kernel(features, centres, squares, weights, bias, gamma, numbers):
    """Take four rows by four columns at a time.

    Centres lie in no cache near the core: they are read a fourth as often, and products are put down a fourth as often.
    """
    n_centres, n_rows = len(weights), len(features)
    products = np.empty((4, n_centres), np.float32)
    bumps = np.empty(n_centres, np.float64)
    for start in range(0, n_rows, 4):
        rows = (
            features[start],
            features[min(start + 1, n_rows - 1)],
            features[min(start + 2, n_rows - 1)],
            features[min(start + 3, n_rows - 1)],
        )
        _multiply_four(rows[0], rows[1], rows[2], rows[3], centres, products)
        for row in range(start, min(start + 4, n_rows)):
            square = np.float32(0)
            for i in range(features.shape[1]):
                square += features[row, i] * features[row, i]
            for j in range(n_centres):
                product = products[row - start, j]
                distance = max(square + squares[j] - np.float32(2) * product, np.float32(0))
                bumps[j] = weights[j] * _exp_negative(-np.float64(gamma[0]) * np.float64(distance))
            sums = np.zeros(4, np.float64)  # one sum would wait for each addition
            for j in range(n_centres):
                sums[j % 4] += bumps[j]
            numbers[row] = np.float64(bias[0]) + ((sums[0] + sums[1]) + (sums[2] + sums[3]))


@kernel
def _multiply_four(a, b, c, d, centres, products):
    """Multiply four rows of features (n_features,) with centres into products (4, n_centres)."""
    n_features, n_centres = centres.shape
    products[:] = 0
    n_whole = n_features - n_features % 4
    for i in range(0, n_whole, 4):
        a0, a1, a2, a3 = a[i], a[i + 1], a[i + 2], a[i + 3]
        b0, b1, b2, b3 = b[i], b[i + 1], b[i + 2], b[i + 3]
        c0, c1, c2, c3 = c[i], c[i + 1], c[i + 2], c[i + 3]
        d0, d1, d2, d3 = d[i], d[i + 1], d[i + 2], d[i + 3]
        for j in range(n_centres):
            p, q, r, s = centres[i, j], centres[i + 1, j], centres[i + 2, j], centres[i + 3, j]
            products[0, j] += (a0 * p + a1 * q) + (a2 * r + a3 * s)
            products[1, j] += (b0 * p + b1 * q) + (b2 * r + b3 * s)
            products[2, j] += (c0 * p + c1 * q) + (c2 * r + c3 * s)
            products[3, j] += (d0 * p + d1 * q) + (d2 * r + d3 * s)
    for i in range(n_whole, n_features):
        for j in range(n_centres):
            products[0, j] += a[i] * centres[i, j]
            products[1, j] += b[i] * centres[i, j]
            products[2, j] += c[i] * centres[i, j]
            products[3, j] += d[i] * centres[i, j]


@kernel(inline=True)
def _exp_negative(x):
    """exp(x) for x at most 0, to 2e-9 of its value (1.6e-28 below -64): without a branch, so that many are taken at once.

    exp(x / 64) by its series about -1/2, six times squared.
    """
    t = max(x, -64.0) / 64.0 + 0.5
    series = 1.0 / 362880.0 + t / 3628800.0
    series = 1.0 / 40320.0 + t * series
    series = 1.0 / 5040.0 + t * series
    series = 1.0 / 720.0 + t * series
    series = 1.0 / 120.0 + t * series
    series = 1.0 / 24.0 + t * series
    series = 1.0 / 6.0 + t * series
    series = 0.5 + t * series
    series = 1.0 + t * series
    series = 1.0 + t * series
    series *= 0.6065306597126334  # exp(-1/2)
    series *= series
    series *= series
    series *= series
    series *= series
    series *= series
    return series * series


@kernel
def _predict_mlp(features, hidden, hidden_bias, weights, bias, numbers):
    n_hidden = len(weights)
    units = np.empty(n_hidden, np.float32)
    for row in range(len(features)):
        units[:] = hidden_bias
        for i in range(features.shape[1]):
            feature = features[row, i]
            for j in range(n_hidden):
                units[j] += feature * hidden[i, j]
        total = bias[0]
        for j in range(n_hidden):
            total += max(units[j], np.float32(0)) * weights[j]
        numbers[row] = total


@kernel
def _predict_forest(features, roots, feature, threshold, left, right, value, numbers):
    for row in range(len(features)):
        total = 0.0
        for tree in range(len(roots)):
            node = roots[tree]
            while feature[node] >= 0:
                node = left[node] if features[row, feature[node]] <= threshold[node] else right[node]
            total += value[node]
        numbers[row] = total / len(roots)
