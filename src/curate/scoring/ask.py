"""The one place that asks a scorer: what came out is checked, and what a scorer does not state is None.

A scorer may state a level beside its score, and may read only the beginning of a document. Whoever wants scores
calls `ask`, and need not know which kind of scorer it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.protocols import LevelScorer, Scorer, WindowScorer
from curate.scoring.model import FittedScorer, score_pages
from curate.text.gate import as_texts

Array = NDArray[np.float32]


class Scored(NamedTuple):
    """What a scorer says of N documents.

    Attributes:
        scores: float32 (N,), each in [0, 1].
        levels: float32 (N,) on the annotators' scale; None where the scorer states none.
        n_bytes_read: int64 (N,), UTF-8 bytes that the score rests on; None where the scorer does not say.
    """

    scores: Array
    levels: Array | None
    n_bytes_read: NDArray[np.int64] | None


def ask(scorer: Scorer, texts: Sequence[str] | pa.Array) -> Scored:
    """Score N documents, with what else the scorer states of them.

    Raises:
        SettingError: the scorer gave another number of scores, or one that is NaN or outside [0, 1].
    """
    return ask_all([scorer], texts)[0]


def ask_all(scorers: Sequence[Scorer], texts: Sequence[str] | pa.Array) -> list[Scored]:
    """Score N documents by several scorers; each gives the same as alone.

    Fitted scorers with windows of one size read the documents once: they share words and features.
    """
    array = as_texts(texts)
    by_window: dict[int, list[FittedScorer]] = {}
    for scorer in scorers:
        if isinstance(scorer, FittedScorer):
            by_window.setdefault(scorer.window_bytes, []).append(scorer)
    shared = {
        id(scorer): found
        for alike in by_window.values()
        for scorer, found in zip(alike, score_pages(alike, array), strict=True)
    }
    answers: list[Scored] = []
    for scorer in scorers:
        levels: Any = None
        if id(scorer) in shared:
            levels, scores = shared[id(scorer)]
        elif isinstance(scorer, LevelScorer) and states_levels(scorer):
            levels, scores = scorer.score_levels(array)
        else:
            scores = scorer.score(array)
        n_bytes = scorer.count_read(array) if isinstance(scorer, WindowScorer) else None
        answers.append(
            Scored(
                _checked(scorer, "score", scores, len(array)),
                None if levels is None else _checked(scorer, "level", levels, len(array)),
                n_bytes,
            )
        )
    return answers


def states_levels(scorer: Scorer) -> bool:
    """Whether the scorer states a level on its annotators' scale beside the score."""
    return isinstance(scorer, LevelScorer) and bool(getattr(scorer, "has_levels", True))


def score_columns(scorer: Scorer) -> list[tuple[str, str]]:
    """Names and Arrow types of the columns that the scorer gives: `edu_level`, `edu_score`, `edu_n_bytes_read`."""
    columns = [(f"{scorer.name}_level", "float")] if states_levels(scorer) else []
    columns.append((f"{scorer.name}_score", "float"))
    return columns + ([(f"{scorer.name}_n_bytes_read", "int64")] if isinstance(scorer, WindowScorer) else [])


def scored_columns(scorer: Scorer, scored: Scored) -> dict[str, pa.Array]:
    """The columns of `score_columns` for documents that the scorer was asked for."""
    values = {"level": scored.levels, "score": scored.scores, "n_bytes_read": scored.n_bytes_read}
    return {f"{scorer.name}_{key}": pa.array(each) for key, each in values.items() if each is not None}


def _checked(scorer: Scorer, what: str, values: Any, n_documents: int) -> Array:
    try:
        numbers = np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"The scorer '{scorer.name}' gave {what}s that are no numbers ({error}). Try curate.testing.check_scorer on it."
        ) from None
    if numbers.shape != (n_documents,):
        raise SettingError(
            f"The scorer '{scorer.name}' gave {what}s of shape {numbers.shape} for {n_documents:,} documents; "
            f"it must give one {what} each. Try curate.testing.check_scorer on it."
        )
    # Written so that NaN is bad.
    bad = ~((numbers >= 0) & (numbers <= 1)) if what == "score" else ~np.isfinite(numbers)
    if bad.any():
        wanted = "a number from 0 to 1" if what == "score" else "a finite number"
        raise SettingError(
            f"The scorer '{scorer.name}' gave the {what} {numbers[bad][0]:g}; it must be {wanted}. "
            "Try curate.testing.check_scorer on it."
        )
    return numbers
