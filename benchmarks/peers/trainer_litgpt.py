"""litgpt's own pretraining on one shape in a process of its own: `trainer_litgpt.py JSON`; prints one JSON line.

Its `pretrain.setup` as released, with its loop, optimiser, logging and compiled model; given are the shape (phi's block: attention and MLP
side by side on one norm), the tokens as a data module of random windows, and the precision. `compile` false leaves its
`torch.compile` out, since none of the others compiles. Runs in an environment of litgpt, without curate.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
from litgpt import Config, pretrain
from litgpt.args import EvalArgs, TrainArgs
from litgpt.data import DataModule
from torch.utils.data import DataLoader, Dataset

WARM_STEPS = 2  # as of the others


class Windows(Dataset):
    """Random windows of a memory map."""

    def __init__(self, path, context, n):
        self.data = np.memmap(path, dtype=np.uint16, mode="r")
        self.context = context
        starts = np.random.default_rng(0).integers(0, len(self.data) - context - 1, n)
        self.places: list[int] = starts.tolist()

    def __len__(self):
        return len(self.places)

    def __getitem__(self, number):
        place = self.places[number]
        return torch.from_numpy(self.data[place : place + self.context + 1].astype(np.int64))


class Tokens(DataModule):
    def __init__(self, path, context, steps, batch):
        super().__init__()
        self.windows, self.batch = Windows(path, context, (steps + 2) * batch), batch

    def connect(self, tokenizer=None, batch_size=1, max_seq_length=None, **more):
        pass

    def train_dataloader(self):
        return DataLoader(self.windows, batch_size=self.batch)

    val_dataloader = train_dataloader


def main(options):
    torch.set_num_threads(options["threads"])
    if not options["compile"]:
        torch.compile = lambda model: model
    shape, marks, losses = options["shape"], [], []

    class Marked(pretrain.ThroughputMonitor):
        def update(self, **facts):  # called once after each step
            marks.append((time.process_time(), time.perf_counter()))
            return super().update(**facts)

    class Noted(pretrain.RunningMean):
        def compute(self):
            losses.append(super().compute().item())
            return super().compute()

    pretrain.ThroughputMonitor, pretrain.RunningMean = Marked, Noted
    pretrain.save_checkpoint = print  # to standard error, where all of its words go
    n_tokens = options["steps"] * options["batch_windows"] * shape["context"]
    config = Config(
        name="arena",
        block_size=shape["context"],
        n_layer=shape["n_layers"],
        n_embd=shape["width"],
        n_head=shape["n_heads"],
        padded_vocab_size=shape["n_vocabulary"],
        vocab_size=shape["n_vocabulary"],
        intermediate_size=shape["mlp_width"],
        rotary_percentage=shape["n_rotary"] / shape["head_width"],
        rope_base=int(shape["rotary_base"]),
        norm_eps=shape["norm_eps"],
        parallel_residual=True,
        shared_attention_norm=True,
        attn_bias=True,
        lm_head_bias=True,
        gelu_approximate="tanh",
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder, "cache"))
        pretrain.setup(
            "arena",
            model_config=config,
            out_dir=Path(folder, "out"),
            precision="bf16-mixed" if options["bf16"] else "32-true",
            data=Tokens(options["path"], shape["context"], options["steps"], options["batch_windows"]),
            train=TrainArgs(
                save_interval=None,
                log_interval=1,
                global_batch_size=options["batch_windows"],
                micro_batch_size=options["batch_windows"],
                max_tokens=n_tokens,
                max_norm=1.0,
                min_lr=1e-4,
                lr_warmup_steps=1,
                tie_embeddings=False,
            ),
            eval=EvalArgs(interval=10**6, max_iters=1, initial_validation=False, final_validation=False),
            optimizer={
                "class_path": "torch.optim.AdamW",
                "init_args": {"lr": 1e-3, "betas": [0.9, 0.95], "weight_decay": 0.1},
            },
            devices=1,
            logger_name="csv",
        )
    cpu, wall = (np.diff([mark[i] for mark in marks])[-(options["steps"] - WARM_STEPS) :] for i in (0, 1))
    with torch.device("meta"):
        n_parameters = sum(weight.numel() for weight in pretrain.GPT(config).parameters())
    return {
        "cpu_s": cpu.tolist(),
        "wall_s": wall.tolist(),
        "loss": losses[-1],
        "n_parameters": n_parameters,
        "memory_before_bytes": before,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
