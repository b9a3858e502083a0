"""JSON files that may come from elsewhere: read, and checked for their shape before anything believes them.

A shape is a type, a tuple of types, a set of values, `[shape]` for a list, or a dictionary of shapes by key: a key
that ends in `?` may be missing, and `"*"` stands for every other key.

>>> check_shape({"n": 1, "names": ["a"]}, {"n": int, "names": [str], "note?": str}, "x.json")
>>> check_shape({"n": "1"}, {"n": int}, "x.json")
Traceback (most recent call last):
...
curate.errors.SettingError: x.json is damaged, or not of this version: 'n' is not of type int.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from curate.config import plain_file
from curate.errors import SettingError, one_line

NUMBER = (int, float)
_LARGEST = 2**64  # of whole numbers: what is larger fits neither an array nor a float of 32 bits
FILE_NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,199}")
"""What a name that becomes a file's may look like: no separator, no leading dot."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is no file.

    Raises:
        SettingError: the file cannot be read, or holds something else.
    """
    try:
        data = plain_file(path).read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read ({error.strerror}). It is damaged, or not of curate."
        ) from error
    return parse_json(data, path)


def parse_json(data: bytes, source: object) -> dict[str, Any]:
    """Parse a JSON object in UTF-8; `source` is named where it is something else."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SettingError(
            f"{source} cannot be read ({one_line(error)}). It is damaged, or not of curate."
        ) from error
    if not isinstance(value, dict):
        raise SettingError(f"{source} holds no JSON object. It is damaged, or not of curate.")
    return value


def to_json(value: Any) -> bytes:
    """Write `value` as indented JSON; half a surrogate pair, as of a file's name, is escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def check_shape(value: Any, shape: Any, source: object, place: str = "") -> None:
    """Raise a SettingError that names the place in `source` where `value` has not the shape."""
    if isinstance(shape, dict):
        _check_object(value, shape, source, place)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise _wrong(source, place, "is not a list")
        for number, item in enumerate(value):
            check_shape(item, shape[0], source, f"{place}[{number}]")
    elif isinstance(shape, set):
        if not isinstance(value, str) or value not in shape:
            raise _wrong(source, place, f"is none of {', '.join(sorted(shape))}")
    else:
        types = shape if isinstance(shape, tuple) else (shape,)
        is_bool = isinstance(value, bool) and bool not in types
        if is_bool or not isinstance(value, types):
            names = " or ".join(kind.__name__ for kind in types).replace("NoneType", "null")
            raise _wrong(source, place, f"is not of type {names}")
        if isinstance(value, int) and abs(value) >= _LARGEST:
            raise _wrong(source, place, "is a number of more than 64 bits")


def _check_object(value: Any, shape: dict[str, Any], source: object, place: str) -> None:
    if not isinstance(value, dict):
        raise _wrong(source, place, "is not an object")
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if key == "*" or (key.endswith("?") and name not in value):
            continue
        if name not in value:
            raise _wrong(source, f"{place}.{name}".lstrip("."), "is missing")
        check_shape(value[name], inner, source, f"{place}.{name}".lstrip("."))
    if "*" in shape:
        known = {key.removesuffix("?") for key in shape}
        for key, item in value.items():
            if key not in known:
                check_shape(item, shape["*"], source, f"{place}.{key}".lstrip("."))


def check_file_name(name: str, source: object) -> str:
    """Refuse a name that `source` wants to be a file's and that could lead elsewhere; return any other.

    >>> check_file_name("../x", "plan.json")
    Traceback (most recent call last):
    ...
    curate.errors.SettingError: plan.json names a file '../x'; only letters, digits, '.', '_' and '-' may stand in it.
    """
    if not FILE_NAME.fullmatch(name):
        raise SettingError(
            f"{source} names a file {name[:80]!r}; only letters, digits, '.', '_' and '-' may stand in it."
        )
    return name


def _wrong(source: object, place: str, what: str) -> SettingError:
    return SettingError(f"{source} is damaged, or not of this version: {place[:80]!r} {what}.")
