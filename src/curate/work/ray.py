"""A Ray cluster: the same tasks, as Ray tasks. The output folder must be one that every node sees.

Before the first tasks each node is asked, by a task of its own, for its versions and for a file in the output folder,
and compiles the kernels: what is wrong with a node is said with its name, before anything is read. Tasks are handed
over a few for each worker at a time, and what they have in common is put into the store once. A relative path means
on a node what it means here: tasks run in the folder of the driver, where a node has it.
"""

from __future__ import annotations

import os
import platform
import secrets
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self, TypeVar

import cloudpickle

from curate._version import __version__
from curate.errors import CurateError, MissingPackageError, RunError, SettingError, one_line
from curate.work.urls import is_url

Task = TypeVar("Task")
Result = TypeVar("Result")
Versions = dict[str, str]

TASKS_A_WORKER = 2
"""Handed over at a time: one that runs, and one to go on with."""

MAX_RETRIES = 3
"""How often a task is begun again whose node or process was lost, or killed for memory."""

WAIT_FOR_WORKERS_S = 600.0
"""How long a cluster may have no worker (its autoscaler may be starting one) before the run stops."""

_LOOK_EVERY_S = 1.0
_KNOCK_S = 10.0
_SLOW = 3.0  # times the median of all: a task that is then begun a second time, where workers are idle
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS")
# What must be the same on every node for the bytes to be.
_PACKAGES = ("numba", "numpy", "pyarrow")


class RayEngine:
    """Runs tasks on a Ray cluster, or on a Ray that is started here and ends with this process.

    Args:
        n_workers: of a Ray that is started here; a cluster has as many as cores.
        address: of the cluster: 'auto', 'HOST:PORT' or 'ray://HOST:PORT'; None for what `RAY_ADDRESS` names, else one
            that runs on this machine, else a Ray started here.
        folder: that every node must see, if tasks commit there.
        inputs: files that every node must see; of each folder one is looked for.
    """

    is_local = False

    def __init__(
        self,
        n_workers: int,
        address: str | None = None,
        folder: str | Path | None = None,
        inputs: Iterable[str | Path] = (),
    ) -> None:
        self._ray = _import_ray()
        self._inputs = _one_of_each_folder(inputs)
        self._folder = None if folder is None else Path(folder).absolute()
        self._checked: set[str] = set()
        self._looked_s = 0.0
        if not self._ray.is_initialized():
            self._connect(n_workers, address or os.environ.get("RAY_ADDRESS"))
        self.n_workers = self._count_workers()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Ray stays, for the maps and runs that come."""

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], /) -> Iterator[Result]:
        """Yield results as tasks finish; leaving the loop early cancels the rest.

        Near the end, a task that takes far longer than the others is begun a second time; the first to end counts.

        Raises:
            RunError: a task was lost more than `MAX_RETRIES` times, a node has other versions or does not see the
                folder, or there is no worker for `WAIT_FOR_WORKERS_S`.
        """
        if not tasks:
            return
        ray = self._ray
        self._look(now=True)
        remote = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(_caller())
        common = ray.put((cloudpickle.dumps(function), _versions(), os.getcwd(), self._inputs))
        flight = _Flight(lambda number: remote.remote(common, cloudpickle.dumps(tasks[number])))
        n_begun = 0
        try:
            while flight.began_s or n_begun < len(tasks):  # a try that came second may never end
                while n_begun < len(tasks) and len(flight.numbers) < TASKS_A_WORKER * self.n_workers:
                    flight.begin(n_begun)
                    n_begun += 1
                if n_begun == len(tasks):
                    flight.begin_slow_again(self.n_workers)
                done, _ = ray.wait(list(flight.numbers), num_returns=1, timeout=_LOOK_EVERY_S)
                for reference in done:
                    if flight.end(reference):
                        yield self._result(reference)
                self._look()
        finally:
            for reference in flight.numbers:
                ray.cancel(reference, force=True)

    # ---- the cluster ----------------------------------------------------------------------------------

    def _connect(self, n_workers: int, address: str | None) -> None:
        ray = self._ray
        in_main = threading.current_thread() is threading.main_thread()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        options["runtime_env"] = {"env_vars": dict.fromkeys(_ONE_THREAD, "1")}
        try:
            if address:
                _knock(address)
            try:
                ray.init(address=address or "auto", **options)
            except ConnectionError:
                if address:
                    raise
                ray.init(address="local", num_cpus=n_workers, include_dashboard=False, **options)
        except (OSError, ValueError, RuntimeError) as error:
            raise SettingError(
                f"No Ray cluster can be joined at '{address}': {one_line(error)}. Start one with 'ray start --head', and name "
                "it with --ray-address HOST:PORT."
            ) from error
        finally:
            if (
                in_main
            ):  # Ray's own handler of SIGTERM shows a C++ stack; a run stops by ours and says what stays
                for number, handler in handlers.items():
                    signal.signal(number, handler)

    def _count_workers(self) -> int:
        """Cores of the cluster; at least one, so that a cluster which is only starting can be waited for."""
        return max(1, sum(int(node["Resources"]["CPU"]) for node in self._nodes()))

    def _nodes(self) -> list[dict[str, Any]]:
        """The nodes that have a core."""
        return [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]

    def _look(self, *, now: bool = False) -> None:
        """See, once in a while, who is there: count workers, ask new nodes, wait where there is none."""
        if not now and time.monotonic() - self._looked_s < _LOOK_EVERY_S:
            return
        if not self._nodes():
            self._wait_for_workers()
        new = {
            node["NodeID"]: str(node["NodeManagerAddress"])
            for node in self._nodes()
            if node["NodeID"] not in self._checked
        }
        if new:
            self._check_nodes(new)
        self.n_workers = self._count_workers()
        self._looked_s = time.monotonic()

    def _wait_for_workers(self) -> None:
        print(
            "curate: The Ray cluster has no node with a core. Waiting for one, "
            f"{WAIT_FOR_WORKERS_S:,.0f} s at the most.",
            file=sys.stderr,
            flush=True,
        )
        began_s = time.monotonic()
        while not self._nodes():
            if time.monotonic() - began_s > WAIT_FOR_WORKERS_S:
                raise RunError(
                    f"The Ray cluster had no node with a core for {WAIT_FOR_WORKERS_S:,.0f} s. What is committed is kept: "
                    "add a node ('ray start --address HOST:PORT'), and run the same command again."
                )
            time.sleep(_LOOK_EVERY_S)

    def _check_nodes(self, nodes: dict[str, str]) -> None:
        """Ask nodes, by id and name, for their versions and the folder, and have them compile the kernels."""
        ray, affinity = self._ray, self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        ask = ray.remote(num_cpus=0, max_retries=0)(_asker())
        here = _versions()
        with self._token() as token:
            asked = {
                node: ask.options(scheduling_strategy=affinity(node_id=node, soft=False)).remote(
                    None if token is None else str(token), list(here), self._inputs
                )
                for node in nodes
            }
            for node, reference in asked.items():
                answer = self._answer(nodes[node], reference)
                if answer is None:
                    continue  # it has gone again
                there, sees, unseen, problem = answer
                if problem or there != here:
                    told = _tell_difference(there, here)
                    raise RunError(
                        f"The Ray node {nodes[node]} {told or problem}. Install the same versions on every node."
                    )
                if not sees:
                    raise RunError(
                        f"The Ray node {nodes[node]} does not see the output folder {self._folder}. Name an --output (of a "
                        "result that goes to a store, a --scratch) that every node sees under the same path, as on NFS."
                    )
                if unseen:
                    raise RunError(_tell_unseen(nodes[node], unseen))
                self._checked.add(node)

    @contextmanager
    def _token(self) -> Generator[Path | None]:
        """A file in the folder, which a node must see."""
        if self._folder is None or not self._folder.is_dir():
            yield None
            return
        token = self._folder / f".tmp-{os.getpid()}-{secrets.token_hex(4)}-seen"
        token.touch()
        try:
            yield token
        finally:
            token.unlink(missing_ok=True)

    def _answer(self, name: str, reference: Any) -> tuple[Versions, bool, str | None, str] | None:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except (errors.NodeDiedError, errors.WorkerCrashedError, errors.TaskUnschedulableError):
            return None
        except errors.RayError as error:
            raise RunError(f"The Ray node {name} cannot work: {_last_line(error)}") from error

    def _result(self, reference: Any) -> Any:
        """The task's result, or its error as it was raised there."""
        errors = self._ray.exceptions
        again = "What is committed is kept: run the same command again"
        try:
            return cloudpickle.loads(self._ray.get(reference))
        except errors.RayTaskError as error:
            if isinstance(error.cause, CurateError | OSError):
                raise error.cause from None
            raise
        except errors.OutOfMemoryError as error:
            raise RunError(
                f"A task was killed for want of memory, also when begun again ({MAX_RETRIES} times at the most). {again}, "
                "with a smaller --chunk-bytes or fewer cores a node ('ray start --num-cpus N')."
            ) from error
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.ObjectLostError) as error:
            raise RunError(
                f"A task was lost with its process or node {MAX_RETRIES + 1} times. {again}."
            ) from error


@dataclass(slots=True)
class _Flight:
    """Tasks that are handed over: which reference is of which task, and since when."""

    start: Callable[[int], Any]
    numbers: dict[Any, int] = field(default_factory=dict[Any, int])
    began_s: dict[int, float] = field(default_factory=dict[int, float])
    took_s: list[float] = field(default_factory=list[float])
    doubled: set[int] = field(default_factory=set[int])

    def begin(self, number: int) -> None:
        """Hand a task over."""
        self.began_s.setdefault(number, time.monotonic())
        self.numbers[self.start(number)] = number

    def begin_slow_again(self, n_workers: int) -> None:
        """Begin tasks a second time that take far longer than the others took, where workers are idle."""
        n_idle = n_workers - len(self.numbers)
        if n_idle <= 0 or not self.took_s:
            return
        limit_s = max(_LOOK_EVERY_S, _SLOW * statistics.median(self.took_s))
        slow = [
            number
            for number in self.numbers.values()
            if number not in self.doubled and time.monotonic() - self.began_s[number] > limit_s
        ]
        for number in slow[:n_idle]:
            self.doubled.add(number)
            self.begin(number)

    def end(self, reference: Any) -> bool:
        """Take a task as ended; False where another try of it has ended before."""
        number = self.numbers.pop(reference, None)
        if number is None or number not in self.began_s:
            return False
        self.took_s = [*self.took_s[-999:], time.monotonic() - self.began_s.pop(number)]
        return True


def _knock(address: str) -> None:
    """Raise OSError where nothing listens at 'HOST:PORT': Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()


def _one_of_each_folder(paths: Iterable[str | Path]) -> tuple[str, ...]:
    """The first local path of each folder, absolute: a folder that is there has all of its files.

    A link to nowhere is passed over: it is a problem of that file alone, here as on a node.
    """
    first: dict[str, str] = {}
    for path in map(str, paths):
        folder = "" if is_url(path) else os.path.dirname(os.path.abspath(path))
        if folder and folder not in first and (os.path.exists(path) or not os.path.islink(path)):
            first[folder] = os.path.abspath(path)
    return tuple(first.values())


def go_to(folder: str) -> None:
    """Go to the driver's folder or, on a node without it, to an empty one.

    A worker may have had tasks of another folder. In that where Ray was started a relative path could name another file.
    """
    os.chdir(folder if os.path.isdir(folder) else _empty_folder())


@cache
def _empty_folder() -> str:
    return tempfile.mkdtemp(prefix="curate-")


@lru_cache(maxsize=4)
def look_for(inputs: tuple[str, ...]) -> None:
    """Look for the inputs, once in each worker.

    Raises:
        RunError: an input is not there. It would count as one that cannot be read.
    """
    unseen = next((path for path in inputs if not os.path.exists(path)), None)
    if unseen:
        raise RunError(_tell_unseen(platform.node(), unseen))


def _tell_unseen(node: str, path: str) -> str:
    return (
        f"The Ray node {node} does not see the input {path}. Every node must see it under the same path, as on NFS; what is "
        "committed is kept."
    )


def _caller() -> Callable[[tuple[bytes, Versions, str, tuple[str, ...]], bytes], bytes]:
    """The function that a node runs. It is carried by value: a node may have no curate, or another one."""

    def call(common: tuple[bytes, dict[str, str], str, tuple[str, ...]], task: bytes) -> bytes:
        import pickle
        import platform

        import cloudpickle

        carried, wanted, folder, inputs = common
        from curate._version import __version__
        from curate.errors import RunError

        # A node may have joined after the driver asked.
        if __version__ != wanted["curate"]:
            raise RunError(
                f"The Ray node {platform.node()} has curate {__version__} (here {wanted['curate']}). "
                "Install the same versions on every node."
            )
        from curate.work.ray import go_to, look_for

        go_to(folder)
        look_for(inputs)
        return cloudpickle.dumps(pickle.loads(carried)(pickle.loads(task)))  # noqa: S301 - made by the driver

    return call


def _asker() -> Callable[[str | None, list[str], tuple[str, ...]], tuple[Versions, bool, str | None, str]]:
    """The function by which a node says what it has; carried by value, too."""

    def ask(
        token: str | None, names: list[str], inputs: tuple[str, ...]
    ) -> tuple[dict[str, str], bool, str | None, str]:
        import os
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found, problem = {"python": ".".join(platform.python_version_tuple()[:2])}, ""
        for name in names:
            if name not in {"python", "curate"}:
                try:
                    found[name] = version(name)
                except PackageNotFoundError:
                    found[name] = "none"
        try:
            from curate._version import __version__

            found["curate"] = __version__
        except ImportError:
            found["curate"] = "none"
        sees = token is None or os.path.exists(token)
        if sees and found["curate"] != "none":
            try:
                from curate.work.preloaded import import_preloaded

                import_preloaded()  # every kernel of the default settings, once a node
            except ImportError as error:
                problem = f"cannot load curate: {error}"
        unseen = next((path for path in inputs if not os.path.exists(path)), None)
        return {name: found[name] for name in names}, sees, unseen, problem

    return ask


def _versions() -> Versions:
    """Versions of what decides the bytes, in this process."""
    found = {"curate": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    return found | {name: version(name) for name in _PACKAGES}


def _tell_difference(there: Versions, here: Versions) -> str | None:
    """What a node lacks or has otherwise, to stand behind its name; None where all is alike.

    >>> _tell_difference({"curate": "none", "numpy": "2.0"}, {"curate": "1.0", "numpy": "2.0"})
    'has no curate (here 1.0)'
    """
    told = [
        f"{'no ' + name if there[name] == 'none' else name + ' ' + there[name]} (here {here[name]})"
        for name in here
        if there[name] != here[name]
    ]
    return f"has {', '.join(told)}" if told else None


def _last_line(error: Exception) -> str:
    """The last line of what a node raised, without the remote traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]


def _import_ray() -> Any:
    # Read when Ray is loaded: without it, a task that is killed for memory is begun again for ever.
    os.environ.setdefault("RAY_task_oom_retries", str(MAX_RETRIES))
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError("The engine 'ray'", "ray", "ray") from error
    return ray
