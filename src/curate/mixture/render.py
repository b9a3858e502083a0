"""The plan as tables for people: what there is, what training takes of it, and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from curate.mixture.plan import percentiles_of
from curate.mixture.shares import AXES, solve_shares
from curate.text.printable import printable

_MOST_ROWS = 30
_TELLING = 0.005
"""Share of the training tokens from which on what is missing is told."""


def render_plan(plan: Mapping[str, Any]) -> list[Table]:
    """Tables by source, domain and quality bucket, and one of the stages when there are several.

    `text` counts the tokens there are, `training` those that the run takes; `passes` is how often that goes
    over the text (effective epochs). Token counts are estimates until the tokens are counted.
    """
    tables = [
        _render_axis(plan, axis) for axis in AXES.values() if axis == "source" or _n_values(plan, axis) > 1
    ]
    if plan["settings"].get("upsample_power") is not None:
        tables.append(_render_curve(plan))
    if len(plan["stages"]) > 1:
        tables.append(_render_stages(plan))
    return tables


def describe_plan(plan: Mapping[str, Any]) -> list[str]:
    """Lines beside the tables: the sum, the validation split, and what was removed."""
    groups = plan["groups"]
    n_training = sum(sum(stage["n_tokens"].values()) for stage in plan["stages"])
    n_text = sum(group["train"]["n_tokens"] for group in groups)
    n_held = sum(group["validation"]["n_documents"] for group in groups)
    held = format_tokens(sum(group["validation"]["n_tokens"] for group in groups))
    n_bytes = plan["bytes_per_token"]
    training = f"Training: {format_tokens(n_training)} tokens from {format_tokens(n_text)} of text"
    validation = f"Validation: {n_held:,} documents, {held} tokens."
    lines = [f"{training} in {len(groups)} groups (estimated at {n_bytes} bytes a token). {validation}"]
    for reason, sources in plan["removed"].items():
        counts = ", ".join(f"{name} {n:,}" for name, n in sources.items())
        lines.append(f"Removed, {_REASONS.get(reason, reason)}: {counts}.")
    has = {group["source"] for group in groups if group["train"]["n_documents"]}
    lines += [
        f"Source '{source['name']}' has no document for training."
        for source in plan["settings"]["sources"]
        if source["name"] not in has
    ]
    lines += _describe_unmet(plan)
    unseen = [group["name"] for group in groups if not group["share"]]
    if unseen:
        more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
        lines.append(f"No training takes: {', '.join(unseen[:5])}{more}.")
    return lines


def _describe_unmet(plan: Mapping[str, Any]) -> list[str]:
    """Shares that caps on passes do not let be what weights and curves ask for, and what would."""
    groups, stages = plan["groups"], plan["stages"]
    sizes = np.array([group["train"]["n_tokens"] for group in groups], np.float64)
    taken = np.array([[stage["n_tokens"].get(group["name"], 0) for group in groups] for stage in stages])
    asked = np.array([solve_shares(groups, sizes, stage) for stage in stages]) * taken.sum(axis=1)[:, None]
    lines: list[str] = []
    for axis, prop in AXES.items():
        weighed = {name for stage in stages for name in stage[axis]}
        weighed |= {name for stage in stages for name in stage["upsample"]} if axis == "buckets" else set()
        for name in sorted(weighed):
            mine = np.array([group[prop] == name for group in groups])
            n_asked, n_taken, n_text = asked[:, mine].sum(), taken[:, mine].sum(), sizes[mine].sum()
            if n_asked - n_taken < max(_TELLING * taken.sum(), 1):
                continue
            caps = [
                groups[i]["max_passes"] for i in np.flatnonzero(mine) if groups[i]["max_passes"] is not None
            ]
            lines.append(
                f"Not as asked: {prop} '{name}' gets {n_taken / taken.sum():.1%} of the training tokens instead of "
                f"{n_asked / taken.sum():.1%}, {_advise(n_asked, n_taken, n_text, caps, taken.sum())}"
            )
    return lines


def _advise(n_asked: float, n_taken: float, n_text: float, caps: Sequence[float], n_all: float) -> str:
    """What caps a share, and what of passes, text and budget would have to change."""
    lower = f"lower budget_tokens to {format_tokens(n_all * n_taken / n_asked)}."
    cap = min(caps, default=1.0)
    if n_asked > cap * n_text:
        return (
            f"as {cap:g} passes are its cap. For that raise its max_passes to "
            f"{math.ceil(n_asked / n_text * 10) / 10:g}, add {format_tokens(n_asked / cap - n_text)} tokens of "
            f"such text, or {lower}"
        )
    # There is text enough in all; the parts of it that other weights ask for are at their caps.
    return f"as the parts of it that the other weights ask for are at their caps. For that change those, or {lower}"


_REASONS = {
    "no_text": "without a word",
    "json_invalid": "that are no JSON object",
    "contaminated": "sharing a run of words with a benchmark",
    "duplicate": "duplicates",
    "over_seed_cap": "beyond max_per_seed of their page",
    "near_validation": "near-duplicates of validation documents",
}


def format_tokens(n: float) -> str:
    """Write a number of tokens shortly.

    >>> format_tokens(1_234_567), format_tokens(950)
    ('1.23M', '950')
    """
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return f"{n:.0f}"


def _shown(name: str) -> Text:
    """A name from the data: no markup, and nothing that acts on a terminal."""
    return Text(printable(name))


def _n_values(plan: Mapping[str, Any], axis: str) -> int:
    return len({group[axis] for group in plan["groups"]})


def _render_axis(plan: Mapping[str, Any], axis: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(axis, no_wrap=True)
    for name in ("documents", "text", "training", "share", "passes"):
        table.add_column(name, justify="right")
    rows = _sum_axis(plan, axis)
    for name, n_documents, n_text, n_training, share in rows[:_MOST_ROWS]:
        passes = f"{n_training / n_text:.2f}" if n_text else "-"
        table.add_row(
            _shown(name),
            f"{n_documents:,}",
            format_tokens(n_text),
            format_tokens(n_training),
            f"{share:.1%}",
            passes,
        )
    if len(rows) > _MOST_ROWS:
        table.add_row(f"... {len(rows) - _MOST_ROWS} more", "", "", "", "", "")
    return table


def _sum_axis(plan: Mapping[str, Any], axis: str) -> list[tuple[str, int, int, int, float]]:
    """Sum the groups by one property: name, documents, tokens of text, of training, share; most first."""
    sums: dict[str, list[int]] = {}
    for group in plan["groups"]:
        n_training = sum(stage["n_tokens"].get(group["name"], 0) for stage in plan["stages"])
        some = sums.setdefault(group[axis], [0, 0, 0])
        for place, n in enumerate((group["train"]["n_documents"], group["train"]["n_tokens"], n_training)):
            some[place] += n
    total = sum(some[2] for some in sums.values()) or 1
    rows = [(name, n, n_text, n_run, n_run / total) for name, (n, n_text, n_run) in sums.items()]
    if axis == "bucket":
        return sorted(rows, key=lambda row: (len(row[0]), row[0]))
    return sorted(rows, key=lambda row: (-row[3], row[0]))


def _render_curve(plan: Mapping[str, Any]) -> Table:
    """Of each bucket: the text by score that it is, worst first, and its factor in each stage."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    stages = plan["stages"]
    for name in ("bucket", "text by score", *(stage["name"] for stage in stages)):
        table.add_column(_shown("factor" if len(stages) == 1 and name == stages[0]["name"] else name))
        table.columns[-1].justify = "right"
    for name, (low, high) in percentiles_of(plan["groups"]).items():
        factors = [f"{stage['upsample'].get(name, 1.0):.2f}" for stage in stages]
        table.add_row(name, f"{low:.0%} to {high:.0%}", *factors)
    return table


def _render_stages(plan: Mapping[str, Any]) -> Table:
    """One row a stage: its tokens, and the shares of sources and buckets in it."""
    stages: Sequence[Mapping[str, Any]] = plan["stages"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column("training", justify="right")
    names = {axis: sorted({group[axis] for group in plan["groups"]}) for axis in ("source", "bucket")}
    columns = [(axis, name) for axis, values in names.items() for name in values][:_MOST_ROWS]
    for _, name in columns:
        table.add_column(_shown(name), justify="right")
    members = {group["name"]: group for group in plan["groups"]}
    for stage in stages:
        total = sum(stage["n_tokens"].values()) or 1
        cells = [
            sum(n for group, n in stage["n_tokens"].items() if members[group][axis] == name) / total
            for axis, name in columns
        ]
        table.add_row(_shown(stage["name"]), format_tokens(total), *(f"{cell:.1%}" for cell in cells))
    return table
