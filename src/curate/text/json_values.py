"""JSON as the world writes it, read without an exception that ends a run, and written back exactly.

Fast where JSON is plain. What the fast parser rounds or refuses is read by a slower one: whole numbers of any
length keep their digits, numbers beyond a double keep their text, halves of surrogate pairs become U+FFFD, and NaN,
which JSON lacks, counts as missing. Of a key that stands twice the last counts, as in every common parser.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

import orjson

EXACT_INT = 2**53
"""Whole numbers up to this are exact as doubles."""

_SURROGATES = re.compile("[\ud800-\udfff]+")
_ROUNDED_FROM = float(2**63)  # from here on the fast parser may have rounded a whole number to a double
_EXACT = {str, int, bool, type(None)}
_INT64_DIGITS = 18  # any number of so many digits fits into 64 bits


class BigNumber:
    """A number that neither int64 nor a double can hold, as it was written.

    >>> dump_json(parse_json(b'{"a": 123456789012345678901234567890, "b": 1e999}'))
    '{"a":123456789012345678901234567890,"b":1e999}'
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def is_whole(self) -> bool:
        """Whether it was written without point and exponent."""
        return self.text.lstrip("-").isdigit()

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def __float__(self) -> float:
        return float(self.text)


def parse_json(data: bytes | str) -> Any:
    """Parse one JSON value; NaN and control characters in strings pass, bad UTF-8 becomes U+FFFD.

    Raises:
        ValueError: it is no JSON, or nested deeper than parsers go (about 1,000 levels).
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_slowly(data)
    return _parse_slowly(data) if _holds_rounded(value) else value


def parse_object(line: bytes) -> dict[str, Any] | None:
    """Parse one line of JSON lines; null where it is no JSON object. See `parse_json`."""
    try:
        value = parse_json(line)
    except ValueError:
        return None
    return value if type(value) is dict else None


def dump_json(value: Any) -> str:
    """Write `value` as JSON on one line; bytes become Base64, what else JSON lacks a string."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Nested too deep, halves of surrogate pairs, or whole numbers over 64 bits.
        return "".join(_pieces(value))


def clean_surrogates(text: str) -> str:
    """Join surrogate pairs; halves of them, which cannot stand in UTF-8, become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return _SURROGATES.sub("\ufffd", text)
    return text


def _holds_rounded(value: Any) -> bool:
    """Whether a double in `value` is so large that it may have been a whole number with more digits."""
    if type(value) is dict and _EXACT.issuperset(map(type, value.values())):
        return False  # as most rows are
    waiting: list[Iterable[Any]] = [(value,)]
    while waiting:
        for item in waiting.pop():
            kind = type(item)
            if kind is float:
                if item >= _ROUNDED_FROM or item <= -_ROUNDED_FROM:
                    return True
            elif kind is dict:
                waiting.append(item.values())
            elif kind is list:
                waiting.append(item)
    return False


def _parse_slowly(data: bytes | str) -> Any:
    text = data.decode("utf-8-sig", "replace") if isinstance(data, bytes) else data
    try:
        return json.loads(
            text,
            strict=False,
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_constant,
            object_pairs_hook=_object,
            cls=_Decoder,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


class _Decoder(json.JSONDecoder):
    """Cleans a value that is a string, or a list of strings; objects are cleaned by their hook."""

    def decode(self, s: str, _w: Any = None) -> Any:
        return _clean(super().decode(s))


def _whole(digits: str) -> int | BigNumber:
    if len(digits) > _INT64_DIGITS + 2:
        return BigNumber(digits)
    return int(digits)


def _fraction(text: str) -> float | BigNumber:
    value = float(text)
    return BigNumber(text) if value in (float("inf"), float("-inf")) else value


def _constant(name: str) -> Any:
    return {"Infinity": BigNumber("1e999"), "-Infinity": BigNumber("-1e999")}.get(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {clean_surrogates(key): _clean(value) for key, value in pairs}


def _clean(value: Any) -> Any:
    """Clean the strings of a value whose objects are clean already."""
    if isinstance(value, str):
        return clean_surrogates(value)
    waiting = [value] if isinstance(value, list) else []
    while waiting:
        items = waiting.pop()
        for place, item in enumerate(items):
            if isinstance(item, str):
                items[place] = clean_surrogates(item)
            elif isinstance(item, list):
                waiting.append(item)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, BigNumber):
        return orjson.Fragment(value.text.encode())
    if isinstance(value, int):
        return orjson.Fragment(str(value).encode())
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return clean_surrogates(str(value))


def _pieces(value: Any) -> list[str]:
    """The tokens of `value`, however deep: a stack in place of the interpreter's."""
    pieces: list[str] = []
    waiting: list[tuple[bool, Any]] = [(False, value)]  # (is a token already, token or value)
    while waiting:
        is_token, item = waiting.pop()
        if is_token:
            pieces.append(item)
        elif isinstance(item, dict):
            inner: list[tuple[bool, Any]] = [(True, "{")]
            for place, (key, each) in enumerate(item.items()):
                name = json.dumps(clean_surrogates(str(key)), ensure_ascii=False)
                inner += [(True, f"{',' if place else ''}{name}:"), (False, each)]
            waiting += reversed([*inner, (True, "}")])
        elif isinstance(item, list | tuple):
            inner = [(True, "[")]
            for place, each in enumerate(item):
                inner += [(True, ","), (False, each)] if place else [(False, each)]
            waiting += reversed([*inner, (True, "]")])
        else:
            pieces.append(_dump_leaf(item))
    return pieces


def _dump_leaf(value: Any) -> str:
    if isinstance(value, BigNumber):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return json.dumps(clean_surrogates(value), ensure_ascii=False)
    return orjson.dumps(value, default=_plain).decode()
