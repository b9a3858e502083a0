"""What commands print: every line goes through `printable`, as names, addresses and texts in it are not ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from curate.text.printable import printable

if TYPE_CHECKING:
    from rich.console import Console


def say(*lines: object, to_stderr: bool = False) -> None:
    """Print each of `lines` as one line, whatever it holds."""
    for line in lines:
        print(printable(line), file=sys.stderr if to_stderr else sys.stdout)


def say_markdown(text: str) -> None:
    """Print Markdown: laid out on a terminal, as it is elsewhere."""
    from rich.console import Console as RichConsole
    from rich.markdown import Markdown

    console = RichConsole()
    if console.is_terminal:
        console.print(Markdown("\n".join(printable(line) for line in text.split("\n"))))
    else:
        say(*text.rstrip("\n").split("\n"))


def make_console() -> Console:
    """A console for tables and lines: strings are printed as they are, one line each, with no markup."""
    from rich.console import Console as RichConsole

    class PlainConsole(RichConsole):
        """Escapes strings; what is laid out already, as a table, is escaped by whoever laid it out."""

        def print(self, *objects: Any, **options: Any) -> None:
            """Print, with every string made printable."""
            made = [printable(each) if isinstance(each, str) else each for each in objects]
            options.setdefault("markup", False)
            super().print(*made, **options)

    return PlainConsole(soft_wrap=True, highlight=False)
