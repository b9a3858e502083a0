"""What the commands that call models have alike: their options and what these do, batches, and what a run spent."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.options import split_names, with_settings
from curate.cli.say import say
from curate.config import read_toml, settings_from
from curate.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curate.llm.batches import BatchState, Submission
    from curate.llm.estimate import CallEstimate
    from curate.llm.settings import CallSettings

_Temperature = Annotated[
    str | None, typer.Option(help="Sampling temperature; 'default' sends none.", rich_help_panel="Model")
]
_Config = Annotated[Path | None, typer.Option(help="Settings from a TOML file; flags go before.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print what would be asked, the tokens and the cost; send nothing.")
]
_Batch = Annotated[
    bool, typer.Option("--batch", help="Submit to the batch API at its lower price, and exit.")
]


BaseUrlOption = Annotated[
    str | None, typer.Option(help="Server of the batches, where it is neither OpenAI's nor on this machine.")
]
ApiKeyEnvOption = Annotated[
    str | None, typer.Option(help="Environment variable of the key, where it is not OPENAI_API_KEY.")
]


def with_calls(
    settings: Any,
    *,
    estimate: Callable[[Any], int],
    submit: Callable[[Any], int],
    run: Callable[[Any], int],
    lists: tuple[str, ...] = (),
) -> Callable[[Callable[[], None]], Callable[..., Any]]:
    """Make the command of a group that calls models: with checked settings it estimates, submits batches, or runs.

    The function below it gives the command its description. Names in `lists` may be given with commas.
    """

    def decorate(described: Callable[[], None]) -> Callable[..., Any]:
        def command(
            given: dict[str, Any],
            *,
            context: typer.Context,
            temperature: _Temperature = None,
            config: _Config = None,
            dry_run: _DryRun = False,
            batch: _Batch = False,
        ) -> int:
            if context.invoked_subcommand is not None:
                return 0
            values = _merge_values(split_names(given, *lists), config, temperature)
            act = estimate if dry_run else submit if batch else run
            return act(settings_from(settings, values))

        command.__doc__ = described.__doc__
        return with_settings(settings, left_out=("temperature",))(command)

    return decorate


def _merge_values(given: dict[str, Any], config: Path | None, temperature: str | None) -> dict[str, Any]:
    """The settings of a file, over them the flags; `temperature` is a flag of its own, as it may be 'default'."""
    values = (read_toml(config) if config else {}) | given
    if temperature is None:
        return values
    try:
        return values | {"temperature": None if temperature == "default" else float(temperature)}
    except ValueError:
        raise SettingError(f"The temperature must be a number or 'default', not '{temperature}'.") from None


def print_submission(found: Submission, command: str, settings: CallSettings) -> bool:
    """Say what was submitted and with which command it is collected; True where all of it was."""
    collect = [*command.split(), "--output", str(getattr(settings, "output"))]  # noqa: B009 - of both rooms' settings
    collect += [] if settings.base_url is None else ["--base-url", settings.base_url]
    collect += [] if settings.api_key_env == "OPENAI_API_KEY" else ["--api-key-env", settings.api_key_env]
    for batch in found.batches:
        say(f"Submitted {batch.n_requests:,} requests as {batch.server_id}.")
    if not found.batches:
        print("Nothing to submit.")
    if found.n_beyond_budget:
        say(
            f"{found.n_beyond_budget:,} requests do not fit the budget at their worst cost. Raise --budget-usd to submit them."
        )
    if found.batches:
        say(f"Later: {shlex.join(collect)}")
    return not found.n_beyond_budget


def print_states(states: Sequence[BatchState]) -> bool:
    """Say how far batches are; True where none is waited for."""
    if not states:
        print("No batch was submitted.")
    for state in states:
        done = f", {state.n_done:,} done" if state.n_done else ""
        message = f": {state.message}" if state.message else ""
        say(f"{state.server_id or state.name}  {state.state}, {state.n_requests:,} requests{done}{message}")
    return not any(state.is_open for state in states)


def print_end(result: Any) -> None:
    """Say why calls have no reply, and what was lost: `failures`, `n_lost` and `budget_is_spent` of a result."""
    for why, count in result.failures.items():
        say(f"  failed {count:,} times: {why}")
    if result.n_lost:
        say(
            f"{result.n_lost} requests were in flight when an earlier run was stopped; they count at their worst cost."
        )
    if result.budget_is_spent:
        print("The budget is spent. Raise --budget-usd and run the same command again to go on.")


def print_money(found: CallEstimate, rest: str = "") -> None:
    """Say what tokens and money an estimate expects; `rest` ends the line of the budget."""
    say(f"Input tokens        {found.n_input_tokens:>12,}   expected")
    say(f"Output tokens       {found.n_output_tokens:>12,}   expected")
    say(
        f"Cost                {found.expected_usd:>12.4f}   US dollars expected, {found.worst_usd:.4f} at worst"
    )
    say(f"  as a batch        {found.batch_usd:>12.4f}   US dollars expected")
    if found.budget_usd is not None:
        say(f"Budget              {found.budget_usd:>12.4f}   US dollars, {found.spent_usd:.4f} spent{rest}")
