"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TypedDict

from curate.mixture.settings import Source, Stage


class MixtureKeywords(TypedDict, total=False):
    """The fields of `MixtureSettings`."""

    sources: Sequence[Source]
    stages: Sequence[Stage]
    budget_tokens: int | None
    max_passes: float | None
    seed: int
    score_column: str
    bucket_edges: Sequence[float]
    n_buckets: int
    upsample: Sequence[float]
    upsample_power: float | None
    upsample_from: float
    upsample_growth: float
    bucket_weights: Mapping[str, float]
    domain_column: str
    domain_weights: Mapping[str, float]
    validation_fraction: float
    keep_near_validation: bool
    dedup: str
    jaccard: float
    decontaminate: str | PathLike[str] | Sequence[str | PathLike[str]]
    ngram_words: int
    bytes_per_token: float
