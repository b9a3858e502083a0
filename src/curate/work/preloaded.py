"""What processes that others are forked from import before their first task, by name.

The jobs stand above this room, so the room that warms them is named by `curate` itself, which stands above all.
"""

from __future__ import annotations

from importlib import import_module

PRELOADED: list[str] = []


def import_preloaded() -> None:
    """Import all of them, in this process."""
    for name in PRELOADED:
        import_module(name)
