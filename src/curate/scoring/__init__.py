"""Scorers: documents to one number in [0, 1] each, and where they come from."""

from curate.scoring.classes import ClassScorer, FittedClasses
from curate.scoring.load import bundled_scorers, load_scorer
from curate.scoring.model import FittedScorer

__all__ = ["ClassScorer", "FittedClasses", "FittedScorer", "bundled_scorers", "load_scorer"]
