"""A Ray cluster: the same tasks, as Ray tasks. The output folder must be one that every node sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

from curate.errors import MissingPackageError

Task = TypeVar("Task")
Result = TypeVar("Result")


class RayEngine:
    """Runs tasks on the cluster that `RAY_ADDRESS` names, or on a Ray started here."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Ray stays, for the runs that come."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], /) -> Iterator[Result]:
        """Yield results as tasks finish; leaving the loop early cancels the rest."""
        ray = _import_ray()
        if not ray.is_initialized():
            ray.init(num_cpus=None if _joins_cluster() else self.n_workers, log_to_driver=False)

        def call(task: Task) -> Result:  # Ray takes functions only, no partial ones
            return function(task)

        remote = ray.remote(call)
        waiting = [remote.remote(task) for task in tasks]
        try:
            while waiting:
                done, waiting = ray.wait(waiting, num_returns=1)
                yield ray.get(done[0])
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)


def _joins_cluster() -> bool:
    import os

    return bool(os.environ.get("RAY_ADDRESS"))


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError("The engine 'ray'", "ray", "ray") from error
    return ray
