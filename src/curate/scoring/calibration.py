"""Calibration: a model's number to the probability that an annotator gives the positive level or more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Platt:
    """Platt's logistic curve: 1 / (1 + exp(-(slope * level + intercept)))."""

    slope: float
    intercept: float

    def apply(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map levels (N,) to probabilities (N,)."""
        x = np.clip(self.slope * levels.astype(np.float64) + self.intercept, -60.0, 60.0)
        return (1.0 / (1.0 + np.exp(-x))).astype(np.float32)

    def to_config(self) -> dict[str, Any]:
        """The curve as JSON, for `calibration_from_config`."""
        return {"kind": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising line through knots, level outside them. Knots rise strictly, so that ranks stay."""

    knots: tuple[float, ...]
    probabilities: tuple[float, ...]

    def apply(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map levels (N,) to probabilities (N,)."""
        return np.interp(levels.astype(np.float64), self.knots, self.probabilities).astype(np.float32)

    def to_config(self) -> dict[str, Any]:
        """The curve as JSON, for `calibration_from_config`."""
        return {"kind": "isotonic", "knots": list(self.knots), "probabilities": list(self.probabilities)}


Calibration = Platt | Isotonic


def calibration_from_config(config: dict[str, Any]) -> Calibration:
    """Make the calibration that a classifier's `config.json` states."""
    if config["kind"] == "platt":
        return Platt(float(config["slope"]), float(config["intercept"]))
    return Isotonic(tuple(config["knots"]), tuple(config["probabilities"]))
