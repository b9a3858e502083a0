"""The trainer against a hand-written loop, transformers and litgpt: CPU seconds a step, tokens per second, memory.

    python -m benchmarks trainer [--rounds 3] [--steps 5] [--only plain,curate] [--preset phi-15m]

A phi of 17 million parameters (15 without the vocabulary's half), windows of 512 tokens of encyclopedia text,
each contender in a process of its own, in turn. Steps after the first two count. What a contender does is in
benchmarks/peers/trainer_peer.py; the hand-written loop has learned positions instead of rotary ones and does not
keep documents apart, `transformers` has exactly our shape. litgpt runs its own loop in its own environment, as released, which compiles the
model, and without that, as all the others run. Tokenising and loading are in `python -m benchmarks tokens`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import DATA, ROOT, read_jsonl
from benchmarks.peers.environments import peer_or_none
from curate.tokens import train_encoder, write_tokens
from curate.train.estimate import estimate
from curate.train.shape import preset

PEER, LITGPT = (ROOT / "benchmarks" / "peers" / f"trainer_{name}.py" for name in ("peer", "litgpt"))
PRESET = "phi-15m"
COMPILED = "litgpt, compiled"
CONTENDERS = ("plain", "transformers", "litgpt", COMPILED, "curate")


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks trainer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--preset", default=PRESET, help="shape of the model")
    parser.add_argument(
        "--only", default=",".join(CONTENDERS[:3]) + ",compiled,curate", help="contenders, with commas"
    )
    options = parser.parse_args(args)
    wanted = ["plain", *(COMPILED if name == "compiled" else name for name in options.only.split(","))]
    litgpt = peer_or_none("litgpt")
    names = [name for name in CONTENDERS if name in wanted and (litgpt or not name.startswith("litgpt"))]
    shape = preset(options.preset)
    texts = [row["text"] for row in read_jsonl(DATA / "textbooks" / "enwiki.jsonl.gz")]
    n_windows = 8
    common = {
        "preset": options.preset,
        "batch_windows": n_windows,
        "steps": options.steps,
        "threads": options.threads,
    }
    jobs = {
        (name, dtype): {"micro_windows": n_windows, "bf16": dtype == "bf16"}
        for dtype in ("bf16", "float32")
        for name in names
    }
    if options.preset == PRESET and "curate" in names:
        jobs["curate, eight passes a step", "bf16"] = {"micro_windows": 1, "bf16": True}
    with tempfile.TemporaryDirectory() as folder:
        encoder = train_encoder(texts[::4], shape.n_vocabulary)
        tokens = write_tokens(folder, {"train": {"encyclopedia": texts}}, encoder)
        common["tokens"] = str(tokens.path)
        for_litgpt = {"shape": asdict(shape), "path": f"{tokens.train[0].stem}.bin"}
        found: dict[tuple[str, str], list[dict[str, Any]]] = {key: [] for key in jobs}
        for _ in range(options.rounds):
            for (name, dtype), changes in jobs.items():
                if name.startswith("litgpt"):
                    settings = common | changes | for_litgpt | {"compile": name == COMPILED}
                    spent = ask([str(litgpt), str(LITGPT)], settings)
                else:
                    spent = ask(contender(name.split(",")[0]), common | changes)
                found[name, dtype].append(spent)
    rows = [_row(name, dtype, runs, n_windows * shape.context) for (name, dtype), runs in found.items()]
    for row in rows:
        plain = next(
            other for other in rows if (other["contender"], other["dtype"]) == ("plain", row["dtype"])
        )
        row["times_plain"] = round(row["cpu_s_per_step"] / plain["cpu_s_per_step"], 2)
    guess = estimate(shape, n_tokens=1, n_devices=1, micro_windows=n_windows, bf16=False, logits_at_once=1024)
    return {
        "settings": common | {"rounds": options.rounds, "context": shape.context, "tokens": "encyclopedia"},
        "trainers": rows,
        "estimated_bytes": {"curate, float32": round(guess.n_bytes)},
    }


def _row(name: str, dtype: str, runs: list[dict[str, Any]], n_tokens: int) -> dict[str, Any]:
    cpu_s = np.array([second for run in runs for second in run["cpu_s"]])
    wall_s = np.array([second for run in runs for second in run["wall_s"]])
    return {
        "contender": name,
        "dtype": dtype,
        "n_parameters": runs[0]["n_parameters"],
        "cpu_s_per_step": round(float(np.median(cpu_s)), 3),
        "cpu_s_least": round(float(cpu_s.min()), 3),
        "cpu_s_most": round(float(cpu_s.max()), 3),
        "tokens_per_cpu_s": round(n_tokens / float(np.median(cpu_s))),
        "tokens_per_s": round(n_tokens / float(np.median(wall_s))),
        "memory_bytes": max(run["peak_memory_bytes"] - run["memory_before_bytes"] for run in runs),
        "loss": round(runs[0]["loss"], 4),
    }


def contender(name: str) -> list[str]:
    """The command of a contender that runs in this environment."""
    return [sys.executable, "-W", "ignore", str(PEER), name]


def ask(command: list[str], options: dict[str, Any]) -> dict[str, Any]:
    environment = os.environ | {"OMP_WAIT_POLICY": "passive", "PYTHONPATH": str(Path(ROOT, "src"))}
    done = subprocess.run(
        [*command, json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
