"""Tokenizing and loading: CPU seconds of ours and of peers, on the same texts with the same tokenizer.

Encoding: each contender in a process of its own, one thread, texts in memory, loading and compiling not
    counted; all are given a byte-level BPE of 32,000 tokens that is fitted here, and their ids are compared
    document by document. The whole command: `curate tokenize --tokenizer` against datatrove's
    `DocumentTokenizer`, from Parquet to files, with everything counted. Loading: batches of random windows
    as int64, as a trainer takes them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import DATA, ROOT, Spent, alternate, measured, read_jsonl, run_command
from benchmarks.peers.environments import peer_or_none
from curate.mixture import MixtureSettings, Source, build_order, mix
from curate.tokens import TokenFolder, tokenize_mixture, train_encoder

PEER = ROOT / "benchmarks" / "peers" / "tokens_peer.py"
VOCABULARY = 32_000
CONTEXT_TOKENS = 2048
WINDOWS_PER_STEP = 64
N_STEPS = 40
PARQUET_ROWS = 65_536
PARQUET_WINDOWS = 200


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks tokens")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(args)
    files = [*sorted((DATA / "web").glob("*.jsonl.gz")), DATA / "textbooks" / "enwiki.jsonl.gz"]
    texts = [row["text"] for file in files for row in read_jsonl(file)]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        with measured() as fitting:
            encoder = train_encoder(texts[::4], VOCABULARY)
        (work / "tokenizer.json").write_text(encoder.tokenizer.to_str())
        result = {
            "settings": {
                "vocab_size": VOCABULARY,
                "context_tokens": CONTEXT_TOKENS,
                "rounds": options.rounds,
                "documents": len(texts),
                "bytes": sum(len(text.encode()) for text in texts),
            },
            "fit_tokenizer_cpu_s": round(fitting.cpu_s, 2),
            "encode": _encode(work, texts, options.rounds),
            "command": _command(work, options.rounds),
        }
        result["load"] = _load(work, options.rounds)
        return result


def _encode(work: Path, texts: list[str], n_rounds: int) -> list[dict[str, Any]]:
    python = peer_or_none("tokens")
    contenders = {"curate": sys.executable, "tokenizers": sys.executable}
    if python:
        contenders |= {"tiktoken": python, "tokie": python}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for _ in range(n_rounds):
        for name, interpreter in contenders.items():
            found[name].append(
                _ask(interpreter, "encode", name, work / "tokenizer.json", work / "texts.jsonl")
            )
    n_bytes = sum(len(text.encode()) for text in texts)
    reference = found["tokenizers"][0]
    rows: list[dict[str, Any]] = []
    for name, runs in found.items():
        cpu_s = min(run["cpu_s"] for run in runs)
        pairs = zip(runs[0]["digests"], reference["digests"], strict=True)
        rows.append(
            {
                "contender": name,
                "cpu_s": round(cpu_s, 3),
                "million_tokens_per_cpu_s": round(reference["n_tokens"] / cpu_s / 1e6, 2),
                "megabytes_per_cpu_s": round(n_bytes / cpu_s / 1e6, 1),
                "documents_unlike_tokenizers": sum(one != other for one, other in pairs),
            }
        )
    for row in rows:
        row["curate_is_faster_by"] = round(row["cpu_s"] / rows[0]["cpu_s"], 1)
    return rows


def _command(work: Path, n_rounds: int) -> list[dict[str, Any]]:
    settings = MixtureSettings(
        sources=(Source("all", (str(work / "texts.jsonl"),)),), validation_fraction=0.0
    )
    mix(settings, work / "mixture", workers=1)
    folder = next((work / "mixture" / "train").iterdir())
    turn = iter(range(1000))
    ours = [sys.executable, "-m", "curate", "tokenize", "--workers", "1", "--input", str(work / "mixture")]
    ours += ["--tokenizer", str(work / "tokenizer.json"), "--output"]
    contenders = {"curate tokenize": lambda: run_command([*ours, str(work / f"ours-{next(turn)}")])}
    python = peer_or_none("tokens")
    if python:
        theirs = [python, str(PEER), "datatrove", str(work / "tokenizer.json"), str(folder)]
        contenders["datatrove"] = lambda: run_command([*theirs, str(work / f"theirs-{next(turn)}")])
    spent = alternate(contenders, n_rounds)
    rows: list[dict[str, Any]] = [
        {
            "contender": name,
            "cpu_s": round(min(some.cpu_s for some in times), 2),
            "wall_s": round(min(some.wall_s for some in times), 2),
            "peak_memory_bytes": max(some.peak_memory_bytes for some in times),
        }
        for name, times in spent.items()
    ]
    for row in rows:
        row["curate_is_faster_by"] = round(row["cpu_s"] / rows[0]["cpu_s"], 1)
    return rows


def _load(work: Path, n_rounds: int) -> list[dict[str, Any]]:
    tokens = tokenize_mixture(
        work / "mixture",
        work / "tokens",
        tokenizer=str(work / "tokenizer.json"),
        workers=1,
        peer=["datatrove", "megatron"],
    )
    n_windows = N_STEPS * WINDOWS_PER_STEP
    group = tokens.train[0]
    contenders = {
        "curate": lambda: _ours(tokens),
        "memmap at random, as nanoGPT": lambda: _random(group.stem.with_name(group.name + ".bin")),
    }
    python = peer_or_none("tokens")
    if python:
        folder = tokens.path / "peers" / "datatrove" / "train"
        contenders["datatrove"] = lambda: Spent(
            _ask(python, "datatrove_loader", folder, CONTEXT_TOKENS, n_windows)["cpu_s"]
        )
    contenders["curate"]()
    spent = alternate(contenders, n_rounds)
    rows: list[dict[str, Any]] = []
    for name, times in spent.items():
        cpu_s = min(some.cpu_s for some in times)
        rows.append(
            {
                "contender": name,
                "us_per_window": round(cpu_s / n_windows * 1e6, 2),
                "million_tokens_per_cpu_s": round(n_windows * CONTEXT_TOKENS / cpu_s / 1e6, 1),
            }
        )
    cpu_s = min(_parquet(group.tokens, work / "tokens.parquet").cpu_s for _ in range(n_rounds))
    rows.append(
        {
            "contender": "Parquet, row groups of 65,536 tokens",
            "us_per_window": round(cpu_s / PARQUET_WINDOWS * 1e6, 2),
            "million_tokens_per_cpu_s": round(PARQUET_WINDOWS * CONTEXT_TOKENS / cpu_s / 1e6, 1),
        }
    )
    if python:
        found = _ask(
            python, "megatron_loader", tokens.path / "peers" / "megatron" / "train" / group.name, 5000
        )
        rate = round(found["n_tokens"] / found["cpu_s"] / 1e6, 1)
        rows.append({"contender": "megatron, whole documents", "million_tokens_per_cpu_s": rate})
    return rows


def _ours(tokens: TokenFolder) -> Spent:
    """The order's windows, read and stacked as int64."""
    sizes = [group.n_tokens for group in tokens.train]
    order = build_order(
        tokens.plan,
        sizes,
        context_tokens=CONTEXT_TOKENS,
        windows_per_step=WINDOWS_PER_STEP,
        budget_tokens=min(sum(sizes) * 4, CONTEXT_TOKENS * WINDOWS_PER_STEP * N_STEPS),
    )
    slots = np.arange(WINDOWS_PER_STEP)

    def read_batch(step: int) -> np.ndarray:
        groups, offsets = order.windows(step, slots)
        windows = [
            tokens.train[group].read(offset, CONTEXT_TOKENS + 1)
            for group, offset in zip(groups.tolist(), offsets.tolist(), strict=True)
        ]
        return np.stack(windows).astype(np.int64)

    assert order.n_steps == N_STEPS
    assert read_batch(0).shape == (WINDOWS_PER_STEP, CONTEXT_TOKENS + 1)
    with measured() as spent:
        for step in range(order.n_steps):
            read_batch(step)
    return spent


def _random(path: Path) -> Spent:
    """Random windows of one file as nanoGPT's get_batch takes them, inputs and targets apart; no order."""
    rng = np.random.default_rng(0)
    with measured() as spent:
        for _ in range(N_STEPS):
            data = np.memmap(path, dtype=np.uint16, mode="r")
            places = rng.integers(0, len(data) - CONTEXT_TOKENS - 1, WINDOWS_PER_STEP)
            np.stack([data[place : place + CONTEXT_TOKENS].astype(np.int64) for place in places])
            np.stack([data[place + 1 : place + 1 + CONTEXT_TOKENS].astype(np.int64) for place in places])
    return spent


def _parquet(tokens: np.ndarray, path: Path) -> Spent:
    """Random windows of a column of tokens: the row groups that hold a window are read, then it is cut out."""
    if not path.exists():
        table = pa.table({"token": tokens})
        pq.write_table(table, path, compression="zstd", row_group_size=PARQUET_ROWS)
    places = np.random.default_rng(0).integers(0, len(tokens) - CONTEXT_TOKENS - 1, PARQUET_WINDOWS)

    def read_window(file: pq.ParquetFile, place: int) -> np.ndarray:
        first, last = place // PARQUET_ROWS, (place + CONTEXT_TOKENS) // PARQUET_ROWS
        column = file.read_row_groups([*range(first, last + 1)], use_threads=False)["token"]
        return column.slice(place - first * PARQUET_ROWS, CONTEXT_TOKENS + 1).to_numpy().astype(np.int64)

    with measured() as spent, pq.ParquetFile(path) as file:
        for place in places.tolist():
            read_window(file, place)
    place = int(places[-1])
    with pq.ParquetFile(path) as file:
        assert np.array_equal(read_window(file, place), tokens[place : place + CONTEXT_TOKENS + 1])
    return spent


def _ask(python: str, *arguments: Any) -> dict[str, Any]:
    began = time.perf_counter()
    done = subprocess.run(
        [python, str(PEER), *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(f"{arguments[0]} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1]) | {"wall_s": time.perf_counter() - began}
