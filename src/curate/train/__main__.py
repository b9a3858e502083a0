"""`torchrun ... -m curate.train --config run.toml`: what `curate train` does, in every process."""

from __future__ import annotations

import sys

from curate.errors import CurateError, SettingError


def main(arguments: list[str]) -> int:
    """Run `curate train` with these arguments; the leading process prints."""
    import click
    import typer

    from curate.cli import EXIT_FAILED, EXIT_SETTING
    from curate.cli.train import train_command

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(train_command)
    try:
        code = app(arguments, standalone_mode=False, prog_name="python -m curate.train")
    except CurateError as error:
        print(f"curate: {error}", file=sys.stderr)
        return EXIT_SETTING if isinstance(error, SettingError) else EXIT_FAILED
    except click.ClickException as error:
        print(f"curate: {error.format_message()}", file=sys.stderr)
        return EXIT_SETTING
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
