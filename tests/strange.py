"""What somebody may put in the place of a file that the program reads: values, bytes, tables, arrays, kinds of files."""

from __future__ import annotations

import copy
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curate.errors import CurateError

VALUES: list[Any] = [
    None, True, -1, 0, 2**70, 10**400, -(2**63), 1.5, 1e308, float("nan"), float("inf"), "", "x" * 300, "../../x",
    "/etc/passwd", "~/x", 'a"b', "a\x00b", "\ud800", "a\nb\x1b[31m", [], {}, [[]], [None], {"a": {"a": {}}}, ["x"] * 50,
]  # fmt: skip
SLOW_S = 25
"""Of each test with --run-slow."""


def rounds(config: pytest.Config) -> Iterator[int]:
    """Seeds: one, or as many as fit into the time with --run-slow."""
    yield 0
    if config.getoption("--run-slow"):
        end, seed = time.monotonic() + SLOW_S, 0
        while time.monotonic() < end:
            seed += 1
            yield seed


def check(open_folder: Callable[[Path], Any], path: Path, what: str) -> None:
    """A result, or an error of one line, without anything raw from the file."""
    try:
        open_folder(path)
    except CurateError as error:
        if len(str(error)) > 1500:  # what would act on a terminal is escaped where it is printed
            pytest.fail(f"{what}: says {str(error)[:2000]!r}")
    except Exception as error:  # noqa: BLE001
        pytest.fail(f"{what}: {type(error).__name__}: {str(error)[:500]}")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items)[:12]:
        yield from places(inner, (*path, key))


def changed_values(value: Any, seed: int, n: int = 14) -> Iterator[tuple[str, Any]]:
    """The value with one place taken out, doubled, or replaced by something else."""
    draw = random.Random(seed)
    every = [path for path in places(value) if path]
    for _ in range(n):
        path, changed = draw.choice(every), copy.deepcopy(value)
        inner = changed
        for key in path[:-1]:
            inner = inner[key]
        chance = draw.random()
        if chance < 0.2 and isinstance(inner, dict):
            del inner[path[-1]]
            yield f"without {path}", changed
        elif chance < 0.3 and isinstance(inner, list):
            inner.append(inner[path[-1]])
            yield f"{path} twice", changed
        else:
            inner[path[-1]] = new = draw.choice(VALUES)
            yield f"{path} = {new!r:.40}", changed


def broken_bytes(content: bytes, seed: int, n: int = 4) -> Iterator[tuple[str, bytes]]:
    """The file cut short, with bytes flipped, or something else altogether."""
    draw = random.Random(seed)
    if not seed:
        yield from (
            ("empty", b""),
            ("a list", b"[]"),
            ("null", b"null"),
            ("deep", b"[" * 100_000),
            ("not UTF-8", b'{"a": "\xff"}'),
            ("NUL", bytes(1000)),
        )
    for _ in range(n):
        at, size = draw.randrange(len(content)), draw.choice((1, 1, 4, 8))
        yield f"cut at {at}", content[:at]
        yield (
            f"flipped at {at}",
            content[:at] + bytes([content[at] ^ draw.randrange(1, 256)]) + content[at + 1 :],
        )
        new = draw.choice((b"\xff" * size, bytes(size), draw.randbytes(size)))
        yield f"{new!r} at {at}", content[:at] + new + content[at + size :]
        yield f"from {at} twice", content[:at] + content[at : at + 200] + content[at:]


def changed_lines(text: str, seed: int, n: int = 14) -> Iterator[tuple[str, bytes]]:
    """A TOML or line file with one value or line that is something else."""
    draw = random.Random(seed)
    lines = text.splitlines()
    new = [
        "-1",
        "0",
        "99999999999999999999999",
        "1e400",
        "nan",
        '""',
        '"../x"',
        "[]",
        "{}",
        "[[]]",
        "true",
        '["a"]',
        "1979-01-01",
    ]
    for _ in range(n):
        at, value = draw.randrange(len(lines)), draw.choice(new)
        line = (
            re.sub(r"=\s*.*", f"= {value}", lines[at])
            if "=" in lines[at]
            else draw.choice((value, lines[at] * 2, ""))
        )
        yield f"line {at + 1}: {line[:60]}", "\n".join([*lines[:at], line, *lines[at + 1 :]]).encode()


OTHER_TYPES: list[pa.DataType] = [
    pa.null(), pa.bool_(), pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.binary(), pa.large_string(),
    pa.list_(pa.string()), pa.struct([("a", pa.string())]), pa.timestamp("ns", "UTC"), pa.decimal128(38, 2),
    pa.dictionary(pa.int8(), pa.string()), pa.map_(pa.string(), pa.int64()), pa.date32(), pa.duration("s"),
    pa.list_(pa.float32(), 3), pa.string(), pa.int64(), pa.string_view(),
]  # fmt: skip


def changed_tables(table: pa.Table, seed: int, n: int = 6) -> Iterator[tuple[str, pa.Table]]:
    """The table with a column of another type, none, twice, of nulls or NaN; or without rows."""
    draw = random.Random(seed)
    if not seed:
        yield "no rows", table.slice(0, 0)
        yield "no columns", table.select([])
    for _ in range(n):
        at = draw.randrange(table.num_columns)
        field = table.schema.field(at)
        chance = draw.random()
        if chance < 0.15:
            yield f"without {field.name}", table.remove_column(at)
        elif chance < 0.25:
            yield f"{field.name} twice", table.append_column(field.name, table.column(at))
        elif chance < 0.35:
            yield f"{field.name} also in capitals", table.append_column(field.name.upper(), table.column(at))
        elif chance < 0.45 and pa.types.is_floating(field.type):
            wild = np.array([np.nan, np.inf, -np.inf, -1e308, 5e-324] * len(table))[: len(table)]
            yield (
                f"{field.name} wild",
                table.set_column(at, field.name, pa.array(wild).cast(field.type, safe=False)),
            )
        else:
            kind = draw.choice(OTHER_TYPES)
            yield f"{field.name}: {kind}", table.set_column(at, field.name, some_of(kind, len(table), draw))


def some_of(kind: pa.DataType, n: int, draw: random.Random) -> pa.Array:
    """An array of a type, with what its values may be, or of nulls."""
    if draw.random() < 0.3:
        return pa.nulls(n, kind)
    plain: Any = {
        "bool": True, "binary": b"\xff\xfe", "struct": {"a": "x"}, "map": [("a", 1)], "list": ["x"] * 2,
    }  # fmt: skip
    name = str(kind)
    value = next((value for key, value in plain.items() if name.startswith(key)), None)
    if pa.types.is_fixed_size_list(kind):
        value = [1.0, np.nan, 2.0]
    elif pa.types.is_floating(kind):
        return pa.array(np.full(n, draw.choice((np.nan, np.inf, -1.0))), pa.float64()).cast(kind, safe=False)
    elif value is None and pa.types.is_integer(kind):
        value = draw.choice((0, 1, 127) if pa.types.is_unsigned_integer(kind) else (-1, 0, 127))
    elif value is None and (pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
        return pa.array([7] * n, pa.int32()).cast(pa.int64() if "32" not in name else pa.int32()).cast(kind)
    elif value is None and not pa.types.is_null(kind):
        value = draw.choice(("x", "", "a\x00b\x1b[31m", "kept"))
    return pa.nulls(n, kind) if value is None else pa.array([value] * n, kind)


def other_kinds_of_file(path: Path) -> Iterator[str]:
    """In the place of a file: none, a folder, links, a pipe that nobody writes to, a file of many terabytes of nothing."""
    for what in (
        "nothing",
        "folder",
        "dangling link",
        "link to itself",
        "link to a device",
        "pipe",
        "sparse",
    ):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        if what == "folder":
            path.mkdir()
        elif what == "pipe":
            os.mkfifo(path)
        elif what == "sparse":
            with path.open("wb") as file:
                file.truncate(1 << 43)
        elif what != "nothing":
            target = {
                "dangling link": "nowhere",
                "link to itself": path.name,
                "link to a device": "/dev/zero",
            }[what]
            path.symlink_to(target)
        yield what
