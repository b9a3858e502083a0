"""The plan as tables for people: what there is, what training takes of it, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

_AXES = ("source", "domain", "bucket")
_MOST_ROWS = 30


def render_plan(plan: Mapping[str, Any]) -> list[Table]:
    """Tables by source, domain and quality bucket, and one of the stages when there are several.

    `text` counts the tokens there are, `training` those that the run takes; `passes` is how often that goes
    over the text (effective epochs). Token counts are estimates until the tokens are counted.
    """
    tables = [_render_axis(plan, axis) for axis in _AXES if axis == "source" or _n_values(plan, axis) > 1]
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
    unseen = [group["name"] for group in groups if not group["share"]]
    if unseen:
        more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
        lines.append(f"No training takes: {', '.join(unseen[:5])}{more}.")
    return lines


_REASONS = {
    "no_text": "without a word",
    "contaminated": "sharing a run of words with a benchmark",
    "duplicate": "duplicates",
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
            name, f"{n_documents:,}", format_tokens(n_text), format_tokens(n_training), f"{share:.1%}", passes
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


def _render_stages(plan: Mapping[str, Any]) -> Table:
    """One row a stage: its tokens, and the shares of sources and buckets in it."""
    stages: Sequence[Mapping[str, Any]] = plan["stages"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column("training", justify="right")
    names = {axis: sorted({group[axis] for group in plan["groups"]}) for axis in ("source", "bucket")}
    columns = [(axis, name) for axis, values in names.items() for name in values][:_MOST_ROWS]
    for _, name in columns:
        table.add_column(name, justify="right")
    members = {group["name"]: group for group in plan["groups"]}
    for stage in stages:
        total = sum(stage["n_tokens"].values()) or 1
        cells = [
            sum(n for group, n in stage["n_tokens"].items() if members[group][axis] == name) / total
            for axis, name in columns
        ]
        table.add_row(stage["name"], format_tokens(total), *(f"{cell:.1%}" for cell in cells))
    return table
