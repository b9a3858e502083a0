"""Users' own columns: one type for the whole run, whatever the first records held."""

from __future__ import annotations

import orjson
import pyarrow as pa
import pytest

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


def test_columns_are_capped_and_the_rest_stands_in_one() -> None:
    from curate.run.extras import MOST_COLUMNS, REST

    rows = [
        "{"
        + ", ".join([f'"often{n}": {n}' for n in range(3)] + [f'"rare{row}_{n}": {n}' for n in range(100)])
        + "}"
        for row in range(60)
    ]
    chunks = [column(*rows[:25]), column(*rows[25:])]
    types = unite_types(map(extra_types, chunks))
    assert len(types) == MOST_COLUMNS + 1
    assert list(types)[-1] == REST
    assert {"often0", "often1", "often2"} <= set(types)
    assert types == unite_types(map(extra_types, reversed(chunks)))
    columns = extra_columns(chunks[0], types)
    for place, text in enumerate(rows[:25]):
        told = {key: values[place].as_py() for key, values in columns.items() if key != REST}
        told = {key: value for key, value in told.items() if value is not None}
        assert told | orjson.loads(columns[REST][place].as_py() or "{}") == orjson.loads(text)
    assert extra_fields(types, ["id"])[REST].name == "extra"
    assert extra_fields(types, ["extra"])[REST].name == "input_extra"


def test_names_that_differ_in_case_alone_are_told_apart() -> None:
    fields = extra_fields(
        {"Drop_Reason": "str", "A": "int", "a": "int", "SOURCE": "str"}, ["drop_reason", "source"]
    )
    assert [field.name for field in fields.values()] == ["input_Drop_Reason", "A", "input_a", "input_SOURCE"]


def test_whole_numbers_stay_exact_beside_others() -> None:
    rows = column('{"id": 1234567890123456789, "n": 1}', '{"id": 0.5, "n": 9007199254740993}')
    types = unite_types([extra_types(rows)])
    columns = extra_columns(rows, types)
    assert columns["id"].to_pylist() == ["1234567890123456789", "0.5"]
    assert columns["n"].to_pylist() == [1, 9007199254740993]


@pytest.mark.parametrize("depth", [10, 254, 255, 300, 1000])
def test_a_value_is_written_however_deep_it_is(depth: int) -> None:
    value = "[" * depth + "1" + "]" * depth
    row = column('{"deep": ' + value + ', "likes": 7}')
    columns = extra_columns(row, unite_types([extra_types(row)]))
    assert (columns["deep"].to_pylist(), columns["likes"].to_pylist()) == ([value], [7])
