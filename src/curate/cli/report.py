"""`curate report`: a finished run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curate.cli.say import say


def report_command(
    output: Annotated[
        str,
        typer.Argument(
            help="The output folder of 'curate filter', local or in a store, or of 'curate train'."
        ),
    ],
    other: Annotated[str | None, typer.Argument(help="A second one, to be compared with.")] = None,
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", help="File to write.  [default: report.html in that folder; comparison.html here for two]"
        ),
    ] = None,
) -> None:
    """Write a finished run as one HTML file, or the comparison of two.

    Of one: what became of the documents, what a threshold means, which rules are suspicious, duplicates side by side,
    sites, topics, examples; of a training run its curves. Of two: what both keep, and what only one does and why the other
    does not.

    Example: curate report curated
    """
    from curate.results.compare import write_comparison
    from curate.results.html import write_report
    from curate.work.progress import ProgressDisplay, nothing_counted

    with ProgressDisplay().step("Reading the run", 0, nothing_counted):
        if other is None:
            path = write_report(output, to)
        else:
            path = write_comparison(output, other, to or "comparison.html")
    from curate.results.training import is_training_run

    mind = (
        ""
        if is_training_run(output)
        else " It holds texts and addresses of the crawl: mind whom you send it to."
    )
    say(f"Wrote {path}.{mind}")
