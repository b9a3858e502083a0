"""Where compiled kernels and tables are kept between processes: beside the package, else in a folder of the user's."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

VARIABLE = "CURATE_CACHE"
"""Environment variable that names a folder for them."""

_BESIDE = Path(__file__).resolve().parents[1] / "__pycache__"


@cache
def cache_folder() -> Path | None:
    """A folder that can be written; None where there is none, and then nothing is kept.

    `CURATE_CACHE`, else the package's own `__pycache__`, else `~/.cache/curate`.
    """
    named = os.environ.get(VARIABLE)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME") or os.devnull) / ".cache")
    for folder in (Path(named),) if named else (_BESIDE, home / "curate"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".tmp-{os.getpid()}"
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError:
            continue
        return folder
    return None


def remembered(name: str, stamp: str, make: Callable[[], dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The arrays of `make()`, from disk where they were made before under the same `stamp`.

    Args:
        name: of the file.
        stamp: everything that decides the arrays; another one makes them anew.
        make: makes them. No array may hold objects.
    """
    folder = cache_folder()
    if folder is None:
        return make()
    path = folder / f"{name}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}.npz"
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):  # not there, or cut off
        arrays = make()
    try:
        for old in folder.glob(f"{name}-*.npz"):
            old.unlink(missing_ok=True)
        temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType] - its keywords are names of arrays
        temporary.replace(path)
    except OSError:  # a full disk is no reason not to go on
        pass
    return arrays
