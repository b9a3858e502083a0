"""A training run as one HTML file: loss, learning rate, stages, and bits per byte of what it was judged on.

Made of `metrics.jsonl` alone, so that it can be written of a run that is at work, and of one whose tokens are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.config import plain_file
from curate.errors import SettingError
from curate.results.page import Plot, fill_page, row, table, text
from curate.train.folders import METRICS, read_step
from curate.work.files import committed
from curate.work.folder import REPORT

_MOST_POINTS = 240
"""Of a curve; a point stands for as many steps as it takes."""

Step = dict[str, Any]


def is_training_run(folder: str | Path) -> bool:
    """Whether a folder is one of `curate train`."""
    return (Path(folder) / METRICS).is_file()


def write_training_report(folder: str | Path, path: str | Path | None = None) -> Path:
    """Write the report of a training run to `path`, by default `folder`/report.html, and return where it is.

    The same metrics give the same bytes.

    Raises:
        SettingError: the folder holds no step of a run.
    """
    target = Path(path) if path is not None else Path(folder) / REPORT
    steps = _read_steps(Path(folder) / METRICS)
    if not steps:
        raise SettingError(f"{folder} holds no step of a training run yet.")
    page = render_training(steps, str(folder))
    with committed(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def render_training(steps: Sequence[Step], title: str) -> str:
    """Put the page together; `steps` are the lines of metrics.jsonl."""
    last = steps[-1]
    judged = [step for step in steps if "bits_per_byte" in step]
    said = f"Step {last['step']:,}: loss {last['loss']:.4f} nats a token"
    if judged and "all" in judged[-1]["bits_per_byte"]:
        said += f", {judged[-1]['bits_per_byte']['all']:.4f} bits per byte of the validation split"
    panels = [
        ("Loss", _loss(steps)),
        ("Learning rate", _rate(steps)),
        ("Stages", _stages(steps)),
        ("Bits per byte", _bits(judged)),
    ]
    body = f'<header><h1>{text(title)}</h1><p class="lead">{text(said)}.</p></header><main>'
    body += "".join(f"<section><h2>{text(head)}</h2>{panel}</section>" for head, panel in panels if panel)
    return fill_page(title, body + "</main>")


def _read_steps(path: Path) -> list[Step]:
    """Every whole line of the file; what follows the last line break is half a line of a killed run."""
    if not path.is_file():
        return []
    lines = plain_file(path).read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    steps = [read_step(line, f"{path} line {number}") for number, line in enumerate(lines, 1)]
    return [step for step in steps if {"loss", "learning_rate"} <= step.keys()]


@dataclass(frozen=True, slots=True)
class _Point:
    step: float
    mean: float
    low: float
    high: float


def _points(steps: Sequence[Step], name: str) -> list[_Point]:
    """The mean, least and most of a number over stretches of equally many steps."""
    size = -(-len(steps) // _MOST_POINTS)
    found: list[_Point] = []
    for start in range(0, len(steps), size):
        some = steps[start : start + size]
        values = [float(step[name]) for step in some]
        found.append(_Point(some[-1]["step"], sum(values) / len(values), min(values), max(values)))
    return found


def _loss(steps: Sequence[Step]) -> str:
    points = _points(steps, "loss")
    high = max(point.high for point in points)
    plot = _plot("Loss by step", "nats a token", steps, (0.0, high))
    plot.band("band", [(point.step, point.low, point.high) for point in points])
    plot.curve("curve", [(point.step, point.mean) for point in points])
    for name, begins, _ in _stretches(steps)[1:]:
        plot.cut(begins, name)
    per_point = -(-len(steps) // _MOST_POINTS)
    note = (
        f"The line is the mean of {per_point:,} steps, the band their least and most."
        if per_point > 1
        else ""
    )
    return f'<figure>{plot.svg()}</figure><p class="note">{text(note)}</p>'


def _rate(steps: Sequence[Step]) -> str:
    points = _points(steps, "learning_rate")
    plot = _plot("Learning rate by step", "learning rate", steps, (0.0, max(point.high for point in points)))
    plot.curve("curve", [(point.step, point.mean) for point in points])
    return f"<figure>{plot.svg()}</figure>"


def _plot(label: str, y_name: str, steps: Sequence[Step], y: tuple[float, float]) -> Plot:
    return Plot(label, "step", y_name, (steps[0]["step"] - 1, steps[-1]["step"]), y, digits=3)


def _stretches(steps: Sequence[Step]) -> list[tuple[str, int, list[Step]]]:
    """Stages in the order of training: name, steps done before, and its steps."""
    found: list[tuple[str, int, list[Step]]] = []
    for step in steps:
        name = str(step.get("stage", ""))
        if not found or found[-1][0] != name:
            found.append((name, step["step"] - 1, []))
        found[-1][2].append(step)
    return found


def _stages(steps: Sequence[Step]) -> str:
    rows = [
        row(
            text(name or "all"),
            [
                f"{some[0]['step']:,} to {some[-1]['step']:,}",
                f"{some[0]['loss']:.4f}",
                f"{some[-1]['loss']:.4f}",
                ", ".join(f"{source} {n:.2f}" for source, n in some[-1].get("passes", {}).items()),
            ],
        )
        for name, _, some in _stretches(steps)
    ]
    return table(
        "Passes are those over each source by the end of the stage",
        ["stage", "steps", "first loss", "last loss", "passes"],
        rows,
    )


def _bits(judged: Sequence[Step]) -> str:
    """A plot and a row for each of what the model was judged on: the split, named texts, domains, sources."""
    if not judged:
        return '<p class="note">The model was judged on nothing: see eval_texts, eval_every and the mixture\'s validation.</p>'
    known = {name for step in judged for name in step["bits_per_byte"]}
    order = {"all": 0, "text": 1, "domain": 2, "source": 3}
    names = sorted(known, key=lambda name: (order.get(name.partition("/")[0], 4), name))
    curves = {
        name: [
            (step["step"], float(step["bits_per_byte"][name]))
            for step in judged
            if name in step["bits_per_byte"]
        ]
        for name in names
    }
    rows = [
        row(
            text(name),
            [f"{points[0][1]:.4f}", f"{points[-1][1]:.4f}", f"{min(bits for _, bits in points):.4f}"],
        )
        for name, points in curves.items()
    ]
    plots = "".join(_bits_plot(name, points, judged) for name, points in curves.items() if len(points) > 1)
    head = "domain/ and source/ are parts of the validation split, text/ what eval_texts names"
    return table(head, ["", "first", "last", "lowest"], rows) + f'<div class="two">{plots}</div>'


def _bits_plot(name: str, points: Sequence[tuple[int, float]], judged: Sequence[Step]) -> str:
    values = [bits for _, bits in points]
    room = 0.05 * (max(values) - min(values) or 1.0)
    low, high = min(values) - room, max(values) + room
    last = judged[-1]["step"]
    plot = Plot(f"Bits per byte of {name} by step", "step", "bits per byte", (0, last), (low, high), digits=3)
    plot.curve("curve", points)
    return f"<figure><figcaption>{text(name)}</figcaption>{plot.svg()}</figure>"
