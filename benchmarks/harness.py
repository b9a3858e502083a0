"""What all benchmarks share: CPU seconds of blocks and commands, data, versions, the result file."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import platform
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DATA = Path(os.environ.get("CURATE_TEST_DATA", ROOT.parent / "shared" / "data"))


@dataclass
class Spent:
    """What a block or a command used."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0


@contextmanager
def measured() -> Generator[Spent]:
    """Measure the CPU and wall seconds of a block in this process."""
    spent = Spent()
    began_cpu_s, began_wall_s = time.process_time(), time.perf_counter()
    yield spent
    spent.cpu_s = time.process_time() - began_cpu_s
    spent.wall_s = time.perf_counter() - began_wall_s


def run_command(
    command: Sequence[str], *, with_memory: bool = False, look_every_s: float = 0.2, **options: Any
) -> Spent:
    """Run a command to its end and measure it with all of its children; a failure shows its stderr.

    Byte code is kept, as where a package is installed. `with_memory` gives the peak of all its processes together, each
    page of memory counted once (proportional set size, looked at every `look_every_s`, which costs some milliseconds);
    else it is that of the largest.
    """
    environment = {**options.pop("env", os.environ)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began_s = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, **options
    )
    peaks = [0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, look_every_s), daemon=True)
    if with_memory:
        watcher.start()
    assert process.stderr is not None
    with process.stderr:
        stderr = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3, 4):
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {stderr.decode()[-2000:]}")
    wall_s = time.perf_counter() - began_s
    # ru_maxrss of a parent covers its waited-for children.
    peak = max(peaks) if with_memory else usage.ru_maxrss * 1024
    return Spent(usage.ru_utime + usage.ru_stime, wall_s, peak)


def _watch(process: int, peaks: list[int], look_every_s: float) -> None:
    """Note the proportional set size of a process and all below it, until it has ended."""
    while Path(f"/proc/{process}/smaps_rollup").exists():
        peaks.append(sum(map(_shared_size, _tree(process))))
        time.sleep(look_every_s)


def _tree(process: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:
        return []
    return [process, *(below for text in lists for child in text.split() for below in _tree(int(child)))]


def _shared_size(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def alternate(contenders: dict[str, Callable[[], Spent]], n_rounds: int) -> dict[str, list[Spent]]:
    """Run the contenders in turn, `n_rounds` times, so that a noisy neighbour meets all of them."""
    spent: dict[str, list[Spent]] = {name: [] for name in contenders}
    for _ in range(n_rounds):
        for name, contend in contenders.items():
            spent[name].append(contend())
    return spent


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read a (gzipped) JSON-lines file of the test data."""
    with (
        gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    ) as file:
        return [json.loads(line) for line in file]


def write_result(name: str, result: dict[str, Any]) -> Path:
    """Write a benchmark's result with where and with what it was measured."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    facts = {
        "benchmark": name,
        **circumstances(),
        "versions": _versions(),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    path.write_text(json.dumps(facts | result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def circumstances() -> dict[str, Any]:
    """When, of which commit and where something is measured."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": git("rev-parse", "--short", "HEAD"),
        "uncommitted_changes": bool(git("status", "--porcelain", "--", "src")),
        "machine": _machine(),
    }


def git(*arguments: str) -> str:
    """What a git command says of this repository."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def _machine() -> dict[str, Any]:
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else ""
    return {
        "cpu": model,
        "n_cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _versions() -> dict[str, str]:
    wanted = {
        "datasketch",
        "fastwarc",
        "fasttext-community",
        "numba",
        "numpy",
        "pyarrow",
        "resiliparse",
        "scikit-learn",
        "torch",
        "trafilatura",
    }
    return {
        d.metadata["Name"]: d.version
        for d in sorted(distributions(), key=lambda d: d.metadata["Name"])
        if d.metadata["Name"] in wanted
    }
