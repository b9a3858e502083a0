"""`curate ablate`: did curation help, and which weights would?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from curate.ablate.settings import AblateSettings
from curate.cli.options import with_settings
from curate.cli.say import say
from curate.config import load_toml, settings_from
from curate.errors import SettingError


@with_settings(AblateSettings)
def ablate_command(
    given: dict[str, Any],
    *,
    eval: Annotated[  # noqa: A002
        list[str],
        typer.Option(
            help="NAME=PATH of the text that the models are judged on, one for each domain. Repeat."
        ),
    ],
    arm: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of texts to train on; the first is compared with. Repeat."),
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(
            help="Instead of arms: the TOML file of a mixture, whose domains (or sources) are weighed."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the result and for finished runs.")
    ] = Path("ablation"),
) -> int:
    """Train small models on equal tokens of each arm and compare their bits per byte on the evaluation text.

    PATH is a Parquet or JSON-lines file, a folder or glob of them, or the output of 'curate filter' or
    'curate mix'. Copies of evaluation text are left out of every arm. With --grid, many mixtures of one's domains are tried and
    weights are proposed and checked: mix.toml in the output folder. Run the same command again to go on after a stop.

    Example: curate ablate --arm raw=crawl.jsonl --arm curated=curated/ --eval textbooks=books.jsonl
    """
    # Else threads of torch spin while they wait for each other: seven times the CPU seconds on a machine with other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from curate.ablate import ablate, find_weights, read_texts, write_ablation
    from curate.ablate.result import conclude
    from curate.mixture.texts import parse_named_paths

    settings = settings_from(AblateSettings, given)
    if (grid is None) == (not arm):
        raise SettingError("Give --arm NAME=PATH two times or more, or --grid with a mixture's file.")
    domains = {name: read_texts(path) for name, path in parse_named_paths("--eval", eval).items()}
    if grid is not None:
        from curate.ablate.grid import write_grid

        mixture = load_toml(grid)
        weighed = find_weights(mixture, domains, settings, output=output, report=_tell)
        print(weighed.table())
        write_grid(weighed, mixture, output)
        print(f"Result: {output}/mix.toml, {output}/grid.md, {output}/grid.json, {output}/plot.svg")
        return 0
    arms = {name: read_texts(path) for name, path in parse_named_paths("--arm", arm or []).items()}
    found = ablate(arms, domains, settings, output=output, report=_tell)
    print("\n".join([found.table(), "", *conclude(found)]))
    write_ablation(found, output)
    print(f"Result: {output}/result.json, {output}/table.md, {output}/plot.svg")
    return 0


def _tell(line: str) -> None:
    say(line, to_stderr=True)
