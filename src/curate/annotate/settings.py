"""Every setting of an annotation run, with its meaning, default and bounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.config import setting
from curate.errors import SettingError, UnknownNameError
from curate.llm.settings import TOKEN_LIMIT_FIELDS, check_base_url, check_prices, parse_extra_body

REPLY_FORMATS = ("schema", "json", "text")
STRATEGIES = ("random", "stratified", "uncertain", "diverse")
_COUNTS = (
    "window_chars", "max_output_tokens", "draws", "concurrency", "http_tries", "reply_tries", "max_pool",
    "n_pages", "requests_per_minute", "tokens_per_minute",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateSettings:
    """The settings of `annotate_pages` and `curate annotate`; wrong ones are refused when this is built.

    API keys are no setting: they are read from the environment variable that `api_key_env` names.
    """

    input: tuple[str, ...] = setting(
        (), "Files, folders or globs; or a result folder of curate.", section="files"
    )
    output: str = setting("", "JSONL file of labels to write.", section="files", in_hash=False)
    cache: str | None = setting(
        None,
        "SQLite file of replies and spending; <output>.cache.sqlite if left out.",
        section="files",
        in_hash=False,
    )
    text_column: str | None = setting(
        None, "Column that holds the text; found by its usual names.", section="files"
    )
    extractor: str = setting(
        "curate", "HTML to main text: curate, resiliparse or trafilatura.", section="files"
    )

    model: str = setting("", "Name of the model, as the server knows it.", section="model")
    base_url: str | None = setting(
        None,
        "Address of the OpenAI-compatible server, as http://localhost:8000/v1.",
        section="model",
        in_hash=False,
    )
    api_key_env: str = setting(
        "OPENAI_API_KEY", "Environment variable that holds the API key.", section="model", in_hash=False
    )
    prompt: str = setting("edu", "Bundled prompt, or a TOML file of your own.", section="model")
    window_chars: int = setting(
        4000, "Characters of a page that are sent, from its beginning.", section="model"
    )
    reply_format: str = setting(
        "schema", "schema (JSON schema), json (JSON mode) or text, by what the server can.", section="model"
    )
    max_output_tokens: int = setting(300, "Most tokens of a reply.", section="model")
    token_limit_field: str = setting(
        "max_completion_tokens", "Field that carries it; older servers read max_tokens.", section="model"
    )
    temperature: float | None = setting(0.0, "Sampling temperature; null sends none.", section="model")
    draws: int = setting(
        1, "How often each page is asked about; above 1 needs a temperature.", section="model"
    )
    extra_body: str = setting(
        "{}", "JSON object of further fields to send with each request.", section="model"
    )

    budget_usd: float | None = setting(
        None, "Hard limit on spending, in US dollars.", section="money", in_hash=False
    )
    prices: str | None = setting(
        None,
        "TOML file with a table [<model>] of prices; goes before the bundled one.",
        section="money",
        in_hash=False,
    )
    price_input: float | None = setting(
        None,
        "US dollars per million input tokens; 0 for a server of your own.",
        section="money",
        in_hash=False,
    )
    price_output: float | None = setting(
        None, "US dollars per million output tokens.", section="money", in_hash=False
    )

    concurrency: int = setting(8, "Requests in flight at a time.", section="speed", in_hash=False)
    requests_per_minute: int | None = setting(
        None, "Most requests in any minute.", section="speed", in_hash=False
    )
    tokens_per_minute: int | None = setting(
        None, "Most tokens in any minute.", section="speed", in_hash=False
    )
    timeout_s: float = setting(120.0, "Seconds to wait for a reply.", section="speed", in_hash=False)
    http_tries: int = setting(
        6, "How often a request is sent when the server fails or is busy.", section="speed", in_hash=False
    )
    reply_tries: int = setting(
        3, "How often a page is asked about when the reply has no level.", section="model"
    )

    select: str = setting("random", "random, stratified, uncertain or diverse.", section="select")
    n_pages: int | None = setting(None, "Pages to choose; all if left out.", section="select")
    scorer: str = setting("edu", "Scorer for stratified and uncertain.", section="select")
    cut: float = setting(0.5, "Score around which 'uncertain' chooses.", section="select")
    max_pool: int = setting(
        100_000, "Pages to choose from; a larger input is sampled by hash.", section="select"
    )
    exclude: tuple[str, ...] = setting((), "Label files whose pages are not to be chosen.", section="select")
    seed: int = setting(0, "Seed of the choice.", section="select")

    def __post_init__(self) -> None:
        if not self.input:
            raise SettingError("No input. Give --input with a file, a folder or a glob.")
        if not self.output or Path(self.output).is_dir():
            raise SettingError(f"No output file. Give --output with a JSONL file, not '{self.output}'.")
        if not self.model:
            raise SettingError("No model. Give --model with the name that the server knows.")
        for name, known in (
            ("reply_format", REPLY_FORMATS), ("select", STRATEGIES), ("token_limit_field", TOKEN_LIMIT_FIELDS)
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise UnknownNameError(name.replace("_", " "), getattr(self, name), known)
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} must be at least 1, not {value}.")
        self._check_numbers()
        check_base_url(self.base_url)
        _ = self.extra_fields

    def _check_numbers(self) -> None:
        for name in ("budget_usd", "price_input", "price_output", "temperature"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise SettingError(f"{name} must be 0 or more, not {value}.")
        if not 0 < self.timeout_s < float("inf"):
            raise SettingError(f"timeout_s must be above 0, not {self.timeout_s}.")
        if not 0 <= self.cut <= 1:
            raise SettingError(f"cut must be from 0 to 1, not {self.cut}.")
        check_prices(self)
        if self.draws > 1 and self.temperature == 0:
            raise SettingError(
                "Several draws at temperature 0 are the same draw. Give --temperature 0.7, or --draws 1."
            )

    @property
    def cache_path(self) -> Path:
        """The SQLite file of replies and spending."""
        return Path(self.cache or f"{self.output}.cache.sqlite")

    @property
    def extra_fields(self) -> dict[str, Any]:
        """`extra_body` as a dictionary."""
        return parse_extra_body(self.extra_body)
