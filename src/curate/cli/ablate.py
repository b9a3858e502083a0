"""`curate ablate`: did curation help?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from curate.errors import SettingError


def ablate_command(
    *,
    arm: Annotated[
        list[str], typer.Option(help="NAME=PATH of texts to train on; the first is compared with. Repeat.")
    ],
    eval: Annotated[  # noqa: A002
        list[str], typer.Option(help="NAME=PATH of the text that the models are judged on. Can be repeated.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for result.json, table.md and plot.svg.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="trigram (seconds), transformer (minutes), or both.")
    ] = "trigram",
    tokens: Annotated[int, typer.Option(help="Training tokens of each trigram run, at most.")] = 1_000_000,
    transformer_tokens: Annotated[
        int, typer.Option(help="Training tokens of each transformer run, at most.")
    ] = 300_000,
    seeds: Annotated[int, typer.Option(help="Runs of each arm.")] = 3,
) -> None:
    """Train small models on equal tokens of each arm and compare their bits per byte on the evaluation text.

    PATH is a Parquet or JSON-lines file, a folder of them, or the output of 'curate filter'. Copies of
    evaluation text are left out of every arm.

    Example: curate ablate --arm raw=crawl.jsonl --arm curated=curated/ --eval textbooks=books.jsonl
    """
    from curate.ablate import AblateSettings, ablate, read_texts
    from curate.ablate.plot import draw_svg

    models = ("trigram", "transformer") if model == "both" else (model,)
    settings = AblateSettings(
        models=models, n_tokens=tokens, transformer_tokens=transformer_tokens, n_seeds=seeds
    )
    arms = {name: read_texts(path) for name, path in map(_pair, arm)}
    domains = {name: read_texts(path) for name, path in map(_pair, eval)}
    found = ablate(arms, domains, settings, report=lambda line: typer.echo(line, err=True))
    print(found.table())
    if output:
        output.mkdir(parents=True, exist_ok=True)
        (output / "result.json").write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
        (output / "table.md").write_text(found.table() + "\n", encoding="utf-8")
        (output / "plot.svg").write_text(draw_svg(found), encoding="utf-8")
        print(f"Result: {output}/result.json, {output}/table.md, {output}/plot.svg")


def _pair(text: str) -> tuple[str, str]:
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise SettingError(f"'{text}' is not NAME=PATH. Write for example raw=crawl.jsonl.")
    return name, path
