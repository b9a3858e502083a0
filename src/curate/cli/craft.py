"""`curate craft`: text written by a language model, from curated pages or topics, through a gate, within a budget."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli import EXIT_PARTIAL, exit_code
from curate.cli.calls import (
    ApiKeyEnvOption,
    BaseUrlOption,
    print_end,
    print_money,
    print_states,
    print_submission,
    with_calls,
)
from curate.cli.options import with_settings
from curate.cli.say import make_console, say
from curate.config import settings_from
from curate.craft.settings import CraftSettings

if TYPE_CHECKING:
    from curate.craft.run import CraftResult

craft_app = typer.Typer(
    name="craft",
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="Write text with a language model, from curated pages or topics, within a budget.",
)
recipes_app = typer.Typer(name="recipes", no_args_is_help=True, help="Show what writers can be asked for.")
craft_app.add_typer(recipes_app)
_OF_PLANS = {
    *("input", "min_score", "max_score", "score_column", "topic_column", "seed_chars", "recipe", "tables"),
    *("model", "max_output_tokens", "prices", "price_input", "price_output"),
}
_NOT_OF_PLANS = {field.name for field in fields(CraftSettings)} - _OF_PLANS


def _print_estimate(settings: CraftSettings) -> int:
    from curate.craft import estimate_craft

    found = estimate_craft(settings)
    for line in found.example.splitlines():
        say(line)
    say("")
    say(f"Read                {found.n_read:>12,}")
    for reason, count in found.passed_over.items():
        say(f"  no seed           {count:>12,}   {reason}")
    say(f"Seeds               {found.n_seeds:>12,}")
    say(f"Prompts             {found.n_prompts:>12,}   {found.n_answered:,} more have their replies")
    print_money(found)
    print("Nothing was sent.")
    return 0


def _craft(settings: CraftSettings) -> int:
    from curate.craft import craft_text

    return _print_result(craft_text(settings))


def _submit(settings: CraftSettings) -> int:
    from curate.craft import submit_craft

    is_all = print_submission(submit_craft(settings), "curate craft collect", settings)
    return 0 if is_all else EXIT_PARTIAL


def _print_result(result: CraftResult) -> int:
    from curate.results.render import describe_rest, render_funnel

    if result.funnel.read.n_documents:
        make_console().print(render_funnel(result.funnel))
        for line in describe_rest(result.funnel):
            say(line)
    n_replies = result.n_prompts - result.n_open
    say(f"{n_replies:,} replies to {result.n_prompts:,} prompts; spent {result.spent_usd:.4f} US dollars.")
    print_end(result)
    if result.n_open:
        say(f"{result.n_open:,} prompts have no reply yet.")
        return EXIT_PARTIAL
    return exit_code(result.funnel.kept.n_documents, ())


@craft_app.callback()
@with_calls(CraftSettings, estimate=_print_estimate, submit=_submit, run=_craft, lists=("language", "rules"))
def craft_command() -> None:
    """Write text with a language model; every reply is judged, and dropped ones keep their reason and their text.

    The output is that of 'curate filter': kept/, dropped/ and manifest.json, for explain, report, rethreshold and mix.
    Replies and spending are kept beside it, in `<output>.craft`, so that nothing is paid for twice: run the same
    command again to go on after a stop. The API key is read from the environment only.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but prompts have no reply; 4 nothing was kept;
    130 stopped by Ctrl-C.

    Example: curate craft --input curated --output crafted --model gpt-4o-mini --n 1000 --budget-usd 20
    """


OutputOption = Annotated[
    str, typer.Option("--output", "-o", help="Folder, as it was given to 'curate craft'.", show_default=False)
]


@craft_app.command("status")
def status_command(
    *, output: OutputOption, base_url: BaseUrlOption = None, api_key_env: ApiKeyEnvOption = None
) -> int:
    """Ask the server how far the batches are."""
    from curate.craft import craft_batches
    from curate.llm.batches import Trusted

    print_states(craft_batches(output, Trusted(base_url, api_key_env)))
    return 0


@craft_app.command("collect")
def collect_command(
    *, output: OutputOption, base_url: BaseUrlOption = None, api_key_env: ApiKeyEnvOption = None
) -> int:
    """Take the results of batches that are over and judge them; collecting again changes nothing.

    Exit codes: 0 all is collected; 3 batches are still running, or prompts have no reply; 4 nothing was kept.
    """
    from curate.craft import collect_craft
    from curate.llm.batches import Trusted

    states, result = collect_craft(output, trusted=Trusted(base_url, api_key_env))
    is_all = print_states(states)
    code = _print_result(result) if result else 0
    return code if is_all else EXIT_PARTIAL


@craft_app.command("plan")
@with_settings(CraftSettings, left_out=_NOT_OF_PLANS)
def plan_command(
    given: dict[str, Any],
    *,
    target: Annotated[
        Path, typer.Option(help='TOML file with tokens = "2B" and shares by topic under \\[domains].')
    ],
    keep_rate: Annotated[
        float, typer.Option(help="Share of the replies that are expected to be kept.")
    ] = 0.7,
) -> int:
    """Say which domains a mixture lacks, from how many seeds their text can be crafted, and what it costs; sends nothing.

    Example: curate craft plan --input curated --target domains.toml --model gpt-4o-mini
    """
    from curate.craft import plan_domains

    settings = settings_from(CraftSettings, given)
    found = plan_domains(settings, target, keep_rate=keep_rate)
    say(
        f"{'domain':<28} {'have':>13} {'wanted':>13} {'missing':>13} {'seeds':>8} {'prompts':>9} {'US dollars':>11}"
    )
    for each in found:
        counts = f"{each.n_have:>13,} {each.n_want:>13,} {each.n_missing:>13,} {each.n_seeds:>8,} {each.n_prompts:>9,}"
        say(f"{each.domain:<28.28} {counts} {each.expected_usd:>11.4f}")
    say(
        f"Tokens are of different text. US dollars in all: {sum(each.expected_usd for each in found):.4f}, expected."
    )
    inputs = " ".join(shlex.quote(path) for path in settings.input)
    for each in found:
        if each.n_prompts:
            seeds = f"--input {inputs} --only-topic {shlex.quote(each.domain)} --n {each.n_prompts} --draws {each.n_draws}"
            say(f"  curate craft {seeds} --recipe {settings.recipe} --model {shlex.quote(settings.model)}")
        elif each.n_missing:
            say(
                f"  {each.domain}: no page can be a seed. Give --topics with a file, and a recipe that takes topics."
            )
    return 0


@recipes_app.command("list")
def list_command() -> None:
    """List the recipes that come with curate."""
    from curate.craft import bundled_recipes, load_recipe

    for name in bundled_recipes():
        recipe = load_recipe(name)
        seed = {"either": "page or topic"}.get(recipe.seed, recipe.seed)
        say(f"{recipe.name:<16} {seed:<14} {recipe.about}")


@recipes_app.command("show")
def show_command(name: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")]) -> None:
    """Print a recipe with its paper, prompts and checks, as TOML to be changed and used as a file."""
    from curate.craft.recipe import FOLDER, load_recipe

    recipe = load_recipe(name)
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    say(f"# {recipe.label}")
    for line in path.read_text(encoding="utf-8").splitlines():
        say(line)
