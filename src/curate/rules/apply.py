"""Signals + rules -> why each document is dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import whole
from curate.errors import UnknownNameError
from curate.rules.load import required_signals
from curate.rules.model import Rule, RuleSet
from curate.rules.sets import RULE_SETS

OFTEN = 0.5
"""A rule that drops a larger share of the documents than this is warned about."""
LANGUAGE_FLOOR = 20  # fewer documents in a language say nothing of a rule
NEVER_FLOOR = 1000  # fewer documents say nothing of a rule that fires on one in a thousand


def apply_rules(
    signals: pa.RecordBatch,
    rule_sets: Sequence[RuleSet],
    *,
    hard_first: bool = False,
    languages: pa.Array | pa.ChunkedArray | None = None,
) -> pa.RecordBatch:
    """Judge N documents by their signals: the first rule that fails, in the order of the sets, is the reason.

    Args:
        signals: one column per signal that the rules read.
        rule_sets: the rules.
        languages: code of each document's language; left out, all are taken for English.
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
        low, high = _limits_of(rule, languages, n_documents)
        fails = fails_rule(signals, rule, languages)
        failed[fails] = j
        fails_hard |= fails & rule.hard
        values[fails] = column[fails]
        above = (column > high) | np.isneginf(low)
        limits[fails] = np.where(above, high, low)[fails]
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


def rule_warnings(
    counts: Mapping[str, int], n_documents: int, rule_sets: Sequence[RuleSet], language: str | None = None
) -> list[str]:
    """One line for each own rule that no document failed, from 1,000 judged on, and each rule that over half failed.

    A rule of a set that comes with curate has been seen to fire elsewhere: that nothing fails it here is no news.

    With a language the documents are those in it, and only the second is said.

    Args:
        counts: documents that fail a rule, by its reason.
        n_documents: documents that were judged.
        rule_sets: the rules of the run.
        language: of the documents, where they are those of one language.
    """
    warnings: list[str] = []
    where = "" if language is None else f" in {language}"
    for rule_set in rule_sets:
        for rule in rule_set.rules:
            n, name = counts.get(rule.reason, 0), f"Rule {rule.reason} of {rule_set.full_name}"
            if (
                n == 0
                and n_documents >= NEVER_FLOOR
                and language is None
                and rule_set.full_name not in RULE_SETS
            ):
                warnings.append(f"{name} was failed by none of {n_documents:,} documents.")
            elif n > OFTEN * n_documents:
                warnings.append(
                    f"{name} was failed by {n:,} of {n_documents:,} documents{where} ({n / n_documents:.0%})."
                )
    return warnings


def warn_by_language(counts: Sequence[Mapping[str, Any]], rule_sets: Sequence[RuleSet]) -> list[str]:
    """The warnings of `rule_warnings` for each language of a run; none where all documents are in one language.

    Args:
        counts: what `count_by_language` gave for each part of the run.
        rule_sets: the rules of the run.
    """
    n_judged: Counter[str] = Counter()
    n_failing: dict[str, Counter[str]] = {}
    for part in counts:
        for language, found in part.items():
            n_judged[language] += found["n_judged"]
            n_failing.setdefault(language, Counter()).update(found["n_failing"])
    if len(n_judged) < 2:
        return []
    enough = sorted(language for language, n in n_judged.items() if n >= LANGUAGE_FLOOR)
    return [
        warning
        for language in enough
        for warning in rule_warnings(n_failing[language], n_judged[language], rule_sets, language)
    ]


def count_failing(
    signals: pa.RecordBatch, rule_sets: Sequence[RuleSet], languages: pa.Array | pa.ChunkedArray | None = None
) -> dict[str, int]:
    """Count the documents that fail each rule, by reason, whichever rule came first for a document."""
    counts: dict[str, int] = {}
    for rule in (rule for rule_set in rule_sets for rule in rule_set.rules):
        counts[rule.reason] = int(np.count_nonzero(fails_rule(signals, rule, languages)))
    return counts


def count_by_language(
    signals: pa.RecordBatch, rule_sets: Sequence[RuleSet], languages: pa.Array | pa.ChunkedArray
) -> dict[str, dict[str, Any]]:
    """Count what was judged and what fails each rule for each language; documents in none are left out."""
    languages = whole(languages)
    coded = languages.cast(pa.string()).dictionary_encode()
    names = coded.dictionary.to_pylist()
    numbers = coded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    n_judged = np.bincount(numbers, minlength=len(names))
    found: dict[str, dict[str, Any]] = {
        name: {"n_judged": int(n), "n_failing": {}} for name, n in zip(names, n_judged, strict=False)
    }
    for rule in (rule for rule_set in rule_sets for rule in rule_set.rules):
        n_failing = np.bincount(numbers[fails_rule(signals, rule, languages)], minlength=len(names))
        for name, n in zip(names, n_failing, strict=False):
            if n:
                found[name]["n_failing"][rule.reason] = int(n)
    return found


def fails_rule(
    signals: pa.RecordBatch, rule: Rule, languages: pa.Array | pa.ChunkedArray | None = None
) -> NDArray[np.bool_]:
    """Which of N documents fail one rule, whatever the others say; none of those that it does not judge."""
    low, high = _limits_of(rule, languages, signals.num_rows)
    fails = ~_lie_within(signals, rule.signal, low, high)
    if rule.by_language:  # where the rule has no limit for a language, not even NaN fails
        fails &= ~(np.isneginf(low) & np.isposinf(high))
    if rule.where is not None:
        asked = signals.column(rule.where).to_numpy(zero_copy_only=False)
        fails &= _lie_within(signals, rule.where, *_limits(rule.where_low, rule.where_high)) | np.isnan(asked)
    if languages is None:
        return fails if not rule.languages or "en" in rule.languages else np.zeros_like(fails)
    if rule.languages:
        fails &= _are_in(languages, rule.languages, of_null=True)
    if rule.except_languages:
        fails &= ~_are_in(languages, rule.except_languages, of_null=False)
    return fails


def _are_in(
    languages: pa.Array | pa.ChunkedArray, codes: Sequence[str], *, of_null: bool
) -> NDArray[np.bool_]:
    found = pc.is_in(languages, pa.array(list(codes), pa.string()))
    if of_null:
        found = pc.or_(found, pc.is_null(languages))
    return np.asarray(
        found.to_numpy() if isinstance(found, pa.ChunkedArray) else found.to_numpy(zero_copy_only=False)
    )


def _lie_within(
    signals: pa.RecordBatch, name: str, low: float | NDArray[np.float64], high: float | NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether values lie between two limits, both closed; NaN does not."""
    values = signals.column(name).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return (values >= low) & (values <= high)


def _limits_of(
    rule: Rule, languages: pa.Array | pa.ChunkedArray | None, n_documents: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high for each of N documents, by its language where the rule has limits by language."""
    if not rule.by_language or languages is None:
        low, high = _limits(*rule.limits_in("en"))
        return np.full(n_documents, low), np.full(n_documents, high)
    coded = whole(languages).cast(pa.string()).fill_null("en").dictionary_encode()
    pairs = [_limits(*rule.limits_in(code)) for code in coded.dictionary.to_pylist()]
    lows, highs = np.array(pairs, np.float64).reshape(-1, 2).T
    at = coded.indices.to_numpy(zero_copy_only=False)
    return lows[at], highs[at]


def _limits(low: float | None, high: float | None) -> tuple[float, float]:
    return -np.inf if low is None else low, np.inf if high is None else high
