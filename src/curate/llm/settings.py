"""The settings of calls to a model, declared and checked once for all who call one."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from curate.config import check, setting
from curate.errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """The settings of calls to a model; `annotate` and `craft` add their own, and other defaults.

    API keys are no setting: they are read from the environment variable that `api_key_env` names.
    """

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
    max_output_tokens: int = setting(300, "Most tokens of a reply.", section="model", low=1)
    token_limit_field: str = setting(
        "max_completion_tokens",
        "Field that carries it; older servers read max_tokens.",
        section="model",
        known=("max_completion_tokens", "max_tokens"),
    )
    temperature: float | None = setting(0.0, "Sampling temperature; null sends none.", section="model", low=0)
    extra_body: str = setting(
        "{}", "JSON object of further fields to send with each request.", section="model"
    )

    budget_usd: float | None = setting(
        None, "Hard limit on spending, in US dollars.", section="money", in_hash=False, low=0
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
        low=0,
    )
    price_output: float | None = setting(
        None, "US dollars per million output tokens.", section="money", in_hash=False, low=0
    )

    concurrency: int = setting(8, "Requests in flight at a time.", section="speed", in_hash=False, low=1)
    requests_per_minute: int | None = setting(
        None, "Most requests in any minute.", section="speed", in_hash=False, low=1
    )
    tokens_per_minute: int | None = setting(
        None, "Most tokens in any minute.", section="speed", in_hash=False, low=1
    )
    timeout_s: float = setting(120.0, "Seconds to wait for a reply.", section="speed", in_hash=False, above=0)
    http_tries: int = setting(
        6,
        "How often a request is sent when the server fails or is busy.",
        section="speed",
        in_hash=False,
        low=1,
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.model:
            raise SettingError("No model. Give --model with the name that the server knows.")
        for name in ("budget_usd", "price_input", "price_output", "temperature", "timeout_s"):
            if getattr(self, name) == math.inf:
                raise SettingError(f"{name} must be a number that ends, not {getattr(self, name)}.")
        if (self.price_input is None) != (self.price_output is None):
            raise SettingError("Give both --price-input and --price-output, in dollars per million tokens.")
        _check_base_url(self.base_url)
        _ = self.extra_fields

    @property
    def extra_fields(self) -> dict[str, Any]:
        """`extra_body` as a dictionary."""
        try:
            fields = json.loads(self.extra_body)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise SettingError('extra_body must be a JSON object, as {"reasoning_effort": "low"}.')
        return fields


def _check_base_url(base_url: str | None) -> None:
    """Refuse an address that is none, or that holds credentials."""
    if base_url is None:
        return
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingError("base_url must look like http://localhost:8000/v1.")
    if parts.username or parts.password or parts.query:
        raise SettingError("base_url must hold no credentials or query. Put the key into the environment.")


def request_parameters(settings: CallSettings) -> dict[str, Any]:
    """What of a request depends neither on the text nor on the prompt."""
    parameters: dict[str, Any] = {settings.token_limit_field: settings.max_output_tokens}
    if settings.temperature is not None:
        parameters["temperature"] = settings.temperature
    return parameters | settings.extra_fields
