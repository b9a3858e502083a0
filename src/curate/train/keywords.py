"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict


class TrainKeywords(TypedDict, total=False):
    """The fields of `TrainSettings`."""

    init_from: str | None
    preset: str | None
    n_layers: int | None
    width: int | None
    n_heads: int | None
    n_vocabulary: int | None
    context: int | None
    n_kv_heads: int | None
    head_width: int | None
    mlp_width: int | None
    norm_eps: float | None
    rotary_base: float | None
    tied: bool | None
    batch_windows: int
    micro_windows: int
    steps: int | None
    budget_tokens: int | None
    learning_rate: float
    schedule: str
    warmup_steps: int
    decay_fraction: float
    final_fraction: float
    weight_decay: float
    beta1: float
    beta2: float
    epsilon: float
    clip_norm: float
    z_loss: float
    dtype: str
    attention: str
    recompute: bool
    compile: bool
    shard_processes: int
    gather: str
    peak_flops: float | None
    save_every: int
    keep: int
    save_async: bool
    eval_every: int
    eval_windows: int
    eval_texts: str | PathLike[str] | Sequence[str | PathLike[str]]
    tensorboard: bool
    wandb: str | None
    check_tokens: bool
    seed: int
