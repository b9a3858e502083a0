"""Everything the default rule sets need, beside what peers do for theirs: documents per CPU second.

Ours: the default set (its furniture lines, one pass for all signals, the kinds of lines, verdicts), and `gopher`, `c4` and
`fineweb` (the line rules of C4, one pass, verdicts), in batches of 1,024 pages. Peers: their own filters, each in its own environment, on a sample of the same pages; loading
is not counted. Not the same job in one point: datatrove cuts words with spaCy, ours at white space.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.harness import DATA, ROOT, Spent, alternate, read_jsonl
from benchmarks.peers.environments import peer_environment
from curate.rules import apply_rules, clean_lines, line_rules_of, load_rules, required_signals
from curate.signals import DEFAULT_SIGNALS, compute_signals

BATCH_ROWS = 1024
RULES = ("curate",)
NAMED = ("gopher", "c4", "fineweb")
PEERS = {
    "datatrove": "four filters: Gopher repetition and quality, C4, FineWeb",
    "dolma": "the tagger gopher_v1",
    "curator": "NeMo Curator: seven filters of Gopher quality, thirteen of repetition",
}
# The filters whose seconds count; both of dolma's read the numbers of one call.
COUNTED = {
    "datatrove": ("gopher-repetition", "gopher-quality", "c4", "fineweb"),
    "dolma": ("gopher-quality",),
    "curator": ("gopher-quality", "gopher-repetition"),
}

OURS = {
    "curate": "line rules, signals and verdicts of the default set",
    "curate, named sets": "line rules, signals and verdicts of gopher, c4 and fineweb",
    "curate, all page statistics": "every signal of the one pass, without line rules",
}


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks signals")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-pages", type=int, default=300)
    options = parser.parse_args(args)
    texts = [page["text"] for path in sorted((DATA / "web").glob("*.jsonl.gz")) for page in read_jsonl(path)]
    pages = pa.array(texts)
    sample = texts[:: max(len(texts) // options.peer_pages, 1)][: options.peer_pages]
    stages: dict[str, list[float]] = {"line rules": [], "signals": [], "verdicts": []}
    named_stages: dict[str, list[float]] = {name: [] for name in stages}
    contenders = {
        "curate": lambda: _ours(pages, RULES, stages),
        "curate, named sets": lambda: _ours(pages, NAMED, named_stages),
        "curate, all page statistics": lambda: _statistics(pages),
    }
    not_run: list[str] = []
    for peer in PEERS:
        try:
            peer_environment(peer)
        except RuntimeError as error:
            not_run.append(f"{peer}: {error}")
        else:
            contenders[peer] = lambda peer=peer: _peer(peer, sample)
    contenders["curate"]()  # compiles
    contenders["curate, named sets"]()
    spent = alternate(contenders, options.rounds)
    rows = [_row(name, pages, sample, times) for name, times in spent.items()]
    ours = rows[1]["documents_per_cpu_s"]  # peers run these sets
    for row in rows:
        row["curate_is_faster_by"] = round(ours / row["documents_per_cpu_s"], 1)
    return {
        "settings": {
            "rules": list(RULES),
            "named": list(NAMED),
            "rounds": options.rounds,
            "batch_rows": BATCH_ROWS,
        },
        "rows": rows,
        "stages_us_per_page": _per_page(stages, len(pages)),
        "stages_us_per_page_of_named_sets": _per_page(named_stages, len(pages)),
        "not_run": not_run,
    }


def _per_page(stages: dict[str, list[float]], n_pages: int) -> dict[str, float]:
    return {name: round(min(seconds[1:]) / n_pages * 1e6, 2) for name, seconds in stages.items()}


def _row(name: str, pages: pa.Array, sample: list[str], times: list[Spent]) -> dict[str, Any]:
    is_peer = name in PEERS
    n = len(sample) if is_peer else len(pages)
    n_bytes = sum(len(text.encode()) for text in sample) if is_peer else pages.nbytes
    best = min(spent.cpu_s for spent in times)
    return {
        "contender": name,
        "what": (PEERS | OURS)[name],
        "documents": n,
        "bytes": n_bytes,
        "mean_bytes": round(n_bytes / n),
        "cpu_s": round(best, 4),
        "cpu_s_of_all_rounds": [round(spent.cpu_s, 4) for spent in times],
        "documents_per_cpu_s": round(n / best, 1),
        "megabytes_per_cpu_s": round(n_bytes / best / 1e6, 2),
    }


def _ours(pages: pa.Array, rules: tuple[str, ...], stages: dict[str, list[float]]) -> Spent:
    rule_sets = load_rules(rules)
    names, line_rules = required_signals(rule_sets), line_rules_of(rule_sets)
    seconds = dict.fromkeys(stages, 0.0)
    for start in range(0, len(pages), BATCH_ROWS):
        times = [time.process_time()]
        cleaned, _ = clean_lines(pages[start : start + BATCH_ROWS], line_rules)
        times.append(time.process_time())
        signals = compute_signals(cleaned, names)
        times.append(time.process_time())
        apply_rules(signals, rule_sets)
        times.append(time.process_time())
        for stage, began, ended in zip(stages, times, times[1:], strict=False):
            seconds[stage] += ended - began
    for stage, spent in seconds.items():
        stages[stage].append(spent)
    return Spent(sum(seconds.values()))


def _statistics(pages: pa.Array) -> Spent:
    began = time.process_time()
    for start in range(0, len(pages), BATCH_ROWS):
        compute_signals(pages[start : start + BATCH_ROWS], DEFAULT_SIGNALS)
    return Spent(time.process_time() - began)


def _peer(peer: str, sample: list[str]) -> Spent:
    filters = run_peer(peer, sample)
    return Spent(sum(filters[name]["cpu_s"] for name in COUNTED[peer]))


def run_peer(
    peer: str,
    texts: list[str],
    checkout: str | None = None,
    python: str | None = None,
    *,
    with_texts: bool = False,
) -> dict[str, Any]:
    """Run a peer's filters on texts; for each filter, which it keeps, why not, and CPU seconds; if asked, the texts it leaves."""
    python = python or peer_environment(peer)
    with tempfile.TemporaryDirectory() as folder:
        pages, out = Path(folder, "pages.jsonl"), Path(folder, "out.json")
        pages.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
        command = [str(python), str(ROOT / "benchmarks" / "peers" / "rules.py"), peer, str(pages), str(out)]
        done = subprocess.run(
            [*command, checkout or "", *(["texts"] if with_texts else [])],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
        if done.returncode:
            raise RuntimeError(f"{peer} failed: {done.stderr[-2000:]}")
        return json.loads(out.read_text(encoding="utf-8"))
