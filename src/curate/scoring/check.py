"""What a classifier's folder says of itself, checked before a kernel believes it.

Kernels index without asking: an array of another shape, a feature number out of range or a tree that leads back to
itself would read and write elsewhere in memory, or never end. The digest in `config.json` is no protection from who
made the folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.scoring.storage import Arrays
from curate.work.json_files import NUMBER, check_shape

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff\"'`\\;<>]{1,200}")
_TEXT = (str, type(None))
_KERNELS = {"*": int}
_BLOCKS = {"*": {"block": str}}
_LONGEST_ZONE = 2**31 - 1

SCORER_SHAPE: dict[str, Any] = {
    "name": str,
    "scale": {"low": NUMBER, "high": NUMBER, "positive": NUMBER},
    "kernels?": _KERNELS,
    "window_bytes": int,
    "blocks": _BLOCKS,
    "sparse": {
        "*": {"kind": {"tfidf", "ngrams", "bag"}, "zones": [int], "pairs?": bool, "table_sha256?": str}
    },
    "members": [{"name": str, "weight": NUMBER, "blocks": [str], "head": str, "sparse": _TEXT}],
    "calibration": {
        "kind": {"platt", "isotonic"},
        "slope?": NUMBER,
        "intercept?": NUMBER,
        "knots?": [NUMBER],
        "probabilities?": [NUMBER],
    },
    "weights_sha256": str,
}
CLASSES_SHAPE: dict[str, Any] = {
    "name": str,
    "classes": [str],
    "kernels?": _KERNELS,
    "window_bytes": int,
    "blocks": _BLOCKS,
    "zones": [int],
    "table_sha256": str,
    "weights_sha256": str,
}
BLOCK_SHAPES: dict[str, dict[str, Any]] = {
    "shape": {},
    "common_words": {"table_sha256": str, "n_words": int},
    "program_words": {"table_sha256": str},
    "static": {"table_sha256": str, "zones": [int]},
    "lsa": {"axes_sha256": str, "zones": [int]},
    "classes": {"classifiers": {"*": str}},
    "encoder": {
        "model": str,
        "dtype": {"fp32", "bf16", "int8"},
        "max_tokens": (int, type(None)),
        "device?": _TEXT,
        "files?": {"*": str},
    },
}


def check_config(config: dict[str, Any], shape: dict[str, Any], folder: Path) -> None:
    """Check a configuration's shape, its name and its window."""
    source = f"{folder}/config.json"
    check_shape(config, shape, source)
    if not _NAME.fullmatch(config["name"]):
        raise SettingError(
            f"{source} has the name {config['name'][:80]!r}; give one of letters, digits, '-' and '_'."
        )
    wrong = [name for name in config.get("classes", ()) if not _NAME.fullmatch(name)]
    if wrong:
        raise SettingError(
            f"{source} has a class {wrong[0][:80]!r}; no quotes, control characters or the like."
        )
    if config.get("window_bytes", 1) < 1:
        raise SettingError(f"{source} has window_bytes {config['window_bytes']}; it must be 1 or more.")
    if "scale" in config and not config["scale"]["low"] < config["scale"]["high"]:
        raise SettingError(f"{source} has a scale whose low is not below its high.")
    if "calibration" in config:
        _check_calibration(config["calibration"], source)


def check_block(config: dict[str, Any], folder: Path) -> None:
    """Check the configuration of a dense block."""
    shape = BLOCK_SHAPES.get(config["block"])
    if shape is not None:
        check_shape(config, {"block": str, **shape}, f"{folder}/config.json", f"blocks.{config['block']}")
        check_zones(config.get("zones", [0]), folder)


def check_zones(zones: Sequence[int], folder: Path) -> NDArray[np.int64]:
    """Refuse zones that are none; return others as an array."""
    if not 1 <= len(zones) <= 64 or not all(0 <= zone <= _LONGEST_ZONE for zone in zones):
        raise SettingError(
            f"{folder}/config.json has zones {str(list(zones))[:80]}; they must be 0 or more words."
        )
    return np.array(zones, np.int64)


def _check_calibration(config: dict[str, Any], source: str) -> None:
    names = ("slope", "intercept") if config["kind"] == "platt" else ("knots", "probabilities")
    lacking = [name for name in names if name not in config]
    if lacking:
        raise SettingError(f"{source} is damaged: its calibration has no {lacking[0]}.")
    values = [np.atleast_1d(np.array(config[name], np.float64)) for name in names]
    rises = all(np.isfinite(value).all() for value in values) and (
        config["kind"] == "platt" or (len(values[0]) > 0 and bool((np.diff(values[0]) > 0).all()))
    )
    if len(values[0]) != len(values[1]) or not rises:
        raise SettingError(f"{source} is damaged: its calibration is no curve.")


def take_array(
    arrays: Arrays, name: str, shape: tuple[int | None, ...], folder: Path, kind: Any = np.float32
) -> NDArray[Any]:
    """Take an array that must be there, of this shape (null for any length), and of floats without NaN, or `kind`.

    Raises:
        SettingError: names the array and what is wrong with it.
    """
    array = arrays.get(name)
    where = f"'{folder}' is damaged: its array '{name}'"
    if array is None:
        raise SettingError(f"{where} is missing.")
    fits = array.ndim == len(shape) and all(
        wanted in {None, n} for wanted, n in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise SettingError(f"{where} has the shape {array.shape}, not {wanted}.")
    is_float = np.dtype(kind).kind == "f"
    if array.dtype.kind != "f" if is_float else array.dtype != np.dtype(kind):
        raise SettingError(f"{where} is of type {array.dtype}, not {np.dtype(kind).name}.")
    if is_float and np.isnan(array).any():
        raise SettingError(f"{where} holds NaN.")
    return np.ascontiguousarray(array, kind)


_HEAD_SHAPES: dict[str, dict[str, tuple[Any, ...]]] = {
    "linear": {"weights": ("features",), "bias": (1,)},
    "ordinal": {"bias": ("cuts",), "weights": ("features", "cuts"), "levels": ("levels",)},
    "softmax": {"levels": ("cuts",), "weights": ("features", "cuts")},
    "kernel": {"weights": ("cuts",), "centres": ("features", "cuts"), "bias": (1,), "gamma": (1,)},
    "mlp": {"weights": ("cuts",), "hidden": ("features", "cuts"), "hidden_bias": ("cuts",), "bias": (1,)},
    "forest": {"feature": ("cuts",), "threshold": ("cuts",), "left": ("cuts",), "right": ("cuts",), "value": ("cuts",),
               "roots": (None,)},
}  # fmt: skip
"""Shapes of each head's arrays: 'features' is what the head sees, 'cuts' the length of the first such array."""
_INTEGERS = {"feature", "left", "right", "roots"}


def check_head(kind: str, arrays: Arrays, n_features: int, folder: Path) -> Arrays:
    """Check the arrays of a head of `kind` that sees `n_features` columns, and give them as the kernels take them."""
    shapes = _HEAD_SHAPES.get(kind)
    if shapes is None:
        raise SettingError(f"'{folder}' has a head of kind {kind[:40]!r}. Known: {', '.join(_HEAD_SHAPES)}.")
    lengths: dict[Any, int | None] = {"features": n_features, None: None, 1: 1}
    checked: Arrays = {}
    for name, shape in shapes.items():
        if "cuts" in shape and "cuts" not in lengths:
            lengths["cuts"] = len(np.atleast_1d(arrays.get(name, np.zeros(0))))
            lengths["levels"] = lengths["cuts"] + 1
        wanted = tuple(lengths[axis] for axis in shape)
        kept = np.int32 if name in _INTEGERS else np.float32
        checked[name] = take_array(arrays, name, wanted, folder, kept)
    if any(array.size == 0 for name, array in checked.items() if "features" not in shapes[name]):
        raise SettingError(f"'{folder}' is damaged: a head of kind {kind} has an empty array.")
    if kind == "forest":
        _check_trees(checked, n_features, folder)
    return checked


def _check_trees(arrays: Mapping[str, NDArray[Any]], n_features: int, folder: Path) -> None:
    """Every walk from a root must end: children come after their parent, and features and nodes exist."""
    feature, n_nodes = arrays["feature"], len(arrays["feature"])
    nodes = np.flatnonzero(feature >= 0)
    children = np.concatenate([arrays[side][nodes] for side in ("left", "right")])
    ends = (
        bool((feature < n_features).all())
        and bool((arrays["roots"] >= 0).all() and (arrays["roots"] < n_nodes).all())
        and bool((children < n_nodes).all() and (children > np.tile(nodes, 2)).all())
    )
    if not ends:
        raise SettingError(f"'{folder}' is damaged: its trees name features or nodes that they cannot have.")
