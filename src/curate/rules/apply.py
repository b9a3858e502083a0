"""Signals + rules -> why each document is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import UnknownNameError
from curate.rules.load import required_signals
from curate.rules.model import Rule, RuleSet
from curate.rules.sets import RULE_SETS

OFTEN = 0.5
"""A rule that drops a larger share of the documents than this is warned about."""
NEVER_FLOOR = 1000  # fewer documents say nothing of a rule that fires on one in a thousand


def apply_rules(
    signals: pa.RecordBatch, rule_sets: Sequence[RuleSet], *, hard_first: bool = False
) -> pa.RecordBatch:
    """Judge N documents by their signals: the first rule that fails, in the order of the sets, is the reason.

    Args:
        signals: one column per signal that the rules read.
        rule_sets: the rules.
        hard_first: hard rules go before all others, so that the reason of a document that fails one is a hard rule.

    Returns:
        `drop_reason` (string, null for a document that stays), `drop_value` (float64, the signal; NaN where
        it was undefined), `drop_limit` (float64, the limit that it broke) and `is_sparable` (bool: it fails
        a rule, and no hard one).

    Raises:
        UnknownNameError: a rule reads a signal that is not among the columns.
    """
    n_documents = signals.num_rows
    for name in required_signals(rule_sets):
        if name not in signals.schema.names:
            raise UnknownNameError("signal column", name, signals.schema.names)
    rules = [rule for rule_set in rule_sets for rule in rule_set.rules]
    if hard_first:
        rules.sort(key=lambda rule: not rule.hard)
    fails_hard = np.zeros(n_documents, np.bool_)
    failed = np.full(n_documents, len(rules), np.int64)
    values, limits = np.zeros(n_documents), np.zeros(n_documents)
    # Backwards, so that earlier rules overwrite later ones.
    for j in range(len(rules) - 1, -1, -1):
        rule = rules[j]
        column = signals.column(rule.signal).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        low, high = _limits(rule.low, rule.high)
        fails = _fails(signals, rule)
        failed[fails] = j
        fails_hard |= fails & rule.hard
        values[fails] = column[fails]
        broken = (
            low if rule.high is None else high if rule.low is None else np.where(column > high, high, low)
        )
        limits[fails] = np.broadcast_to(broken, n_documents)[fails]
    stays = failed == len(rules)
    reasons = pa.DictionaryArray.from_arrays(
        pa.array(failed, mask=stays), pa.array([rule.reason for rule in rules], pa.string())
    )
    return pa.RecordBatch.from_arrays(
        [
            reasons.cast(pa.string()),
            pa.array(values, pa.float64(), mask=stays),
            pa.array(limits, pa.float64(), mask=stays),
            pa.array(~stays & ~fails_hard),
        ],
        names=["drop_reason", "drop_value", "drop_limit", "is_sparable"],
    )


def rule_warnings(counts: Mapping[str, int], n_documents: int, rule_sets: Sequence[RuleSet]) -> list[str]:
    """One line for each own rule that no document failed, from 1,000 judged on, and each rule that over half failed.

    A rule of a set that comes with curate has been seen to fire elsewhere: that nothing fails it here is no news.

    Args:
        counts: documents that fail a rule, by its reason.
        n_documents: documents that were judged.
        rule_sets: the rules of the run.
    """
    warnings: list[str] = []
    for rule_set in rule_sets:
        for rule in rule_set.rules:
            n, name = counts.get(rule.reason, 0), f"Rule {rule.reason} of {rule_set.full_name}"
            if n == 0 and n_documents >= NEVER_FLOOR and rule_set.full_name not in RULE_SETS:
                warnings.append(f"{name} was failed by none of {n_documents:,} documents.")
            elif n > OFTEN * n_documents:
                warnings.append(
                    f"{name} was failed by {n:,} of {n_documents:,} documents ({n / n_documents:.0%})."
                )
    return warnings


def count_failing(signals: pa.RecordBatch, rule_sets: Sequence[RuleSet]) -> dict[str, int]:
    """Count the documents that fail each rule, by reason, whichever rule came first for a document."""
    counts: dict[str, int] = {}
    for rule in (rule for rule_set in rule_sets for rule in rule_set.rules):
        counts[rule.reason] = int(np.count_nonzero(_fails(signals, rule)))
    return counts


def _fails(signals: pa.RecordBatch, rule: Rule) -> NDArray[np.bool_]:
    """Which documents fail a rule; none of those that it does not judge."""
    fails = ~_lie_within(signals, rule.signal, rule.low, rule.high)
    if rule.where is not None:
        asked = signals.column(rule.where).to_numpy(zero_copy_only=False)
        fails &= _lie_within(signals, rule.where, rule.where_low, rule.where_high) | np.isnan(asked)
    return fails


def _lie_within(
    signals: pa.RecordBatch, name: str, low: float | None, high: float | None
) -> NDArray[np.bool_]:
    """Whether values lie between two limits, both closed; NaN does not."""
    values = signals.column(name).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    least, most = _limits(low, high)
    return (values >= least) & (values <= most)


def _limits(low: float | None, high: float | None) -> tuple[float, float]:
    return -np.inf if low is None else low, np.inf if high is None else high
