"""The settings of `evaluate` and `curate evaluate`, declared once; those of a fit are its recipe."""

from __future__ import annotations

from dataclasses import dataclass

from curate.config import check, setting

N_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class EvaluateSettings:
    """How a scorer is measured. Checked at birth."""

    positive: float | None = setting(
        None,
        "The level from which a page counts as positive; left out, 1 of 0-1 labels, else as the scorer was fitted, else 3.",
        section="labels",
    )
    threshold: float = setting(
        0.5, "Score of the cut in the figures by slice.", section="measures", low=0, high=1
    )
    by_topic: bool = setting(
        True,  # noqa: FBT003
        "Find the topics of pages without one with the bundled classifier, and measure by topic.",
        section="measures",
    )
    n_resamples: int = setting(
        N_RESAMPLES, "Bootstrap resamples of the intervals.", section="measures", low=1
    )
    seed: int = setting(0, "Of the resampling.", section="measures", low=0)

    def __post_init__(self) -> None:
        check(self)
