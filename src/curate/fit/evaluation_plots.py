"""An evaluation as plots: calibration, precision over recall, what a threshold does, levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from curate.fit.evaluation import Evaluation
from curate.fit.metrics import Vector, best_cut, cut_metrics, precision_recall

_BLUE, _ORANGE, _GREEN, _GREY = "#2166ac", "#d95f0e", "#1b7837", "0.65"


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write reliability.png, precision_recall.png, thresholds.png and levels.png, if matplotlib is installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return []
    plots: dict[str, Callable[[Any, Evaluation], None]] = {
        "reliability": _draw_reliability,
        "precision_recall": _draw_precision_recall,
        "thresholds": _draw_thresholds,
    }
    if evaluation.metrics["has_levels"]:
        plots["levels"] = _draw_levels
    paths: list[Path] = []
    for name, draw in plots.items():
        figure = Figure(figsize=(5.2, 4.4), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, evaluation)
        figure.savefig(folder / f"{name}.png", dpi=130, metadata={"Software": None})
        paths.append(folder / f"{name}.png")
    return paths


def _positive(evaluation: Evaluation) -> str:
    return f"level {evaluation.metrics['positive_level']:g} or more"


def _clean(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_reliability(figure: Any, evaluation: Evaluation) -> None:
    """Rate of positives in ten bins of scores with 95% intervals; how many pages each bin holds below."""
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    above.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="a perfect scorer")
    found = [(evaluation.scorer, _BLUE, evaluation.metrics)]
    if evaluation.comparison:
        found.append((evaluation.comparison["scorer"], _ORANGE, evaluation.comparison["metrics"]))
    for name, colour, metrics in found:
        rows = metrics["reliability"]
        score, rate = np.array([(row["score"], row["rate"]) for row in rows]).T
        ends = np.array([(row["rate_low"], row["rate_high"]) for row in rows]).T
        error = metrics["calibration_error"]["value"]
        above.errorbar(
            score, rate, np.abs(ends - rate), fmt="o-", color=colour, markersize=4, linewidth=1, capsize=2,
            label=f"{name}, ECE {error:.3f}",
        )  # fmt: skip
    above.set(ylabel=f"share of pages at {_positive(evaluation)}", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    above.set_title("Does a score of 0.8 mean 80%?", loc="left", fontsize=11)
    above.legend(frameon=False, fontsize=9, loc="upper left")
    below.hist(evaluation.scores, bins=np.linspace(0, 1, 21), color=_BLUE)
    below.set(xlabel="score", ylabel="pages", yscale="log")
    _clean(above)
    _clean(below)


def _draw_precision_recall(figure: Any, evaluation: Evaluation) -> None:
    """Precision over recall for every cut, with the cut of best F1; chance is the share of positives."""
    axes = figure.subplots()
    truth = evaluation.annotations.levels >= evaluation.metrics["positive_level"]
    weights = 1 / evaluation.annotations.propensity
    found = [(evaluation.scorer, _BLUE, evaluation.scores)]
    if evaluation.comparison and evaluation.other_scores is not None:
        found.append((evaluation.comparison["scorer"], _ORANGE, evaluation.other_scores))
    for name, colour, scores in found:
        precision, recall = precision_recall(scores, truth, weights)
        axes.step(recall, precision, where="post", color=colour, linewidth=1.5, label=name)
        cut = best_cut(scores, truth, weights)
        at_cut = cut_metrics(scores >= cut, truth, weights)
        label = f"best F1 {at_cut['f1']:.2f}, at score {cut:.2f}"
        axes.plot([at_cut["recall"]], [at_cut["precision"]], "o", color=colour, markersize=6, label=label)
    rate = float(weights @ truth / weights.sum())
    axes.axhline(rate, color=_GREY, linewidth=1, linestyle="--", label=f"chance, {rate:.2f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    axes.set_title(f"Finding pages at {_positive(evaluation)}", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    _clean(axes)


def _draw_thresholds(figure: Any, evaluation: Evaluation) -> None:
    """Precision, recall and keep rate by threshold."""
    axes = figure.subplots()
    truth = evaluation.annotations.levels >= evaluation.metrics["positive_level"]
    weights = 1 / evaluation.annotations.propensity
    thresholds = np.linspace(0, 1, 101)
    rows = [cut_metrics(evaluation.scores >= t, truth, weights) for t in thresholds]
    for key, colour in (("precision", _BLUE), ("recall", _ORANGE), ("keep_rate", _GREEN)):
        values: Vector = np.array([row[key] for row in rows])
        axes.plot(thresholds, values, color=colour, linewidth=1.5, label=key.replace("_", " "))
    axes.set(xlabel="threshold", ylabel="share", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(f"What a threshold keeps: {evaluation.scorer}", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    _clean(axes)


def _draw_levels(figure: Any, evaluation: Evaluation) -> None:
    """Predicted levels of the pages at each annotated level: quartiles, and the middle 90%."""
    axes = figure.subplots()
    truth = np.round(evaluation.annotations.levels)
    found = np.unique(truth)
    axes.plot(found[[0, -1]], found[[0, -1]], color=_GREY, linewidth=1, linestyle="--")
    axes.boxplot(
        [evaluation.levels[truth == level] for level in found], positions=found, widths=0.6, whis=(5, 95),
        showfliers=False, patch_artist=True, boxprops={"facecolor": "#c6dbef", "edgecolor": _BLUE},
        medianprops={"color": _ORANGE}, manage_ticks=False,
        whiskerprops={"color": _BLUE}, capprops={"color": _BLUE},
    )  # fmt: skip
    ticks = found if len(found) <= 11 else np.linspace(found[0], found[-1], 6)
    labels = [f"{level:g}\nn = {int((truth == level).sum())}" for level in ticks]
    axes.set_xticks(ticks, labels if len(found) <= 11 else [f"{level:g}" for level in ticks])
    axes.set(xlabel="annotated level", ylabel="predicted level")
    axes.set_title(f"Levels of {evaluation.scorer}: quartiles and middle 90%", loc="left", fontsize=11)
    _clean(axes)
