"""Scorers: documents to one number in [0, 1] each, and where they come from; `ask` is how one is asked.

What a scorer needs to run belongs here; how it is fitted and measured is in `curate.fit`, and thresholds are in
`curate.run`.
"""

from curate.scoring.ask import Scored, ask, ask_all, score_columns, scored_columns, states_levels
from curate.scoring.classes import ClassScorer, FittedClasses
from curate.scoring.load import bundled_scorers, load_classifier, load_scorer
from curate.scoring.model import FittedScorer

__all__ = [
    "ClassScorer",
    "FittedClasses",
    "FittedScorer",
    "Scored",
    "ask",
    "ask_all",
    "bundled_scorers",
    "load_classifier",
    "load_scorer",
    "score_columns",
    "scored_columns",
    "states_levels",
]
