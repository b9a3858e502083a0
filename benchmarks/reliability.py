"""Runs of the main job that are killed at random moments, until they end: are all rows there, and are the bytes those of a clean run?

    python -m benchmarks reliability [--kills 100] [--ray-kills 6] [--add --seed 2]

Generated documents in some twenty chunks. A run is begun, killed at a random moment, begun again, and so on; each that comes to an
end is compared with a clean one, and the next begins anew. Ways to fail: the one process of a run; driver and workers together;
a single worker; a file-size limit, which is told and handled as a full disk; a store for the output that breaks every eighth request
(500, 503, half an answer, none though it was done), and a process that is killed meanwhile; and on Ray (two nodes of one core) the driver, a
worker and a whole node, each at any moment and once more within the barrier, at a step of it that is drawn beforehand. `--add` puts the rows behind those that stand, each with the commit of its code. The result is written
after each run that ended, so that a benchmark that is stopped loses nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow.parquet as pq

import curate
from benchmarks.harness import RESULTS, ROOT, git, write_result
from benchmarks.peers.dedup_corpus import write_crawl
from curate.errors import RunError
from curate.warming import warm
from curate.work import store as store_module
from curate.work.files import read_facts
from curate.work.folder import RunFolder
from curate.work.store import Store, scratch_folder

N_DOCUMENTS = 4000
CHUNK_BYTES = 400_000
SETTINGS: dict[str, Any] = {
    "rules": (),
    "language": ("any",),
    "unscored": "score",
    "threshold": 0.0,
    "chunk_bytes": CHUNK_BYTES,
}
FLAGS = [
    "--rules",
    "none",
    "--language",
    "any",
    "--unscored",
    "score",
    "--threshold",
    "0.0",
    "--chunk-bytes",
    str(CHUNK_BYTES),
]
STANDS_STILL_S = 900  # after which a run of seconds counts as one that never ends
FAULTY_STORE = ROOT / "benchmarks" / "peers" / "faulty_store.py"
BARRIER_DRIVER = ROOT / "benchmarks" / "peers" / "barrier_driver.py"
PASSES = ("pass 1", "barrier", "pass 2", "pass 3", "after the end")


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reliability")
    parser.add_argument(
        "--kills",
        type=int,
        default=100,
        help="of the one process; a fifth of it in each other local way; 0 for none",
    )
    parser.add_argument("--ray-kills", type=int, default=6, help="in each way on Ray; 0 for none")
    parser.add_argument(
        "--barrier-kills", type=int, default=8, help="in each way on Ray, within the barrier; 0 for none"
    )
    parser.add_argument("--store-kills", type=int, default=20, help="with a store that fails; 0 for none")
    parser.add_argument(
        "--minutes",
        type=float,
        default=60,
        help="at most, about; the one process has three times the share of others",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the moments; another one for other moments")
    parser.add_argument("--add", action="store_true", help="to the rows that stand in the result file")
    options = parser.parse_args(arguments)
    on_ray = (options.ray_kills, options.barrier_kills)
    n_shares = 3 * sum(map(bool, on_ray)) + 6 * bool(options.kills) + bool(options.store_kills)
    with tempfile.TemporaryDirectory(prefix="curate-kills-") as name:
        folder = Path(name)
        crawl = write_crawl(folder / "crawl", N_DOCUMENTS)
        warm()
        curate.filter_crawl(str(crawl), folder / "clean", workers=1, progress=False, **SETTINGS)
        trial = Trial(
            crawl,
            folder / "out",
            digest_of(folder / "clean"),
            options.minutes * 60 / max(1, n_shares),
            options.seed,
            rows_that_stand() if options.add else [],
        )
        few = max(1, options.kills // 5)
        if any(on_ray):
            ray_rows(trial, *on_ray)
        if options.kills:
            trial.repeat("the process of a run of one worker", options.kills, trial.kill_process, share=3)
            trial.repeat("driver and two workers together", few, trial.kill_group)
            trial.repeat("one of two workers", few, trial.kill_worker)
            trial.repeat("a full disk (by a file-size limit)", few, trial.fill_disk)
        if options.store_kills:
            with failing_store(folder, options.seed):
                trial.repeat("a store that fails, and the process", options.store_kills, trial.fail_store)
    return trial.result()


def rows_that_stand() -> list[dict[str, Any]]:
    """The rows of the result file, each with commit and seed."""
    stood = json.loads((RESULTS / "reliability.json").read_text(encoding="utf-8"))
    return [{"commit": stood["commit"], "seed": 1} | row for row in stood["rows"]]


def digest_of(output: Path) -> tuple[int, str]:
    """(rows, a hash of all Parquet files) of a result."""
    paths = sorted(output.glob("*/*.parquet"))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(output)).encode() + path.read_bytes())
    return sum(pq.read_metadata(path).num_rows for path in paths), digest.hexdigest()


class Trial:
    """One crawl and the result that every run over it must have."""

    def __init__(
        self,
        crawl: Path,
        output: Path,
        wanted: tuple[int, str],
        limit_s: float,
        seed: int,
        rows: list[dict[str, Any]],
    ) -> None:
        self.crawl, self.output, self.wanted, self.limit_s = crawl, output, wanted, limit_s
        self.random = random.Random(seed)
        self.rows = rows
        self.of_run = {"commit": git("rev-parse", "--short", "HEAD"), "seed": seed}
        self.reached = PASSES[0]
        # Of the last whole run, from its first file on, where starting takes most of the time.
        self.worked_s = 0.0
        self.forked = multiprocessing.get_context("fork")

    def repeat(self, way: str, n_kills: int, attempt: Callable[[float], bool], share: float = 1) -> None:
        """Begin runs and end them by `attempt`, which says whether it did, until there were so many kills or time is up."""
        shutil.rmtree(self.output, ignore_errors=True)
        at: Counter[str] = Counter()
        row: dict[str, Any] = {"way": way, "n_kills": 0, "n_finished": 0, "n_equal": 0, "n_rows_lost": 0}
        row |= {"at": at} | self.of_run
        self.rows.append(row)
        self.worked_s = 0.0
        limit_s = self.time_whole(row, attempt)
        ends_s = time.monotonic() + share * self.limit_s
        while row["n_kills"] < n_kills and time.monotonic() < ends_s:
            if attempt(self.random.uniform(0, self.worked_s or limit_s)):
                row["n_kills"] += 1
                at[self.reached] += 1
            if (self.output / "manifest.json").exists():
                self.compare(row)
        self.time_whole(row, attempt)
        print(row, file=sys.stderr, flush=True)

    def result(self) -> dict[str, Any]:
        """What there is so far."""
        rows: list[dict[str, Any]] = [
            row | {"at": {name: row["at"][name] for name in PASSES if row["at"].get(name)}}
            for row in self.rows
        ]
        return {"n_documents": N_DOCUMENTS, "rows": rows, "n_kills": sum(row["n_kills"] for row in rows)}

    def time_whole(self, row: dict[str, Any], attempt: Callable[[float], bool]) -> float:
        """Let a run come to its end, begun anew or gone on with; how long that took."""
        began_s = time.monotonic()
        for _ in range(5):  # a run may need to be gone on with
            if not (self.output / "manifest.json").exists():
                attempt(1e5)
        self.compare(row)
        return time.monotonic() - began_s

    def compare(self, row: dict[str, Any]) -> None:
        n_rows, digest = digest_of(self.output)
        row["n_finished"] += 1
        row["n_equal"] += digest == self.wanted[1]
        row["n_rows_lost"] += abs(self.wanted[0] - n_rows)
        write_result("reliability", self.result())
        shutil.rmtree(self.output)

    def note_reached(self) -> None:
        """Note the pass that is about to be ended, by what is committed: the run may survive it."""
        self.reached = self._pass()

    def _pass(self) -> str:
        work = self.output / ".curate"
        if (self.output / "manifest.json").exists():
            return PASSES[4]
        if (self.output / "kept").exists():
            return PASSES[3]
        if (work / "duplicates.json").exists():
            return PASSES[2]
        names = RunFolder(self.output).chunk_names()  # of one input file
        is_read = bool(names) and len(names) == names[-1].chunk + 1
        is_read = is_read and read_facts(RunFolder(self.output).documents(names[-1]))["last"]
        return PASSES[1] if is_read else PASSES[0]

    # ---- ways to fail ---------------------------------------------------------------------------------

    def begin(self, workers: int, file_bytes: int | None = None, output: str | None = None) -> Any:
        """A run in a fork of this process, which is warm; into a store, if `output` names one."""
        more: dict[str, Any] = SETTINGS | ({"scratch": str(self.output.parent)} if output else {})

        def work() -> None:
            os.setsid()
            if file_bytes is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
            try:
                curate.filter_crawl(
                    str(self.crawl), output or self.output, workers=workers, progress=False, **more
                )
            except RunError:
                os._exit(1)

        process = self.forked.Process(target=work)
        process.start()
        return process

    def kill_process(self, moment_s: float) -> bool:
        return self.end_group(self.begin(1), moment_s)

    def kill_group(self, moment_s: float) -> bool:
        return self.end_group(self.begin(2), moment_s)

    def kill_worker(self, moment_s: float) -> bool:
        process = self.begin(2)
        process.join(moment_s)
        below = descendants(process.pid)
        # Workers are forks of the driver, or of a server that is its child; neither server nor tracker of resources is one.
        servers = {parent_of(pid) for pid in below} | {
            pid
            for pid in below
            if parent_of(pid) == process.pid and re.search("forkserver|resource_tracker", command_of(pid))
        }
        victims = [pid for pid in below if pid not in servers]
        if victims and process.is_alive():
            self.note_reached()
            os.kill(self.random.choice(victims), signal.SIGKILL)
        process.join()
        return bool(victims) and process.exitcode != 0

    def fill_disk(self, moment_s: float) -> bool:
        process = self.begin(1, None if moment_s > 1e4 else self.random.randrange(50_000, 6_000_000))
        process.join()
        self.note_reached()
        return process.exitcode != 0

    def fail_store(self, moment_s: float) -> bool:
        """What is in the store when the run has ended is brought to where other runs write."""
        here, work = self.output, scratch_folder(STORE, str(self.output.parent))
        process = self.begin(1, output=STORE)
        process.join(moment_s)
        is_stopped = process.is_alive()
        if is_stopped:
            self.output = work
            self.note_reached()
            self.output = here
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        store = Store.of(STORE)
        found = store.list()
        if "manifest.json" in found and not work.exists():
            store.get_all([(name, here / name, n) for name, n in found.items()])
            store.delete(found)
        return is_stopped or process.exitcode != 0

    def end_group(self, process: Any, moment_s: float) -> bool:
        process.join(moment_s)
        is_alive = process.is_alive()
        if is_alive:
            self.note_reached()
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return is_alive


def files_of(output: Path) -> set[str]:
    """Names of what the passes have committed."""
    kinds = ("*/*.parquet", ".curate/*/*.arrow", "manifest.json")
    return {str(path) for kind in kinds for path in output.glob(kind) if not path.name.startswith(".")}


def descendants(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return children + [each for child in children for each in descendants(child)]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


# ---- a store ---------------------------------------------------------------------------------------------

STORE = "s3://runs/a run"


@contextmanager
def failing_store(folder: Path, seed: int) -> Generator[None]:
    """An S3 server of this machine that breaks every eighth request, for the runs in the block."""
    import fsspec

    address = folder / "store"
    server = subprocess.Popen(
        [sys.executable, str(FAULTY_STORE), str(address), str(seed)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not address.exists():
            if server.poll() is not None:
                raise RuntimeError("The S3 server did not start: pip install moto[server] boto3 s3fs")
            time.sleep(0.1)
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": address.read_text(encoding="utf-8"),
        }
        fsspec.config.conf["s3"] = {"config_kwargs": {"read_timeout": 1, "retries": {"max_attempts": 1}}}
        store_module.PAUSES_S = (0.1, 0.1, 0.1, 0.1)
        yield
    finally:
        server.kill()
        server.wait()


# ---- Ray -------------------------------------------------------------------------------------------------


Begin: TypeAlias = Callable[[float], tuple[subprocess.Popen[bytes], bool]]
"""Begins a run and waits for the moment to end it: the driver, and whether it still runs."""


def start_cluster() -> tuple[Any, dict[str, int]]:
    """Two nodes of one core, and a head without any, on this machine; and the settings of a further node."""
    from ray.cluster_utils import Cluster

    store = {"object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **store})
    for _ in range(2):
        cluster.add_node(num_cpus=1, **store)
    return cluster, store


def ray_rows(trial: Trial, n_kills: int, n_barrier_kills: int) -> None:
    cluster, store = start_cluster()
    address = ["--engine", "ray", "--ray-address", cluster.address]
    flags = ["filter", "-i", str(trial.crawl), "-o", str(trial.output), *FLAGS, *address]
    said, step_now = trial.output.with_name("stderr"), trial.output.with_name("step")
    steps_s: dict[str, float] = {}  # how long each step of the barrier took in a whole run

    def begin(*command: str) -> subprocess.Popen[bytes]:
        step_now.unlink(missing_ok=True)
        with said.open("wb") as stderr:
            return subprocess.Popen(
                [sys.executable, *command, *flags], stdout=subprocess.DEVNULL, stderr=stderr, cwd=ROOT
            )

    def end(process: subprocess.Popen[bytes]) -> None:
        """Wait for the driver, and show why one ended that was not killed."""
        if process.wait(STANDS_STILL_S) not in (0, -signal.SIGKILL):
            print("".join(said.read_text(errors="replace").splitlines(keepends=True)[-5:]), file=sys.stderr)

    def at_any_moment(moment_s: float) -> tuple[subprocess.Popen[bytes], bool]:
        """Let a run go on for so long after it has written something; False if it ends before."""
        process = begin("-m", "curate")
        before = files_of(trial.output)
        while process.poll() is None and files_of(trial.output) <= before:
            time.sleep(0.05)
        began_s = time.monotonic()
        while process.poll() is None and time.monotonic() < began_s + moment_s:
            time.sleep(0.02)
        if process.poll() is not None and not before:
            trial.worked_s = time.monotonic() - began_s
        return process, process.poll() is None

    def within_barrier(moment_s: float) -> tuple[subprocess.Popen[bytes], bool]:
        """Let a run come to a step of the barrier that is drawn, and to some moment in it; False if it ends before."""
        process = begin(str(BARRIER_DRIVER), str(step_now))
        wanted = trial.random.choice(sorted(steps_s)) if steps_s and moment_s < 1e4 else None
        began_s, now = time.monotonic(), ""
        while process.poll() is None and (wanted is None or now != wanted):
            time.sleep(0.002)
            then, now = now, step_now.read_text() if step_now.exists() else ""
            if now != then:
                if then:
                    steps_s[then] = time.monotonic() - began_s
                began_s = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            process.wait(trial.random.uniform(0, steps_s.get(now, 0.0)))
        if process.poll() is None:
            at_step[now] += 1
        return process, process.poll() is None

    def kill_driver(begin_and_wait: Begin, moment_s: float) -> bool:
        process, was_alive = begin_and_wait(moment_s)
        if was_alive:
            trial.note_reached()
            process.kill()
        end(process)
        return was_alive

    def kill_worker(begin_and_wait: Begin, moment_s: float) -> bool:
        process, was_alive = begin_and_wait(moment_s)
        if not was_alive:
            return False
        nodes = [info.process.pid for node in cluster.worker_nodes for info in node.all_processes["raylet"]]
        named = {pid: command_of(pid) for node in nodes for pid in descendants(node)}
        workers = [
            pid
            for pid, name in named.items()
            # without its agents a node goes with all that runs there: that is another way to fail
            if name.startswith("ray::") and not name.strip().endswith("Agent")
        ]
        trial.note_reached()
        if workers:
            os.kill(trial.random.choice(workers), signal.SIGKILL)
        end(process)
        return bool(workers)

    def kill_node(begin_and_wait: Begin, moment_s: float) -> bool:
        process, was_alive = begin_and_wait(moment_s)
        if was_alive:
            trial.note_reached()
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
            cluster.add_node(num_cpus=1, **store)
        end(process)
        return was_alive

    ways = {"the driver": kill_driver, "a worker process": kill_worker, "a whole node": kill_node}
    try:
        for name, kill in ways.items() if n_kills else ():
            trial.repeat(f"Ray: {name}", n_kills, partial(kill, at_any_moment))
        for name, kill in ways.items() if n_barrier_kills else ():
            at_step: Counter[str] = Counter()
            trial.repeat(f"Ray, within the barrier: {name}", n_barrier_kills, partial(kill, within_barrier))
            trial.rows[-1]["at_step"] = dict(at_step)
            print(dict(at_step), file=sys.stderr, flush=True)
    finally:
        cluster.shutdown()
