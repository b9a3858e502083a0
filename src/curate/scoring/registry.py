"""Names to scorers: bundled classifiers, folders, published checkpoints and other packages' scorers.

load_scorer("edu")                          a classifier that comes with curate
load_scorer("classifiers/mine")             a folder that `curate fit` wrote
load_scorer("hf:organisation/checkpoint")   a sequence-classification checkpoint, or hf:<local folder>
load_scorer("theirs")                       an entry point of the group `curate.scorers`
load_scorer(scorer)                         an object with `name` and `score` stands for itself
"""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from curate.bundled import bundled_names, classifiers_folder
from curate.errors import SettingError, UnknownNameError
from curate.protocols import Scorer
from curate.scoring.cascade import load_cascade
from curate.scoring.classes import FittedClasses, load_classes
from curate.scoring.model import load_fitted
from curate.scoring.storage import CONFIG, read_config

ENTRY_POINT_GROUP = "curate.scorers"


def load_scorer(name_or_path: str | Path | Scorer) -> Scorer:
    """Load a scorer.

    Args:
        name_or_path: see the head of this module. A bundled name comes before an entry point's, and a
            folder is meant where the text holds a path separator or names an existing folder.

    Returns:
        A scorer. What is fitted by `curate fit` is a `LevelScorer` too.

    Raises:
        UnknownNameError: No scorer has this name.
        SettingError: The folder or checkpoint is not one that can be loaded.

    >>> load_scorer("edo")
    Traceback (most recent call last):
    ...
    curate.errors.UnknownNameError: Unknown scorer 'edo'. Did you mean 'edu'? ...
    """
    if not isinstance(name_or_path, (str, Path)):
        return _checked(name_or_path, f"The object {name_or_path!r}")
    name = str(name_or_path)
    if name.startswith("hf:"):
        from curate.scoring.huggingface import load_checkpoint

        return load_checkpoint(name.removeprefix("hf:"))
    bundled = bundled_scorers()
    classifier, _, label = name.partition(":")
    if label and classifier in bundled:
        whole = load_folder(classifiers_folder() / classifier)
        if isinstance(whole, FittedClasses):
            return whole.scorer(label)
    if name in bundled:
        return load_folder(classifiers_folder() / name)
    others = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in others and not isinstance(name_or_path, Path):
        return _load_entry_point(others[name])
    folder = Path(name_or_path)
    if folder.is_dir():
        return load_folder(folder)
    if isinstance(name_or_path, Path) or "/" in name or "\\" in name:
        msg = f"There is no classifier folder '{name}'. Fit one with `curate fit --output {name}`."
        raise SettingError(msg)
    raise UnknownNameError("scorer", name, [*bundled, *others])


def find_folder(name_or_path: str | Path) -> Path | None:
    """Find the folder that a name or path stands for: bundled, or one on this machine; else None."""
    bundled = str(name_or_path).partition(":")[0]
    if isinstance(name_or_path, str) and bundled in bundled_scorers():
        return classifiers_folder() / bundled
    return Path(name_or_path) if Path(name_or_path).is_dir() else None


def bundled_scorers() -> list[str]:
    """Names of the scorers that come with curate, sorted."""
    return [name for name in bundled_names() if _kind(classifiers_folder() / name) in _LOADERS]


def load_folder(folder: Path) -> Scorer:
    """Load the scorer that lies in a folder, of whatever kind."""
    kind = read_config(folder).get("kind")
    if kind not in _LOADERS:
        msg = f"'{folder}' holds a {kind}, not a scorer."
        raise SettingError(msg)
    return _LOADERS[kind](folder)


_LOADERS: dict[Any, Any] = {"scorer": load_fitted, "classes": load_classes, "cascade": load_cascade}


def _kind(folder: Path) -> str | None:
    try:
        return json.loads((folder / CONFIG).read_text("utf-8")).get("kind")
    except (OSError, ValueError):
        return None


def _load_entry_point(point: EntryPoint) -> Scorer:
    """Load another package's scorer: the object, or what a function or class makes without arguments."""
    try:
        found = point.load()
    except (ImportError, AttributeError) as error:
        package = point.dist.name if point.dist else point.module
        msg = f"The scorer '{point.name}' of the package {package} cannot be loaded: {error}"
        raise SettingError(msg) from error
    makes_one = isinstance(found, type) or (callable(found) and not hasattr(found, "score"))
    scorer = found() if makes_one else found
    return _checked(scorer, f"Entry point '{point.value}' of the group {ENTRY_POINT_GROUP}")


def _checked(scorer: Any, what: str) -> Scorer:
    if not isinstance(scorer, Scorer):
        msg = f"{what} is no scorer: it needs `name` and `score(texts)` (curate.protocols.Scorer)."
        raise SettingError(msg)
    return scorer
