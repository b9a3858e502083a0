"""The chat endpoint, through the official `openai` client. Retries, waiting and money are decided elsewhere.

What a request can end in: a `Reply`, `TryAgain`, `PageRejectedError` or `RunError`. None of them, nor
anything that is stored, holds the API key: texts from outside pass `redact`.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import json
import math
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from curate.errors import CurateError, MissingPackageError, RunError, SettingError
from curate.llm.reply import Reply
from curate.llm.secrets import redact, redact_key
from curate.llm.settings import CallSettings

if TYPE_CHECKING:
    import openai

_MAX_MESSAGE_CHARS = 300
# A thousand times the longest context there is: beyond it a server's count is none.
_MOST_TOKENS = 10**9
# 408 request timeout, 409 conflict, 425 too early, 429 too many requests
_TRY_AGAIN_STATUS = {408, 409, 425, 429}
_PAGE_STATUS = {400, 413, 422}


class TryAgainError(CurateError):
    """The server was busy, failed or did not answer; the same request may do well later.

    Attributes:
        wait_s: how long the server asks to wait, None where it does not say.
        may_be_charged: whether the server may have done the work.
    """

    def __init__(self, message: str, *, wait_s: float | None = None, may_be_charged: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.may_be_charged = may_be_charged


class PageRejectedError(CurateError):
    """The server does not take this page: it is too long for the model, or its filter objects."""


def read_api_key(settings: CallSettings) -> str:
    """Read the key from the environment; a server on this machine needs none.

    Raises:
        SettingError: There is no key for a server elsewhere.
    """
    key = os.environ.get(settings.api_key_env, "").strip()
    if key:
        return key
    if is_local(settings.base_url):
        return "none"
    raise SettingError(
        f"No API key in the environment variable {settings.api_key_env}. Set it, or name another with --api-key-env."
    )


def is_local(base_url: str | None) -> bool:
    """Whether a server is on this machine."""
    return urlsplit(base_url or "").hostname in {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104


class ChatClient:
    """Asks the server, one request a call, and never twice by itself."""

    def __init__(self, settings: CallSettings) -> None:
        openai = import_openai()
        self._key = read_api_key(settings)
        self._timeout_s = settings.timeout_s
        self._client = openai.AsyncOpenAI(
            api_key=self._key, base_url=settings.base_url, max_retries=0, timeout=settings.timeout_s
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ask(self, body: Mapping[str, Any]) -> Reply:
        """Send one chat request.

        Raises:
            TryAgainError: The server failed, was busy, or answered with something that is no reply.
            PageRejectedError: The server does not take this request.
            RunError: No request can succeed: the key, the model or the account is wrong.
        """
        import openai

        known = {"model": body["model"], "messages": body["messages"]}
        others = {name: value for name, value in body.items() if name not in known}
        problem: CurateError
        try:
            # The client's own limit is one of silence: a proxy that sends blanks while it waits is never silent.
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.chat.completions.with_raw_response.create(
                    **known, extra_body=others
                )
            return parse_completion(response.http_response.content, self._key)
        except (openai.APITimeoutError, TimeoutError):
            problem = TryAgainError("no reply in time", may_be_charged=True)
        except openai.APIConnectionError as error:
            text = redact(f"connection failed ({error.__cause__ or error})", self._key)
            problem = TryAgainError(text, may_be_charged=not _was_refused(error))
        except openai.APIStatusError as error:
            problem = explain_status(error, self._key)
        # Raised out here, so that the client's error, which may quote the key, is not its context.
        raise problem


def parse_completion(content: bytes, key: str) -> Reply:
    """Read the body of a successful response.

    Raises:
        TryAgainError: It is no chat completion; the server may have charged for it all the same.
    """
    with contextlib.suppress(ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return completion_reply(json.loads(content), key)
    start = redact(content.decode("utf-8", "replace"), key)[:80]
    raise TryAgainError(f"not a chat completion: {start!r}", may_be_charged=True)


def completion_reply(data: Any, key: str) -> Reply:
    """The reply in a chat completion; raises KeyError, TypeError or IndexError where it is none."""
    choice = data["choices"][0]
    message = choice["message"]
    content, refusal = message.get("content"), message.get("refusal")
    if not isinstance(content, str | None) or not isinstance(refusal, str | None):
        raise TypeError("content is no text")
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    n_output = _count(usage.get("completion_tokens"))
    return Reply(
        content=None if content is None else redact_key(content, key),
        refusal=None if refusal is None else redact_key(refusal, key),
        finish_reason=choice.get("finish_reason"),
        # No request is of no token, and no answer: a proxy that says 0 has not counted.
        input_tokens=_count(usage.get("prompt_tokens")) or None,
        output_tokens=None if n_output == 0 and content else n_output,
    )


def explain_status(error: openai.APIStatusError, key: str) -> CurateError:
    """What an HTTP error means for the request, and for the run."""
    status = error.status_code
    message = f"HTTP {status}: {_error_text(error, key)}"
    code = error.body.get("code") if isinstance(error.body, dict) else None
    if status == 429 and code == "insufficient_quota":
        return RunError(f"The account's quota is used up. {message}")
    if status in _TRY_AGAIN_STATUS or status >= 500:
        return TryAgainError(message, wait_s=_wait_s(error.response.headers))
    if status in _PAGE_STATUS:
        wrong = wrong_setting(message)
        return SettingError(f"{wrong} {message}") if wrong else PageRejectedError(message)
    if status in {401, 403}:
        return RunError(f"The server does not accept the API key. {message}")
    if status == 404:
        return RunError(
            f"The server knows no such model or address; look at --model and --base-url. {message}"
        )
    return RunError(message)


def wrong_setting(message: str) -> str | None:
    """Say which setting the server does not take; null where it seems to be the page."""
    if "max_completion_tokens" in message or "max_tokens" in message:
        return "Try the other --token-limit-field, max_tokens or max_completion_tokens."
    if "response_format" in message or "json_schema" in message:
        return "The server takes no such reply format; try --reply-format json or text."
    if "temperature" in message:
        return "Try --temperature default."
    return None


def import_openai() -> Any:
    """Import the official client.

    Raises:
        SettingError: It is not installed.
    """
    try:
        import openai
    except ImportError as error:
        raise MissingPackageError("Annotation", "openai", "annotate") from error
    return openai


def _error_text(error: openai.APIStatusError, key: str) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    text = text if isinstance(text, str) else error.response.text
    return redact(" ".join(text.split()), key)[:_MAX_MESSAGE_CHARS] or "no message"


def _wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds in `retry-after-ms` or `Retry-After`, which may be a date; null where there is none."""
    for name, factor in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * factor
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    with contextlib.suppress(ValueError, OverflowError):  # a year that no calendar holds
        return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None
    return None


def _was_refused(error: BaseException) -> bool:
    """Whether no connection came about, so that the server cannot have done any work."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ == "ConnectError" or isinstance(cause, ConnectionRefusedError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _count(value: Any) -> int | None:
    """Tokens as a server counts them; null where that can be no count."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if is_count else None
