"""What a page states of itself: language, address, date, author; from meta elements, JSON-LD and time elements.

Nothing is guessed: a field that the page does not state is null, and a value that is no date is no date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from curate.extract.names import METADATA_FIELDS
from curate.extract.scan import (
    M_AUTHOR,
    M_CANONICAL,
    M_DATE,
    M_JSON_LD,
    M_JSON_LD_2,
    M_LANG,
    M_LOCALE,
    M_MODIFIED,
    M_OG_URL,
    M_PUBLISHED,
    M_TIME,
)

MAX_VALUE_BYTES = 2000
MAX_JSON_BYTES = 1_000_000
MAX_JSON_NODES = 2000

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s?(?:Z|[+-]\d\d:?\d\d)?)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_URL = re.compile(r"https?://[^\s\"'<>]+")


def read_metadata(pages: Iterable[NDArray[np.uint8]], meta: NDArray[np.int64]) -> list[pa.Array]:
    """The columns METADATA_FIELDS of a batch, from the spans that the scanner noted (see `native.Extracted`)."""
    rows = [_read_page(page, spans) for page, spans in zip(pages, meta, strict=True)]
    columns = zip(*rows, strict=True) if rows else [()] * len(METADATA_FIELDS)
    return [pa.array(column, pa.string()) for column in columns]


def _read_page(data: NDArray[np.uint8], spans: NDArray[np.int64]) -> tuple[str | None, ...]:
    def value(row: int) -> str | None:
        start, end = spans[row]
        if end <= start:
            return None
        raw = data[start : min(end, start + MAX_VALUE_BYTES)].tobytes().decode("utf-8", "replace")
        return " ".join(unescape(raw).replace("\0", "").split()) or None

    linked = _read_json_ld(data, spans)
    language = _first(_LANGUAGE, value(M_LANG), value(M_LOCALE))
    url = _first(_URL, value(M_CANONICAL), value(M_OG_URL), linked.get("url"))
    date = _first(
        _DATE,
        value(M_PUBLISHED),
        linked.get("datePublished"),
        value(M_DATE),
        value(M_TIME),
        value(M_MODIFIED),
    )
    author = value(M_AUTHOR)
    if author is None or _URL.match(author):  # article:author is often the address of a profile
        author = linked.get("author")
    return language.replace("_", "-") if language else None, url, date, author


def _first(pattern: re.Pattern[str], *values: str | None) -> str | None:
    for text in values:
        found = pattern.match(text) if text else None
        if found:
            return found[0]
    return None


def _read_json_ld(data: NDArray[np.uint8], spans: NDArray[np.int64]) -> dict[str, str]:
    """datePublished, author and url of the first thing in the page's JSON-LD that has them."""
    found: dict[str, str] = {}
    for row in (M_JSON_LD, M_JSON_LD_2):
        start, end = spans[row]
        if end <= start or end - start > MAX_JSON_BYTES:
            continue
        try:
            todo: list[Any] = [orjson.loads(data[start:end].tobytes().strip())]
        except (orjson.JSONDecodeError, RecursionError):
            continue
        for _ in range(MAX_JSON_NODES):
            if not todo:
                break
            _note(todo.pop(0), todo, found)
    return found


def _note(node: Any, todo: list[Any], found: dict[str, str]) -> None:
    if isinstance(node, list):
        todo.extend(node[:100])
        return
    if not isinstance(node, dict):
        return
    if isinstance(node.get("datePublished"), str):
        found.setdefault("datePublished", node["datePublished"])
        if isinstance(node.get("url"), str):
            found.setdefault("url", node["url"])
    names = _author_names(node.get("author"))
    if names:
        found.setdefault("author", names)
    todo.extend(node[key] for key in ("@graph", "mainEntity", "mainEntityOfPage") if key in node)


def _author_names(author: Any) -> str:
    people = author if isinstance(author, list) else [author]
    names = [person.get("name") if isinstance(person, dict) else person for person in people[:20]]
    return ", ".join(" ".join(name.split())[:200] for name in names if isinstance(name, str) and name.strip())
