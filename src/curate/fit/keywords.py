"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TypedDict


class RecipeKeywords(TypedDict, total=False):
    """The fields of `Recipe`."""

    members: Sequence[str]
    stack: bool
    low: float | None
    high: float | None
    positive: float | None
    window_bytes: int
    zones: Sequence[int]
    static_zones: Sequence[int]
    min_pages: int
    n_buckets: int
    max_words: int
    classifiers: str | PathLike[str] | Sequence[str | PathLike[str]]
    encoder: str | None
    encoder_max_tokens: int
    encoder_dtype: str
    calibration: str
    positive_rate: float | None
    n_folds: int
    group_sites: bool
    overlap: float
    seed: int
    reference_annotator: str | None
    same_scale: str | PathLike[str] | Sequence[str | PathLike[str]]
    annotator_weights: Mapping[str, float]


class EvaluateKeywords(TypedDict, total=False):
    """The fields of `EvaluateSettings`."""

    positive: float | None
    threshold: float
    by_topic: bool
    n_resamples: int
    seed: int
