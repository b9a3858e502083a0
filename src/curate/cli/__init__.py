"""The `curate` command. Each command parses, calls one public function of the library, and prints.

What reads flags and prints belongs here; nothing is decided or computed here that Python cannot call.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

EXIT_FAILED = 1
EXIT_SETTING = 2
EXIT_PARTIAL = 3
EXIT_NOTHING_KEPT = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


def exit_code(n_documents: int, problems: Sequence[object]) -> int:
    """What a command ends with that has read files: nothing came of them, part of them could not be read, or done."""
    if not n_documents:
        return EXIT_NOTHING_KEPT
    return EXIT_PARTIAL if problems else 0


_GO_ON = ("annotate", "dedup", "filter", "generate", "index", "join", "mix", "score", "tokenize", "train")
"""Commands whose work is committed piece by piece and which go on where they were."""
_stopped_by: list[int] = []


def main() -> None:
    """Run the command line and end the process."""
    # Before numpy is loaded: its threads would spin through a job that makes no large matrix product here (180 ms).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("CURATE_TELL_COMPILING", "1")
    _keep_memory()
    gc.set_threshold(50_000)  # imports make a million objects that stay; looking through them costs 200 ms
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    code = run(sys.argv[1:])
    sys.exit(EXIT_TERMINATED if code == EXIT_INTERRUPTED and signal.SIGTERM in _stopped_by else code)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT_BYTES = 64 << 20


def _keep_memory() -> None:
    """Let what one chunk has freed serve the next.

    A run takes and frees arrays of megabytes chunk by chunk. Given back each time they come again page by page, and the
    system clears every page: a tenth of the CPU seconds of a run. Arrow's own allocator gives back sooner than the C library's.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux":
        import ctypes

        set_option: Any = getattr(ctypes.CDLL(None), "mallopt", None)  # of glibc; musl has none
        if set_option is not None:
            set_option(_MMAP_THRESHOLD, 16 * _KEPT_BYTES)
            set_option(_TRIM_THRESHOLD, _KEPT_BYTES)


def enter() -> None:
    """Do `main`, and end the process as it says, but for the interpreter's own teardown.

    A thread of Arrow's that asks for the interpreter's lock in the middle of that ends the process with SIGABRT, once in
    some sixty times on a loaded machine, whatever the command had to say.
    """
    code = EXIT_FAILED
    os.environ.setdefault("CURATE_WITHOUT_PANDAS", "1")
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else EXIT_FAILED
    atexit._run_exitfuncs()  # noqa: SLF001 - what is registered to be done at the end is done
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it any more
            code = code or EXIT_FAILED
    os._exit(code)


def _leave(number: int, _frame: object) -> None:
    """End the process while nothing but imports has happened: raised in one, an exception comes out as any other."""
    os.write(2, b"curate: Stopped. Nothing was begun.\n")
    os._exit(EXIT_TERMINATED if number == signal.SIGTERM else EXIT_INTERRUPTED)


def _stop(number: int, _frame: object) -> None:
    """SIGTERM, as of a scheduler or `timeout`, ends a run as Ctrl-C does, workers and all."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_IGN)  # once is enough
    _stopped_by.append(number)
    raise KeyboardInterrupt


def _heed_signals() -> None:
    """Let what `main` set up for signals end a command from now on, where it was set up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _leave:
            signal.signal(number, _stop)


def run(arguments: list[str]) -> int:
    """Run one command line; errors raised on purpose become one line and an exit code, which is returned."""
    import typer

    from curate.cli.app import make_app
    from curate.cli.inputs import spread_inputs
    from curate.errors import CurateError, SettingError
    from curate.work.disk import tell_disk_error

    # typer brings a click of its own, whose classes it does not export by name.
    usage_error: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError")
    try:
        command: Any = typer.main.get_command(make_app(arguments[0] if arguments else ""))
        spread = spread_inputs(command, arguments)
        _heed_signals()
        code = command.main(spread, prog_name="curate", standalone_mode=False)
    except SettingError as error:
        code = _complain(str(error), EXIT_SETTING)
    except CurateError as error:
        code = EXIT_INTERRUPTED if _stopped_by else _complain(str(error), EXIT_FAILED)
    except OSError as error:
        told = tell_disk_error(error)
        if told is None:
            raise
        code = _complain(told, EXIT_FAILED)
    except (typer.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except usage_error as error:
        context = error.ctx
        hint = f" See '{context.command_path} --help'." if context else ""
        message = error.format_message()
        code = _complain(message + hint if message else "", EXIT_SETTING)
    except RuntimeError:
        if not _stopped_by:  # DuckDB passes a signal on as an error of its own
            raise
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:
        _complain(f"Stopped.{_what_stays(arguments)}", code)
    return code if isinstance(code, int) else 0


def _what_stays(arguments: Sequence[str]) -> str:
    """What a stopped command leaves behind."""
    name = next((each for each in arguments if not each.startswith("-")), "")
    if name in _GO_ON and not _has_begun(arguments):
        return " Nothing was begun."
    if name in _GO_ON:
        return " What is committed is kept: run the same command again to go on."
    if name == "rethreshold":
        return " The run holds the old cut or the new one, whole: run the same command again."
    return " Nothing was written."


def _has_begun(arguments: Sequence[str]) -> bool:
    """Whether the output that the arguments name is there; True where they name none."""
    for place, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in {"--output", "-o"}:
            return os.path.exists(value if equals else "".join(arguments[place + 1 : place + 2]))
    return True


def _complain(message: str, code: int) -> int:
    if message.strip():
        from curate.cli.say import say

        say(f"curate: {message.strip()}", to_stderr=True)
    return code
