"""`curate join`: the shards of a run into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curate.cli.filter import report_run
from curate.config import ENGINE, RAY_ADDRESS


def join_command(
    shards: Annotated[
        list[Path], typer.Argument(help="The --output folders of all 'curate filter --shard' jobs.")
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for kept/, dropped/ and manifest.json.")
    ] = Path("curated"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; all cores if left out.", show_default=False)
    ] = None,
    engine: Annotated[str, typer.Option(help=ENGINE)] = "local",
    ray_address: Annotated[str | None, typer.Option(help=RAY_ADDRESS, show_default=False)] = None,
    memory: Annotated[str, typer.Option(help="Memory that deduplication may use.")] = "4GB",
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
        str(output),
        lambda: join_shards(
            [str(shard) for shard in shards],
            output,
            workers=workers,
            engine=engine,
            ray_address=ray_address,
            memory=memory,
            overwrite=overwrite,
        ),
        None,
    )
