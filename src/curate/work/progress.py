"""Progress of long work: a live bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY_S = 10.0
_LOOK_EVERY_S = 0.5

Look = Callable[[], tuple[float, str]]


class ProgressDisplay:
    """Shows how far a step is; silent when `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr)

    @classmethod
    def of(cls, progress: bool | ProgressDisplay) -> ProgressDisplay:  # noqa: FBT001
        """What a job is given as `progress`: whether to show it, or a display of the caller's."""
        return progress if isinstance(progress, ProgressDisplay) else cls(quiet=not progress)

    def say(self, line: str) -> None:
        """Print a line, unless quiet."""
        if not self._quiet:
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str, total: float, look: Look) -> Generator[None]:
        """Show `title` while the block runs; `look` gives (how much of `total` is done, a few words)."""
        if self._quiet:
            yield
            return
        show = self._show_bar if self._console.is_terminal else self._show_lines
        done = threading.Event()
        thread = threading.Thread(target=show, args=(title, total, look, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _show_bar(self, title: str, total: float, look: Look, done: threading.Event) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console) as bar:
            task = bar.add_task(title, total=total or 1, words="")
            while True:
                finished = done.wait(_LOOK_EVERY_S)
                n_done, words = look()
                bar.update(task, completed=n_done, words=words)
                if finished:
                    return

    def _show_lines(self, title: str, total: float, look: Look, done: threading.Event) -> None:
        began_s = time.monotonic()
        while True:
            finished = done.wait(PLAIN_EVERY_S)
            n_done, words = look()
            share = f"{n_done / total:.0%}" if total else "100%"
            elapsed_s = time.monotonic() - began_s
            print(f"{title}: {share}, {words}, {elapsed_s:.0f} s", file=sys.stderr, flush=True)
            if finished:
                return


class Counted:
    """Counts finished tasks for `ProgressDisplay.step`."""

    def __init__(self, total: int, unit: str) -> None:
        self.total = total
        self.n_done = 0
        self._words = f"of {total} {unit}"

    def add(self, n: int) -> None:
        """Count `n` more as done."""
        self.n_done += n

    def look(self) -> tuple[float, str]:
        """How many are done."""
        return self.n_done, f"{self.n_done} {self._words}"
