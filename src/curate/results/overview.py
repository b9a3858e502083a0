# ruff: noqa: S608  (queries are put together from our own column names and those of scores, quoted)
"""A finished run at a glance: scores, keep rates by site and length, examples of every reason.

A score that sorts sites rather than pages, a rule that drops what it should not, a cut in the wrong place: each
shows in these tables before a model is trained on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from curate.bundled import bundled_names, classifiers_folder
from curate.results.open import FinishedRun, quoted, read_run
from curate.run.cut import LaneCut
from curate.run.funnel import Funnel
from curate.run.manifest import ScoreFacts
from curate.work.json_files import NUMBER, check_shape, read_json

N_BINS = 50
_N_SITES, _N_LANGUAGES, _N_GROUPS, _N_EXAMPLES, _SNIPPET = 30, 12, 10, 3, 240
_LENGTHS = (0, 100, 200, 400, 800, 1600, 3200)  # words; a bin reaches to the next


@dataclass(frozen=True, slots=True)
class Group:
    """The documents of one site, language or length that reached the scorer.

    Attributes:
        n_read: documents, dropped before or not; n_scored, n_kept: those that reached the scorer, and stayed.
        mean_score, sd_score: of the scored; null where there are none.
    """

    name: str
    n_read: int
    n_scored: int
    n_kept: int
    mean_score: float | None
    sd_score: float | None


@dataclass(frozen=True, slots=True)
class Example:
    """One document and its fate; `snippet` is the beginning of its text."""

    id: str
    url: str | None
    title: str | None
    reason: str | None
    value: float | None
    limit: float | None
    score: float | None
    snippet: str


@dataclass(frozen=True, slots=True)
class OtherScore:
    """A score besides the first: its column, its histogram, and the least value that is kept, if it decides alone."""

    column: str
    histogram: list[int]
    least: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What `read_overview` found.

    Attributes:
        histogram: documents by the first scorer's score, in `N_BINS` equal bins from 0 to 1; empty without a scorer.
        text_bytes: bytes of their text, bin by bin.
        expected_keep_rates: share of annotated web pages at or above each threshold, by the classifier's own
            figures, as pairs (threshold, share); empty where it has none.
        reasons: examples of each (stage, reason).
        spared: examples of what a score spared, by the rule that it fails.
        other_scores: what the scorers besides the first gave.
        near_cut: documents around the cut, best first; best: those with the highest score.
        clusters: largest groups of duplicates: id and address of the document that stays, number removed.
    """

    manifest: dict[str, Any]
    funnel: Funnel
    histogram: list[int]
    text_bytes: list[int]
    expected_keep_rates: list[tuple[float, float]]
    sites: list[Group]
    languages: list[Group]
    lengths: list[Group]
    reasons: dict[tuple[str, str], list[Example]]
    spared: dict[str, list[Example]]
    other_scores: list[OtherScore]
    near_cut: list[Example]
    best: list[Example]
    clusters: list[tuple[str, str | None, int]]


def read_overview(output: str | Path) -> Overview:
    """Read the overview of a finished run; the same files give the same overview.

    Raises:
        SettingError: `output` holds no finished run.
    """
    return read_run(output, _read_overview)


def _read_overview(run: FinishedRun, database: duckdb.DuckDBPyConnection) -> Overview:
    funnel = Funnel.from_json(run.manifest["funnel"])
    cuts = ScoreFacts.from_manifest(run.manifest).cuts
    rows = _Rows(database, [cut.scores[0] for cut in cuts])
    histogram, text_bytes = rows.histogram(cuts[0].scores[0]) if cuts else ([], [])
    return Overview(
        manifest=run.manifest,
        funnel=funnel,
        histogram=histogram,
        text_bytes=text_bytes,
        expected_keep_rates=_expected_keep_rates(run.manifest["settings"]["scorer"]),
        sites=rows.groups(r"regexp_extract(url, '^[A-Za-z]+://([^/:?#]+)', 1)", "n_read DESC", _N_SITES),
        languages=rows.groups("language", "n_read DESC", _N_LANGUAGES),
        lengths=rows.groups(_length_bin(), "min(n_words)", len(_LENGTHS)),
        reasons={(stage, reason): rows.examples_of(stage, reason) for stage, reason, _ in funnel.reasons()},
        spared={reason: rows.spared(reason) for reason, _ in funnel.spared_by()},
        other_scores=_other_scores(rows, cuts),
        near_cut=rows.near(funnel.cut),
        best=rows.best(),
        clusters=rows.clusters(),
    )


def _other_scores(rows: _Rows, cuts: Sequence[LaneCut]) -> list[OtherScore]:
    limits = [limit for cut in cuts for limit in cut.limits]
    least = {next(iter(limit.weights)): limit.least for limit in limits if len(limit.weights) == 1}
    columns = list(dict.fromkeys(name for cut in cuts for name in cut.scores))
    return [OtherScore(name, rows.histogram(name)[0], least.get(name)) for name in columns[1:]]


def _length_bin() -> str:
    names = [f"{low:,} to {high - 1:,} words" for low, high in pairwise(_LENGTHS)]
    cases = " ".join(
        f"WHEN n_words < {high} THEN '{name}'" for name, high in zip(names, _LENGTHS[1:], strict=True)
    )
    return f"CASE WHEN n_words IS NULL THEN NULL {cases} ELSE '{_LENGTHS[-1]:,} words or more' END"


def _expected_keep_rates(scorers: str | list[str]) -> list[tuple[float, float]]:
    """What the first classifier's own metrics say of annotated pages."""
    named = [scorers] if isinstance(scorers, str) else scorers
    if not named:
        return []
    folder = classifiers_folder() / named[0] if named[0] in bundled_names() else Path(named[0])
    path = folder / "metrics.json"
    rows = read_json(path).get("thresholds", []) if path.is_file() else []
    check_shape(rows, [{"threshold": NUMBER, "keep_rate": NUMBER}], path)
    return [(row["threshold"], row["keep_rate"]) for row in rows]


class _Rows:
    """All rows of a run, kept and dropped, as a view with a column `score`: the first score of each kind."""

    def __init__(self, database: duckdb.DuckDBPyConnection, scores: Sequence[str]) -> None:
        self._database = database
        self._scored = len(scores) > 0
        column = f"coalesce({', '.join(map(quoted, scores))})" if scores else "NULL"
        database.execute(
            f"CREATE VIEW documents AS SELECT *, {column}::FLOAT AS score FROM ("
            "SELECT * FROM dropped UNION ALL BY NAME SELECT * FROM kept)"
        )

    def _query(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values or None).fetchall()

    def histogram(self, column: str) -> tuple[list[int], list[int]]:
        counts, sizes = [0] * N_BINS, [0] * N_BINS
        query = (
            f"SELECT least(floor({quoted(column)} * {N_BINS}), {N_BINS - 1})::INT, count(*), "
            f"sum(strlen(text))::BIGINT FROM documents WHERE {quoted(column)} IS NOT NULL GROUP BY ALL"
        )
        for place, n_documents, n_bytes in self._query(query):
            counts[place], sizes[place] = n_documents, n_bytes
        return counts, sizes

    def groups(self, key: str, order: str, n_groups: int) -> list[Group]:
        query = (
            f"SELECT {key} AS name, count(*) AS n_read, count(score), "
            "count(*) FILTER (drop_reason IS NULL), avg(score), stddev_pop(score) "
            f"FROM documents WHERE {key} IS NOT NULL AND {key} != '' "
            f"GROUP BY name ORDER BY {order}, name LIMIT {n_groups}"
        )
        return [Group(*row) for row in self._query(query)]

    def examples_of(self, stage: str, reason: str) -> list[Example]:
        """Drawn by the hash of the id, so that they are the same every time and not the first of a file."""
        where = "WHERE drop_stage = $stage AND drop_reason = $reason ORDER BY md5(id), source, position"
        return self._examples(f"{where} LIMIT {_N_EXAMPLES}", stage=stage, reason=reason)

    def spared(self, reason: str) -> list[Example]:
        columns = "id, url, title, spared_by, spared_value, spared_limit, score"
        query = (
            f"SELECT {columns}, coalesce(left(text, {_SNIPPET}), '') FROM documents WHERE spared_by = $reason "
            f"ORDER BY md5(id), source, position LIMIT {_N_EXAMPLES}"
        )
        return [Example(*row) for row in self._query(query, reason=reason)]

    def near(self, cut: float | None) -> list[Example]:
        if cut is None or not self._scored:
            return []
        above = self._examples(f"WHERE score >= $cut ORDER BY score, id LIMIT {_N_EXAMPLES}", cut=cut)
        below = self._examples(f"WHERE score < $cut ORDER BY score DESC, id LIMIT {_N_EXAMPLES}", cut=cut)
        return [*reversed(above), *below]

    def best(self) -> list[Example]:
        if not self._scored:
            return []
        return self._examples(f"WHERE score IS NOT NULL ORDER BY score DESC, id LIMIT {_N_EXAMPLES}")

    def _examples(self, rest: str, **values: Any) -> list[Example]:
        columns = "id, url, title, drop_reason, drop_value, drop_limit, score"
        query = f"SELECT {columns}, coalesce(left(text, {_SNIPPET}), '') FROM documents {rest}"
        return [Example(*row) for row in self._query(query, **values)]

    def clusters(self) -> list[tuple[str, str | None, int]]:
        query = (
            "WITH removed AS (SELECT duplicate_of AS id, count(*) AS n FROM documents "
            "WHERE duplicate_of IS NOT NULL GROUP BY ALL) "
            "SELECT id, (SELECT any_value(url ORDER BY source, position) FROM documents WHERE documents.id = removed.id), n "
            f"FROM removed ORDER BY n DESC, id LIMIT {_N_GROUPS}"
        )
        return [(row[0], row[1], row[2]) for row in self._query(query)]


def keep_rates(histogram: Sequence[int]) -> list[float]:
    """Share of the scored documents that a cut at the lower edge of each bin would keep.

    >>> keep_rates([6, 3, 1])
    [1.0, 0.4, 0.1]
    """
    total = sum(histogram) or 1
    return [sum(histogram[place:]) / total for place in range(len(histogram))]
