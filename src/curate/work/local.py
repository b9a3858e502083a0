"""Worker processes on this machine, forked from one that has imported and loaded what they need.

A worker that starts by itself costs 1.2 CPU seconds: imports, kernels, tables, the scorer. Where this process has a
single thread, as the command line has up to here, workers are forks of it, and cost nothing. Else they are forks of a
server that has run the main job once, started beside what the parent does first: a fork beside another thread may
hold that one's locks for ever. Functions and scorers are carried by cloudpickle, a user's script is not run again, and a
worker that the system killed is reported (docs/decisions/0019-forked-workers.md).
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import connection
from pathlib import Path
from types import ModuleType
from typing import Any, Self, TypeVar

import pyarrow as pa

from curate.errors import RunError
from curate.work.preloaded import PRELOADED

Task = TypeVar("Task")
Result = TypeVar("Result")

_TASKS_A_WORKER = 4  # handed over at a time: a million tasks are not pickled beforehand
# Libraries that would start a thread for every core in every worker.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS")
_JEMALLOC = "jemalloc_bg_thd"
"""The thread of an allocator inside Arrow, which sees to forks itself (`pthread_atfork`)."""
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


class LocalEngine:
    """Runs tasks in `n_workers` processes; with one worker, in this process.

    The processes start here where they can be forked, else with the first map that needs them, and serve all maps
    until `close`.
    """

    is_local = True

    def __init__(self, n_workers: int, before_fork: Callable[[], None] | None = None) -> None:
        # A process of a `multiprocessing.Pool` may start none of its own; the result is the same with one.
        self.n_workers = n_workers = 1 if multiprocessing.current_process().daemon else n_workers
        self._pool: ProcessPoolExecutor | None = None
        if n_workers > 1 and before_fork is not None and can_fork():
            before_fork()
        if n_workers > 1 and can_fork():
            self._pool = _start_pool(n_workers, "fork")
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", DeprecationWarning
                )  # Python counts the allocator's thread as well
                self._pool.submit(_nothing)  # forks all of them, before the pool has threads of its own
        elif n_workers > 1:
            start_server()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close(kill=error[0] is not None)

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], /) -> Iterator[Result]:
        """Yield results as tasks finish. Leaving the loop early, by an error or Ctrl-C, ends the workers."""
        if self.n_workers == 1 or len(tasks) <= 1:
            yield from map(function, tasks)
            return
        import cloudpickle

        carried = cloudpickle.dumps(function)
        finished = False
        try:
            n_begun, waiting = 0, set[Future[bytes]]()
            while waiting or n_begun < len(tasks):
                with _script_left_alone(), _environment():  # processes start while tasks are handed over
                    while n_begun < len(tasks) and len(waiting) < _TASKS_A_WORKER * self.n_workers:
                        task = cloudpickle.dumps(tasks[n_begun])
                        waiting.add(self._workers().submit(_call, carried, task))
                        n_begun += 1
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pickle.loads(future.result())  # noqa: S301 - made by our own worker
            finished = True
        except BrokenProcessPool as error:
            raise RunError(
                "A worker process was killed, most often for want of memory. What is committed is kept: "
                "run the same command again, with fewer --workers or a smaller chunk_bytes."
            ) from error
        finally:
            if not finished:
                self.close(kill=True)

    def close(self, *, kill: bool = False) -> None:
        """End the workers, at once if `kill`; a later map starts new ones."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        # `kill_workers` is a method of Python 3.14.
        processes: list[Any] = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=not kill, cancel_futures=True)
        if kill:
            for process in processes:
                process.kill()
            for process in processes:
                process.join()

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = _start_pool(self.n_workers, _METHOD)
        return self._pool


def can_fork() -> bool:
    """Whether this process has one thread, so that a fork of it works; known on Linux alone.

    torch is never forked: its own threads and its device would have to be started anew.
    """
    try:
        threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    except OSError:
        return False
    return len([name for name in threads if name != _JEMALLOC]) == 1 and "torch" not in sys.modules


def _start_pool(n_workers: int, method: str) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(n_workers, multiprocessing.get_context(method), initializer=_start_worker)


def _nothing() -> None:
    pass


def start_server() -> None:
    """Begin to start the process that workers are forked from, and return at once; it stays until this process ends."""
    if _METHOD != "forkserver":
        return
    from multiprocessing import forkserver

    multiprocessing.get_context(_METHOD).set_forkserver_preload(PRELOADED)
    with _script_left_alone(), _environment():
        forkserver.ensure_running()


def _call(carried: bytes, task: bytes) -> bytes:
    import cloudpickle

    return cloudpickle.dumps(_load(carried)(pickle.loads(task)))  # noqa: S301 - made by the parent process


@lru_cache(maxsize=2)
def _load(carried: bytes) -> Callable[[Any], Any]:
    """What a map carries, once for all its tasks: it may hold a scorer."""
    return pickle.loads(carried)  # noqa: S301 - made by the parent process


def _start_worker() -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Leave nothing running where the parent was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _script_left_alone() -> Generator[None]:
    """Hide the user's script while a process starts, which would import it: a script without a guard would run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _environment() -> Generator[None]:
    """One thread a process, in what starts here."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
