"""`curate filter`: the main job. `curate init-config`: its settings as a commented file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli import exit_code
from curate.cli.options import split_names, with_settings
from curate.cli.say import make_console, say
from curate.config import read_toml, settings_from, to_toml
from curate.errors import SettingError
from curate.run.settings import FilterSettings

if TYPE_CHECKING:  # every command line loads this file, and the funnel loads Arrow
    from curate.run.funnel import Funnel

_CUTS = ("threshold", "keep_fraction", "target_tokens")


@with_settings(FilterSettings)
def filter_command(
    given: dict[str, Any],
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings from a TOML file (see 'curate init-config'); flags go before."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the earlier result in the output folder first.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Run a sample of the input (1%, a minute at most), and print what the whole would take and keep; exit code 1 "
            "where the disk is too small.",
        ),
    ] = False,
    markdown: Annotated[
        bool | None,
        typer.Option("--markdown/--no-markdown", hidden=True, help="Older name of --text-format."),
    ] = None,
) -> int:
    """Filter a crawl: extract text, identify language, apply quality rules, remove duplicates, score, cut.

    Reads WARC, ARC, WET, JSONL, Parquet, HTML and text files, compressed or not, mixed as they come. Writes
    `kept/*.parquet` and `dropped/*.parquet`: every document read is in exactly one of them, dropped ones with the
    reason, the value and the limit. Run the same command again to go on after a stop.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but part of the input could not be read;
    4 nothing was kept; 130 stopped by Ctrl-C.

    Example: curate filter --input crawl/ --output curated --threshold 0.8
    """
    if markdown is not None:  # the older name of --text-format
        given = {"markdown": markdown} | given
    given = split_names(given, "language", "rules", "code_rules")
    values = read_toml(config) if config else {}
    for named in (name for name in _CUTS if name in given):  # a flag goes before the cut of the file
        others = {*_CUTS, "weights"} if named == "threshold" else {*_CUTS}
        values = {name: value for name, value in values.items() if name not in others}
    settings = settings_from(FilterSettings, values | given)
    return _plan(settings) if plan else _run(settings, overwrite=overwrite)


def _plan(settings: FilterSettings) -> int:
    from curate.jobs.plan import describe_plan, plan_filter
    from curate.warming import warm

    warm()  # kernels are compiled or loaded outside the clock
    found = plan_filter(settings)
    say(*describe_plan(found))
    return 0 if found.fits else 1


def _run(settings: FilterSettings, *, overwrite: bool) -> int:
    from curate.pipeline import run_filter

    if settings.shard is not None:
        funnel = run_filter(settings, overwrite=overwrite)
        console = make_console()
        console.print(
            f"Read shard {settings.shard}: {funnel.read.n_documents:,} documents, of which {funnel.kept.n_documents:,} go on. "
            "When all shards are read: curate join SHARDS --output FOLDER",
            markup=False,
        )
        return 0
    return report_run(settings.output, lambda: run_filter(settings, overwrite=overwrite), settings.language)


def report_run(output: str, run: Callable[[], Funnel], languages: tuple[str, ...] | None) -> int:
    """Do a run and print what came of it; `languages` are those that were wanted, where hints may be about them."""
    from curate.results.render import (
        describe_cut,
        describe_folder,
        describe_hint,
        describe_rest,
        render_funnel,
    )
    from curate.work.urls import public_name

    began_s = time.monotonic()
    funnel = run()
    elapsed_s = time.monotonic() - began_s
    console = make_console()
    console.print(render_funnel(funnel))
    for line in describe_rest(funnel):
        console.print(line, markup=False)
    if languages is not None and (hint := describe_hint(funnel, public_name(output), languages)):
        console.print(hint, markup=False)
    console.print(describe_cut(funnel), markup=False)
    n_read = funnel.read.n_documents
    console.print(
        f"Took {elapsed_s:.0f} s, {n_read / max(elapsed_s, 0.001):,.0f} documents a second.", markup=False
    )
    for line in describe_folder(public_name(output)):
        console.print(line, markup=False)
    if not funnel.kept.n_documents:
        console.print(
            "Nothing was kept. The funnel shows where the documents went; see 'curate explain'.", markup=False
        )
    return exit_code(funnel.kept.n_documents, funnel.problems)


def init_config_command(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("curate.toml"),
) -> None:
    """Write every setting of 'curate filter' with its default and meaning to a TOML file."""
    if path.exists():
        raise SettingError(f"{path} exists. Name another file.")
    settings = FilterSettings(input=("crawl/",))
    path.write_text(to_toml(settings), encoding="utf-8")
    print(f"Wrote {path}. Use it with: curate filter --config {path}")
