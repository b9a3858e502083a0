"""`curate annotate`: levels for pages by an LLM, within a budget; batches, agreement, merging, review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.annotate.settings import AnnotateSettings
from curate.cli import EXIT_PARTIAL
from curate.cli.calls import (
    ApiKeyEnvOption,
    BaseUrlOption,
    print_end,
    print_money,
    print_states,
    print_submission,
    with_calls,
)
from curate.cli.say import say
from curate.errors import SettingError

annotate_app = typer.Typer(
    name="annotate",
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="Label pages with an LLM, within a budget.",
)


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, show_default=False)


def _print_estimate(settings: Any) -> int:
    from curate.annotate import estimate

    found = estimate(settings)
    say(f"Pages read          {found.n_read:>12,}")
    say(f"Near-duplicates     {found.n_duplicates:>12,}   left out")
    say(f"Pages chosen        {found.n_pages:>12,}   {settings.select}")
    say(f"Requests            {found.n_requests:>12,}   {found.n_answered:,} more are answered in the cache")
    enough = f": enough for about {found.n_within_budget or 0:,} of {found.n_requests:,} requests"
    print_money(found, enough)
    print("Nothing was sent.")
    return 0


def _annotate(settings: Any) -> int:
    from curate.annotate import run_annotation

    return _print_result(run_annotation(settings))


def _print_result(result: Any) -> int:
    from curate.annotate.reply import PROBLEMS

    n_labelled = result.outcomes.get("labelled", 0)
    say(
        f"{n_labelled:,} labels for {result.n_pages:,} pages in {result.output}; spent {result.spent_usd:.4f} US dollars."
    )
    for name, count in result.outcomes.items():
        if name in PROBLEMS:
            say(f"  {count:,} {name}: {PROBLEMS[name]}")
    print_end(result)
    if result.n_open:
        say(f"{result.n_open:,} labels are still to come.")
    is_partial = result.n_open or result.outcomes.get("failed") or (result.outcomes and not n_labelled)
    return EXIT_PARTIAL if is_partial else 0


def _submit(settings: Any) -> int:
    from curate.annotate.batches import submit_batches

    is_all = print_submission(submit_batches(settings), "curate annotate collect", settings)
    return 0 if is_all else EXIT_PARTIAL


@annotate_app.callback()
@with_calls(AnnotateSettings, estimate=_print_estimate, submit=_submit, run=_annotate)
def annotate_command() -> None:
    """Label pages with an LLM, within a budget; run it again to go on after a stop.

    Every reply is kept in a cache beside the output, so that nothing is paid for twice. The API key is read from
    the environment only.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but labels are missing; 130 stopped by Ctrl-C.

    Example: curate annotate --input curated --output labels.jsonl --model gpt-4o-mini --n-pages 1000 --budget-usd 5
    """


OutputOption = Annotated[
    str | None, _option("Label file, as it was given to 'curate annotate'.", "--output", "-o")
]
CacheOption = Annotated[str | None, _option("Its cache.  [default: <output>.cache.sqlite]", "--cache")]


@annotate_app.command("status")
def status_command(
    *,
    output: OutputOption = None,
    cache: CacheOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: ApiKeyEnvOption = None,
) -> int:
    """Ask the server how far the batches are."""
    from curate.annotate.batches import batch_states
    from curate.llm.batches import Trusted

    print_states(batch_states(_cache_of(output, cache), Trusted(base_url, api_key_env)))
    return 0


@annotate_app.command("collect")
def collect_command(
    *,
    output: OutputOption = None,
    cache: CacheOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: ApiKeyEnvOption = None,
) -> int:
    """Take the results of batches that are over into the label file; collecting again changes nothing.

    Exit codes: 0 all is collected; 3 batches are still running, or labels are missing.
    """
    from curate.annotate.batches import collect_batches
    from curate.llm.batches import Trusted

    states, results = collect_batches(_cache_of(output, cache), output, Trusted(base_url, api_key_env))
    is_all = print_states(states)
    codes = [_print_result(result) for result in results]
    return 0 if is_all and not any(codes) else EXIT_PARTIAL


def _cache_of(output: str | None, cache: str | None) -> str:
    if not output and not cache:
        raise SettingError("Which labels? Give --output, as it was given to 'curate annotate'.")
    return cache or f"{output}.cache.sqlite"


PromptOption = Annotated[
    str | None,
    _option("Prompt whose labels count, by name, where the files hold those of several.", "--prompt"),
]


LevelFieldOption = Annotated[
    str | None, _option("Field of the level in rows that name none; else edu_level or level.")
]


@annotate_app.command("agreement")
def agreement_command(
    labels: Annotated[list[str], typer.Argument(help="Label files.")],
    *,
    show: Annotated[int, typer.Option(help="Disagreements to list, widest first.")] = 10,
    prompt: PromptOption = None,
    level_field: LevelFieldOption = None,
) -> None:
    """Say how far annotators agree: weighted kappa by pair, Krippendorff's alpha, and where they differ."""
    from curate.annotate.agreement import measure_agreement
    from curate.annotate.labels import read_all, with_level_field

    found = measure_agreement(with_level_field(read_all(labels), level_field), prompt)
    for name, count in found.annotators.items():
        say(f"{name}: {count:,} pages")
    say(f"{found.n_shared:,} of {found.n_pages:,} pages have levels by two annotators or more.")
    alphas = ", ".join(f"{metric} {alpha:.3f}" for metric, alpha in found.alpha.items())
    say(f"Krippendorff's alpha: {alphas}")
    for pair in found.pairs:
        say(
            f"{pair.first} and {pair.second}: quadratic kappa {pair.kappa:.3f}, equal {pair.frac_equal:.1%}, "
            f"within 1 {pair.frac_within_1:.1%}, second higher by {pair.mean_difference:+.2f}, {pair.n_pages:,} pages"
        )
    for page in found.disagreements[:show]:
        levels = "; ".join(f"{level:g} {name} ({page.reasons[name]})" for name, level in page.levels.items())
        say(f"{page.id}: {levels}")
    if len(found.disagreements) > show:
        say(f"{len(found.disagreements) - show:,} more disagreements: list them with --show.")


@annotate_app.command("merge")
def merge_command(
    labels: Annotated[list[str], typer.Argument(help="Label files.")],
    *,
    output: Annotated[str, typer.Option("--output", "-o", help="Label file to write, one row a page.")],
    prompt: PromptOption = None,
    level_field: LevelFieldOption = None,
) -> None:
    """Merge label sources into one level a page: a person's last word, else the median of the models' medians."""
    from curate.annotate.agreement import merge_labels
    from curate.annotate.labels import read_all, replace_labels, with_level_field

    if Path(output).resolve() in {Path(path).resolve() for path in labels}:
        raise SettingError("The merged labels must go to a file of their own. Give another --output.")
    rows = merge_labels(with_level_field(read_all(labels), level_field), prompt)
    replace_labels(output, rows)
    say(f"{len(rows):,} pages in {output}.")


@annotate_app.command("review")
def review_command(
    labels: Annotated[str, typer.Argument(help="Label file.")],
    *,
    annotator: Annotated[str | None, _option("Your name, noted in your labels.")] = None,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 for any that is free.")] = 0,
    low: Annotated[int, typer.Option(help="Least level of the scale.")] = 0,
    high: Annotated[int, typer.Option(help="Greatest level of the scale.")] = 5,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Read pages with their labels in a browser, and correct these with the keyboard.

    Corrections are appended to the file as human labels; the model's labels stay.
    """
    from curate.annotate.review import ReviewServer

    server = ReviewServer(labels, annotator=annotator, port=port, low=low, high=high)
    print(f"Review at {server.url} (Ctrl-C ends it; every correction is saved at once).", flush=True)
    if browser:
        import webbrowser

        webbrowser.open(server.url)
    try:
        server.serve()
    except KeyboardInterrupt:
        print("\nReview ended.")
