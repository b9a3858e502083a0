"""`curate explain`: why a document was kept or dropped."""

from __future__ import annotations

from typing import Annotated

import typer

from curate.cli.say import say


def explain_command(
    output: Annotated[str, typer.Argument(help="The output folder of 'curate filter', local or in a store.")],
    key: Annotated[str | None, typer.Argument(help="Id, URL or path of a document.")] = None,
    *,
    reason: Annotated[
        str | None,
        typer.Option(help="Instead: documents dropped for this reason, or 'kept' for those that stayed."),
    ] = None,
    grep: Annotated[
        str | None, typer.Option(help="Instead: documents with these words in text, title or address.")
    ] = None,
    sample: Annotated[int, typer.Option(help="With --reason or --grep: how many documents.")] = 5,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="The input that the run read: show which lines were taken out of the text. Can be repeated.",
        ),
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Show the whole text, not only its beginning.")
    ] = False,
) -> None:
    """Tell a document's whole story: source, language, every rule with its value, duplicates, score.

    Example: curate explain curated --reason curate_n_words --sample 3
    """
    from curate.results.explain import explain, story_lines
    from curate.work.progress import ProgressDisplay, nothing_counted

    with ProgressDisplay().step("Searching", 0, nothing_counted):
        stories = explain(output, key, reason=reason, grep=grep, sample=sample, source=source)
    if key is not None and not any(
        key in (s.document["id"], s.document["url"], s.document.get("path")) for s in stories
    ):
        say(f"No document has the id, URL or path {key}; this is the nearest address.")
    elif key is not None and len(stories) > 1:
        say(f"{len(stories)} documents have the id, URL or path {key}; each is told.")
    for story in stories:
        say(*([""] if len(stories) > 1 else []), *story_lines(story, whole_text=text, around=grep))
