"""`curate filter`: the main job. `curate init-config`: its settings as a commented file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli import EXIT_NOTHING_KEPT, EXIT_PARTIAL
from curate.config import read_toml, settings_from, to_toml
from curate.errors import SettingError
from curate.settings import FilterSettings

DEFAULT_OUTPUT = "curated"


def filter_command(
    *,
    input: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            help="Crawl file, folder or glob; local or any fsspec URL (s3://...). Can be repeated.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help=f"Folder for kept/, dropped/ and manifest.json.  [default: {DEFAULT_OUTPUT}]",
            show_default=False,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Least score to keep, 0 to 1. For the scorer 'edu' a score is the "
            "probability that an LLM annotator gives the page a level of 3 or more of 5.  [default: 0.5]",
            show_default=False,
        ),
    ] = None,
    keep_fraction: Annotated[
        float | None,
        typer.Option(
            help="Instead of a threshold: the share of scored documents to keep, best first.",
            show_default=False,
        ),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            help="Bundled classifier, folder of your own, or 'none'.  [default: edu]", show_default=False
        ),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(
            help="ISO code of a language to keep, or 'any'. Can be repeated.  [default: en]",
            show_default=False,
        ),
    ] = None,
    rules: Annotated[
        str | None,
        typer.Option(
            help="Rule sets, with commas: names, TOML files, or 'none'.  [default: gopher,c4,fineweb]",
            show_default=False,
        ),
    ] = None,
    dedup: Annotated[
        str | None,
        typer.Option(
            help="near (exact and near-duplicates), exact, or none.  [default: near]", show_default=False
        ),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="HTML to main text: curate, resiliparse or trafilatura.  [default: curate]",
            show_default=False,
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            help="Column of JSONL or Parquet input that holds the text.  [default: found by name]",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[
        bool | None,
        typer.Option("--markdown", help="Mark headings, lists, quotes and code.", show_default=False),
    ] = None,
    keep_links: Annotated[
        bool | None, typer.Option("--keep-links", help="Keep links as [text](address).", show_default=False)
    ] = None,
    redact_pii: Annotated[
        bool | None,
        typer.Option("--redact-pii", help="Replace e-mail and public IP addresses.", show_default=False),
    ] = None,
    decontaminate: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark file; pages that share a 13-gram with it are dropped. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Worker processes; does not change the result.  [default: all cores]", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings from a TOML file (see 'curate init-config'); flags go before.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier result in the output folder first.")
    ] = False,
) -> int:
    """Filter a crawl: extract text, identify language, apply quality rules, remove duplicates, score, cut.

    Reads WARC, ARC, WET, JSONL, Parquet, HTML and text files, compressed or not, mixed as they come. Writes
    kept/*.parquet and dropped/*.parquet: every document read is in exactly one of them, dropped ones with the
    reason, the value and the limit. Run the same command again to go on after a stop.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but part of the input could not be read;
    4 nothing was kept; 130 stopped by Ctrl-C.

    Example: curate filter --input crawl/ --output curated --threshold 0.8
    """
    flags: dict[str, Any] = {
        "input": input,
        "output": output,
        "threshold": threshold,
        "keep_fraction": keep_fraction,
        "scorer": scorer,
        "language": language,
        "rules": None if rules is None else [name for name in rules.split(",") if name and name != "none"],
        "dedup": dedup,
        "extractor": extractor,
        "text_column": text_column,
        "markdown": markdown,
        "keep_links": keep_links,
        "redact_pii": redact_pii,
        "decontaminate": decontaminate,
        "workers": workers,
    }
    values = {"output": DEFAULT_OUTPUT} | (read_toml(config) if config else {})
    if threshold is not None:
        values.pop("keep_fraction", None)
    if keep_fraction is not None:
        values.pop("threshold", None)
    settings = settings_from(FilterSettings, values | {k: v for k, v in flags.items() if v is not None})
    return _run(settings, overwrite=overwrite)


def _run(settings: FilterSettings, *, overwrite: bool) -> int:
    from rich.console import Console

    from curate.pipeline import run_filter
    from curate.report.render import describe_rest, render_funnel

    funnel = run_filter(settings, overwrite=overwrite)
    console = Console(soft_wrap=True, highlight=False)
    console.print(render_funnel(funnel))
    for line in describe_rest(funnel):
        console.print(line, markup=False)
    console.print(describe_cut(settings, funnel.cut, funnel.kept.n_documents, funnel.n_scored), markup=False)
    console.print(
        f"Result: {settings.output}/kept, {settings.output}/dropped, {settings.output}/manifest.json",
        markup=False,
    )
    if not funnel.kept.n_documents:
        console.print(
            "Nothing was kept. The funnel shows where the documents went; see 'curate explain'.", markup=False
        )
        return EXIT_NOTHING_KEPT
    return EXIT_PARTIAL if funnel.problems else 0


def describe_cut(settings: FilterSettings, cut: float | None, n_kept: int, n_scored: int) -> str:
    """Say what the cut means and what it keeps."""
    if cut is None:
        return "Nothing was scored: every document that passed the rules is kept."
    share = (
        f"{n_kept:,} of {n_scored:,} scored documents ({n_kept / n_scored:.1%})"
        if n_scored
        else "no document"
    )
    meaning = ""
    if settings.scorer == "edu":
        meaning = (
            f": at least {cut:.0%} likely that an LLM annotator would call the page educational "
            "(level 3 or more of 5)"
        )
    return f"Kept {share} with {settings.scorer}_score >= {cut:.3g}{meaning}."


def init_config_command(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("curate.toml"),
) -> None:
    """Write every setting of 'curate filter' with its default and meaning to a TOML file."""
    if path.exists():
        raise SettingError(f"{path} exists. Name another file.")
    settings = FilterSettings(input=("crawl/",), output=DEFAULT_OUTPUT)
    path.write_text(to_toml(settings), encoding="utf-8")
    print(f"Wrote {path}. Use it with: curate filter --config {path}")
