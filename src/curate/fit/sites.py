"""Which site a page is of: the domain that somebody registered, by the public suffix list."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

# Endings of networks of one's own and of examples (RFC 2606, RFC 6761, RFC 6762): without a scheme, others may be file names.
_LOCAL = {"example", "test", "invalid", "localhost", "local", "internal"}


def site_of(url: Any) -> str:
    """The registered domain of an address, with or without a scheme; "" where there is none.

    Subdomains are one site, but for those that are let to others: of github.io each is a site. A machine by its number or
    by a local name is a site of its own where the address has a scheme.

    >>> [site_of(url) for url in ("http://en.shop.example.co.uk./1", "www2.example.co.uk/2", "ann.github.io", "page 12")]
    ['example.co.uk', 'example.co.uk', 'ann.github.io', '']
    """
    if not isinstance(url, str):
        return ""
    scheme, mark, rest = url.strip().partition("//")
    host = (rest if mark else scheme).partition("/")[0].partition("?")[0].partition("#")[0]
    return _site_of_host(host.rpartition("@")[2].lower(), has_scheme=bool(mark))


@lru_cache(maxsize=1 << 16)
def _site_of_host(host: str, *, has_scheme: bool) -> str:
    found = _suffixes()(host)
    if found.top_domain_under_public_suffix:
        return found.top_domain_under_public_suffix
    if found.ipv4:
        return found.ipv4
    if found.suffix:
        return found.suffix if not found.domain else ""
    labels = [*found.subdomain.split("."), found.domain]
    if not has_scheme and (len(labels) < 2 or labels[-1] not in _LOCAL):
        return ""
    # The list's own rule for an ending that it does not know: the last part is the suffix.
    return ".".join(label for label in labels[-2:] if label)


@cache
def _suffixes() -> Any:
    """The list that comes with the package: nothing is fetched, so that the same labels give the same folds."""
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
