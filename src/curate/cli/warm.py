"""`curate warm`: compile the kernels now, so that the first run starts at once."""

from __future__ import annotations

import sys
import time


def warm_command() -> None:
    """Compile the kernels of the default settings and keep them on disk: two minutes or so on a new installation, by two cores.

    Example: curate warm
    """
    from curate.warming import warm

    print("Compiling kernels: two minutes or three the first time, seconds later.", file=sys.stderr)
    begun = time.monotonic()
    warm()
    print(f"Done after {time.monotonic() - begun:.0f} s.", file=sys.stderr)
