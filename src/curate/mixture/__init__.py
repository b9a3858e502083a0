"""Mixtures: weights, budgets and caps over sources, domains and quality; the split; the order of training.

Budgets, shares and the order of training belong here; tokens are in `curate.tokens`, and no text is judged here.

Importing this package reads settings only; asking for `mix` or the order of windows loads the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.config import parse_tokens
from curate.mixture.settings import (
    MixtureSettings,
    Source,
    Stage,
    mixture_settings_from,
    read_mixture_settings,
)

if TYPE_CHECKING:
    from curate.mixture.order import WindowOrder, build_order, validation_windows
    from curate.mixture.run import mix

_HOME = {
    "WindowOrder": "curate.mixture.order",
    "build_order": "curate.mixture.order",
    "mix": "curate.mixture.run",
    "validation_windows": "curate.mixture.order",
}

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


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)
