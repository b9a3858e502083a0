"""A cascade: a fast scorer for every document, and a slow one for those that it is unsure of.

Both state probabilities, so their scores stand on one scale; levels they state both or neither. A document's
score depends on that document alone: whether the second scorer is asked is settled by the first one's score of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.protocols import Scorer
from curate.scoring.ask import Scored, ask, count_bytes_read, states_levels
from curate.scoring.storage import fingerprint
from curate.text.gate import as_texts

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
        fingerprint: digest of the configuration, or of the parts and the band; "" where a part states none.
    """

    name: str
    first: Scorer
    second: Scorer
    low: float = 0.1
    high: float = 0.9
    fingerprint: str = ""

    def __post_init__(self) -> None:
        """Refuse a band that is none, and two parts of which only one states levels."""
        if not 0 <= self.low <= self.high <= 1:
            raise SettingError(
                f"The band of a cascade is [{self.low}, {self.high}]; set 0 <= low <= high <= 1."
            )
        if states_levels(self.first) != states_levels(self.second):
            with_levels, without = (
                (self.first, self.second) if states_levels(self.first) else (self.second, self.first)
            )
            raise SettingError(
                f"A cascade needs two scorers that state levels, or two that state none: '{with_levels.name}' "
                f"states them and '{without.name}' does not, so their numbers would stand in one column."
            )

        parts = [getattr(part, "fingerprint", None) for part in (self.first, self.second)]
        if all(parts) and not self.fingerprint:
            self.fingerprint = fingerprint({"parts": parts, "band": [self.low, self.high]})

    def __repr__(self) -> str:
        return (
            f"<Cascade '{self.name}': {self.first!r}, then {self.second!r} in [{self.low:g}, {self.high:g}]>"
        )

    @property
    def has_levels(self) -> bool:
        """Whether the parts state levels."""
        return states_levels(self.first)

    @property
    def languages(self) -> tuple[str, ...] | None:
        """Codes of the languages that both parts are for; None where neither names one."""
        both = [named for part in (self.first, self.second) if (named := getattr(part, "languages", None))]
        return tuple(code for code in both[0] if all(code in named for named in both)) if both else None

    def score(self, texts: Sequence[str] | pa.Array, /) -> Array:
        """The scores, float32 (N,)."""
        return self._ask(texts).scores

    def score_levels(self, texts: Sequence[str] | pa.Array, /) -> tuple[Array, Array]:
        """(levels, scores), both float32 (N,).

        Raises:
            SettingError: the parts state no levels.
        """
        levels, scores = (found := self._ask(texts)).levels, found.scores
        if levels is None:
            raise SettingError(f"The parts of the cascade '{self.name}' state no levels; ask for scores.")
        return levels, scores

    def count_read(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.int64]:
        """Count the bytes of every document that either scorer may read, int64 (N,)."""
        array = as_texts(texts)
        counts = [count_bytes_read(part, array) for part in (self.first, self.second)]
        return np.maximum(*counts)

    def _ask(self, texts: Sequence[str] | pa.Array) -> Scored:
        array = as_texts(texts)
        first = ask(self.first, array)
        rows = np.flatnonzero((first.scores >= self.low) & (first.scores <= self.high))
        if not len(rows):
            return first
        second = ask(self.second, array.take(pa.array(rows)))
        scores = first.scores.copy()
        scores[rows] = second.scores
        if first.levels is None or second.levels is None:
            return Scored(scores, None, None)
        levels = first.levels.copy()
        levels[rows] = second.levels
        return Scored(scores, levels, None)
