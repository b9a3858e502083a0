"""What a long run keeps, so that it can go on after it was stopped: arrays and stamps in a folder.

A file is written whole or not at all, and its name holds a digest of all that it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def digest_of(*parts: Any) -> str:
    """Give a digest of bytes and of whatever JSON can hold."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode())
        digest.update(b"\x00")
    return digest.hexdigest()[:32]


class Kept:
    """A folder of arrays and stamps.

    Attributes:
        folder: made when something is first kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def array(self, name: str, key: str, make: Callable[[], Array]) -> Array:
        """Give the array that was kept as `name` and `key`, or make and keep it."""
        path = self.folder / f"{name}-{key}.npy"
        if not path.is_file():
            self._write(path, make())
        return np.load(path, allow_pickle=False)

    def stamp(self, name: str) -> Any:
        """Give what `set_stamp` noted last for `name`, None where nothing was."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def set_stamp(self, name: str, value: Any) -> None:
        """Note what `name` was made from."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(value) + "\n", "utf-8")
        os.replace(partial, path)

    def _write(self, path: Path, array: Array) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(partial, path)
