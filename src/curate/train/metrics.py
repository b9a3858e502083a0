"""Numbers of every step: a line of JSON, and TensorBoard and Weights & Biases where asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Protocol

import torch

from curate.config import plain_file
from curate.errors import SettingError
from curate.train.folders import METRICS, read_step
from curate.train.settings import TrainSettings
from curate.work.files import committed

# Dense bfloat16 FLOP/s from the makers' data sheets, without sparsity.
PEAK_FLOPS = {
    "A100": 312e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "B200": 2250e12,
    "L40S": 362e12,
    "V100": 125e12,
}


class Sink(Protocol):
    """Takes the numbers of a step."""

    def write(self, step: int, numbers: dict[str, Any]) -> None:
        """Take `numbers`, some of them dicts of numbers."""
        ...

    def close(self) -> None:
        """Flush."""
        ...


class JsonLines:
    """metrics.jsonl: one object a step; resuming cuts off those after the checkpoint, which come again."""

    def __init__(self, path: Path, last_step: int) -> None:
        kept = [
            line
            for number, line in enumerate(_lines(path), 1)
            if read_step(line, f"{path} line {number}")["step"] <= last_step
        ]
        with committed(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, numbers: dict[str, Any]) -> None:
        """Append one line."""
        self._file.write(json.dumps({"step": step, **numbers}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TensorBoard:
    """Event files under `folder`."""

    def __init__(self, folder: Path, last_step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise SettingError("tensorboard = true needs a package: pip install tensorboard.") from None
        self._writer = SummaryWriter(str(folder), purge_step=last_step + 1)

    def write(self, step: int, numbers: dict[str, Any]) -> None:
        """Add one scalar for each number."""
        for name, value in flat(numbers).items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()


class WeightsAndBiases:
    """A run in a W&B project; resumed under the id kept in the output folder."""

    def __init__(self, project: str, folder: Path, config: dict[str, Any]) -> None:
        try:
            import wandb  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise SettingError(f"wandb = '{project}' needs a package: pip install wandb.") from None
        at = folder / "wandb_id.txt"
        if not at.exists():
            at.write_text(wandb.util.generate_id(), encoding="utf-8")
        run_id = at.read_text(encoding="utf-8")
        self._run = wandb.init(project=project, id=run_id, resume="allow", dir=str(folder), config=config)

    def write(self, step: int, numbers: dict[str, Any]) -> None:
        """Log one step."""
        self._run.log(flat(numbers), step=step)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


def open_sinks(settings: TrainSettings, last_step: int, config: dict[str, Any]) -> list[Sink]:
    """The sinks that the settings name, for the leading process."""
    folder = Path(settings.output)
    sinks: list[Sink] = [JsonLines(folder / METRICS, last_step)]
    if settings.tensorboard:
        sinks.append(TensorBoard(folder / "tensorboard", last_step))
    if settings.wandb:
        sinks.append(WeightsAndBiases(settings.wandb, folder, config))
    return sinks


def flat(numbers: dict[str, Any]) -> dict[str, float]:
    """Nested dicts of numbers as 'outer/inner'; names, as that of the stage, are no numbers.

    >>> flat({"loss": 2.0, "passes": {"web": 0.5}})
    {'loss': 2.0, 'passes/web': 0.5}
    """
    out: dict[str, float] = {}
    for name, value in numbers.items():
        if isinstance(value, dict):
            out |= {f"{name}/{inner}": number for inner, number in flat(value).items()}
        elif value is not None and not isinstance(value, str):
            out[name] = value
    return out


def peak_flops(device: torch.device, *, bf16: bool) -> float | None:
    """FLOP/s of one device: from a table for GPUs (None if unknown), measured on a CPU."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        return next((peak for key, peak in PEAK_FLOPS.items() if key in name), None)
    n = 512
    a = torch.ones(n, n, dtype=torch.bfloat16 if bf16 else torch.float32)
    times: list[float] = []
    for _ in range(4):
        start = time.perf_counter()
        torch.mm(a, a)
        times.append(time.perf_counter() - start)
    return 2 * n**3 / min(times)


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    # What follows the last line break is half a line of a killed run.
    return plain_file(path).read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
