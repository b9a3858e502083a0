"""What the pages tell a reader to type: every line of the start page is run, every other command at least parsed."""

from __future__ import annotations

import re
import shlex
import shutil
from glob import glob
from pathlib import Path
from typing import Any

import pytest
import typer

from common import ROOT
from curate.cli import run
from curate.cli.app import app
from curate.cli.inputs import spread_inputs

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
TYPED = re.compile(r"^(?: {4}|> )?(?:\$ )?(curate \S.*)$", re.MULTILINE)


def typed_lines(text: str) -> list[str]:
    """Commands of indented and fenced blocks, with what a backslash continues; comments left out."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [re.sub(r"\s+(?:#\s|&&).*$", "", line).rstrip() for line in TYPED.findall(joined)]
    return [line for line in lines if "..." not in line and "URL" not in line.split()]


def commands() -> list[tuple[str, str]]:
    """Every command of the pages and of the examples in the commands' own help."""
    root: Any = typer.main.get_command(app)

    def walk(command: Any, name: str) -> list[tuple[str, str]]:
        help_text = command.help or (command.callback.__doc__ if command.callback else "") or ""
        shown = re.findall(
            r"^\s*(?:Examples?: *)?(curate \S.*)$", re.sub(r"\\\n\s*", "", help_text), re.MULTILINE
        )
        children = getattr(command, "commands", {})
        return [
            *((name, line) for line in shown),
            *(one for n, c in children.items() for one in walk(c, f"{name} {n}")),
        ]

    pages = [
        (page.name, line)
        for page in PAGES
        if page.name != "cli.md"
        for line in typed_lines(page.read_text(encoding="utf-8"))
    ]
    return list(dict.fromkeys([*pages, *walk(root, "curate")]))


@pytest.mark.parametrize(("where", "line"), commands())
def test_a_command_on_a_page_is_one_that_the_program_takes(where: str, line: str) -> None:
    command: Any = typer.main.get_command(app)
    arguments, name = spread_inputs(command, shlex.split(line)[1:]), "curate"
    while hasattr(command, "commands") and arguments and arguments[0] in command.commands:
        name, command, arguments = arguments[0], command.commands[arguments[0]], arguments[1:]
    is_group = hasattr(command, "commands") and not command.invoke_without_command
    if arguments != ["--help"]:
        assert not is_group, f"{where}: {line}: no such command"
        command.make_context(name, list(arguments))


def test_every_line_of_the_start_page_does_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, copy in (("crawl", "crawl"), ("source", "project"), ("", "examples")):
        shutil.copytree(ROOT / "examples" / name, tmp_path / copy, ignore=shutil.ignore_patterns("slurm"))
    monkeypatch.chdir(tmp_path)
    blocks = CONSOLE.findall((ROOT / "docs" / "start.md").read_text(encoding="utf-8"))
    assert len(blocks) > 8
    for block in blocks:
        for part in block.split("$ ")[1:]:
            typed, *expected = part.splitlines()
            words = [
                name
                for word in shlex.split(typed)[1:]
                for name in (sorted(glob(word)) if "*" in word else [word])
            ]
            code = run(words)
            printed = capfd.readouterr().out
            assert code == 0, f"{typed}: {code}"
            for line in expected:
                pattern = ".*".join(re.escape(piece) for piece in line.split("..."))
                assert re.search(f"^{pattern}$", printed, re.MULTILINE), (
                    f"{typed} did not print: {line}\n{printed}"
                )
