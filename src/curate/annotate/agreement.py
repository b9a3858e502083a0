"""How far annotators agree, where they do not, and one level from several.

An annotator is a model under one prompt, or a person; repeated draws of a model count as annotators of their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.annotate.labels import (
    LEVEL_FIELDS,
    Row,
    annotator_of,
    is_human,
    level_field_of,
    level_of,
    no_level,
    of_prompt,
    page_of,
)
from curate.errors import UnknownNameError

METRICS = ("interval", "ordinal", "nominal")
MERGED = "merged"
_NOT_CARRIED = {"draw", "problem", "reason", "annotator", "corrects", "made_at", "prompt", "window_chars"}

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """How two annotators agree on the pages that both levelled.

    Attributes:
        first: name of an annotator.
        second: name of the other.
        n_pages: levelled by both.
        kappa: Cohen's kappa with quadratic weights; NaN where neither varies or no page is common.
        frac_equal: share of pages with the same level.
        frac_within_1: share of pages at most one level apart.
        mean_difference: mean of second minus first.
    """

    first: str
    second: str
    n_pages: int
    kappa: float
    frac_equal: float
    frac_within_1: float
    mean_difference: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A page on which annotators are apart."""

    id: str
    spread: float
    levels: dict[str, float]
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far all annotators of a label file agree.

    Attributes:
        n_pages: with a level.
        n_shared: with levels by two annotators or more.
        annotators: name -> pages levelled.
        alpha: Krippendorff's alpha over all pages, by metric; NaN where it is undefined.
        pairs: every pair of annotators with pages in common.
        disagreements: pages whose levels differ, widest spread first.
    """

    n_pages: int
    n_shared: int
    annotators: dict[str, int]
    alpha: dict[str, float]
    pairs: list[PairAgreement]
    disagreements: list[Disagreement]


def measure_agreement(rows: Sequence[Row], prompt: str | None = None) -> Agreement:
    """Measure how the annotators of `rows` agree, on the labels of one prompt; rows without a level are left out.

    Where an annotator levelled a page twice under one name, the later row counts; of rows without a name each counts.

    Raises:
        SettingError: No page has a level, or pages have levels by several prompts and none is named.
    """
    levels, reasons = _by_page(of_prompt(rows, prompt))
    names = sorted({name for page in levels.values() for name in page})
    if not names:
        raise no_level()
    ids = list(levels)
    matrix = np.array([[levels[page].get(name, np.nan) for name in names] for page in ids], np.float64)
    pairs = [
        _compare(names[one], names[other], matrix[:, one], matrix[:, other])
        for one, other in itertools.combinations(range(len(names)), 2)
        if (~np.isnan(matrix[:, [one, other]])).all(axis=1).any()
    ]
    apart = [
        Disagreement(
            page, max(levels[page].values()) - min(levels[page].values()), levels[page], reasons[page]
        )
        for page in ids
        if len(set(levels[page].values())) > 1
    ]
    return Agreement(
        n_pages=len(ids),
        n_shared=sum(len(page) > 1 for page in levels.values()),
        annotators={name: int((~np.isnan(matrix[:, at])).sum()) for at, name in enumerate(names)},
        alpha={metric: krippendorff_alpha(matrix, metric) for metric in METRICS},
        pairs=pairs,
        disagreements=sorted(apart, key=lambda page: (-page.spread, page.id)),
    )


def krippendorff_alpha(levels: Matrix, metric: str = "interval") -> float:
    """Krippendorff's alpha: 1 for perfect agreement, 0 for what chance gives, below 0 for less than that.

    Args:
        levels: float64 (units, annotators), NaN where an annotator gave none.
        metric: nominal, ordinal or interval.

    Returns:
        Alpha; NaN where no unit has two levels. Where all levels are the same nothing can be told from
        chance: NaN too.

    Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).

    >>> float(krippendorff_alpha(np.array([[1, 1], [2, 2], [3, 3.0]])))
    1.0
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    counts_by_unit, values = _value_counts(levels)
    n_by_unit = counts_by_unit.sum(axis=1)
    counts_by_unit = counts_by_unit[n_by_unit > 1]
    n_by_unit = n_by_unit[n_by_unit > 1, None]
    if not len(counts_by_unit):
        return float("nan")
    weights = counts_by_unit / (n_by_unit - 1)
    coincidences = weights.T @ counts_by_unit - np.diag(weights.sum(axis=0))
    totals = coincidences.sum(axis=0)
    distances = _distances(values, totals, metric)
    observed = float((coincidences * distances).sum())
    expected = float((np.outer(totals, totals) * distances).sum() / (totals.sum() - 1))
    return 1.0 - observed / expected if expected > 0 else float("nan")


def merge_labels(rows: Sequence[Row], prompt: str | None = None) -> list[Row]:
    """One row a page, of the labels of one prompt, in the order in which pages come first.

    The rule: a person's level goes before any model's, the latest one if there are several. Else each
    model's draws are taken to their median, and the level is the median of the models; the median of an even
    number is the mean of the two in the middle, so that it can be a half. `n_levels` says how many levels
    went in, `spread` how far apart they were. A page without any level keeps its problem.

    Raises:
        SettingError: No page has a level, or pages have levels by several prompts and none is named.
    """
    pages: dict[str, list[Row]] = {}
    for row in of_prompt(rows, prompt):
        pages.setdefault(page_of(row), []).append(row)
    if all(level_of(row) is None for found in pages.values() for row in found):
        raise no_level()
    return [_merge(found) for found in pages.values()]


def _merge(rows: list[Row]) -> Row:
    field = level_field_of(rows)
    merged = {
        name: value for row in reversed(rows) for name, value in row.items() if name not in _NOT_CARRIED
    }
    levelled = [(row, level) for row in rows if (level := level_of(row)) is not None]
    human = [(row, level) for row, level in levelled if is_human(row)]
    for name in (field, *LEVEL_FIELDS):
        merged.pop(name, None)
    if human:
        row, level = human[-1]
        merged |= {field: _whole(level), "reason": row.get("reason", ""), "annotator": annotator_of(row)}
    elif levelled:
        by_model: dict[str, list[float]] = {}
        for row, level in levelled:
            by_model.setdefault(_model_of(row), []).append(level)
        middle = median(median(levels) for levels in by_model.values())
        nearest = min(levelled, key=lambda pair: abs(pair[1] - middle))[0]
        merged |= {field: _whole(middle), "reason": nearest.get("reason", "")}
        merged["annotator"] = next(iter(by_model)).partition(" | ")[0] if len(by_model) == 1 else MERGED
    else:
        merged |= {field: None, "annotator": MERGED, "problem": rows[-1].get("problem")}
    values = [level for _, level in levelled]
    return merged | {"n_levels": len(values), "spread": _whole(max(values) - min(values)) if values else None}


def _whole(level: float) -> int | float:
    return int(level) if level == int(level) else level


def _model_of(row: Mapping[str, Any]) -> str:
    """The model under its prompt; people by name."""
    prompt = "" if is_human(row) else str(row.get("prompt") or "")
    return f"{annotator_of(row)} | {prompt}" if prompt else annotator_of(row)


def _by_page(rows: Iterable[Row]) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, str]]]:
    """Page -> annotator -> level, and reason; draws beyond the first are named after their number."""
    levels: dict[str, dict[str, float]] = {}
    reasons: dict[str, dict[str, str]] = {}
    for row in rows:
        level = level_of(row)
        if level is None:
            continue
        draw = row.get("draw") or 0
        name = f"{_model_of(row)} | draw {draw}" if draw else _model_of(row)
        page = page_of(row)
        if not row.get("annotator") and name in levels.get(
            page, {}
        ):  # nobody says that it was the same reader
            name = next(f"{name} {n}" for n in itertools.count(2) if f"{name} {n}" not in levels[page])
        levels.setdefault(page, {})[name] = level
        reasons.setdefault(page, {})[name] = str(row.get("reason") or "")
    return levels, reasons


def _compare(first: str, second: str, one: Matrix, other: Matrix) -> PairAgreement:
    both = ~np.isnan(one) & ~np.isnan(other)
    one, other = one[both], other[both]
    gap = other - one
    return PairAgreement(
        first=first,
        second=second,
        n_pages=int(both.sum()),
        kappa=_quadratic_kappa(one, other),
        frac_equal=float((gap == 0).mean()),
        frac_within_1=float((np.abs(gap) <= 1).mean()),
        mean_difference=float(gap.mean()),
    )


def _quadratic_kappa(one: Matrix, other: Matrix) -> float:
    """Weights by the distance on the scale, halves counted as steps of their own."""
    from sklearn.metrics import cohen_kappa_score

    steps = np.round(2 * np.concatenate([one, other])).astype(int)
    if steps.min() == steps.max():
        return float("nan")
    scale = list(range(int(steps.min()), int(steps.max()) + 1))
    return float(cohen_kappa_score(steps[: len(one)], steps[len(one) :], labels=scale, weights="quadratic"))


def _value_counts(levels: Matrix) -> tuple[Matrix, Matrix]:
    """How often each unit was given each value: (units, values), and the values, ascending."""
    values = np.unique(levels[~np.isnan(levels)])
    return (levels[:, :, None] == values).sum(axis=1).astype(np.float64), values


def _distances(values: Matrix, totals: Matrix, metric: str) -> Matrix:
    """Squared distance of every two values."""
    if metric == "nominal":
        return 1.0 - np.eye(len(values))
    if metric == "interval":
        return (values[:, None] - values[None, :]) ** 2
    # Ordinal: how many values lie between the two, each end counting half.
    middle = np.cumsum(totals) - totals / 2
    return (middle[:, None] - middle[None, :]) ** 2
