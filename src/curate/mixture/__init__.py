"""Mixtures: weights, budgets and caps over sources, domains and quality; the split; the order of training."""

from __future__ import annotations

from curate.config import parse_tokens
from curate.mixture.mix import mix
from curate.mixture.order import WindowOrder, build_order, validation_windows
from curate.mixture.settings import (
    MixtureSettings,
    Source,
    Stage,
    mixture_settings_from,
    read_mixture_settings,
)

__all__ = [
    "MixtureSettings",
    "Source",
    "Stage",
    "WindowOrder",
    "build_order",
    "mix",
    "mixture_settings_from",
    "parse_tokens",
    "read_mixture_settings",
    "validation_windows",
]
