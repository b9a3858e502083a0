"""Kinds of lines: the counts of a line equal a plain loop, the network its matrices, and neighbours alone matter."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.signals import KIND_SIGNALS, KINDS, compute_signals, find_kinds, select_lines
from curate.signals.kinds import _N_OUTPUTS, N_HIDDEN, kind_at, load_network, make_scratch
from curate.signals.line_features import (
    _COUNTED,
    FEATURES,
    MAX_LINE_BYTES,
    N_FEATURES,
    N_LISTS,
    WORD_LISTS,
    load_tables,
    make_line_scratch,
    measure_line,
)

LESSON = """Sorting a list
To sort a list means to put its values in order, from the smallest to the largest, and there are many ways to do it.
    for i in range(len(values)):
        if values[i] < values[i - 1]:
            swap(values, i, i - 1)
The loop above compares each value with the one before it, and swaps the two where they stand in the wrong order.
"""
LISTED = {}
for number, words in enumerate(WORD_LISTS, 1):
    for word in words.split():
        LISTED.setdefault(word[:8], number)
CODE = "=<>+*^%~_\\@$#&|;`/(){}[]:"


def kind_of_byte(byte):
    character = chr(byte)
    if byte >= 0x80:
        return "wide"
    if "a" <= character <= "z":
        return "lower"
    if "A" <= character <= "Z":
        return "upper"
    if character.isdigit():
        return "digit"
    return "dot" if character == "." else "code" if character in CODE else "other"


def features_of(line):
    """What `measure_line` counts of the words and characters of a line, from the definitions alone."""
    encoded = line.encode()
    stripped = encoded.strip(bytes(range(33)))
    read = stripped[:MAX_LINE_BYTES]
    n_chars = max(len(read) - sum(0x80 <= byte < 0xC0 for byte in read), 1)
    words, word = [], b""
    for byte in [*read, 32]:
        if byte > 32:
            word += bytes([byte])
        elif word:
            words.append(word)
            word = b""
    n = max(len(words), 1)
    found = dict.fromkeys(FEATURES, 0.0)
    found |= {
        "bias": 1, "chars": math.log2(n_chars) / 8, "chars_long": min(n_chars, 120) / 120,
        "words": math.log2(1 + len(words)) / 5, "mean_word": min(n_chars / n, 16) / 16,
        "longest_word": min(max(map(len, words), default=0), 32) / 32, "one_word": len(words) == 1,
        "few_words": 2 <= len(words) <= 5,
    }  # fmt: skip
    for name, characters in zip(FEATURES[8:23], _COUNTED[:15], strict=True):
        found[name] = sum(byte in characters.encode() for byte in read) / n_chars
    found["wide"] = sum(byte >= 0xC0 for byte in read) / n_chars
    in_lists = [0] * (N_LISTS + 1)
    for place, word in enumerate(words):
        kinds = [kind_of_byte(byte) for byte in word]
        inner = set(kinds[1:-1])
        if not {"lower", "upper"} & set(kinds):
            found["number_words"] += "digit" in kinds
            found["marks_alone"] += not {"digit", "wide"} & set(kinds)
            continue
        found["title_words"] += kinds[0] == "upper" and "upper" not in kinds[1:]
        found["upper_words"] += "lower" not in kinds and len(kinds) > 1
        found["plain_words"] += kinds[0] == "lower" and inner <= {"lower", "wide"}
        found["camels"] += "upper" in kinds[1:] and "lower" in kinds
        found["identifiers"] += bool(inner & {"code", "dot"}) or kinds[0] in ("code", "dot")
        first, end = 0, len(word)
        while first < end and kind_of_byte(word[first]) in ("other", "code"):
            first += 1
        while first < end and kind_of_byte(word[end - 1]) in ("other", "code", "dot"):
            end -= 1
        if first < end:
            key = bytes(byte | 0x20 for byte in word[first:end][:8])
            listed = next((n for known, n in LISTED.items() if known.encode() == key), 0)
            in_lists[listed] += 1
            if place == 0:
                for j in range(1, N_LISTS + 1):
                    found[FEATURES[40 + j]] = listed == j
    for name in (
        "title_words",
        "upper_words",
        "plain_words",
        "number_words",
        "identifiers",
        "camels",
        "marks_alone",
    ):
        found[name] /= n
    for j in range(1, N_LISTS + 1):
        found[FEATURES[34 + j]] = in_lists[j] / n
    found["has_function"] = in_lists[1] > 0
    return found


TOLD = [
    name for name in FEATURES[:48] if name not in ("indented", "indent", "maths", "tabs", "gaps", "no_break")
]
TOLD += ["one_word", "few_words"]
WORDS = st.sampled_from(
    ["the", "The", "def", "x[0]", "a.b", "«été»", "42", "1.5", "--", "getName(", "login", "Copyright", "A", "日本", "e.g.",
     "(of)", "≤", "x", "January,", "cookies!", "word" * 40]
)  # fmt: skip


@given(st.lists(WORDS, min_size=1, max_size=60), st.text(max_size=40))
def test_the_counts_of_a_line_equal_a_plain_loop(words, text):
    for line in (" ".join(words), text.replace("\n", " ")):
        encoded = line.encode()
        stripped = encoded.strip(bytes(range(33)))
        if not stripped:
            continue
        start = encoded.index(stripped)
        row = np.zeros(N_FEATURES, np.float32)
        data = np.frombuffer(encoded, np.uint8)
        measure_line(data, 0, start, start + len(stripped), load_tables(), make_line_scratch(), row)
        expected = features_of(line)
        for name in TOLD:
            assert row[FEATURES.index(name)] == pytest.approx(float(expected[name]), abs=1e-5), (name, line)


@given(st.lists(st.one_of(st.text(max_size=30), st.sampled_from(LESSON.split("\n"))), max_size=12))
def test_a_kind_follows_from_the_matrices_and_the_two_neighbours(lines):
    text = "\n".join(line.replace("\n", " ") for line in lines)
    found = find_kinds(pa.array([text]))
    network, encoded = load_network(), text.encode()
    rows = np.zeros((len(found.kinds), N_FEATURES), np.float32)
    for j, (start, stop) in enumerate(found.bounds.tolist()):
        begin = encoded.rfind(b"\n", 0, start) + 1
        measure_line(found.data, begin, start, stop, load_tables(), make_line_scratch(), rows[j])
    states = rows @ network.inner
    hidden = states[:, N_HIDDEN : 2 * N_HIDDEN].copy()
    hidden[1:] += states[:-1, :N_HIDDEN]
    hidden[:-1] += states[1:, 2 * N_HIDDEN :]
    outputs = np.maximum(hidden, 0) @ network.outer[:-1] + network.outer[-1]
    chosen = outputs[np.arange(len(rows)), found.kinds]
    assert np.allclose(chosen, outputs[:, : len(KINDS)].max(axis=1, initial=-1e9), atol=1e-3)
    assert network.outer.shape[1] == _N_OUTPUTS
    for j, (start, stop) in enumerate(found.bounds.tolist()):
        begin = encoded.rfind(b"\n", 0, start) + 1
        end = encoded.find(b"\n", stop)
        end = len(encoded) if end < 0 else end
        alone = kind_at(found.data, 0, len(encoded), begin, end, load_tables(), network, make_scratch())
        assert alone == found.kinds[j]


def test_program_text_and_prose_are_told_apart():
    (lines,) = select_lines(pa.array([LESSON]), ("program", "output")).to_pylist()
    assert lines.split("\n") == [line.strip() for line in LESSON.split("\n")[2:5]]
    row = compute_signals(pa.array([LESSON]), KIND_SIGNALS).to_pylist()[0]
    assert row["frac_program_lines"] == row["frac_notation_lines"] == 0.5
    assert row["frac_prose_lines"] == pytest.approx(1 / 3)


def test_kinds_do_not_depend_on_neighbours_or_slices():
    texts = pa.array(["padding", LESSON, "", None, "Next page\nHome", LESSON])
    whole = compute_signals(texts, KIND_SIGNALS)
    for i in range(len(texts)):
        alone = compute_signals(texts[i : i + 1], KIND_SIGNALS)
        assert all(
            np.array_equal(a.to_numpy(), b.to_numpy(), equal_nan=True)
            for a, b in zip(alone.columns, whole.slice(i, 1).columns, strict=True)
        )
