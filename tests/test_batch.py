"""Columns are added for some rows, rows are dropped for a reason, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curate.batch import add_columns, drop_rows, live_rows, take_rows


def start_table(reasons: list[str | None]) -> pa.Table:
    n = len(reasons)
    nothing = pa.nulls(n, pa.float64())
    return pa.table(
        {
            "id": range(n),
            "drop_reason": pa.array(reasons, pa.string()),
            "drop_stage": pa.array(reasons, pa.string()),
            "drop_value": nothing,
            "drop_limit": nothing,
        }
    )


@given(st.lists(st.sampled_from([None, "a"])), st.data())
def test_only_live_rows_get_a_reason_and_earlier_reasons_stay(
    reasons: list[str | None], data: st.DataObject
) -> None:
    table = start_table(reasons)
    rows = live_rows(table)
    new = data.draw(st.lists(st.sampled_from([None, "b", "c"]), min_size=len(rows), max_size=len(rows)))
    values = pa.array(np.arange(len(rows), dtype=np.float64))
    dropped = drop_rows(table, rows, "stage", pa.array(new, pa.string()), (values, values))
    expected = list(reasons)
    for row, reason in zip(rows, new, strict=True):
        expected[row] = reason
    assert dropped["drop_reason"].to_pylist() == expected
    for row, reason, value in zip(rows, new, values.to_pylist(), strict=True):
        assert dropped["drop_value"][row].as_py() == (value if reason else None)
        assert dropped["drop_stage"][row].as_py() == ("stage" if reason else None)
    assert dropped["id"].equals(table["id"])


def test_a_column_is_null_for_other_rows_and_an_old_one_keeps_its_values() -> None:
    table = start_table([None] * 4)
    rows = np.array([1, 3])
    table = add_columns(table, rows, {"n": pa.array([10, 30])})
    assert table["n"].to_pylist() == [None, 10, None, 30]
    table = add_columns(table, np.array([0, 3]), {"n": pa.array([1, 2])})
    assert table["n"].to_pylist() == [1, 10, None, 2]
    assert add_columns(table, np.array([], np.int64), {"m": pa.array([], pa.string())})["m"].null_count == 4


@given(
    st.lists(st.tuples(st.booleans(), st.none() | st.text(max_size=3), st.none() | st.text(max_size=3))),
    st.sampled_from([pa.string(), pa.large_string(), pa.binary()]),
    st.integers(0, 3),
)
def test_values_come_into_the_place_of_old_ones_in_pieces_or_whole(rows, kind, n_first) -> None:
    def typed(value: str | None) -> str | bytes | None:
        return value.encode() if value is not None and pa.types.is_binary(kind) else value

    texts = [[typed(old), typed(new)] for _, old, new in rows]
    old, new = (pa.array([pair[side] for pair in texts], kind) for side in (0, 1))
    at = np.flatnonzero(np.array([is_asked for is_asked, _, _ in rows], np.bool_))
    column = pa.chunked_array([old[:n_first], old[n_first:]])
    expected = [pair[is_asked] for (is_asked, _, _), pair in zip(rows, texts, strict=True)]
    table = pa.table({"text": column})
    assert add_columns(table, at, {"text": take_rows(new, at)})["text"].to_pylist() == expected
    assert (
        add_columns(table, at, {"text": take_rows(pa.chunked_array([new]), at)})["text"].to_pylist()
        == expected
    )
    assert take_rows(column, at).to_pylist() == old.take(pa.array(at)).to_pylist()


def test_a_column_in_one_piece_is_not_copied() -> None:
    texts = pa.array(["one", "two"])
    for column in (texts, pa.chunked_array([texts])):
        assert take_rows(column, np.arange(2)).buffers()[2].address == texts.buffers()[2].address


def test_values_find_their_rows_in_any_order() -> None:
    table = pa.table({"text": ["a", "b", "c"]})
    for rows in ([2, 0], [1, 2, 0]):
        values = pa.array([f"of {row}" for row in rows])
        expected = [f"of {row}" if row in rows else "abc"[row] for row in range(3)]
        assert add_columns(table, np.array(rows), {"text": values})["text"].to_pylist() == expected
