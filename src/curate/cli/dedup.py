"""`curate dedup`: remove duplicates from files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli import EXIT_NOTHING_KEPT, EXIT_PARTIAL
from curate.config import parse_bytes, settings_from
from curate.dedup_job.settings import DedupSettings

_LARGE_BYTES = 1 << 30


def dedup_command(
    *,
    input: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--input", "-i", help="File, folder or glob of documents. Can be repeated.", show_default=False
        ),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for kept/, dropped/ and manifest.json.")
    ] = "deduplicated",
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done, what it would cost, and the S-curve.")
    ] = False,
    jaccard: Annotated[
        float, typer.Option(help="Similarity of word 5-grams from which two documents are near-duplicates.")
    ] = 0.8,
    recall: Annotated[float, typer.Option(help="Chance that a pair at that similarity is found.")] = 0.999,
    exact: Annotated[
        bool, typer.Option("--exact", help="Only documents with the same words; no near-duplicates.")
    ] = False,
    url: Annotated[bool, typer.Option("--url", help="Also leave one document of each address.")] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Index of an earlier crawl, whose documents are removed too. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(help="Column with the text.  [default: found by name]", show_default=False)
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(help="Column with the document's id.  [default: found by name]", show_default=False),
    ] = None,
    url_column: Annotated[
        str | None,
        typer.Option(help="Column with the page's URL.  [default: found by name]", show_default=False),
    ] = None,
    score_column: Annotated[
        str | None,
        typer.Option(
            help="Number by which the best of several duplicates stays.  [default: the longest stays]",
            show_default=False,
        ),
    ] = None,
    warn_share: Annotated[
        float, typer.Option(help="Warn where a source loses more than this share of its documents.")
    ] = 0.5,
    memory: Annotated[str, typer.Option(help="Memory that keys and texts may use.")] = "4GB",
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; does not change the result.  [default: all cores]", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier result in the output folder first.")
    ] = False,
) -> int:
    """Remove exact and near-duplicates: of every group the best, else the longest document stays.

    Reads Parquet, JSONL, WET, text and the other formats of 'curate filter'. Every document is in exactly one
    of kept/*.parquet and dropped/*.parquet; a dropped one names the document that stays and their exact
    similarity. Run the same command again to go on after a stop.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but part of the input could not be read;
    4 nothing was kept; 130 stopped by Ctrl-C.

    Example: curate dedup --input crawl/*.parquet --output deduplicated
    """
    values: dict[str, Any] = {
        "input": input or [],
        "output": output,
        "jaccard": jaccard,
        "recall": recall,
        "exact": exact,
        "url": url,
        "against": against or [],
        "text_column": text_column,
        "id_column": id_column,
        "url_column": url_column,
        "score_column": score_column,
        "warn_share": warn_share,
        "memory": memory,
        "workers": workers,
    }
    settings = settings_from(
        DedupSettings, {name: value for name, value in values.items() if value is not None}
    )
    return _run(settings, only_plan=plan, overwrite=overwrite)


def _run(settings: DedupSettings, *, only_plan: bool, overwrite: bool) -> int:
    from rich.console import Console

    from curate.crawl import find_files
    from curate.dedup_job.estimate import describe_estimate, estimate_dedup
    from curate.dedup_job.job import run_dedup

    console = Console(soft_wrap=True, highlight=False)
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
    for warning in report.warnings:
        console.print(f"Warning: {warning}", markup=False)
    for problem in report.problems:
        console.print(f"Could not be read: {problem}", markup=False)
    console.print(
        f"Result: {settings.output}/kept, {settings.output}/dropped, {settings.output}/manifest.json",
        markup=False,
    )
    if not report.n_kept:
        return EXIT_NOTHING_KEPT
    return EXIT_PARTIAL if report.problems else 0
