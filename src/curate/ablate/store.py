"""Finished runs on disk, found by a hash of all that decides their result: a stop loses the run at hand only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.config import stable_hash
from curate.work.files import write_json

Nats = dict[str, NDArray[np.float64]]
"""By evaluation domain: nats of each of its documents."""


class RunStore:
    """A folder of runs; without one, runs are remembered in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._found: dict[str, Nats] = {}

    def find_or_run(self, what: Mapping[str, Any], run: Callable[[], Nats]) -> tuple[Nats, bool]:
        """The result of the run that `what` describes, and whether it was there already."""
        key = stable_hash(dict(what))
        if key in self._found:
            return self._found[key], True
        path = self._folder / f"{key}.json" if self._folder else None
        if path and path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))["nats"]
            self._found[key] = {domain: np.array(nats, np.float64) for domain, nats in saved.items()}
            return self._found[key], True
        nats = self._found[key] = run()
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            saved = {domain: values.tolist() for domain, values in nats.items()}
            write_json(path, {"run": dict(what), "nats": saved})
        return nats, False
