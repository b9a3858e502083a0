"""The decoder: phi (parallel attention and MLP, partial rotary) and llama, in one module.

A batch is one row of N tokens in which documents lie one after another; `Borders` says where they begin.
There is no batch dimension: no padding, and a window border is a border like any other.

Module names are those of `PhiForCausalLM` and `LlamaForCausalLM`, so that export renames nothing.

Shapes: N tokens, C width, H heads, K key and value heads, D numbers a head, V rows of the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
import xxhash
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from curate.train.attention import Borders, attend, attend_to_past
from curate.train.losses import each, summed
from curate.train.shape import ModelShape

INIT_STD = 0.02

Cache = list[tuple[Tensor, Tensor]]


class Attention(nn.Module):
    """Causal attention within documents, rotary on the first `n_rotary` numbers of each head."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        bias = shape.family == "phi"
        self.head_width = shape.head_width
        self.q_proj = nn.Linear(shape.width, shape.n_heads * shape.head_width, bias=bias)
        self.k_proj = nn.Linear(shape.width, shape.n_kv_heads * shape.head_width, bias=bias)
        self.v_proj = nn.Linear(shape.width, shape.n_kv_heads * shape.head_width, bias=bias)
        self.out_name = "dense" if shape.family == "phi" else "o_proj"
        self.add_module(self.out_name, nn.Linear(shape.n_heads * shape.head_width, shape.width, bias=bias))

    def forward(self, x: Tensor, rotary: Tensor, where: Borders | None, cache: Cache | None) -> Tensor:
        """Map (N, C) to (N, C), rotary (2, N, 1, n_rotary / 2). With a cache, x goes on where it ends."""
        q = rotate(self.q_proj(x).unflatten(-1, (-1, self.head_width)), rotary)  # (N, H, D)
        k = rotate(self.k_proj(x).unflatten(-1, (-1, self.head_width)), rotary)  # (N, K, D)
        v = self.v_proj(x).unflatten(-1, (-1, self.head_width))  # (N, K, D)
        if cache is None:
            out = attend(q, k, v, cast("Borders", where))
        else:
            past_k, past_v = cache.pop(0)
            k, v = torch.cat([past_k, k]), torch.cat([past_v, v])
            cache.append((k, v))
            out = attend_to_past(q, k, v)
        return self.get_submodule(self.out_name)(out.flatten(-2))


class PhiMlp(nn.Module):
    """Two layers with GELU (tanh form) between them."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape.width, shape.mlp_width)
        self.fc2 = nn.Linear(shape.mlp_width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C)."""
        return self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))


class LlamaMlp(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.mlp_width, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.mlp_width, bias=False)
        self.down_proj = nn.Linear(shape.mlp_width, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C)."""
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """One layer; `recompute` drops its activations and computes them again on the way back."""

    def __init__(self, shape: ModelShape, *, recompute: bool) -> None:
        super().__init__()
        self.parallel = shape.family == "phi"
        self.recompute = recompute
        self.self_attn = Attention(shape)
        if self.parallel:
            self.input_layernorm = nn.LayerNorm(shape.width, shape.norm_eps)
            self.mlp = PhiMlp(shape)
        else:
            self.input_layernorm = nn.RMSNorm(shape.width, shape.norm_eps)
            self.post_attention_layernorm = nn.RMSNorm(shape.width, shape.norm_eps)
            self.mlp = LlamaMlp(shape)

    def forward(self, x: Tensor, rotary: Tensor, where: Borders | None, cache: Cache | None) -> Tensor:
        """(N, C) -> (N, C)."""
        # Inside the module, so that the recomputation runs within the sharding hooks of its first run.
        if self.recompute and self.training and torch.is_grad_enabled():
            return cast("Tensor", checkpoint(self._forward, x, rotary, where, cache, use_reentrant=False))
        return self._forward(x, rotary, where, cache)

    def _forward(self, x: Tensor, rotary: Tensor, where: Borders | None, cache: Cache | None) -> Tensor:
        normed = self.input_layernorm(x)
        attended = self.self_attn(normed, rotary, where, cache)
        if self.parallel:
            return x + attended + self.mlp(normed)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x))


class Backbone(nn.Module):
    """Embedding, layers and last norm, under the names of the Hugging Face classes."""

    def __init__(self, shape: ModelShape, *, recompute: bool) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.n_vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape, recompute=recompute) for _ in range(shape.n_layers))
        if shape.family == "phi":
            self.final_layernorm = nn.LayerNorm(shape.width, shape.norm_eps)
        else:
            self.norm = nn.RMSNorm(shape.width, shape.norm_eps)

    def forward(self, tokens: Tensor, rotary: Tensor, where: Borders | None, cache: Cache | None) -> Tensor:
        """Tokens (N,) -> (N, C)."""
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, rotary, where, cache)
        return self.final_layernorm(x) if hasattr(self, "final_layernorm") else self.norm(x)


class Decoder(nn.Module):
    """A language model: tokens in, logits or losses out."""

    def __init__(self, shape: ModelShape, *, recompute: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.model = Backbone(shape, recompute=recompute)
        self.lm_head = nn.Linear(shape.width, shape.n_vocabulary, bias=shape.family == "phi")
        self.tie()

    def tie(self) -> None:
        """Make output layer and embedding one weight if they are tied; `to_empty` parts them."""
        if self.shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        where: Borders | None = None,
        *,
        targets: Tensor | None = None,
        z_loss: float | None = None,
        cache: Cache | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Losses, or logits where there are no targets.

        Args:
            tokens: int64 (N,).
            positions: int64 (N,), each token's place in its document's piece.
            where: borders of the documents; None with a cache, which holds one document.
            targets: int64 (N,), `NO_TARGET` where the next token belongs to another document.
            z_loss: weight of the squared log-partition; asks for the sum over all tokens.
            cache: keys and values of each layer so far, added to.

        Returns:
            With targets and `z_loss`: the loss to differentiate, summed, and float64 (2,): summed nats and
            summed squared log-partition. With targets alone: both of each token, float32 (N,), 0 without a
            target. Without targets: float32 (N, V) logits, twice.
        """
        rotary = rotary_table(positions, self.shape)
        hidden = self.model(tokens, rotary, where, cache)  # (N, C)
        if targets is None:
            logits = self.lm_head(hidden).float()
            return logits, logits
        weight, bias = self.lm_head.weight, self.lm_head.bias
        if z_loss is None:
            return each(hidden, weight, bias, targets)
        return summed(hidden, weight, bias, targets, z_loss)


def rotary_table(positions: Tensor, shape: ModelShape) -> Tensor:
    """Cosines and sines for each token: float32 (2, N, 1, n_rotary / 2).

    Computed in every forward pass rather than kept in a buffer: it costs nothing beside a layer, and there is
    no buffer to be forgotten when weights are made on the meta device.
    """
    steps = torch.arange(0, shape.n_rotary, 2, device=positions.device, dtype=torch.float32)
    frequencies = 1.0 / (shape.rotary_base ** (steps / shape.n_rotary))
    angles = (positions.float()[:, None] * frequencies)[:, None, :]
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Turn the first numbers of each head by their position, in float32: (N, H, D) -> (N, H, D)."""
    return cast("Tensor", _Rotate.apply(x, rotary))


class _Rotate(torch.autograd.Function):
    """The way back of a rotation is the rotation back: nothing but the table is kept, and half the time is saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rotary: Tensor) -> Tensor:
        ctx.save_for_backward(rotary)
        return _turn(x, rotary[0], rotary[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        (rotary,) = ctx.saved_tensors
        return _turn(gradients[0], rotary[0], -rotary[1]), None


def _turn(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    half = cosines.shape[-1]
    out = x.clone()
    first, second = x[..., :half].float(), x[..., half : 2 * half].float()
    out[..., :half] = first * cosines - second * sines
    out[..., half : 2 * half] = second * cosines + first * sines
    return out


def initial_weight(name: str, size: torch.Size, shape: ModelShape, seed: int) -> Tensor:
    """The first value of one whole weight, float32 on the CPU: a function of seed and name alone.

    So every process can make its own share of any weight, and another number of processes changes nothing.
    Normal with deviation 0.02, divided by sqrt(2 x layers) where a layer writes to the residual stream
    (GPT-2).
    """
    if name.endswith("bias"):
        return torch.zeros(size)
    if "norm" in name:
        return torch.ones(size)
    writes = name.endswith(("dense.weight", "fc2.weight", "o_proj.weight", "down_proj.weight"))
    std = INIT_STD / math.sqrt(2 * shape.n_layers) if writes else INIT_STD
    generator = torch.Generator().manual_seed(xxhash.xxh3_64_intdigest(f"{seed}:{name}".encode()) >> 1)
    return torch.empty(size).normal_(0.0, std, generator=generator)


WeightSource = Callable[[str, torch.Size], Tensor]


def build_decoder(shape: ModelShape, *, seed: int) -> Decoder:
    """A whole decoder in this process with its first weights; for one process, tests and generation."""
    with torch.device("meta"):
        decoder = Decoder(shape)
    decoder.to_empty(device="cpu")
    decoder.tie()
    with torch.no_grad():
        for name, weight in decoder.named_parameters():
            weight.copy_(initial_weight(name, weight.shape, shape, seed))
    return decoder
