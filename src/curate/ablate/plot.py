"""The result as an SVG picture: a dot for each seed, a bar for the mean."""

from __future__ import annotations

from html import escape

import numpy as np

from curate.ablate.result import Ablation

ROW, PANEL, LEFT, RIGHT = 22, 46, 190, 40
WIDTH = 720
COLOURS = ("#777777", "#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b")


def draw_svg(found: Ablation) -> str:
    """Draw bits per byte (lower is better) of every run."""
    panels = [(model, domain) for model, runs in found.bits_per_byte.items() for domain in runs]
    height = len(panels) * (PANEL + ROW * len(found.arms)) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    top = 0
    for model, domain in panels:
        parts += _panel(found, model, domain, top)
        top += PANEL + ROW * len(found.arms)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(found: Ablation, model: str, domain: str, top: int) -> list[str]:
    runs = found.bits_per_byte[model][domain]
    numbers = [bits for arm in found.arms for bits in runs[arm]]
    low, high = min(numbers), max(numbers)
    room = max(high - low, 1e-6)

    def across(bits: float) -> float:
        return LEFT + (bits - low) / room * (WIDTH - LEFT - RIGHT)

    title = f"{model}, evaluated on {domain}: bits per byte, lower is better"
    parts = [f'<text x="8" y="{top + 22}" font-size="13" font-weight="bold">{escape(title)}</text>']
    for number, arm in enumerate(found.arms):
        y, colour = top + PANEL + ROW * number, COLOURS[number % len(COLOURS)]
        mean = float(np.mean(runs[arm]))
        label = f"{escape(arm)}  {mean:.3f}"
        parts.append(f'<text x="{LEFT - 14}" y="{y + 4}" font-size="12" text-anchor="end">{label}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#dddddd"/>')
        parts.append(
            f'<line x1="{across(mean):.1f}" x2="{across(mean):.1f}" y1="{y - 8}" y2="{y + 8}" '
            f'stroke="{colour}" stroke-width="3"/>'
        )
        parts += [
            f'<circle cx="{across(bits):.1f}" cy="{y}" r="4" fill="{colour}" fill-opacity="0.55"/>'
            for bits in runs[arm]
        ]
    return parts
