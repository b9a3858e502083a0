"""The gaps as an SVG picture: a bar for the interval, a stroke for the mean, a dot for each seed."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from curate.ablate.result import Ablation, Gap, conclude
from curate.work.files import committed, write_json

WIDTH, LEFT, RIGHT = 720, 210, 24
ROW, HEAD, FOOT = 24, 34, 34
BETTER, WORSE, UNCLEAR = "#1a7f37", "#b3261e", "#6e7781"


def draw_svg(found: Ablation, title: str = "") -> str:
    """Draw every arm's gap to the first arm, a panel for each model and evaluation domain.

    Panels share one scale. The picture has a light ground of its own, so that it can be read on dark pages.
    """
    gaps = found.gaps()
    seeds = {(gap.model, gap.domain, gap.arm): _by_seed(found, gap) for gap in gaps}
    ends = [end for gap in gaps for end in (gap.low, gap.high) if end is not None]
    ends += [0.0, *(number for numbers in seeds.values() for number in numbers)]
    low, high = min(ends), max(ends)
    scale = _Scale(low - 0.03 * (high - low or 1), high + 0.03 * (high - low or 1))
    panels = [(model, domain) for model in found.nats for domain in found.domains]
    top = 34 if title else 8
    height = top + len(panels) * (HEAD + ROW * (len(found.arms) - 1)) + FOOT
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    ground = f'x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" fill="#ffffff" stroke="#d0d7de"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Arial, sans-serif" fill="#1f2328">',
        f'<rect {ground} rx="6"/>',
    ]
    if title:
        parts.append(f'<text x="14" y="24" font-size="15" font-weight="bold">{escape(title)}</text>')
    for model, domain in panels:
        mine = [gap for gap in gaps if (gap.model, gap.domain) == (model, domain)]
        parts += _panel(mine, seeds, scale, top)
        top += HEAD + ROW * len(mine)
    words = f"gap to {found.arms[0]} in bits per byte, left is better; bar: 95% interval, dot: one seed"
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{height - 9}" font-size="12" text-anchor="middle">{escape(words)}'
        "</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_ablation(found: Ablation, folder: Path) -> None:
    """Write result.json, table.md and plot.svg."""
    write_json(folder / "result.json", found.to_json())
    for name, text in (
        ("table.md", "\n".join([found.table(), "", *conclude(found)]) + "\n"),
        ("plot.svg", draw_svg(found)),
    ):
        with committed(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


class _Scale:
    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high
        step = 10 ** np.floor(np.log10((high - low) / 4))
        self.step = float(
            next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 8)
        )

    def across(self, gap: float) -> float:
        return LEFT + (gap - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> list[float]:
        first = int(np.ceil(self.low / self.step))
        return [i * self.step for i in range(first, int(np.floor(self.high / self.step)) + 1)]


def _short(tick: float, step: float) -> str:
    return "0" if abs(tick) < step / 2 else f"{tick:+.{max(0, -int(np.floor(np.log10(step))))}f}"


def _by_seed(found: Ablation, gap: Gap) -> list[float]:
    own = found.bits_per_byte(gap.model, gap.domain, gap.arm)
    return (own - found.bits_per_byte(gap.model, gap.domain, found.arms[0])).tolist()


def _panel(
    gaps: list[Gap], seeds: dict[tuple[str, str, str], list[float]], scale: _Scale, top: int
) -> list[str]:
    begin, end = top + HEAD - 10, top + HEAD + ROW * len(gaps) - 10
    title = f"{gaps[0].model}, on {gaps[0].domain}"
    parts = [f'<text x="14" y="{top + 18}" font-size="13" font-weight="bold">{escape(title)}</text>']
    for tick in scale.ticks():
        x = f"{scale.across(tick):.1f}"
        colour = "#57606a" if abs(tick) < scale.step / 2 else "#e4e8ec"
        parts.append(f'<line x1="{x}" x2="{x}" y1="{begin}" y2="{end}" stroke="{colour}"/>')
        parts.append(
            f'<text x="{x}" y="{begin - 4}" font-size="10.5" fill="#57606a" text-anchor="middle">'
            f"{_short(tick, scale.step)}</text>"
        )
    for number, gap in enumerate(gaps):
        y = top + HEAD + ROW * number + 4
        colour = (BETTER if gap.gap < 0 else WORSE) if gap.clear else UNCLEAR
        parts.append(
            f'<text x="{LEFT - 12}" y="{y + 4}" font-size="12.5" text-anchor="end">{escape(gap.arm)}</text>'
        )
        if gap.low is not None and gap.high is not None:
            parts.append(
                f'<rect x="{scale.across(gap.low):.1f}" y="{y - 5}" height="10" rx="2" fill="{colour}" '
                f'fill-opacity="0.3" width="{max(scale.across(gap.high) - scale.across(gap.low), 1):.1f}"/>'
            )
        parts += [
            f'<circle cx="{scale.across(number):.1f}" cy="{y}" r="2.6" fill="{colour}"/>'
            for number in seeds[gap.model, gap.domain, gap.arm]
        ]
        x = f"{scale.across(gap.gap):.1f}"
        parts.append(
            f'<line x1="{x}" x2="{x}" y1="{y - 8}" y2="{y + 8}" stroke="{colour}" stroke-width="2.5"/>'
        )
    return parts
