"""`curate ablate`: did curation help?"""

from __future__ import annotations

from collections.abc import Sequence
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
        Path, typer.Option("--output", "-o", help="Folder for the result and for finished runs.")
    ] = Path("ablation"),
    model: Annotated[
        str, typer.Option(help="trigram (seconds), transformer (minutes), or both.")
    ] = "trigram",
    tokens: Annotated[int, typer.Option(help="Training tokens of each trigram run, at most.")] = 1_000_000,
    transformer_tokens: Annotated[
        int, typer.Option(help="Training tokens of each transformer run, at most.")
    ] = 300_000,
    eval_tokens: Annotated[int, typer.Option(help="Tokens of each evaluation text, at most.")] = 100_000,
    seeds: Annotated[int, typer.Option(help="Runs of each arm; they share no training text.")] = 3,
    document_chars: Annotated[
        int, typer.Option(help="Of longer training texts only the beginning is read.")
    ] = 20_000,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Of the transformer.  [default: chosen on text of all arms]", show_default=False),
    ] = None,
) -> int:
    """Train small models on equal tokens of each arm and compare their bits per byte on the evaluation text.

    PATH is a Parquet or JSON-lines file, a folder or glob of them, or the output of 'curate filter' or
    'curate mix'. Copies of evaluation text are left out of every arm. Run the same command again to go on
    after a stop.

    Example: curate ablate --arm raw=crawl.jsonl --arm curated=curated/ --eval textbooks=books.jsonl
    """
    from curate.ablate import AblateSettings, ablate, read_texts, write_ablation

    models = ("trigram", "transformer") if model == "both" else (model,)
    settings = AblateSettings(
        models=models,
        n_tokens=tokens,
        transformer_tokens=transformer_tokens,
        eval_tokens=eval_tokens,
        document_chars=document_chars,
        n_seeds=seeds,
        learning_rate=learning_rate,
    )
    arms = {name: read_texts(path) for name, path in _pairs("--arm", arm)}
    domains = {name: read_texts(path) for name, path in _pairs("--eval", eval)}
    found = ablate(arms, domains, settings, output=output, report=lambda line: typer.echo(line, err=True))
    print(found.table())
    write_ablation(found, output)
    print(f"Result: {output}/result.json, {output}/table.md, {output}/plot.svg")
    return 0


def _pairs(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise SettingError(f"{option} '{text}' is not NAME=PATH. Write for example raw=crawl.jsonl.")
        if name in pairs:
            raise SettingError(f"{option} has the name '{name}' twice; give each its own.")
        pairs[name] = path
    return list(pairs.items())
