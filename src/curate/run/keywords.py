"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TypedDict


class FilterKeywords(TypedDict, total=False):
    """The fields of `FilterSettings`."""

    workers: int | None
    engine: str
    ray_address: str | None
    shard_size: str | int
    scratch: str | None
    text_column: str | None
    html_column: str | None
    id_column: str | None
    url_column: str | None
    date_column: str | None
    license: str | None
    max_page_bytes: int
    chunk_bytes: int
    extractor: str
    extract_focus: str
    text_format: str
    keep_links: bool
    language: str | PathLike[str] | Sequence[str | PathLike[str]]
    min_language_confidence: float
    mixed_languages: str
    rules: str | PathLike[str] | Sequence[str | PathLike[str]]
    code_rules: str | PathLike[str] | Sequence[str | PathLike[str]]
    url_blocklist: str | PathLike[str] | Sequence[str | PathLike[str]]
    allow_adult: bool
    bad_words: str | PathLike[str] | Sequence[str | PathLike[str]]
    screen: str | PathLike[str] | Sequence[str | PathLike[str]]
    redact_pii: bool
    redact_secrets: bool
    decontaminate: str | PathLike[str] | Sequence[str | PathLike[str]]
    flag_contaminated: bool
    dedup: str
    jaccard: float
    dedup_comments: bool
    recall: float
    dedup_lines: bool
    line_documents: int
    line_sites: int
    dedup_substrings: int
    threshold: float | str | Sequence[str] | Mapping[str, float] | None
    keep_fraction: float | None
    target_tokens: str | int | None
    bytes_per_token: float
    tokenizer: str | None
    weights: str | Sequence[str] | Mapping[str, float]
    spare_above: str | float
    floor: str | PathLike[str] | Sequence[str | PathLike[str]]
    unscored: str
    label: str | PathLike[str] | Sequence[str | PathLike[str]]
    shard: str | None
    memory: str | int
