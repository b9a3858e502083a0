"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict


class DedupKeywords(TypedDict, total=False):
    """The fields of `DedupSettings`."""

    workers: int | None
    engine: str
    ray_address: str | None
    scratch: str | None
    against: str | PathLike[str] | Sequence[str | PathLike[str]]
    text_column: str | None
    id_column: str | None
    url_column: str | None
    score_column: str | None
    jaccard: float
    recall: float
    exact: bool
    url: bool
    warn_share: float
    memory: str | int


class ScoreKeywords(TypedDict, total=False):
    """The fields of `ScoreSettings`."""

    workers: int | None
    engine: str
    ray_address: str | None
    scratch: str | None
    text_column: str | None
    label: str | PathLike[str] | Sequence[str | PathLike[str]]
