"""Learning rate as a function of the step alone, and AdamW with decay on matrices only."""

from __future__ import annotations

import math

from torch.optim import AdamW

from curate.train.model import Decoder
from curate.train.settings import TrainSettings


def learning_rate(step: int, settings: TrainSettings, n_steps: int) -> float:
    """Learning rate of step `step` (from 0) of `n_steps`.

    Rises linearly over `warmup_steps`, then: `wsd` stays and falls linearly over the last `decay_fraction` of
    the steps (warm-up, stable, decay: arXiv 2404.06395); `cosine` and `linear` fall from there to the end;
    `constant` stays (phi-1.5). Falls to `final_fraction` of the peak.
    """
    peak, n, warmup = settings.learning_rate, n_steps, settings.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    if settings.schedule == "constant":
        return peak
    start = max(warmup, n - round(n * settings.decay_fraction)) if settings.schedule == "wsd" else warmup
    progress = min(1.0, max(0.0, (step + 1 - start) / max(1, n - start)))
    fall = 0.5 * (1.0 - math.cos(math.pi * progress)) if settings.schedule == "cosine" else progress
    return peak * (1.0 - fall * (1.0 - settings.final_fraction))


def make_optimiser(decoder: Decoder, settings: TrainSettings) -> AdamW:
    """AdamW whose weight decay acts on matrices, not on biases and norms."""
    weights = list(decoder.parameters())
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (settings.beta1, settings.beta2)
    return AdamW(groups, lr=settings.learning_rate, betas=betas, eps=settings.epsilon, fused=True)
