"""Every setting is a flag of the same name, and the reference in docs/ is what the commands say."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from curate.annotate.settings import AnnotateSettings
from curate.cli.app import make_app
from curate.cli.options import with_settings
from curate.cli.reference import reference, undocumented
from curate.config import setting
from curate.craft.settings import CraftSettings
from curate.fit.settings import EvaluateSettings
from curate.jobs.settings import DedupSettings
from curate.run.settings import FilterSettings
from curate.tokens.settings import TokenizeSettings
from curate.train.settings import TrainSettings

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class _Settings:
    input: tuple[str, ...] = setting((), "What to read.", section="files")
    share: float | None = setting(None, "A share.", section="numbers")
    count: int = setting(0, "A count.", section="numbers")
    careful: bool = setting(default=True, doc="Look <twice>.", section="run")
    hidden: str = setting("", "No flag.", section="run")


def _parse(*arguments: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    command_line = typer.Typer(rich_markup_mode="markdown")

    @command_line.command()
    @with_settings(_Settings, left_out=("hidden",))
    def command(given: dict[str, Any], *, extra: int = 7) -> None:
        """Do nothing."""
        seen.update(given, extra=extra)

    result = CliRunner().invoke(command_line, arguments)
    assert result.exit_code == 0, result.output
    seen["help"] = result.output
    return seen


def test_only_flags_that_are_given_are_passed_on() -> None:
    assert _parse() == {"extra": 7, "help": ""}
    assert _parse("--count", "0", "--extra", "1") == {"count": 0, "extra": 1, "help": ""}


def test_flags_have_the_types_of_their_fields() -> None:
    given = _parse("--input", "a", "-i", "b", "--share", "0.5", "--no-careful")
    assert (given["input"], given["share"], given["careful"]) == (["a", "b"], 0.5, False)


def test_the_help_tells_the_sentence_and_the_default() -> None:
    text = " ".join(_parse("--help")["help"].replace("│", " ").split())
    assert "A count. [default: 0]" in text
    assert "Look <twice>. [default: on]" in text
    assert "What to read. Also without the flag, and several after it." in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        ("filter", FilterSettings),
        ("evaluate", EvaluateSettings),
        ("dedup", DedupSettings),
        ("train", TrainSettings),
        ("annotate", AnnotateSettings),
        ("craft", CraftSettings),
        ("tokenize", TokenizeSettings),
    ],
)
def test_every_setting_is_a_flag(command: str, settings: type) -> None:
    root: Any = typer.main.get_command(make_app())
    flags = {parameter.name for parameter in root.commands[command].params}
    assert {field.name for field in dataclasses.fields(settings)} <= flags


def test_no_option_is_undocumented() -> None:
    assert undocumented() == []


def test_the_reference_in_docs_is_what_the_commands_say() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == reference(), (
        "Run python -m curate.cli.reference > docs/cli.md"
    )
