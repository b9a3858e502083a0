"""`curate explain`: why a document was kept or dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.say import say

if TYPE_CHECKING:
    from curate.results.explain import RuleCheck, ScoreCheck, Story


_MOST_REASONS = 8


def explain_command(
    output: Annotated[Path, typer.Argument(help="The output folder of 'curate filter'.")],
    key: Annotated[str, typer.Argument(help="Id, URL or path of a document.")],
    *,
    text: Annotated[
        bool, typer.Option("--text", help="Show the whole text, not only its beginning.")
    ] = False,
) -> None:
    """Tell a document's whole story: source, language, every rule with its value, duplicates, score."""
    from curate.results.explain import explain

    stories = explain(output, key)
    if len(stories) > 1:
        say(f"{len(stories)} documents have the id, URL or path {key}; each is told.")
    for story in stories:
        say(*([""] if len(stories) > 1 else []), *_lines(story, whole_text=text))


def _lines(story: Story, *, whole_text: bool) -> list[str]:
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
        lines.append(f"  dropped   {document['drop_stage']}: {_reason(document)}")
    if story.kept_twin:
        kept_id, url = story.kept_twin
        lines.append(f"  stays     {kept_id} {url or ''} (Jaccard {document['jaccard']:.3f})")
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
        f"  removed in favour of this one: {i} {url or ''} (Jaccard {j:.3f})"
        for i, url, j in story.duplicates
    ]
    if any(check.value is not None for check in story.checks):
        lines.append("  rules")
        lines += [f"    {_mark(check)} {check.reason:<36} {_limits(check)}" for check in story.checks]
    body = document["text"] or ""
    shown = body if whole_text else body[:500] + ("..." if len(body) > 500 else "")
    return [*lines, "  text", *(f"    {line.expandtabs(4)}" for line in shown.splitlines())]


def _program(document: dict[str, Any]) -> str:
    known = [document[name] for name in ("program_language", "path") if document.get(name)]
    return f" ({', '.join(known)})" if known else ""


def _reason(document: dict[str, object]) -> str:
    value, limit, detail = document["drop_value"], document["drop_limit"], document["drop_detail"]
    if value is None:
        return f"{document['drop_reason']} ({detail})" if detail else str(document["drop_reason"])
    return f"{document['drop_reason']} (value {value:.6g}, limit {limit:.6g})"


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
