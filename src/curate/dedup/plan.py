"""What counts as a near-duplicate, and the bands that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from curate.errors import SettingError

_MAX_MEET_AT_HALF = 0.2
_MAX_ROWS = 16
_MAX_PERMUTATIONS = 4096
_LANES = 32  # permutations are padded to whole vectors


@dataclass(frozen=True, slots=True)
class DedupPlan:
    """Near-duplicates are documents whose sets of word shingles have a Jaccard similarity >= `jaccard`.

    Candidates meet in bands of MinHash rows. The numbers of bands and rows follow from `recall`: the least
    permutations with which a pair exactly at the threshold meets with that chance, while a pair at half the
    threshold meets in at most one of five cases. What meets is verified: this costs time, not precision.

    >>> plan = DedupPlan()
    >>> plan.n_bands, plan.n_rows, plan.n_permutations
    (18, 5, 90)
    >>> round(plan.chance_to_meet(0.8), 4)
    0.9992

    Attributes:
        jaccard: the threshold, in (0, 1].
        recall: wanted chance that a pair exactly at the threshold is found, in (0, 1).
        shingle_words: words per shingle; a document of fewer words is one shingle.
        seed: of the permutations; the same as datasketch's `MinHash(seed=...)`.
        n_bands: 0 to derive it.
        n_rows: rows per band; 0 to derive it.
    """

    jaccard: float = 0.8
    recall: float = 0.999
    shingle_words: int = 5
    seed: int = 1
    n_bands: int = field(default=0)
    n_rows: int = field(default=0)

    def __post_init__(self) -> None:
        if not 0 < self.jaccard <= 1:
            raise SettingError(
                f"jaccard is {self.jaccard}; give a similarity above 0 and up to 1, such as 0.8."
            )
        if not 0 < self.recall < 1:
            raise SettingError(f"recall is {self.recall}; give a chance between 0 and 1, such as 0.999.")
        if not 1 <= self.shingle_words <= 64:
            raise SettingError(f"shingle_words is {self.shingle_words}; give 1 to 64, such as 5.")
        if not 0 <= self.seed < 2**32:
            raise SettingError(f"seed is {self.seed}; give a whole number from 0 to 4294967295.")
        if (self.n_bands == 0) != (self.n_rows == 0) or min(self.n_bands, self.n_rows) < 0:
            raise SettingError("n_bands and n_rows go together; give both, or neither to derive them.")
        if self.n_bands == 0:
            n_bands, n_rows = _choose_bands(self.jaccard, self.recall)
            object.__setattr__(self, "n_bands", n_bands)
            object.__setattr__(self, "n_rows", n_rows)
        if self.n_permutations > _MAX_PERMUTATIONS:
            raise SettingError(
                f"{self.n_bands} bands of {self.n_rows} rows are more than {_MAX_PERMUTATIONS} permutations; "
                "give fewer."
            )

    @property
    def n_permutations(self) -> int:
        """Length of a signature."""
        return self.n_bands * self.n_rows

    def chance_to_meet(self, jaccard: float) -> float:
        """Chance that a pair of this similarity shares a band: 1 - (1 - jaccard ** rows) ** bands."""
        return 1 - (1 - jaccard**self.n_rows) ** self.n_bands

    def s_curve(self) -> list[tuple[float, float]]:
        """The curve of the plan: (similarity, chance to meet) at every twentieth from 0 to 1."""
        return [(step / 20, self.chance_to_meet(step / 20)) for step in range(21)]

    def permutations(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The factors and terms of the affine permutations, those of datasketch 2's scheme "affine32".

        Both are uint32, padded with the identity to a multiple of 32.
        """
        n = self.n_permutations
        generator = np.random.RandomState(self.seed)
        odd = generator.randint(0, 1 << 31, n, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        terms = generator.randint(0, 1 << 32, n, dtype=np.uint32)
        n_padding = -n % _LANES
        return np.append(odd, np.ones(n_padding, np.uint32)), np.append(terms, np.zeros(n_padding, np.uint32))


def _choose_bands(jaccard: float, recall: float) -> tuple[int, int]:
    """Find the least permutations that reach the recall without meeting too often at half the threshold.

    Where a low threshold would take too many, it is the affordable choice that meets least often there.
    """
    choices: list[tuple[float, int, int, int]] = []
    for n_rows in range(1, _MAX_ROWS + 1):
        chance = jaccard**n_rows
        n_bands = 1 if chance >= recall else math.ceil(math.log1p(-recall) / math.log1p(-chance))
        meets_at_half = 1 - (1 - (jaccard / 2) ** n_rows) ** n_bands
        excess = max(0.0, meets_at_half - _MAX_MEET_AT_HALF)
        if n_bands * n_rows <= _MAX_PERMUTATIONS:
            choices.append((excess, n_bands * n_rows, n_bands, n_rows))
    if not choices:
        raise SettingError(
            f"No bands of up to {_MAX_PERMUTATIONS} permutations find {recall} of the pairs at jaccard "
            f"{jaccard}; give a lower recall or a higher threshold."
        )
    _, _, n_bands, n_rows = min(choices)
    return n_bands, n_rows
