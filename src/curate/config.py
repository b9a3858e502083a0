"""Settings as frozen dataclasses: checked at birth, read from and written to TOML, hashed stably.

A setting has one name in Python, in TOML and on the command line (there with dashes). Fields are declared
with `setting(...)`, which carries the sentence that documents them everywhere, and their limits as data: `check` reads
them, so does the documentation, and one test walks over both ends of each.
"""

from __future__ import annotations

import dataclasses
import json
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import get_annotations
from os import PathLike, fspath
from pathlib import Path, PurePath
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import tomli_w
import xxhash

from curate.errors import SettingError, UnknownNameError, one_line

Settings = TypeVar("Settings")

MIN_MEMORY_BYTES = 64 << 20
_TOKEN_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def setting(
    default: Any,
    doc: str,
    *,
    section: str,
    in_hash: bool = True,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    known: Sequence[str] | None = None,
    formerly: Mapping[str, Mapping[Any, Any]] | None = None,
    named: str | None = None,
    parse: Callable[[Any], Any] | None = None,
) -> Any:
    """Declare a field: its default, the sentence that explains it, its section in the TOML file, and its limits.

    Args:
        default: the value of a setting that nobody names.
        doc: the sentence that documents it everywhere.
        section: where it stands in TOML and `--help`.
        in_hash: False for settings that cannot change a byte of the result, as the number of workers.
        low: least value.
        above: what the value must be greater than; instead of `low`.
        high: greatest value.
        known: the names that the setting may take.
        formerly: an older name of the setting, which `settings_from` still takes, and what its values are today.
        named: what users write for it where that is not the field's name: 'quality.edges', the key `edges` of `[quality]`.
        parse: reads the value where it is written as text: '2B'.

    Limits of a list or a table are those of each of its values.
    """
    metadata = {
        "doc": doc,
        "section": section,
        "in_hash": in_hash,
        "named": named,
        "formerly": formerly or {},
        "parse": parse,
    }
    metadata |= {"low": low, "above": above, "high": high, "known": None if known is None else tuple(known)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=dict[str, Any], metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def check(settings: Any, of: str = "") -> None:
    """Refuse settings with a value of the wrong type, out of its limits, or of no known name.

    What two settings say together is the business of their class. NaN is within no limits; None, where the type
    allows it, is within all.

    Args:
        settings: a dataclass of settings.
        of: for messages, where there are several: "source 'web'".
    """
    hints = get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        name = (field.metadata.get("named") or field.name) + (f" of {of}" if of else "")
        value = _fit_type(name, getattr(settings, field.name), hints[field.name])
        if value is not getattr(settings, field.name):
            object.__setattr__(settings, field.name, value)
        if value is not None and field.metadata:
            _check_limits(name, value, field.metadata)


def check_value(cls: type, name: str, value: Any) -> Any:
    """Refuse a value that the setting `name` of `cls` would refuse; return it as the setting would hold it."""
    value = _fit_type(name, value, get_type_hints(cls)[name])
    if value is not None:
        _check_limits(name, value, _field(cls, name).metadata)
    return value


def _field(cls: type, name: str) -> dataclasses.Field[Any]:
    return next(field for field in dataclasses.fields(cls) if field.name == name)


def by_section(cls: Any) -> dict[str, list[dataclasses.Field[Any]]]:
    """The fields of a settings class by section; a class's own sections go before those that it inherits."""
    fields = dataclasses.fields(cls)
    own = get_annotations(cls if isinstance(cls, type) else type(cls))
    sections: dict[str, list[dataclasses.Field[Any]]] = {}
    for field in sorted(fields, key=lambda field: field.name not in own):
        sections.setdefault(field.metadata["section"], [])
    for field in fields:
        sections[field.metadata["section"]].append(field)
    return sections


def describe_limits(field: dataclasses.Field[Any]) -> str:
    """The limits of a field in words, "" where it has none: 'above 0 and at most 1'."""
    low, above, high = (field.metadata[name] for name in ("low", "above", "high"))
    least = f"at least {_plain_number(low)}" if low is not None else ""
    least = f"above {_plain_number(above)}" if above is not None else least
    if low is not None and high is not None:
        return f"between {_plain_number(low)} and {_plain_number(high)}"
    most = f"at most {_plain_number(high)}" if high is not None else ""
    return " and ".join(part for part in (least, most) if part)


def _check_limits(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    if isinstance(value, tuple | Mapping):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in items:
            _check_limits(f"{name}: {key}" if isinstance(value, Mapping) else name, item, limits)
        return
    if limits["known"] is not None and value not in limits["known"]:
        raise UnknownNameError(name.replace("_", " "), value, limits["known"])
    if isinstance(value, str | tuple):
        return
    low, above, high = limits["low"], limits["above"], limits["high"]
    # Written so that NaN fails.
    fits = (
        (low is None or value >= low) and (above is None or value > above) and (high is None or value <= high)
    )
    if not fits:
        field = dataclasses.field(metadata=limits)
        meant = f" Did you mean {value / 100:g}?" if high == 1 and 1 < value <= 100 else ""
        raise SettingError(f"{name} must be {describe_limits(field)}, not {_plain_number(value)}.{meant}")


def _plain_number(value: float) -> str:
    return f"{value:,}".replace(",", "") if isinstance(value, int) else f"{value:g}"


def parse_named_numbers(cls: type, name: str, items: Sequence[str]) -> dict[str | None, float]:
    """Read numbers with the names they are for, within the limits of the setting `name` of `cls`.

    A number without a name has the key None. A name may hold `=` itself: the last one counts.

    >>> from curate.run.settings import FilterSettings
    >>> parse_named_numbers(FilterSettings, "threshold", ["0.5", "quality=0.4"])
    {None: 0.5, 'quality': 0.4}
    """
    numbers: dict[str | None, float] = {}
    for item in items:
        key, equals, text = item.rpartition("=")
        try:
            number = float(text)
        except ValueError:
            raise SettingError(f"{name} must be a number, or NAME=NUMBER, not '{item}'.") from None
        if equals and not key.strip():
            raise SettingError(f"{name} '{item}' has no name before the '='. Write NAME=NUMBER.")
        own = key.strip() or None
        if own in numbers:
            raise SettingError(f"{name} is given twice{f' for {own!r}' if own else ''}. Give it once.")
        _check_limits(name, number, _field(cls, name).metadata)
        numbers[own] = number
    return numbers


def settings_from(cls: type[Settings], values: Mapping[str, Any], of: str = "") -> Settings:
    """Build `cls` from named values; lists become tuples, unknown names are an error with the nearest one.

    `of` is for messages, where there are several: "source 'web'".
    """
    hints, whose = get_type_hints(cls), f" of {of}" if of else ""
    about = {field.name: field.metadata for field in dataclasses.fields(cls)}  # pyright: ignore[reportArgumentType]
    checked: dict[str, Any] = {}
    for name, value in _with_todays_names(cls, values).items():
        if name not in hints:
            raise UnknownNameError(f"setting{whose}", name, hints)
        # A number of bytes may be written with its unit or not.
        plain = str(value) if name in _UNITS_NAMED and type(value) is int else value
        parse = about[name].get("parse")
        plain = parse(plain) if parse and isinstance(plain, str | float) else plain
        checked[name] = _fit_type(f"{about[name].get('named') or name}{whose}", plain, hints[name])
    return cls(**checked)


_UNITS_NAMED = ("memory", "shard_size", "target_tokens")


def by_field(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of a TOML file under the names of fields, where sections are part of a setting's name.

    A field that is `named` 'quality.edges' is the key `edges` of the table `quality`; any other stands at the top.

    Raises:
        SettingError: a section or a key in it is unknown, or a section is no table.
    """
    sections: dict[str, dict[str, str]] = {}
    top: list[str] = []
    for field in dataclasses.fields(cls):
        section, _, key = (field.metadata["named"] or "").partition(".")
        if key:
            sections.setdefault(section, {})[key] = field.name
        else:
            top.append(field.name)
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name in top:
            values[name] = value
        elif name not in sections:
            raise UnknownNameError("setting", name, [*top, *sections])
        else:
            for key, inner in check_table(name, value).items():
                if key not in sections[name]:
                    raise UnknownNameError(f"setting in [{name}]", key, sections[name])
                values[sections[name][key]] = inner
    return values


def check_table(name: str, value: Any) -> dict[str, Any]:
    """Refuse what is no table of settings, and give it back."""
    if not isinstance(value, dict):
        raise SettingError(f"'{name}' must be a table of settings, not {value!r}.")
    return value


Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


def input_paths(paths: Paths) -> tuple[str, ...]:
    """What a caller names as input, one path or several, as the setting holds it."""
    if isinstance(paths, str | PathLike):
        return (fspath(paths),)
    try:
        return tuple(fspath(path) for path in paths)
    except TypeError:
        raise SettingError(f"input must be a path or a list of paths, not {paths!r}.") from None


def check_input(paths: Sequence[str] | None) -> None:
    """Refuse a job without an input."""
    if not paths:
        raise SettingError("No input. Give --input with a file, a folder or a glob.")


def check_output(output: str) -> None:
    """Refuse an output that cannot be a folder; an address of a store is asked when the run begins."""
    if not output:
        raise SettingError("No output folder. Give --output with a folder for the result.")
    if "://" not in output and Path(output).exists() and not Path(output).is_dir():
        raise SettingError(f"The output {output} is a file. Give --output with a folder.")


SCRATCH = (
    "Local folder for the work files of a run whose output is in a store; ~/.cache/curate/runs if left out. To go on with "
    "a run that was stopped, give the same."
)


def _with_todays_names(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values under the names that settings have today; where both an old and a new name are given, the new counts."""
    renamed: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        for old, meaning in field.metadata.get("formerly", {}).items():
            if old in values:
                if values[old] not in meaning:
                    known = " or ".join(f"{value!r}".lower() for value in meaning)
                    raise SettingError(f"{old} is {field.name} now, and was {known}, not {values[old]!r}.")
                renamed[field.name] = meaning[values[old]]
    formers = {old for field in dataclasses.fields(cls) for old in field.metadata.get("formerly", {})}
    return renamed | {name: value for name, value in values.items() if name not in formers}


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a settings file: sections are for the reader's eye, names are unique over all of them."""
    values: dict[str, Any] = {}
    for name, value in load_toml(path).items():
        values.update(value if isinstance(value, dict) else {name: value})
    return values


def plain_file(path: str | Path, most_bytes: int = 1 << 30) -> Path:
    """Refuse a pipe or a device; return the path of a file that may be read whole, or of none. A pipe or a device may never end.

    Raises:
        SettingError: it is neither, or is larger than anything of its kind.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError:
        return path  # who opens it says why
    if not stat.S_ISREG(state.st_mode):
        raise SettingError(f"{path} is no plain file, and is not read.")
    if state.st_size > most_bytes:
        raise SettingError(f"{path} has {state.st_size:,} bytes, which no such file has, and is not read.")
    return path


def load_toml(path: str | Path, what: str = "settings file") -> dict[str, Any]:
    """Read a TOML file as it stands; `what` is its name in messages.

    Raises:
        SettingError: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(plain_file(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"Cannot read the {what} {path}: {error.strerror}.") from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # of the parser, of UTF-8, of numbers that Python does not read
        raise SettingError(f"{path} is not valid TOML: {one_line(error)}.") from error


def to_toml(settings: Any) -> str:
    """Write `settings` as commented TOML; fields that are null stand as comments."""
    lines: list[str] = []
    for section, fields in by_section(settings).items():
        lines += ["", f"[{section}]"]
        for field in fields:
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


def parse_tokens(text: str | float) -> int:
    """Read a number of tokens: '2B', '500M', '1.4T', 1e9.

    >>> parse_tokens("1.4T"), parse_tokens(1e6)
    (1400000000000, 1000000)
    """
    raw = str(text).strip().upper().replace("_", "").replace(",", "")
    unit = raw[-1:] if raw[-1:] in _TOKEN_UNITS else ""
    try:
        n_tokens = round(float(raw.removesuffix(unit) if unit else raw) * _TOKEN_UNITS[unit])
    except (ValueError, OverflowError):
        raise SettingError(f"Not a number of tokens: '{text}'. Write for example 2B or 500M.") from None
    if n_tokens <= 0:
        raise SettingError(f"A number of tokens must be above 0, not '{text}'.")
    return n_tokens


def parse_memory(text: str | int) -> int:
    """Read the memory that a job may use; below 64 MiB none can work."""
    n_bytes = parse_bytes(text)
    if n_bytes < MIN_MEMORY_BYTES:
        raise SettingError(f"memory must be at least 64MiB, not {text}.")
    return n_bytes


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _fit_type(name: str, value: Any, hint: Any) -> Any:
    """Check one value against its field's type: str, int, float, bool, tuple[str, ...], or a union."""
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    value = _plain_python(value)
    lists = [option for option in options if get_origin(option) is tuple]
    if isinstance(value, str) and lists and str not in options and get_args(lists[0])[0] is str:
        return (value,)
    if isinstance(value, float) and int in options and float not in options and value.is_integer():
        value = int(value)
    for option in options:
        if get_origin(option) is tuple:
            if isinstance(value, list | tuple | set | frozenset):
                items = sorted(value) if isinstance(value, set | frozenset) else value
                return tuple(_fit_type(name, item, get_args(option)[0]) for item in items)
        elif get_origin(option) is Mapping:
            if isinstance(value, Mapping):
                return {
                    key: _fit_type(f"{name}: {key}", item, get_args(option)[1]) for key, item in value.items()
                }
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option is int and isinstance(value, bool):
            continue
        elif isinstance(option, type) and isinstance(value, option):
            return value
    wanted = " or ".join(map(_name_type, options))
    raise SettingError(f"The setting {name} must be {wanted}, not {value!r}.")


def _plain_python(value: Any) -> Any:
    """A path as text, and a number of NumPy as Python's own."""
    if isinstance(value, PurePath):
        return str(value)
    # Not imported for it: the command line reads settings and needs no arrays.
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        # The digits of a float32 are fewer than those of the float64 nearest to it: 0.1, not 0.10000000149.
        return float(str(value)) if type(value).__name__.startswith("float") else value.tolist()
    return value


def _name_type(option: Any) -> str:
    if get_origin(option) is tuple:
        return f"a list of {_PLURALS.get(get_args(option)[0], 'tables')}"
    return _TYPE_NAMES.get(option, "a table")


_PLURALS: dict[Any, str] = {str: "strings", float: "numbers", int: "whole numbers"}
_TYPE_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "left out",
}


def _to_toml_value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_to_toml_value, value)) + "]"  # on one line
    return tomli_w.dumps({"key": value}).removeprefix("key = ").strip()
