"""The shapes of the decoders that can be trained, and the presets among them. Needs no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from curate.config import stable_hash
from curate.errors import SettingError, UnknownNameError

FAMILIES = ("phi", "llama")
_MOST = 2**31 - 1
"""Of any whole number of a shape: what torch, and the files that others write, count in 32 bits."""
VOCABULARY_MULTIPLE = 64
"""Rows of the embedding are padded to this: GPUs multiply round shapes faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """Everything that decides which weights a model has and what they compute.

    `phi`: attention and MLP in parallel on one LayerNorm, rotary embedding on the first `n_rotary` dimensions
    of a head, biases, GELU (tanh). `llama`: one after the other, RMSNorm, rotary on the whole head, SwiGLU,
    no biases. Weights are named as in the Hugging Face classes of the same name.

    >>> preset("phi-2").n_parameters
    2779683840
    """

    family: str = "phi"
    n_layers: int
    width: int
    n_heads: int
    n_kv_heads: int
    head_width: int
    n_rotary: int
    mlp_width: int
    n_vocabulary: int
    context: int
    norm_eps: float = 1e-5
    rotary_base: float = 10_000.0
    tied: bool = False

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise UnknownNameError("model family", self.family, FAMILIES)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and not 1 <= value <= _MOST:
                raise SettingError(f"{field.name} must be from 1 to {_MOST:,}, not {str(value)[:40]}.")
        if self.n_heads % self.n_kv_heads:
            raise SettingError(
                f"n_heads ({self.n_heads}) must be a multiple of n_kv_heads ({self.n_kv_heads})."
            )
        if self.n_rotary % 2 or self.n_rotary > self.head_width:
            raise SettingError(
                f"n_rotary must be even and at most head_width ({self.head_width}), not {self.n_rotary}."
            )
        if self.family == "llama" and self.n_rotary != self.head_width:
            raise SettingError(f"llama rotates whole heads: set n_rotary to head_width ({self.head_width}).")
        if self.tied and self.family == "phi":
            raise SettingError(
                "phi has a bias in its output layer and keeps it apart from the embedding: set tied = false."
            )
        if self.family == "phi" and self.width != self.n_heads * self.head_width:
            raise SettingError(
                f"phi needs width = n_heads x head_width: {self.width} is not "
                f"{self.n_heads} x {self.head_width}."
            )

    @property
    def n_parameters(self) -> int:
        """Numbers to learn, embedding and output layer included."""
        attention = self.width * self.head_width * (2 * self.n_heads + 2 * self.n_kv_heads)
        if self.family == "phi":
            attention += self.head_width * (self.n_heads + 2 * self.n_kv_heads) + self.width
            mlp = 2 * self.width * self.mlp_width + self.mlp_width + self.width
            per_layer = attention + mlp + 2 * self.width
            ends = 2 * self.n_vocabulary * self.width + self.n_vocabulary + 2 * self.width
        else:
            per_layer = attention + 3 * self.width * self.mlp_width + 2 * self.width
            ends = (1 if self.tied else 2) * self.n_vocabulary * self.width + self.width
        return self.n_layers * per_layer + ends

    @property
    def flops_per_token(self) -> float:
        """Floating-point operations to train on one token of a full window, forward and backward.

        6 for each weight that multiplies (all but the input embedding), and 6 x context x attended width a
        layer for the two products of causal attention, of which half is masked.
        """
        multiplied = self.n_parameters - (0 if self.tied else self.n_vocabulary * self.width)
        return 6.0 * multiplied + 6.0 * self.n_layers * self.context * self.n_heads * self.head_width

    @property
    def fingerprint(self) -> str:
        """16 hex digits that differ when the weights would."""
        return stable_hash(dataclasses.asdict(self))


def _phi(
    n_layers: int, width: int, n_heads: int, *, n_rotary: int, n_vocabulary: int, context: int
) -> ModelShape:
    return ModelShape(
        n_layers=n_layers,
        width=width,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        head_width=width // n_heads,
        n_rotary=n_rotary,
        mlp_width=4 * width,
        n_vocabulary=n_vocabulary,
        context=context,
    )


def _llama(
    n_layers: int, width: int, heads: tuple[int, int], *, mlp_width: int, n_vocabulary: int, context: int
) -> ModelShape:
    return ModelShape(
        family="llama",
        n_layers=n_layers,
        width=width,
        n_heads=heads[0],
        n_kv_heads=heads[1],
        head_width=width // heads[0],
        n_rotary=width // heads[0],
        mlp_width=mlp_width,
        n_vocabulary=n_vocabulary,
        context=context,
    )


# phi-1 and phi-1.5: arXiv 2306.11644, 2309.05463; phi-2: its published configuration. Vocabulary 50,257 +
# special tokens, padded to 51,200. The others are this project's own.
PRESETS: dict[str, ModelShape] = {
    "phi-1": _phi(24, 2048, 32, n_rotary=32, n_vocabulary=51_200, context=2048),
    "phi-1.5": _phi(24, 2048, 32, n_rotary=32, n_vocabulary=51_200, context=2048),
    "phi-2": _phi(32, 2560, 32, n_rotary=32, n_vocabulary=51_200, context=2048),
    "phi-15m": _phi(6, 384, 6, n_rotary=32, n_vocabulary=8192, context=512),
    "phi-5m": _phi(4, 256, 4, n_rotary=32, n_vocabulary=4096, context=512),
    "phi-tiny": _phi(2, 64, 4, n_rotary=8, n_vocabulary=512, context=64),
    "llama-1b": _llama(24, 2048, (32, 8), mlp_width=5504, n_vocabulary=51_200, context=2048),
    "llama-15m": _llama(6, 384, (6, 6), mlp_width=1024, n_vocabulary=8192, context=512),
    "llama-tiny": _llama(2, 64, (4, 2), mlp_width=176, n_vocabulary=512, context=64),
}


def preset(name: str, **changes: Any) -> ModelShape:
    """The named shape with `changes` to its fields, as `changed` makes them."""
    if name not in PRESETS:
        raise UnknownNameError("model preset", name, PRESETS)
    return changed(PRESETS[name], **changes)


def changed(base: ModelShape, **changes: Any) -> ModelShape:
    """`base` with other fields, those that are None left as they are; `width` or `n_heads` carry others with them."""
    changes = {key: value for key, value in changes.items() if value is not None}
    if {"width", "n_heads", "head_width", "n_kv_heads"} & set(changes):
        changes = _scaled(base, changes)
    return dataclasses.replace(base, **changes)


def padded_vocabulary(n_tokens: int) -> int:
    """Rows of the embedding for a tokenizer of `n_tokens`: the next multiple of 64.

    >>> padded_vocabulary(50_257)
    50304
    """
    return -(-n_tokens // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


def _scaled(base: ModelShape, changes: dict[str, Any]) -> dict[str, Any]:
    """What follows from another width or number of heads, unless it is named too."""
    width, n_heads = changes.get("width", base.width), changes.get("n_heads", base.n_heads)
    if "head_width" not in changes and width % n_heads:
        raise SettingError(f"width ({width}) must be a multiple of n_heads ({n_heads}).")
    same = width == base.width and n_heads == base.n_heads
    head_width = changes.get("head_width", base.head_width if same else width // n_heads)
    follows = {
        "head_width": head_width,
        "n_kv_heads": max(1, n_heads * base.n_kv_heads // base.n_heads),
        "n_rotary": head_width if base.family == "llama" else min(base.n_rotary, head_width),
        "mlp_width": base.mlp_width * width // base.width,
    }
    return follows | changes
