"""One HTML file that loads nothing: its frame, its tables and its plots. Every text that is not ours is escaped here."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

_TEMPLATE = Path(__file__).with_name("page.html")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 480, 240, 52, 12, 12, 42
# Overrides and isolates of writing direction: in a text of the crawl they would turn what stands around it.
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")

Point = tuple[float, float]


def fill_page(title: str, body: str, script: str = "") -> str:
    """Put a page together; of scripts, the browser runs this one alone (Content-Security-Policy, by its hash)."""
    policy = "'none'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy, script = f"'sha256-{digest}'", f"<script>{script}</script>"
    frame = _TEMPLATE.read_text(encoding="utf-8")
    parts = {"title": text(title), "policy": policy, "body": body, "script": script}
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], frame)


def text(value: object) -> str:
    """A text, escaped, without marks that change the direction of writing around it."""
    return escape(_DIRECTION.sub("\ufffd", str(value)))


def name(value: str) -> str:
    """A name of ours, which may break after each underscore."""
    return text(value).replace("_", "_<wbr>")


def table(caption: str, titles: Sequence[str], rows: Iterable[str]) -> str:
    """A table of rows made by `row`, that scrolls by itself where it is too wide."""
    head = "".join(f'<th scope="col"{_number(place)}>{text(each)}</th>' for place, each in enumerate(titles))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table><caption>{text(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(head: str, cells: Sequence[str], kind: str = "", tail: str = "") -> str:
    """A row of a table: its head, numbers, and HTML at the end; `head` is HTML."""
    numbers = "".join(f'<td class="n">{text(cell)}</td>' for cell in cells)
    mark = f' class="{kind}"' if kind else ""
    return f'<tr{mark}><th scope="row">{head}</th>{numbers}{tail}</tr>'


def bar(share: float, *, kept: bool) -> str:
    """A bar in the cell of a table, hatched for what is dropped; it prints, as no background would."""
    width = max(min(share, 1.0) * 300, 1.0) if share else 0.0
    return (
        f'<td class="wide"><svg viewBox="0 0 300 16" preserveAspectRatio="none" role="img" aria-label="{share:.1%}">'
        f"{_block(0, 2, width, 12, kept=kept)}</svg></td>"
    )


def flow(title: str, parts: Sequence[tuple[str, float, bool]]) -> str:
    """One band of parts that make a whole: (name, size, whether it is kept)."""
    whole = sum(size for _, size, _ in parts) or 1.0
    blocks: list[str] = []
    left = 0.0
    for label, size, kept in parts:
        width = size / whole * 960
        blocks.append(
            f"<g>{_block(left, 4, max(width - 1.5, 0.5), 40, kept=kept)}<title>{text(label)}: {size / whole:.1%}</title></g>"
        )
        left += width
    told = "; ".join(f"{label} {size / whole:.1%}" for label, size, _ in parts if size)
    return (
        f'<div class="flow"><p>{text(title)}</p><svg viewBox="0 0 960 48" preserveAspectRatio="none" role="img" '
        f'style="height:3rem" aria-label="{text(title)}: {text(told)}">{"".join(blocks)}</svg>'
        f'<p class="note">{text(told)}</p></div>'
    )


def _block(left: float, top: float, width: float, height: float, *, kept: bool) -> str:
    kind = "kept" if kept else "dropped"
    made = f'<rect class="{kind}" x="{left:.1f}" y="{top:g}" width="{width:.1f}" height="{height:.1f}"/>'
    if kept:
        return made
    lines = "".join(
        f"M{x:.1f} {top + height:.1f}l{min(5, left + width - x):.1f} {-height:.1f}"
        for x in _steps(left + 3, left + width, 9)
    )
    return made + (f'<path class="hatch" d="{lines}"/>' if lines else "")


def _steps(start: float, end: float, step: float) -> list[float]:
    return [start + step * i for i in range(max(0, math.ceil((end - start) / step)))]


class Plot:
    """A plot with two axes that have names and marks: x linear, y linear or logarithmic, in whole numbers or of some `digits`."""

    def __init__(
        self,
        label: str,
        x_name: str,
        y_name: str,
        x: Point,
        y: Point,
        *,
        log: bool = False,
        percent: bool = False,
        digits: int | None = None,
    ) -> None:
        self._label, self._x, self._y, self._log = label, x, y, log
        self._parts = [
            f'<text x="{(_LEFT + _WIDTH) / 2:g}" y="{_HEIGHT - 6}" text-anchor="middle">{text(x_name)}</text>',
            f'<text x="{-_HEIGHT / 2 + 12:g}" y="12" transform="rotate(-90)" text-anchor="middle">{text(y_name)}</text>',
            f'<path class="axis" fill="none" d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"/>',
        ]
        for place in range(6):
            at = x[0] + (x[1] - x[0]) * place / 5
            self._parts.append(
                f'<text x="{self.across(at):.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{at:.3g}</text>'
            )
        for at in self._ticks():
            told = f"{at:.3%}".rstrip("0%").rstrip(".") + "%" if percent and at < 0.01 else f"{at:.0%}"
            told = told if percent else f"{at:,.0f}" if digits is None else f"{at:.{digits}g}"
            self._parts.append(
                f'<text x="{_LEFT - 5}" y="{self.up(at) + 4:.1f}" text-anchor="end">{told}</text>'
                f'<path class="axis" d="M{_LEFT - 3} {self.up(at):.1f}h3"/>'
            )

    def _ticks(self) -> list[float]:
        low, high = self._y
        if not self._log:
            return [low + (high - low) * place / 4 for place in range(5)]
        return [
            10.0**p for p in range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
        ]

    def across(self, x: float) -> float:
        """Where a number lies from the left."""
        low, high = self._x
        return _LEFT + (x - low) / ((high - low) or 1) * (_WIDTH - _LEFT - _RIGHT)

    def up(self, y: float) -> float:
        """Where a number lies from the top; what is below a logarithmic axis lies on it."""
        low, high = self._y
        if self._log:
            y, low, high = math.log10(max(y, low)), math.log10(low), math.log10(high)
        return _TOP + (1 - (y - low) / ((high - low) or 1)) * (_HEIGHT - _TOP - _BOTTOM)

    def curve(self, kind: str, points: Sequence[Point]) -> None:
        """A line of class `kind`."""
        if points:
            path = " ".join(f"{self.across(x):.1f},{self.up(y):.1f}" for x, y in points)
            self._parts.append(f'<polyline class="{kind}" points="{path}"/>')

    def band(self, kind: str, points: Sequence[tuple[float, float, float]]) -> None:
        """What lies between two lines, as (x, low, high)."""
        if points:
            edge = [(x, low) for x, low, _ in points] + [(x, high) for x, _, high in reversed(points)]
            path = " ".join(f"{self.across(x):.1f},{self.up(y):.1f}" for x, y in edge)
            self._parts.append(f'<polygon class="{kind}" points="{path}"/>')

    def bars(self, bins: Sequence[tuple[float, float, int]], is_kept: Sequence[bool]) -> None:
        """A histogram from (from, to, number), hatched where it is dropped."""
        for (start, end, n), kept in zip(bins, is_kept, strict=True):
            if n:
                left, top = self.across(start), self.up(n)
                block = _block(
                    left, top, max(self.across(end) - left - 1, 0.5), self.up(self._y[0]) - top, kept=kept
                )
                self._parts.append(f"<g>{block}<title>{start:.3g} to {end:.3g}: {n:,}</title></g>")

    def cut(self, x: float, told: str) -> None:
        """A mark at a number, if it lies on the axis."""
        if self._x[0] <= x <= self._x[1]:
            at = self.across(x)
            side = "end" if at > _WIDTH * 0.7 else "start"
            self._parts.append(
                f'<path class="cut" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>'
                f'<text x="{at + (-4 if side == "end" else 4):.1f}" y="{_TOP + 9}" text-anchor="{side}">{text(told)}</text>'
            )

    def svg(self) -> str:
        """The plot."""
        return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text(self._label)}">{"".join(self._parts)}</svg>'


def _number(place: int) -> str:
    return ' class="n"' if place else ""
