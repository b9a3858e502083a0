"""`curate generate`: a quick look at what a model writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def generate_command(
    model: Annotated[
        Path, typer.Argument(help="Output folder of 'curate train', a checkpoint, or a Hugging Face folder.")
    ],
    prompt: Annotated[str, typer.Argument(help="The beginning of the text.")] = "",
    *,
    n_tokens: Annotated[int, typer.Option(help="Most tokens to add.")] = 200,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token each time.")] = 0.8,
    top_p: Annotated[
        float, typer.Option(help="Draw from the likeliest tokens that hold this much probability.")
    ] = 0.95,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal text.")] = 0,
) -> None:
    """Continue a prompt with a trained model, on the CPU.

    Example: curate generate run/ "The water cycle begins when"
    """
    from curate.train import generate

    print(
        prompt + generate(model, prompt, n_tokens=n_tokens, temperature=temperature, top_p=top_p, seed=seed)
    )
