"""The last decision: which scored documents stay. A run makes it, and `rethreshold` makes it again.

A document that passes its rules stays if it reaches every limit. One that fails rules that are not hard (it is
*sparable*) stays if it reaches every limit and its first score reaches `spare_above` too; else its rule drops it.
Limits are thresholds (or the score of the last page of the share to keep), and floors, which hold beside either.
One in a language that a scorer was not made for has no score: it goes, or stays if it passes its rules (`unscored`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import SPARED_COLUMNS, add_columns, drop_rows, live_rows
from curate.errors import UnknownNameError
from curate.run.funnel import Funnel
from curate.run.lanes import Lane, is_of_kind
from curate.run.settings import DEFAULT_THRESHOLD, UNSCORED, Cut

BELOW, BELOW_FLOOR = "below_threshold", "below_floor"
OTHER_LANGUAGE = "score_other_language"
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that documents must reach: a score, or a weighted mean of scores.

    Attributes:
        reason: the `drop_reason` of a document below it.
        weights: score column to weight.
        least: the number; a document at it stays.
    """

    reason: str
    weights: dict[str, float]
    least: float

    @property
    def name(self) -> str:
        """The number in words: 'edu_score', or '0.7 edu_score + 0.3 quality_score'."""
        if len(self.weights) == 1:
            return next(iter(self.weights))
        total = sum(self.weights.values())
        return " + ".join(f"{weight / total:.3g} {column}" for column, weight in self.weights.items())

    def values(self, table: pa.Table) -> Scores:
        """The number of each of N documents."""
        return weigh(table, self.weights)


@dataclass(frozen=True, slots=True)
class LaneCut:
    """What decides over the scored documents of some kinds; the first limit's first column is the first score.

    A document without one of the scores that are asked for is in a language that a scorer was not made for.

    Attributes:
        unscored: what becomes of such documents (`FilterSettings.unscored`).
        languages: that the first scorer was made for; None where it states none.
    """

    kinds: tuple[str, ...]
    scores: tuple[str, ...]
    limits: tuple[Limit, ...]
    spare_above: float | None
    unscored: str = UNSCORED[0]
    languages: tuple[str, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The cut as it stands in the manifest."""
        return {
            "kinds": list(self.kinds),
            "scores": list(self.scores),
            "limits": [asdict(limit) for limit in self.limits],
            "spare_above": self.spare_above,
            "unscored": self.unscored,
            "languages": None if self.languages is None else list(self.languages),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LaneCut:
        """Read a cut back from a manifest."""
        limits = tuple(Limit(**limit) for limit in data["limits"])
        languages = data.get("languages")
        return cls(
            tuple(data["kinds"]),
            tuple(data["scores"]),
            limits,
            data["spare_above"],
            data.get("unscored", UNSCORED[0]),
            None if languages is None else tuple(languages),
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """What the best are taken from: the scores of a lane's documents, which of them are sparable, and their tokens."""

    table: pa.Table
    is_sparable: NDArray[np.bool_]
    n_tokens: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredKinds:
    """The kinds of documents that are scored alike, the names of their scorers, and what may spare them.

    `unscored` and `languages` are those of `LaneCut`; `floors` are those of the lane.
    """

    kinds: tuple[str, ...]
    scorers: tuple[str, ...]
    spare_above: float | None
    unscored: str = UNSCORED[0]
    languages: tuple[str, ...] | None = None
    floors: Mapping[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def of(cls, lane: Lane) -> ScoredKinds:
        """What a lane's documents are scored by."""
        names = tuple(scorer.name for scorer in lane.scorers)
        languages = lane.scorers[0].languages if lane.scorers else None
        return cls(lane.kinds, names, lane.spare_above, lane.unscored, languages, lane.floors)


def settle_cuts(
    scored: Sequence[ScoredKinds], cut: Cut, read: Callable[[ScoredKinds], Scored]
) -> tuple[LaneCut, ...]:
    """Settle what every lane's documents must reach; `read` is asked for their scores where a share is to be kept.

    A threshold without a name is that of each lane's first scorer, and stands for a lane of which none is named.

    Raises:
        UnknownNameError: a threshold or weight names a scorer that the run does not have.
    """
    check_names(scored, cut, {})
    lanes = [kinds for kinds in scored if kinds.scorers]
    if cut.target_tokens is None:
        return tuple(_settle(kinds, cut, read) for kinds in lanes)
    totals = [float(_best_first(kinds, cut, read).n_tokens.sum()) for kinds in lanes]
    whole = max(sum(totals), 1.0)
    return tuple(
        _settle(kinds, cut, read, cut.target_tokens * (total / whole))
        for kinds, total in zip(lanes, totals, strict=True)
    )


def check_names(scored: Sequence[ScoredKinds], cut: Cut, floors: Mapping[str, float]) -> None:
    """Refuse thresholds, weights and floors of scorers that the run does not have."""
    known = list(dict.fromkeys(name for kinds in scored for name in kinds.scorers))
    for name in (*cut.thresholds, *cut.weights, *floors):
        if name is not None and name not in known and known:
            raise UnknownNameError("scorer of this run", name, known)


def _settle(
    kinds: ScoredKinds, cut: Cut, read: Callable[[ScoredKinds], Scored], n_tokens: float = 0
) -> LaneCut:
    columns = tuple(f"{name}_score" for name in kinds.scorers)
    floors = _floors(kinds)
    if cut.keep_fraction is None and cut.target_tokens is None:
        limits = _settle_thresholds(kinds, cut)
    else:
        ranked = _best_first(kinds, cut, read)
        if cut.keep_fraction is not None:
            n_kept = math.ceil(cut.keep_fraction * ranked.n_all)
        else:
            n_kept = int(np.searchsorted(np.cumsum(ranked.n_tokens), n_tokens)) + 1
        limits = (Limit(BELOW, ranked.weights, find_least(ranked.values, n_kept)),)
    return LaneCut(
        kinds.kinds, columns, (*limits, *floors), kinds.spare_above, kinds.unscored, kinds.languages
    )


def _settle_thresholds(kinds: ScoredKinds, cut: Cut) -> tuple[Limit, ...]:
    named = {name: cut.thresholds[name] for name in kinds.scorers if name in cut.thresholds}
    if None in cut.thresholds or not named:
        named = {kinds.scorers[0]: cut.thresholds.get(None, DEFAULT_THRESHOLD)} | named
    return tuple(
        Limit(BELOW if len(named) == 1 else f"{name}_{BELOW}", {f"{name}_score": 1.0}, named[name])
        for name in kinds.scorers
        if name in named
    )


def _floors(kinds: ScoredKinds) -> tuple[Limit, ...]:
    return tuple(
        Limit(f"{name}_{BELOW_FLOOR}", {f"{name}_score": 1.0}, least) for name, least in kinds.floors.items()
    )


@dataclass(frozen=True, slots=True)
class _Ranked:
    """The documents of a lane that can be kept, the best first; `n_all` counts those too that are lost to a rule."""

    weights: dict[str, float]
    values: Scores
    n_tokens: NDArray[np.float64]
    n_all: int


def _best_first(kinds: ScoredKinds, cut: Cut, read: Callable[[ScoredKinds], Scored]) -> _Ranked:
    """Rank the documents that have all of the scores that are asked for: a share to keep is a share of them."""
    first = f"{kinds.scorers[0]}_score"
    weights = {f"{name}_score": cut.weights[name] for name in kinds.scorers if name in cut.weights}
    weights = weights or {first: 1.0}
    floors = _floors(kinds)
    found = read(kinds)
    has_all = ~_lacks_any(
        found.table, (first, *weights, *(name for floor in floors for name in floor.weights))
    )
    table = found.table.filter(pa.array(has_all))
    is_lost = found.is_sparable[has_all] & ~reaches(weigh(table, {first: 1.0}), kinds.spare_above)
    for floor in floors:
        is_lost |= ~reaches(floor.values(table), floor.least)
    values = weigh(table, weights)
    order = np.argsort(-values[~is_lost], kind="stable")
    n_tokens = found.n_tokens[has_all][~is_lost]
    return _Ranked(weights, values[~is_lost][order], n_tokens[order], len(values))


def _lacks_any(table: pa.Table, columns: Sequence[str]) -> NDArray[np.bool_]:
    lacks = np.zeros(len(table), np.bool_)
    for name in columns:
        lacks |= table[name].is_null().to_numpy()
    return lacks


def find_least(best_first: Scores, n_kept: int) -> float:
    """The number from which so many of the best are kept, and those that tie with the last of them; 1 where none can be.

    >>> find_least(np.array([0.75, 0.5, 0.25, 0.125], np.float32), 2)
    0.5
    """
    if not len(best_first):
        return 1.0
    return float(best_first[min(max(1, n_kept), len(best_first)) - 1])


def weigh(table: pa.Table, weights: Mapping[str, float]) -> Scores:
    """The weighted mean of some columns, float32 (N,); one column stays as it is."""
    if len(weights) == 1:
        return _numbers(table, next(iter(weights))).astype(np.float32, copy=False)
    total = sum(weights.values())
    mean = sum(
        _numbers(table, name).astype(np.float64) * (weight / total) for name, weight in weights.items()
    )
    return np.asarray(mean, np.float32)


def reaches(values: Scores, least: float | None) -> NDArray[np.bool_]:
    """Which values are at least that, compared as float32, so that a cut taken from a score keeps it."""
    return np.zeros(len(values), np.bool_) if least is None else values >= np.float32(least)


def decide_scored(documents: pa.Table, cuts: Sequence[LaneCut]) -> pa.Table:
    """Drop what does not reach its limits, and settle for each sparable document whether it was spared.

    Needs the columns `kind`, of the scores, and those of `SPARED_COLUMNS`, which are null where a document passes
    its rules and afterwards null where it was not spared.
    """
    for cut in cuts:
        rows = live_rows(documents)
        rows = rows[is_of_kind(documents["kind"].take(pa.array(rows)), cut.kinds)]
        names = dict.fromkeys([*cut.scores, "spared_by", "spared_value", "spared_limit"])
        found = documents.select(list(names)).take(pa.array(rows))
        values = [limit.values(found) for limit in cut.limits]
        falls = [~reaches(value, limit.least) for value, limit in zip(values, cut.limits, strict=True)]
        asked = (cut.scores[0], *(name for limit in cut.limits for name in limit.weights))
        is_unscored = _lacks_any(found, asked)
        is_sparable = found["spared_by"].is_valid().to_numpy()
        lost = ~reaches(weigh(found, {cut.scores[0]: 1.0}), cut.spare_above)
        for fall in falls:
            lost = lost | fall
        documents = _drop_unspared(
            documents, rows[is_sparable & lost], found.filter(pa.array(is_sparable & lost))
        )
        taken = is_sparable | is_unscored
        if cut.unscored != "keep" and is_unscored.any():
            goes = pa.array(is_unscored & ~is_sparable)
            reasons = pc.if_else(goes, OTHER_LANGUAGE, pa.scalar(None, pa.string()))
            documents = drop_rows(documents, rows, "score", reasons)
        for limit, value, fall in zip(cut.limits, values, falls, strict=True):
            goes = fall & ~taken
            taken |= goes
            reasons = pc.if_else(pa.array(goes), limit.reason, pa.scalar(None, pa.string()))
            numbers = pa.array(value), pa.array(np.full(len(rows), limit.least))
            documents = drop_rows(documents, rows, "score", reasons, numbers)
    return documents


def note_cuts(funnel: Funnel, cuts: Sequence[LaneCut]) -> None:
    """Say in the funnel what documents must reach."""
    funnel.cut = cuts[0].limits[0].least if cuts else None
    funnel.limits = [cut.to_json() for cut in cuts]


def undecided(documents: pa.Table, cuts: Sequence[LaneCut]) -> pa.Table:
    """Take back what `decide_scored` decided over rows of a finished run, which have a score or were never asked."""
    scored = np.zeros(len(documents), np.bool_)
    for name in dict.fromkeys(name for cut in cuts for name in cut.scores):
        scored |= documents[name].is_valid().to_numpy()
    stage = pc.fill_null(documents["drop_stage"], "")
    at_rules = scored & pc.equal(stage, "rules").to_numpy()
    changes = at_rules | pc.equal(stage, "score").to_numpy()
    for kept, dropped in zip(SPARED_COLUMNS, ("drop_reason", "drop_value", "drop_limit"), strict=True):
        place = documents.column_names.index(kept.name)
        merged = pc.if_else(pa.array(at_rules), documents[dropped], documents[kept.name])
        documents = documents.set_column(place, kept.name, merged)
    for name in ("drop_stage", "drop_reason", "drop_value", "drop_limit"):
        nothing = pa.scalar(None, documents[name].type)
        documents = documents.set_column(
            documents.column_names.index(name), name, pc.if_else(pa.array(changes), nothing, documents[name])
        )
    return documents


def _drop_unspared(documents: pa.Table, rows: NDArray[np.int64], found: pa.Table) -> pa.Table:
    """Drop sparable rows for the rule that they fail, which then is no longer what they are spared by."""
    if not len(rows):
        return documents
    rule, value, limit = (found[column.name].combine_chunks() for column in SPARED_COLUMNS)
    documents = drop_rows(documents, rows, "rules", rule, (value, limit))
    nothing = {column.name: pa.nulls(len(rows), column.type) for column in SPARED_COLUMNS}
    return add_columns(documents, rows, nothing)


def _numbers(table: pa.Table, name: str) -> NDArray[Any]:
    return table[name].to_numpy()
