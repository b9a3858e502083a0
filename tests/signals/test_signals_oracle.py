"""The kernels against the plain-Python oracle: equal counts, ratios to 1e-6."""

from __future__ import annotations

import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from oracle import signals_of

from curate.signals import DEFAULT_SIGNALS, SIGNALS, compute_signals

PIECES = [
    "the", "The", "of", "and", "TO", "with", "you", "I", "lorem", "ipsum", "Lorem ipsum", "LOREM IPSUM",
    "xlorem ipsumx",
    "word", "words", "longerword", "averyveryverylongword", "#tag", "{", "}", "...", "....", "……", "…",
    ". . .", "?", "!",
    "？", "！", "，", "、", "。", "。」", "end.", "end.)",
    'end."', "1.", "2)", "1234.", "٣", "½", "•", "- item",
    "* item",
    "● item", "-", "日本語", "です。次は", "العربية", "кириллица", "Ǆ", "ß", "😀", "e\u0301", "\u200b",
    "http://a.example",
    "www.example.org", "http", "{}", "$5", "a=b;", "\x00", "\x1c", "\u3000", "\xa0", "\u2028", "\x85",
    "\r\n", "\t", " ", "  ",
    "\n", "\n\n", "\n \n", "\n\n\n",
]  # fmt: skip
texts_of_pieces = st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join) | st.lists(
    st.sampled_from(PIECES), max_size=60
).map("".join)
texts = texts_of_pieces | st.text(max_size=200) | st.text("ab \n.", max_size=300)


def check(documents):
    got = compute_signals(pa.array(documents, pa.string())).to_pylist()
    for document, row in zip(documents, got, strict=True):
        want = signals_of(document)
        assert row.keys() == want.keys()
        for name, value in want.items():
            if SIGNALS[name].unit == "count" or name.startswith("max_"):
                assert row[name] == value, (name, document)
            elif math.isnan(value):
                assert math.isnan(row[name]), (name, document)
            else:
                assert row[name] == pytest.approx(value, abs=1e-6), (name, document)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
@example(["", " ", "\n", "word", "😀😀 😀", "日本語。です！", "مرحبا بالعالم؟ نعم."])
@example(["lorem ipsum" * 3, "x lorem  ipsum", "lorem\nipsum", "lorem ipsu"])
@example(
    ["a b c d e f g h i j " * 4, "ha " * 40, "one two three four five six. " * 3 + "\n" + "A b. C d. " * 9]
)
def test_every_signal_equals_the_oracle(documents):
    check(documents)


def test_null_counts_as_the_empty_text():
    row = compute_signals(pa.array([None, "x"]), ["n_words", "mean_word_chars"]).to_pylist()[0]
    assert row["n_words"] == 0
    assert math.isnan(row["mean_word_chars"])


def test_signals_do_not_depend_on_neighbours_slices_or_types():
    documents = ["The first. The first.", "日本語 " * 50, "", "a b " * 30, "last\nlast"]
    whole = compute_signals(pa.array(documents))
    for type_ in (pa.string(), pa.large_string()):
        array = pa.array(["padding", *documents], type_)[1:]
        for i in range(len(documents)):
            alone = compute_signals(array[i : i + 1])
            assert all(
                np.array_equal(a.to_numpy(), b.to_numpy(), equal_nan=True)
                for a, b in zip(alone.columns, whole.slice(i, 1).columns, strict=True)
            )
    chunked = pa.chunked_array([pa.array(documents[:2]), pa.array(documents[2:])])
    assert compute_signals(chunked).column("n_words").equals(whole.column("n_words"))


def test_threads_do_not_share_scratch():
    batches = [pa.array([f"word {i} of {j}. the end\n" * (1 + i % 7) for i in range(200)]) for j in range(8)]
    alone = [compute_signals(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(compute_signals, batches))
    assert all(a.equals(b) for a, b in zip(alone, together, strict=True))


def test_an_empty_batch_has_every_column_and_no_row():
    batch = compute_signals(pa.array([], pa.string()))
    assert batch.num_rows == 0
    assert tuple(batch.schema.names) == DEFAULT_SIGNALS


@pytest.mark.parametrize("unit", ["a", "a ", "ab cd ", "日", "x\n", "\n", "word word. "])
def test_a_line_of_ten_megabytes_is_measured(unit):
    text = unit * (10_000_000 // len(unit.encode()))
    row = compute_signals(pa.array([text, "after"])).to_pylist()[0]
    assert row["n_bytes"] == len(text.encode())
    assert row["n_words"] == len(text.split())
    assert row["n_lines"] == sum(bool(line.strip()) for line in text.split("\n"))


@pytest.mark.realdata
@pytest.mark.slow
def test_every_signal_equals_the_oracle_on_real_pages(real_pages):
    for start in range(0, len(real_pages), 500):
        check(real_pages[start : start + 500])


def test_texts_may_come_as_any_column_or_list() -> None:
    texts = ["Two words.", None, "Three words more."]
    expected = compute_signals(pa.array(texts), ["n_words"])
    for kind in (pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary()):
        assert compute_signals(pa.array(texts).cast(kind), ["n_words"]).equals(expected)
    assert compute_signals(texts, ["n_words"]).equals(expected)
