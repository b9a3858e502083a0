"""What an ablation found: bits per byte of every run, and gaps to the first arm with their intervals.

An interval is over both things that could have come out otherwise: the training text (seeds, which share no
text) and the evaluation documents. The variance of a gap is the sum of that of its mean over seeds and that
over documents (of a ratio of sums), as for two crossed random factors; what the two have in common is counted
twice, which makes the interval a little too wide rather than too narrow (Owen, The pigeonhole bootstrap, 2007).
Degrees of freedom follow Welch and Satterthwaite. Intervals are not widened for the number of arms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gap:
    """Bits per byte of one arm less those of the first, on one domain; below 0 is better."""

    model: str
    domain: str
    arm: str
    gap: float
    """Mean over seeds; each seed's runs are compared with each other."""
    low: float | None
    high: float | None
    """95% interval over seeds and evaluation documents; null with one seed or one document."""
    spread: float | None
    """Standard deviation of the gap between seeds."""
    documents_error: float | None
    """Standard error of the gap over evaluation documents."""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Ablation:
    """The result of `ablate`."""

    arms: tuple[str, ...]
    """The first is what the others are compared with."""
    domains: tuple[str, ...]
    nats: Mapping[str, Mapping[str, Mapping[str, FloatArray]]]
    """By model, arm and domain: (n_seeds, n_documents)."""
    n_bytes: Mapping[str, NDArray[np.int64]]
    """By domain: UTF-8 bytes of each evaluation document."""
    facts: Mapping[str, Any]
    """Documents, tokens and left-out texts of each arm; tokens of a run, seeds, learning rate."""

    def bits_per_byte(self, model: str, domain: str, arm: str) -> FloatArray:
        """Bits per byte of each seed's run."""
        nats = self.nats[model][arm][domain]
        return nats.sum(axis=1) / math.log(2) / float(self.n_bytes[domain].sum())

    def gaps(self) -> list[Gap]:
        """Gaps of all arms but the first."""
        return [
            self.gap(model, domain, arm, self.arms[0])
            for model in self.nats
            for domain in self.domains
            for arm in self.arms[1:]
        ]

    def gap(self, model: str, domain: str, arm: str, base: str) -> Gap:
        """The gap of any arm to any other."""
        by_arm = self.nats[model]
        bits = (by_arm[arm][domain] - by_arm[base][domain]) / math.log(2)
        return _gap((model, domain, arm), bits, self.n_bytes[domain].astype(np.float64))

    def table(self) -> str:
        """A Markdown table: bits per byte of each arm, and its gap to the first with the interval."""
        found = {(gap.model, gap.domain, gap.arm): gap for gap in self.gaps()}
        lines = [
            f"| model | evaluated on | arm | bits per byte | gap to {self.arms[0]} (95%) |",
            "|---|---|---|---|---|",
        ]
        for model in self.nats:
            for domain in self.domains:
                for arm in self.arms:
                    mean = f"{self.bits_per_byte(model, domain, arm).mean():.3f}"
                    gap = found.get((model, domain, arm))
                    lines.append(f"| {model} | {domain} | {arm} | {mean} | {_describe(gap)} |")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Everything but single documents as JSON-able values."""
        gaps = [{name: getattr(gap, name) for name in Gap.__dataclass_fields__} for gap in self.gaps()]
        runs = {
            model: {
                domain: {arm: self.bits_per_byte(model, domain, arm).tolist() for arm in self.arms}
                for domain in self.domains
            }
            for model in self.nats
        }
        judged = {
            name: {"n_documents": len(n_bytes), "n_bytes": int(n_bytes.sum())}
            for name, n_bytes in self.n_bytes.items()
        }
        return {**self.facts, "evaluation": judged, "gaps": gaps, "bits_per_byte": runs}


def _gap(names: tuple[str, str, str], bits: FloatArray, n_bytes: FloatArray) -> Gap:
    """`bits`: differences (n_seeds, n_documents)."""
    from scipy.stats import t

    n_seeds, n_documents = bits.shape
    by_seed = bits.sum(axis=1) / n_bytes.sum()
    mean = float(by_seed.mean())
    if n_seeds < 2 or n_documents < 2:
        return Gap(*names, mean, None, None, None, None)
    over_seeds = float(by_seed.var(ddof=1)) / n_seeds
    rest = bits.mean(axis=0) - mean * n_bytes
    over_documents = float(rest @ rest) * n_documents / (n_documents - 1) / float(n_bytes.sum()) ** 2
    variance = over_seeds + over_documents
    half = 0.0
    if variance > 0:
        free = variance**2 / (over_seeds**2 / (n_seeds - 1) + over_documents**2 / (n_documents - 1))
        half = float(t.ppf(0.975, free)) * math.sqrt(variance)
    spread, error = math.sqrt(over_seeds * n_seeds), math.sqrt(over_documents)
    return Gap(*names, mean, mean - half, mean + half, spread, error)


def conclude(found: Ablation) -> list[str]:
    """What the gaps say, in words, and what they do not: Markdown list items."""
    lines: list[str] = []
    for gap in found.gaps():
        where = f"{gap.domain} ({gap.model})" if len(found.nats) > 1 else gap.domain
        if gap.low is None or gap.high is None:
            lines.append(f"- {where}: {gap.arm} {gap.gap:+.3f}; without an interval this says nothing.")
        elif gap.clear:
            least, most = sorted((abs(gap.low), abs(gap.high)))
            better, worse = (gap.arm, found.arms[0]) if gap.gap < 0 else (found.arms[0], gap.arm)
            lines.append(
                f"- {where}: {better} is better than {worse}, by {least:.3f} to {most:.3f} bits per byte."
            )
        else:
            widest = max(abs(gap.low), abs(gap.high))
            lines.append(
                f"- {where}: {gap.arm} and {found.arms[0]} are not told apart; a gap of up to {widest:.3f} either way may be "
                "there. More seeds, or more text to judge on, narrow it."
            )
    n = len(found.gaps())
    chance = f"Of {n} intervals about {n / 20:.1f} leave out 0 by chance. " if n > 4 else ""
    tokens = max(found.facts.get("n_tokens", {"": 0}).values())
    lines.append(
        f"- {chance}Models this small, after {tokens:,} tokens, show which text is nearer to the evaluation text; "
        "not whether a large model would reason better, nor anything of kinds of text that were not judged."
    )
    return lines


def _describe(gap: Gap | None) -> str:
    if gap is None:
        return "-"
    if gap.low is None:
        return f"{gap.gap:+.3f} (no interval: one seed or one document)"
    return f"{gap.gap:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}){'' if gap.clear else ', not clear'}"
