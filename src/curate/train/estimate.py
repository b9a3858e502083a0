"""Memory and time before renting machines, by a formula that is written out. Needs no torch.

Bytes a device holds, for P numbers spread over S processes, C width, L layers, T tokens computed at once:

    states        16 P / S           float32 weights 4, gradients 4, AdamW 8
    gathered      8 (ends + 2 layer) ends and two layers: bfloat16 weights 2, gradients 2, float32 sums 4
    activations   34 C T L           bfloat16, attention without a score matrix (arXiv 2205.05198);
                  2 C T L + 34 C T   with recompute: each layer's input, and one layer at a time
    logits        12 V min(T, 4096)  float32: logits, their softmax, their gradient

Time is tokens x FLOPs a token / (devices x peak x MFU). The MFU is an assumption, 0.40 unless named
otherwise; phi-1's published 4 days on 8 A100 for 51 billion tokens come to 0.50 by the same formula.
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.train.settings import TrainSettings
from curate.train.shape import PRESETS, ModelShape

A100_PEAK_FLOPS = 312e12
A100_BYTES = 80e9
ASSUMED_MFU = 0.40
LOGITS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run needs of each device, in bytes, and how long it takes."""

    states: float
    gathered: float
    activations: float
    logits: float
    elapsed_s: float

    @property
    def n_bytes(self) -> float:
        """Memory of a device in all, without what the allocator wastes (allow a tenth)."""
        return self.states + self.gathered + self.activations + self.logits


def estimate(
    shape: ModelShape,
    *,
    n_tokens: float,
    n_devices: int,
    shard_processes: int = 0,
    micro_windows: int = 1,
    recompute: bool = False,
    mfu: float = ASSUMED_MFU,
    peak_flops: float = A100_PEAK_FLOPS,
) -> Estimate:
    """Memory of a device and time of a run, by the formulas of this module.

    >>> from curate.train.shape import preset
    >>> round(estimate(preset("phi-1"), n_tokens=51e9, n_devices=8).elapsed_s / 86400, 1)
    5.0
    """
    ends = shape.n_vocabulary * shape.width * (1 if shape.tied else 2)
    layer = (shape.n_parameters - ends) / shape.n_layers
    at_once = micro_windows * shape.context
    kept = 2 * shape.n_layers + 34 if recompute else 34 * shape.n_layers
    return Estimate(
        states=16 * shape.n_parameters / (shard_processes or n_devices),
        gathered=8 * (ends + 2 * layer),
        activations=kept * shape.width * at_once,
        logits=12 * shape.n_vocabulary * min(at_once, LOGITS_AT_ONCE),
        elapsed_s=n_tokens * shape.flops_per_token / (n_devices * peak_flops * mfu),
    )


def describe_estimate(settings: TrainSettings, *, n_devices: int) -> list[str]:
    """Lines that state the estimate of a run on A100-80GB."""
    # No tokenizer is at hand: the preset's own vocabulary stands in.
    shape = settings.shape(PRESETS[settings.preset].n_vocabulary)
    n_tokens = settings.budget_tokens or (settings.steps or 1000) * settings.batch_windows * shape.context
    found = estimate(
        shape,
        n_tokens=n_tokens,
        n_devices=n_devices,
        shard_processes=settings.shard_processes,
        micro_windows=settings.micro_windows,
        recompute=settings.recompute,
    )
    parts = {
        "states": found.states,
        "gathered": found.gathered,
        "activations": found.activations,
        "logits": found.logits,
    }
    held = ", ".join(f"{name} {n / 1e9:.1f}" for name, n in parts.items())
    run = f"{n_tokens:,} tokens on {n_devices} x A100-80GB (estimate, not measured)"
    peak = f"{A100_PEAK_FLOPS / 1e12:.0f} TFLOP/s ({n_tokens / found.elapsed_s:,.0f} tokens/s)"
    return [
        f"{settings.preset}: {shape.n_parameters:,} parameters, {run}",
        f"  memory  {found.n_bytes / 1e9:.1f} GB a device of {A100_BYTES / 1e9:.0f}: {held}",
        f"  time    {found.elapsed_s / 86400:.2f} days at an assumed {ASSUMED_MFU:.0%} of {peak}",
    ]
