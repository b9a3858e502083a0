"""The main job on growing crawls, pass by pass: CPU seconds, peak memory, bytes of state.

    python -m benchmarks scale [--sizes 10000,50000,200000,1000000] [--work FOLDER]
    python -m benchmarks scale --documents 5000000 --workers 2      # one run, with all processes; each leaves the other's rows

Generated documents of 2 KB (`benchmarks.peers.dedup_corpus`), a sixth of them duplicates, from Parquet, one worker; no rule and no
language drops any, so that every document is keyed and compared, and what stays is scored. A million documents take 7 GB of disk.
With `--documents` the run is measured as its user sees it: minutes, the memory of all its processes together, disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.dedup_growth import take_crawl
from benchmarks.harness import RESULTS, ROOT, git, run_command

RUNNER = ROOT / "benchmarks" / "peers" / "scale_run.py"


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale")
    parser.add_argument("--sizes", default="10000,50000,200000,1000000", help="documents, with commas")
    parser.add_argument(
        "--documents", type=int, help="one run of so many instead, beside the rows that stand"
    )
    parser.add_argument("--workers", type=int, default=2, help="of that run")
    parser.add_argument("--work", type=Path, help="folder for the generated crawls, to keep them")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="curate-scale-") as temporary:
        work = options.work or Path(temporary)
        stood = json.loads((RESULTS / "scale.json").read_text(encoding="utf-8"))
        if options.documents:
            large = measure_whole(work, options.documents, options.workers)
            return {"rows_commit": stood["rows_commit"], "rows": stood["rows"], "large": large}
        rows = [measure(work, int(n)) for n in options.sizes.split(",")]
        large = {"large": stood["large"]} if "large" in stood else {}  # it states its own commit
        return {"rows_commit": git("rev-parse", "--short", "HEAD"), "rows": rows} | large


def measure_whole(work: Path, n: int, n_workers: int) -> dict[str, Any]:
    """One run with workers: minutes and memory of all processes, minutes of each pass."""
    source, output, result = take_crawl(work, n), work / "out", work / "result.json"
    shutil.rmtree(output, ignore_errors=True)
    # One thread of OpenBLAS, as the command line has it: workers are forks of this process then, and their seconds count.
    settings = os.environ | {"CURATE_FOLLOW_LINKS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(RUNNER), str(source), str(output), str(result), f"workers={n_workers}"]
    spent = run_command(command, env=settings, with_memory=True, look_every_s=2.0)
    facts = json.loads(result.read_text())
    shutil.rmtree(output)
    return {
        "n_documents": n,
        "n_workers": n_workers,
        "commit": git("rev-parse", "--short", "HEAD"),
        "wall_s": round(spent.wall_s, 1),
        "cpu_s": round(spent.cpu_s, 1),
        "peak_memory_mb": round(spent.peak_memory_bytes / 1e6),
        "input_bytes": sum(path.stat().st_size for path in source.glob("*.parquet")),
        "disk_bytes": facts["disk_bytes"],
        "key_bytes_a_document": key_bytes(facts, n),
        "n_duplicates": facts["n_duplicates"],
        "n_read": facts["n_read"],
        "passes": [{"pass": each["pass"], "wall_s": each["wall_s"]} for each in facts["passes"]],
    }


def key_bytes(facts: dict[str, Any], n: int) -> int:
    """Bytes of keys a document: columns of the chunks, and the most that lay in files of the barrier."""
    return round((facts["key_column_bytes"] + facts["peak_scratch_bytes"]["keys"]) / n)


def measure(work: Path, n: int) -> dict[str, Any]:
    """One size: the run as a whole by its process, and each pass by itself."""
    source, output, result = take_crawl(work, n), work / "out", work / "result.json"
    shutil.rmtree(output, ignore_errors=True)
    links = os.environ | {"CURATE_FOLLOW_LINKS": "1"}  # a size is the first files of a larger one
    spent = run_command([sys.executable, str(RUNNER), str(source), str(output), str(result)], env=links)
    facts = json.loads(result.read_text())
    shutil.rmtree(output)
    row = {
        "n_documents": n,
        "cpu_s": round(spent.cpu_s, 1),
        "wall_s": round(spent.wall_s, 1),
        "peak_memory_mb": round(max(each["peak_memory_bytes"] for each in facts["passes"]) / 1e6),
        "key_bytes_a_document": key_bytes(facts, n),
        "shingle_bytes_a_document": round(facts["peak_scratch_bytes"]["shingles"] / n),
        "work_bytes_a_document": round(facts["work_bytes"] / n),
        "output_bytes_a_document": round(facts["output_bytes"] / n),
        "n_duplicates": facts["n_duplicates"],
        "passes": facts["passes"],
    }
    print({name: value for name, value in row.items() if name != "passes"}, file=sys.stderr, flush=True)
    return row
