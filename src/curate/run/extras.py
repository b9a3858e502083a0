"""Users' own columns: carried as one JSON object through the run, and given back as columns of their own.

The type of such a column is known only once every record has been read, so each chunk notes which types it
saw, and the output's schema is settled from all chunks: whole numbers, numbers, booleans and strings get
their own type; lists, objects and columns of mixed types stand as JSON text. Whole numbers beside others stay exact:
where one is beyond 2**53, the column is JSON too.

A crawl's files are strangers': at most `MOST_COLUMNS` names, those of most rows, become columns; the others stand
together in one JSON column, `extra`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

MOST_COLUMNS = 256
REST = "\0extra"
"""Stands for the names that became no column; no name of a record's own holds a NUL at its start and is taken for it."""
_MOST_NAMES = 16 * MOST_COLUMNS
"""Names that a chunk remembers, those of most of its rows."""
_INT64 = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)  # whole numbers that a float holds
_JSON = "json"
_TYPES = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "big": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    _JSON: pa.string(),
}


def extra_types(extras: pa.ChunkedArray) -> dict[str, list[Any]]:
    """Give the type of every key in a column of JSON objects (bool, int, big, float, str or json) and its rows.

    Beyond some thousand keys only those of most rows are told; `REST` stands for the others.
    """
    types: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for text in extras.drop_null().to_pylist():
        for key, value in orjson.loads(text).items():
            kind = _type_of(value)
            if kind:
                types[key] = _unite(types.get(key, kind), kind)
                counts[key] += 1
    told = _most(counts, _MOST_NAMES)
    found: dict[str, list[Any]] = {key: [types[key], counts[key]] for key in told}
    return found | ({REST: [_JSON, 0]} if len(told) < len(counts) else {})


def unite_types(chunks: Iterable[Mapping[str, Sequence[Any]]]) -> dict[str, str]:
    """Unite what the chunks saw: the columns of the run, sorted by key, `REST` last where some keys get none."""
    types: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for chunk in chunks:
        for key, (kind, n_rows) in chunk.items():
            types[key] = _unite(types.get(key, kind), kind)
            counts[key] += n_rows
    has_rest = counts.pop(REST, None) is not None
    kept = sorted(_most(counts, MOST_COLUMNS))
    rest = {REST: _JSON} if has_rest or len(kept) < len(counts) else {}
    return {key: types[key] for key in kept} | rest


def _most(counts: Mapping[str, int], n: int) -> list[str]:
    """The keys of most rows; of as many rows, the first by name."""
    if len(counts) <= n:
        return list(counts)
    return sorted(counts, key=lambda key: (-counts[key], key))[:n]


def extra_fields(types: Mapping[str, str], taken: Iterable[str]) -> dict[str, pa.Field]:
    """The output field of every key; a name that is taken gets the prefix `input_`.

    Names are compared without their case, as most readers of Parquet compare them.
    """
    used = {name.casefold() for name in taken}
    fields: dict[str, pa.Field] = {}
    for key, kind in types.items():
        name = "extra" if key == REST else key
        while name.casefold() in used:
            name = f"input_{name}"
        used.add(name.casefold())
        fields[key] = pa.field(name, _TYPES[kind])
    return fields


def extra_columns(extras: pa.ChunkedArray, types: Mapping[str, str]) -> dict[str, pa.Array]:
    """Spread a column of JSON objects into one array for each key of `types`."""
    if not types:
        return {}
    rows = [orjson.loads(text) if text else {} for text in extras.to_pylist()]
    columns = {
        key: pa.array([_fit(row.get(key), kind) for row in rows], _TYPES[kind])
        for key, kind in types.items()
        if key != REST
    }
    if REST in types:
        others = ({key: value for key, value in row.items() if key not in columns} for row in rows)
        columns[REST] = pa.array([_fit(other or None, _JSON) for other in others], _TYPES[_JSON])
    return columns


def _type_of(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if value in _EXACT else "big" if value in _INT64 else _JSON
    return {float: "float", str: "str"}.get(type(value), _JSON)


def _unite(one: str, other: str) -> str:
    if one == other:
        return one
    return {frozenset(("int", "float")): "float", frozenset(("int", "big")): "big"}.get(
        frozenset((one, other)), _JSON
    )


def _fit(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == _JSON:
        return _dump(value)
    return float(value) if kind == "float" else value


def _dump(value: Any) -> str:
    """Write a value as JSON however deep it is: orjson writes 254 levels, and reads four times as many."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _dump_deep(value)


def _dump_deep(value: Any) -> str:
    """The same text without recursion: what is still to be written waits on a stack."""
    out: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _Written):
            out.append(item)
        elif isinstance(item, dict):
            parts: list[Any] = [_Written("{")]
            for key, inner in item.items():
                parts += [
                    _Written(("," if len(parts) > 1 else "") + json.dumps(key, ensure_ascii=False) + ":"),
                    inner,
                ]
            waiting += reversed([*parts, _Written("}")])
        elif isinstance(item, list):
            parts = [_Written("[")]
            for inner in item:
                parts += [*([_Written(",")] if len(parts) > 1 else []), inner]
            waiting += reversed([*parts, _Written("]")])
        else:
            out.append(orjson.dumps(item).decode())
    return "".join(out)


class _Written(str):
    """Text that is JSON already."""

    __slots__ = ()
