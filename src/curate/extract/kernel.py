"""The one decorator of this package's kernels."""

from __future__ import annotations

from typing import Any

from numba import njit

# Without numba's reference counting: passing an array on costs an atomic increment otherwise, which was 70% of a
# scan's time. Such kernels may allocate nothing. The option is numba's own, but not in its published signature.
_SETTINGS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}
kernel: Any = njit(**_SETTINGS)
