"""Memory and time before renting machines, by a formula that is written out. Needs no torch.

Bytes a device holds, for P numbers spread over S processes, C width, L layers, T tokens computed at once, and
b = 2 bytes a number in bfloat16 (4 in float32):

    states        16 P / S           float32 weights 4, gradients 4, AdamW 8
    gathered      b P                weights kept through a step (gather = "step"); with several passes a step
                  + 4 P              the sums of gradients, too
                  (2 b + 4)(ends + 2 layer)   with gather = "pass": ends and two layers, and their gradients
    activations   17 b C T L         attention without a score matrix (arXiv 2205.05198 counts 34 bytes in
                                     16 bits, without its 5 a s / h);
                  b C T L + 17 b C T with recompute: each layer's input, and one layer at a time
    logits        (8 + b) V min(T, 4096) + 4 V C   logits, twice in float32 for their chances, and the float32
                                     gradient of the output layer

Time is tokens x FLOPs a token / (devices x peak x MFU). FLOPs a token are 6 for each weight that multiplies, all
but the input embedding, and 6 L x context x attended width for causal attention. The MFU is an assumption, 0.40
unless named otherwise. What the published times of phi imply by the same formula is in docs/training.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from curate.train.settings import DEFAULT_PRESET, TrainSettings
from curate.train.shape import PRESETS, ModelShape

A100_PEAK_FLOPS = 312e12
A100_BYTES = 80e9
ASSUMED_MFU = 0.40  # by the times in the papers .50 of an A100 for phi-1, .18 for phi-1.5, .65 for phi-2
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
    n_passes: int = 1,
    gather: str = "step",
    recompute: bool = False,
    bf16: bool = True,
    logits_at_once: int = LOGITS_AT_ONCE,
    mfu: float = ASSUMED_MFU,
    peak_flops: float = A100_PEAK_FLOPS,
) -> Estimate:
    """Memory of a device and time of a run, by the formulas of this module.

    >>> from curate.train.shape import preset
    >>> for name, n_tokens, n_devices in [("phi-1", 51e9, 8), ("phi-1.5", 150e9, 32), ("phi-2", 1.4e12, 96)]:
    ...     found = estimate(preset(name), n_tokens=n_tokens, n_devices=n_devices)
    ...     print(name, round(found.elapsed_s / 86400, 1), "days")
    phi-1 5.0 days
    phi-1.5 3.7 days
    phi-2 22.9 days
    """
    size = 2 if bf16 else 4
    ends = shape.n_vocabulary * shape.width * (1 if shape.tied else 2)
    layer = (shape.n_parameters - ends) / shape.n_layers
    at_once = micro_windows * shape.context
    kept = shape.n_layers + 17 if recompute else 17 * shape.n_layers
    if gather == "step":
        gathered = (size + (4 if n_passes > 1 else 0)) * shape.n_parameters
    else:
        gathered = (2 * size + 4) * (ends + 2 * layer)
    logits = (8 + size) * shape.n_vocabulary * min(at_once, logits_at_once)
    return Estimate(
        states=16 * shape.n_parameters / (shard_processes or n_devices),
        gathered=gathered,
        activations=kept * size * shape.width * at_once,
        logits=logits + 4 * shape.n_vocabulary * shape.width,
        elapsed_s=n_tokens * shape.flops_per_token / (n_devices * peak_flops * mfu),
    )


def describe_estimate(settings: TrainSettings, *, n_devices: int) -> list[str]:
    """Lines that state the estimate of a run on A100-80GB."""
    # No tokenizer is at hand: the preset's own vocabulary stands in.
    shape = settings.shape(PRESETS[settings.preset or DEFAULT_PRESET].n_vocabulary)
    n_tokens = settings.budget_tokens or (settings.steps or 1000) * settings.batch_windows * shape.context
    found = estimate(
        shape,
        n_tokens=n_tokens,
        n_devices=n_devices,
        shard_processes=settings.shard_processes,
        micro_windows=settings.micro_windows,
        n_passes=settings.n_passes(n_devices),
        gather=settings.gather,
        bf16=settings.dtype == "bf16",
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
