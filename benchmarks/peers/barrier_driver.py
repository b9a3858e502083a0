"""The command line with a barrier of many small tasks, whatever the crawl's size: `barrier_driver.py STEP ARGUMENTS...`.

STEP is a file that says at any moment which step the barrier is at: the name of the tasks, or `between NAME and the next`, where the driver
itself works (components after `describe`, the ledger at the end).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from curate.cli import main
from curate.dedup import resolve


def note_steps(path: Path) -> None:
    """Have each step of the barrier note its name when it begins, and when its tasks have ended."""
    run_tasks = resolve._Run._map  # noqa: SLF001
    n_before: dict[str, int] = {}

    def tell(name: str) -> None:
        beside = path.with_suffix(".new")
        beside.write_text(name, encoding="utf-8")
        beside.replace(path)  # never half of a name

    def noted(run: Any, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterable[Any]:
        name = function.__name__
        n_before[name] = n_before.get(name, 0) + 1
        name = f"{name} {n_before[name]}" if n_before[name] > 1 else name
        tell(name)
        found = list(run_tasks(run, function, tasks))
        tell(f"after {name}")
        return found

    resolve._Run._map = noted  # noqa: SLF001


if __name__ == "__main__":
    resolve._WORTH_WORKERS = 0  # noqa: SLF001
    resolve.KEYS_A_RANGE = 1 << 14
    resolve.GROUP_BYTES = 1 << 19
    note_steps(Path(sys.argv.pop(1)))
    main()
