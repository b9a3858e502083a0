"""The `curate` command. Each command parses, calls one public function of the library, and prints."""

from __future__ import annotations

import sys

EXIT_FAILED = 1
EXIT_SETTING = 2
EXIT_PARTIAL = 3
EXIT_NOTHING_KEPT = 4
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; errors raised on purpose become one line and an exit code."""
    import click

    from curate.cli.app import app
    from curate.errors import CurateError, SettingError

    try:
        code = app(standalone_mode=False)
    except SettingError as error:
        code = _complain(str(error), EXIT_SETTING)
    except CurateError as error:
        code = _complain(str(error), EXIT_FAILED)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" See '{context.command_path} --help'." if context else ""
        code = _complain(error.format_message() + hint, EXIT_SETTING)
    except (KeyboardInterrupt, click.Abort):
        code = _complain(
            "Stopped. What is committed is kept: run the same command again to go on.", EXIT_INTERRUPTED
        )
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str, code: int) -> int:
    print(f"curate: {message}", file=sys.stderr)
    return code
