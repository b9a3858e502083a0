"""`curate craft`: text written by a language model, from curated pages or topics, through a gate, within a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from curate.cli import EXIT_PARTIAL, exit_code
from curate.cli.options import with_settings
from curate.cli.say import make_console, say
from curate.config import read_toml, settings_from
from curate.craft.settings import CraftSettings
from curate.errors import SettingError

craft_app = typer.Typer(
    name="craft",
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="Write text with a language model, from curated pages or topics, within a budget.",
)
recipes_app = typer.Typer(name="recipes", no_args_is_help=True, help="Show what writers can be asked for.")
craft_app.add_typer(recipes_app)
_LISTS = ("language", "rules")


@craft_app.callback()
@with_settings(CraftSettings, left_out=("temperature",))
def craft_command(
    given: dict[str, Any],
    *,
    context: typer.Context,
    temperature: Annotated[
        str | None,
        typer.Option(
            help="Sampling temperature; 'default' sends none.  [default: 0.8]",
            show_default=False,
            rich_help_panel="Model",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings from a TOML file; flags go before.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print a prompt, the tokens and the cost; send nothing.")
    ] = False,
) -> int:
    """Write text with a language model; every reply is judged, and dropped ones keep their reason and their text.

    The output is that of 'curate filter': kept/, dropped/ and manifest.json, for explain, report, rethreshold and mix.
    Replies and spending are kept beside it, in `<output>.craft`, so that nothing is paid for twice: run the same
    command again to go on after a stop. The API key is read from the environment only.

    Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but prompts have no reply; 4 nothing was kept;
    130 stopped by Ctrl-C.

    Example: curate craft --input curated --output crafted --model gpt-4o-mini --n 1000 --budget-usd 20
    """
    if context.invoked_subcommand is not None:
        return 0
    for name in _LISTS:
        if name in given:
            names = [each.strip() for item in given[name] for each in item.split(",")]
            given[name] = [each for each in names if each and each != "none"]
    values = (read_toml(config) if config else {}) | given
    if temperature is not None:
        values["temperature"] = _temperature(temperature)
    settings = settings_from(CraftSettings, values)
    return _print_estimate(settings) if dry_run else _craft(settings)


def _temperature(text: str) -> float | None:
    if text == "default":
        return None
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"The temperature must be a number or 'default', not '{text}'.") from None


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
    say(f"Input tokens        {found.n_input_tokens:>12,}   expected")
    say(f"Output tokens       {found.n_output_tokens:>12,}   expected")
    say(
        f"Cost                {found.expected_usd:>12.4f}   US dollars expected, {found.worst_usd:.4f} at worst"
    )
    if found.budget_usd is not None:
        say(f"Budget              {found.budget_usd:>12.4f}   US dollars, {found.spent_usd:.4f} spent")
    print("Nothing was sent.")
    return 0


def _craft(settings: CraftSettings) -> int:
    from curate.craft import craft_text
    from curate.results.render import describe_rest, render_funnel

    result = craft_text(settings)
    if result.funnel.read.n_documents:
        make_console().print(render_funnel(result.funnel))
        for line in describe_rest(result.funnel):
            say(line)
    n_replies = result.n_prompts - result.n_open
    say(f"{n_replies:,} replies to {result.n_prompts:,} prompts; spent {result.spent_usd:.4f} US dollars.")
    for why, count in result.failures.items():
        say(f"  failed {count:,} times: {why}")
    if result.n_lost:
        say(
            f"{result.n_lost} requests were in flight when an earlier run was stopped; they count at their worst cost."
        )
    if result.budget_is_spent:
        print("The budget is spent. Raise --budget-usd and run the same command again to go on.")
    if result.n_open:
        say(f"{result.n_open:,} prompts have no reply yet.")
        return EXIT_PARTIAL
    return exit_code(result.funnel.kept.n_documents, ())


@recipes_app.command("list")
def list_command() -> None:
    """List the recipes that come with curate."""
    from curate.craft import bundled_recipes, load_recipe

    for name in bundled_recipes():
        recipe = load_recipe(name)
        seed = {"either": "page or topic"}.get(recipe.seed, recipe.seed)
        say(f"{recipe.name:<16} {seed:<14} {recipe.about}")


@recipes_app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A recipe by name, or a TOML file.")],
) -> None:
    """Print a recipe with its paper, prompts and checks, as TOML to be changed and used as a file."""
    from curate.craft.recipe import FOLDER, load_recipe

    recipe = load_recipe(name)
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    say(f"# {recipe.label}")
    for line in path.read_text(encoding="utf-8").splitlines():
        say(line)
