"""`curate dedup`: remove duplicates from files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli import exit_code
from curate.cli.options import with_settings
from curate.cli.say import make_console
from curate.config import parse_bytes, settings_from
from curate.jobs.settings import DedupSettings

_LARGE_BYTES = 1 << 30


@with_settings(DedupSettings)
def dedup_command(
    given: dict[str, Any],
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done, what it would cost, and the S-curve.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier result in the output folder first.")
    ] = False,
) -> int:
    """Remove exact and near-duplicates: of every group the best, else the longest document stays.

    Reads Parquet, JSONL, WET, text and the other formats of 'curate filter'. Every document is in exactly one
    of `kept/*.parquet` and `dropped/*.parquet`; a dropped one names the document that stays and their exact
    similarity. Run the same command again to go on after a stop.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but part of the input could not be read;
    4 nothing was kept; 130 stopped by Ctrl-C.

    Example: curate dedup --input crawl/*.parquet --output deduplicated
    """
    return _run(settings_from(DedupSettings, given), only_plan=plan, overwrite=overwrite)


def _run(settings: DedupSettings, *, only_plan: bool, overwrite: bool) -> int:
    from curate.crawl import find_files
    from curate.jobs.dedup import run_dedup
    from curate.jobs.estimate import describe_estimate, estimate_dedup

    console = make_console()
    is_large = sum(file.size_bytes for file in find_files(settings.input)) >= _LARGE_BYTES
    if only_plan or is_large:
        for line in describe_estimate(estimate_dedup(settings, parse_bytes(settings.memory))):
            console.print(line, markup=False)
    if only_plan:
        return 0
    report = run_dedup(settings, overwrite=overwrite)
    share = f" ({report.n_kept / report.n_documents:.1%})" if report.n_documents else ""
    console.print(f"Kept {report.n_kept:,} of {report.n_documents:,} documents{share}.", markup=False)
    for reason, count in report.n_dropped.items():
        console.print(f"  {reason}: {count:,}", markup=False)
    if report.n_in_indexes:
        console.print(f"  of these, the twin lies in an index: {report.n_in_indexes:,}", markup=False)
    for warning in report.warnings:
        console.print(f"Warning: {warning}", markup=False)
    for problem in report.problems:
        console.print(f"Could not be read: {problem}", markup=False)
    console.print(
        f"Result: {settings.output}/kept, {settings.output}/dropped, {settings.output}/manifest.json",
        markup=False,
    )
    return exit_code(report.n_kept, report.problems)
