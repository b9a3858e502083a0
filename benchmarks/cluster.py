"""What Ray costs: two nodes of one core against one process with two workers, on the same crawl, in turn.

    python -m benchmarks cluster [--sizes 50000,200000] [--rounds 3]

CPU seconds of a Ray run are those of its driver and of all that the cluster's processes took from its start to its end, raylets,
agents and workers alike. Two sizes part what a run costs before its first document from what each further one costs: the second
is the slope between them. Generated documents of 2 KB; the cluster is on this machine and has run once before. Bytes are compared.
Needs Ray in the environment that runs this: `pip install '.[ray]'`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.dedup_growth import take_crawl
from benchmarks.harness import Spent, alternate, run_command
from benchmarks.reliability import FLAGS, command_of, descendants, digest_of, start_cluster

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_LOOK_EVERY_S = 0.1
WAYS = ("one process, two workers", "Ray, two nodes of one core")


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks cluster")
    parser.add_argument("--sizes", default="50000,200000", help="documents: a small and a large crawl")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    sizes = [int(n) for n in options.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="curate-cluster-") as name:
        folder = Path(name)
        cluster, _ = start_cluster()
        try:
            return {"n_rounds": options.rounds} | measure(folder, cluster, sizes, options.rounds)
        finally:
            cluster.shutdown()


def measure(folder: Path, cluster: Any, sizes: list[int], n_rounds: int) -> dict[str, Any]:
    """CPU and wall seconds by way and size, and of each further document; the seconds of a cluster that has nothing to do."""
    by_size: dict[int, dict[str, list[Spent]]] = {}
    flags = ["--engine", "ray", "--ray-address", cluster.address]
    for n in sizes:
        # The files of a smaller crawl are links to those of the larger one.
        source = take_crawl(folder, n)
        local, there = folder / "local", folder / "ray"
        ways: dict[str, Callable[[], Spent]] = {
            WAYS[0]: lambda s=source, o=local: run_local(s, o),
            WAYS[1]: lambda s=source, o=there: run_on_ray(s, o, flags),
        }
        if not by_size:
            for contend in ways.values():  # compiles, and starts the workers
                contend()
        by_size[n] = alternate(ways, n_rounds)
        if digest_of(local) != digest_of(there):
            raise RuntimeError("The two engines gave different bytes.")
        print(
            n, {way: [round(each.cpu_s, 2) for each in runs] for way, runs in by_size[n].items()}, flush=True
        )
    rows = [
        {
            "way": way,
            "n_documents": n,
            "cpu_s": [round(each.cpu_s, 2) for each in runs],
            "wall_s": [round(each.wall_s, 2) for each in runs],
        }
        for n, found in by_size.items()
        for way, runs in found.items()
    ]
    small, large = sizes[0], sizes[-1]
    few, many = (
        {way: statistics.median(each.cpu_s for each in runs) for way, runs in by_size[n].items()}
        for n in (small, large)
    )
    steady = {way: (many[way] - few[way]) / (large - small) for way in WAYS}
    return {
        "rows": rows,
        "steady_cpu_us_a_document": {way: round(1e6 * steady[way], 1) for way in WAYS},
        "start_up_cpu_s": {way: round(few[way] - small * steady[way], 2) for way in WAYS},
        "steady_times_local": round(steady[WAYS[1]] / steady[WAYS[0]], 2),
        "idle_cluster_cpu_s_a_second": round(_idle(), 3),
    }


def _command(source: Path, output: Path) -> list[str]:
    shutil.rmtree(output, ignore_errors=True)
    everything = FLAGS[: FLAGS.index("--chunk-bytes")]  # chunks of the size that users have
    return [sys.executable, "-m", "curate", "filter", "-i", str(source), "-o", str(output), *everything]


def _links() -> dict[str, str]:
    return os.environ | {"CURATE_FOLLOW_LINKS": "1"}


def run_local(source: Path, output: Path) -> Spent:
    """A run with two workers."""
    return run_command([*_command(source, output), "--workers", "2"], env=_links())


def run_on_ray(source: Path, output: Path, flags: list[str]) -> Spent:
    """A run on the cluster: the driver's seconds, and what its processes took meanwhile."""
    with Watch() as watch:
        spent = run_command([*_command(source, output), *flags], env=_links())
    parts = {"driver": spent.cpu_s} | watch.cpu_s
    print({name: round(cpu_s, 2) for name, cpu_s in parts.items()}, file=sys.stderr, flush=True)
    spent.cpu_s += sum(watch.cpu_s.values())
    return spent


def _idle(seconds: float = 5.0) -> float:
    with Watch() as watch:
        time.sleep(seconds)
    return sum(watch.cpu_s.values()) / seconds


class Watch:
    """CPU seconds of the cluster's processes within a block: of its workers, and of Ray's own.

    Ray does not wait for workers that it ends, so their seconds appear in no parent: all are looked at ten times a second. A
    driver that `run_command` waits for is left out: its seconds are known exactly.
    """

    def __enter__(self) -> Self:
        self.cpu_s: dict[str, float] = {}
        self._roots = descendants(os.getpid())
        self._before = dict(_ticks(self._roots))
        self._last = dict(self._before)
        self._workers: set[tuple[int, int]] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self.cpu_s = {"workers": 0.0, "Ray's own": 0.0}
        for process, ticks in self._last.items():
            kind = "workers" if process in self._workers else "Ray's own"
            self.cpu_s[kind] += (ticks - self._before.get(process, 0)) / _TICKS_A_SECOND

    def _look(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._ended.wait(_LOOK_EVERY_S)
            below = {pid for root in self._roots for pid in (root, *descendants(root))}
            for process, ticks in _ticks(below):
                self._last[process] = ticks
                self._workers |= {process} if _IS_WORKER.match(command_of(process[0])) else set()


_IS_WORKER = re.compile("ray::(?!.*Agent)")


def _ticks(pids: Iterable[int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Of each process that is there: (it, when it began), and the clock ticks that it has taken itself."""
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            yield (pid, int(fields[19])), int(fields[11]) + int(fields[12])
