"""Deduplication of growing crawls, and of one that is killed again and again.

    python -m benchmarks dedup_growth [--sizes 10000,100000,1000000,5000000] [--kills 10]

Generated documents of 2 KB, Parquet to Parquet, one worker, 4 GB. Five million documents take 5 GB of disk.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.dedup import PEERS, run_measured, run_tool
from benchmarks.harness import ROOT
from benchmarks.peers.dedup_corpus import FILE_DOCUMENTS, write_crawl
from curate.dedup import DedupPlan

PLOT = ROOT / "docs" / "images" / "dedup-growth.png"


def measure_growth(work: Path, sizes: list[int]) -> dict:
    rows = []
    for n in sizes:
        folder = take_crawl(work, n)
        spent = run_tool([sys.executable, str(PEERS / "dedup_curate.py")], folder, work / "out")
        rows.append(
            {
                "n_documents": n,
                "cpu_s": round(spent.cpu_s, 2),
                "peak_memory_mb": round(spent.peak_memory_bytes / 1e6),
            }
        )
        print(rows[-1], file=sys.stderr, flush=True)
        shutil.rmtree(work / "out")
    result: dict = {"rows": rows}
    large = [row for row in rows if row["n_documents"] >= 100_000]
    if len(large) > 1:
        log_n, log_cpu_s = ([math.log(row[name]) for row in large] for name in ("n_documents", "cpu_s"))
        result["slope_from_100k"] = round(float(np.polyfit(log_n, log_cpu_s, 1)[0]), 3)
    return result


def plot_growth(growth: dict, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    n = [row["n_documents"] for row in growth["rows"]]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for axis, name, label in zip(
        axes, ("cpu_s", "peak_memory_mb"), ("CPU seconds", "peak memory, MB"), strict=True
    ):
        axis.loglog(n, [row[name] for row in growth["rows"]], "o-", color="#1f5fa8")
        axis.set_xlabel("documents")
        axis.set_title(label, fontsize=10)
        axis.grid(visible=True, which="both", alpha=0.25)
    figure.suptitle("curate dedup, Parquet to Parquet, one worker, generated documents of 2 KB", fontsize=10)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": ""})


def hash_output(out: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([*out.glob("kept/*"), *out.glob("dropped/*")]):
        digest.update(str(path.relative_to(out)).encode() + path.read_bytes())
    return digest.hexdigest()


def take_crawl(work: Path, n: int) -> Path:
    """Write n documents, or link those that a larger crawl begins with."""
    if n < FILE_DOCUMENTS:
        return write_crawl(work / f"small-{n}", n)
    folder = work / f"growth-{n}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(write_crawl(work / "growth", n).glob("*.parquet"))[: math.ceil(n / FILE_DOCUMENTS)]:
        link = folder / path.name
        if not link.exists():
            link.symlink_to(path)
    return folder


def kill_and_resume(work: Path, n: int, n_kills: int) -> dict:
    """Kill runs at random moments, go on with each once more or kill it again, and compare all bytes."""
    source = take_crawl(work, n)
    command = [sys.executable, str(PEERS / "dedup_curate.py"), str(source), str(work / "killed")]
    shutil.rmtree(work / "clean", ignore_errors=True)
    clean = run_measured([*command[:3], str(work / "clean")])
    wanted = hash_output(work / "clean")
    shutil.rmtree(work / "clean")
    shutil.rmtree(work / "killed", ignore_errors=True)
    rng = random.Random(0)
    moments, n_equal, n_finished = [], 0, 0
    while len(moments) < n_kills:
        process = subprocess.Popen(command, cwd=ROOT)
        moment = rng.uniform(0.02, 0.6) * clean.wall_s
        try:
            process.wait(moment)
            n_finished += 1  # what was left took less than the moment: compare, and begin anew
            n_equal += hash_output(work / "killed") == wanted
            shutil.rmtree(work / "killed")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            moments.append(round(moment, 1))
    run_measured(command)
    n_finished += 1
    n_equal += hash_output(work / "killed") == wanted
    return {
        "n_documents": n,
        "killed_after_s": moments,
        "clean_wall_s": round(clean.wall_s, 1),
        "n_finished": n_finished,
        "n_with_the_bytes_of_a_clean_run": n_equal,
    }


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser(prog="python -m benchmarks dedup_growth")
    parser.add_argument("--sizes", default="10000,100000,1000000,5000000", help="documents, with commas")
    parser.add_argument("--kills", type=int, default=10, help="0 for none")
    parser.add_argument("--kill-documents", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, help="folder for the generated crawls, to keep them")
    options = parser.parse_args(args)
    with tempfile.TemporaryDirectory(prefix="curate-dedup-") as temporary:
        work = options.work or Path(temporary)
        result: dict = {
            "plan": repr(DedupPlan()),
            "growth": measure_growth(work, [int(n) for n in options.sizes.split(",")]),
        }
        plot_growth(result["growth"], PLOT)
        if options.kills:
            result["kills"] = kill_and_resume(work, options.kill_documents, options.kills)
    return result
