# ruff: noqa: S608  (queries are put together from our own column names and those of scores and signals, quoted)
"""A finished run at a glance: what each threshold means, which rules are suspicious, which sites fill what is kept.

A score that sorts sites rather than pages, a rule that drops what it should not, a cut in the wrong place: each
shows in these tables before a model is trained on them. All numbers come from one pass over the Parquet into a table
without the texts, in memory; a second pass fetches the texts that are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from curate.bundled import bundled_names, classifiers_folder
from curate.errors import SettingError
from curate.fit.metrics import wilson
from curate.results.open import FinishedRun, quoted, read_run
from curate.results.writing import Writing, read_writing
from curate.run.cut import LaneCut
from curate.run.funnel import Funnel
from curate.run.manifest import ScoreFacts
from curate.scoring import load_classifier
from curate.work.json_files import NUMBER, check_shape, read_json

N_BINS = 50
_N_SITES, _N_LANGUAGES, _N_GROUPS, _N_EXAMPLES, _N_PAIRS, _N_RANDOM = 20, 12, 10, 3, 5, 20
_N_SIGNAL_BINS, _N_JACCARD_BINS, _N_LABELLED = 24, 20, 500
_RUNGS = (0.95, 0.8, 0.6, 0.4, 0.2, 0.05)
_MAX_TEXT_CHARS = 12_000  # of a document that is shown whole; what is cut off is said
_LENGTHS = (0, 100, 200, 400, 800, 1600, 3200)  # words; a bin reaches to the next


@dataclass(frozen=True, slots=True)
class Group:
    """The documents of one site, language or length.

    Attributes:
        n_read: documents, dropped before or not; n_scored, n_kept: those that reached the scorer, and stayed.
        n_kept_bytes: bytes of the text that stayed.
        mean_score: of the scored; None where there are none.
    """

    name: str
    n_read: int
    n_scored: int
    n_kept: int
    n_kept_bytes: int
    mean_score: float | None


@dataclass(frozen=True, slots=True)
class Sites:
    """Sites, without `www.`: those that fill what is kept, and those of which nothing is.

    Attributes:
        n_sites: of all documents with an address.
        n_without, n_kept_without: documents without an address, and those of them that are kept.
    """

    n_sites: int
    n_without: int
    n_kept_without: int
    largest: list[Group]
    lost: list[Group]


@dataclass(frozen=True, slots=True)
class Example:
    """One document and its fate; `row` holds the columns drop_*, source, position, kind, path and language."""

    id: str
    url: str | None
    title: str | None
    score: float | None
    text: str
    n_chars: int
    language: str | None
    row: dict[str, Any]

    @property
    def address(self) -> str:
        """Where it is from: its address, else its path or its place in its file."""
        row = self.row
        return self.url or row.get("path") or f"{row['source']}, record {row['position']}"

    @property
    def reason(self) -> str | None:
        """Why it was dropped, None where it was kept."""
        return self.row.get("drop_reason")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a threshold means on the annotated pages that a classifier was measured on: value, low, high (95%)."""

    threshold: float
    keep_rate: float
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One rule of the run over all documents that were measured.

    Attributes:
        n_first: documents that it dropped, as the first that they failed, or that a score spared of it.
        n_failing, n_alone: all that fail it, and those that fail no other rule.
        n_scored, n_high: of the failing that have a score, and of these those that reach the cut.
        low, high: what stays, a closed range.
        bins: (from, to, documents) of its signal, without the outermost half percent on both sides.
    """

    rule_set: str
    reason: str
    signal: str
    low: float | None
    high: float | None
    n_first: int
    n_failing: int
    n_alone: int
    n_scored: int
    n_high: int
    bins: list[tuple[float, float, int]]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What the run took for duplicates.

    Attributes:
        bins: (from, to, documents) by Jaccard similarity to the document each is a copy of.
        pairs: (removed, stays, Jaccard): the least alike, one of the middle, one exact.
        sites: (site of the copy, site of the other, documents), most first.
        groups: (id, address, documents removed, why it was dropped itself or None), most removed first.
        n_groups, n_groups_kept: documents with copies, and those of them that are in the data.
    """

    bins: list[tuple[float, float, int]]
    pairs: list[tuple[Example, Example, float]]
    sites: list[tuple[str, str, int]]
    groups: list[tuple[str, str | None, int, str | None]]
    n_groups: int
    n_groups_kept: int


@dataclass(frozen=True, slots=True)
class Shift:
    """How classes of a bundled classifier lie in a sample of what was read and of what was kept: class to share."""

    name: str
    n_read: int
    n_kept: int
    read: dict[str, float]
    kept: dict[str, float]


@dataclass(frozen=True, slots=True)
class Shortened:
    """Documents that lost lines to line rules: all, those kept, and kept ones that lost most with their numbers.

    Attributes:
        kept_lines: lines that kept documents lost, by the rule that took them.
    """

    n_documents: int
    n_kept: int
    kept_lines: dict[str, int]
    most: list[tuple[Example, int]]


@dataclass(frozen=True, slots=True)
class OtherScore:
    """One of several scores: its column, its histogram, and the least value that is kept, if it decides alone."""

    column: str
    histogram: list[int]
    least: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What `read_overview` found.

    Attributes:
        histogram: documents by the first score of their kind, in `N_BINS` equal bins from 0 to 1; empty without a scorer.
        text_bytes: bytes of their text, bin by bin.
        score_names: the first score of each kind of document.
        meanings: what thresholds mean by the classifier's own figures; empty where it has none.
        reasons: examples of each (stage, reason).
        spared: examples of what a score spared, by the rule that it fails.
        other_scores: each score by itself, where there are several.
        ladder: (score asked for, the document next to it).
        random: kept and dropped documents, drawn by the hash of their ids, with their text.
        writing: of a run of `curate craft`.
    """

    manifest: dict[str, Any]
    funnel: Funnel
    histogram: list[int]
    text_bytes: list[int]
    score_names: dict[str, str]
    meanings: list[Meaning]
    sites: Sites
    languages: list[Group]
    lengths: list[Group]
    reasons: dict[tuple[str, str], list[Example]]
    spared: dict[str, list[Example]]
    other_scores: list[OtherScore]
    ladder: list[tuple[float, Example]]
    rules: list[RuleFacts]
    duplicates: Duplicates
    shortened: Shortened
    random: dict[str, list[Example]]
    shifts: list[Shift] = field(default_factory=list[Shift])
    writing: Writing | None = None

    def _repr_html_(self) -> str:
        """The funnel and the cuts as a notebook shows them; `curate.write_report` has all of it."""
        rates = keep_rates(self.histogram)
        cells = [
            f"<tr><td>{tenth / 10:g}</td><td>{sum(self.histogram[place:]):,}</td><td>{rates[place]:.1%}</td></tr>"
            for tenth, place in ((tenth, tenth * N_BINS // 10) for tenth in range(1, 10))
            if rates
        ]
        head = "<tr><th>threshold</th><th>documents</th><th>of the scored</th></tr>"
        cuts = f"<table>{head}{''.join(cells)}</table>" if cells else ""
        return f"{self.funnel._repr_html_()}{cuts}"


def read_overview(output: str | Path) -> Overview:
    """Read the overview of a finished run; the same files give the same overview.

    Raises:
        SettingError: `output` holds no finished run.
    """
    return read_run(output, _read_overview)


def _read_overview(run: FinishedRun, database: duckdb.DuckDBPyConnection) -> Overview:
    funnel = Funnel.from_json(run.manifest["funnel"])
    cuts = ScoreFacts.from_manifest(run.manifest).cuts
    rows = Rows(database, run, cuts)
    histogram, text_bytes = rows.histogram("_score") if cuts else ([], [])
    ids = rows.pick(funnel)
    examples = rows.fetch({key for keys in ids.values() for key in keys})
    shown = {name: [examples[key] for key in keys if key in examples] for name, keys in ids.items()}
    return Overview(
        manifest=run.manifest,
        funnel=funnel,
        histogram=histogram,
        text_bytes=text_bytes,
        score_names={kind: cut.scores[0] for cut in cuts for kind in cut.kinds},
        meanings=_read_meanings(run.manifest["settings"].get("scorer", ())),
        sites=rows.sites(),
        languages=rows.groups("language", "n_read DESC", _N_LANGUAGES),
        lengths=rows.groups(_length_bin(), "min(n_words)", len(_LENGTHS)) if rows.has("n_words") else [],
        reasons={(stage, reason): shown[f"{stage}\n{reason}"] for stage, reason, _ in funnel.reasons()},
        spared={reason: shown[f"spared\n{reason}"] for reason, _ in funnel.spared_by()},
        other_scores=_other_scores(rows, cuts),
        ladder=list(zip([r for r in _RUNGS if ids[f"rung\n{r}"]], _first(shown), strict=True)),
        rules=rows.rules(run.manifest["rule_sets"]),
        duplicates=rows.duplicates(examples, ids),
        shortened=rows.shortened(shown["shortened"], ids["shortened"]),
        random={kind: shown[f"random\n{kind}"] for kind in ("kept", "dropped")},
        shifts=rows.shifts(),
        writing=read_writing(run, database, cuts[0].scores[0] if cuts else None),
    )


def _first(shown: Mapping[str, list[Example]]) -> list[Example]:
    return [shown[f"rung\n{rung}"][0] for rung in _RUNGS if shown[f"rung\n{rung}"]]


def _other_scores(rows: Rows, cuts: Sequence[LaneCut]) -> list[OtherScore]:
    limits = [limit for cut in cuts for limit in cut.limits]
    least = {next(iter(limit.weights)): limit.least for limit in limits if len(limit.weights) == 1}
    columns = list(dict.fromkeys(name for cut in cuts for name in cut.scores))
    some = columns if len(columns) > 1 else []
    return [OtherScore(name, rows.histogram(name)[0], least.get(name)) for name in some]


def _length_bin() -> str:
    names = [f"{low:,} to {high - 1:,} words" for low, high in pairwise(_LENGTHS)]
    cases = " ".join(
        f"WHEN n_words < {high} THEN '{name}'" for name, high in zip(names, _LENGTHS[1:], strict=True)
    )
    return f"CASE WHEN n_words IS NULL THEN NULL {cases} ELSE '{_LENGTHS[-1]:,} words or more' END"


def _read_meanings(scorers: str | Sequence[str]) -> list[Meaning]:
    """What the first classifier's own metrics say of annotated pages."""
    named = [scorers] if isinstance(scorers, str) else scorers
    if not named:
        return []
    folder = classifiers_folder() / named[0] if named[0] in bundled_names() else Path(named[0])
    path = folder / "metrics.json"
    metrics = read_json(path) if path.is_file() else {}
    rows = metrics.get("thresholds", [])
    check_shape(rows, [{"threshold": NUMBER, "keep_rate": NUMBER}], path)
    n_pages, n_positive = metrics.get("n_pages"), metrics.get("n_positive")
    if not isinstance(n_pages, int) or not isinstance(n_positive, int) or n_positive < 1:
        return []
    found: list[Meaning] = []
    for row in rows:
        n_kept = round(row["keep_rate"] * n_pages)
        precision, recall = row.get("precision"), row.get("recall")
        if not all(isinstance(each, int | float) and 0 <= each <= 1 for each in (precision, recall)):
            continue
        n_right = round(recall * n_positive)
        if n_kept:
            found.append(
                Meaning(
                    row["threshold"],
                    row["keep_rate"],
                    with_interval(n_right, n_kept),
                    with_interval(n_right, n_positive),
                )
            )
    return found


def with_interval(n: int, n_all: int) -> tuple[float, float, float]:
    """A share with its 95% interval (Wilson 1927).

    >>> [round(each, 3) for each in with_interval(5, 10)]
    [0.5, 0.237, 0.763]
    """
    return n / n_all, *wilson(n / n_all, n_all)


_LIGHT = (
    *("source", "position", "id", "url", "kind", "language", "n_words"),
    *("drop_stage", "drop_reason", "duplicate_of", "jaccard", "spared_by"),
)


_ABOUT = ("source", "position", "id", "url", "title", "kind", "path", "language", "language_confidence")


class Rows:
    """All rows of a run, kept and dropped, in a table without their texts.

    Columns beside those of the run that are needed: `_score`, the first score of each kind; `_site`; `_bytes` of the
    text; `_gone`, lines taken out; `_draw`, by which examples are drawn, so that they are the same every time and not
    the first of a file.
    """

    def __init__(
        self, database: duckdb.DuckDBPyConnection, run: FinishedRun, cuts: Sequence[LaneCut]
    ) -> None:
        self._database, self._run = database, run
        self._jaccards: list[float] = []
        self._names = [name for name in run.schemas["kept"].names if name in run.schemas["dropped"].names]
        scores = list(dict.fromkeys(cut.scores[0] for cut in cuts))
        self._cut = cuts[0].limits[0].least if cuts else None
        score = f"coalesce({', '.join(map(quoted, scores))})" if scores else "NULL"
        self._lines = lines = [
            name for name in run.manifest["funnel"].get("lines_removed", {}) if self.has(name)
        ]
        gone = " + ".join(f"coalesce({quoted(name)}, 0)" for name in lines) or "0"
        site = r"regexp_replace(lower(regexp_extract(url, '^[A-Za-z]+://([^/:?#]+)', 1)), '^www\.', '')"
        self._spares = "spared_by" in run.schemas["kept"].names
        rules = [rule for rule_set in run.manifest["rule_sets"] for rule in rule_set["rules"]]
        needed = {*_LIGHT, *(name for cut in cuts for name in cut.scores)}
        needed |= {str(rule.get(key)) for rule in rules for key in ("signal", "where")} | set(lines)
        light = [each for each in run.schemas["dropped"].names if each in needed]
        extra = ["spared_by"] if self._spares and "spared_by" not in light else []
        columns = ", ".join(quoted(name) for name in [*light, *extra])
        database.execute(
            f"CREATE TEMP TABLE documents AS SELECT {columns}, ({score})::FLOAT AS _score, {site} AS _site, "
            f"coalesce(strlen(text), 0)::BIGINT AS _bytes, ({gone})::BIGINT AS _gone, md5(id) AS _draw "
            "FROM (SELECT * FROM dropped UNION ALL BY NAME SELECT * FROM kept)"
        )
        if self._query("SELECT 1 FROM documents WHERE source IS NULL OR position IS NULL LIMIT 1"):
            raise SettingError(
                f"{run.path} is damaged: a row has no source or no position. Run 'curate filter' again."
            )

    def has(self, name: str) -> bool:
        """Whether kept and dropped files have that column."""
        return name in self._names

    def _query(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._database.execute(query, values or None).fetchall()

    def histogram(self, column: str) -> tuple[list[int], list[int]]:
        """Documents, and bytes of text, by score."""
        counts, sizes = [0] * N_BINS, [0] * N_BINS
        query = (
            f"SELECT greatest(least(floor({quoted(column)} * {N_BINS}), {N_BINS - 1}), 0)::INT, count(*), "
            f"sum(_bytes)::BIGINT FROM documents WHERE {quoted(column)} IS NOT NULL GROUP BY ALL"
        )
        for place, n_documents, n_bytes in self._query(query):
            counts[place], sizes[place] = n_documents, n_bytes
        return counts, sizes

    def groups(self, key: str, order: str, n_groups: int, having: str = "true") -> list[Group]:
        """Documents by a key."""
        kept = "FILTER (drop_reason IS NULL)"
        query = (
            f"SELECT {key} AS name, count(*) AS n_read, count(_score), count(*) {kept} AS n_kept, "
            f"coalesce(sum(_bytes) {kept}, 0)::BIGINT AS n_kept_bytes, avg(_score) "
            f"FROM documents WHERE {key} IS NOT NULL AND {key} != '' "
            f"GROUP BY name HAVING {having} ORDER BY {order}, name LIMIT {n_groups}"
        )
        return [Group(*row) for row in self._query(query)]

    def sites(self) -> Sites:
        """Sites by what is kept of them."""
        nowhere = "_site IS NULL OR _site = ''"
        ((n_sites, n_without, n_kept_without),) = self._query(
            f"SELECT count(DISTINCT nullif(_site, '')), count(*) FILTER ({nowhere}), "
            f"count(*) FILTER (({nowhere}) AND drop_reason IS NULL) FROM documents"
        )
        largest = self.groups("_site", "n_kept_bytes DESC", _N_SITES, "n_kept > 0")
        lost = self.groups("_site", "n_read DESC", 10, "n_kept = 0")
        return Sites(n_sites, n_without, n_kept_without, largest, lost)

    # ---- rules -------------------------------------------------------------------------------------------

    def rules(self, rule_sets: Sequence[Mapping[str, Any]]) -> list[RuleFacts]:
        """What each rule fails, alone and with others."""
        rules = [
            (rule_set, rule)
            for rule_set in rule_sets
            for rule in rule_set["rules"]
            if self.has(rule["signal"])
        ]
        if not rules:
            return []
        kinds = {name for (name,) in self._query("SELECT DISTINCT kind FROM documents")}
        rules = [pair for pair in rules if kinds & set(pair[0].get("kinds") or kinds)]
        fails = [self._fails(rule_set, rule) for rule_set, rule in rules]
        if not fails:
            return []
        flags = ", ".join(f"{fail} AS f{place}" for place, fail in enumerate(fails))
        every = " + ".join(f"f{place}::INT" for place in range(len(fails)))
        high = "false" if self._cut is None else f"_score >= {float(self._cut)!r}::FLOAT"
        taken = "CASE WHEN drop_stage = 'rules' THEN drop_reason END"  # readers give some of the same reasons
        spared = f"coalesce({taken}, spared_by)" if self._spares else taken
        sums: list[str] = []
        for place, (_, rule) in enumerate(rules):
            reason = _literal(rule["reason"])
            f = f"f{place}"
            sums += [
                f"count(*) FILTER (first_failed = {reason})",
                f"count(*) FILTER ({f})",
                f"count(*) FILTER ({f} AND n_failed = 1)",
                f"count(_score) FILTER ({f})",
                f"count(*) FILTER ({f} AND {high})",
            ]
        (row,) = self._query(
            f"SELECT {', '.join(sums)} FROM (SELECT *, {every} AS n_failed FROM "
            f"(SELECT _score, {spared} AS first_failed, {flags} FROM documents))"
        )
        return [
            RuleFacts(
                f"{rule_set['name']}@{rule_set['version']}" if rule_set["version"] else rule_set["name"],
                rule["reason"],
                rule["signal"],
                rule["low"],
                rule["high"],
                *row[5 * place : 5 * place + 5],
                bins=self._spread(rule["signal"], _is_of(rule_set)) if row[5 * place + 1] else [],
            )
            for place, (rule_set, rule) in enumerate(rules)
        ]

    def _fails(self, rule_set: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        value = f"{quoted(rule['signal'])}::DOUBLE"
        outside = _outside(value, rule["low"], rule["high"])
        if own := rule.get("by_language"):
            cases = (
                f"WHEN {_literal(code)} THEN ({_outside(value, each['low'], each['high'])})"
                for code, each in own.items()
            )
            outside = f"CASE coalesce(language, 'en') {' '.join(cases)} ELSE ({outside}) END"
        conditions = [f"{value} IS NOT NULL", f"({outside})"]
        for key, condition in (
            ("languages", "(language IS NULL OR language IN ({}))"),
            ("except_languages", "(language IS NULL OR language NOT IN ({}))"),
        ):
            if codes := rule.get(key):
                conditions.append(condition.format(", ".join(map(_literal, codes))))
        where = rule.get("where")
        if where and self.has(where):
            at = f"{quoted(where)}::DOUBLE"
            beyond = _outside(at, rule.get("where_low"), rule.get("where_high"), nan="false")
            conditions.append(f"NOT coalesce({beyond}, false)")
        conditions.append(_is_of(rule_set))
        return f"coalesce({' AND '.join(conditions)}, false)"

    def _spread(self, signal: str, which: str) -> list[tuple[float, float, int]]:
        value = f"{quoted(signal)}::DOUBLE"
        finite = f"{which} AND {value} IS NOT NULL AND isfinite({value})"
        ((low, high),) = self._query(
            f"SELECT quantile_disc({value}, 0.005), quantile_disc({value}, 0.995) FROM documents WHERE {finite}"
        )
        if low is None or not high > low:
            return []
        width = (high - low) / _N_SIGNAL_BINS
        counts = dict(
            self._query(
                f"SELECT least(floor(({value} - {low!r}) / {width!r}), {_N_SIGNAL_BINS - 1})::INT, count(*) "
                f"FROM documents WHERE {finite} AND {value} BETWEEN {low!r} AND {high!r} GROUP BY ALL"
            )
        )
        return [(low + i * width, low + (i + 1) * width, counts.get(i, 0)) for i in range(_N_SIGNAL_BINS)]

    # ---- duplicates --------------------------------------------------------------------------------------

    def duplicates(
        self, examples: Mapping[tuple[str, int], Example], ids: Mapping[str, list[tuple[str, int]]]
    ) -> Duplicates:
        """What was taken for duplicates, with the pairs that `pick` chose."""
        limit = float(self._run.manifest["settings"].get("jaccard") or 0.0)
        width = (1 - limit) / _N_JACCARD_BINS or 1.0
        found = "FROM documents WHERE duplicate_of IS NOT NULL"
        counts = dict(
            self._query(
                f"SELECT greatest(least(floor((jaccard - {limit!r}) / {width!r}), {_N_JACCARD_BINS - 1}), 0)::INT, "
                f"count(*) {found} AND jaccard IS NOT NULL GROUP BY ALL"
            )
        )
        bins = [
            (limit + i * width, limit + (i + 1) * width, counts.get(i, 0)) for i in range(_N_JACCARD_BINS)
        ]
        twins = (
            "WITH twins AS (SELECT id, coalesce(any_value(url ORDER BY source, position), "
            "any_value(source || ', record ' || position ORDER BY source, position)) AS url, "
            "any_value(_site ORDER BY source, position) AS _site, "
            "bool_or(drop_reason IS NULL) AS is_kept, any_value(drop_reason ORDER BY source, position) AS reason "
            "FROM documents WHERE id IN (SELECT duplicate_of FROM documents) GROUP BY id), "
            "removed AS (SELECT duplicate_of AS id, count(*) AS n FROM documents "
            "WHERE duplicate_of IS NOT NULL GROUP BY ALL) "
        )
        groups = self._query(
            f"{twins} SELECT removed.id, url, n, CASE WHEN is_kept THEN NULL ELSE reason END, is_kept "
            "FROM removed LEFT JOIN twins ON twins.id = removed.id ORDER BY n DESC, removed.id"
        )
        sites = self._query(
            f"{twins} SELECT coalesce(nullif(d._site, ''), 'no address'), "
            "coalesce(nullif(t._site, ''), 'no address'), count(*) AS n "
            "FROM documents d JOIN twins t ON d.duplicate_of = t.id GROUP BY ALL ORDER BY n DESC, 1, 2 "
            f"LIMIT {_N_GROUPS}"
        )
        pairs = [
            (examples[removed], examples[stays], jaccard)
            for removed, stays, jaccard in zip(ids["copies"], ids["twins"], self._jaccards, strict=True)
            if removed in examples and stays in examples
        ]
        largest = [(row[0], row[1], row[2], row[3]) for row in groups[:_N_GROUPS]]
        return Duplicates(bins, pairs, sites, largest, len(groups), sum(bool(row[4]) for row in groups))

    # ---- lines, classes, examples ------------------------------------------------------------------------

    def shortened(self, most: Sequence[Example], keys: Sequence[tuple[str, int]]) -> Shortened:
        """Documents that lost lines."""
        sums = "".join(
            f", coalesce(sum({quoted(name)}) FILTER (drop_reason IS NULL), 0)::BIGINT" for name in self._lines
        )
        ((n_documents, n_kept, *n_lines),) = self._query(
            f"SELECT count(*), count(*) FILTER (drop_reason IS NULL){sums} FROM documents WHERE _gone > 0"
        )
        gone = {
            key: self._query(
                "SELECT _gone FROM documents WHERE source = $s AND position = $p", s=key[0], p=key[1]
            )[0][0]
            for key in keys
        }
        kept_lines = dict(zip(self._lines, n_lines, strict=True))
        return Shortened(n_documents, n_kept, kept_lines, list(zip(most, gone.values(), strict=True)))

    def shifts(self) -> list[Shift]:
        """Topics and formats of a sample of what was read and of what was kept."""
        texts = {
            kind: [
                text
                for (text,) in self._query(
                    f"SELECT text FROM ({source}) JOIN (SELECT source AS s, position AS p, _draw FROM documents "
                    f"WHERE _bytes > 0 AND kind != 'code' AND {which} ORDER BY _draw, s, p LIMIT {_N_LABELLED}) "
                    "ON source = s AND position = p WHERE text IS NOT NULL ORDER BY _draw, s, p"
                )
            ]
            for kind, source, which in (
                (
                    "read",
                    "SELECT * FROM kept UNION ALL BY NAME SELECT * FROM dropped",
                    "language IS NOT NULL",
                ),
                ("kept", "SELECT * FROM kept", "drop_reason IS NULL"),
            )
        }
        if not texts["read"] or not texts["kept"]:
            return []
        found: list[Shift] = []
        for name in ("topic", "format"):
            if name not in bundled_names():
                continue
            shares = {
                kind: _shares(load_classifier(name).label(each).to_pylist()) for kind, each in texts.items()
            }
            found.append(Shift(name, len(texts["read"]), len(texts["kept"]), shares["read"], shares["kept"]))
        return found

    def pick(self, funnel: Funnel) -> dict[str, list[tuple[str, int]]]:
        """Choose what is shown: (source, position) of documents by the place where they stand."""
        drawn = "ORDER BY _draw, source, position"
        picked: dict[str, list[tuple[str, int]]] = {}
        for kind, which in (("kept", "IS NULL"), ("dropped", "IS NOT NULL")):
            picked[f"random\n{kind}"] = self._keys(f"drop_reason {which} {drawn} LIMIT {_N_RANDOM}")
        ranked = self._query(
            "SELECT drop_stage, drop_reason, source, position, _draw FROM documents WHERE drop_reason IS NOT NULL "
            f"QUALIFY row_number() OVER (PARTITION BY drop_stage, drop_reason {drawn}) <= {3 * _N_EXAMPLES} "
            f"{drawn}"
        )
        for stage, reason, _ in funnel.reasons():
            by_id = {draw: (s, p) for at, why, s, p, draw in reversed(ranked) if (at, why) == (stage, reason)}
            picked[f"{stage}\n{reason}"] = list(reversed(by_id.values()))[:_N_EXAMPLES]
        for reason, _ in funnel.spared_by():
            picked[f"spared\n{reason}"] = self._keys(
                f"spared_by = $reason {drawn} LIMIT {_N_EXAMPLES}", reason=reason
            )
        for rung in _RUNGS:
            picked[f"rung\n{rung}"] = self._keys(
                f"_score IS NOT NULL AND abs(_score - {rung}) < 0.1 "
                f"ORDER BY abs(_score - {rung}), _draw, source, position LIMIT 1"
            )
        picked["shortened"] = self._keys(
            f"_gone > 0 AND drop_reason IS NULL ORDER BY _gone DESC, _draw LIMIT {_N_PAIRS}"
        )
        pairs: list[tuple[Any, ...]] = []
        for reason, order, n_pairs in (
            ("near_duplicate", "d.jaccard", _N_PAIRS - 2),
            (
                "near_duplicate",
                "abs(d.jaccard - (SELECT median(jaccard) FROM documents WHERE jaccard < 1))",
                1,
            ),
            ("exact_duplicate", "min(d._draw)", 1),
        ):
            pairs += self._query(
                "SELECT d.source, d.position, any_value(t.source ORDER BY t.source, t.position), "
                "any_value(t.position ORDER BY t.source, t.position), d.jaccard FROM documents d "
                f"JOIN documents t ON d.duplicate_of = t.id AND t.drop_reason IS DISTINCT FROM '{reason}' "
                f"WHERE d.drop_reason = '{reason}' "
                f"GROUP BY d.source, d.position, d.jaccard ORDER BY {order}, d.source, d.position LIMIT {n_pairs}"
            )
        pairs = list({(row[0], row[1]): row for row in pairs}.values())
        picked["copies"] = [(row[0], row[1]) for row in pairs]
        picked["twins"] = [(row[2], row[3]) for row in pairs]
        self._jaccards = [row[4] for row in pairs]
        return picked

    def _keys(self, where: str, **values: Any) -> list[tuple[str, int]]:
        found = self._query(f"SELECT source, position FROM documents WHERE {where}", **values)
        return [(source, position) for source, position in found]

    def fetch(self, keys: set[tuple[str, int]]) -> dict[tuple[str, int], Example]:
        """Fetch documents with the beginnings of their texts."""
        marks = ["drop_stage", "drop_reason", "drop_value", "drop_limit", "drop_detail"]
        marks = [name for name in marks if name in self._run.schemas["dropped"].names]
        about = [name for name in _ABOUT if self.has(name)]
        self._database.execute("CREATE OR REPLACE TEMP TABLE wanted (s VARCHAR, p BIGINT)")
        if keys:
            self._database.executemany("INSERT INTO wanted VALUES (?, ?)", sorted(keys))
        spared = ["spared_by", "spared_value", "spared_limit"] if self._spares else []
        found: dict[tuple[str, int], Example] = {}
        for kind in ("kept", "dropped"):
            names = [*about, *(marks if kind == "dropped" else spared)]
            listed = ", ".join(f"t.{quoted(name)}" for name in names)
            query = (
                f"SELECT {listed}, left(coalesce(t.text, ''), {_MAX_TEXT_CHARS}), length(coalesce(t.text, '')), d._score "
                f"FROM {kind} t JOIN wanted ON t.source = s AND t.position = p "
                "JOIN documents d ON d.source = s AND d.position = p"
            )
            for values in self._query(query):
                row = dict(zip(names, values[: len(names)], strict=True))
                text, n_chars, score = values[len(names) :]
                found[(row["source"], row["position"])] = Example(
                    row["id"], row["url"], row["title"], score, text, n_chars, row.get("language"), row
                )
        return found


def _is_of(rule_set: Mapping[str, Any]) -> str:
    """That a document is of a kind which a rule set judges, as SQL."""
    kinds = [kind for kind in rule_set.get("kinds") or () if isinstance(kind, str)]
    return f"kind IN ({', '.join(map(_literal, kinds))})" if kinds else "true"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _outside(value: str, low: float | None, high: float | None, nan: str = "true") -> str:
    parts = [f"(isnan({value}) AND {nan})"]
    parts += [] if low is None else [f"(NOT isnan({value}) AND {value} < {float(low)!r})"]
    parts += [] if high is None else [f"(NOT isnan({value}) AND {value} > {float(high)!r})"]
    return "(" + " OR ".join(parts) + ")"


def _shares(labels: Sequence[str]) -> dict[str, float]:
    return {name: labels.count(name) / len(labels) for name in sorted(set(labels))}


def keep_rates(histogram: Sequence[int]) -> list[float]:
    """Share of the scored documents that a cut at the lower edge of each bin would keep.

    >>> keep_rates([6, 3, 1])
    [1.0, 0.4, 0.1]
    """
    total = sum(histogram) or 1
    return [sum(histogram[place:]) / total for place in range(len(histogram))]
