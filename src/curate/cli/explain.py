"""`curate explain`: why a document was kept or dropped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.say import say

if TYPE_CHECKING:
    from curate.results.explain import RuleCheck, ScoreCheck, Story


def explain_command(
    output: Annotated[Path, typer.Argument(help="The output folder of 'curate filter'.")],
    key: Annotated[str | None, typer.Argument(help="Id or URL of a document.", show_default=False)] = None,
    *,
    reason: Annotated[
        str | None,
        typer.Option(
            help="Instead: documents dropped for this reason, or 'kept' for those that stayed.",
            show_default=False,
        ),
    ] = None,
    grep: Annotated[
        str | None,
        typer.Option(
            help="Instead: documents with these words in text, title or address.", show_default=False
        ),
    ] = None,
    sample: Annotated[int, typer.Option(help="With --reason or --grep: how many documents.")] = 5,
    text: Annotated[
        bool, typer.Option("--text", help="Show the whole text, not only its beginning.")
    ] = False,
) -> None:
    """Tell a document's whole story: source, language, every rule with its value, duplicates, score.

    Example: curate explain curated --reason c4_n_sentences --sample 3
    """
    from curate.results.explain import explain
    from curate.work.progress import ProgressDisplay, nothing_counted

    with ProgressDisplay().step("Searching", 0, nothing_counted):
        stories = explain(output, key, reason=reason, grep=grep, sample=sample)
    if key is not None and not any(key in (s.document["id"], s.document["url"]) for s in stories):
        say(f"No document has the id or URL {key}; this is the nearest address.")
    elif key is not None and len(stories) > 1:
        say(f"{len(stories)} documents have the id or URL {key}; each is told.")
    for story in stories:
        say(*([""] if len(stories) > 1 else []), *_lines(story, whole_text=text, around=grep))


def _lines(story: Story, *, whole_text: bool, around: str | None = None) -> list[str]:
    from curate.results.render import describe_drop

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
