"""A document's whole story: where it came from, what was measured, and why it stayed or went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from curate.errors import SettingError
from curate.results.open import FinishedRun, read_run


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
class Story:
    """What a run knows of one document.

    Attributes:
        fate: 'kept' or 'dropped'.
        document: the output row, column by column.
        checks: every rule of the run with the document's value.
        duplicates: (id, url, Jaccard) of the documents that were removed in favour of this one.
        kept_twin: id and url of the document that stayed in favour of this one.
        cut: the score from which documents were kept.
        score_column: name of the score column, null where nothing was scored.
    """

    fate: str
    document: dict[str, Any]
    checks: list[RuleCheck]
    duplicates: list[tuple[str, str | None, float]]
    kept_twin: tuple[str, str | None] | None
    cut: float | None
    score_column: str | None


def explain(output: str | Path, key: str) -> list[Story]:
    """Tell the story of every document of a finished run whose id or URL is `key`.

    Raises:
        SettingError: `output` holds no finished run, or no document has that id or URL.
    """
    stories = read_run(output, lambda run, database: _tell_all(database, run, key))
    if not stories:
        raise SettingError(f"No document of {output} has the id or URL '{key}'.")
    return stories


def _tell_all(database: duckdb.DuckDBPyConnection, run: FinishedRun, key: str) -> list[Story]:
    return [
        _tell(database, run, kind, row)
        for kind in ("kept", "dropped")
        for row in _find(database, kind, "id = $key OR url = $key", key)
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
    return Story(
        fate=kind,
        document=row,
        checks=_check_rules(run.manifest["rule_sets"], row),
        duplicates=[(twin["id"], twin["url"], twin["jaccard"]) for twin in twins],
        kept_twin=kept_twin,
        cut=run.manifest["funnel"]["cut"],
        score_column=run.score,
    )


def _check_rules(rule_sets: list[dict[str, Any]], row: dict[str, Any]) -> list[RuleCheck]:
    checks: list[RuleCheck] = []
    for rule_set in rule_sets:
        name = f"{rule_set['name']}@{rule_set['version']}" if rule_set["version"] else rule_set["name"]
        for rule in rule_set["rules"]:
            value, low, high = row.get(rule["signal"]), rule["low"], rule["high"]
            passed = None
            if isinstance(value, int | float):
                passed = (low is None or value >= low) and (high is None or value <= high)
            checks.append(RuleCheck(name, rule["reason"], rule["signal"], value, low, high, passed))
    return checks
