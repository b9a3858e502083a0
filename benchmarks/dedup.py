"""Deduplication against its peers, and signatures per second. `dedup_growth` measures size and SIGKILL.

    python -m benchmarks dedup [--documents 200000] [--scale 1.0]

Every tool takes the same generated crawl from Parquet to Parquet in a process of its own, one worker, and is
judged by the same exact truth. Slow tools get fewer documents; a run on 200 documents tells what start-up
costs, so that `marginal_cpu_us` is CPU time for one document more. `times_curate` compares these; in
`times_curate_with_start_up` curate pays for its start-up and the peer does not. curate runs again before
every peer, and the median counts. Peers live in environments of their own, made on first use; those that do not install
are left out.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import ROOT, Spent
from benchmarks.peers.dedup_corpus import TEMPLATE, families_of, make_texts, write_crawl
from benchmarks.peers.environments import peer_or_none
from curate.dedup import DedupPlan, compute_keys

PEERS = Path(__file__).parent / "peers"
JACCARD = 0.8
START_UP_DOCUMENTS = 200


def contenders(n: int, scale: float) -> dict[str, tuple[list[str], int]]:
    """Command without folders, and number of documents, of every tool that is installed."""
    datatrove, rensa = peer_or_none("datatrove"), peer_or_none("rensa")
    found = {"curate": ([sys.executable, str(PEERS / "dedup_curate.py")], n)}
    if rensa:
        found["rensa"] = ([rensa, str(PEERS / "dedup_rensa.py")], min(n, round(100_000 * scale)))
    found["datasketch"] = (
        [sys.executable, str(PEERS / "dedup_datasketch.py")],
        min(n, round(50_000 * scale)),
    )
    if datatrove:
        command = [datatrove, str(PEERS / "dedup_datatrove.py")]
        found["datatrove, white space"] = ([*command, "whitespace"], min(n, round(20_000 * scale)))
        found["datatrove"] = ([*command, "default"], min(n, round(8_000 * scale)))
    return found


def run_tool(command: list[str], source: Path, out: Path) -> Spent:
    """Run a tool; arguments after the script come after the folders."""
    shutil.rmtree(out, ignore_errors=True)
    return run_measured([*command[:2], str(source), str(out), *command[2:]])


def run_measured(command: list[str]) -> Spent:
    """Run a command; its peak memory is read while it runs: the kernel's figure starts at the parent's."""
    began_s = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peaks, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                peaks.append(int(status.split("VmHWM:")[1].split()[0]) * 1024)
            except (OSError, IndexError):
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    stderr = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    ended.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {stderr.decode()[-2000:]}")
    return Spent(usage.ru_utime + usage.ru_stime, time.perf_counter() - began_s, max(peaks))


def shingle_set(text: str) -> frozenset[int]:
    """Word 5-grams, read as plainly as can be; Python's own hashes of them take less memory."""
    words = text.split()
    return frozenset(hash(tuple(words[i : i + 5])) for i in range(max(1, len(words) - 4)))


def similarity(one: frozenset, other: frozenset) -> float:
    n_common = len(one & other)
    return n_common / (len(one) + len(other) - n_common)


class Truth:
    """All pairs of similar documents, from plain Python over the families."""

    def __init__(self, n: int) -> None:
        families = defaultdict(list)
        for document, family in enumerate(families_of(n).tolist()):
            families[family].append(document)
        self.family = {document: family for family, some in families.items() for document in some}
        wanted = sorted(document for some in families.values() if len(some) > 1 for document in some)
        self.sets: dict[int, frozenset] = {}
        for begin in range(0, n, 20_000):
            texts = make_texts(begin, min(20_000, n - begin))
            for document in wanted[
                np.searchsorted(wanted, begin) : np.searchsorted(wanted, begin + len(texts))
            ]:
                self.sets[document] = shingle_set(texts[document - begin].as_py())
        self.pairs: dict[tuple[int, int], float] = {}
        for family, some in families.items():
            # Pages of the template have at most three quarters in common: at Jaccard 0.6 they are not alike.
            if family != TEMPLATE:
                for one, other in combinations(some, 2):
                    jaccard = similarity(self.sets[one], self.sets[other])
                    if jaccard >= JACCARD:
                        self.pairs[one, other] = jaccard

    def judge(self, kept: set[int], n: int) -> dict:
        """Say of the first n documents which pairs were left and which documents were removed for nothing."""
        pairs = {pair: j for pair, j in self.pairs.items() if pair[1] < n}
        left = [j for (one, other), j in pairs.items() if one in kept and other in kept]
        twins = defaultdict(list)
        for one, other in pairs:
            twins[one].append(other)
            twins[other].append(one)
        removed = set(range(n)) - kept
        without_twin = [d for d in removed if not any(twin in kept for twin in twins.get(d, ()))]
        no_pair = [d for d in removed if d not in twins]
        return {
            "n_true_pairs": len(pairs),
            "n_pairs_left": len(left),
            "recall": 1 - len(left) / max(1, len(pairs)),
            "largest_similarity_left": max(left, default=0.0),
            "n_removed": len(removed),
            "precision": 1 - len(no_pair) / max(1, len(removed)),
            "removed_with_a_kept_twin": 1 - len(without_twin) / max(1, len(removed)),
        }


def read_kept(out: Path) -> set[int]:
    tables = [pq.read_table(path, columns=["id"]) for path in sorted((out / "kept").glob("*.parquet"))]
    return {int(name[4:]) for table in tables for name in table["id"].to_pylist()}


def compare(work: Path, n: int, scale: float) -> list[dict]:
    truth = Truth(n)
    small = write_crawl(work / "start-up", START_UP_DOCUMENTS)
    spent: dict[str, list[tuple[Spent, Spent]]] = defaultdict(list)
    found = contenders(n, scale)
    verdicts: dict[str, dict] = {}
    for name in [some for peer in found if peer != "curate" for some in ("curate", peer)]:
        command, n_documents = found[name]
        source = write_crawl(work / f"crawl-{n_documents}", n_documents)
        spent[name].append((run_tool(command, small, work / "out"), run_tool(command, source, work / "out")))
        verdicts[name] = truth.judge(read_kept(work / "out"), n_documents)
        if name == "curate":
            verdicts[name] |= judge_ledger(work / "out", truth)
        print(name, spent[name][-1], file=sys.stderr, flush=True)
    rows = []
    for name, runs in spent.items():
        n_documents = found[name][1]
        start_up_s, cpu_s = (float(np.median([run[i].cpu_s for run in runs])) for i in (0, 1))
        rows.append(
            {
                "tool": name,
                "n_documents": n_documents,
                "n_runs": len(runs),
                "cpu_s": round(cpu_s, 2),
                "start_up_cpu_s": round(start_up_s, 2),
                "cpu_us_per_document": round(1e6 * cpu_s / n_documents, 1),
                "marginal_cpu_us": round(1e6 * (cpu_s - start_up_s) / (n_documents - START_UP_DOCUMENTS), 1),
                "peak_memory_mb": round(max(run[1].peak_memory_bytes for run in runs) / 1e6),
                **verdicts[name],
            }
        )
    for row in rows:
        row["times_curate"] = round(row["marginal_cpu_us"] / rows[0]["marginal_cpu_us"], 1)
        row["times_curate_with_start_up"] = round(row["marginal_cpu_us"] / rows[0]["cpu_us_per_document"], 1)
    return rows


def judge_ledger(out: Path, truth: Truth) -> dict:
    """Recompute every similarity of the ledger in plain Python."""
    errors = []
    for path in sorted((out / "dropped").glob("*.parquet")):
        table = pq.read_table(path, columns=["id", "duplicate_of", "jaccard"])
        for row in table.to_pylist():
            one, other = (truth.sets.get(int(row[name][4:])) for name in ("id", "duplicate_of"))
            exact = similarity(one, other) if one and other else 0.0
            errors.append(abs(np.float32(exact) - row["jaccard"]))
    return {"n_ledger_rows": len(errors), "largest_error_of_a_jaccard": float(max(errors, default=0))}


def measure_signatures() -> list[dict]:
    """Documents and bytes per CPU second on one thread, tokenising included."""
    texts = make_texts(0, 20_000)
    lengths = np.diff(np.frombuffer(texts.buffers()[1], np.int64))
    two_kb = texts.filter(pa.array((lengths > 1600) & (lengths < 2400)))
    rows = []
    for plan in (DedupPlan(), DedupPlan(n_bands=16, n_rows=8)):
        compute_keys(two_kb.slice(0, 10), plan, signatures=True)
        best_s = math.inf
        for _ in range(5):
            began_s = time.process_time()
            compute_keys(two_kb, plan, signatures=True)
            best_s = min(best_s, time.process_time() - began_s)
        n_bytes = int(lengths[(lengths > 1600) & (lengths < 2400)].sum())
        rows.append(
            {
                "n_permutations": plan.n_permutations,
                "mean_bytes": round(n_bytes / len(two_kb)),
                "documents_per_cpu_s": round(len(two_kb) / best_s),
                "mb_per_cpu_s": round(n_bytes / best_s / 1e6),
            }
        )
    return rows


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser(prog="python -m benchmarks dedup")
    parser.add_argument("--documents", type=int, default=200_000, help="documents for curate")
    parser.add_argument("--scale", type=float, default=1.0, help="times the peers' documents")
    parser.add_argument("--work", type=Path, help="folder for the generated crawls, to keep them")
    options = parser.parse_args(args)
    with tempfile.TemporaryDirectory(prefix="curate-dedup-") as temporary:
        return {
            "settings": {"documents": options.documents, "scale": options.scale},
            "plan": repr(DedupPlan()),
            "signatures": measure_signatures(),
            "rows": compare(options.work or Path(temporary), options.documents, options.scale),
        }
