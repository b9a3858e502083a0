"""Users' own Parquet columns come back as what they were."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl_builders import read_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.crawl import ReadOptions
from curate.crawl.arrow_values import from_json_values, name_type, parse_type, to_json_values
from curate.run.extras import extra_columns, extra_fields, extra_types, unite_types
from curate.text.json_values import dump_json, parse_json

LEAVES = {
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.string(): st.text(),
    pa.large_string(): st.text(),
    pa.binary(): st.binary(),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.decimal128(20, 4): st.decimals(-(10**15), 10**15, places=4),
    pa.decimal256(60, 10): st.integers(-(10**55), 10**55).map(lambda n: Decimal(n).scaleb(-10, None)),
    pa.date32(): st.dates(),
    pa.timestamp("ms"): st.datetimes().map(lambda d: d.replace(microsecond=0)),
    pa.timestamp("ns"): st.integers(-(2**62), 2**62),
    pa.timestamp("us", "Europe/Berlin"): st.integers(-(2**60), 2**60),
    pa.timestamp("ns", "UTC"): st.integers(-(2**62), 2**62),
    pa.time32("ms"): st.integers(0, 86_399_999),
    pa.time64("ns"): st.integers(0, 86_399_999_999_999),
    pa.duration("us"): st.integers(-(2**62), 2**62),
    pa.dictionary(pa.int32(), pa.string()): st.text(max_size=3),
    pa.null(): st.none(),
}  # fmt: skip


def of_type(kind: pa.DataType) -> st.SearchStrategy:
    if pa.types.is_list(kind):
        return st.none() | st.lists(of_type(kind.value_type), max_size=3)
    if pa.types.is_map(kind):
        return st.none() | st.lists(st.tuples(st.text(max_size=2), of_type(kind.item_type)), max_size=3)
    if pa.types.is_struct(kind):
        fields = {kind.field(i).name: of_type(kind.field(i).type) for i in range(kind.num_fields)}
        return st.none() | st.fixed_dictionaries(fields)
    return st.none() | LEAVES[kind]


def wider(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(
        inner.map(pa.list_),
        inner.map(lambda kind: pa.map_(pa.string(), kind)),
        st.lists(inner, min_size=1, max_size=2).map(
            lambda kinds: pa.struct([(f"f{i}", k) for i, k in enumerate(kinds)])
        ),
    )


nestable = [kind for kind in LEAVES if not pa.types.is_dictionary(kind) and kind != pa.null()]
kinds = st.sampled_from(list(LEAVES)) | st.recursive(st.sampled_from(nestable), wider, max_leaves=3)


@st.composite
def columns(draw):
    kind = draw(kinds)
    return pa.array(draw(st.lists(of_type(kind), max_size=5)), kind)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(columns())
def test_every_arrow_value_survives_json(column):
    values = [parse_json(dump_json(value)) for value in to_json_values(column)]
    back = from_json_values(values, column.type)
    assert back.type == column.type
    back.validate(full=True)
    if _is_ns(column.type):
        assert str(to_json_values(back)) == str(to_json_values(column))
    else:
        assert str(back.to_pylist()) == str(column.to_pylist())


def _is_ns(kind: pa.DataType) -> bool:
    """Python's own dates know no nanoseconds."""
    return "ns" in str(kind) or "Berlin" in str(kind)


@given(kinds)
def test_types_are_named_and_found_again(kind):
    assert parse_type(name_type(kind)) == kind


@settings(deadline=None)
@given(columns().map(lambda column: column.slice(1)))
def test_slices_are_read_at_their_place(column):
    assert str(to_json_values(column)) == str(
        to_json_values(pa.concat_arrays([column, column]).slice(0, len(column)))
    )


def extras_of(path):
    chunks = read_all(path)
    types = [
        extra_types(
            pa.chunked_array([c.pages["extra"]]), pa.chunked_array([c.pages["source"]]), c.extra_types
        )
        for c in chunks
    ]
    types = unite_types(types)
    fields = extra_fields(types, ["text"])
    found = [extra_columns(pa.chunked_array([c.pages["extra"]]), types) for c in chunks]
    return {fields[key].name: pa.chunked_array([columns[key] for columns in found]) for key in types}


def test_parquet_columns_keep_their_type(tmp_path):
    table = pa.table({
        "text": ["a", "b"],
        "price": pa.array([Decimal("1.10"), None], pa.decimal128(5, 2)),
        "when": pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 6, dt.UTC), None], pa.timestamp("us", "UTC")),
        "blob": pa.array([b"\xff\0", b""], pa.binary()),
        "tags": pa.array([[{"a": 1, "b": "x"}], None]),
        "cat": pa.array(["u", None]).dictionary_encode(),
        "empty": pa.array([None, None], pa.int16()),
        "nan": pa.array([float("nan"), float("-inf")], pa.float32()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    found = extras_of(tmp_path)
    assert {name: column.type for name, column in found.items()} == {
        name: table[name].type for name in table.column_names if name != "text"
    }
    for name, column in found.items():
        assert str(column.to_pylist()) == str(table[name].to_pylist())


@pytest.mark.parametrize(
    ("first", "second", "kind", "values"),
    [
        (pa.array([1], pa.int8()), pa.array([300], pa.int16()), pa.int16(), [1, 300]),
        (pa.array([1], pa.int64()), pa.array([0.5]), pa.float64(), [1.0, 0.5]),
        (pa.array([2**53 + 1]), pa.array([0.5]), pa.string(), ["9007199254740993", "0.5"]),
        (pa.array([1], pa.int64()), pa.array([None], pa.null()), pa.int64(), [1, None]),
        (pa.array(["a"]), pa.array(["b"]).dictionary_encode(), pa.string(), ["a", "b"]),
        (pa.array([Decimal("1.5")]), pa.array([Decimal("2.25")]), pa.decimal128(3, 2), [Decimal("1.50"), Decimal("2.25")]),
        (pa.array([dt.date(2024, 1, 2)]), pa.array(["soon"]), pa.string(), ["2024-01-02", "soon"]),
        (pa.array([True]), pa.array(["x"]), pa.string(), ["true", '"x"']),
        (pa.array([[1]]), pa.array([1]), pa.string(), ["[1]", "1"]),
    ],
)  # fmt: skip
def test_where_inputs_disagree_the_column_is_widened(tmp_path, first, second, kind, values):
    for name, column in (("a", first), ("b", second)):
        pq.write_table(pa.table({"text": [name], "x": column}), tmp_path / f"{name}.parquet")
    column = extras_of(tmp_path)["x"]
    assert (column.type, column.to_pylist()) == (kind, values)


@given(st.lists(st.sampled_from([
    '{"x":1}', '{"x":9007199254740993}', '{"x":0.5}', '{"x":"a"}', '{"x":true}', '{"x":[1]}', '{"x":1e999}', '{"x":null}',
]), max_size=4), st.lists(st.sampled_from([pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.string(),
    pa.null(), pa.timestamp("us"), pa.decimal128(5, 2), pa.dictionary(pa.int32(), pa.string())]), max_size=3))  # fmt: skip
def test_types_unite_the_same_in_any_order(rows, stated):
    seen = [extra_types(pa.chunked_array([pa.array([row])])) for row in rows]
    for kind in stated:
        schemas = {"f": {"x": name_type(kind)}}
        seen.append(extra_types(pa.chunked_array([['{"x":null}']]), pa.chunked_array([["f"]]), schemas))
    fields = {
        str(extra_fields(unite_types(order), []).get("x"))
        for order in itertools.islice(itertools.permutations(seen), 120)
    }
    assert len(fields) == 1


def test_a_column_of_one_long_value_in_many_rows_is_read_in_small_chunks(tmp_path):
    note = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * 1_000_000]))
    pq.write_table(
        pa.table({"text": [f"words {i}" for i in range(400)], "note": note}), tmp_path / "a.parquet"
    )
    assert (tmp_path / "a.parquet").stat().st_size < 200_000
    chunks = read_all(tmp_path, options=ReadOptions(chunk_bytes=4_000_000))
    assert sum(len(chunk.pages) for chunk in chunks) == 400
    assert max(chunk.pages.nbytes for chunk in chunks) < 7_000_000


def test_a_row_whose_other_columns_are_over_the_limit_is_dropped_with_a_reason(tmp_path):
    pq.write_table(pa.table({"text": ["a", "b"], "note": ["x" * 2_000_000, "y"]}), tmp_path / "a.parquet")
    (chunk,) = read_all(tmp_path, options=ReadOptions(max_page_bytes=1_000_000))
    assert chunk.pages["drop_reason"].to_pylist() == ["page_too_large", None]
    assert chunk.pages["extra"].to_pylist() == [None, '{"note":"y"}']


def test_hostile_numbers_in_json_lines_are_rows(tmp_path):
    lines = ['{"text": "a", "n": %s}' % ("7" * 400), '{"text": "b", "n": 1e999}', '{"text": "c", "n": 2}',
             '{"text": "d", "n": "\\ud800"}', '{"text": "e", "n": ' + "[" * 300 + "]" * 300 + "}"]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    values = extras_of(tmp_path)["n"].to_pylist()
    assert values == ["7" * 400, "1e999", "2", '"\ufffd"', "[" * 300 + "]" * 300]
    assert json.loads(values[3])


def test_a_title_column_is_the_title_of_a_text_page(tmp_path):
    rows = [{"text": "a", "title": "T"}, {"html": "<p>a", "title": "T"}, {"text": "a", "title": 3}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (chunk,) = read_all(tmp_path)
    assert chunk.pages["title"].to_pylist() == ["T", None, None]
    assert chunk.pages["extra"].to_pylist() == [None, '{"title":"T"}', '{"title":3}']
