"""A document's whole story: where it came from, what was measured, and why it stayed or went."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curate.config import Paths
from curate.errors import SettingError, UnknownNameError
from curate.reasons import reason_words
from curate.results.open import KINDS, FinishedRun, read_run
from curate.results.original import Line, original_lines
from curate.results.render import describe_drop
from curate.rules import Rule, fails_rule
from curate.run.cut import LaneCut, reaches
from curate.run.manifest import ScoreFacts
from curate.scoring import load_scorer
from curate.scoring.model import FittedScorer
from curate.scoring.reasons import Reason, explain_program
from curate.text.printable import printable


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """One rule applied to one document; `passed` is None where the rule was not reached."""

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
        kept_twin: id and url of the document that this one is a copy of.
        twin_dropped: why that document was dropped itself, in words; None where it is in the data, or not known.
        twin_is_kept: whether it is in the data; None where there is none, or it is not of this run.
        lines_removed: lines that line rules took out of it before it was judged, by reason.
        languages: that the run was asked for.
        cut: the score from which documents of its kind were kept, None where none are scored.
        score_column: name of its first score column, None where none are scored.
        scores: every number that the document must reach, then the scores that decide nothing; empty where it was
            not scored.
        spared: what its score overruled, None where it passes its rules or was dropped.
        reasons: what raised and lowered the score of a program file, in words, the largest effect first; empty where
            its scorer cannot say, or is no longer there.
        original: its lines as they were before the line rules, and whether each was taken out; None where the input was not
            named.
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
    twin_dropped: str | None = None
    twin_is_kept: bool | None = None
    lines_removed: dict[str, int] = field(default_factory=dict[str, int])
    languages: tuple[str, ...] = ()
    reasons: list[Reason] = field(default_factory=list[Reason])
    original: list[Line] | None = None

    def what_keeps(self) -> str | None:
        """What would have kept a dropped document, as far as the run knows; None for a kept one."""
        if self.fate == "kept":
            return None
        document = self.document
        stage = document["drop_stage"]
        if stage == "language":
            return f"--language {document['language'] or 'any'}"
        if stage == "score":
            return f"a threshold of {document['drop_value']:.4g} or less: 'curate rethreshold'"
        if stage == "dedup":
            return f"--jaccard above {document['drop_value']:.4g}" if document["drop_value"] < 1 else None
        failed = [check.reason for check in self.checks if check.passed is False]
        return f"rules without {', '.join(failed)}, then its score" if failed else None

    def _repr_html_(self) -> str:
        """The story as a notebook shows it."""
        told = escape("\n".join(story_lines(self, whole_text=False)))
        struck = (
            re.sub(rf"^({re.escape(_STRUCK)})(.*)$", r"\1<s>\2</s>", told, flags=re.MULTILINE)
            if self.original
            else told
        )
        return f'<pre style="white-space:pre-wrap">{struck}</pre>'

    def __repr__(self) -> str:
        return f"<Story of '{printable(str(self.document.get('id')))}': {self.fate}>"


def explain(
    output: str | Path,
    key: str | None = None,
    *,
    reason: str | None = None,
    grep: str | None = None,
    sample: int = 5,
    source: Paths | None = None,
) -> list[Story]:
    """Tell the story of documents of a finished run.

    Args:
        output: the folder of the run.
        key: id, address or path of the document; where no address is that one, those are told that differ from it by
            scheme, `www.`, case or a slash at the end.
        reason: or documents dropped for this reason ('kept' for those that stayed), drawn by the hash of their ids.
        grep: words in text, title or address, whatever their case; alone, or with `reason`.
        sample: how many documents at most, of those found by `reason` or `grep`.
        source: the input that the run read: documents are read again, to show which lines were taken out of them.

    Raises:
        SettingError: `output` holds no finished run, or no document is like that; the nearest addresses are named.
    """
    if (key is None) == (reason is None and grep is None):
        raise SettingError("Give either the id, URL or path of a document, or --reason or --grep.")

    def tell(run: FinishedRun, database: duckdb.DuckDBPyConnection) -> list[Story]:
        told = _draw(database, run, reason, grep, sample) if key is None else _tell_all(database, run, key)
        if source is None:
            return told
        settings = run.manifest["settings"]
        return [replace(story, original=original_lines(settings, story.document, source)) for story in told]

    stories = read_run(output, tell)
    if key is None:
        return stories
    if not stories:
        near = read_run(output, lambda _run, database: _find_near(database, key))
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise SettingError(f"No document of {output} has the id, URL or path '{key}'.{meant}")
    return stories


def _tell_all(database: duckdb.DuckDBPyConnection, run: FinishedRun, key: str) -> list[Story]:
    for condition in (
        "id = $key OR url = $key OR path = $key",
        f"{_PLAIN_URL.format('url')} = {_PLAIN_URL.format('$key')}",
    ):
        found = [
            _tell(database, run, kind, row)
            for kind in KINDS
            for row in _find(database, kind, condition, key=key)
        ]
        if found:
            return found
    return []


_PLAIN_URL = r"rtrim(regexp_replace(lower({}), '^([a-z]+://)?(www\.)?', ''), '/')"
"""An address without what people leave out or type another way."""
_NEAR_FROM = (
    0.85  # Jaro-Winkler similarity of two addresses, 0 to 1; below it they share little beside their site
)


def _find_near(database: duckdb.DuckDBPyConnection, key: str) -> list[str]:
    """The three addresses most like a key that none has."""
    similarity = f"jaro_winkler_similarity({_PLAIN_URL.format('url')}, {_PLAIN_URL.format('$key')})"
    every = " UNION ALL ".join(f"SELECT url, {similarity} AS near FROM {kind}" for kind in KINDS)  # noqa: S608
    query = f"SELECT url FROM ({every}) WHERE near >= {_NEAR_FROM} GROUP BY url ORDER BY max(near) DESC, url LIMIT 3"  # noqa: S608
    return [url for (url,) in database.execute(query, {"key": key}).fetchall()]


def _draw(
    database: duckdb.DuckDBPyConnection, run: FinishedRun, reason: str | None, grep: str | None, sample: int
) -> list[Story]:
    if sample < 1:
        raise SettingError(f"sample must be at least 1, not {sample}.")
    known = ["kept", *dict.fromkeys(row["reason"] for row in run.manifest["funnel"]["dropped"])]
    if reason is not None and reason not in known:
        raise UnknownNameError("reason of this run", reason, known)
    conditions: list[str] = []
    values: dict[str, str] = {}
    if grep is not None:
        whole = "concat_ws(chr(10), title, url, text)"
        conditions.append(f"contains(lower({whole}), lower($grep))")
        values["grep"] = grep
    kinds = KINDS if reason is None else (("kept",) if reason == "kept" else ("dropped",))
    if kinds == ("dropped",):
        conditions.append("drop_reason = $reason")
        values["reason"] = str(reason)
    where = " AND ".join(conditions) or "true"
    order = f"md5(id), source, position LIMIT {sample}"
    stories = [
        _tell(database, run, kind, row)
        for kind in kinds
        for row in _find(database, kind, where, order=order, **values)
    ][:sample]
    if not stories:
        raise SettingError(f"No document of {run.path} is like that.")
    return stories


def _find(
    database: duckdb.DuckDBPyConnection,
    kind: str,
    condition: str,
    order: str = "source, position",
    **values: str,
) -> list[dict[str, Any]]:
    query = f"SELECT * FROM {kind} WHERE {condition} ORDER BY {order}"  # noqa: S608
    return database.sql(query, params=values or None).to_arrow_table().to_pylist()


def _tell(database: duckdb.DuckDBPyConnection, run: FinishedRun, kind: str, row: dict[str, Any]) -> Story:
    twins = _find(database, "dropped", "duplicate_of = $key", key=row["id"])
    wanted = tuple(run.manifest["settings"].get("language") or ())
    kept_twin = twin_dropped = twin_is_kept = None
    if row.get("duplicate_of"):
        found = [(k, r) for k in KINDS for r in _find(database, k, "id = $key", key=row["duplicate_of"])]
        kept_twin = (row["duplicate_of"], found[0][1]["url"] if found else None)
        if found:
            twin_is_kept = found[0][0] == "kept"
            twin_dropped = None if twin_is_kept else describe_drop(found[0][1], wanted)
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
        twin_dropped=twin_dropped,
        twin_is_kept=twin_is_kept,
        lines_removed={
            name: row[name] for name in run.manifest["funnel"].get("lines_removed", {}) if row.get(name)
        },
        languages=wanted,
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
    of_first = [limit.least for limit in cut.limits if list(limit.weights) == [cut.scores[0]]]
    return Spared(
        row["spared_by"],
        row["spared_value"],
        row["spared_limit"],
        row[cut.scores[0]],
        max(cut.spare_above or 0.0, *of_first, 0.0),
    )


def _check_rules(rule_sets: list[dict[str, Any]], row: dict[str, Any]) -> list[RuleCheck]:
    checks: list[RuleCheck] = []
    language = row.get("language")
    for rule_set in rule_sets:
        if row["kind"] not in rule_set["kinds"]:
            continue
        name = f"{rule_set['name']}@{rule_set['version']}" if rule_set["version"] else rule_set["name"]
        for rule in map(Rule.from_json, rule_set["rules"]):
            if not rule.judges(language):
                continue
            value, passed = row.get(rule.signal), None
            if isinstance(value, int | float):
                numbers = {each: pa.array([row.get(each)], pa.float64()) for each in rule.signals}
                signals = pa.RecordBatch.from_pydict(numbers)
                passed = not fails_rule(signals, rule, pa.array([language], pa.string()))[0]
            low, high = rule.limits_in(language)
            checks.append(RuleCheck(name, rule.reason, rule.signal, value, low, high, passed))
    return checks


# ---- a story in words ------------------------------------------------------------------------------------


_MOST_REASONS = 8
_STRUCK = "  - "


def story_lines(story: Story, *, whole_text: bool, around: str | None = None) -> list[str]:
    """Tell a story line by line; of the text its beginning, what stands `around` some words, or the whole."""
    document = story.document
    lines = [
        f"{story.fate.upper()}  {document['id']}",
        f"  url       {document['url'] or '-'}",
        f"  source    {document['source']}, record {document['position']}",
        f"  kind      {document['kind']}{_program(document)}",
        f"  date      {document['date'] or '-'}",
        f"  title     {document['title'] or '-'}",
    ]
    if document["language"]:
        lines.append(f"  language  {document['language']} ({document['language_confidence']:.3f})")
    if story.fate == "dropped":
        lines.append(f"  dropped   {document['drop_stage']}: {describe_drop(document, story.languages)}")
        if words := reason_words(document["drop_reason"]):
            lines.append(f"            {words}")
    if story.kept_twin:
        twin = " ".join(filter(None, story.kept_twin))
        jaccard = f"(Jaccard {document['jaccard']:.3f})"
        lines.append(f"  copy of   {twin} {jaccard}{_fate_of_twin(story)}")
    if keeps := story.what_keeps():
        lines.append(f"  stays by  {keeps}")
    if story.lines_removed:
        removed = ", ".join(f"{name} {n:,}" for name, n in story.lines_removed.items())
        lines.append(
            f"  lines     {sum(story.lines_removed.values()):,} taken out before the text below: {removed}"
        )
    lines += [f"  score     {check.name} = {check.value:.4f}{_needed(check)}" for check in story.scores]
    lines += [
        f"            {reason.effect:+.2f} levels: {reason.phrase}"
        for reason in story.reasons[:_MOST_REASONS]
    ]
    if story.spared:
        spared = story.spared
        lines.append(
            f"  spared    fails {spared.reason} (value {spared.value:.6g}, limit {spared.limit:.6g}), but its score "
            f"{spared.score:.4f} reaches {spared.needs:.4g}"
        )
    lines += [
        f"  copy of this one, removed: {i} {url or ''} (Jaccard {j:.3f})" for i, url, j in story.duplicates
    ]
    if any(check.value is not None for check in story.checks):
        lines.append("  rules")
        lines += [
            f"    {_mark(check)} {check.reason:<36} {_limits(check)}"
            for check in sorted(story.checks, key=_order)
        ]
    if story.original is not None:
        n_removed = sum(is_removed for _, is_removed in story.original)
        lines.append(
            f"  text, with the lines that were taken out marked '{_STRUCK.strip()}': {n_removed:,} of {len(story.original):,}"
        )
        return lines + [
            f"{_STRUCK if is_removed else '    '}{line.expandtabs(4)}" for line, is_removed in story.original
        ]
    body = document["text"] or ""
    shown = body if whole_text else _part(body, around)
    return [*lines, "  text", *(f"    {line.expandtabs(4)}" for line in shown.splitlines())]


def _program(document: dict[str, Any]) -> str:
    known = [document[name] for name in ("program_language", "path") if document.get(name)]
    return f" ({', '.join(known)})" if known else ""


def _fate_of_twin(story: Story) -> str:
    if story.twin_is_kept is None:
        return ", which is not of this run"
    return ", which is kept" if story.twin_is_kept else f", itself dropped: {story.twin_dropped}"


def _part(body: str, around: str | None) -> str:
    """The beginning of a text, or what stands around some words of it."""
    place = body.lower().find(around.lower()) if around else 0
    start = max(place - 200, 0)
    return ("..." if start else "") + body[start : start + 500] + ("..." if len(body) > start + 500 else "")


def _order(check: RuleCheck) -> int:
    """What fails first, what was not measured last."""
    return {False: 0, True: 1, None: 2}[check.passed]


def _needed(check: ScoreCheck) -> str:
    return "" if check.least is None else f", kept from {check.least:.4g}"


def _mark(check: RuleCheck) -> str:
    return {None: "    ", True: "pass", False: "FAIL"}[check.passed]


def _limits(check: RuleCheck) -> str:
    if check.value is None:
        return "not measured"
    low = "" if check.low is None else f"{check.low:g} <= "
    high = "" if check.high is None else f" <= {check.high:g}"
    return f"{low}{check.signal} = {check.value:.6g}{high}"
