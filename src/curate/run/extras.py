"""Users' own columns: carried as one JSON object through the run, and given back as columns of their own.

The type of such a column is known only once every record has been read, so each chunk notes which types it
saw, and the output's schema is settled from all chunks: whole numbers, numbers, booleans and strings get
their own type; lists, objects and columns of mixed types stand as JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import pyarrow as pa

_INT64 = range(-(2**63), 2**63)
_JSON = "json"
_TYPES = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    _JSON: pa.string(),
}


def extra_types(extras: pa.ChunkedArray) -> dict[str, str]:
    """Name the type of every key in a column of JSON objects: bool, int, float, str or json."""
    types: dict[str, str] = {}
    for text in extras.drop_null().to_pylist():
        for key, value in orjson.loads(text).items():
            kind = _type_of(value)
            if kind:
                types[key] = _unite(types.get(key, kind), kind)
    return types


def unite_types(chunks: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Unite what the chunks saw, keys sorted."""
    types: dict[str, str] = {}
    for chunk in chunks:
        for key, kind in chunk.items():
            types[key] = _unite(types.get(key, kind), kind)
    return dict(sorted(types.items()))


def extra_fields(types: Mapping[str, str], taken: Iterable[str]) -> dict[str, pa.Field]:
    """The output field of every key; a name that is taken gets the prefix `input_`."""
    used = set(taken)
    fields: dict[str, pa.Field] = {}
    for key, kind in types.items():
        name = key
        while name in used:
            name = f"input_{name}"
        used.add(name)
        fields[key] = pa.field(name, _TYPES[kind])
    return fields


def extra_columns(extras: pa.ChunkedArray, types: Mapping[str, str]) -> dict[str, pa.Array]:
    """Spread a column of JSON objects into one array for each key of `types`."""
    if not types:
        return {}
    rows = [orjson.loads(text) if text else {} for text in extras.to_pylist()]
    return {
        key: pa.array([_fit(row.get(key), kind) for row in rows], _TYPES[kind]) for key, kind in types.items()
    }


def _type_of(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if value in _INT64 else _JSON
    return {float: "float", str: "str"}.get(type(value), _JSON)


def _unite(one: str, other: str) -> str:
    if one == other:
        return one
    return "float" if {one, other} == {"int", "float"} else _JSON


def _fit(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == _JSON:
        return orjson.dumps(value).decode()
    return float(value) if kind == "float" else value
