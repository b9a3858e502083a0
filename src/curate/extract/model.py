# pyright: reportArgumentType=false, reportConstantRedefinition=false
"""The learned block selector: gradient-boosted trees and class-word log-odds as plain arrays."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from curate.errors import SettingError
from curate.extract.features import FEATURES
from curate.text.kernel import kernel

WEIGHTS = "classifiers/extraction/selector.safetensors"
# Blocks below these log-odds after so many trees are not put to the others. Of 24,000 such blocks of held-out pages none
# would have passed the balanced bar in the end, and five the bar of recall.
FIRST_STOP, FIRST_BAR = 15, -2.2
SECOND_STOP, SECOND_BAR = 30, -2.6
DTYPES = {
    "table": np.int16,
    "feature": np.int16,
    "threshold": np.float32,
    "left": np.int16,
    "right": np.int16,
    "roots": np.int16,
    "base": np.float32,
}
# Columns of Selector.nodes, and the bits of a feature's number in the second.
LIMIT, WAY = range(2)
FEATURE_BITS = 8


class Selector(NamedTuple):
    """Trees in one array of nodes, each followed by those on its left.

    Limits and features are compared as integers (`_ordered`). WAY is the feature and, above FEATURE_BITS, the node on the
    right; -1 of a leaf, whose value is in `values`.
    """

    table: NDArray[np.int16]  # (N_TOKEN_BUCKETS,) log-odds of class words, in 1/256
    nodes: NDArray[np.int32]  # (n_nodes, 2)
    values: NDArray[np.float32]  # (n_nodes,): the limit of a node, x <= limit goes left, or a leaf's log-odds
    roots: NDArray[np.int32]  # (n_trees,)
    base: NDArray[np.float32]  # (1,) log-odds before any tree


def save_selector(selector: Selector, path: str | Path) -> None:
    """Write the arrays as safetensors, with the names of the features that they were fitted on."""
    way = selector.nodes[:, WAY]
    leaf = way < 0
    arrays = {
        "table": selector.table,
        "threshold": selector.values,
        "roots": selector.roots,
        "base": selector.base,
    }
    arrays |= {
        "feature": np.where(leaf, -1, way & ((1 << FEATURE_BITS) - 1)),
        "left": np.where(leaf, 0, np.arange(1, len(way) + 1)),
        "right": np.where(leaf, 0, way >> FEATURE_BITS),
    }
    columns = {name: np.ascontiguousarray(arrays[name], dtype) for name, dtype in DTYPES.items()}
    save_file(columns, str(path), metadata={"features": " ".join(FEATURES)})
    Path(path).chmod(0o644)


@cache
def load_selector(path: str | None = None) -> Selector:
    """Load a selector: the bundled one, or the one at `path`."""
    place = Path(path) if path else _bundled_weights()
    if not place.is_file():
        raise SettingError(f"no extraction weights at '{place}': reinstall curate-web or give another path")
    with safe_open(str(place), framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        features = (file.metadata() or {}).get("features")
    if sorted(arrays) != sorted(DTYPES) or features != " ".join(FEATURES):
        raise SettingError(f"'{place}' was fitted for another version of the extractor: fit it again")
    return _lay_out(arrays)


def _lay_out(arrays: dict[str, NDArray[Any]]) -> Selector:
    """Trees of the columns DTYPES, in whatever order their nodes stand, as a selector."""
    feature, left, right = (arrays[name].tolist() for name in ("feature", "left", "right"))
    order: list[int] = []
    waiting = arrays["roots"].tolist()[::-1]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if feature[node] >= 0:
            waiting += [right[node], left[node]]
    place = np.zeros(len(feature), np.int32)
    place[order] = np.arange(len(order))
    values = np.ascontiguousarray(arrays["threshold"][order], np.float32)
    nodes = np.zeros((len(order), 2), np.int32)
    nodes[:, LIMIT] = (values + np.float32(0)).view(np.int32)  # -0 is 0
    nodes[:, LIMIT] ^= (nodes[:, LIMIT] >> 31) & 0x7FFFFFFF  # as `_ordered`
    chosen = np.array(feature, np.int32)[order]
    ways = (place[arrays["right"][order]] << FEATURE_BITS) | chosen
    nodes[:, WAY] = np.where(chosen < 0, -1, ways)
    return Selector(
        np.ascontiguousarray(arrays["table"], np.int16),
        nodes,
        values,
        place[arrays["roots"]],
        np.ascontiguousarray(arrays["base"], np.float32),
    )


def _bundled_weights() -> Path:
    package = Path(__file__).parents[1]
    installed = package / WEIGHTS
    return installed if installed.is_file() else package.parents[1] / WEIGHTS


@kernel(allocates=False)
def _ordered(bits: int) -> int:
    """The bits of a float32 as an integer that is greater where the number is; not for NaN, which no feature is."""
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@kernel(allocates=False)
def score_blocks(
    features: NDArray[np.float32],
    n_blocks: int,
    selector: Selector,
    row: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> None:
    """Log-odds of being main text for every block, into scores[:n_blocks]; `row` is scratch, a number for each feature.

    Trees are summed in their order in float32, so that the last bit is the same on every machine. Blocks that the
    first trees find hopeless, some three in four, are not put to the others. Places are unsigned: of others numba asks
    each time whether they count from the end. A node of two integers takes one look at memory and a shorter comparison
    than floats in columns of their own: a quarter less time.
    """
    for b in range(n_blocks):
        bits = features[b].view(np.int32)
        for f in range(row.size):
            row[f] = _ordered(bits[f])
        total = selector.base[0]
        for t in range(selector.roots.size):
            node = np.uint64(selector.roots[t])
            way = selector.nodes[node, WAY]
            while way >= 0:
                if row[np.uint64(way & ((1 << FEATURE_BITS) - 1))] <= selector.nodes[node, LIMIT]:
                    node += np.uint64(1)
                else:
                    node = np.uint64(way >> FEATURE_BITS)
                way = selector.nodes[node, WAY]
            total += selector.values[node]
            if (t == FIRST_STOP - 1 and total < FIRST_BAR) or (t == SECOND_STOP - 1 and total < SECOND_BAR):
                break
        scores[b] = total


def export_trees(model: Any, table: NDArray[np.int16]) -> Selector:
    """The trees of a fitted scikit-learn `HistGradientBoostingClassifier` (two classes) as a selector."""
    feature, threshold, left, right, roots = [], [], [], [], []
    for (tree,) in model._predictors:  # noqa: SLF001 - scikit-learn gives no public way to its trees
        start = len(feature)
        roots.append(start)
        for node in tree.nodes:
            feature.append(-1 if node["is_leaf"] else int(node["feature_idx"]))
            limit = float(node["value"] if node["is_leaf"] else node["num_threshold"])
            rounded = np.float32(limit)
            if not node["is_leaf"] and float(rounded) > limit:
                # x <= limit must mean the same for every float32 x
                rounded = np.nextafter(rounded, np.float32(-np.inf))
            threshold.append(rounded)
            left.append(start + int(node["left"]))
            right.append(start + int(node["right"]))
    base = np.asarray(model._baseline_prediction, np.float32).reshape(1)  # noqa: SLF001
    columns = {"table": table, "feature": feature, "threshold": threshold, "left": left, "right": right}
    columns |= {"roots": roots, "base": base}
    return _lay_out({name: np.asarray(columns[name], dtype) for name, dtype in DTYPES.items()})
