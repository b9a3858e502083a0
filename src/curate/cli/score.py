"""`curate score`: scores for files that are text already."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli import exit_code
from curate.cli.options import with_settings
from curate.cli.say import say
from curate.config import settings_from
from curate.jobs.settings import ScoreSettings


@with_settings(ScoreSettings)
def score_command(
    given: dict[str, Any],
    *,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier result in the output folder first.")
    ] = False,
) -> int:
    """Add scores to Parquet and JSONL files: every row and column stays as it is, with the scores beside them.

    Writes the files under `scored/` of the output folder by their own names. A row without text has no score. Run the
    same command again to go on after a stop.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but part of the input could not be read;
    4 there was no document; 130 stopped by Ctrl-C.

    Example: curate score --input data/*.parquet --output scored --scorer edu
    """
    from curate.jobs.score import run_score

    settings = settings_from(ScoreSettings, given)
    report = run_score(settings, overwrite=overwrite)
    say(f"Scored {report.n_scored:,} of {report.n_documents:,} documents, files: {report.n_files:,}.")
    for problem in report.problems:
        say(f"Could not read {problem}.")
    say(f"Result: {settings.output}/scored, {settings.output}/manifest.json")
    return exit_code(report.n_documents, report.problems)
