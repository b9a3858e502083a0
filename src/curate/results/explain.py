"""A document's whole story: where it came from, what was measured, and why it stayed or went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curate.errors import SettingError
from curate.results.open import FinishedRun, read_run
from curate.run.cut import LaneCut, reaches
from curate.run.manifest import ScoreFacts
from curate.scoring import load_scorer
from curate.scoring.model import FittedScorer
from curate.scoring.reasons import Reason, explain_program


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule applied to one document; `passed` is null where the rule was not reached."""

    rule_set: str
    reason: str
    signal: str
    value: float | None
    low: float | None
    high: float | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class ScoreCheck:
    """One number that a document must reach.

    Attributes:
        name: 'edu_score', or the mean in words where several scores are weighed.
        value: of the document.
        least: what it must reach; None for a score that decides nothing.
        passed: whether it does.
    """

    name: str
    value: float
    least: float | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Spared:
    """The rule that a kept document fails, and the score that overruled it: `score` reaches `needs`."""

    reason: str
    value: float
    limit: float
    score: float
    needs: float


@dataclass(frozen=True, slots=True)
class Story:
    """What a run knows of one document.

    Attributes:
        fate: 'kept' or 'dropped'.
        document: the output row, column by column.
        checks: every rule of the run with the document's value.
        duplicates: (id, url, Jaccard) of the documents that were removed in favour of this one.
        kept_twin: id and url of the document that stayed in favour of this one.
        cut: the score from which documents of its kind were kept, None where none are scored.
        score_column: name of its first score column, None where none are scored.
        scores: every number that the document must reach, then the scores that decide nothing; empty where it was
            not scored.
        spared: what its score overruled, None where it passes its rules or was dropped.
        reasons: what raised and lowered the score of a program file, in words, the largest effect first; empty where
            its scorer cannot say, or is no longer there.
    """

    fate: str
    document: dict[str, Any]
    checks: list[RuleCheck]
    duplicates: list[tuple[str, str | None, float]]
    kept_twin: tuple[str, str | None] | None
    cut: float | None
    score_column: str | None
    scores: list[ScoreCheck]
    spared: Spared | None
    reasons: list[Reason]


def explain(output: str | Path, key: str) -> list[Story]:
    """Tell the story of every document of a finished run whose id, URL or path is `key`.

    Raises:
        SettingError: `output` holds no finished run, or no document has that id, URL or path.
    """
    stories = read_run(output, lambda run, database: _tell_all(database, run, key))
    if not stories:
        raise SettingError(f"No document of {output} has the id, URL or path '{key}'.")
    return stories


def _tell_all(database: duckdb.DuckDBPyConnection, run: FinishedRun, key: str) -> list[Story]:
    return [
        _tell(database, run, kind, row)
        for kind in ("kept", "dropped")
        for row in _find(database, kind, "id = $key OR url = $key OR path = $key", key)
    ]


def _find(database: duckdb.DuckDBPyConnection, kind: str, condition: str, key: str) -> list[dict[str, Any]]:
    query = f"SELECT * FROM {kind} WHERE {condition} ORDER BY source, position"  # noqa: S608
    return database.sql(query, params={"key": key}).to_arrow_table().to_pylist()


def _tell(database: duckdb.DuckDBPyConnection, run: FinishedRun, kind: str, row: dict[str, Any]) -> Story:
    twins = _find(database, "dropped", "duplicate_of = $key", row["id"])
    kept_twin = None
    if row.get("duplicate_of"):
        found = [r for k in ("kept", "dropped") for r in _find(database, k, "id = $key", row["duplicate_of"])]
        kept_twin = (row["duplicate_of"], found[0]["url"] if found else None)
    cuts = ScoreFacts.from_manifest(run.manifest).cuts
    cut = next((each for each in cuts if row["kind"] in each.kinds), None)
    return Story(
        fate=kind,
        document=row,
        checks=_check_rules(run.manifest["rule_sets"], row),
        duplicates=[(twin["id"], twin["url"], twin["jaccard"]) for twin in twins],
        kept_twin=kept_twin,
        cut=cut.limits[0].least if cut else None,
        score_column=cut.scores[0] if cut else None,
        scores=_check_scores(cut, row) if cut else [],
        spared=_read_spared(cut, row) if cut else None,
        reasons=_find_reasons(run.manifest["settings"], row) if cut else [],
    )


def _find_reasons(settings: Mapping[str, Any], row: dict[str, Any]) -> list[Reason]:
    """Ask the scorer of program files once more, if it is a fitted one that can be loaded by its name."""
    name = settings.get("code_scorer")
    if row["kind"] != "code" or not isinstance(name, str) or row.get(f"{name}_score") is None:
        return []
    try:
        scorer = load_scorer(name)
    except SettingError:
        return []
    return explain_program(scorer, row["text"]) if isinstance(scorer, FittedScorer) else []


def _check_scores(cut: LaneCut, row: dict[str, Any]) -> list[ScoreCheck]:
    if row.get(cut.scores[0]) is None:
        return []
    table = pa.table({name: pa.array([row[name]], pa.float32()) for name in cut.scores})
    checks: list[ScoreCheck] = []
    for limit in cut.limits:
        values = limit.values(table)
        checks.append(
            ScoreCheck(limit.name, float(values[0]), limit.least, bool(reaches(values, limit.least)[0]))
        )
    decided = {check.name for check in checks}
    return checks + [
        ScoreCheck(name, row[name], least=None, passed=True) for name in cut.scores if name not in decided
    ]


def _read_spared(cut: LaneCut, row: dict[str, Any]) -> Spared | None:
    if row.get("spared_by") is None:
        return None
    first = next((limit.least for limit in cut.limits if list(limit.weights) == [cut.scores[0]]), 0.0)
    return Spared(
        row["spared_by"],
        row["spared_value"],
        row["spared_limit"],
        row[cut.scores[0]],
        max(cut.spare_above or 0.0, first),
    )


def _is_judged(rule: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a rule judges a document at all, by the signal that says which ones."""
    value = row.get(rule.get("where") or "")
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return True
    low, high = rule["where_low"], rule["where_high"]
    return (low is None or value >= low) and (high is None or value <= high)


def _check_rules(rule_sets: list[dict[str, Any]], row: dict[str, Any]) -> list[RuleCheck]:
    checks: list[RuleCheck] = []
    for rule_set in rule_sets:
        if row["kind"] not in rule_set["kinds"]:
            continue
        name = f"{rule_set['name']}@{rule_set['version']}" if rule_set["version"] else rule_set["name"]
        for rule in rule_set["rules"]:
            value, low, high = row.get(rule["signal"]), rule["low"], rule["high"]
            passed = None
            if isinstance(value, int | float):
                passed = (
                    (low is None or value >= low) and (high is None or value <= high)
                ) or not _is_judged(rule, row)
            checks.append(RuleCheck(name, rule["reason"], rule["signal"], value, low, high, passed))
    return checks
