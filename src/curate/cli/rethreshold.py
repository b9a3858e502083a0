"""`curate rethreshold`: another cut without scoring again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curate.cli import EXIT_NOTHING_KEPT
from curate.cli.say import make_console


def rethreshold_command(
    output: Annotated[str, typer.Argument(help="The output folder of 'curate filter', local or in a store.")],
    *,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="Least score to keep, 0 to 1, or NAME=NUMBER for the scorer of that name. Can be repeated."
        ),
    ] = None,
    keep_fraction: Annotated[
        float | None, typer.Option(help="Or the share of scored documents to keep, best first.")
    ] = None,
    target_tokens: Annotated[
        str | None, typer.Option(help="Or the tokens to keep, best documents first, as 2B or 350M.")
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="For --keep-fraction and --target-tokens: NAME=NUMBER, the weight of each score in the mean that ranks. Can be "
            "repeated."
        ),
    ] = None,
    scratch: Annotated[
        str | None,
        typer.Option(
            help="Local folder for the new files of a run in a store; ~/.cache/curate/runs if left out."
        ),
    ] = None,
) -> int:
    """Move rows between kept and dropped by another cut; nothing is read or scored again."""
    from curate.results.open import open_run
    from curate.results.render import describe_cut, describe_folder, render_funnel
    from curate.results.rethreshold import rethreshold
    from curate.run.funnel import Funnel
    from curate.work.folder import REPORT
    from curate.work.progress import ProgressDisplay, nothing_counted
    from curate.work.urls import public_name

    before = Funnel.from_json(open_run(output).manifest["funnel"])
    had_report = Path(output, REPORT).is_file()
    with ProgressDisplay().step("Moving the cut", 0, nothing_counted):
        funnel = rethreshold(
            output,
            threshold=threshold,
            keep_fraction=keep_fraction,
            target_tokens=target_tokens,
            weights=weights or (),
            scratch=scratch,
        )
    console = make_console()
    console.print(render_funnel(funnel))
    console.print(describe_cut(funnel))
    console.print(f"Kept {funnel.kept.n_documents:,} documents, before {before.kept.n_documents:,}.")
    if had_report:
        console.print(
            f"{output}/{REPORT} told of the old cut and was deleted; 'curate report' writes it anew."
        )
    for line in describe_folder(public_name(output)):
        console.print(line)
    return 0 if funnel.kept.n_documents else EXIT_NOTHING_KEPT
