"""`curate evaluate`: how good a scorer is on annotated pages."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli.labels import IdField, Levels, Pages, TextField, annotations_option, level_option
from curate.cli.options import with_settings
from curate.cli.say import say, say_markdown
from curate.fit.settings import EvaluateSettings


@with_settings(EvaluateSettings, flags={"n_resamples": "resamples"})
def evaluate_command(
    given: dict[str, Any],
    *,
    annotations: Annotated[
        list[str],
        annotations_option(
            "JSONL, CSV or TSV (.gz, .zst) or Parquet with text and level, of pages that the scorer was not fitted on."
        ),
    ],
    scorer: Annotated[str, typer.Option(help="Bundled classifier, folder, or hf:<checkpoint>.")] = "edu",
    compare: Annotated[
        str | None, typer.Option(help="A second scorer, to be compared on the same pages.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for evaluation.json, evaluation.md and plots.  [default: print only]",
        ),
    ] = None,
    text_field: TextField = "text",
    id_field: IdField = "id",
    levels: Levels = None,
    pages_of: Pages = None,
    level_field: Annotated[str | None, level_option("Field of the level.")] = None,
) -> None:
    """Measure a scorer: ranks, precision and recall, calibration, by length, site and topic.

    Example: curate evaluate --scorer edu --compare classifiers/mine -a labels.jsonl -o evaluation
    """
    from curate.errors import MissingPackageError
    from curate.fit import evaluate, read_annotations
    from curate.fit.evaluation_report import render_evaluation, write_evaluation
    from curate.work.progress import ProgressDisplay, nothing_counted

    pages = read_annotations(
        annotations,
        text_field=text_field,
        level_field=level_field,
        id_field=id_field,
        words=levels.split(",") if levels else (),
        pages=pages_of or (),
    )
    with ProgressDisplay().step("Scoring and resampling", 0, nothing_counted):
        evaluation = evaluate(scorer, pages, other=compare, **given)
    for reason, n in pages.skipped.items():
        say(f"{n:,} rows were skipped: {reason}.", "")
    say_markdown(render_evaluation(evaluation))
    if output:
        paths = write_evaluation(evaluation, output)
        for path in paths:
            say(f"wrote {path}")
        if not any(path.suffix == ".png" for path in paths):
            print(f"No plots. {MissingPackageError('Plotting', 'matplotlib', 'plot')}")
