# ruff: noqa: S608  (queries are put together from our own column names)
"""Two finished runs of one crawl: what both keep, what only one does and why the other does not, as one HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from curate.results.open import FinishedRun, read_run
from curate.results.page import bar, fill_page, flow, name, row, table, text
from curate.results.render import describe_drop
from curate.run.funnel import STAGES, Funnel
from curate.text.printable import format_bytes
from curate.work.files import committed

_N_EXAMPLES, _N_SITES, _SNIPPET = 8, 15, 320
_SITE = r"regexp_replace(lower(regexp_extract(url, '^[A-Za-z]+://([^/:?#]+)', 1)), '^www\.', '')"
_MARKS = (
    "drop_stage",
    "drop_reason",
    "drop_value",
    "drop_limit",
    "drop_detail",
    "language",
    "language_confidence",
)


@dataclass(frozen=True, slots=True)
class Part:
    """Documents that share a fate in two runs: their number, bytes of text, and some of them by the hash of their ids.

    Attributes:
        why: reasons of the run that does not keep them, with numbers; 'not read' where it does not have them.
    """

    n_documents: int
    n_text_bytes: int
    why: list[tuple[str, int]]
    examples: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare_runs` found; `sites` are (site, bytes kept by the first, by the second), most different first."""

    funnels: tuple[Funnel, Funnel]
    settings: list[tuple[str, Any, Any]]
    languages: tuple[list[str], list[str]]
    both: Part
    only: tuple[Part, Part]
    sites: list[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class _Side:
    """One run without its texts, and the manifest."""

    manifest: dict[str, Any]
    documents: pa.Table


def compare_runs(one: str | Path, other: str | Path) -> Comparison:
    """Compare two finished runs, document by document, by their ids.

    Raises:
        SettingError: one of them is no finished run.
    """
    sides = [read_run(output, _read_side) for output in (one, other)]
    with duckdb.connect() as database:
        for side, found in zip("ab", sides, strict=True):
            database.register(side, found.documents)
        parts = [
            _part(database, "a SEMI JOIN b USING (id, is_kept)", "b"),
            _part(database, "a ANTI JOIN b USING (id, is_kept)", "b"),
            _part(database, "b ANTI JOIN a USING (id, is_kept)", "a"),
        ]
        kept = (
            "SELECT site, n_text_bytes AS x, 0 AS y FROM a WHERE is_kept "
            "UNION ALL SELECT site, 0, n_text_bytes FROM b WHERE is_kept"
        )
        sites = database.execute(
            f"SELECT site, sum(x)::BIGINT, sum(y)::BIGINT FROM ({kept}) WHERE site != '' GROUP BY site "
            f"HAVING sum(x) != sum(y) ORDER BY abs(sum(x) - sum(y)) DESC, site LIMIT {_N_SITES}"
        ).fetchall()
    settings = [side.manifest["settings"] for side in sides]
    keys = sorted({*settings[0], *settings[1]} - {"contents"})
    return Comparison(
        (Funnel.from_json(sides[0].manifest["funnel"]), Funnel.from_json(sides[1].manifest["funnel"])),
        [
            (k, settings[0].get(k), settings[1].get(k))
            for k in keys
            if settings[0].get(k) != settings[1].get(k)
        ],
        (settings[0].get("language") or [], settings[1].get("language") or []),
        parts[0],
        (parts[1], parts[2]),
        sites,
    )


def _read_side(run: FinishedRun, database: duckdb.DuckDBPyConnection) -> _Side:
    marks = [each for each in _MARKS if each in run.schemas["dropped"].names]
    about = f"id, url, title, {_SITE} AS site, strlen(coalesce(text, ''))::BIGINT AS n_text_bytes, "
    about += f"left(coalesce(text, ''), {_SNIPPET}) AS beginning"
    kept = ", ".join(each if each.startswith("language") else f"NULL AS {each}" for each in marks)
    query = (
        f"SELECT {about}, {', '.join(marks)}, false AS is_kept FROM dropped "
        f"UNION ALL BY NAME SELECT {about}, {kept}, true AS is_kept FROM kept"
    )
    return _Side(run.manifest, database.sql(query).to_arrow_table())


def _part(database: duckdb.DuckDBPyConnection, source: str, theirs: str) -> Part:
    """Count what is kept of `source`; what `theirs` says of it is the reason."""
    rows = f"(SELECT * FROM {source}) AS d WHERE d.is_kept"
    n_documents, n_bytes = database.execute(
        f"SELECT count(*), coalesce(sum(n_text_bytes), 0)::BIGINT FROM {rows}"
    ).fetchall()[0]
    fate = f"(SELECT any_value(coalesce(o.drop_reason, 'kept')) FROM {theirs} o WHERE o.id = d.id)"
    why = database.execute(
        f"SELECT coalesce({fate}, 'not read') AS why, count(*) AS n FROM {rows} GROUP BY ALL ORDER BY n DESC, why"
    ).fetchall()
    drawn = (
        f"SELECT d.id, d.url, d.title, d.beginning, o.* EXCLUDE (id, url, title, beginning) FROM "
        f"(SELECT * FROM {source}) d LEFT JOIN {theirs} o ON o.id = d.id WHERE d.is_kept "
        f"ORDER BY md5(d.id), d.beginning LIMIT {_N_EXAMPLES}"
    )
    return Part(n_documents, n_bytes, why, database.sql(drawn).to_arrow_table().to_pylist())


def write_comparison(one: str | Path, other: str | Path, path: str | Path) -> Path:
    """Write the comparison of two finished runs to `path`; the same results give the same bytes.

    Raises:
        SettingError: one of them is no finished run.
    """
    target = Path(path)
    page = _render(compare_runs(one, other), (str(one), str(other)))
    with committed(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def _render(found: Comparison, names: tuple[str, str]) -> str:
    both, only = found.both, found.only
    told = (
        f"Both keep {both.n_documents:,} documents ({format_bytes(both.n_text_bytes)}); only {names[0]} keeps "
        f"{only[0].n_documents:,} ({format_bytes(only[0].n_text_bytes)}), only {names[1]} keeps {only[1].n_documents:,} "
        f"({format_bytes(only[1].n_text_bytes)}). Documents are the same where their ids are."
    )
    band = flow(
        "By documents kept by either; hatched is kept by one alone",
        [
            (f"only {names[0]}", only[0].n_documents, False),
            ("both", both.n_documents, True),
            (f"only {names[1]}", only[1].n_documents, False),
        ],
    )
    settings = [row(name(key), [str(a), str(b)]) for key, a, b in found.settings]
    parts = [
        f"<header><h1>{text(names[0])} and {text(names[1])}</h1><p class='lead'>{text(told)}</p></header><main>",
        band,
        "<h2>Settings that differ</h2>",
        table("Settings that differ", ["", *names], settings) if settings else "<p>None.</p>",
        "<h2>Funnels side by side</h2>",
        _funnels(found, names),
        *(_only(part, names[place], names[1 - place], found.languages[1 - place]) for place, part in enumerate(only)),
        "<h2>Sites whose kept text differs most</h2>",
        table(
            "Sites", ["", *names],
            [row(text(site), [format_bytes(a), format_bytes(b)]) for site, a, b in found.sites],
        ),
        "</main>",
    ]  # fmt: skip
    return fill_page(f"{names[0]} and {names[1]}", "\n".join(parts))


def _funnels(found: Comparison, names: tuple[str, str]) -> str:
    one, other = found.funnels
    reasons = list(dict.fromkeys((s, r) for funnel in found.funnels for s, r, _ in funnel.reasons()))
    reasons.sort(key=lambda key: STAGES.index(key[0]) if key[0] in STAGES else len(STAGES))
    rows = [row("read", [f"{f.read.n_documents:,}" for f in found.funnels], "total")]
    for key in reasons:
        counts = [f.dropped[key].n_documents if key in f.dropped else 0 for f in (one, other)]
        rows.append(row(name(f"{key[0]}: {key[1]}"), [f"−{n:,}" if n else "0" for n in counts]))
    rows.append(row("kept", [f"{f.kept.n_documents:,}" for f in found.funnels], "total"))
    return table("Documents by the first reason that dropped them", ["", *names], rows)


def _only(part: Part, ours: str, theirs: str, wanted: list[str]) -> str:
    if not part.n_documents:
        return f"<h2>Only {text(ours)}</h2><p>Nothing that {text(theirs)} does not keep.</p>"
    most = max(n for _, n in part.why)
    rows = [row(name(why), [f"{n:,}"], tail=bar(n / most, kept=False)) for why, n in part.why]
    quotes = "".join(_quote(example, wanted) for example in part.examples)
    return f"<h2>Only {text(ours)}</h2>{table(f'Why {theirs} does not keep them', ['', 'documents', ''], rows)}{quotes}"


def _quote(example: dict[str, Any], wanted: list[str]) -> str:
    fate = describe_drop(example, wanted) if example.get("drop_reason") else "not read"
    facts = " · ".join(text(each) for each in (example["id"], example["url"], fate) if each)
    beginning = "\n".join(line for line in example["beginning"].splitlines() if line.strip())
    title = f"<h3 dir='auto'>{text(example['title'])}</h3>" if example["title"] else ""
    return f'<blockquote>{title}<p class="note">{facts}</p><p class="foreign" dir="auto">{text(beginning)} ...</p></blockquote>'
