"""JSON as the world writes it: exact, and never an exception that ends a run."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.json_values import dump_json, parse_json, parse_object

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(values)
def test_what_python_writes_comes_back_exactly(value):
    assert json.loads(dump_json(parse_json(json.dumps(value)))) == value


@given(st.text(st.characters(exclude_categories=[])))
def test_any_string_comes_out_as_utf8(text):
    dumped = dump_json(parse_json(json.dumps({text: [text]})))
    assert json.loads(dumped.encode()) is not None


@pytest.mark.parametrize("digits", ["9" * 19, "9" * 20, "9" * 23, "9" * 400, "-" + "7" * 100_000])
def test_whole_numbers_keep_all_their_digits(digits):
    assert dump_json(parse_object(f'{{"n": {digits}, "in": [{{"n": {digits}}}]}}'.encode())) == (
        f'{{"n":{digits},"in":[{{"n":{digits}}}]}}'
    )


def test_numbers_beyond_a_double_keep_their_text_and_nan_is_missing():
    row = parse_object(b'{"a": 1e999, "b": -1e999, "c": Infinity, "d": NaN}')
    assert dump_json(row) == '{"a":1e999,"b":-1e999,"c":1e999,"d":null}'


@pytest.mark.parametrize("depth", [253, 254, 255, 600, 900])
def test_deep_values_are_written_back_whole(depth):
    text = '{"x":' + "[" * depth + "1" + "]" * depth + "}"
    assert dump_json(parse_object(text.encode())) == text


@pytest.mark.parametrize("depth", [1100, 100_000])
def test_what_is_deeper_than_parsers_go_is_no_object(depth):
    assert parse_object(b'{"x":' + b"[" * depth + b"]" * depth + b"}") is None


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": "\\ud800x", "\\udc00": 1}', {"a": "\ufffdx", "\ufffd": 1}),
        (b'{"a": "\\ud83d\\ude00", "b": NaN}', {"a": "\U0001f600", "b": None}),
        (b'{"a": "tab\there"}', {"a": "tab\there"}),
        (b"[1]", None),
        (b"nonsense", None),
        (b"", None),
    ],
)
def test_odd_lines_are_read(line, value):
    assert parse_object(line) == value
