"""Elements of documentation that must come out whole: headings, terms, definitions, paragraphs, cells, items, listings.

Pages and, for each, the elements of its main part and the lines of its menus and footers, as found by the page's own
containers (`lessons/` in the folder named by CURATE_TEST_DATA). An element counts as kept if its whole text, its
first 400 characters where it is longer, stands in the extracted text, white space, permalink signs and those of raised
and lowered text aside; a line of furniture counts as let in if it is a line of the extracted text, its bullet or number aside.
Items and paragraphs that stand on more than half of a project's pages are its menu, which its own container holds (previous, next,
the list of its books): they count as furniture. Nothing says where on the page a text stood: an element that the menu repeats counts
as kept with the menu, and lines of furniture that the main part has as well are not counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import read_jsonl

ELEMENTS = {
    "headings": ("h",),
    "terms": ("dt",),
    "definitions": ("dd",),
    "paragraphs": ("p",),
    "cells": ("td", "th"),
    "list_items": ("li",),
    "pre": ("pre",),
}
_NAMES = {tag: name for name, tags in ELEMENTS.items() for tag in tags}
_OF_MENUS = ("list_items", "paragraphs")
MIN_MENU_PAGES = 4  # on more pages than this a menu must stand to be told
_SIGNS = str.maketrans("", "", "#\u00b6\u00a7^_{}[]")
_MARK = re.compile(r"-|\d{1,4}\.")


class Lesson(NamedTuple):
    """A page of documentation with what must and must not come out of it."""

    project: str
    html: bytes
    want: list[tuple[str, str]]  # (name in ELEMENTS, text)
    furniture: list[str]


def squeeze(text: str) -> str:
    """Without white space, the signs of permalinks and those of raised and lowered text."""
    return "".join(text.translate(_SIGNS).split())


def read_lessons(folder: Path) -> list[Lesson]:
    """The pages of `docs.jsonl.gz` whose elements `docs.blocks.jsonl.gz` lists; a project is a package's name."""
    stated = {row["id"]: row for row in read_jsonl(folder / "docs.blocks.jsonl.gz")}
    return move_menus(
        [
            Lesson(
                row["source"].split("/")[0],
                row["html"].encode(),
                [(_NAMES[tag], squeeze(text)) for tag, text in stated[row["id"]]["want"]],
                [squeeze(line) for line in stated[row["id"]]["furniture"]],
            )
            for row in read_jsonl(folder / "docs.jsonl.gz")
            if row["id"] in stated
        ]
    )


def move_menus(lessons: list[Lesson]) -> list[Lesson]:
    """The lessons with the menus among their wanted elements as furniture, and furniture that is wanted left out."""
    n_pages = Counter(lesson.project for lesson in lessons)
    n_with = Counter((lesson.project, element) for lesson in lessons for element in set(lesson.want))
    moved = []
    for lesson in lessons:
        least = max(n_pages[lesson.project] / 2, MIN_MENU_PAGES)
        menu = {e for e in lesson.want if e[0] in _OF_MENUS and n_with[lesson.project, e] > least}
        want = [element for element in lesson.want if element not in menu]
        own = {text for _, text in want}
        lines = dict.fromkeys([*lesson.furniture, *(text for _, text in sorted(menu))])
        moved.append(lesson._replace(want=want, furniture=[line for line in lines if line not in own]))
    return moved


def count_elements(lesson: Lesson, text: str) -> dict[str, tuple[int, int]]:
    """Element's name, or 'furniture', to (how many of them stand in the text, how many there are)."""
    running = squeeze(text)
    lines = {
        _MARK.sub("", line, count=1) if _MARK.match(line) else line for line in map(squeeze, text.split("\n"))
    }
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, wanted in lesson.want:
        counts[name][0] += wanted in running
        counts[name][1] += 1
    for line in lesson.furniture:
        counts["furniture"][0] += line in lines
        counts["furniture"][1] += 1
    return {name: (found, n) for name, (found, n) in counts.items()}


def add_shares(counts: Iterable[dict[str, tuple[int, int]]]) -> dict[str, dict[str, float | int]]:
    """The counts of many pages as shares, in the order of ELEMENTS; elements that none of them holds are left out."""
    totals: dict[str, list[int]] = {name: [0, 0] for name in (*ELEMENTS, "furniture")}
    for of_page in counts:
        for name, (found, n) in of_page.items():
            totals[name][0] += found
            totals[name][1] += n
    return {name: {"share": round(found / n, 4), "n": n} for name, (found, n) in totals.items() if n}
