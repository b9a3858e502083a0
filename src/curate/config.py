"""Settings as frozen dataclasses: checked at birth, read from and written to TOML, hashed stably.

A setting has one name in Python, in TOML and on the command line (there with dashes). Fields are declared
with `setting(...)`, which carries the sentence that documents them everywhere.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import xxhash

from curate.errors import SettingError, UnknownNameError

Settings = TypeVar("Settings")


def setting(default: Any, doc: str, *, section: str, in_hash: bool = True) -> Any:
    """Declare a field: its default, the sentence that explains it, and its section in the TOML file.

    `in_hash=False` marks settings that cannot change a byte of the result, as the number of workers.
    """
    return dataclasses.field(default=default, metadata={"doc": doc, "section": section, "in_hash": in_hash})


def settings_from(cls: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Build `cls` from named values; lists become tuples, unknown names are an error with the nearest one."""
    hints = get_type_hints(cls)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise UnknownNameError("setting", name, hints)
        checked[name] = _fit_type(name, value, hints[name])
    return cls(**checked)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a settings file: sections are for the reader's eye, names are unique over all of them."""
    try:
        with Path(path).open("rb") as file:
            data = tomllib.load(file)
    except OSError as error:
        raise SettingError(f"Cannot read the settings file {path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path} is not valid TOML: {error}.") from error
    values: dict[str, Any] = {}
    for name, value in data.items():
        values.update(value if isinstance(value, dict) else {name: value})
    return values


def to_toml(settings: Any) -> str:
    """Write `settings` as commented TOML; fields that are null stand as comments."""
    lines: list[str] = []
    section = None
    for field in dataclasses.fields(settings):
        if field.metadata["section"] != section:
            section = field.metadata["section"]
            lines += ["", f"[{section}]"]
        lines.append(f"# {field.metadata['doc']}")
        value = getattr(settings, field.name)
        lines.append(f"# {field.name} =" if value is None else f"{field.name} = {_to_toml_value(value)}")
    return "\n".join(lines).lstrip() + "\n"


def stable_hash(values: Any) -> str:
    """Hash JSON-able values to 16 hex digits, the same in every process and on every machine."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return xxhash.xxh3_64_hexdigest(text.encode())


def hashed_settings(settings: Any) -> dict[str, Any]:
    """The settings that decide the bytes of the result, as JSON-able values."""
    return {
        field.name: _plain(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if field.metadata["in_hash"]
    }


def parse_bytes(text: str | int) -> int:
    """Read a number of bytes: '4GB', '512 MiB', '1e9'; a plain number is bytes.

    >>> parse_bytes("4GB"), parse_bytes("1.5 KiB")
    (4000000000, 1536)
    """
    units = {"": 1, "B": 1}
    for power, letter in enumerate("KMGT", start=1):
        units |= {letter: 1000**power, f"{letter}B": 1000**power, f"{letter}IB": 1024**power}
    raw = str(text).strip()
    number = raw.rstrip("".join(set("KMGTIBkmgtib")) + " ")
    unit = raw[len(number) :].strip().upper()
    try:
        n_bytes = int(float(number) * units[unit])
    except (KeyError, ValueError, OverflowError):
        raise SettingError(f"Not a number of bytes: '{text}'. Write for example 4GB or 512MiB.") from None
    if n_bytes <= 0:
        raise SettingError(f"A number of bytes must be above 0, not '{text}'.")
    return n_bytes


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _fit_type(name: str, value: Any, hint: Any) -> Any:
    """Check one value against its field's type: str, int, float, bool, tuple[str, ...], or a union."""
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    for option in options:
        if get_origin(option) is tuple and isinstance(value, list | tuple):
            if all(isinstance(item, str) for item in value):
                return tuple(value)
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option is int and isinstance(value, bool):
            continue
        elif isinstance(option, type) and isinstance(value, option):
            return value
    wanted = " or ".join("a list of strings" if get_origin(o) is tuple else o.__name__ for o in options if o)
    raise SettingError(f"The setting {name} must be {wanted}, not {value!r}.")


def _to_toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(json.dumps(item) for item in value) + "]"
    return json.dumps(value)
