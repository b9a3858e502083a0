"""What a snapshot of Common Crawl, and a hundred billion pages, would cost: a model whose every number has its source.

    python -m benchmarks scale_plan [--price 0.04] [--keyed 0.3] [--similar 0.3] [--removed 0.2]

It multiplies what `benchmarks filter` and `benchmarks scale` have measured; nobody has run it at that size. What is assumed is named so.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.harness import RESULTS

TIB, GB, TB, HOUR_S = 1 << 40, 1e9, 1e12, 3600.0
SNAPSHOT_PAGES = 2.64e9
SNAPSHOT_BYTES = 394 * TIB
SNAPSHOT_SOURCE = (
    "Common Crawl, December 2024 (CC-MAIN-2024-51): 2.64 billion pages, 394 TiB of uncompressed content; "
    "https://blog.commoncrawl.org/blog/december-2024-crawl-archive-now-available"
)
COMPRESSED_BYTES = 75 * TB
COMPRESSED_SOURCE = "an archive is of the order of 75 TB (arXiv 2404.09770, abstract of its authors)"
CHUNK_BYTES = 32 << 20
FACTS_BYTES_A_CHUNK = (
    1_222  # as JSON, of the million documents of `benchmarks scale`; rules and languages add to it
)
# What datatrove's own script asks Slurm for (examples/fineweb.py, commit 05194d3): tasks, hours at most, cores a task.
DATATROVE_JOBS = {
    "read, extract, filter": (8000, 10, 1),
    "MinHash signatures": (1000, 5, 1),
    "MinHash buckets": (14 * 50, 2, 3),
    "MinHash clusters": (1, 30, 8),
    "MinHash filter": (1000, 5, 1),
}


def run(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale_plan")
    parser.add_argument("--price", type=float, default=0.04, help="USD for a core hour (assumed)")
    parser.add_argument(
        "--keyed", type=float, default=0.3, help="share of pages that pass language and rules (assumed)"
    )
    parser.add_argument(
        "--similar", type=float, default=0.3, help="share of those that share a band with another (assumed)"
    )
    parser.add_argument(
        "--removed", type=float, default=0.2, help="share of those that go as duplicates (assumed)"
    )
    options = parser.parse_args(arguments)
    measured = read_measured()
    sizes = {"one snapshot": 1.0, "100 billion pages": 100e9 / SNAPSHOT_PAGES}
    return {
        "assumed": vars(options),
        "measured": measured,
        "sources": {"snapshot": SNAPSHOT_SOURCE, "compressed": COMPRESSED_SOURCE},
        "rows": [plan(name, factor, measured, options) for name, factor in sizes.items()],
        "datatrove": datatrove(options.price),
    }


def read_measured() -> dict[str, float]:
    """Seconds and bytes a page or document, start-up left out."""
    stages = json.loads((RESULTS / "filter.json").read_text())
    html = next(row for row in stages["rows"] if row["corpus"] == "raw HTML" and row["tool"] == "curate")
    by_bytes = ("read", "extract")
    cpu_s = stages["stages"]["pages"]
    text = next(row for row in stages["rows"] if row["corpus"] == "web text, large")
    scale = json.loads((RESULTS / "scale.json").read_text())["rows"]
    small, large = scale[0], scale[-1]
    n = large["n_documents"] - small["n_documents"]

    def more(name: str) -> float:
        """CPU seconds a document more, from the smallest size to the largest."""
        ends = [
            next(each["cpu_s"] for each in row["passes"] if each["pass"] == name) for row in (small, large)
        ]
        return (ends[1] - ends[0]) / n

    return {
        "read_and_extract_s_a_byte": sum(cpu_s[name] for name in by_bytes) / (html["mb"] * 1e6),
        "other_stages_s_a_page": sum(
            s for name, s in cpu_s.items() if name not in (*by_bytes, "duplicates", "cut", "score")
        )
        / html["n_documents"],
        "barrier_s_a_document": more("barrier"),
        "score_s_a_document": more("pass 2: score"),
        "write_s_a_document": more("pass 3: write"),
        "key_bytes_a_document": max(row["key_bytes_a_document"] for row in scale),
        "shingle_bytes_a_document": large["shingle_bytes_a_document"],
        "text_bytes_a_page": text["mb"] * 1e6 / text["n_documents"],
        "facts_bytes_a_chunk": FACTS_BYTES_A_CHUNK,
        "peak_memory_mb": max(row["peak_memory_mb"] for row in scale),
    }


def plan(name: str, factor: float, m: dict[str, float], options: argparse.Namespace) -> dict[str, Any]:
    """Multiply."""
    n_pages, n_bytes = SNAPSHOT_PAGES * factor, SNAPSHOT_BYTES * factor
    n_keyed = n_pages * options.keyed
    core_h = {
        "read, extract": n_bytes * m["read_and_extract_s_a_byte"] / HOUR_S,
        "language, rules, keys": n_pages * m["other_stages_s_a_page"] / HOUR_S,
        "barrier": n_keyed * m["barrier_s_a_document"] / HOUR_S,
        "score": n_keyed * (1 - options.removed) * m["score_s_a_document"] / HOUR_S,
        "write": n_pages * m["write_s_a_document"] / HOUR_S,
    }
    total = sum(core_h.values())
    return {
        "name": name,
        "n_pages": n_pages,
        "core_hours": {stage: round(hours, 1) for stage, hours in core_h.items()},
        "core_hours_in_all": round(total),
        "usd": round(total * options.price),
        "read_tb": round(COMPRESSED_BYTES * factor / TB, 1),
        "chunks_tb": round(n_pages * m["text_bytes_a_page"] / TB, 1),
        "keys_tb": round(n_keyed * m["key_bytes_a_document"] / TB, 2),
        "shingles_tb": round(n_keyed * m["shingle_bytes_a_document"] / TB, 2),
        "driver_gb": round(n_keyed * (40 * options.similar + 21 * options.removed) / GB, 1),
        "n_chunks": round(n_bytes / CHUNK_BYTES),
        "driver_facts_gb": round(n_bytes / CHUNK_BYTES * m["facts_bytes_a_chunk"] / GB, 1),
    }


def datatrove(price: float) -> dict[str, Any]:
    """What its authors' script asks for at most, for one snapshot; and what it took on this project's pages."""
    rows = json.loads((RESULTS / "filter.json").read_text())["rows"]
    html = next(row for row in rows if row["corpus"] == "raw HTML" and row["tool"] == "datatrove")
    asked = {name: tasks * hours * cores for name, (tasks, hours, cores) in DATATROVE_JOBS.items()}
    measured = SNAPSHOT_PAGES / html["docs_per_cpu_s"] / HOUR_S
    return {
        "source": "github.com/huggingface/datatrove, examples/fineweb.py, commit 05194d3: tasks x time limit x cores, an upper bound",
        "core_hours_asked_at_most": asked,
        "core_hours_asked_in_all": sum(asked.values()),
        "core_hours_measured_here": round(measured),
        "usd_asked_at_most": round(sum(asked.values()) * price),
    }
