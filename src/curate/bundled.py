"""Where the classifiers that come with `curate` lie: in the wheel, or beside `src` in a checkout."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_OTHER: ContextVar[Path | None] = ContextVar("classifiers", default=None)


def classifiers_folder() -> Path:
    """The folder that holds one folder for each bundled classifier."""
    other = _OTHER.get()
    if other is not None:
        return other
    in_wheel = _HERE / "classifiers"
    return in_wheel if in_wheel.is_dir() else _HERE.parents[1] / "classifiers"


@contextmanager
def classifiers_in(folder: Path) -> Generator[None]:
    """Take the bundled classifiers from another folder meanwhile: where new ones are being made."""
    token = _OTHER.set(folder)
    try:
        yield
    finally:
        _OTHER.reset(token)


def bundled_names() -> list[str]:
    """Names of the bundled classifiers, sorted."""
    return sorted(folder.name for folder in classifiers_folder().iterdir() if folder.is_dir())
