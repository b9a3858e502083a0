"""Pages without worth in seven languages: does more of them pass the rules of its language than in English?

Ten kinds of page (menus, shop lists, filler for search engines, cookie walls, forms, teasers, comments, tags, missing pages, footers), four of
each, put together from the same pieces in every language (`junk.toml`). A rule that takes fewer of them in a language than in English
fails its purpose there; one that takes more does no harm here: what it does to good pages `python -m benchmarks languages` tells.

`python -m benchmarks junk`
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.languages import SETS, judge, percent

Pieces = dict[str, list[str]]
N_EACH = 4


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    pieces = tomllib.loads(Path(__file__).with_name("junk.toml").read_text())
    rows: list[dict[str, Any]] = []
    for code, of_language in pieces.items():
        kinds, texts = zip(*make_pages(of_language), strict=True)
        row: dict[str, Any] = {"code": code, "pages": len(texts)}
        for rule_set in SETS:
            passes, _ = judge(pa.array(texts, pa.large_string()), code, rule_set)
            row[rule_set] = percent(passes)
            row[f"{rule_set}_passing"] = {kind: int(passes[np.array(kinds) == kind].sum()) for kind in KINDS}
        rows.append(row)
        print(row, flush=True)
    return {"rows": rows, "pages_of_a_kind": N_EACH}


def make_pages(pieces: Pieces) -> list[tuple[str, str]]:
    """The kind and text of each page; the longer ones hold a piece several times, as such pages do."""
    return [(kind, make(pieces, number)) for kind, make in KINDS.items() for number in range(N_EACH)]


def _turned(items: list[str], number: int) -> list[str]:
    start = number * len(items) // N_EACH
    return items[start:] + items[:start]


def _menu(pieces: Pieces, number: int) -> str:
    menu = _turned(pieces["menu"], number)
    products = pieces["products"] if number % 2 else []
    return "\n".join(menu + products + menu[:12])


def _shop(pieces: Pieces, number: int) -> str:
    cart, stock, *_, price = pieces["words"]
    lines = [
        f"{product}\n{price}: {19 + 7 * at + number},99 €\n{stock}\n{cart}"
        for at, product in enumerate(_turned(pieces["products"], number))
    ]
    return "\n\n".join(lines[: 6 + 2 * number])


def _filler(pieces: Pieces, number: int) -> str:
    keyword = pieces["keywords"][number]
    sentences = [sentence.replace("{k}", keyword) for sentence in pieces["filler"]]
    return "\n\n".join(" ".join(_turned(sentences, turn)) for turn in range(1 + number))


def _cookies(pieces: Pieces, number: int) -> str:
    return "\n\n".join(_turned(pieces["cookies"], number) * (1 + number % 2))


def _form(pieces: Pieces, number: int) -> str:
    return "\n".join(_turned(pieces["form"], number) * (1 + number) + pieces["menu"][:8])


def _teasers(pieces: Pieces, number: int) -> str:
    return "\n\n".join(
        f"{teaser}\n{3 + number}.{at + 1}.2024\n{pieces['words'][2]}"
        for at, teaser in enumerate(_turned(pieces["teasers"], number) * (1 + number))
    )


def _comments(pieces: Pieces, number: int) -> str:
    return "\n\n".join(
        f"user{at * 7 + number}: {comment}\n{pieces['words'][3]}"
        for at, comment in enumerate(_turned(pieces["comments"], number) * (1 + number))
    )


def _tags(pieces: Pieces, number: int) -> str:
    tags = [f"{keyword} {product}" for keyword in pieces["keywords"] for product in pieces["products"]]
    return (", ", " | ", "\n", " ")[number].join(_turned(tags, number)[: 24 + 8 * number])


def _missing(pieces: Pieces, number: int) -> str:
    return "\n".join([f"404 {pieces['words'][4]}", *_turned(pieces["menu"], number)[: 12 + 4 * number]])


def _footer(pieces: Pieces, number: int) -> str:
    menu = " · ".join(_turned(pieces["menu"], number))
    return "\n".join([*pieces["comments"][:2], menu, f"© 2024 {pieces['words'][5]}", *pieces["cookies"][:2]])


KINDS: dict[str, Callable[[Pieces, int], str]] = {
    "menu": _menu,
    "shop list": _shop,
    "filler": _filler,
    "cookie wall": _cookies,
    "form": _form,
    "teasers": _teasers,
    "comments": _comments,
    "tags": _tags,
    "missing page": _missing,
    "footer": _footer,
}
