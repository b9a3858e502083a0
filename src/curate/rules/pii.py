"""Personal data: e-mail addresses and public IP addresses leave the text."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

EMAIL_PLACEHOLDER = "email@example.com"  # RFC 2606: nobody's
IP_PLACEHOLDER = "192.0.2.1"  # RFC 5737: nobody's

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@"
    r"(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,63})(?![A-Za-z0-9-])"
)
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.\w)")
_IPV6 = re.compile(r"(?<![\w:.])[23][0-9A-Fa-f]{3}(?::[0-9A-Fa-f]{0,4}){3,7}(?![\w:])")
_NOBODYS_DOMAIN = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$", re.IGNORECASE
)
# What RE2 looks for in all texts; the patterns above read only the few where it is found.
_MAYBE_IP = r"[0-9]\.[0-9]+\.[0-9]+\.[0-9]|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:"


def redact_pii(
    texts: pa.Array | pa.ChunkedArray,
    *,
    email_placeholder: str = EMAIL_PLACEHOLDER,
    ip_placeholder: str = IP_PLACEHOLDER,
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Replace e-mail addresses and public IP addresses in N texts by placeholders.

    Addresses set aside for documentation (`example.com`, `192.0.2.0/24`), private and local ones stay, and
    so do the default placeholders: redacting twice changes nothing. Names, street addresses and telephone
    numbers are not looked for.

    Returns:
        The texts (large_string; null is empty) and the numbers of e-mail and IP addresses replaced (int32).

    >>> texts, n_emails, n_ips = redact_pii(pa.array(["Write to ann@shop.co.uk or 8.8.8.8."]))
    >>> texts[0].as_py(), n_emails[0].as_py(), n_ips[0].as_py()
    ('Write to email@example.com or 192.0.2.1.', 1, 1)
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string()).fill_null("")
    n_emails, n_ips = np.zeros(len(texts), np.int32), np.zeros(len(texts), np.int32)
    has_email = pc.match_substring(texts, "@")
    has_ip = pc.match_substring_regex(texts, _MAYBE_IP)
    rows = np.flatnonzero(pc.or_(has_email, has_ip).to_numpy(zero_copy_only=False))
    if not len(rows):
        return texts, pa.array(n_emails), pa.array(n_ips)
    redacted: list[str] = []
    for row, text in zip(rows, texts.take(pa.array(rows)).to_pylist(), strict=True):
        without_emails, n_emails[row] = _replace(_EMAIL, text, email_placeholder, _is_somebodys)
        without_v4, n_v4 = _replace(_IPV4, without_emails, ip_placeholder, _is_public)
        without_v6, n_v6 = _replace(_IPV6, without_v4, ip_placeholder, _is_public)
        n_ips[row] = n_v4 + n_v6
        redacted.append(without_v6)
    mask = np.zeros(len(texts), bool)
    mask[rows] = True
    replaced = pc.replace_with_mask(texts, pa.array(mask), pa.array(redacted, pa.large_string()))
    return replaced, pa.array(n_emails), pa.array(n_ips)


def _replace(
    pattern: re.Pattern[str], text: str, placeholder: str, is_meant: Callable[[re.Match[str]], bool]
) -> tuple[str, int]:
    n = 0

    def replacement(match: re.Match[str]) -> str:
        nonlocal n
        if not is_meant(match):
            return match[0]
        n += 1
        return placeholder

    return pattern.sub(replacement, text), n


def _is_somebodys(match: re.Match[str]) -> bool:
    return not _NOBODYS_DOMAIN.search(match["domain"])


def _is_public(match: re.Match[str]) -> bool:
    try:
        return ipaddress.ip_address(match[0]).is_global
    except ValueError:
        return False
