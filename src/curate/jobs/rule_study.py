"""What rules do to pages whose level is known: behind `curate rules study`.

A rule is worth having where it removes poor pages that a score would keep, and no good ones. So for each rule: the share of
the pages of each level that it removes, how the pages it removes compare with others of the same score, which other rules
remove them as well, and the best of them to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.fit.annotations import read_annotations
from curate.rules import Rule, clean_lines, fails_rule, line_rules_of, load_rules, required_signals
from curate.scoring import ask, load_scorer
from curate.signals import compute_signals

N_RESAMPLES = 400
N_SCORE_BINS = 20
MAX_LEVELS = 12
_EXAMPLE_CHARS = 160

Interval = tuple[float, float, float]
"""A value, and the 95% interval around it: of a bootstrap over pages, or by the rule of three where a share is 0 or 1."""


@dataclass(slots=True)
class RuleFinding:
    """What one rule does.

    Attributes:
        reason: the rule; "any rule" for all of them together.
        limits: the rule in words.
        n_failing: pages that fail it, whichever rule came first.
        n_alone: of these, pages that fail no other rule.
        removed: level -> the share of its pages that fail.
        beyond_score: mean level of the failing pages less that of all pages with such a score; below 0 the rule knows
            something that the score does not. None without a scorer or under two failing pages.
        overlap: other rules -> share of the failing pages that fail them too, largest first.
        examples: the failing pages of the highest levels: `level`, `score`, `value`, `text` (its start).
    """

    reason: str
    limits: str
    n_failing: int
    n_alone: int
    removed: dict[str, Interval]
    beyond_score: Interval | None
    overlap: dict[str, float]
    examples: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(slots=True)
class RuleStudy:
    """The pages of a study by level, and what every rule does to them; the first finding is that of all rules."""

    rule_sets: list[str]
    scorer: str | None
    n_pages: dict[str, int]
    findings: list[RuleFinding]


def study_rules(
    annotations: str | Path | Sequence[str],
    rules: Sequence[str] = ("curate",),
    *,
    scorer: str | None = "edu",
    text_field: str = "text",
    level_field: str | None = None,
    n_examples: int = 3,
) -> RuleStudy:
    """Measure every rule on annotated pages.

    Args:
        annotations: files of annotated pages, as `curate fit` takes them. Pages with several levels count once, with
            their mean, rounded to the nearest whole level; pages with a `propensity` count by its inverse.
        rules: rule sets, as `load_rules` takes them; their line rules clean the texts first.
        scorer: a classifier to compare with, None for none.
        text_field: field of the text.
        level_field: field of the level; found by its usual names if left out.
        n_examples: pages to show for each rule.

    Raises:
        SettingError: the files hold no page with a level, or more levels than whole numbers up to 11.
    """
    rule_sets = load_rules(rules)
    pages = read_annotations(annotations, text_field=text_field, level_field=level_field)
    first, levels = _join_readings(pages.texts, pages.levels)
    texts, weights = pages.texts.take(pa.array(first)), 1 / np.maximum(pages.propensity[first], 1e-9)
    names = [f"{level:g}" for level in np.unique(np.round(levels))]
    if len(names) > MAX_LEVELS:
        raise SettingError(
            f"The levels of the annotations take {len(names)} whole values. Name another field with --level-field."
        )
    members = {name: np.round(levels) == float(name) for name in names}
    cleaned, _ = clean_lines(texts, line_rules_of(rule_sets))
    signals = compute_signals(cleaned, required_signals(rule_sets))
    scores = None if scorer is None else ask(load_scorer(scorer), cleaned).scores.astype(np.float64)
    beyond = None if scores is None else _beyond(levels, scores, weights)
    fails = {rule.reason: fails_rule(signals, rule) for rule_set in rule_sets for rule in rule_set.rules}
    of_any = np.any(list(fails.values()), axis=0) if fails else np.zeros(len(levels), bool)
    every = Rule("any rule", "n_words", low=0)
    findings: list[RuleFinding] = []
    for rule in (every, *(rule for rule_set in rule_sets for rule in rule_set.rules)):
        failing = of_any if rule is every else fails[rule.reason]
        others = (
            {} if rule is every else {name: found for name, found in fails.items() if name != rule.reason}
        )
        values = None if rule is every else signals[rule.signal].to_numpy(zero_copy_only=False)
        findings.append(
            RuleFinding(
                reason=rule.reason,
                limits="" if rule is every else describe_limits(rule),
                n_failing=int(failing.sum()),
                n_alone=int((failing & ~np.any(list(others.values()), axis=0)).sum())
                if others
                else int(failing.sum()),
                removed={name: _share(failing[mask], weights[mask]) for name, mask in members.items()},
                beyond_score=None if beyond is None else _mean(beyond[failing], weights[failing]),
                overlap=_overlap(failing, others),
                examples=_examples(failing, levels, scores, values, cleaned, n_examples),
            )
        )
    return RuleStudy(
        [rule_set.full_name for rule_set in rule_sets],
        scorer,
        {name: int(mask.sum()) for name, mask in members.items()},
        findings,
    )


def describe_limits(rule: Rule) -> str:
    """A rule in words: `60 <= n_words`, and which pages it judges."""
    text = _within(rule.signal, *rule.limits_in("en"))
    return (
        text
        if rule.where is None
        else f"{text}, where {_within(rule.where, rule.where_low, rule.where_high)}"
    )


def _within(signal: str, low: float | None, high: float | None) -> str:
    return f"{'' if low is None else f'{low:g} <= '}{signal}{'' if high is None else f' <= {high:g}'}"


def _join_readings(
    texts: pa.Array, levels: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The first row of every distinct text, and the mean of its levels."""
    _, rows = np.unique(np.array(texts.dictionary_encode().indices), return_inverse=True)
    first = np.unique(rows, return_index=True)[1]
    return first.astype(np.int64), np.bincount(rows, levels) / np.bincount(rows)


def _beyond(
    levels: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each page's level less the mean of the pages whose score falls into the same of 20 equally full bins."""
    edges = np.quantile(scores, np.linspace(0, 1, N_SCORE_BINS + 1)[1:-1])
    bins = np.searchsorted(edges, scores, side="right")
    total = np.bincount(bins, weights, N_SCORE_BINS)
    means = np.bincount(bins, weights * levels, N_SCORE_BINS) / np.maximum(total, 1e-12)
    return levels - means[bins]


def _resample(n: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).poisson(1.0, (N_RESAMPLES, n))


def _share(holds: NDArray[np.bool_], weights: NDArray[np.float64]) -> Interval:
    n = len(holds)
    value = float(np.average(holds, weights=weights))
    drawn = _resample(n) * weights
    low, high = np.percentile((drawn * holds).sum(1) / np.maximum(drawn.sum(1), 1e-12), [2.5, 97.5])
    if not holds.any():
        high = min(3 / n, 1.0)
    elif holds.all():
        low = max(1 - 3 / n, 0.0)
    return value, float(low), float(high)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Interval | None:
    if len(values) < 2:
        return None
    drawn = _resample(len(values)) * weights
    drawn = drawn[drawn.sum(1) > 0]
    low, high = np.percentile((drawn * values).sum(1) / drawn.sum(1), [2.5, 97.5])
    return float(np.average(values, weights=weights)), float(low), float(high)


def _overlap(failing: NDArray[np.bool_], others: dict[str, NDArray[np.bool_]]) -> dict[str, float]:
    n = max(int(failing.sum()), 1)
    shares = {name: float((failing & found).sum() / n) for name, found in others.items()}
    return dict(sorted(((k, v) for k, v in shares.items() if v > 0), key=lambda pair: (-pair[1], pair[0])))


def _examples(
    failing: NDArray[np.bool_],
    levels: NDArray[np.float64],
    scores: NDArray[np.float64] | None,
    values: NDArray[Any] | None,
    texts: pa.Array,
    n: int,
) -> list[dict[str, Any]]:
    rows = np.flatnonzero(failing)
    rows = rows[np.argsort(-levels[rows], kind="stable")][:n]
    return [
        {
            "level": float(levels[row]),
            "score": None if scores is None else float(scores[row]),
            "value": None if values is None else float(values[row]),
            "text": " ".join(texts[row].as_py()[: 2 * _EXAMPLE_CHARS].split())[:_EXAMPLE_CHARS],
        }
        for row in rows.tolist()
    ]
