"""A classifier's folder from elsewhere: every array, shape and order is checked before a kernel believes it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from curate.bundled import classifiers_folder
from curate.errors import CurateError, SettingError
from curate.fit import fit_classifier
from curate.scoring import load_scorer
from curate.scoring.features import load_word_table
from curate.scoring.load import block_from_config, load_classes
from curate.scoring.vocabulary import Vocabulary
from labelled_pages import make_pages

TEXTS = [row["text"] for row in make_pages(3, seed=4)]
MEMBERS = [
    "own_tfidf:ridge", "ngrams+shape:logistic", "fasttext:softmax", "shape:svr", "shape:mlp", "shape+static:forest",
    "tfidf:ridge", "lsa+classes:kernel",
]  # fmt: skip
Change = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
CHANGES: dict[str, Change] = {
    "longer": lambda array: np.concatenate([array, array]),
    "shorter": lambda array: array[: len(array) // 2],
    "empty": lambda array: array[:0],
    "wider": lambda array: array[..., None],
    "flat": lambda array: array.reshape(-1)[:, None],
    "of another type": lambda array: array.astype(np.int64 if array.dtype.kind == "f" else np.float64),
    "of a narrow type": lambda array: array.astype(np.int16),
    "full of NaN": lambda array: np.full_like(array, np.nan if array.dtype.kind == "f" else 7),
    "huge": lambda array: np.full_like(array, 3e4 if array.dtype.kind == "f" else 2_000_000_000),
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted") / "mine"
    fit_classifier(make_pages(60), folder, members=MEMBERS, n_resamples=5, n_folds=2, n_buckets=1024)
    return folder


def change(
    folder: Path, arrays: dict[str, np.ndarray[Any, Any]] | None = None, config: dict[str, Any] | None = None
) -> None:
    """Put other arrays, or another configuration, into a folder, with the digest that it then needs."""
    content = (folder / "weights.safetensors").read_bytes()
    if arrays is not None:
        content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        (folder / "weights.safetensors").write_bytes(content)
    written = config or json.loads((folder / "config.json").read_text())
    written["weights_sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "config.json").write_text(json.dumps(written))


def loads_or_says_why(folder: Path) -> bool:
    """Whether the folder loads and scores; where it does not, the error is one line that names something."""
    try:
        scores = load_scorer(folder).score(TEXTS)
    except CurateError as error:
        said = str(error)
    else:
        return scores.shape == (len(TEXTS),)
    assert "\n" not in said
    return False


def test_the_folder_as_it_is_loads(fitted: Path) -> None:
    assert loads_or_says_why(fitted)


@pytest.mark.parametrize("how", sorted(CHANGES))
def test_each_array_changed_is_refused_or_harmless(fitted: Path, tmp_path: Path, how: str) -> None:
    arrays = load((fitted / "weights.safetensors").read_bytes())
    refused = set()
    for name, array in arrays.items():
        folder = Path(shutil.copytree(fitted, tmp_path / name.replace(":", "-").replace("+", "-")))
        with np.errstate(invalid="ignore"):
            change(folder, arrays | {name: CHANGES[how](array)})
        if not loads_or_says_why(folder):
            refused.add(name)
        shutil.rmtree(folder)
    # A member without dense columns has empty arrays, which stay what they are.
    harmless = {name for name in arrays if name not in refused and arrays[name].size}
    if how == "full of NaN":  # hashes that are all alike find no word
        assert all(arrays[name].dtype == np.uint64 or name.endswith("roots") for name in harmless)
    elif how == "huge":  # numbers that are only large; a node or feature out of range is refused
        whole = {"roots", "feature", "left", "right"}
        assert all(name.split(".")[-1] not in whole for name in harmless)
    else:  # fewer or more trees are a forest too
        assert all(name.endswith("roots") and how in {"longer", "shorter"} for name in harmless)


def test_each_array_that_is_missing_is_named(fitted: Path, tmp_path: Path) -> None:
    arrays = load((fitted / "weights.safetensors").read_bytes())
    folder = Path(shutil.copytree(fitted, tmp_path / "copy"))
    for name in arrays:
        change(folder, {other: array for other, array in arrays.items() if other != name})
        with pytest.raises(SettingError, match="missing"):
            load_scorer(folder)


def forest_arrays(fitted: Path) -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
    arrays = load((fitted / "weights.safetensors").read_bytes())
    prefix = next(name.removesuffix("roots") for name in arrays if name.endswith("roots"))
    return prefix, arrays


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("left", 0),
        ("right", 0),
        ("left", -1),
        ("right", 2**31 - 1),
        ("feature", 2_000_000_000),
        ("roots", -1),
    ],
)
def test_a_tree_that_would_never_end_or_leave_its_arrays_is_refused(
    fitted: Path, tmp_path: Path, name: str, value: int
) -> None:
    prefix, arrays = forest_arrays(fitted)
    changed = arrays[prefix + name].copy()
    changed[np.flatnonzero(arrays[prefix + "feature"] >= 0)[0] if name != "roots" else 0] = value
    folder = Path(shutil.copytree(fitted, tmp_path / "copy"))
    change(folder, arrays | {prefix + name: changed})
    with pytest.raises(SettingError, match="trees"):
        load_scorer(folder)


@pytest.mark.parametrize("bundled", ["topic", "format"])
def test_each_array_of_a_classifier_into_classes_is_checked(tmp_path: Path, bundled: str) -> None:
    folder = Path(shutil.copytree(classifiers_folder() / bundled, tmp_path / "copy"))
    arrays = load((folder / "weights.safetensors").read_bytes())
    for name, array in arrays.items():
        for how in ("longer", "shorter", "wider", "of a narrow type"):
            change(folder, arrays | {name: CHANGES[how](array)})
            with pytest.raises(SettingError, match=f"'{name}'"):
                load_classes(folder)


def set_in(config: dict[str, Any], place: str, value: Any) -> None:
    *path, last = place.split("/")
    inner: Any = config
    for step in path:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[int(last) if isinstance(inner, list) else last] = value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("name", 'edu_score"::FLOAT AS score'),
        ("name", "a\x1b[31m"),
        ("window_bytes", 0),
        ("window_bytes", "16384"),
        ("blocks/shape", {"block": "shapes"}),
        ("blocks/shape", None),
        ("blocks/static/zones", [-1]),
        ("blocks/static/zones", [2**40]),
        ("blocks/static/zones", []),
        ("blocks/static/zones", [[0]]),
        ("blocks/static/table_sha256", "0"),
        ("blocks/lsa/zones", [0]),
        ("blocks/classes/classifiers", {"../../x": ""}),
        ("blocks/classes/classifiers", {"edu": ""}),
        ("blocks/shape", {"block": "encoder", "model": "x/y", "dtype": "fp64", "max_tokens": 1}),
        (
            "blocks/shape",
            {"block": "common_words", "table_sha256": load_word_table().sha256, "n_words": 1 << 20},
        ),
        ("members/0/blocks", ["nothing"]),
        ("members/0/sparse", "nothing"),
        ("members/0/sparse", None),
        ("members/0/head", "forest"),
        ("members/0/head", "pickle"),
        ("members/3/blocks", ["shape", "shape"]),
        ("members", {}),
        ("calibration", {"kind": "platt"}),
        ("calibration", {"kind": "isotonic", "knots": [1, 0], "probabilities": [0, 1]}),
        ("calibration", {"kind": "isotonic", "knots": [0], "probabilities": [0, 1]}),
        ("scale/low", 9),
        ("kernels", ["words"]),
        ("kernels/words", 99),
    ],
)
def test_a_configuration_that_is_wrong_is_refused(
    fitted: Path, tmp_path: Path, place: str, value: Any
) -> None:
    folder = Path(shutil.copytree(fitted, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    set_in(config, place, value)
    change(folder, config=config)
    assert not loads_or_says_why(folder)


@pytest.mark.parametrize(
    "kind", ["common_words", "static", "lsa", "classes", "program_words", "encoder", "none such"]
)
def test_features_that_lack_what_their_kind_needs_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SettingError, match=r"config\.json|none such"):
        block_from_config({"block": kind}, tmp_path)


def test_hashes_that_share_their_slot_are_refused_before_they_cost_time() -> None:
    honest = np.random.default_rng(0).integers(0, 2**64, 50_000, dtype=np.uint64)
    assert len(Vocabulary.of(np.unique(honest))) == len(np.unique(honest))
    for crafted in (
        np.arange(1, 50_001, dtype=np.uint64),
        np.arange(50_000, dtype=np.uint64) << np.uint64(40),
    ):
        with pytest.raises(SettingError, match="not those of words"):
            Vocabulary.of(crafted)
