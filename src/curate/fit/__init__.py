"""Fitting and evaluating classifiers from annotated pages."""

from curate.fit.annotations import Annotations, read_annotations
from curate.fit.annotators import Strictness, correlate_levels
from curate.fit.classes import ClassesFit, fit_classes
from curate.fit.evaluate import evaluate
from curate.fit.evaluation import Evaluation
from curate.fit.evaluation_report import render_evaluation, write_evaluation
from curate.fit.fitting import FitResult, describe_annotators, fit_classifier
from curate.fit.recipe import MemberRecipe, Recipe

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
