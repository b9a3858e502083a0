"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict


class TokenizeKeywords(TypedDict, total=False):
    """The fields of `TokenizeSettings`."""

    workers: int | None
    engine: str
    ray_address: str | None
    vocab_size: int
    tokenizer: str | None
    eos_token: str | None
    train_bytes: str | int
    template: str | None
    template_rate: float
    fim_rate: float
    fim_spm_rate: float
    fim_source: str | PathLike[str] | Sequence[str | PathLike[str]]
    seed: int
    peer: str | PathLike[str] | Sequence[str | PathLike[str]]
