"""One trainer on one model shape in a process of its own: `trainer_peer.py NAME JSON`; prints one JSON line.

plain         a loop as one would write it by hand, after nanoGPT's: a GPT of the same layers, width, heads,
              vocabulary and context, random windows of a memory map, autocast, fused AdamW, clipped gradient.
              Documents are not kept apart.
transformers  the same loop around `PhiForCausalLM` of exactly our shape.
curate        `curate.train.train`, with its order of windows, borders of documents, metrics and sharding.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn import functional

WARM_STEPS = 2  # allocator, caches, the optimiser's states


class Block(nn.Module):
    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for part in self.qkv(self.norm_1(x)).chunk(3, dim=-1)
        )
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(functional.gelu(self.up(self.norm_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.tokens = nn.Embedding(shape.n_vocabulary, shape.width)
        self.places = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape.width, shape.n_heads) for _ in range(shape.n_layers))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.n_vocabulary, bias=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, inputs):
        x = self.tokens(inputs) + self.places.weight[: inputs.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def phi(shape) -> tuple[nn.Module, Callable[..., torch.Tensor]]:
    from transformers import PhiConfig, PhiForCausalLM

    config = PhiConfig(
        vocab_size=shape.n_vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.mlp_width,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        max_position_embeddings=shape.context,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": shape.rotary_base,
            "partial_rotary_factor": shape.n_rotary / shape.head_width,
        },
        bos_token_id=0,
        eos_token_id=0,
    )
    config._attn_implementation = "sdpa"  # noqa: SLF001  (the argument of that name is in no signature)
    model = PhiForCausalLM(config)
    return model, lambda inputs: model(inputs, use_cache=False).logits


def by_hand(name, shape, path, *, batch_windows, steps, bf16, device="cpu"):
    """The hand-written loop; returns seconds after each step."""
    torch.manual_seed(0)
    if name == "plain":
        model = Gpt(shape)
        forward = model
    else:
        model, forward = phi(shape)
    model.to(device)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    data = np.memmap(path, dtype=np.uint16, mode="r")
    rng = np.random.default_rng(0)
    marks = [(time.process_time(), time.perf_counter())]
    loss_value = float("nan")
    for _ in range(steps):
        places = rng.integers(0, len(data) - shape.context - 1, batch_windows)
        rows = np.stack([data[place : place + shape.context + 1] for place in places]).astype(np.int64)
        inputs, targets = (torch.from_numpy(part).to(device) for part in (rows[:, :-1], rows[:, 1:]))
        with torch.autocast(device, dtype=torch.bfloat16, enabled=bf16):
            logits = forward(inputs)
            loss = functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        loss_value = loss.item()
        marks.append((time.process_time(), time.perf_counter()))
    return marks, loss_value, sum(weight.numel() for weight in model.parameters())


def curate(shape_name, tokens, *, batch_windows, micro_windows, steps, bf16, **settings):
    from curate.train import TrainSettings, loop, preset, run_training

    speeds = loop._speeds  # noqa: SLF001  (called once after each step)
    marks = []

    def marked(*arguments):
        marks.append((time.process_time(), time.perf_counter()))
        return speeds(*arguments)

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(loop, "_speeds", marked):
        settings = TrainSettings(
            tokens=tokens,
            output=folder,
            preset=shape_name,
            batch_windows=batch_windows,
            micro_windows=micro_windows,
            steps=steps,
            warmup_steps=1,
            dtype="bf16" if bf16 else "float32",
            save_every=10**6,
            eval_every=0,
            peak_flops=1e12,
            **settings,
        )
        with mock.patch.object(loop.Checkpoints, "save", return_value=None):
            result = run_training(settings)
    return marks, result.loss, settings.shape(preset(shape_name).n_vocabulary).n_parameters


def main(name, options):
    from curate.tokens import open_tokens
    from curate.train.shape import preset

    torch.set_num_threads(options["threads"])
    device = options.get("device", "cpu")
    if device == "cpu":
        torch.cuda.is_available = lambda: False  # the trainer takes a GPU where there is one
    tokens = open_tokens(options["tokens"])
    group = tokens.train[0]
    common = {key: options[key] for key in ("batch_windows", "steps", "bf16")}
    # Code is not counted as memory of training: what all of them load is loaded before.
    theirs = ["transformers.models.phi.modeling_phi"] if name == "transformers" else []
    for module in ["torch._dynamo", "curate.train.loop", *theirs]:
        importlib.import_module(module)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if name == "curate":
        marks, loss, n_parameters = curate(
            options["preset"],
            options["tokens"],
            micro_windows=options["micro_windows"],
            **options.get("settings", {}),
            **options.get("shape", {}),
            **common,
        )
    else:
        path = Path(f"{group.stem}.bin")
        marks, loss, n_parameters = by_hand(
            name, preset(options["preset"], **options.get("shape", {})), path, device=device, **common
        )
    cpu, wall = (np.diff([mark[i] for mark in marks])[-(options["steps"] - WARM_STEPS) :] for i in (0, 1))
    return {
        "cpu_s": cpu.tolist(),
        "wall_s": wall.tolist(),
        "loss": loss,
        "n_parameters": n_parameters,
        "memory_before_bytes": before,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]))))
