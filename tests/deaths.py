"""A process that dies at its n-th step on the disk, without the price of one.

Every call that makes, changes, moves or deletes a file is counted. At the n-th it raises `Killed`, and so does every one
after it: no `finally` tidies up behind a `kill -9` either.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_CALLS = ("unlink", "remove", "rename", "replace", "rmdir", "mkdir", "fsync", "truncate", "link", "symlink")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Killed(BaseException):
    """No `except Exception` and no `except OSError` stops it."""


class Disk:
    """Counts steps, and dies at one."""

    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.steps: list[str] = []
        self.is_dead = False

    def step(self, what: str) -> None:
        self.steps.append(what)
        self.is_dead |= len(self.steps) == self.dies_at
        if self.is_dead:
            raise Killed(f"step {len(self.steps)}: {what}")


@contextmanager
def dying(n: int | None = None) -> Iterator[Disk]:
    """Count the block's steps on the disk; with `n`, die at that one. The block ends there, quietly."""
    disk = Disk(n)

    def counted(name: str, call: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            if writes(*args, **options):
                disk.step(f"{name} {args[0] if args else ''}")
            return call(*args, **options)

        return wrapped

    def always(*_: Any, **__: Any) -> bool:
        return True

    def opens_to_write(_: Any, mode: str = "r", *__: Any, **___: Any) -> bool:
        return any(letter in mode for letter in "wax+")

    def opens_flags(_: Any, flags: int, *__: Any, **___: Any) -> bool:
        return bool(flags & _WRITING)

    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, counted(name, getattr(os, name), always))
        patch.setattr(os, "open", counted("open", os.open, opens_flags))
        for module in (builtins, io):
            patch.setattr(module, "open", counted("open", module.open, opens_to_write))
        patch.setattr(pa, "OSFile", counted("OSFile", pa.OSFile, opens_to_write))
        patch.setattr(pq, "ParquetWriter", counted("ParquetWriter", pq.ParquetWriter, always))
        try:
            yield disk
        except BaseException:
            if not disk.is_dead:
                raise


def sampled(n_steps: int, n_sampled: int, config: pytest.Config) -> list[int]:
    """Steps to die at: some, evenly over all of them; each with --run-slow."""
    if config.getoption("--run-slow") or n_steps <= n_sampled:
        return list(range(1, n_steps + 1))
    return sorted({round(1 + (n_steps - 1) * part / (n_sampled - 1)) for part in range(n_sampled)})
