"""Users' own columns: carried as one JSON object through the run, and given back as columns of their own.

The type of such a column is known only once every record has been read, so each chunk notes which types it
saw, and the output's schema is settled from all chunks. Columns of Parquet files keep their Arrow type wherever
all inputs agree. Values of JSON that are whole numbers, numbers, booleans or strings have that type. Where
inputs disagree:

    whole numbers of several widths          the narrowest type that holds both
    whole numbers and numbers                doubles, if every whole number is within 2^53, which doubles hold exactly
    numbers of several widths                the widest of them
    decimals of several widths               a decimal with room for both
    two kinds that JSON writes as text       text (timestamps and dates as ISO 8601, bytes as Base64)
    a type and a dictionary of it            the type
    anything else, lists and objects of JSON     JSON text

A crawl's files are strangers': at most `MOST_COLUMNS` names, those of most rows, become columns; the others stand
together in one JSON column, `extra`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.crawl.arrow_values import from_json_values, name_type, parse_type
from curate.text.json_values import EXACT_INT, BigNumber, dump_json, parse_json

MOST_COLUMNS = 256
REST = "\0extra"
"""Stands for the names that became no column."""
_MOST_NAMES = 16 * MOST_COLUMNS
"""Names that a chunk remembers, those of most of its rows."""
_INT64 = range(-(2**63), 2**63)
_JSON = "json"
_SMALL_INT = "int"
"""Whole numbers that doubles hold exactly."""
_TYPES = {
    "bool": pa.bool_(),
    _SMALL_INT: pa.int64(),
    "long": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    _JSON: pa.string(),
}
_ARROW = "arrow:"  # a column of an Arrow type that holds whole numbers beyond 2^53, which doubles would round
_ARROW_SMALL = "arrow-small:"  # any other column of an Arrow type


def extra_types(
    extras: pa.ChunkedArray,
    sources: pa.ChunkedArray | None = None,
    schemas: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, list[Any]]:
    """The type of every key in a column of JSON objects, and its number of rows.

    Beyond some thousand keys only those of most rows are told; `REST` stands for the others.

    Args:
        extras: the JSON objects, null where a row has none.
        sources: the file that each row is from, by which its Arrow types are found.
        schemas: for each file that has types of its own its columns' (`Chunk.extra_types`).

    Returns:
        For each key its type (bool, int, all within 2^53, long, float, str or json; or an Arrow type) and its rows.
    """
    types: dict[str, str] = {}
    counts: Counter[str] = Counter()
    schemas = schemas or {}
    names = sources.to_pylist() if sources is not None and schemas else [None] * len(extras)
    for text, source in zip(extras.to_pylist(), names, strict=True):
        if not text:
            continue
        stated = schemas.get(source, {}) if source is not None else {}
        for key, value in parse_json(text).items():
            kind = _stated_type(stated[key], value) if key in stated else _type_of(value)
            if kind is None:
                continue
            counts[key] += 1
            if types.get(key) != kind:
                types[key] = _unite(types[key], kind) if key in types else kind
    told = _most(counts, _MOST_NAMES)
    found: dict[str, list[Any]] = {key: [types[key], counts[key]] for key in told}
    return found | ({REST: [_JSON, 0]} if len(told) < len(counts) else {})


def unite_types(chunks: Iterable[Mapping[str, Sequence[Any]]]) -> dict[str, str]:
    """Unite what the chunks saw: the columns of the run, sorted by key, `REST` last where some keys get none."""
    types: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for chunk in chunks:
        for key, (kind, n_rows) in chunk.items():
            types[key] = _unite(types[key], kind) if key in types else kind
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
        fields[key] = pa.field(name, _arrow_type(kind))
    return fields


def extra_columns(extras: pa.ChunkedArray, types: Mapping[str, str]) -> dict[str, pa.Array]:
    """Spread a column of JSON objects into one array for each key of `types`."""
    if not types:
        return {}
    rows = [parse_json(text) if text else {} for text in extras.to_pylist()]
    columns = {
        key: _column([row.get(key) for row in rows], kind) for key, kind in types.items() if key != REST
    }
    if REST in types:
        others = [{key: value for key, value in row.items() if key not in columns} or None for row in rows]
        columns[REST] = _column(others, _JSON)
    return columns


def _column(values: list[Any], kind: str) -> pa.Array:
    if kind == _JSON:
        return pa.array([None if value is None else dump_json(value) for value in values], pa.string())
    return from_json_values(values, _arrow_type(kind))


def _arrow_type(kind: str) -> pa.DataType:
    return _TYPES[kind] if kind in _TYPES else parse_type(kind.partition(":")[2])


def _stated_type(name: str, value: Any) -> str:
    """The kind of a value whose column states its Arrow type."""
    is_long = isinstance(value, int) and abs(value) > EXACT_INT
    return (_ARROW if is_long else _ARROW_SMALL) + name


def _type_of(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if abs(value) <= EXACT_INT:
            return _SMALL_INT
        return "long" if value in _INT64 else _JSON
    if isinstance(value, BigNumber):
        return _JSON if value.is_whole else "float"
    return {float: "float", str: "str"}.get(type(value), _JSON)


def _unite(one: str, other: str) -> str:  # noqa: PLR0911 - a row of guards
    """The kind that holds both; the same in any order and grouping."""
    if one == other:
        return one
    if _JSON in (one, other):
        return _JSON
    a, b = _arrow_type(one), _arrow_type(other)
    if a.equals(b):
        return one if _is_long(one) else other
    if pa.types.is_null(a) or pa.types.is_null(b):
        return other if pa.types.is_null(a) else one
    if pa.types.is_dictionary(a) or pa.types.is_dictionary(b):
        return _unite(_dense(one, a), _dense(other, b))
    if pa.types.is_integer(a) and pa.types.is_integer(b):
        return _unite_ints(a, b, is_long=_is_long(one) or _is_long(other))
    if _is_number(a) and _is_number(b):
        return _unite_numbers(one, a, other, b)
    if pa.types.is_decimal(a) and pa.types.is_decimal(b):
        return _unite_decimals(a, b)
    return "str" if _is_written_as_text(a) and _is_written_as_text(b) else _JSON


def _is_long(kind: str) -> bool:
    return kind == "long" or kind.startswith(_ARROW)


def _dense(kind: str, arrow: pa.DataType) -> str:
    return _ARROW + name_type(arrow.value_type) if pa.types.is_dictionary(arrow) else kind


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _unite_ints(a: pa.DataType, b: pa.DataType, *, is_long: bool) -> str:
    wide = np.promote_types(a.to_pandas_dtype(), b.to_pandas_dtype())
    if not np.issubdtype(wide, np.integer):  # int64 and uint64
        return _JSON if is_long else _SMALL_INT
    return (_ARROW if is_long else _ARROW_SMALL) + name_type(pa.from_numpy_dtype(wide))


def _unite_numbers(one: str, a: pa.DataType, other: str, b: pa.DataType) -> str:
    if pa.types.is_floating(a) and pa.types.is_floating(b):
        return _ARROW_SMALL + name_type(a if a.bit_width > b.bit_width else b)
    ints = one if pa.types.is_integer(a) else other
    return _JSON if _is_long(ints) else "float"


def _unite_decimals(a: pa.DataType, b: pa.DataType) -> str:
    scale = max(a.scale, b.scale)
    precision = max(a.precision - a.scale, b.precision - b.scale) + scale
    if precision > 76:
        return "str"
    make = pa.decimal128 if precision <= 38 else pa.decimal256
    return _ARROW_SMALL + name_type(make(precision, scale))


def _is_written_as_text(kind: pa.DataType) -> bool:
    types = pa.types
    is_bytes = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    is_time = types.is_temporal(kind) and not types.is_duration(kind)
    return (
        types.is_string(kind) or types.is_large_string(kind) or is_bytes or is_time or types.is_decimal(kind)
    )
