"""The funnel and a document's story as text for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from curate.crawl import FileProblem
from curate.run.cut import LaneCut
from curate.run.funnel import STAGES, Funnel, Tally
from curate.text.printable import format_bytes, printable

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
    if n_lines := sum(funnel.lines_removed.values()):
        table.add_row("  lines taken out of pages", f"{n_lines:,} lines", "", "", style="dim")
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


def describe_drop(row: Mapping[str, Any], wanted: Sequence[str] = ()) -> str:
    """Why a document was dropped, with the number, the limit, and on which side of it the document should be.

    Args:
        row: with the columns drop_*, language and language_confidence.
        wanted: the languages that the run was asked for.

    >>> row = {"drop_stage": "rules", "drop_reason": "c4_n_sentences", "drop_value": 4.0, "drop_limit": 5.0}
    >>> describe_drop(row)
    'c4_n_sentences: 4, at least 5 stays'
    """
    reason, value, limit = row["drop_reason"], row.get("drop_value"), row.get("drop_limit")
    detail = f" ({row['drop_detail']})" if row.get("drop_detail") else ""
    if row.get("drop_stage") == "language" and reason == "language":
        found = row.get("language") or "none"
        sure = row.get("language_confidence")
        told = "" if sure is None else f" (confidence {sure:.3f})"
        return f"{reason}: found {found}{told}, wanted {', '.join(wanted) or 'another'}"
    if value is None or limit is None:
        return f"{reason}{detail}"
    if row.get("drop_stage") == "dedup":
        return f"{reason}: Jaccard {value:.4g}, a duplicate from {limit:.4g}"
    side = "at least" if value < limit else "at most" if value > limit else "more or less than"
    return f"{reason}: {value:.4g}, {side} {limit:.4g} stays{detail}"


def describe_hint(funnel: Funnel, output: str, wanted: Sequence[str]) -> str | None:
    """What to look at and type where one reason takes more than half of what was read."""
    n_read = funnel.read.n_documents
    stage, reason, tally = max(
        funnel.reasons(), key=lambda row: row[2].n_documents, default=("", "", Tally())
    )
    if 2 * tally.n_documents <= n_read or not n_read:
        return None
    share = f"{tally.n_documents / n_read:.0%} of what was read"
    if (stage, reason) == ("language", "language"):
        dropped = funnel.languages_dropped()
        whole = sum(dropped.values()) or 1
        common = dropped.most_common(3)
        found = ", ".join(f"{name} {n / whole:.0%}" for name, n in common)
        way = f"--language {common[0][0]}, or --language any" if common else "--language any"
        return f"{share} is not in {', '.join(wanted)}: found {found or 'none'}. To keep it: {way}."
    folder = shlex.quote(output)
    look = f"curate explain {folder} --reason {reason} --sample 5"
    if stage == "score":
        cut = f"curate rethreshold {folder} --threshold {(funnel.cut or 0.5) / 2:.2g}"
        return f"{share} falls below the cut. Look: {look}; keep more, without scoring again: {cut}."
    return f"{share} is dropped for {reason}. Look: {look}."


def describe_cut(funnel: Funnel) -> str:
    """Say what the cut means and what it keeps."""
    if funnel.cut is None:
        return "Nothing was scored: every document that passed the rules is kept."
    n_kept, n_scored = funnel.n_kept_scored, funnel.n_scored
    share = (
        f"{n_kept:,} of {n_scored:,} scored documents ({n_kept / n_scored:.1%})"
        if n_scored
        else "no document"
    )
    limits = describe_limits(funnel)
    meaning = ""
    if limits.startswith("edu_score >= ") and " and " not in limits:
        languages, unscored = funnel.limits[0].get("languages"), funnel.limits[0].get("unscored")
        whose = f" for pages in {', '.join(languages)}" if languages and unscored == "score" else ""
        meaning = (
            f":{whose} at least {funnel.cut:.0%} likely that an LLM annotator would call the page educational "
            "(level 3 or more of 5)"
        )
    n_spared = sum(tally.n_documents for tally in funnel.spared.values())
    spared = f" {n_spared:,} of these fail a rule that their score overrules (spared_by)." if n_spared else ""
    n_unscored = funnel.kept.n_documents - funnel.n_kept_scored
    others = (
        f" {n_unscored:,} more are kept without a score: the scorer was not made for their language."
        if n_unscored
        else ""
    )
    return f"Kept {share} with {limits}{meaning}.{spared}{others}"


def describe_folder(output: str) -> list[str]:
    """Where the result lies, and what to look at it with."""
    folder = shlex.quote(output)
    return [
        f"Result: {output}/kept, {output}/dropped, {output}/manifest.json",
        f"Look closer: curate report {folder}; curate explain {folder} ID-OR-URL",
    ]


def _numbers(tally: Tally, n_read: int, sign: str = "") -> tuple[str, str, str]:
    share = f"{tally.n_documents / n_read:.1%}" if n_read else "-"
    return f"{sign}{tally.n_documents:,}", share, format_bytes(tally.n_text_bytes)
