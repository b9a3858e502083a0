"""Users' own columns: one type for the whole run, whatever the first records held."""

from __future__ import annotations

import pyarrow as pa

from curate.run.extras import extra_columns, extra_fields, extra_types, unite_types


def column(*rows: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows, pa.string())])


def test_types_unite_over_chunks_and_columns_come_out_with_them() -> None:
    one = column('{"n": 1, "x": 1, "s": "a", "b": true, "mixed": 1, "late": null}', None)
    two = column(
        '{"x": 2.5, "mixed": "two", "nested": {"k": [1]}, "late": "here", "big": 9223372036854775808}'
    )
    types = unite_types([extra_types(one), extra_types(two)])
    assert types == {
        "b": "bool", "big": "json", "late": "str", "mixed": "json", "n": "int", "nested": "json", "s": "str",
        "x": "float",
    }  # fmt: skip
    first, second = extra_columns(one, types), extra_columns(two, types)
    assert first["x"].to_pylist() == [1.0, None]
    assert (first["mixed"].to_pylist(), second["mixed"].to_pylist()) == (["1", None], ['"two"'])
    assert second["nested"].to_pylist() == ['{"k":[1]}']
    assert second["big"].to_pylist() == ["9223372036854775808"]


def test_a_name_that_is_taken_gets_a_prefix() -> None:
    fields = extra_fields({"text": "str", "likes": "int"}, ["id", "text", "input_text"])
    assert {key: field.name for key, field in fields.items()} == {
        "text": "input_input_text",
        "likes": "likes",
    }
