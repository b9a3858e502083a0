"""Keys and passwords that servers repeat in their messages: taken out before anything is stored or shown."""

from __future__ import annotations

import re
from urllib.parse import quote

_MIN_SECRET_CHARS = 4
_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|AIza|AKIA|ASIA|eyJ)[-_A-Za-z0-9]{8,400}[-_.A-Za-z0-9]{0,2000}"
    r"|\b[A-Za-z0-9_-]{2,64}\*{3,200}[A-Za-z0-9_-]{0,64}"  # as in "Incorrect API key provided: sk-ab***yz"
    r"|(?<=[?&])(?:key|api[_-]?key|sig|signature|token|access_token|x-amz-signature|x-amz-credential)=[^&\s\"'<>]{1,2000}"
    r"|\b(?:bearer|basic) [A-Za-z0-9+/=._~-]{8,2000}"
    r"|(?<=://)[^\s/@]{1,200}@",
    re.IGNORECASE,
)
_MARK = "[API key]"


def redact(text: str, key: str) -> str:
    """Take the API key out of a text, as it is and as it stands in an address, and whatever else looks like one.

    >>> redact("Incorrect API key provided: sk-abcd********wxyz.", "secret-key")
    'Incorrect API key provided: [API key].'
    """
    if len(key) > _MIN_SECRET_CHARS:
        for written in (key, quote(key, safe="")):
            text = text.replace(written, _MARK)
    return _SECRETS.sub(_MARK, _storable(text))


def redact_key(text: str, key: str) -> str:
    """Take the API key alone out of a reply: the rest is the model's text about a page."""
    text = _storable(text)
    return text.replace(key, _MARK) if len(key) > _MIN_SECRET_CHARS else text


def _storable(text: str) -> str:
    """A text without the half surrogate pairs that JSON may hold, as of an emoji cut in two, and no file takes."""
    return text.encode("utf-8", "replace").decode()
