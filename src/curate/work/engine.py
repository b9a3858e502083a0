"""Where work runs: processes on this machine, or a Ray cluster. Both keep `curate.protocols.Engine`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curate.config import ENGINE, MOST_WORKERS, RAY_ADDRESS, check, setting
from curate.errors import UnknownNameError
from curate.work.cores import available_cores

if TYPE_CHECKING:  # every command line reads the names, and the protocols load numpy
    from curate.protocols import Engine

ENGINE_NAMES = ("local", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Where a job runs, which never changes its result; for jobs whose own settings say what the result is."""

    workers: int | None = setting(
        None,
        "Worker processes; all cores if left out.",
        section="run",
        in_hash=False,
        low=1,
        high=MOST_WORKERS,
    )
    engine: str = setting("local", ENGINE, section="run", in_hash=False, known=ENGINE_NAMES)
    ray_address: str | None = setting(None, RAY_ADDRESS, section="run", in_hash=False)

    def __post_init__(self) -> None:
        check(self)

    def start(self, folder: str | Path, inputs: Iterable[str | Path]) -> Engine:
        """Make the engine; see `make_engine`."""
        return make_engine(self.engine, self.workers or available_cores(), folder, self.ray_address, inputs)


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
