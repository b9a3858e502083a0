"""The card of a classifier: what it predicts, what it was fitted on, and how well it does, in Markdown."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from curate.scoring.model import FittedScorer


def write_card(folder: Path, scorer: FittedScorer, metrics: dict[str, Any], *, notes: str = "") -> None:
    """Write `card.md` beside the weights; `notes` goes before the figures."""
    (folder / "card.md").write_text(render_card(scorer, metrics, notes=notes), "utf-8")


def render_card(scorer: FittedScorer, metrics: dict[str, Any], *, notes: str = "") -> str:
    """Render the card."""
    low, high, positive = scorer.scale
    about = scorer.about["annotations"]
    members = "\n".join(
        f"- {member.weight:.2f} x {member.head.kind} head on "
        + ", ".join([*([member.sparse] if member.sparse else []), *member.blocks])
        for member in scorer.members
    )
    levels = ", ".join(f"{level}: {n}" for level, n in about["levels"].items())
    annotators = "\n".join(
        f"- {name or 'unnamed annotator'}: {n} pages" for name, n in about["annotators"].items()
    )
    return f"""# {scorer.name}

**Score:** the probability that the reference annotator gives a page level {positive:g} or more, on a scale
from {low:g} to {high:g}. **Level:** the expected level.
The first {scorer.window_bytes:,} bytes of a document are read.

{notes}
## Fitted on
{about["n_pages"]:,} annotated pages (levels {levels}).

{annotators}

## Made of
{members}

## Figures
Out of fold, on {metrics["n_pages"]:,} pages of the reference annotator, of which
{metrics["n_positive"]} are at level {positive:g} or more.
Near-duplicates and pages of one site are never parted between fitting and testing. 95% bootstrap intervals.

{figures_table(metrics)}
"""


def figures_table(metrics: dict[str, Any]) -> str:
    """Render the measures that have intervals as a Markdown table."""
    lines = ["| measure | value | 95% interval |", "|---|---|---|"]
    for label, figure in flat_figures(metrics).items():
        if is_one_sided(metrics, label):
            lines.append(f"| {label} | - | all pages are on one side |")
            continue
        lines.append(f"| {label} | {figure['value']:.3f} | {figure['low']:.3f} to {figure['high']:.3f} |")
    return "\n".join(lines)


def is_one_sided(metrics: dict[str, Any], label: str) -> bool:
    """Whether a measure says nothing, as every page lies on one side of its level."""
    ranks = ("average precision at >= ", "ROC area at >= ")
    cut = next((label.removeprefix(start) for start in ranks if label.startswith(start)), None)
    area = metrics["roc_area"].get(cut) if cut else None
    return area is not None and math.isnan(area["value"] if area["value"] is not None else math.nan)


def flat_figures(metrics: dict[str, Any]) -> dict[str, dict[str, float]]:
    """List the measures that have intervals, by what they are called in tables."""
    positive = f"{metrics['positive_level']:g}"
    names = {
        "spearman": "Spearman, level",
        "mae": "mean absolute error, level",
        "f1": f"F1 at >= {positive}",
        "macro_f1": f"macro F1 at >= {positive}",
        "brier": "Brier score",
        "calibration_error": "calibration error (ECE)",
    }
    figures = {names[key]: metrics[key] for key in ("spearman", "mae") if key in metrics}
    for cut, figure in metrics["average_precision"].items():
        figures[f"average precision at >= {cut}"] = figure
    for cut, figure in metrics["roc_area"].items():
        figures[f"ROC area at >= {cut}"] = figure
    for key in ("f1", "macro_f1", "brier", "calibration_error"):
        figures[names[key]] = metrics[key]
    return figures
