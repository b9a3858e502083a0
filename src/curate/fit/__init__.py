"""Fitting and evaluating classifiers from annotated pages."""

from curate.fit.annotations import Annotations, read_annotations
from curate.fit.fitting import FitResult, fit_classifier
from curate.fit.recipe import MemberRecipe, Recipe

__all__ = ["Annotations", "FitResult", "MemberRecipe", "Recipe", "fit_classifier", "read_annotations"]
