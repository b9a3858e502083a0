"""Where work runs: processes on this machine, or a Ray cluster. Both keep `curate.protocols.Engine`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curate.config import check, setting
from curate.errors import UnknownNameError
from curate.work.cores import available_cores

if TYPE_CHECKING:  # every command line reads the names, and the protocols load numpy
    from curate.protocols import Engine

ENGINE_NAMES = ("local", "ray")
_ENGINE = "local (processes on this machine) or ray."
_RAY_ADDRESS = (
    "For the engine ray: the cluster, as HOST:PORT or ray://HOST:PORT; left out, what RAY_ADDRESS names, else one that "
    "runs on this machine, else one is started here."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Where a job runs, which never changes its result: the part of its settings that all jobs share."""

    workers: int | None = setting(
        None,
        "Worker processes; all cores if left out. Does not change the result.",
        section="run",
        in_hash=False,
        low=1,
    )
    engine: str = setting("local", _ENGINE, section="run", in_hash=False, known=ENGINE_NAMES)
    ray_address: str | None = setting(None, _RAY_ADDRESS, section="run", in_hash=False)

    def __post_init__(self) -> None:
        check(self)

    def start(
        self,
        folder: str | Path,
        inputs: Iterable[str | Path] = (),
        *,
        n_workers: int | None = None,
        before_fork: Callable[[], None] | None = None,
    ) -> Engine:
        """Make the engine, of `workers` processes where the job says no other number; see `make_engine`."""
        n_workers = n_workers or self.workers or available_cores()
        return make_engine(self.engine, n_workers, folder, self.ray_address, inputs, before_fork)


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
