"""A cascade: a fast scorer for every document, and a slow one for those that it is unsure of.

Both state probabilities, so their scores stand on one scale. A document's score depends on that document
alone: whether the second scorer is asked is settled by the first one's score of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.protocols import LevelScorer, Scorer, WindowScorer
from curate.scoring.texts import as_arrow
from curate.text.words import view_utf8

Array = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Cascade:
    """Two scorers, the second for documents whose first score lies in [low, high].

    Attributes:
        name: of the cascade.
        first: asked for every document.
        second: asked for those in the band.
        low: lower end of the band.
        high: upper end of the band.
        fingerprint: digest of the configuration where the cascade is bundled, else "".
    """

    name: str
    first: Scorer
    second: Scorer
    low: float = 0.1
    high: float = 0.9
    fingerprint: str = ""

    def __post_init__(self) -> None:
        """Check the band."""
        if not 0 <= self.low <= self.high <= 1:
            msg = f"The band of a cascade is [{self.low}, {self.high}]; set 0 <= low <= high <= 1."
            raise SettingError(msg)

    def score(self, texts: Sequence[str] | pa.Array, /) -> Array:
        """Give the scores, float32 (N,)."""
        return self.score_levels(texts)[1]

    def score_levels(self, texts: Sequence[str] | pa.Array, /) -> tuple[Array, Array]:
        """Give (levels, scores), both float32 (N,); a scorer without levels gives its scores for them."""
        array = as_arrow(texts)
        levels, scores = _ask(self.first, array)
        levels, scores = levels.copy(), scores.copy()
        rows = np.flatnonzero((scores >= self.low) & (scores <= self.high))
        if len(rows):
            levels[rows], scores[rows] = _ask(self.second, array.take(pa.array(rows)))
        return levels, scores

    def count_read(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.int64]:
        """Count the bytes of every document that either scorer may read, int64 (N,)."""
        array = as_arrow(texts)
        counts = [
            part.count_read(array) if isinstance(part, WindowScorer) else np.diff(view_utf8(array)[1])
            for part in (self.first, self.second)
        ]
        return np.maximum(*counts)


def _ask(scorer: Scorer, texts: pa.Array) -> tuple[Array, Array]:
    if isinstance(scorer, LevelScorer):
        return scorer.score_levels(texts)
    scores = scorer.score(texts)
    return scores, scores
