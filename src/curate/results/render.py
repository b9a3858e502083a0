"""The funnel and a document's story as text for a terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from curate.crawl import FileProblem
from curate.run.cut import LaneCut
from curate.run.funnel import STAGES, Funnel, Tally
from curate.text.printable import printable

MOST_LANGUAGES = 12
"""Languages that the funnel shows on a terminal; the manifest has all."""


def render_funnel(funnel: Funnel) -> Table:
    """Lay out the funnel: read, each reason under its stage, kept, and what of it was spared; then each kind's sums."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    for title in ("documents", "share", "text"):
        table.add_column(title, justify="right", no_wrap=True)
    n_read = funnel.read.n_documents
    table.add_row("read", *_numbers(funnel.read, n_read), style="bold")
    shown = None
    for stage, reason, tally in funnel.reasons():
        if stage != shown:
            table.add_row(Text(printable(f"  {stage}")), style="dim")
            shown = stage
        table.add_row(Text(printable(f"    {reason}")), *_numbers(tally, n_read, sign="-"))
    table.add_row("kept", *_numbers(funnel.kept, n_read), style="bold")
    if funnel.spared:
        table.add_row("  of these spared by their score", style="dim")
        for reason, tally in funnel.spared_by():
            table.add_row(Text(printable(f"    {reason}")), *_numbers(tally, n_read))
    for kind, own in [*funnel.by_kind(), *funnel.by_language()[:MOST_LANGUAGES]]:
        table.add_row(Text(printable(f"  {kind}")), style="dim")
        n_own = own.read.n_documents
        table.add_row("    read", *_numbers(own.read, n_read))
        for stage in STAGES:
            lost = [tally for (at, _), tally in own.dropped.items() if at == stage]
            if lost:
                total = Tally(sum(t.n_documents for t in lost), sum(t.n_text_bytes for t in lost))
                table.add_row(f"    {stage}", *_numbers(total, n_own, sign="-"))
        table.add_row("    kept", *_numbers(own.kept, n_own))
    return table


def describe_limits(funnel: Funnel) -> str:
    """What documents had to reach: 'edu_score >= 0.5; code: code_score >= 0.5'; kinds without documents are left out."""
    parts: list[tuple[tuple[str, ...], str]] = []
    for cut in (LaneCut.from_json(data) for data in funnel.limits):
        if not funnel.kinds or any(kind in funnel.kinds for kind in cut.kinds):
            needs = " and ".join(f"{limit.name} >= {limit.least:.3g}" for limit in cut.limits)
            parts.append((cut.kinds, needs))
    if len(parts) == 1:
        return parts[0][1]
    return "; ".join(f"{' and '.join(kinds)}: {needs}" for kinds, needs in parts)


def describe_rest(funnel: Funnel) -> list[str]:
    """Lines under the funnel: records that are no pages, what could not be read, warnings."""
    lines: list[str] = []
    if funnel.records:
        kinds = ", ".join(f"{printable(kind)} {n:,}" for kind, n in funnel.records.most_common())
        lines.append(f"Records that are not pages, counted only: {kinds}.")
    more = len(funnel.by_language()) - MOST_LANGUAGES
    if more > 0:
        lines.append(f"{more} more languages with fewer documents; manifest.json lists them all.")
    if funnel.lines_removed:
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in funnel.lines_removed.most_common())
        lines.append(f"Lines taken out of pages: {reasons} ({funnel.n_chars_removed:,} characters).")
    lines += [f"Could not read {printable(str(FileProblem(**problem)))}." for problem in funnel.problems[:10]]
    if len(funnel.problems) > 10:
        lines.append(f"... and {len(funnel.problems) - 10:,} more; manifest.json lists them all.")
    lines += [f"Warning: {printable(warning)}" for warning in funnel.warnings]
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
