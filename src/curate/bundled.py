"""Where the classifiers that come with `curate` lie: in the wheel, or beside `src` in a checkout."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def classifiers_folder() -> Path:
    """The folder that holds one folder for each bundled classifier."""
    in_wheel = _HERE / "classifiers"
    return in_wheel if in_wheel.is_dir() else _HERE.parents[1] / "classifiers"


def bundled_names() -> list[str]:
    """Names of the bundled classifiers, sorted."""
    return sorted(folder.name for folder in classifiers_folder().iterdir() if folder.is_dir())
