"""Where work runs: processes on this machine, or a Ray cluster. Both keep `curate.protocols.Engine`."""

from __future__ import annotations

from curate.errors import UnknownNameError
from curate.protocols import Engine
from curate.work.local import LocalEngine

ENGINE_NAMES = ("local", "ray")

__all__ = ["ENGINE_NAMES", "LocalEngine", "make_engine"]


def make_engine(name: str, n_workers: int) -> Engine:
    """Make the engine called `name`: 'local' or 'ray'."""
    if name == "local":
        return LocalEngine(n_workers)
    if name == "ray":
        from curate.work.ray import RayEngine

        return RayEngine(n_workers)
    raise UnknownNameError("engine", name, ENGINE_NAMES)
