"""`curate export`: a trained model as a Hugging Face folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curate.cli.say import say


def export_command(
    model: Annotated[Path, typer.Argument(help="Output folder of 'curate train', or one checkpoint in it.")],
    output: Annotated[Path, typer.Argument(help="Folder to make.")],
    *,
    dtype: Annotated[str, typer.Option(help="float32 (equal logits) or bf16 (half the size).")] = "float32",
) -> None:
    """Write a model as PhiForCausalLM or LlamaForCausalLM safetensors with its tokenizer.

    Example: curate export run/ exported/
    and then: lm_eval --model hf --model_args pretrained=exported --tasks arc_easy
    """
    from curate.train import export

    say(f"Wrote {export(model, output, dtype=dtype)}.")
