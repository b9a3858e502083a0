"""Progress of long work: a live bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN_EVERY_S = 10.0
_LOOK_EVERY_S = 0.5
_SHORT_S = 1.0  # a step that counts nothing and is over by then is not told of

Look = Callable[[], tuple[float, str]]


class ProgressDisplay:
    """Shows how far a step is; silent when `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(file=sys.stderr)
        self._n_stages: int | None = None
        self._stage = 0

    def expect(self, n_stages: int) -> None:
        """Say that so many steps come from now on: each tells the how manieth of them it is."""
        self._n_stages, self._stage = n_stages, 0

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
        """Show `title` while the block runs; `look` gives (how much of `total` is done, a few words).

        With `total` 0 how much there is to do is not known, and none is claimed.
        """
        if self._n_stages is not None:
            self._stage += 1
            title = f"{self._stage}/{self._n_stages} {title}"
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

    def count(self, title: str, results: Iterable[object], total: int, unit: str) -> None:
        """Show `title` while `results` are made, and how many of `total` there are; `unit` in the plural, as 'chunks'."""
        counted = Counted(total, unit)
        with self.step(title, total, counted.look):
            for _ in results:
                counted.add(1)

    def _show_bar(self, title: str, total: float, look: Look, done: threading.Event) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console) as bar:
            task = bar.add_task(title, total=total or None, words="")
            while True:
                finished = done.wait(_LOOK_EVERY_S)
                n_done, words = look()
                bar.update(task, completed=n_done, words=words)
                if finished:
                    if not total:
                        bar.update(task, total=1, completed=1)
                    return

    def _show_lines(self, title: str, total: float, look: Look, done: threading.Event) -> None:
        began_s = time.monotonic()
        while True:
            finished = done.wait(PLAIN_EVERY_S)
            n_done, words = look()
            share = f"{min(1.0, n_done / total):.0%}, " if total else ("done, " if finished else "")
            elapsed_s = time.monotonic() - began_s
            if finished and not total and elapsed_s < _SHORT_S:
                return
            told = f"{words}, " if words else ""
            print(f"{title}: {share}{told}{elapsed_s:.0f} s", file=sys.stderr, flush=True)
            if finished:
                return


def nothing_counted() -> tuple[float, str]:
    """What a step looks at that cannot tell how far it is."""
    return 0, ""


class Counted:
    """Counts finished tasks for `ProgressDisplay.step`."""

    def __init__(self, total: int, unit: str) -> None:
        """`unit` in the plural, as 'chunks'."""
        self.total = total
        self.n_done = 0
        self._words = f"of {total} {unit.removesuffix('s') if total == 1 else unit}"

    def add(self, n: int) -> None:
        """Count `n` more as done."""
        self.n_done += n

    def look(self) -> tuple[float, str]:
        """How many are done."""
        return self.n_done, f"{self.n_done} {self._words}"
