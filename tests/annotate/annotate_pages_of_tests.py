"""What the tests of annotation share: pages and a key."""

from __future__ import annotations

N_PAGES = 24
SECRET = "sk-planted-secret-0123456789"


def page_text(number: int) -> str:
    taught = "because energy " * (number % 7)
    words = " ".join(f"word{number * 37 + at}" for at in range(40))
    return f"Page {number} tells of things. {taught}{words}"
