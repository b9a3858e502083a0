"""Cross-entropy over a large vocabulary, a few thousand tokens at a time.

The logits are the largest tensor of training by far: 4,096 tokens x 51,200 words are 0.8 GB in float32, and
autograd would hold several of that size. When only the sum is wanted, the gradient of a token's loss by its
logits is known at once (softmax minus one at the target), so `summed` makes it in the forward pass, chunk by
chunk, and keeps gradients by hidden states and weights alone. Nothing is computed twice.

Shapes: N tokens, C width, V rows of the vocabulary.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

NO_TARGET = -1
"""Target of a token whose successor belongs to another document."""
CHUNK_TOKENS = 4096
CPU_CHUNK_NUMBERS = 1 << 22
"""Logits at once on a CPU, 16 MiB in float32: blocks of 32 MiB and more come anew from the system each time, page by page."""


def each(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of each token: float32 (N,) nats and (N,) squared log-partition, 0 where there is no target."""
    nats: list[Tensor] = []
    squares: list[Tensor] = []
    n = _chunk_tokens(weight)
    for part, wanted in zip(hidden.split(n), targets.split(n), strict=True):
        logits = functional.linear(part, weight, bias).float()
        log_partition = logits.logsumexp(-1)
        known = wanted != NO_TARGET
        chosen = logits.gather(-1, wanted.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        nats.append((log_partition - chosen) * known)
        squares.append(log_partition.square() * known)
    return torch.cat(nats), torch.cat(squares)


def summed(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, z_loss: float
) -> tuple[Tensor, Tensor]:
    """Sum of nats + z_loss x squared log-partition, to be differentiated; and the two sums, float64 (2,)."""
    return cast("tuple[Tensor, Tensor]", _Summed.apply(hidden, weight, bias, targets, z_loss))


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, z_loss: float
    ) -> tuple[Tensor, Tensor]:
        by_hidden = torch.empty_like(hidden)
        by_weight = torch.zeros_like(weight, dtype=torch.float32)
        by_bias = None if bias is None else torch.zeros_like(bias, dtype=torch.float32)
        sums = torch.zeros(2, dtype=torch.float64, device=hidden.device)
        n = _chunk_tokens(weight)
        parts = zip(hidden.split(n), targets.split(n), by_hidden.split(n), strict=True)
        # Touching new memory costs four times what the softmax does: two blocks serve all chunks.
        scratch = hidden.new_empty(2, min(n, len(hidden)), len(weight), dtype=torch.float32)
        for part, wanted, by_part in parts:
            by_logits = _chunk(functional.linear(part, weight, bias), wanted, z_loss, sums, scratch)
            torch.mm(by_logits, weight, out=by_part)
            by_weight += by_logits.T @ part
            if by_bias is not None:
                by_bias += by_logits.sum(0, dtype=torch.float32)
        ctx.save_for_backward(
            by_hidden, by_weight.to(weight.dtype), None if by_bias is None else by_bias.to(weight.dtype)
        )
        ctx.mark_non_differentiable(sums)
        return (sums[0] + z_loss * sums[1]).float(), sums

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        by_hidden, by_weight, by_bias = ctx.saved_tensors
        scale = gradients[0]
        by_bias = None if by_bias is None else by_bias * scale
        return by_hidden * scale, by_weight * scale, by_bias, None, None


def _chunk(logits: Tensor, wanted: Tensor, z_loss: float, sums: Tensor, scratch: Tensor) -> Tensor:
    """Add to `sums` and put the gradient by the logits in their place; `scratch` is float32 (2, n or more, V)."""
    known = (wanted != NO_TARGET).unsqueeze(-1)
    at = wanted.clamp(min=0).unsqueeze(-1)
    full, chances = scratch[0, : len(logits)], scratch[1, : len(logits)]
    torch.softmax(full.copy_(logits), dim=-1, out=chances)
    # The likeliest word's chance is at least 1 / V: no logarithm of nothing, whatever the target's is.
    log_partition = full.amax(-1, keepdim=True) - chances.amax(-1, keepdim=True).log()
    nats = log_partition - full.gather(-1, at)
    both = torch.cat([nats, log_partition.square()], dim=-1) * known  # (n, 2)
    sums += both.sum(0, dtype=torch.float64)
    chances.mul_((1.0 + 2.0 * z_loss * log_partition) * known)
    chances.scatter_add_(-1, at, -known.float())
    return logits.copy_(chances)


def _chunk_tokens(weight: Tensor) -> int:
    return CHUNK_TOKENS if weight.device.type == "cuda" else max(512, CPU_CHUNK_NUMBERS // len(weight))
