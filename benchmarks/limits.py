"""Where the two low limits on a score belong: `spare_above` and `floor`, on pages that readers judged.

Every page has the scores of a fit that saw neither it nor its site, package or book: `python -m classifiers.recipe.bundled` leaves
them in its folder `--work`.
Junk are pages of a mean quality under 1.5, good pages those of quality 3.5 or more and lessons (level 2 or more of these readers,
who are half a level stricter than the reference), and modules of textbooks. Shares are weighted by 1 / propensity.

- A floor acts on pages that pass the default rules. The largest that loses at most .5% of any good group is found on one half of
  the pages (by site, package, book) and measured on the other.
- `spare_above` acts on pages that fail only rules of named sets that are not hard: by score, how much of them is junk, beside
  pages of the same scores that pass.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.harness import DATA
from benchmarks.lessons import NAMED, share
from curate.fit.annotators import number_pages
from curate.rules import apply_rules, clean_lines, line_rules_of, load_rules, required_signals
from curate.signals import compute_signals

MOST_LOST = 0.005
FLOORS = {
    "edu": (0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02),
    "quality": (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15),
}
BANDS = (0.0, 0.002, 0.005, 0.02, 0.05, 0.1, 0.3, 1.01)

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks limits")
    parser.add_argument(
        "--work", type=Path, default=Path("bundled-work"), help="what classifiers.recipe.bundled kept"
    )
    parser.add_argument("--more", type=Path, action="append", default=[], help="as that fit had it")
    settings = parser.parse_args(args)
    pages = Pages.read(settings.work, settings.more)
    floors = {name: measure_floors(pages, name) for name in FLOORS}
    return {
        "settings": {"most_lost": MOST_LOST, "rules": {"floor": ["curate"], "spare_above": [*NAMED]}},
        "groups": {name: int(mask.sum()) for name, mask in pages.groups.items()},
        "floors": floors,
        "spare_above": measure_spared(pages),
    }


class Pages:
    """Pages with quality levels, and modules of textbooks: texts, weights, halves, groups, scores out of fold."""

    def __init__(
        self,
        texts: pa.Array,
        weights: Numbers,
        half: NDArray[np.int64],
        groups: dict[str, Mask],
        scores: dict[str, Numbers],
    ) -> None:
        self.texts, self.weights, self.half, self.groups, self.scores = texts, weights, half, groups, scores

    @classmethod
    def read(cls, work: Path, more: Sequence[Path] = ()) -> Pages:
        """Read pages and scores; `work` holds what the fit of the bundled classifiers left there."""
        from classifiers.recipe.bundled import Maker, classifiers_folder
        from classifiers.recipe.bundled_pages import BOOK_LABELS
        from classifiers.recipe.kept import Kept

        from curate.scoring import load_scorer

        maker = Maker(DATA, classifiers_folder(), Kept(work), None, tuple(more))  # type: ignore[arg-type]  # encodes nothing
        edu, quality = (read_once(maker.levels[name].pages) for name in ("edu", "quality"))
        scorers = [load_scorer(name) for name in ("edu", "quality")]
        scores_of = [
            scorer.calibration.apply(maker.held_out_levels(scorer.name).astype(np.float32))
            for scorer in scorers
        ]
        levels = mean_levels(maker.levels["edu"].pages, reader_of=quality.annotators[0])
        of_edu = {text: i for i, text in enumerate(edu.texts.to_pylist())}
        rows = np.array([of_edu[text] for text in quality.texts.to_pylist()])
        lesson = np.array([levels.get(text, 0.0) >= 2 for text in quality.texts.to_pylist()])
        modules = np.flatnonzero((np.array(edu.annotators) == BOOK_LABELS) & (edu.levels >= 3))
        n, m = len(rows), len(modules)
        domains = np.array([*quality.domains, *(["textbook"] * m)])
        mean = np.append(quality.levels, np.full(m, np.nan))
        of_books = edu.texts.take(pa.array(modules))
        scores = {
            "edu": scores_of[0][np.append(rows, modules)].astype(np.float64),
            "quality": np.append(scores_of[1], scorers[1].score(of_books)).astype(np.float64),
        }
        groups = {
            **{f"{name}, junk": (domains == name) & (mean < 1.5) for name in sorted(set(quality.domains))},
            **{
                f"{name}, quality 4-5": (domains == name) & (mean >= 3.5)
                for name in sorted(set(quality.domains))
            },
            **{
                f"{name}, lessons": (domains == name) & np.append(lesson, np.zeros(m, bool))
                for name in sorted(set(quality.domains))
            },
            "textbook, modules": domains == "textbook",
        }
        places = [*quality.sites, *(edu.sites[i] for i in modules)]
        texts = pa.concat_arrays([quality.texts, of_books])
        names = [place or text[:200] for place, text in zip(places, texts.to_pylist(), strict=True)]
        half = np.array([zlib.crc32(name.encode()) % 2 for name in names])
        weights = np.append(1 / quality.propensity, np.ones(m))
        assert len(texts) == n + m
        return cls(texts, weights, half, groups, scores)

    def fails(self, names: tuple[str, ...]) -> tuple[Mask, Mask]:
        """Which pages fail a rule of some sets, and which of these no hard one."""
        rule_sets = load_rules(names)
        cleaned, _ = clean_lines(self.texts, line_rules_of(rule_sets))
        verdict = apply_rules(compute_signals(cleaned, required_signals(rule_sets)), rule_sets)
        fails, sparable = verdict["drop_reason"].is_valid(), verdict["is_sparable"]
        return fails.to_numpy(zero_copy_only=False), sparable.to_numpy(zero_copy_only=False)


def read_once(readings: Any) -> Any:
    """The pages that were read, each once, with the mean of its levels, in the order of first readings."""
    page = number_pages(readings)
    _, first = np.unique(page, return_index=True)
    pages = readings.take(first)
    pages.levels[:] = np.bincount(page, readings.levels) / np.bincount(page)
    return pages


def mean_levels(readings: Any, reader_of: str) -> dict[str, float]:
    """The mean educational level that readers gave each page, by its text."""
    rows = np.flatnonzero(np.array(readings.annotators) == reader_of)
    read = readings.take(rows)
    page = number_pages(read)
    means = np.bincount(page, read.levels) / np.bincount(page)
    texts = list(dict.fromkeys(read.texts.to_pylist()))
    return dict(zip(texts, means.tolist(), strict=True))


def measure_floors(pages: Pages, name: str) -> dict[str, Any]:
    """Shares of each group below each floor, of pages that pass the default rules; and the floor that each half would take."""
    passes = ~pages.fails(("curate",))[0]
    scores = pages.scores[name]
    rows = [
        {"floor": floor}
        | {
            group: share(scores[mask & passes] < np.float32(floor), pages.weights[mask & passes])
            for group, mask in pages.groups.items()
        }
        for floor in FLOORS[name]
    ]
    chosen = []
    for half in (0, 1):
        fitted, other = pages.half == half, pages.half != half
        good = [mask & passes for group, mask in pages.groups.items() if not group.endswith("junk")]
        floor = max(
            (f for f in FLOORS[name] if all(_lost(pages, scores, g & fitted, f) <= MOST_LOST for g in good)),
            default=0.0,
        )
        chosen.append(
            {"half": half, "floor": floor}
            | {
                group: share(
                    scores[mask & passes & other] < np.float32(floor), pages.weights[mask & passes & other]
                )
                for group, mask in pages.groups.items()
            }
        )
    return {"rows": rows, "chosen_on_one_half_and_measured_on_the_other": chosen}


def _lost(pages: Pages, scores: Numbers, here: Mask, floor: float) -> float:
    return (
        float(np.average(scores[here] < np.float32(floor), weights=pages.weights[here]))
        if here.any()
        else 0.0
    )


def measure_spared(pages: Pages) -> list[dict[str, Any]]:
    """By band of the score of `edu`: junk and good pages among those that fail sparable rules of named sets, and that pass."""
    failing, sparable = pages.fails(NAMED)
    scores, groups = pages.scores["edu"], pages.groups
    junk = np.logical_or.reduce([mask for group, mask in groups.items() if group.endswith("junk")])
    lesson = np.logical_or.reduce([mask for group, mask in groups.items() if group.endswith("lessons")])
    read = ~groups["textbook, modules"]
    rows: list[dict[str, Any]] = []
    for low, high in itertools.pairwise(BANDS):
        band = read & (scores >= low) & (scores < high)
        row: dict[str, Any] = {"from": low, "to": min(high, 1.0)}
        for name, which in (("fail", sparable), ("pass", ~failing)):
            here = band & which
            row[name] = {
                "pages": int(here.sum()),
                "junk": share(junk[here], pages.weights[here]),
                "lessons": share(lesson[here], pages.weights[here]),
            }
        rows.append(row)
    return rows
