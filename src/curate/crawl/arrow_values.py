"""Values of Arrow columns as JSON and back, with nothing lost: how users' own columns travel through a run.

What JSON has stands as itself. Dates, times and timestamps stand as ISO 8601 text, decimals as their digits, bytes as
Base64, durations as whole numbers of their unit, NaN and infinity as words, maps as lists of pairs.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.text.json_values import BigNumber

_TIME = re.compile(r"(\d+):(\d+):(\d+)(?:\.(\d+))?$")
_UNIT_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def name_type(kind: pa.DataType) -> str:
    """Write an Arrow type as text that `parse_type` reads back."""
    return base64.b64encode(pa.schema([pa.field("", kind)]).serialize().to_pybytes()).decode()


def parse_type(name: str) -> pa.DataType:
    """Read what `name_type` wrote."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(name))).field(0).type


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a column comes back: views, which are a layout and no other content, as what they view."""
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def to_json_values(column: pa.Array) -> list[Any]:  # noqa: PLR0911 - a row of guards
    """The values of `column` as `dump_json` takes them."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return to_json_values(column.storage)
    if pa.types.is_dictionary(kind):
        return _dictionary_values(column)
    if pa.types.is_struct(kind):
        fields = [to_json_values(column.field(i)) for i in range(kind.num_fields)]
        names = [kind.field(i).name for i in range(kind.num_fields)]
        valid = column.is_valid().to_pylist()
        rows = zip(*fields, strict=True) if fields else iter([()] * len(column))
        return [
            dict(zip(names, row, strict=True)) if is_valid else None
            for row, is_valid in zip(rows, valid, strict=True)
        ]
    if pa.types.is_map(kind):
        pairs = zip(to_json_values(column.keys), to_json_values(column.items), strict=True)
        return _cut(column, [list(pair) for pair in pairs], column.offsets)
    if pa.types.is_fixed_size_list(kind):
        inner = to_json_values(column.values)
        n = kind.list_size
        starts = [(column.offset + row) * n for row in range(len(column))]
        valid = column.is_valid().to_pylist()
        return [inner[at : at + n] if ok else None for at, ok in zip(starts, valid, strict=True)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _cut(column, to_json_values(column.values), column.offsets)
    return _leaf_values(column)


def _cut(column: pa.Array, inner: list[Any], offsets: pa.Array) -> list[Any]:
    ends, valid = offsets.to_pylist(), column.is_valid().to_pylist()
    return [inner[a:b] if ok else None for (a, b), ok in zip(pairwise(ends), valid, strict=True)]


def _dictionary_values(column: pa.DictionaryArray) -> list[Any]:
    """Render each entry that is used once, however many rows share it."""
    used = pc.unique(column.indices).drop_null()
    values = to_json_values(column.dictionary.take(used))
    by_index: dict[int | None, Any] = dict(zip(used.to_pylist(), values, strict=True)) | {None: None}
    return [by_index[index] for index in column.indices.to_pylist()]


def _leaf_values(column: pa.Array) -> list[Any]:  # noqa: PLR0911 - a row of guards
    kind = column.type
    if pa.types.is_duration(kind):
        return column.cast(pa.int64()).to_pylist()
    if pa.types.is_temporal(kind):
        return _temporal_values(column)
    if pa.types.is_decimal(kind):
        return [None if value is None else str(value) for value in column.to_pylist()]
    if pa.types.is_floating(kind):
        return [_float_value(value) for value in column.to_pylist()]
    if _is_binary(kind):
        return [None if value is None else base64.b64encode(value).decode() for value in column.to_pylist()]
    try:
        return column.to_pylist()
    except UnicodeDecodeError:  # a file may say that bytes are text
        values = column.cast(pa.large_binary(), safe=False).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in values]


def _is_binary(kind: pa.DataType) -> bool:
    is_of = (
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_fixed_size_binary,
        pa.types.is_binary_view,
    )
    return any(check(kind) for check in is_of)


def _float_value(value: Any) -> Any:
    return value if value is None or math.isfinite(value) else str(float(value))


def _temporal_values(column: pa.Array) -> list[Any]:
    """ISO text; the whole number of units where text would not lead back to it, as in the year 20000."""
    texts = column.cast(pa.string())
    numbers = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_pylist()
    texts = texts.to_pylist()
    try:
        back = _parse_temporal(texts, column.type)
        same = pc.fill_null(pc.equal(back, column), fill_value=True).to_pylist()
    except (pa.ArrowException, ValueError):
        return [_one_temporal(text, number, column.type) for text, number in zip(texts, numbers, strict=True)]
    return [text if ok else number for text, number, ok in zip(texts, numbers, same, strict=True)]


def _one_temporal(text: str | None, number: int | None, kind: pa.DataType) -> Any:
    if text is None:
        return None
    try:
        back = _parse_temporal([text], kind)
        return text if _units(back)[0] == number else number
    except (pa.ArrowException, ValueError):
        return number


def _units(column: pa.Array) -> list[Any]:
    return column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_pylist()


def _parse_temporal(texts: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_time(kind):
        integers = pa.int32() if kind.bit_width == 32 else pa.int64()
        return pa.array([_parse_time(text, kind.unit) for text in texts], integers).cast(kind)
    return pa.array(texts, pa.string()).cast(kind)


def _parse_time(text: str | None, unit: str) -> int | None:
    found = _TIME.match(text) if text is not None else None
    if found is None:
        if text is None:
            return None
        raise ValueError(text)
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    digits = _UNIT_DIGITS[unit]
    return seconds * 10**digits + int((found[4] or "").ljust(digits, "0")[:digits] or 0)


def from_json_values(values: Sequence[Any], kind: pa.DataType) -> pa.Array:  # noqa: PLR0911 - a row of guards
    """Build a column of `kind` from what `to_json_values` gave for one."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, from_json_values(values, kind.storage_type))
    if pa.types.is_dictionary(kind):
        encoded = from_json_values(values, kind.value_type).dictionary_encode()
        indices = encoded.indices.cast(kind.index_type)
        return pa.DictionaryArray.from_arrays(indices, encoded.dictionary, ordered=kind.ordered)
    if pa.types.is_struct(kind):
        mask = pa.array([value is None for value in values], pa.bool_())
        fields = [kind.field(i) for i in range(kind.num_fields)]
        inner = [
            from_json_values([None if v is None else v.get(f.name) for v in values], f.type) for f in fields
        ]
        if not fields:
            return pa.array([None if v is None else {} for v in values], kind)
        return pa.StructArray.from_arrays(inner, fields=fields, mask=mask)
    if pa.types.is_map(kind):
        pairs = [pair for value in values if value is not None for pair in value]
        keys = from_json_values([pair[0] for pair in pairs], kind.key_type)
        items = from_json_values([pair[1] for pair in pairs], kind.item_type)
        return pa.MapArray.from_arrays(_offsets(values, pa.int32()), keys, items, kind)
    if pa.types.is_fixed_size_list(kind):
        n = kind.list_size
        mask = pa.array([value is None for value in values], pa.bool_())
        flat = [item for value in values for item in (value if value is not None else [None] * n)]
        inner = from_json_values(flat, kind.value_type)
        return pa.FixedSizeListArray.from_arrays(inner, type=kind, mask=mask)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        is_large = pa.types.is_large_list(kind)
        inner = from_json_values(
            [item for value in values if value is not None for item in value], kind.value_type
        )
        make = pa.LargeListArray if is_large else pa.ListArray
        return make.from_arrays(_offsets(values, pa.int64() if is_large else pa.int32()), inner, type=kind)
    return _leaf_column(values, kind)


def _offsets(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Offsets of lists; a null offset marks a null list."""
    lengths = [0 if value is None else len(value) for value in values]
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    mask = np.array([*(value is None for value in values), False], bool)
    return pa.array(ends, kind, mask=mask)


def _leaf_column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:  # noqa: PLR0911 - a row of guards
    if pa.types.is_duration(kind):
        return pa.array(values, pa.int64()).cast(kind)
    if pa.types.is_temporal(kind):
        texts = [value if isinstance(value, str) else None for value in values]
        integers = pa.int32() if kind.bit_width == 32 else pa.int64()
        numbers = pa.array([value if isinstance(value, int) else None for value in values], integers).cast(
            kind
        )
        return pc.coalesce(_parse_temporal(texts, kind), numbers)
    if pa.types.is_decimal(kind):
        return pa.array([None if value is None else Decimal(value) for value in values], kind)
    if pa.types.is_floating(kind):
        floats = [None if value is None else float(value) for value in values]
        if pa.types.is_float16(kind):
            return pa.array(floats, pa.float32()).cast(kind)
        return pa.array(floats, kind)
    if _is_binary(kind):
        return pa.array([None if value is None else base64.b64decode(value) for value in values], kind)
    return pa.array([str(value) if isinstance(value, BigNumber) else value for value in values], kind)
