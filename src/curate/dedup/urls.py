"""The same address, written in different ways."""

from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

_DEFAULT_PORTS = {"http": 80, "https": 443}


def normalize_url(url: str) -> str:
    """Reduce an address to what names the page: no scheme, "www.", default port, fragment or final slash.

    >>> normalize_url("HTTP://www.Example.org:80/a/?b=1#part")
    'example.org/a?b=1'
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:  # an address that is none is only equal to itself
        return url.strip()
    if not host:
        return url.strip()
    if port and port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{host}{parts.path.rstrip('/')}{query}"


def hash_urls(
    urls: pa.Array | pa.ChunkedArray,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.bool_]]:
    """Hash normalised addresses to 128 bits: (high, low, is known); null and empty ones are not known."""
    high, low = np.zeros(len(urls), np.uint64), np.zeros(len(urls), np.uint64)
    is_known = np.zeros(len(urls), np.bool_)
    for row, url in enumerate(urls.to_pylist()):
        if url:
            digest = xxhash.xxh3_128_intdigest(normalize_url(url).encode("utf-8", "surrogatepass"))
            high[row], low[row], is_known[row] = digest >> 64, digest & (2**64 - 1), True
    return high, low, is_known
