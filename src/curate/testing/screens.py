"""`check_screen`: the law of screens, as a check for users' own tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import SettingError
from curate.rules.own import ask_screen, load_screen
from curate.signals import DEFAULT_SIGNALS, compute_signals
from curate.testing.scorers import PAGES

__all__ = ["check_screen"]


def check_screen(screen: str | Callable[[pa.RecordBatch], Any], texts: Sequence[str] | None = None) -> None:
    """Check that a screen keeps the law of `curate.rules.own`.

    It is checked that it gives one answer a document (a reason or null, or a mask), says the same of a document alone, in
    any order, beside any neighbours and a second time, and takes documents without address, title or language.

    Args:
        screen: the function, or its name as for `--screen`.
        texts: documents to try besides those of `check_scorer`.

    Raises:
        AssertionError: names the law that is broken.

    >>> check_screen(lambda documents: np.arange(len(documents)) % 2 == 0)
    Traceback (most recent call last):
    ...
    AssertionError: <lambda>: of document 1 it says '<lambda>' in a batch and None alone
    """
    function = load_screen(screen) if isinstance(screen, str) else screen
    name = screen if isinstance(screen, str) else getattr(screen, "__name__", "screen")
    batch = make_documents([*PAGES, *(texts or ())])
    first = _ask(name, function, batch)
    backwards = pa.array(np.arange(len(batch))[::-1])
    doubled = pa.Table.from_batches([batch, batch]).combine_chunks().to_batches()[0]
    alone = [_ask(name, function, batch.slice(row, 1))[0] for row in range(len(batch))]
    for answers, how in (
        (alone, "alone"),
        (_ask(name, function, batch.take(backwards))[::-1], "in the batch backwards"),
        (_ask(name, function, doubled)[len(batch) :], "in a larger batch"),
        (_ask(name, function, batch), "a second time"),
    ):
        for row, (one, other) in enumerate(zip(first, answers, strict=True)):
            if one != other:
                raise AssertionError(
                    f"{name}: of document {row} it says {one!r} in a batch and {other!r} {how}"
                )


def make_documents(texts: Sequence[str]) -> pa.RecordBatch:
    """A batch of made-up documents as a screen gets them; every third one has no address, title, date or language."""
    array = pa.array(texts, pa.string())
    numbers = range(len(texts))

    def known(values: Sequence[str]) -> pa.Array:
        return pa.array([None if row % 3 == 2 else value for row, value in enumerate(values)], pa.string())

    signals = compute_signals(array, list(DEFAULT_SIGNALS))
    columns = {
        "id": pa.array([f"{row:032x}" for row in numbers]),
        "url": known([f"https://example.org/{row}" for row in numbers]),
        "date": known(["2024-05-01T00:00:00Z"] * len(texts)),
        "source": pa.array(["made-up.jsonl"] * len(texts)),
        "position": pa.array(numbers, pa.int64()),
        "kind": pa.array([("page", "text", "code")[row % 3] for row in numbers]),
        "title": known([f"Page {row}" for row in numbers]),
        "text": array,
        "language": known(["en"] * len(texts)),
        "language_confidence": pa.array([0.9] * len(texts), pa.float32()),
    }
    columns |= dict(zip(signals.schema.names, signals.columns, strict=True))
    return pa.RecordBatch.from_pydict(columns)


def _ask(name: str, function: Callable[[pa.RecordBatch], Any], batch: pa.RecordBatch) -> list[str | None]:
    try:
        return ask_screen(name, function, batch).to_pylist()
    except SettingError as error:
        raise AssertionError(str(error)) from error
    except Exception as error:
        raise AssertionError(
            f"{name}: it raised {type(error).__name__} on {len(batch)} documents: {error}"
        ) from error
