"""Puts the commands together."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from curate._version import __version__

_HOMES = {  # in the order of the help
    "filter": "curate.cli.filter:filter_command",
    "explain": "curate.cli.explain:explain_command",
    "report": "curate.cli.report:report_command",
    "join": "curate.cli.join:join_command",
    "dedup": "curate.cli.dedup:dedup_command",
    "index": "curate.cli.index:index_app",
    "fit": "curate.cli.fit:fit_command",
    "evaluate": "curate.cli.evaluate:evaluate_command",
    "score": "curate.cli.score:score_command",
    "serve": "curate.cli.serve:serve_command",
    "rethreshold": "curate.cli.rethreshold:rethreshold_command",
    "mix": "curate.cli.mix:mix_command",
    "tokenize": "curate.cli.tokenize:tokenize_command",
    "train": "curate.cli.train:train_command",
    "export": "curate.cli.export:export_command",
    "generate": "curate.cli.generate:generate_command",
    "ablate": "curate.cli.ablate:ablate_command",
    "init-config": "curate.cli.filter:init_config_command",
    "warm": "curate.cli.warm:warm_command",
    "annotate": "curate.cli.annotate:annotate_app",
    "craft": "curate.cli.craft:craft_app",
    "signals": "curate.cli.signals:signals_command",
    "rules": "curate.cli.rules:rules_app",
}


def make_app(command: str = "") -> typer.Typer:
    """The whole command line; or, where `command` is one of its commands, that one alone, so that no other is loaded."""
    app = typer.Typer(
        name="curate",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Turn a web crawl into training data for language models, with the reason for every drop.",
    )
    app.callback()(_options)
    for name in [command] if command in _HOMES else _HOMES:
        module, attribute = _HOMES[name].split(":")
        found: Any = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found)
        else:
            app.command(name)(found)
    return app


def _print_version(*, wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and stop.",
            callback=lambda wanted: _print_version(wanted=wanted),
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass
