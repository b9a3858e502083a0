"""Engines give every result, let errors through, and end their workers; Ray gives what processes give."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL
from curate.errors import RunError, UnknownNameError
from curate.work.engine import LocalEngine, make_engine


def multiply(factor: int, number: int) -> int:
    return factor * number


def fail_on_three(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


def die_on_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("n_workers", [1, 2])
def test_every_task_gives_its_result_once(n_workers: int) -> None:
    results = LocalEngine(n_workers).map(partial(multiply, 3), range(20))
    assert sorted(results) == [3 * number for number in range(20)]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_an_error_in_a_task_comes_out(n_workers: int) -> None:
    with pytest.raises(ValueError, match="three"):
        list(LocalEngine(n_workers).map(fail_on_three, range(6)))


def test_a_worker_that_is_killed_is_named_and_not_waited_for() -> None:
    with pytest.raises(RunError, match="A worker process was killed"):
        list(LocalEngine(2).map(die_on_three, range(6)))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown engine 'sparks'"):
        make_engine("sparks", 2)


@pytest.mark.slow
def test_ray_writes_what_processes_write(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    for engine in ("local", "ray"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / engine, engine=engine, workers=2, progress=False)
    for kind in ("kept", "dropped"):
        one, two = (pq.read_table(tmp_path / engine / kind) for engine in ("local", "ray"))
        assert one.equals(two)
