"""What an evaluation found, as data; rendered by `curate.fit.evaluation_report` and drawn by `evaluation_plots`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from curate.fit.annotations import Annotations
from curate.fit.metrics import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        scorer: name of the scorer.
        metrics: measures with intervals, by threshold, by bin of scores, and by slice of the pages.
        comparison: the second scorer less the first, with intervals; None without a second scorer.
        levels: float64 (N,), predicted; the scores where the scorer states no levels.
        scores: float64 (N,).
        annotations: the pages.
        other_scores: float64 (N,) of the second scorer, or None.
    """

    scorer: str
    metrics: dict[str, Any]
    comparison: dict[str, Any] | None
    levels: Vector
    scores: Vector
    annotations: Annotations
    other_scores: Vector | None = None

    def __repr__(self) -> str:
        return f"<Evaluation of '{self.scorer}' on {len(self.levels):,} pages; its figures are in .metrics>"
