"""The main job on growing crawls, pass by pass: CPU seconds, peak memory, bytes of state.

    python -m benchmarks scale [--sizes 10000,50000,200000,1000000] [--work FOLDER]

Generated documents of 2 KB (`benchmarks.peers.dedup_corpus`), a sixth of them duplicates, from Parquet, one worker; no rule and no
language drops any, so that every document is keyed and compared, and what stays is scored. A million documents take 5 GB of disk.
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
from benchmarks.harness import ROOT, run_command

RUNNER = ROOT / "benchmarks" / "peers" / "scale_run.py"


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale")
    parser.add_argument("--sizes", default="10000,50000,200000,1000000", help="documents, with commas")
    parser.add_argument("--work", type=Path, help="folder for the generated crawls, to keep them")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="curate-scale-") as temporary:
        work = options.work or Path(temporary)
        rows = [measure(work, int(n)) for n in options.sizes.split(",")]
    return {"rows": rows}


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
        "key_bytes_a_document": round((facts["key_column_bytes"] + facts["peak_scratch_bytes"]["keys"]) / n),
        "shingle_bytes_a_document": round(facts["peak_scratch_bytes"]["shingles"] / n),
        "work_bytes_a_document": round(facts["work_bytes"] / n),
        "output_bytes_a_document": round(facts["output_bytes"] / n),
        "n_duplicates": facts["n_duplicates"],
        "passes": facts["passes"],
    }
    print({name: value for name, value in row.items() if name != "passes"}, file=sys.stderr, flush=True)
    return row
