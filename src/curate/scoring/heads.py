# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Heads: features of a document to one number on the annotators' scale.

A head is plain arrays, whatever fitted it, and computes a document at a time in a fixed order of
additions: so the number of a document does not depend on the batch it came in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from curate.scoring.tiles import LANES, ROWS, add_bumps, multiply_tile
from curate.text.kernel import kernel

Array = NDArray[np.float32]

_BLOCK = 64
"""Rows that a tile of centres is read for."""


class Head(Protocol):
    """Maps dense features (N, n_features) to float32 (N,)."""

    kind: ClassVar[str]

    def predict(self, features: Array, /) -> Array:
        """One number a row, from that row alone."""
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
        tiles, squares, weights = _lay_tiles(self)
        features = np.ascontiguousarray(features)
        _predict_kernel(features, features.ravel(), tiles, squares, weights, self.bias, self.gamma, numbers)
        return numbers


@lru_cache(maxsize=8)
def _lay_tiles(head: KernelHead) -> tuple[Array, Array, Array]:
    """The centres, tile after tile of (n_features, 32), flat, their squared lengths and weights, all filled up with zeros."""
    n_features, n_centres = head.centres.shape
    n_padded = -(-n_centres // LANES) * LANES
    padded = np.zeros((n_features, n_padded), np.float32)
    padded[:, :n_centres] = head.centres
    squares, weights = np.zeros((2, n_padded), np.float32)
    squares[:n_centres] = np.square(head.centres, dtype=np.float32).sum(axis=0, dtype=np.float32)
    weights[:n_centres] = head.weights
    return padded.reshape(n_features, -1, LANES).transpose(1, 0, 2).ravel(), squares, weights


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


HEADS: dict[str, type] = {
    head.kind: head for head in (LinearHead, OrdinalHead, SoftmaxHead, KernelHead, MlpHead, ForestHead)
}


def head_arrays(head: Head) -> dict[str, NDArray[np.generic]]:
    """The head's arrays by name, to be stored; centres in half floats, where these hold them."""
    arrays = {field.name: getattr(head, field.name) for field in fields(cast("Any", head))}
    if isinstance(head, KernelHead):
        half = head.centres.astype(np.float16)
        arrays["centres"] = half if (half == head.centres).all() else head.centres
    return arrays


def head_from_arrays(kind: str, arrays: dict[str, NDArray[np.generic]]) -> Head:
    """Make the head of `kind` from its `head_arrays`; half floats become float32."""
    wide = {
        name: np.ascontiguousarray(a, np.float32 if a.dtype.kind == "f" else a.dtype)
        for name, a in arrays.items()
    }
    return HEADS[kind](**wide)


def prepare(
    columns: Sequence[Array], centre: Array, scale: Array, limit: Array, products: Array | None = None
) -> Array:
    """Put side by side what a head sees: dense columns, each as clip((x - centre) * scale, -limit, limit), and products.

    Args:
        columns: float32 (N, ...), as many columns together as there are centres.
        centre: float32 (n_dense,).
        scale: float32 (n_dense,).
        limit: float32 (n_dense,).
        products: float32 (N, n_products), taken as they are.
    """
    n_rows, n_dense = len(columns[0] if products is None else products), len(centre)
    features = np.empty((n_rows, n_dense + (0 if products is None else products.shape[1])), np.float32)
    at = 0
    for each in columns:
        _prepare_columns(each, at, centre, scale, limit, features)
        at += each.shape[1]
    if products is not None:
        features[:, n_dense:] = products
    return features


@kernel
def _prepare_columns(columns, at, centre, scale, limit, features):
    stop = at + columns.shape[1]
    centre, scale, limit = centre[at:stop], scale[at:stop], limit[at:stop]
    for row in range(len(columns)):
        column, feature = columns[row], features[row, at:stop]
        for j in range(len(column)):
            value = (column[j] - centre[j]) * scale[j]
            feature[j] = -limit[j] if value < -limit[j] else min(value, limit[j])


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
def _predict_kernel(features, flat, tiles, squares, weights, bias, gamma, numbers):
    """Take a block of rows through one tile of centres after the other.

    All centres lie in no cache near the core, one tile does: it is read from there for all of these rows.
    """
    n_rows, n_features = features.shape
    products = np.empty(ROWS * LANES, np.float32)
    row_squares = np.empty(_BLOCK, np.float32)
    sums = np.empty((_BLOCK, 4), np.float64)
    flat_sums = sums.ravel()
    for block in range(0, n_rows, _BLOCK):
        n_block = min(n_rows - block, _BLOCK)
        sums[:] = 0
        for start in range(0, n_block, 4):
            _square_four(features, block + start, row_squares, start)
        for first in range(0, len(weights), LANES):
            for start in range(0, n_block, ROWS):
                n = min(n_block - start, ROWS)
                begin = (block + start) * n_features
                multiply_tile(flat, begin, n, n_features, tiles, first * n_features, products)
                for row in range(n):
                    add_bumps(
                        products, row * LANES, squares, weights, first,
                        row_squares[start + row], np.float64(gamma[0]), flat_sums, 4 * (start + row),
                    )  # fmt: skip
        for row in range(n_block):
            total = sums[row]
            numbers[block + row] = np.float64(bias[0]) + ((total[0] + total[1]) + (total[2] + total[3]))


@kernel
def _square_four(features, start, squares, place):
    """Write the squared lengths of four rows, or of those there are; together, since each sum waits for every addition."""
    last = len(features) - 1
    a = b = c = d = np.float32(0)
    for i in range(features.shape[1]):
        a += features[start, i] * features[start, i]
        b += features[min(start + 1, last), i] * features[min(start + 1, last), i]
        c += features[min(start + 2, last), i] * features[min(start + 2, last), i]
        d += features[min(start + 3, last), i] * features[min(start + 3, last), i]
    squares[place], squares[place + 1], squares[place + 2], squares[place + 3] = a, b, c, d


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
