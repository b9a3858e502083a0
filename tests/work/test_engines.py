"""Engines give every result, let errors through, and end their workers; Ray gives what processes give."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL
from curate.errors import RunError, UnknownNameError
from curate.work.engine import make_engine
from curate.work.local import LocalEngine, can_fork
from curate.work.lock import locked


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


ENDLESS = """
import os, sys, time
from pathlib import Path
from curate.work.local import LocalEngine, can_fork
from curate.work.lock import locked

def wait(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    list(LocalEngine(2).map(wait, range(2)))
"""


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent_however_it_ended(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "script.py").write_text(ENDLESS)
    (tmp_path / "pids").mkdir()
    process = subprocess.Popen([sys.executable, tmp_path / "script.py", tmp_path / "pids"])
    wait_until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    workers = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    process.send_signal(number)
    process.wait()
    wait_until(lambda: not any(map(lives, workers)))


TERMINATED = """
import os, signal, sys
import curate.config
from curate.cli import enter

curate.config.load_toml = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
sys.argv = ["curate", "filter", "--config", "any.toml", "--output", "o"]
enter()
"""


def test_a_command_that_is_terminated_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", TERMINATED],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 143
    assert "run the same command again" in done.stderr


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


def worker_of(_: int) -> int:
    return os.getpid()


def sleep_long(number: int) -> int:
    time.sleep(0 if number == 0 else 600)
    return os.getpid()


def test_workers_start_once_and_serve_every_map() -> None:
    with LocalEngine(2) as engine:
        first, second = (set(engine.map(worker_of, range(40))) for _ in range(2))
    assert os.getpid() not in first
    assert second <= first
    assert len(first) <= 2


def test_leaving_a_map_early_ends_its_workers_at_once_and_the_engine_serves_on() -> None:
    with LocalEngine(2) as engine:
        results = engine.map(sleep_long, range(4))
        worker = next(results)
        results.close()
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
        assert len(list(engine.map(worker_of, range(4)))) == 4


SCRIPT = """
import os, sys
import curate
from curate.work.local import LocalEngine, can_fork
from curate.work.lock import locked

print("begun", flush=True)

class Loud:
    name = "loud"
    def score(self, texts):
        import numpy as np
        return np.full(len(texts), 0.75, np.float32)

with LocalEngine(2) as engine:
    print(sorted(engine.map(lambda n: n * n, range(5))))
curate.filter_crawl({crawl!r}, {out!r}, scorer=Loud(), workers=2, chunk_bytes=2000, progress=False)
"""


def test_a_script_without_a_guard_is_run_once_and_brings_its_own_functions_and_scorers(
    tmp_path: Path,
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(crawl=str(EXAMPLE_CRAWL), out=str(tmp_path / "out")))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["begun", "[0, 1, 4, 9, 16]"]
    assert set(pq.read_table(tmp_path / "out" / "kept")["loud_score"].to_pylist()) == {0.75}


ORPHANS = r"""
import os, sys, time
from curate.work.local import LocalEngine, can_fork
from curate.work.lock import locked

def tell(n):
    os.write(1, b"%d\n" % os.getpid())  # a line at once: two workers tell at the same time
    time.sleep(600)

with LocalEngine(2) as engine:
    list(engine.map(tell, range(2)))
"""


def test_workers_end_when_their_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = {int(parent.stdout.readline()) for _ in range(2)}
        assert parent.pid not in workers
        parent.kill()
        assert not parent.stdout.read()  # which ends when the last worker has


ALONE = """
import os, sys, time
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from pathlib import Path
from curate.work.local import LocalEngine, can_fork
from curate.work.lock import locked

def wait(number):
    Path(sys.argv[1], str(os.getppid())).touch()
    time.sleep(600)

assert can_fork()
with locked(Path(sys.argv[1])):
    list(LocalEngine(2).map(wait, range(2)))
"""


def test_a_process_without_threads_forks_its_workers_itself_and_they_hold_no_lock_of_its(
    tmp_path: Path,
) -> None:
    (tmp_path / "script.py").write_text(ALONE)
    (tmp_path / "pids").mkdir()
    process = subprocess.Popen([sys.executable, tmp_path / "script.py", tmp_path / "pids"])
    wait_until(lambda: any((tmp_path / "pids").iterdir()))
    assert [path.name for path in (tmp_path / "pids").iterdir()] == [str(process.pid)]
    process.kill()
    process.wait()
    with locked(tmp_path / "pids"):  # at once: a worker may live for a moment yet
        pass


LOADED = """
import os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import curate.work.local as local
from curate.pipeline import filter_crawl

kept = local.LocalEngine.__init__

def begin(self, n_workers, before_fork):
    kept(self, n_workers, before_fork)
    print(self._pool is not None)

local.LocalEngine.__init__ = begin
filter_crawl(sys.argv[1], sys.argv[2], workers=2, progress=False)
"""


def test_what_is_loaded_before_workers_are_forked_starts_no_thread(tmp_path: Path) -> None:
    (tmp_path / "pages.jsonl").write_text('{"text": "One page."}\n')
    command = [sys.executable, "-c", LOADED, str(tmp_path / "pages.jsonl"), str(tmp_path / "out")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.stdout.split() == ["True"], found.stderr


def test_beside_another_thread_nothing_is_forked() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert not can_fork()
    done.set()
    thread.join()
