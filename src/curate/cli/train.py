"""`curate train`: from token files to a model. `torchrun -m curate.train` runs the same in many processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.config import read_toml, settings_from

if TYPE_CHECKING:
    from curate.train.loop import TrainResult


def train_command(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings from a TOML file; flags go before.", show_default=False)
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(help="Folder that 'curate tokenize' wrote.", show_default=False)
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for checkpoints and metrics; a run in it goes on.",
            show_default=False,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Model shape: phi-1, phi-1.5, phi-2, phi-15m, phi-tiny, llama-1b, ...  [default: phi-tiny]",
            show_default=False,
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="Begin with the weights of this run, checkpoint or Hugging Face folder, grown to the shape.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps in all.  [default: the plan's token budget]", show_default=False)
    ] = None,
    batch_windows: Annotated[
        int | None,
        typer.Option(help="Windows in a step, over all processes.  [default: 8]", show_default=False),
    ] = None,
    micro_windows: Annotated[
        int | None,
        typer.Option(help="Windows that a process computes at once.  [default: 1]", show_default=False),
    ] = None,
    context: Annotated[
        int | None, typer.Option(help="Tokens in a window.  [default: the preset's]", show_default=False)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate.  [default: 0.001]", show_default=False)
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="bf16 or float32.  [default: bf16]", show_default=False)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Decides first weights and the order of data.  [default: 0]", show_default=False),
    ] = None,
    estimate: Annotated[
        int | None,
        typer.Option(
            help="Only print memory and time on this many A100-80GB, by a stated formula.", show_default=False
        ),
    ] = None,
) -> int:
    """Train a decoder on token files, or go on from the last checkpoint in the output folder.

    Every other setting is named in docs/training.md and goes into the TOML file. SIGTERM and SIGUSR1 save and
    end the run with exit code 0; the same command goes on from there, on any number of processes.

    Example: torchrun --nproc-per-node 8 -m curate.train --config run.toml
    """
    from curate.train.settings import TrainSettings

    flags: dict[str, Any] = {
        "tokens": tokens,
        "output": output,
        "preset": preset,
        "init_from": init_from,
        "steps": steps,
        "batch_windows": batch_windows,
        "micro_windows": micro_windows,
        "context": context,
        "learning_rate": learning_rate,
        "dtype": dtype,
        "seed": seed,
    }
    values = read_toml(config) if config else {}
    settings = settings_from(TrainSettings, values | {k: v for k, v in flags.items() if v is not None})
    if estimate is not None:
        from curate.train.estimate import describe_estimate

        print("\n".join(describe_estimate(settings, n_devices=estimate)))
        return 0

    from curate.train.loop import train

    result = train(settings)
    if os.environ.get("RANK", "0") == "0":
        print("\n".join(_lines(result, settings.output)))
    return 0


def _lines(result: TrainResult, output: str) -> list[str]:
    lines = [
        f"Step {result.step:,} of {result.n_steps:,}"
        + (f", loss {result.loss:.4f} nats a token" if result.loss is not None else "")
    ]
    lines += [f"  {bits:.4f} bits per byte  {name}" for name, bits in result.bits_per_byte.items()]
    if result.stopped:
        lines.append("Stopped by a signal and saved. Run the same command again to go on.")
    lines.append(f"Result: {output}/checkpoints, {output}/metrics.jsonl")
    return lines
