"""`curate signals`: the numbers alone."""

from __future__ import annotations

from typing import Annotated

import typer

from curate.cli import exit_code
from curate.cli.say import say

Input = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", help="File, folder or glob. Also without the flag, and several after it."),
]
Extractor = Annotated[str, typer.Option(help="What takes the text out of HTML.")]
TextColumn = Annotated[str | None, typer.Option(help="Column with the text.  [default: found by name]")]


def signals_command(
    *,
    input: Input = None,  # noqa: A002
    output: Annotated[str, typer.Option("--output", "-o", help="Parquet file to write.")] = "signals.parquet",
    rules: Annotated[
        list[str] | None,
        typer.Option(
            help="Rule set whose line rules clean the text first. Can be repeated.  [default: none]"
        ),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(help="Signal to write, such as 'n_words'. Can be repeated.  [default: all]"),
    ] = None,
    extractor: Extractor = "curate",
    text_column: TextColumn = None,
) -> int:
    """Measure every document and write its signals, one column each.

    Exit codes: 0 done; 2 a setting is wrong; 3 done, but part of the input could not be read; 4 no document.

    Example: curate signals --input pages.parquet --output signals.parquet
    """
    from curate.crawl import ReadOptions
    from curate.jobs.rules import write_signals
    from curate.work.progress import ProgressDisplay, nothing_counted

    with ProgressDisplay().step("Measuring", 0, nothing_counted):
        report = write_signals(
            input or [],
            output,
            rules=rules or (),
            names=signal,
            extractor=extractor,
            options=ReadOptions(text_column=text_column),
        )
    say(f"Measured {report.n_documents:,} documents. Result: {output}")
    if report.n_unread:
        say(f"Records without text: {report.n_unread:,}")
    for problem in report.problems:
        say(f"Could not be read: {problem}")
    return exit_code(report.n_documents, report.problems)
