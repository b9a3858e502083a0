"""The reference of the command line as Markdown: `python -m curate.cli.reference > docs/cli.md`.

It is made from the commands themselves, and a test compares it with what lies in docs/.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from curate.cli.app import make_app

_INTRODUCTION = """\
# Command line

Made by `python -m curate.cli.reference > docs/cli.md`. Settings that have a section may also stand in a TOML file
(`--config`); flags go before it. Exit codes: 0 done; 1 failed; 2 a setting is wrong; 3 done, but part of the input could
not be read; 4 nothing was kept; 130 stopped by Ctrl-C."""


def reference() -> str:
    """Write the page: every command with its description, arguments and options."""
    root: Any = typer.main.get_command(make_app())
    return "\n\n".join([_INTRODUCTION, *_sections("curate", root)]) + "\n"


def undocumented() -> list[str]:
    """Arguments and options that say nothing of themselves."""
    root: Any = typer.main.get_command(make_app())
    return [
        f"{name} {parameter.name}"
        for name, command in _commands("curate", root)
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]


def _sections(name: str, command: Any) -> Iterator[str]:
    for title, each in _commands(name, command):
        if title == "curate":
            continue
        text = inspect.cleandoc((each.callback.__doc__ if each.callback else None) or each.help or "")
        yield f"## {title}\n\n{text}"
        rows = [
            _row(parameter)
            for parameter in each.params
            if parameter.name != "help" and not getattr(parameter, "hidden", False)
        ]
        if rows:
            yield "\n".join(["| option | section | meaning |", "|---|---|---|", *rows])


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for child, each in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {child}", each)


def _row(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or str(parameter.name).upper()]
    help_text = " ".join((parameter.help or "").replace("<", "\\<").split())
    default = _default(parameter)
    section = getattr(parameter, "rich_help_panel", None) or ""
    flags = ", ".join(f"`{each}`" for each in names)
    return f"| {flags} | {section.lower()} | {help_text.replace('|', chr(92) + '|')}{default} |"


def _default(parameter: Any) -> str:
    shown = getattr(parameter, "show_default", False)
    value = parameter.default
    if not shown or value is None or value is False or value in ((), "") or callable(value):
        return ""
    return f"  [default: {value}]"


if __name__ == "__main__":
    print(reference(), end="")
