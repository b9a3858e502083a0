"""`curate train`: from token files to a model. `torchrun -m curate train` runs the same in many processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.options import with_settings
from curate.cli.say import say
from curate.config import read_toml, settings_from
from curate.train.settings import TrainSettings

if TYPE_CHECKING:
    from curate.train.loop import TrainResult


@with_settings(TrainSettings)
def train_command(
    given: dict[str, Any],
    *,
    config: Annotated[Path | None, typer.Option(help="Settings from a TOML file; flags go before.")] = None,
    estimate: Annotated[
        int | None,
        typer.Option(help="Only print memory and time on this many A100-80GB, by a stated formula."),
    ] = None,
) -> int:
    """Train a decoder on token files, or go on from the last checkpoint in the output folder.

    SIGTERM and SIGUSR1 save and end the run with exit code 0; the same command goes on from there, on any
    number of processes.

    Example: torchrun --nproc-per-node 8 -m curate train --config run.toml
    """
    # Before torch is loaded: threads that wait for each other by spinning take the cores from those they wait
    # for where a machine is shared (a tiny model at 15 runnable processes a core: 24 tokens/s, asleep 1,300).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    values = read_toml(config) if config else {}
    settings = settings_from(TrainSettings, values | given)
    if estimate is not None:
        from curate.train.estimate import describe_estimate

        print("\n".join(describe_estimate(settings, n_devices=estimate)))
        return 0

    from curate.train import run_training

    result = run_training(settings)
    if os.environ.get("RANK", "0") == "0":
        from curate.results.training import write_training_report

        say(*_lines(result, settings.output, write_training_report(settings.output)))
    return 0


def _lines(result: TrainResult, output: str, report: Path) -> list[str]:
    lines = [
        f"Step {result.step:,} of {result.n_steps:,}"
        + (f", loss {result.loss:.4f} nats a token" if result.loss is not None else "")
    ]
    lines += [f"Note: {note}" for note in result.notes]
    lines += [f"  {bits:.4f} bits per byte  {name}" for name, bits in result.bits_per_byte.items()]
    if result.stopped:
        lines.append("Stopped by a signal and saved. Run the same command again to go on.")
    lines.append(f"Result: {output}/checkpoints, {output}/metrics.jsonl, {report}")
    return lines
