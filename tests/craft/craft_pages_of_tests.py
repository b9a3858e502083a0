"""What the tests of craft share: pages, each of its own words."""

from __future__ import annotations

import random

SECRET = "sk-craft-secret-key"
N_TOPICS = 24


def page_text(n: int, n_words: int = 150) -> str:
    """A page of its own words: no two share runs."""
    chance = random.Random(n)
    words = "lens prism colour beam shadow glass angle light eye wave focus mirror bends meets leaves enters".split()
    made = " ".join(chance.choice(words) for _ in range(n_words))
    return f"Light of kind {n}. {made}."
