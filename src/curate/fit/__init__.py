"""Fitting and evaluating classifiers from annotated pages.

What learns from labels, and what measures a scorer on them, belongs here; the scorer that runs is in
`curate.scoring`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.fit.recipe import MemberRecipe, Recipe

if TYPE_CHECKING:
    from curate.fit.annotations import Annotations, read_annotations
    from curate.fit.annotators import Strictness, correlate_levels
    from curate.fit.classes import ClassesFit, fit_classes
    from curate.fit.evaluating import evaluate
    from curate.fit.evaluation import Evaluation
    from curate.fit.evaluation_report import render_evaluation, write_evaluation
    from curate.fit.fitting import FitResult, describe_annotators, fit_classifier

# The command line reads the recipe's settings; what does the work is imported when it is asked for.
_HOME = {
    "Annotations": "curate.fit.annotations",
    "ClassesFit": "curate.fit.classes",
    "Evaluation": "curate.fit.evaluation",
    "FitResult": "curate.fit.fitting",
    "Strictness": "curate.fit.annotators",
    "correlate_levels": "curate.fit.annotators",
    "describe_annotators": "curate.fit.fitting",
    "evaluate": "curate.fit.evaluating",
    "fit_classes": "curate.fit.classes",
    "fit_classifier": "curate.fit.fitting",
    "read_annotations": "curate.fit.annotations",
    "render_evaluation": "curate.fit.evaluation_report",
    "write_evaluation": "curate.fit.evaluation_report",
}

__all__ = [
    "Annotations",
    "ClassesFit",
    "Evaluation",
    "FitResult",
    "MemberRecipe",
    "Recipe",
    "Strictness",
    "correlate_levels",
    "describe_annotators",
    "evaluate",
    "fit_classes",
    "fit_classifier",
    "read_annotations",
    "render_evaluation",
    "write_evaluation",
]

# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)
