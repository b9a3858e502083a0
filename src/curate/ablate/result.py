"""What an ablation found: every run's bits per byte, gaps to the first arm, and whether they stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Gap:
    """Bits per byte of one arm less those of the first, on one domain; below 0 is better."""

    model: str
    domain: str
    arm: str
    gap: float
    """Mean over seeds; each seed's runs are compared with each other."""
    low: float
    high: float
    """95% interval of the mean by Student's t over seeds."""
    spread: float
    """Standard deviation of the gap between seeds."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Ablation:
    """The result of `ablate`."""

    arms: tuple[str, ...]
    """The first is what the others are compared with."""
    domains: tuple[str, ...]
    n_tokens: int
    """Training tokens of every run."""
    bits_per_byte: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    """By model, domain and arm: one number for each seed."""
    facts: Mapping[str, Any]
    """Documents, tokens and left-out texts of each arm, settings, learning rate."""

    def gaps(self) -> list[Gap]:
        """Gaps of all arms but the first."""
        return [
            _gap(model, domain, arm, np.asarray(runs[arm]) - np.asarray(runs[self.arms[0]]))
            for model, by_domain in self.bits_per_byte.items()
            for domain, runs in by_domain.items()
            for arm in self.arms[1:]
        ]

    def table(self) -> str:
        """A Markdown table: bits per byte of each arm, and its gap to the first with the interval."""
        found = {(gap.model, gap.domain, gap.arm): gap for gap in self.gaps()}
        lines = [
            f"| model | evaluated on | arm | bits per byte | gap to {self.arms[0]} (95%) | gap / spread |",
            "|---|---|---|---|---|---|",
        ]
        for model, by_domain in self.bits_per_byte.items():
            for domain, runs in by_domain.items():
                for arm in self.arms:
                    gap = found.get((model, domain, arm))
                    mean = f"{np.mean(runs[arm]):.4f}"
                    lines.append(f"| {model} | {domain} | {arm} | {mean} | {_describe(gap)} |")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        gaps = [{name: getattr(gap, name) for name in Gap.__dataclass_fields__} for gap in self.gaps()]
        runs = {
            m: {d: {a: list(v) for a, v in r.items()} for d, r in b.items()}
            for m, b in self.bits_per_byte.items()
        }
        return {"n_tokens": self.n_tokens, "gaps": gaps, "bits_per_byte": runs, **self.facts}


def _gap(model: str, domain: str, arm: str, gaps: np.ndarray) -> Gap:
    from scipy.stats import t

    n, mean = len(gaps), float(gaps.mean())
    spread = float(gaps.std(ddof=1)) if n > 1 else math.nan
    half = float(t.ppf(0.975, n - 1)) * spread / math.sqrt(n) if n > 1 else math.nan
    return Gap(model, domain, arm, mean, mean - half, mean + half, spread)


def _describe(gap: Gap | None) -> str:
    if gap is None:
        return "- | -"
    over = f"{abs(gap.gap) / gap.spread:.1f}" if gap.spread > 0 else "-"
    return f"{gap.gap:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}){'' if gap.clear else ', not clear'} | {over}"
