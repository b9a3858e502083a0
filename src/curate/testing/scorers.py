"""Checks and small inputs for the tests of projects that use `curate`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.protocols import Scorer
from curate.scoring.ask import states_levels

__all__ = ["check_scorer"]

PAGES = (
    "Photosynthesis is how green plants make sugar from light, water and carbon dioxide.",
    "SALE!!! Blue shoes, red shoes - 50% off today only. Add to cart. Free shipping on orders over $40.",
    "Home\nAbout us\nContact\nLog in\n\n\nPage 1 of 3",
    "A triangle has three sides. Exercise 1: Find the third side of a right triangle whose legs are 3 and 4.",
    "",
    " \n\t ",
    "x",
    "光合作用は、光のエネルギーを使って水と二酸化炭素から糖を作る反応である。",
    "Die Straße führt am Fluß entlang. ÉCOLE, école, \N{COMBINING ACUTE ACCENT}e.",
    "\N{GRINNING FACE}" * 40,
    "word " * 20_000,
    "a" * 50_000,
    "null\x00byte \ufeff\u202e\ufffd",
    "1 2 3 4 5 6 7 8 9 10\n" * 200,
)  # fmt: skip


def check_scorer(scorer: Any, texts: Sequence[str] | None = None, *, tolerance: float = 0.0) -> None:
    """Check that `scorer` keeps the law of `curate.protocols.Scorer`.

    It is checked that the scorer has a name; takes lists and Arrow arrays (string, large_string, sliced, with
    nulls, of no document) and gives float32 of shape (N,) in [0, 1], with a number for empty text, for very long
    text, and for text that is no valid Unicode; gives every document the same score alone, in any order,
    beside any neighbours, and a second time; leaves its input as it was, and what it gave before; states a
    `fingerprint` that a copy in another process states too; and, if it has `score_levels`, gives the same scores there,
    with finite levels.

    Args:
        scorer: the object under test.
        texts: documents to try besides those of this module.
        tolerance: how much two scores of one document may differ. 0 for a scorer that is exact; a transformer
            in batches on a GPU may need 1e-3.

    Raises:
        AssertionError: Names the law that is broken.

    >>> class Rank:
    ...     name, fingerprint = "rank", "1"
    ...     def score(self, texts):
    ...         return np.linspace(0, 1, len(texts), dtype=np.float32)
    >>> check_scorer(Rank())
    Traceback (most recent call last):
    ...
    AssertionError: rank: the score of document 1 is 0.07692307978868484 in a batch and 0.0 alone
    """
    _require(isinstance(scorer, Scorer), f"{scorer!r} needs `name` and `score(texts)`")
    name = scorer.name
    _require(isinstance(name, str) and bool(name), f"{scorer!r}: the name is {name!r}, not a text")
    pages = [*PAGES, *(texts or ())]
    before = list(pages)
    first = _scores(scorer, pages, name)
    scores = first.copy()
    _require(pages == before, f"{name}: score changed the list it was given")
    _scores(scorer, pages[::-1], name)
    _require(np.array_equal(first, scores), f"{name}: a later call of score changed the scores given before")
    _check_independence(scorer, pages, scores, name, tolerance)
    _check_forms(scorer, pages, scores, name, tolerance)
    _check_fingerprint(scorer, name)
    if states_levels(scorer):
        levels, same = _call(scorer.score_levels, pages, name)
        _require(isinstance(levels, np.ndarray), f"{name}: levels are {type(levels).__name__}, not an array")
        _require(levels.dtype == np.float32, f"{name}: levels are {levels.dtype}, not float32")
        _require(levels.shape == (len(pages),), f"{name}: levels have shape {levels.shape}")
        _require(bool(np.isfinite(levels).all()), f"{name}: a level is not finite")
        _require(
            np.shape(same) == scores.shape, f"{name}: score_levels gave scores of shape {np.shape(same)}"
        )
        _compare(scores, same, name, "by `score`", "by `score_levels`", tolerance)


def _require(condition: bool, message: str) -> None:  # noqa: FBT001
    if not condition:
        raise AssertionError(message)


def _call(function: Callable[[Any], Any], texts: Any, name: str) -> Any:
    """Call the scorer; whatever it raises breaks the law that every document gets a score."""
    try:
        return function(texts)
    except Exception as error:
        kind = f"an Arrow array of {texts.type}" if isinstance(texts, pa.Array) else "a list"
        what = f"the document {str(texts[0])[:40]!r}" if len(texts) == 1 else f"{len(texts)} documents"
        called = getattr(function, "__name__", "score")
        raise AssertionError(
            f"{name}: {called} raised {type(error).__name__} on {kind} of {what}: {error}"
        ) from error


def _scores(scorer: Scorer, texts: Any, name: str) -> NDArray[np.float32]:
    scores: Any = _call(scorer.score, texts, name)
    _require(isinstance(scores, np.ndarray), f"{name}: score gave {type(scores).__name__}, not a numpy array")
    _require(scores.dtype == np.float32, f"{name}: scores are {scores.dtype}, not float32")
    _require(scores.shape == (len(texts),), f"{name}: {len(texts)} documents gave shape {scores.shape}")
    for bad, what in (
        (~np.isfinite(scores), "no number"),
        ((scores < 0) | (scores > 1), "a score outside [0, 1]"),
    ):
        _require(not bad.any(), f"{name}: document {np.flatnonzero(bad)[:1]} has {what}")
    return scores


def _compare(
    a: NDArray[np.float32], b: NDArray[np.float32], name: str, how_a: str, how_b: str, tolerance: float
) -> None:
    far = np.abs(a.astype(np.float64) - b) > tolerance
    if far.any():
        i = int(np.argmax(far))
        _require(False, f"{name}: the score of document {i} is {a[i]} {how_a} and {b[i]} {how_b}")  # noqa: FBT003


def _check_fingerprint(scorer: Any, name: str) -> None:
    """A digest, the same a second time and in the copy that a worker gets."""
    import cloudpickle

    stated = getattr(scorer, "fingerprint", None)
    _require(
        isinstance(stated, str) and bool(stated),
        f"{name}: the fingerprint is {stated!r}, not a text that changes with whatever decides the scores; a run cannot "
        "be gone on with",
    )
    _require(scorer.fingerprint == stated, f"{name}: the fingerprint is another one the second time")
    copy = pickle.loads(cloudpickle.dumps(scorer)).fingerprint  # noqa: S301 - made in the line itself
    _require(copy == stated, f"{name}: the fingerprint of a copy is {copy!r}, that of the scorer {stated!r}")


def _check_forms(
    scorer: Scorer, pages: list[str], scores: NDArray[np.float32], name: str, tolerance: float
) -> None:
    """Lists, both Arrow string types, slices, nulls, half surrogate pairs, no document at all."""
    _require(_scores(scorer, [], name).shape == (0,), f"{name}: no document must give no score")
    _scores(scorer, pa.array([], pa.string()), name)
    for arrow_type in (pa.string(), pa.large_string()):
        array = pa.array(["in front", *pages, "behind"], arrow_type)
        sliced = _scores(scorer, array.slice(1, len(pages)), name)
        _compare(scores, sliced, name, "in a list", f"in a slice of a {arrow_type} array", tolerance)
    with_null = _scores(scorer, pa.array([pages[0], None, pages[1]], pa.string()), name)
    _compare(scores[:2], with_null[[0, 2]], name, "in a list", "beside a null", tolerance)
    with_half = _scores(scorer, [pages[0], "half a pair \ud83d", pages[1]], name)
    _compare(scores[:2], with_half[[0, 2]], name, "in a list", "beside invalid Unicode", tolerance)


def _check_independence(
    scorer: Scorer, pages: list[str], scores: NDArray[np.float32], name: str, tolerance: float
) -> None:
    """Alone, backwards, repeated among many, and a second time."""
    alone = np.concatenate([_scores(scorer, [page], name) for page in pages])
    _compare(scores, alone, name, "in a batch", "alone", tolerance)
    backwards = _scores(scorer, pages[::-1], name)[::-1]
    _compare(scores, backwards, name, "in a batch", "in the batch backwards", tolerance)
    many = _scores(scorer, pages * 3, name)[len(pages) : 2 * len(pages)]
    _compare(scores, many, name, "in a batch", "in a larger batch", tolerance)
    _compare(scores, _scores(scorer, pages, name), name, "at first", "a second time", tolerance)
