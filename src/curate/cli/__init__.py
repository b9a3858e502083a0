"""The `curate` command. Each command parses, calls one public function of the library, and prints."""

from __future__ import annotations

import signal
import sys
from typing import Any

EXIT_FAILED = 1
EXIT_SETTING = 2
EXIT_PARTIAL = 3
EXIT_NOTHING_KEPT = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def main() -> None:
    """Run the command line and end the process."""
    stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        """SIGTERM, as of a scheduler or `timeout`, ends a run as Ctrl-C does, workers and all."""
        signal.signal(number, signal.SIG_IGN)  # once is enough
        stopped.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    code = run(sys.argv[1:])
    sys.exit(EXIT_TERMINATED if stopped and code == EXIT_INTERRUPTED else code)


def run(arguments: list[str]) -> int:
    """Run one command line; errors raised on purpose become one line and an exit code, which is returned."""
    import typer

    from curate.cli.app import app
    from curate.errors import CurateError, SettingError

    # typer brings a click of its own, whose classes it does not export by name.
    usage_error: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError")
    try:
        code = app(arguments, prog_name="curate", standalone_mode=False)
    except SettingError as error:
        code = _complain(str(error), EXIT_SETTING)
    except CurateError as error:
        code = _complain(str(error), EXIT_FAILED)
    except (typer.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except usage_error as error:
        context = error.ctx
        hint = f" See '{context.command_path} --help'." if context else ""
        message = error.format_message()
        code = _complain(message + hint if message else "", EXIT_SETTING)
    if code == EXIT_INTERRUPTED:
        _complain("Stopped. What is committed is kept: run the same command again to go on.", code)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    if message.strip():
        print(f"curate: {message.strip()}", file=sys.stderr)
    return code
