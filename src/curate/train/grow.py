"""Beginning with the weights of a smaller model, so that the larger one computes the same function at first.

phi-2 began with phi-1.5's knowledge in it. Here every output of the grown model equals the small one's (up to
rounding), so the loss right after growth is the loss before it, and training goes on from there.

Width. New numbers of the residual stream are read by fresh weights but written by zeros, so they are zero at
first and get gradients at once. Three things would change the old ones, and are undone exactly:
  - a norm divides by the deviation over more numbers: what is written is scaled by sqrt(D / d), norms by its
    inverse;
  - LayerNorm subtracts the mean over more numbers: what is written is centred first, which LayerNorm cannot
    see;
  - wider heads divide scores by a larger square root: queries are scaled by its growth.
New heads and MLP units have fresh inputs and zero outputs. Rotary dimensions come first in a head and must
stay as many; phi-1.5 -> phi-2 (heads of 64 to 80, 32 rotary) is such a growth.

Depth. Layer i of N begins as layer i * n // N; of the copies of one layer the first is itself, the others
have zero outputs, which makes them the identity.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from curate.errors import SettingError
from curate.train.model import WeightSource, initial_weight
from curate.train.shape import ModelShape
from curate.train.weights import Trained, read_trained

EMBEDDING = "model.embed_tokens.weight"
WRITERS = ("self_attn.dense", "mlp.fc2", "self_attn.o_proj", "mlp.down_proj")
SAME = ("family", "n_rotary", "n_vocabulary", "rotary_base", "norm_eps", "tied")
NO_SMALLER = ("n_layers", "width", "n_heads", "head_width", "mlp_width")


def weights_for(shape: ModelShape, seed: int, init_from: str | None) -> WeightSource:
    """Where a model's first weights come from: the seed, or another model, grown if need be."""
    if init_from is None:
        return lambda name, size: initial_weight(name, size, shape, seed)
    return grown(read_trained(init_from), shape, seed)


def grown(small: Trained, shape: ModelShape, seed: int) -> WeightSource:
    """Weights of a model of `shape` that computes what `small` computes; fresh ones come from `seed`."""
    check_growth(small.shape, shape)
    if shape == dataclasses.replace(small.shape, context=shape.context):
        return lambda name, _size: small.weights[name]  # nothing to grow: bit by bit the same
    growth = _Growth(small, shape)

    def weight(name: str, size: torch.Size) -> Tensor:
        return growth.weight(name, initial_weight(name, size, shape, seed))

    return weight


def check_growth(small: ModelShape, large: ModelShape) -> None:
    """Refuse what cannot be grown exactly, and say which setting is in the way."""
    for name in SAME:
        if getattr(small, name) != getattr(large, name):
            raise SettingError(
                f"init_from has {name} = {getattr(small, name)}, the model {getattr(large, name)}: "
                "they must be equal to grow."
            )
    for name in NO_SMALLER:
        if getattr(small, name) > getattr(large, name):
            raise SettingError(
                f"init_from has {name} = {getattr(small, name)}; the model must not have less "
                f"({getattr(large, name)})."
            )
    if small.n_heads * large.n_kv_heads != large.n_heads * small.n_kv_heads:
        raise SettingError(
            "init_from shares key heads among another number of query heads: keep n_heads / n_kv_heads."
        )


@dataclass(slots=True)
class _Growth:
    small: Trained
    large: ModelShape

    def weight(self, name: str, fresh: Tensor) -> Tensor:
        """The grown weight `name`, written into `fresh`."""
        old_name, twin = self._old_name(name)
        old = self.small.weights[old_name].clone()
        part = name.removesuffix(".weight").removesuffix(".bias")
        if name == EMBEDDING:
            return self._written(old.T, fresh.T, twin=False).T
        if part.endswith(WRITERS):
            return self._writer(part, old, fresh, twin=twin)
        if "norm" in part:
            fresh[: len(old)] = old * self._norm_factor(name)
            return fresh
        if part.endswith(("q_proj", "k_proj", "v_proj")):
            return self._projection(part, old, fresh)
        fresh[tuple(slice(n) for n in old.shape)] = old  # the MLP's inputs and lm_head: fresh all around
        return fresh

    def _old_name(self, name: str) -> tuple[str, bool]:
        """The small model's weight that `name` begins as, and whether its layer is a copy to do nothing."""
        words = name.split(".")
        if words[1] != "layers":
            return name, False
        at, n, n_large = int(words[2]), self.small.shape.n_layers, self.large.n_layers
        source = at * n // n_large
        twin = at > 0 and (at - 1) * n // n_large == source
        return ".".join([*words[:2], str(source), *words[3:]]), twin

    def _norm_factor(self, name: str) -> float:
        if not name.endswith("weight"):
            return 1.0
        factor = math.sqrt(self.small.shape.width / self.large.width)
        # A tied output layer is scaled with the embedding: the norm before it undoes that too.
        last = name.startswith(("model.norm", "model.final_layernorm"))
        return factor**2 if last and self.small.shape.tied else factor

    def _written(self, old: Tensor, fresh: Tensor, *, twin: bool) -> Tensor:
        """What is written to the residual stream, which is the first dimension here."""
        fresh.zero_()
        if twin:
            return fresh
        if self.large.family == "phi":
            old = old - old.mean(dim=0)
        fresh[tuple(slice(n) for n in old.shape)] = old * math.sqrt(self.large.width / self.small.shape.width)
        return fresh

    def _writer(self, part: str, old: Tensor, fresh: Tensor, *, twin: bool) -> Tensor:
        if old.ndim == 1 or not part.endswith(("dense", "o_proj")):
            return self._written(old, fresh, twin=twin)
        # Columns are heads x head_width: the old columns of each head lie at its beginning.
        old_heads = old.unflatten(1, (self.small.shape.n_heads, -1))
        new_heads = fresh.unflatten(1, (self.large.n_heads, -1))
        return self._written(old_heads, new_heads, twin=twin).flatten(1)

    def _projection(self, part: str, old: Tensor, fresh: Tensor) -> Tensor:
        """Queries, keys and values: rows are heads x head_width."""
        kv = not part.endswith("q_proj")
        n_old = self.small.shape.n_kv_heads if kv else self.small.shape.n_heads
        n_new = self.large.n_kv_heads if kv else self.large.n_heads
        old_heads, new_heads = old.unflatten(0, (n_old, -1)), fresh.unflatten(0, (n_new, -1))
        width = old_heads.shape[1]
        rest = tuple(slice(n) for n in old_heads.shape[2:])
        if not kv:
            old_heads = old_heads * math.sqrt(self.large.head_width / self.small.shape.head_width)
            new_heads[(slice(n_old), slice(width, None), *rest)] = (
                0  # new query numbers of old heads see nothing yet
            )
        new_heads[(slice(n_old), slice(width), *rest)] = old_heads
        return new_heads.flatten(0, 1)
