"""`curate mix`: curated text, plain corpora and synthetic text to a mixture to train on."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli.options import with_settings
from curate.cli.say import make_console
from curate.config import load_toml
from curate.mixture.settings import MixtureSettings, mixture_settings_from
from curate.work.engine import EngineSettings

# What the file has tables and sections for is no flag.
_TABLES = [field.name for field in fields(MixtureSettings) if field.metadata["section"]]


@with_settings(MixtureSettings, EngineSettings, left_out=_TABLES)
def mix_command(
    given: dict[str, Any],
    *,
    config: Annotated[Path, typer.Option(help="TOML file that describes the mixture; see docs/mixture.md.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder for the mixture.")] = "mixture",
    plan: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Print the plan and stop; nothing is written.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier mixture in the output folder first.")
    ] = False,
) -> int:
    """Mix sources by weights, domains and quality under a token budget and a cap on passes.

    Flags go before the file. Prints the plan (tokens and effective epochs by source, domain and quality bucket) before the
    mixture is written. Splits off validation documents by hash and keeps their near-duplicates out of training. Run
    the same command again to go on after a stop.

    Example: curate mix --config mixture.toml --output mixture
    """
    from curate.mixture import mix
    from curate.mixture.render import describe_plan, render_plan
    from curate.work.progress import ProgressDisplay

    console = make_console()

    def show(found: dict[str, Any]) -> None:
        for table in render_plan(found):
            console.print(table)
        for line in describe_plan(found):
            console.print(line, markup=False)

    where = {field.name: given.pop(field.name) for field in fields(EngineSettings) if field.name in given}
    mix(
        mixture_settings_from(load_toml(config), given),
        None if plan else output,
        overwrite=overwrite,
        on_plan=show,
        progress=ProgressDisplay(),
        **where,
    )
    if not plan:
        console.print(f"Result: {output}/train, {output}/validation, {output}/plan.json", markup=False)
        console.print(f"Next: curate tokenize --input {output} --output tokens", markup=False)
    return 0
