"""What varies from prompt to prompt, drawn by a hash of seed and draw number: the same run draws the same prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from curate.config import load_toml
from curate.craft.recipe import TABLES, Recipe, check_tables

BUNDLED = Path(__file__).parent / "tables.toml"
N_WORDS = 3


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one prompt; of `words` it must hold each."""

    audience: str
    style: str
    length: int
    format: str
    words: tuple[str, ...]

    def values(self) -> dict[str, str]:
        """By the names of a recipe's fields."""
        return {
            "audience": self.audience,
            "style": self.style,
            "length": str(self.length),
            "format": self.format,
            "words": ", ".join(self.words),
        }


def load_tables(recipe: Recipe, path: str | None = None) -> dict[str, tuple[Any, ...]]:
    """The tables to draw from: the bundled ones, over them the recipe's own, over these the user's."""
    tables = check_tables(load_toml(BUNDLED, "tables"), str(BUNDLED)) | dict(recipe.tables)
    return tables | (check_tables(load_toml(Path(path), "tables"), path) if path else {})


def draw(tables: Mapping[str, tuple[Any, ...]], seed_id: str, number: int, *, seed: int = 0) -> Drawn:
    """Draw one entry of each table, and `N_WORDS` words, for the draw `number` of a seed.

    >>> tables = {name: ("a",) for name in TABLES} | {"length": (100,), "words": ("oak", "owl", "ox", "yew")}
    >>> draw(tables, "page-1", 0) == draw(tables, "page-1", 0)
    True
    """

    def pick(name: str) -> int:
        key = "\0".join((seed_id, str(number), name, "0")).encode("utf-8", "replace")
        return xxhash.xxh3_64_intdigest(key, seed=seed)

    one = {name: tables[name][pick(name) % len(tables[name])] for name in TABLES if name != "words"}
    of_words = pick("words")
    ranked = sorted(tables["words"], key=lambda word: xxhash.xxh3_64_intdigest(word.encode(), seed=of_words))
    return Drawn(**one, words=tuple(sorted(ranked[:N_WORDS])))
