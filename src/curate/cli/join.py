"""`curate join`: the shards of a run into one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli.filter import report_run
from curate.cli.options import with_settings
from curate.run.settings import FilterSettings


@with_settings(FilterSettings, only=("memory", "workers", "engine", "ray_address", "scratch"))
def join_command(
    given: dict[str, Any],
    shards: Annotated[
        list[str], typer.Argument(help="The --output folders of all 'curate filter --shard' jobs.")
    ],
    *,
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for kept/, dropped/ and manifest.json.")
    ] = "curated",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier result in the output folder first.")
    ] = False,
) -> int:
    """Join the shards of one run: find duplicates over all of them, score, cut, write.

    The result is that of one run over the whole input, byte for byte, and the input is not needed. Run the same
    command again to go on after a stop. The shards stay as they are; delete them when the result is there.

    Example: curate join shards/* --output curated
    """
    from curate.jobs.join import join_shards

    return report_run(
        output,
        lambda: join_shards(shards, output, overwrite=overwrite, **given),
        None,
    )
