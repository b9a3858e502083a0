"""`curate report`: a finished run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curate.cli.say import say


def report_command(
    output: Annotated[Path, typer.Argument(help="The output folder of 'curate filter'.")],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="File to write.  [default: report.html in that folder]", show_default=False
        ),
    ] = None,
) -> None:
    """Write a finished run as one HTML file: funnel, scores, keep rates by site and length, examples of each reason.

    Example: curate report curated
    """
    from curate.results.html import write_report
    from curate.work.progress import ProgressDisplay, nothing_counted

    with ProgressDisplay().step("Reading the run", 0, nothing_counted):
        path = write_report(output, to)
    say(f"Wrote {path}. It holds texts and addresses of the crawl: mind whom you send it to.")
