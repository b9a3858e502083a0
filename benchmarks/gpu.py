"""What needs a GPU, on one card, in under five minutes: tests, scorer, training step, resume, export, generation; one table.

Refuses where there is no GPU. `--dry` goes the same way on the CPU with tiny shapes, to see that the script works: nothing is written,
and no figure of it means anything.

tests       every test marked `gpu`
scorer      a sentence encoder of random weights (6 layers of 384) on the GPU in float32 and bf16, against the CPU's embeddings
step        a training step of 320 million weights in bf16 (FSDP2 with one process), as is and compiled, beside the loop by hand of
            benchmarks/peers/trainer_peer.py: tokens a second, and the share of the card's peak by the same count of operations
resume      a run whose last checkpoint is taken away goes on to the same losses
export      the run as a Hugging Face folder gives the same logits, and generates
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import ROOT
from benchmarks.trainer import ask, contender
from curate.tokens import train_encoder, write_tokens
from curate.train.shape import preset

PRESET = "phi-15m"
LARGE = {"n_layers": 24, "width": 1024, "n_heads": 16, "context": 1024}
TINY = {"n_layers": 2, "width": 64, "n_heads": 4, "context": 64}
WORDS = (
    "water",
    "river",
    "sea",
    "people",
    "stone",
    "bridge",
    "light",
    "air",
    "plant",
    "cell",
    "energy",
    "force",
)

Row = dict[str, Any]


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu")
    parser.add_argument("--dry", action="store_true", help="the same way on the CPU, tiny; writes nothing")
    dry = parser.parse_args(args).dry
    import torch

    if not dry and not torch.cuda.is_available():
        print(
            "benchmarks gpu: there is no CUDA device here. --dry tries the script on the CPU.",
            file=sys.stderr,
        )
        raise SystemExit(2)
    began_s = time.perf_counter()
    card = "CPU, dry" if dry else torch.cuda.get_device_name()
    rows = [*tests(dry=dry), *scorer(dry=dry), *trainer(dry=dry)]
    for row in rows:
        print(f"{row['part']:<10} {row['what']:<34} {row['found']}")
    print(f"{card}, {time.perf_counter() - began_s:.0f} s")
    if dry:
        raise SystemExit(0)
    return {"card": card, "rows": rows, "elapsed_s": round(time.perf_counter() - began_s)}


def tests(*, dry: bool) -> list[Row]:
    """Every test marked gpu, in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-n0", *(["--collect-only"] if dry else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    said = done.stdout.strip().splitlines() or [done.stderr[-500:]]
    return [
        {"part": "tests", "what": "marked gpu", "found": said[-1].strip("= "), "exit_code": done.returncode}
    ]


def scorer(*, dry: bool) -> list[Row]:
    """Embeddings on the GPU against those on the CPU: the least cosine, and documents a second."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from curate.scoring.encoders import SentenceEncoder

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, int(rng.integers(20, 400)))) for _ in range(20 if dry else 1000)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        bert, encoder = Path(folder, "bert"), Path(folder, "encoder")
        bert.mkdir()
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
        (bert / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
        BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=256).save_pretrained(bert)
        torch.manual_seed(0)
        n_layers, width = (1, 32) if dry else (6, 384)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=width,
            num_hidden_layers=n_layers,
            num_attention_heads=width // 32,
            intermediate_size=4 * width,
            max_position_embeddings=256,
        )
        BertModel(config).save_pretrained(bert)
        SentenceTransformer(str(bert), device="cpu").save(str(encoder))
        expected = SentenceEncoder(str(encoder), device="cpu").encode(texts[:100])
        for dtype in ("fp32", "bf16"):
            ours = SentenceEncoder(str(encoder), dtype=dtype, device="cpu" if dry else None)
            ours.encode(texts[:10])  # the first call loads
            began_s = time.perf_counter()
            found = ours.encode(texts)
            elapsed_s = time.perf_counter() - began_s
            norms = np.linalg.norm(found[:100], axis=1) * np.linalg.norm(expected, axis=1)
            cosine = float(((found[:100] * expected).sum(axis=1) / norms).min())
            rows.append(
                {
                    "part": "scorer",
                    "what": f"encoder, {dtype}",
                    "found": f"{len(texts) / elapsed_s:,.0f} documents/s, least cosine with the CPU {cosine:.5f}",
                    "docs_per_s": round(len(texts) / elapsed_s),
                    "least_cosine": cosine,
                }
            )
    return rows


def trainer(*, dry: bool) -> list[Row]:
    """Steps, resume, export and generation on one token folder."""
    shape = TINY if dry else LARGE
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 200)) for _ in range(200 if dry else 20_000)]
    with tempfile.TemporaryDirectory() as folder:
        splits = {"train": {"made": texts}, "validation": {"made": texts[:4]}}
        tokens = write_tokens(
            Path(folder, "tokens"), splits, train_encoder(texts[:200], 400), max_passes=1000
        )
        return [
            *steps(str(tokens.path), shape, dry=dry),
            *resume_and_export(str(tokens.path), Path(folder), shape, dry=dry),
        ]


def steps(tokens: str, shape: dict[str, int], *, dry: bool) -> list[Row]:
    """Tokens a second and the share of the card's peak: by hand, ours, ours compiled."""
    import torch

    from curate.train.metrics import peak_flops

    n_windows = 4 if dry else 32
    device = "cpu" if dry else "cuda"
    common = {
        "preset": PRESET,
        "tokens": tokens,
        "batch_windows": n_windows,
        "steps": 4 if dry else 20,
        "threads": 1 if dry else (os.cpu_count() or 1),
        "bf16": True,
        "shape": shape,
        "device": device,
        "micro_windows": n_windows,
    }
    contenders = {
        "by hand": ("plain", {}),
        "curate": ("curate", {}),
        "curate, compiled": ("curate", {"compile": True}),
    }
    if dry:
        del contenders["curate, compiled"]
    peak = peak_flops(torch.device(device), bf16=True)
    rows: list[Row] = []
    for name, (peer, settings) in contenders.items():
        found = ask(contender(peer), common | {"settings": settings})
        wall_s = float(np.median(found["wall_s"]))
        per_s = n_windows * shape["context"] / wall_s
        flops = preset(PRESET, **shape).flops_per_token * per_s
        used = f", {flops / peak:.1%} of the peak" if peak else ""
        rows.append(
            {
                "part": "step",
                "what": f"{name}, {found['n_parameters'] / 1e6:.0f}M, bf16",
                "found": f"{per_s:,.0f} tokens/s{used}",
                "tokens_per_s": round(per_s),
                "mfu": flops / peak if peak else None,
                "loss": found["loss"],
            }
        )
    return rows


def resume_and_export(tokens: str, folder: Path, shape: dict[str, int], *, dry: bool) -> list[Row]:
    """A run, the same from its first checkpoint on, its export's logits, and a text of it."""
    import torch

    from curate.train import export, generate, train
    from curate.train.attention import borders
    from curate.train.weights import load_decoder, read_trained

    small = shape | {"n_layers": 2}
    settings: dict[str, Any] = {
        "preset": PRESET,
        **small,
        "batch_windows": 4,
        "micro_windows": 4,
        "dtype": "bf16",
    }
    settings |= {"steps": 8, "save_every": 4, "eval_every": 0, "warmup_steps": 1, "progress": False}
    settings |= {"peak_flops": 1e12} if dry else {"compile": True}
    output = folder / "run"

    def losses() -> list[float]:
        return [
            json.loads(line)["loss"] for line in (output / "metrics.jsonl").read_text("utf-8").splitlines()
        ]

    train(tokens, output, **settings)
    whole = losses()
    shutil.rmtree(max((output / "checkpoints").glob("step-*")))
    train(tokens, output, **settings)
    worst = max(abs(a - b) for a, b in zip(whole, losses(), strict=True))
    export(output, folder / "exported")
    window = torch.arange(1, 33)
    ours, theirs = (load_decoder(read_trained(place)) for place in (output, folder / "exported"))
    where = borders(np.zeros(1, np.int64), len(window), kind="documents", context=32, device=window.device)
    with torch.no_grad():
        logits = [model(window, torch.arange(len(window)), where)[0] for model in (ours, theirs)]
    differs = float((logits[0] - logits[1]).abs().max())
    said = generate(folder / "exported", "water", n_tokens=20, temperature=0)
    return [
        {
            "part": "resume",
            "what": "losses against one run through",
            "found": f"differ by {worst:g}",
            "differ": worst,
        },
        {
            "part": "export",
            "what": "logits of the export",
            "found": f"differ by {differs:g}",
            "differ": differs,
        },
        {"part": "export", "what": "generated", "found": repr(said)[:60]},
    ]
