"""The one decorator of this package's kernels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit

# Without numba's reference counting: passing an array on costs an atomic increment otherwise, which was 70% of a
# scan's time. Such kernels may allocate nothing. The option is numba's own, but not in its published signature.
_SETTINGS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}


def _hash_sources() -> str:
    """One hash of all modules of this package."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


_SOURCES = _hash_sources()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function`, and keep the result on disk for as long as no module of this package changes.

    numba looks only at the function's own file, and a kernel holds the code of those that it calls: one whose callee
    changed in another file would go on as it was.
    """
    compiled: Any = njit(**_SETTINGS)(function)
    cache = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if cache is not None:
        cache._source_stamp = (cache._source_stamp, _SOURCES)  # noqa: SLF001 - numba gives no other way
    return compiled
