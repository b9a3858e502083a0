"""Puts the commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from curate._version import __version__
from curate.cli.ablate import ablate_command
from curate.cli.annotate import annotate_app
from curate.cli.craft import craft_app
from curate.cli.dedup import dedup_command
from curate.cli.evaluate import evaluate_command
from curate.cli.explain import explain_command
from curate.cli.export import export_command
from curate.cli.filter import filter_command, init_config_command
from curate.cli.fit import fit_command
from curate.cli.generate import generate_command
from curate.cli.index import index_app
from curate.cli.join import join_command
from curate.cli.mix import mix_command
from curate.cli.report import report_command
from curate.cli.rethreshold import rethreshold_command
from curate.cli.rules import rules_app
from curate.cli.score import score_command
from curate.cli.serve import serve_command
from curate.cli.signals import signals_command
from curate.cli.tokenize import tokenize_command
from curate.cli.train import train_command
from curate.cli.warm import warm_command

app = typer.Typer(
    name="curate",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Turn a web crawl into training data for language models, with the reason for every drop.",
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
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


app.command("filter")(filter_command)
app.command("explain")(explain_command)
app.command("report")(report_command)
app.command("join")(join_command)
app.command("dedup")(dedup_command)
app.add_typer(index_app)
app.command("fit")(fit_command)
app.command("evaluate")(evaluate_command)
app.command("score")(score_command)
app.command("serve")(serve_command)
app.command("rethreshold")(rethreshold_command)
app.command("mix")(mix_command)
app.command("tokenize")(tokenize_command)
app.command("train")(train_command)
app.command("export")(export_command)
app.command("generate")(generate_command)
app.command("ablate")(ablate_command)
app.command("init-config")(init_config_command)
app.command("warm")(warm_command)
app.add_typer(annotate_app)
app.add_typer(craft_app)
app.command("signals")(signals_command)
app.add_typer(rules_app)
