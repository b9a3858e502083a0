"""Where work runs: processes on this machine, or a Ray cluster. Both keep `curate.protocols.Engine`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import UnknownNameError

if TYPE_CHECKING:  # every command line reads the names, and the protocols load numpy
    from curate.protocols import Engine

ENGINE_NAMES = ("local", "ray")


def make_engine(
    name: str,
    n_workers: int,
    folder: str | Path | None = None,
    address: str | None = None,
    inputs: Iterable[str | Path] = (),
    before_fork: Callable[[], None] | None = None,
) -> Engine:
    """Make the engine called `name`: 'local' or 'ray'.

    `folder` is where tasks commit and `inputs` are the files that they read: every machine must see them. `address` is
    that of a Ray cluster. `before_fork` loads what workers would each load, where they are forks of this process.
    """
    if name == "local":
        from curate.work.local import LocalEngine

        return LocalEngine(n_workers, before_fork)
    if name == "ray":
        from curate.work.ray import RayEngine

        return RayEngine(n_workers, address, folder, inputs)
    raise UnknownNameError("engine", name, ENGINE_NAMES)
