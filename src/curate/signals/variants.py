"""Other toolkits' readings of a text: their lines, their words, their sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray


def measure(texts: pa.Array, kind: str, reading: str) -> Mapping[str, Mapping[str, NDArray[Any]]]:
    """Measure a batch under another reading; returns the block asked for and those found beside it."""
    raise NotImplementedError
