"""A tiny transformer, trained for a minute: the trainer's own decoder without processes and files.

Chosen for runs of some 100,000 tokens on one core: short windows and small steps, as what such a model lacks
is steps, not context.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import AdamW

from curate.train.data import Batch, make_batch
from curate.train.model import Decoder, build_decoder
from curate.train.shape import ModelShape, preset

CONTEXT = 128
WINDOWS = 4
WARMUP_SHARE = 0.1
WORTH_THREADS = 256
"""Width from which more than one thread is used."""
CPU = torch.device("cpu")


def tiny_shape(n_vocabulary: int, n_layers: int = 4, width: int = 128) -> ModelShape:
    """A phi decoder; with 4 layers of 128, 0.8 million weights beside 0.5 in the embedding and output layer."""
    n_heads = max(4, width // 64)
    return preset(
        "phi-tiny",
        n_layers=n_layers,
        width=width,
        n_heads=n_heads,
        n_vocabulary=n_vocabulary,
        context=CONTEXT,
    )


@contextmanager
def _threads(width: int) -> Generator[None]:
    """One thread for a narrow model: its products are so small that threads wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if width < WORTH_THREADS else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit_tiny(tokens: NDArray[np.int64], shape: ModelShape, eos_id: int, *, rate: float, seed: int) -> Decoder:
    """Train on `tokens` once through: AdamW, a tenth of the steps up to `rate`, then linearly down to 0."""
    with _threads(shape.width):
        return _fit(tokens, shape, eos_id, rate, seed)


def _fit(tokens: NDArray[np.int64], shape: ModelShape, eos_id: int, rate: float, seed: int) -> Decoder:
    decoder = build_decoder(shape, seed=seed)
    optimiser = AdamW(decoder.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    windows = _windows(tokens, eos_id)
    order = np.random.default_rng(seed).permutation(len(windows) - 1)  # the last is short
    n_steps = max(1, len(order) // WINDOWS)
    for step in range(n_steps):
        chosen = [windows[i] for i in order[step * WINDOWS : (step + 1) * WINDOWS]]
        done = (step + 1) / n_steps
        for group in optimiser.param_groups:
            group["lr"] = rate * min(done / WARMUP_SHARE, (1 - done) / (1 - WARMUP_SHARE) + 1 / n_steps)
        nats = _nats(
            decoder, make_batch(chosen, context=CONTEXT, eos_id=eos_id, kind="documents", device=CPU)
        )
        nats.mean().backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
    return decoder


@torch.no_grad()
def tiny_nats(decoder: Decoder, tokens: NDArray[np.int64], eos_id: int) -> NDArray[np.float64]:
    """-ln p of each of `tokens`, float64."""
    windows = _windows(tokens, eos_id)
    found: list[NDArray[np.float64]] = []
    with _threads(decoder.shape.width):
        for start in range(0, len(windows), WINDOWS):
            chosen = windows[start : start + WINDOWS]
            batch = make_batch(chosen, context=CONTEXT, eos_id=eos_id, kind="documents", device=CPU)
            found.append(_nats(decoder, batch)[batch.targets >= 0].double().numpy())
    return np.concatenate(found)


def _nats(decoder: Decoder, batch: Batch) -> Tensor:
    nats, _ = decoder(batch.tokens, batch.positions, batch.where, targets=batch.targets)
    return nats


def _windows(tokens: NDArray[np.int64], eos_id: int) -> list[NDArray[np.int64]]:
    """Every token a target once; the first is predicted from an end token."""
    stream = np.concatenate([[eos_id], tokens])
    return [stream[start : start + CONTEXT + 1] for start in range(0, len(tokens), CONTEXT)]
