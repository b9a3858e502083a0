"""The one gate for texts: what is taken, what is refused, and that every door stands in it."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from curate.dedup import find_duplicates
from curate.errors import SettingError, TextsError
from curate.scoring import load_scorer
from curate.scoring.adapters import ScorerTransformer, map_function
from curate.text import gate
from curate.text.gate import as_texts

TWO = ["Water boils at 100 degrees.", "Buy shoes!"]
NAN = float("nan")

TAKEN = {
    "list": (lambda: [*TWO, None], [*TWO, None]),
    "tuple": (lambda: tuple(TWO), TWO),
    "generator": (lambda: (text for text in TWO), TWO),
    "generator with half a surrogate pair": (
        lambda: (text for text in ["a", "b\ud800", "c"]),
        ["a", "b?", "c"],
    ),
    "values of a dictionary": (lambda: dict(enumerate(TWO)).values(), TWO),
    "list with missing values": (lambda: ["a", NAN, pd.NA, pd.NaT, np.float32("nan")], ["a", *[None] * 4]),
    "bytes": (lambda: [b"a", "b", b"\xff"], ["a", "b", "\ufffd"]),
    "numpy str": (lambda: np.array(TWO), TWO),
    "numpy str with half a surrogate pair": (lambda: np.array(["a\ud800", "b"]), ["a?", "b"]),
    "numpy bytes of unequal length": (lambda: np.array([b"a", b"bbb"]), ["a", "bbb"]),
    "numpy object": (lambda: np.array([*TWO, None], object), [*TWO, None]),
    "numpy strings of any length": (lambda: np.array(TWO, np.dtypes.StringDType()), TWO),
    "numpy, nothing in it": (lambda: np.array([]), []),
    "numpy, all missing": (lambda: np.array([NAN, NAN], np.float32), [None, None]),
    "pandas": (lambda: pd.Series([*TWO, None]), [*TWO, None]),
    "pandas object": (lambda: pd.Series([*TWO, NAN], dtype=object), [*TWO, None]),
    "pandas, all missing": (lambda: pd.Series([NAN, NAN]), [None, None]),
    "pandas category": (lambda: pd.Series(TWO, dtype="category"), TWO),
    "pandas index": (lambda: pd.Index(TWO), TWO),
    "polars": (lambda: pl.Series([*TWO, None]), [*TWO, None]),
    "polars category": (lambda: pl.Series(TWO, dtype=pl.Categorical), TWO),
    "polars null": (lambda: pl.Series([None, None]), [None, None]),
    "arrow": (lambda: pa.array([*TWO, None]), [*TWO, None]),
    "arrow, chunks": (lambda: pa.chunked_array([["a"], ["b", None]], pa.string()), ["a", "b", None]),
    "arrow, no chunk": (lambda: pa.chunked_array([], pa.string()), []),
    "arrow view": (lambda: pa.array(TWO).cast(pa.string_view()), TWO),
    "arrow dictionary": (lambda: pa.array(TWO).dictionary_encode(), TWO),
    "arrow, a dictionary a chunk": (
        lambda: pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]),
        ["a", "b"],
    ),
    "arrow null": (lambda: pa.nulls(2), [None, None]),
    "arrow floats, all NaN": (lambda: pa.array([NAN, None], pa.float32()), [None, None]),
    "arrow numbers, none": (lambda: pa.array([], pa.int64()), []),
    "arrow bytes that are no UTF-8": (lambda: pa.array([b"\xff", b"a"]), ["\ufffd", "a"]),
}
REFUSED = {
    "a class": lambda: str,
    "str": lambda: "some text",
    "bytes": lambda: b"some text",
    "set": lambda: set(TWO),
    "integers": lambda: [1, 2],
    "arrow integers": lambda: pa.array([1, 2]),
    "arrow lists": lambda: pa.array([["a"]]),
    "numpy integers": lambda: np.array([1, 2]),
    "numpy floats": lambda: np.array([1.5, NAN]),
    "numpy, two dimensions": lambda: np.array([["a", "b"], ["c", "d"]]),
    "pandas integers": lambda: pd.Series([1, 2]),
    "polars integers": lambda: pl.Series([1, 2]),
    "a number among texts": lambda: ["a", 3],
    "lists": lambda: [["a"], ["b"]],
    "number": lambda: 5,
    "None": lambda: None,
}
TABLES = {
    "pandas table": lambda: pd.DataFrame({"text": TWO}),
    "polars table": lambda: pl.DataFrame({"text": TWO}),
    "lazy polars table": lambda: pl.LazyFrame({"text": TWO}),
    "arrow table": lambda: pa.table({"text": TWO}),
    "dictionary of columns": lambda: {"text": TWO},
}


@pytest.mark.parametrize("form", TAKEN)
def test_whatever_holds_texts_is_taken_in_its_order(form):
    make, expected = TAKEN[form]
    taken = as_texts(make())
    assert taken.to_pylist() == expected
    assert pa.types.is_string(taken.type) or pa.types.is_large_string(taken.type)


@pytest.mark.parametrize("form", [*REFUSED, *TABLES])
def test_what_holds_no_texts_is_refused_with_one_error(form):
    with pytest.raises(TextsError, match="^Texts must") as caught:
        as_texts((REFUSED | TABLES)[form]())
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, SettingError)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def doors():
    """Every function that a user hands texts to."""
    scorer, transformer, add = load_scorer("edu"), ScorerTransformer("edu").fit(None), map_function("edu")
    return {
        "score": scorer.score,
        "score_levels": scorer.score_levels,
        "count_read": scorer.count_read,
        "predict": load_scorer("topic:Health").score,
        "find_duplicates": find_duplicates,
        "map_function": lambda texts: add({"text": texts}),
        "transform": transformer.transform,
    }


@pytest.mark.parametrize("form", TAKEN)
def test_every_door_takes_what_the_gate_takes(form, doors):
    for take in doors.values():
        take(TAKEN[form][0]())


@pytest.mark.parametrize("form", REFUSED)
def test_every_door_refuses_what_the_gate_refuses(form, doors):
    for name, take in doors.items():
        if name == "transform" and form == "numpy, two dimensions":
            continue
        with pytest.raises(TextsError, match="^Texts must"):
            take(REFUSED[form]())


def test_a_score_does_not_depend_on_what_holds_the_texts(doors):
    expected = doors["score"](TWO)
    for form, (make, texts) in TAKEN.items():
        if list(texts[:2]) == TWO:
            np.testing.assert_array_equal(doors["score"](make())[:2], expected, err_msg=form)
    padded = doors["score"](np.array([text.encode() for text in TWO]))
    np.testing.assert_array_equal(padded, expected)


def test_a_list_of_strings_is_laid_out_without_asking_arrow_which_would_import_pandas(monkeypatch):
    texts = ["one", "", "zwölf", "\0"]
    monkeypatch.setattr(gate.pa, "array", None)
    found = as_texts(texts)
    found.validate(full=True)
    assert found.to_pylist() == texts
    assert as_texts([]).to_pylist() == []


def test_strings_of_more_than_two_gib_together_get_wide_offsets(monkeypatch):
    chunks = pa.chunked_array([["a"], ["bc"]], pa.string())
    monkeypatch.setattr(gate, "_MOST_BYTES_OF_STRINGS", 2)
    assert as_texts(chunks).type == pa.large_string()
    assert as_texts(chunks).to_pylist() == ["a", "bc"]
    binary = pa.chunked_array([[b"a"], [b"bc"]], pa.binary())
    assert as_texts(binary).to_pylist() == ["a", "bc"]


@pytest.mark.slow
def test_a_column_of_more_than_two_gib_is_scored_as_parts_of_it_are():
    part = pa.array(["A triangle has three sides. " * 40_000] * 100)
    column = pa.chunked_array([part] * 21)
    assert column.nbytes > 2 << 30
    scorer = load_scorer("edu")
    np.testing.assert_array_equal(scorer.score(column), np.tile(scorer.score(part), 21))


def test_duplicates_of_a_table_of_any_library_are_found():
    rows = {"id": ["x", "y"], "text": [TWO[0] + "\ud800", TWO[0] + "?"]}
    for table in (
        pd.DataFrame({"id": ["x", "y"], "text": [TWO[0]] * 2}),
        pl.DataFrame({"id": ["x", "y"], "text": [TWO[0]] * 2}),
    ):
        assert find_duplicates(table)["removed_id"].to_pylist() == ["y"]
    assert find_duplicates(rows["text"])["removed_id"].to_pylist() == [1]
    view = pa.table({"id": pa.array(["x", "y"]).cast(pa.string_view()), "text": [TWO[0]] * 2})
    assert find_duplicates(view)["kept_id"].to_pylist() == ["x"]
    with pytest.raises(SettingError, match="'id' holds list"):
        find_duplicates(pa.table({"id": [["x"], ["y"]], "text": [TWO[0]] * 2}))
    with pytest.raises(TextsError, match="dict of columns"):
        find_duplicates(rows)
