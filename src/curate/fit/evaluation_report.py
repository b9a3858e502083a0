"""An evaluation as Markdown and as plots."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.fit.card import figures_table
from curate.fit.metrics import best_cut

if TYPE_CHECKING:
    from curate.fit.evaluate import Evaluation

_SLICE_COLUMNS = (
    "slice", "n_pages", "n_positive", "rate", "mean_score",
    "spearman", "average_precision", "precision", "recall",
)  # fmt: skip
_CUT_COLUMNS = ("threshold", "keep_rate", "precision", "recall", "f1", "macro_f1")
_BIN_COLUMNS = ("low", "n_pages", "share", "score", "rate")


def render_markdown(evaluation: Evaluation) -> str:
    """Render measures, thresholds, slices, and the comparison if there is one."""
    metrics = evaluation.metrics
    positive = f"{metrics['positive_level']:g}"
    head = (
        f"# {evaluation.scorer}\n\n{metrics['n_pages']:,} annotated pages, {metrics['n_positive']} at level "
        f"{positive} or above. 95% bootstrap intervals; F1 is of a cut chosen on other pages."
    )
    parts = [head, figures_table(metrics)]
    if not metrics["has_levels"]:
        parts.append(
            "The scorer states no levels: its scores stand for them, so the mean error means nothing."
        )
    if evaluation.comparison:
        parts.append(_render_comparison(evaluation))
    parts.append("## By threshold\n\n" + _table(metrics["thresholds"], _CUT_COLUMNS))
    reliability = (
        "## Reliability\n\nPages by their score: its mean, and the rate of positives among them.\n\n"
    )
    parts.append(reliability + _table(metrics["reliability"], _BIN_COLUMNS))
    for kind, rows in metrics["slices"].items():
        if rows:
            parts.append(f"## By {kind}\n\n" + _table(rows, _SLICE_COLUMNS))
    return "\n\n".join(parts) + "\n"


def _render_comparison(evaluation: Evaluation) -> str:
    comparison = evaluation.comparison or {}
    lines = [
        f"## {comparison['scorer']} less {evaluation.scorer}\n",
        "| measure | difference | 95% interval | share of resamples above 0 |",
        "|---|---|---|---|",
    ]
    for name, row in comparison["difference"].items():
        interval = f"{row['low']:+.3f} to {row['high']:+.3f}"
        lines.append(f"| {name} | {row['value']:+.3f} | {interval} | {row['share_above']:.3f} |")
    lines += ["", f"{comparison['scorer']} by itself:", "", figures_table(comparison["metrics"])]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return "-" if math.isnan(value) else f"{value:.3f}"
        return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")

    head = "| " + " | ".join(column.replace("_", " ") for column in columns) + " |"
    body = ["| " + " | ".join(cell(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(columns), *body])


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write reliability.png, precision_recall.png and levels.png, if matplotlib is installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return []
    paths: list[Path] = []
    for name, draw in (
        ("reliability", _draw_reliability),
        ("precision_recall", _draw_precision_recall),
        ("levels", _draw_levels),
    ):
        figure = Figure(figsize=(4.5, 4), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.subplots(), evaluation)
        figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
        paths.append(folder / f"{name}.png")
    return paths


def _draw_reliability(axes: Any, evaluation: Evaluation) -> None:
    rows = evaluation.metrics["reliability"]
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.scatter(
        [row["score"] for row in rows],
        [row["rate"] for row in rows],
        s=[8 + 200 * row["share"] for row in rows],
    )
    axes.set(xlabel="mean score of the pages", ylabel="rate of positives", title=evaluation.scorer)


def _draw_precision_recall(axes: Any, evaluation: Evaluation) -> None:
    truth = evaluation.annotations.levels >= evaluation.metrics["positive_level"]
    weights = 1 / evaluation.annotations.propensity
    order = np.argsort(-evaluation.scores, kind="stable")
    hits = np.cumsum((weights * truth)[order])
    axes.step(hits / hits[-1], hits / np.cumsum(weights[order]), where="post")
    cut = best_cut(evaluation.scores, truth, weights)
    kept = evaluation.scores >= cut
    recall = float(weights @ (kept & truth) / (weights @ truth))
    precision = float(weights @ (kept & truth) / (weights @ kept))
    axes.plot([recall], [precision], "o", label=f"best F1, score {cut:.2f}")
    axes.legend(frameon=False)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=evaluation.scorer)


def _draw_levels(axes: Any, evaluation: Evaluation) -> None:
    truth = evaluation.annotations.levels
    found = np.unique(np.round(truth))
    axes.boxplot(
        [evaluation.levels[np.round(truth) == level] for level in found],
        positions=found,
        widths=0.6,
        showfliers=False,
    )
    axes.set(xlabel="annotated level", ylabel="predicted level", title=evaluation.scorer)
