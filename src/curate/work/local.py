"""Worker processes on this machine, by loky.

loky rather than `concurrent.futures`: it needs no `if __name__ == "__main__"` in the user's script, carries
functions and scorers by cloudpickle, and reports a worker that the system killed instead of waiting for it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from typing import TypeVar

from loky import ProcessPoolExecutor
from loky.process_executor import TerminatedWorkerError

from curate.errors import RunError

Task = TypeVar("Task")
Result = TypeVar("Result")

# Libraries that would start a thread for every core in every worker.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS")
_LOOK_EVERY_S = 1.0


class LocalEngine:
    """Runs tasks in `n_workers` processes; with one worker, in this process."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], /) -> Iterator[Result]:
        """Yield results as tasks finish. Leaving the loop early, by an error or Ctrl-C, ends the workers."""
        if self.n_workers == 1 or len(tasks) <= 1:
            yield from map(function, tasks)
            return
        executor = ProcessPoolExecutor(
            min(self.n_workers, len(tasks)),
            initializer=_start_worker,
            initargs=(os.getpid(),),
            env=dict.fromkeys(_ONE_THREAD, "1"),
        )
        finished = False
        try:
            for future in as_completed([executor.submit(function, task) for task in tasks]):
                yield future.result()
            finished = True
        except TerminatedWorkerError as error:
            raise RunError(
                "A worker process was killed, most often for want of memory. What is committed is kept: "
                "run the same command again, with fewer --workers or a smaller chunk_bytes."
            ) from error
        finally:
            executor.shutdown(wait=True, kill_workers=not finished)


def _start_worker(parent: int) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has ended: killed, it could not say so, and workers wait for ever."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)
