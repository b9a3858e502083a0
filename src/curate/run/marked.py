"""Markdown beside plain text: rules judge and change the plain text, and its Markdown follows.

A line of Markdown is a line of the plain text with marks around it, or marks alone: the fences of code and the line
below a table's head. So a line that a rule took out is found again, and goes with its marks.
"""

from __future__ import annotations

import re
from itertools import groupby

import pyarrow as pa

_CITATION = re.compile(r"\[(?:\d*|edit|citation needed)\]")
_CITED = ("[edit]", "[citation needed]")
_FENCE = re.compile(r"`{3,}[\w+#.-]*")
_TABLE_RULE = re.compile(r"\|(?: --- \|)+")


def follow_lines(before: pa.Array, after: pa.Array, marked: pa.Array) -> pa.Array:
    """Take out of each Markdown text what was taken out of its plain text, which was `before` and is `after`.

    Where the two have nothing to do with each other line by line, the plain text takes the Markdown's place. Null
    stays null.
    """
    texts = zip(before.to_pylist(), after.to_pylist(), marked.to_pylist(), strict=True)
    return pa.array([_follow(*three) for three in texts], pa.string())


def _follow(before: str | None, after: str | None, marked: str | None) -> str | None:
    if marked is None or before is None or before == after:
        return marked
    if not after:
        return after
    lines: list[str | None] = [*marked.split("\n")]
    places = _places_of_text(marked.split("\n"))
    old = [line for line in before.split("\n") if line.strip()]
    if len(places) != len(old):
        return after
    kept = _match(old, [line for line in after.split("\n") if line.strip()])
    if kept is None:
        return after
    for n, place in enumerate(places):
        new, stripped, line = kept.get(n), old[n].strip(), lines[place] or ""
        if new is None:
            lines[place] = None
        elif new != stripped:
            lines[place] = line.replace(stripped, new) if stripped in line else _uncite(line)
    return _join(lines)


def _places_of_text(lines: list[str]) -> list[int]:
    """Which lines of Markdown hold text, not only marks."""
    places, fence = [], ""
    for n, line in enumerate(lines):
        if fence:
            if line == fence:
                fence = ""
                continue
        elif _FENCE.fullmatch(line):
            fence = "`" * (len(line) - len(line.lstrip("`")))
            continue
        if line.strip() and (fence or not _TABLE_RULE.fullmatch(line)):
            places.append(n)
    return places


def _match(old: list[str], new: list[str]) -> dict[int, str] | None:
    """The new line of each old one that stayed, by its number; null where the new lines are not old ones in order."""
    kept, n = {}, 0
    for line in new:
        key = _key(line)
        while n < len(old) and _key(old[n]) != key:
            n += 1
        if n == len(old):
            return None
        kept[n] = line.strip()
        n += 1
    return kept


def _key(line: str) -> str:
    return "".join(_uncite(line).split())


def _uncite(line: str) -> str:
    """The line without citations, also those that stand only where others stood: in one walk, however they are nested.

    >>> _uncite("a[[1]2][ed[3]it] [x]")
    'a [x]'
    """
    if not _CITATION.search(line):
        return line
    out: list[str] = []
    for letter in line:
        out.append(letter)
        if letter == "]":
            start = len(out) - 2
            while start >= 0 and out[start].isdecimal():
                start -= 1
            if start >= 0 and out[start] == "[":
                del out[start:]
            else:
                for word in _CITED:
                    if "".join(out[-len(word) :]) == word:
                        del out[-len(word) :]
                        break
    return "".join(out)


def _join(lines: list[str | None]) -> str:
    """The lines that are left; runs of empty ones where lines went are one, and fences around nothing go."""
    out: list[str] = []
    for gone, run in groupby(lines, key=lambda line: line is None):
        if not gone:
            left = [line for line in run if line is not None]
            if out and left and not out[-1].strip() and not left[0].strip():
                left = left[1:]
            out += left
    kept: list[str] = []
    n = 0
    while n < len(out):
        line = out[n]
        if n + 1 < len(out) and _FENCE.fullmatch(line) and out[n + 1] == "`" * _n_ticks(line):
            n += 2
            n += n < len(out) and not out[n].strip() and not (kept and kept[-1].strip())
        else:
            kept.append(line)
            n += 1
    return "\n".join(kept).strip("\n")


def _n_ticks(line: str) -> int:
    return len(line) - len(line.lstrip("`"))
