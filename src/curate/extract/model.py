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
}
DTYPES |= {"roots": np.int16, "base": np.float32}


class Selector(NamedTuple):
    """Trees in one array of nodes: a leaf has feature -1 and its value in `threshold`; x <= threshold goes left."""

    table: NDArray[np.int16]  # (N_TOKEN_BUCKETS,) log-odds of class words, in 1/256
    feature: NDArray[np.int16]  # (n_nodes,)
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    roots: NDArray[np.int16]  # (n_trees,)
    base: NDArray[np.float32]  # (1,) log-odds before any tree


def save_selector(selector: Selector, path: str | Path) -> None:
    """Write the arrays as safetensors, with the names of the features that they were fitted on."""
    save_file(dict(selector._asdict()), str(path), metadata={"features": " ".join(FEATURES)})
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
    return Selector(**{name: np.ascontiguousarray(arrays[name], dtype) for name, dtype in DTYPES.items()})


def _bundled_weights() -> Path:
    package = Path(__file__).parents[1]
    installed = package / WEIGHTS
    return installed if installed.is_file() else package.parents[1] / WEIGHTS


@kernel(allocates=False)
def score_blocks(
    features: NDArray[np.float32], n_blocks: int, selector: Selector, scores: NDArray[np.float32]
) -> None:
    """Log-odds of being main text for every block, into scores[:n_blocks].

    Trees are summed in their order in float32, so that the last bit is the same on every machine. Blocks that the
    first trees find hopeless, some three in four, are not put to the others. Places are unsigned: of others numba asks
    each time whether they count from the end, which took a third of the time.
    """
    for b in range(n_blocks):
        total, row = selector.base[0], features[b]
        for t in range(selector.roots.size):
            node = np.uint64(selector.roots[t])
            feature = selector.feature[node]
            while feature >= 0:
                goes_left = row[np.uint64(feature)] <= selector.threshold[node]
                node = np.uint64(selector.left[node] if goes_left else selector.right[node])
                feature = selector.feature[node]
            total += selector.threshold[node]
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
    return Selector(**{name: np.asarray(columns[name], dtype) for name, dtype in DTYPES.items()})
