"""An evaluation as Markdown."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from curate.fit.card import figures_table
from curate.fit.evaluation import Evaluation
from curate.fit.evaluation_plots import write_plots
from curate.fit.metrics import to_json

_SLICE_COLUMNS = (
    "slice", "n_pages", "n_positive", "rate", "mean_score",
    "spearman", "average_precision", "precision", "recall",
)  # fmt: skip
_CUT_COLUMNS = ("threshold", "keep_rate", "precision", "recall", "f1", "macro_f1")
_BIN_COLUMNS = ("low", "n_pages", "share", "score", "rate", "rate_low", "rate_high")


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write evaluation.json, evaluation.md and, where matplotlib is installed, PNG plots.

    Returns:
        The files written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "evaluation.json", folder / "evaluation.md"]
    content = {
        "scorer": evaluation.scorer,
        "metrics": evaluation.metrics,
        "comparison": evaluation.comparison,
    }
    paths[0].write_text(to_json(content) + "\n", "utf-8")
    paths[1].write_text(render_evaluation(evaluation), "utf-8")
    return paths + write_plots(evaluation, folder)


def render_evaluation(evaluation: Evaluation) -> str:
    """Render measures, thresholds, slices, and the comparison if there is one."""
    metrics = evaluation.metrics
    positive = f"{metrics['positive_level']:g}"
    head = (
        f"# {evaluation.scorer}\n\n{metrics['n_pages']:,} annotated pages, {metrics['n_positive']} at level "
        f"{positive} or above. 95% bootstrap intervals; F1 is of a cut chosen on other pages."
    )
    if metrics["n_fitted_on"]:
        head += (
            f"\n\n**{metrics['n_fitted_on']:,} of these pages were fitted on by {evaluation.scorer}: figures are "
            "better than they would be on new pages.**"
        )
    parts = [head, figures_table(metrics)]
    if not metrics["has_levels"]:
        parts.append(
            "The scorer states no levels: pages are ranked by its scores, and there is no mean error."
        )
    elif "mae" not in metrics:
        parts.append(
            "The scorer's levels and those of the pages are on different scales: there is no mean error."
        )
    if evaluation.comparison:
        parts.append(_render_comparison(evaluation))
    parts.append("## By threshold\n\n" + _table(metrics["thresholds"], _CUT_COLUMNS))
    reliability = (
        "## Reliability\n\nPages by their score: its mean, and the rate of positives among them with "
        "a 95% interval (Wilson).\n\n"
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
    n_known = comparison["metrics"]["n_fitted_on"]
    known = f" ({n_known:,} of the pages were fitted on)" if n_known else ""
    lines += ["", f"{comparison['scorer']} by itself{known}:", "", figures_table(comparison["metrics"])]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    def cell(value: Any) -> str:
        if isinstance(value, float):
            return "-" if math.isnan(value) else f"{value:.3f}"
        return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")

    head = "| " + " | ".join(column.replace("_", " ") for column in columns) + " |"
    body = ["| " + " | ".join(cell(row[column]) for column in columns) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(columns), *body])
