"""Several annotators on one scale: what pages are worth, and how strict those are who read them.

Strictness belongs to readers, worth to pages. An annotator may have seen only documentation and another only shop
pages: how their levels differ says nothing of them. So strictness is estimated from pages that several read:

    level of a reading = worth of the page + strictness of the annotator + of the reader + noise

The reference annotator's strictness is 0. Readers of one annotator (people of one guild, draws of one model) differ
from it by a number drawn around 0, whose spread is estimated too: a reader of few shared pages is taken for one like
the others. An annotator who shares no page with the reference, directly or by way of others, cannot be compared and is
taken at its word; so are those the recipe says are of the same scale.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from curate.errors import SettingError, UnknownNameError
from curate.fit.annotations import Annotations
from curate.fit.recipe import Recipe

Vector = NDArray[np.float64]
Numbers = NDArray[np.int64]

_N_ROUNDS = 50
# Variances of readings and readers are held to these, so that annotators who always agree divide by no zero.
_LEAST_NOISE, _LEAST_SPREAD = 1e-2, 1e-4
_TINY, _SETTLED = 1e-9, 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Strictness:
    """How far below (negative: strict) or above the reference annotators and readers level the same page.

    Attributes:
        shifts: float64 (N readings,), what to take off each reading's level.
        annotators: name -> {"strictness", "low", "high", "n_shared_pages", "n_readings"}; strictness is None where
            nothing compares the annotator with the reference. The interval is of 95%, from the model's variance.
        readers: "annotator: reader" -> {"annotator", "reader", "strictness", "n_shared_pages", "n_readings"}; the
            annotator's own strictness is in the reader's.
        noise: standard deviation of a reading about the page's worth and the reader's strictness.
        reader_spread: standard deviation of readers about their annotator.
    """

    shifts: Vector
    annotators: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    readers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    noise: float = 0.0
    reader_spread: float = 0.0

    def __repr__(self) -> str:
        return f"<Strictness of {len(self.annotators)} annotators and {len(self.readers)} readers>"

    def to_json(self) -> dict[str, Any]:
        """The strictness as JSON: all but the shifts."""
        return {
            "annotators": self.annotators,
            "readers": self.readers,
            "noise": self.noise,
            "reader_spread": self.reader_spread,
        }


def reference_rows(pages: Annotations, recipe: Recipe) -> NDArray[np.bool_]:
    """Find the readings of the annotator whose scale is predicted: the named one, else the most frequent."""
    counts = Counter(pages.annotators)
    reference = recipe.reference_annotator
    if reference is None:
        reference = max(sorted(counts), key=lambda name: counts[name])
    check_names((reference,), pages)
    return np.array(pages.annotators) == reference


def check_names(names: tuple[str, ...], pages: Annotations) -> None:
    """Refuse a name that no annotator has; names are compared whole, so 'gpt-4o' is not 'gpt-4o-mini'.

    Raises:
        SettingError: An annotator has no such name.
    """
    known = sorted(set(pages.annotators))
    for name in names:
        if name not in known and not any(known):
            raise SettingError(f"No page is of the annotator '{name}': the rows name no annotator.")
        if name not in known:
            raise UnknownNameError("annotator", name, known)


def number_pages(pages: Annotations) -> Numbers:
    """Number the pages that were read, int64 (N readings,): readings of one text have one number."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in pages.texts.to_pylist()], np.int64)


def fit_strictness(
    pages: Annotations, reference: NDArray[np.bool_], same_scale: tuple[str, ...] = ()
) -> Strictness:
    """Estimate strictness from the pages that were read more than once.

    A page that had the chance p of being chosen for a second reading counts 1 / p. It matters where pages were chosen
    by the level of their first reading: those at a rare level are there by its error more often than others.

    Args:
        pages: N readings.
        reference: bool (N,), those of the reference annotator.
        same_scale: annotators whose levels are taken for the reference's.
    """
    page = number_pages(pages)
    names = np.array(pages.annotators)
    fixed = {*same_scale, *names[reference].tolist()}
    annotator_names = sorted(set(pages.annotators))
    annotator = np.searchsorted(annotator_names, names)
    reader_names = sorted({(a, r) for a, r in zip(pages.annotators, pages.readers, strict=True) if r})
    numbers = {name: i for i, name in enumerate(reader_names)}
    reader = np.array(
        [numbers.get(key, -1) for key in zip(pages.annotators, pages.readers, strict=True)], np.int64
    )
    shared = _shared_rows(page, annotator, reader)
    free = [i for i, name in enumerate(annotator_names) if name not in fixed]
    linked = _linked(page, annotator, shared, {i for i, n in enumerate(annotator_names) if n in fixed})
    free = [i for i in free if i in linked]
    column_of = np.full(len(annotator_names), -1, np.int64)
    column_of[free] = np.arange(len(free))
    of_free, of_known = np.flatnonzero(column_of[annotator] >= 0), np.flatnonzero(reader >= 0)
    columns = [(of_free, column_of[annotator[of_free]]), (of_known, len(free) + reader[of_known])]
    sums = _sum_within_pages(pages, page, columns, len(free) + len(reader_names), shared)
    effects, variances, noise, spread = _solve(sums, len(free))
    of_annotator = np.zeros(len(annotator_names))
    of_annotator[free] = effects[: len(free)]
    of_reader = np.append(effects[len(free) :], 0.0)
    shifts = of_annotator[annotator] + of_reader[reader]
    shifts[reference & (reader < 0)] = 0.0
    found = Strictness(shifts, noise=noise, reader_spread=spread)
    for i, name in enumerate(annotator_names):
        rows = annotator == i
        half = 1.96 * np.sqrt(variances[free.index(i)]) if i in free else 0.0
        known = i in free or name in fixed
        found.annotators[name] = {
            "strictness": float(of_annotator[i]) if known else None,
            "low": float(of_annotator[i] - half) if known else None,
            "high": float(of_annotator[i] + half) if known else None,
            **_count(rows, shared, page),
        }
    for i, (name, own) in enumerate(reader_names):
        whole = of_annotator[annotator_names.index(name)] + of_reader[i]
        about = {"annotator": name, "reader": own, "strictness": float(whole)}
        found.readers[f"{name}: {own}"] = {**about, **_count(reader == i, shared, page)}
    return found


def _count(rows: NDArray[np.bool_], shared: NDArray[np.bool_], page: Numbers) -> dict[str, int]:
    return {"n_shared_pages": len(np.unique(page[rows & shared])), "n_readings": int(rows.sum())}


def _shared_rows(page: Numbers, annotator: Numbers, reader: Numbers) -> NDArray[np.bool_]:
    """Find the readings of pages that were read by more than one annotator or reader."""
    who: dict[int, set[tuple[int, int]]] = {}
    for number, a, r in zip(page.tolist(), annotator.tolist(), reader.tolist(), strict=True):
        who.setdefault(number, set()).add((a, r))
    return np.array([len(who[number]) > 1 for number in page.tolist()], np.bool_)


def _linked(page: Numbers, annotator: Numbers, shared: NDArray[np.bool_], anchors: set[int]) -> set[int]:
    """Find the annotators that pages link to the anchors, directly or by way of others."""
    readers_of: dict[int, set[int]] = {}
    for number, a in zip(page[shared].tolist(), annotator[shared].tolist(), strict=True):
        readers_of.setdefault(number, set()).add(a)
    linked = set(anchors)
    while True:
        more = {a for group in readers_of.values() if group & linked for a in group}
        if more <= linked:
            return linked
        linked |= more


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Least squares of shared readings on who read them, every page's mean taken off both sides.

    Attributes:
        square: float64 (n_effects, n_effects), the design times itself, weighted.
        spill: the same with squared weights.
        product: float64 (n_effects,), the design times the levels, weighted.
        total: weighted sum of squared levels.
        n_known: readings less pages.
    """

    square: Vector
    spill: Vector
    product: Vector
    total: float
    n_known: int


def _sum_within_pages(
    pages: Annotations,
    page: Numbers,
    effects: list[tuple[Numbers, Numbers]],
    n_effects: int,
    shared: NDArray[np.bool_],
) -> _Sums:
    """Sum up the readings at `shared`; `effects` are pairs of rows and the column that holds them."""
    rows = np.flatnonzero(shared)
    _, at, n = np.unique(page[rows], return_inverse=True, return_counts=True)
    levels = (
        pages.levels[rows] - (np.bincount(at, pages.levels[rows]) / np.maximum(n, 1))[at]
        if len(rows)
        else rows
    )
    weights = np.zeros(len(n))
    np.maximum.at(weights, at, 1 / pages.propensity[rows])
    weights /= max(float(weights[at].mean()) if len(rows) else 1.0, 1e-12)
    of_row = np.concatenate([which for which, _ in effects])
    of_column = np.concatenate([column for _, column in effects])
    who = csr_matrix((np.ones(len(of_row)), (of_row, of_column)), shape=(len(page), n_effects))[rows]
    in_page = csr_matrix((np.ones(len(rows)), (at, np.arange(len(rows)))), shape=(len(n), len(rows)))
    of_page = csr_matrix(in_page @ who)

    def square(w: Vector) -> Vector:
        per_page = of_page.multiply((w / np.maximum(n, 1))[:, None])
        whole = who.T @ who.multiply(w[at][:, None]) - of_page.T @ per_page
        return np.asarray(whole.todense(), np.float64)

    product = np.asarray(who.T @ (weights[at] * levels), np.float64)
    total = float(weights[at] @ levels.astype(np.float64) ** 2)
    return _Sums(square(weights), square(weights**2), product, total, max(len(rows) - len(n), 1))


def _solve(sums: _Sums, n_free: int) -> tuple[Vector, Vector, float, float]:
    """Solve for the effects, those of readers drawn to 0 by their own spread, which is estimated in turns.

    Returns:
        Effects, their variances, and the standard deviations of readings and of readers.
    """
    n = len(sums.product)
    if n == 0 or not sums.square.any():
        return np.zeros(n), np.zeros(n), 0.0, 0.0
    n_readers = n - n_free
    noise, spread, before = 0.25, 0.05, 0.0
    effects, bread = np.zeros(n), np.zeros((n, n))
    for _ in range(_N_ROUNDS):
        drawn = np.append(np.full(n_free, _TINY), np.full(n_readers, noise / spread))
        bread = np.linalg.inv(sums.square + np.diag(drawn))
        effects = bread @ sums.product
        left = sums.total - 2 * effects @ sums.product + effects @ sums.square @ effects
        degrees = max(sums.n_known - float((bread * sums.square).sum()), 1.0)
        noise = max(float(left) / degrees, _LEAST_NOISE)
        if n_readers:
            own = effects[n_free:]
            spread = max(float((own**2 + noise * np.diag(bread)[n_free:]).mean()), _LEAST_SPREAD)
        if abs(noise / spread - before) < _SETTLED * before:
            break
        before = noise / spread
    pull = np.diag(np.append(np.zeros(n_free), np.full(n_readers, noise / spread)))
    # Weights are of pages, not of how exact a reading is.
    variances = noise * np.diag(bread @ (sums.spill + pull) @ bread)
    return effects, variances, float(np.sqrt(noise)), float(np.sqrt(spread)) if n_readers else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ReadPages:
    """Pages, each once, with what their readings come to.

    Attributes:
        pages: N pages; the level is the mean of the reference's readings as they are, else that of `targets`.
        targets: float64 (N,), the mean of all readings, on the reference's scale: what is fitted.
        reference: bool (N,), pages that the reference annotator read.
        first: int64 (N,), the row of each page's first reading.
    """

    pages: Annotations
    targets: Vector
    reference: NDArray[np.bool_]
    first: Numbers


def merge_readings(
    readings: Annotations, shifts: Vector, reference: NDArray[np.bool_], scale: tuple[float, float, float]
) -> ReadPages:
    """Bring readings to the reference's scale, and make of the readings of each page one.

    Every reading counts, also one that equals another. A page counts once, however often it was read: what a fit
    cannot tell of it outweighs the error of a reading. It is fitted at the mean of its readings; whether it is positive, most
    of the reference's readings say: of 1, 1 and 0 the mean is below 1.
    """
    page = number_pages(readings)
    _, first = np.unique(page, return_index=True)
    corrected = np.clip(readings.levels - shifts, scale[0], scale[1])
    n = np.bincount(page)
    targets = np.bincount(page, corrected) / n
    has_reference = np.bincount(page, reference) > 0
    of_reference = _medians(page[reference], readings.levels[reference], len(n))
    weights = np.bincount(page, readings.weights) / n
    # The chance that a page is there at all is that of its reference reading, where it has one.
    order = np.lexsort((np.arange(len(page)), ~reference, page))
    chief = order[np.unique(page[order], return_index=True)[1]]
    merged = readings.take(chief)
    pages = Annotations(
        merged.texts,
        np.where(has_reference, of_reference, targets),
        merged.annotators,
        merged.sites,
        weights,
        merged.propensity,
        merged.topics,
        readings.skipped,
        merged.readers,
        merged.domains,
        merged.words,
        merged.sources,
    )
    return ReadPages(pages, targets, has_reference, first)


def _medians(page: NDArray[np.int64], levels: Vector, n_pages: int) -> Vector:
    """The median level of each page, 0 where it has none."""
    order = np.lexsort((levels, page))
    n = np.bincount(page, minlength=n_pages)
    first = np.cumsum(n) - n
    middle = np.append(levels[order], 0.0)
    last = len(middle) - 1
    low, high = first + np.maximum(n - 1, 0) // 2, first + n // 2
    return np.where(n > 0, (middle[np.minimum(low, last)] + middle[np.minimum(high, last)]) / 2, 0.0)


def measure_agreement(readings: Annotations) -> list[dict[str, Any]]:
    """Compare readings of the same pages: by pair of annotators, and among the readings of one annotator.

    Returns:
        A row for each pair of annotators with pages in common, the most pages first: "first", "second", "n_pages",
        "n_pairs" of readings, "equal" and "within_1" (shares of pairs), "mean_difference" (second less first; 0 by
        symmetry within one annotator), and "kappa", quadratic (NaN where all levels are equal).
    """
    page = number_pages(readings)
    rows_of: dict[int, list[int]] = {}
    for row, number in enumerate(page.tolist()):
        rows_of.setdefault(number, []).append(row)
    pairs: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for number, rows in rows_of.items():
        for k, i in enumerate(rows):
            for j in rows[k + 1 :]:
                a, b = (i, j) if readings.annotators[i] <= readings.annotators[j] else (j, i)
                key = (readings.annotators[a], readings.annotators[b])
                pairs.setdefault(key, []).append(
                    (number, float(readings.levels[a]), float(readings.levels[b]))
                )
    found: list[dict[str, Any]] = []
    for (first, second), read in sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0])):
        a, b = np.array([r[1] for r in read]), np.array([r[2] for r in read])
        if first == second:  # which of two draws of one annotator comes first means nothing
            a, b = np.append(a, b), np.append(b, a)
        found.append(
            {
                "first": first,
                "second": second,
                "n_pages": len({r[0] for r in read}),
                "n_pairs": len(read),
                "equal": float((a == b).mean()),
                "within_1": float((np.abs(a - b) <= 1).mean()),
                "mean_difference": float((b - a).mean()),
                "kappa": quadratic_kappa(a, b),
            }
        )
    return found


def quadratic_kappa(a: Vector, b: Vector) -> float:
    """Cohen's kappa with squared distances as weights: 1 is equality, 0 what chance alone would give.

    >>> quadratic_kappa(np.array([0.0, 1, 2]), np.array([0.0, 1, 2]))
    1.0
    """
    by_chance = float(a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    return 1.0 - float(((a - b) ** 2).mean()) / by_chance if by_chance > 0 else float("nan")


def render_annotators(agreement: list[dict[str, Any]], strictness: Strictness) -> str:
    """Render agreement and strictness as Markdown tables; "" where one annotator read every page once."""
    lines: list[str] = []
    if agreement:
        lines += [
            "| read the same pages | pages | equal | within 1 | kappa | mean difference |",
            "|---|---|---|---|---|---|",
        ]
        for row in agreement:
            who = row["first"] or "unnamed"
            if row["second"] != row["first"]:
                who = f"{who} / {row['second']}"
            difference = "" if row["second"] == row["first"] else f"{row['mean_difference']:+.2f}"
            lines.append(
                f"| {who} | {row['n_pages']:,} | {row['equal']:.0%} | {row['within_1']:.0%} | {row['kappa']:.2f} "
                f"| {difference} |"
            )
        lines.append("")
    if len(strictness.annotators) > 1 or strictness.readers:
        lines += [
            "| annotator, reader | readings | shared pages | strictness | 95% interval |",
            "|---|---|---|---|---|",
        ]
        for name, row in strictness.annotators.items():
            lines.append(_strictness_row(name or "unnamed", row))
            own = {key: of for key, of in strictness.readers.items() if of["annotator"] == name}
            lines += [_strictness_row(f"- {of['reader']}", of) for of in own.values()]
    return "\n".join(lines).strip()


def _strictness_row(name: str, row: dict[str, Any]) -> str:
    value, interval = "not known: shares no page with the reference", ""
    if row["strictness"] is not None:
        value = f"{row['strictness']:+.2f}"
        if "low" in row:
            interval = (
                "the scale" if row["low"] == row["high"] else f"{row['low']:+.2f} to {row['high']:+.2f}"
            )
    return f"| {name} | {row['n_readings']:,} | {row['n_shared_pages']:,} | {value} | {interval} |"


def correlate_levels(read: dict[str, Annotations]) -> str:
    """Say in a line how levels of several kinds go together on the pages that have them, by mean of readings."""
    means: dict[str, dict[str, float]] = {}
    for name, readings in read.items():
        page = number_pages(readings)
        levels = np.bincount(page, readings.levels) / np.bincount(page)
        texts = list(dict.fromkeys(readings.texts.to_pylist()))
        means[name] = dict(zip(texts, levels.tolist(), strict=True))
    found: list[str] = []
    for first, second in combinations(means, 2):
        both = [text for text in means[first] if text in means[second]]
        a = np.array([means[first][text] for text in both])
        b = np.array([means[second][text] for text in both])
        if len(both) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            r = float(np.corrcoef(a, b)[0, 1])
            found.append(f"{first} and {second} correlate at {r:.2f} on {len(both):,} pages.")
        else:
            found.append(f"{first} and {second} have no pages in common on which both differ.")
    return "\n".join(found)
