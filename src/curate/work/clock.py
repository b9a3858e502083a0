"""CPU seconds by stage, so that a run can say where its time went."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager


class StageClock:
    """Adds up this process's CPU seconds under the names of stages."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        """Count the block's CPU seconds under `name`."""
        began_s = time.process_time()
        try:
            yield
        finally:
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + time.process_time() - began_s

    def rounded(self) -> dict[str, float]:
        """CPU seconds by stage, to a tenth of a millisecond."""
        return {name: round(seconds, 4) for name, seconds in self.cpu_s.items()}


def peak_memory_bytes() -> int:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
