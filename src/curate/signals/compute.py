"""Signals of a batch of documents: numbers about a text that depend on that text alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from curate.signals.catalogue import DEFAULT_SIGNALS
from curate.signals.measured import Measured
from curate.signals.names import parse_signal
from curate.text.gate import as_texts


def compute_signals(
    texts: Any,
    names: Sequence[str] = DEFAULT_SIGNALS,
    *,
    languages: pa.Array | pa.ChunkedArray | None = None,
) -> pa.RecordBatch:
    """Compute signals of N documents: one column per name, in the order given.

    Texts come as an Arrow array of strings of any kind, a column or a list (`curate.text.gate.as_texts`).
    Counts are int64. Everything else is float64 and NaN where it is undefined, such as the mean length of a
    word in a text with no words. Null counts as the empty text. The signals of a document do not depend on
    its neighbours.

    The names in `DEFAULT_SIGNALS` come from one pass over the bytes; a peer's reading of a signal, named by
    parameters such as `n_words[words=uniseg]`, takes a pass of its own. `languages` are the codes of the documents, for the
    signals that depend on these; left out, all are taken for English.

    >>> batch = compute_signals(pa.array(["Two words.", ""]), ["n_words", "mean_word_chars"])
    >>> batch.to_pylist()
    [{'n_words': 2, 'mean_word_chars': 4.5}, {'n_words': 0, 'mean_word_chars': nan}]

    Raises:
        UnknownNameError: a signal or one of its parameters is not known.
        TextsError: what came is no texts.
    """
    readings = [parse_signal(name) for name in names]
    measured = Measured(as_texts(texts), languages, with_lines=any(map(_asks_for_lines, names)))
    columns: list[pa.Array] = []
    for reading in readings:
        values = reading.signal.formula(measured, reading.parameters)
        columns.append(pa.array(np.ascontiguousarray(values)))
    return pa.RecordBatch.from_arrays(columns, names=list(names))


def check_signals(names: Sequence[str]) -> None:
    """Refuse a name that `compute_signals` does not know, or whose reading needs a package that is not installed.

    Raises:
        UnknownNameError: a signal or one of its parameters is not known.
        MissingPackageError: says what to type.
    """
    for name in names:
        _asks_for_lines(name)


@cache
def _asks_for_lines(name: str) -> bool:
    """Whether a signal is counted from lines or paragraphs: most rules look at words alone, and need not wait for these."""
    nothing = Measured(pa.array([], pa.large_string()), with_lines=False)
    reading = parse_signal(name)
    reading.signal.formula(nothing, reading.parameters)
    return nothing.with_lines
