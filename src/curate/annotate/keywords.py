"""What a job takes by name, for type checkers and editors; written from its settings by tests/typed_keywords.py."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict


class AnnotateKeywords(TypedDict, total=False):
    """The fields of `AnnotateSettings`."""

    model: str
    base_url: str | None
    api_key_env: str
    max_output_tokens: int
    token_limit_field: str
    temperature: float | None
    extra_body: str
    budget_usd: float | None
    prices: str | None
    price_input: float | None
    price_output: float | None
    concurrency: int
    requests_per_minute: int | None
    tokens_per_minute: int | None
    timeout_s: float
    http_tries: int
    cache: str | None
    text_column: str | None
    extractor: str
    prompt: str
    window_chars: int
    reply_format: str
    draws: int
    reply_tries: int
    select: str
    n_pages: int | None
    scorer: str
    cut: float
    max_pool: int
    exclude: str | PathLike[str] | Sequence[str | PathLike[str]]
    seed: int
