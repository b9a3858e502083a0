"""The funnel and a document's story as text for a terminal."""

from __future__ import annotations

from rich.table import Table

from curate.run.funnel import Funnel, Tally


def render_funnel(funnel: Funnel) -> Table:
    """Lay out the funnel: read, each reason under its stage, kept."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for title in ("documents", "share", "text"):
        table.add_column(title, justify="right", no_wrap=True)
    n_read = funnel.read.n_documents
    table.add_row("read", *_numbers(funnel.read, n_read), style="bold")
    shown = None
    for stage, reason, tally in funnel.reasons():
        if stage != shown:
            table.add_row(f"  {stage}", style="dim")
            shown = stage
        table.add_row(f"    {reason}", *_numbers(tally, n_read, sign="-"))
    table.add_row("kept", *_numbers(funnel.kept, n_read), style="bold")
    return table


def describe_rest(funnel: Funnel) -> list[str]:
    """Lines under the funnel: records that are no pages, what could not be read, warnings."""
    lines: list[str] = []
    if funnel.records:
        kinds = ", ".join(f"{kind} {n:,}" for kind, n in funnel.records.most_common())
        lines.append(f"Records that are not pages, counted only: {kinds}.")
    if funnel.lines_removed:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in funnel.lines_removed.most_common())
        lines.append(f"Lines taken out of pages: {reasons}.")
    for problem in funnel.problems[:10]:
        place = "" if problem["position"] is None else f", record {problem['position']}"
        detail = f" ({problem['detail']})" if problem["detail"] else ""
        lines.append(f"Could not read {problem['source']}{place}: {problem['reason']}{detail}.")
    if len(funnel.problems) > 10:
        lines.append(f"... and {len(funnel.problems) - 10:,} more; manifest.json lists them all.")
    lines += [f"Warning: {warning}" for warning in funnel.warnings]
    return lines


def format_bytes(n_bytes: float) -> str:
    """Write a number of bytes for people.

    >>> format_bytes(999), format_bytes(1_234_567)
    ('999 B', '1.2 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.0f} B" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def _numbers(tally: Tally, n_read: int, sign: str = "") -> tuple[str, str, str]:
    share = f"{tally.n_documents / n_read:.1%}" if n_read else "-"
    return f"{sign}{tally.n_documents:,}", share, format_bytes(tally.n_text_bytes)
