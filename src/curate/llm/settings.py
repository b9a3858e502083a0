"""What the engine must know of a run's settings, and the checks that all who call models share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from curate.errors import SettingError

TOKEN_LIMIT_FIELDS = ("max_completion_tokens", "max_tokens")


class CallSettings(Protocol):
    """The settings of calls to a model; those of `annotate` and of `craft` have them under these names."""

    @property
    def model(self) -> str:
        """Name of the model, as the server knows it."""
        ...

    @property
    def base_url(self) -> str | None:
        """Address of the server; None for the client's own."""
        ...

    @property
    def api_key_env(self) -> str:
        """Environment variable that holds the key."""
        ...

    @property
    def max_output_tokens(self) -> int:
        """Most tokens of a reply."""
        ...

    @property
    def token_limit_field(self) -> str:
        """One of `TOKEN_LIMIT_FIELDS`."""
        ...

    @property
    def temperature(self) -> float | None:
        """Of sampling; None sends none."""
        ...

    @property
    def extra_body(self) -> str:
        """JSON object of further fields of a request."""
        ...

    @property
    def budget_usd(self) -> float | None:
        """Hard limit on spending."""
        ...

    @property
    def prices(self) -> str | None:
        """TOML file of prices."""
        ...

    @property
    def price_input(self) -> float | None:
        """Dollars per million tokens."""
        ...

    @property
    def price_output(self) -> float | None:
        """Dollars per million tokens."""
        ...

    @property
    def concurrency(self) -> int:
        """Requests in flight at a time."""
        ...

    @property
    def requests_per_minute(self) -> int | None:
        """Most requests in any minute."""
        ...

    @property
    def tokens_per_minute(self) -> int | None:
        """Most tokens in any minute."""
        ...

    @property
    def timeout_s(self) -> float:
        """Seconds to wait for a reply."""
        ...

    @property
    def http_tries(self) -> int:
        """How often a request is sent when the server fails."""
        ...

    @property
    def reply_tries(self) -> int:
        """How often is asked when the reply is not what was asked for."""
        ...

    @property
    def cache_path(self) -> Path:
        """The file of replies and spending."""
        ...


def parse_extra_body(text: str) -> dict[str, Any]:
    """Read `extra_body`.

    Raises:
        SettingError: it is no JSON object.
    """
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise SettingError('extra_body must be a JSON object, as {"reasoning_effort": "low"}.')
    return fields


def check_base_url(base_url: str | None) -> None:
    """Refuse an address that is none, or that holds credentials."""
    if base_url is None:
        return
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingError("base_url must look like http://localhost:8000/v1.")
    if parts.username or parts.password or parts.query:
        raise SettingError("base_url must hold no credentials or query. Put the key into the environment.")


def check_prices(settings: CallSettings) -> None:
    """Refuse one price without the other."""
    if (settings.price_input is None) != (settings.price_output is None):
        raise SettingError("Give both --price-input and --price-output, in dollars per million tokens.")


def request_parameters(settings: CallSettings) -> dict[str, Any]:
    """What of a request depends neither on the text nor on the prompt."""
    parameters: dict[str, Any] = {settings.token_limit_field: settings.max_output_tokens}
    if settings.temperature is not None:
        parameters["temperature"] = settings.temperature
    return parameters | parse_extra_body(settings.extra_body)
