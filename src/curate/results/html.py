"""The overview as one HTML file: no script, nothing loaded from elsewhere, every text from the crawl escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import accumulate
from math import log1p
from pathlib import Path

from curate.crawl import FileProblem
from curate.results.overview import N_BINS, Example, Group, Overview, keep_rates, read_overview
from curate.results.render import describe_limits, format_bytes
from curate.work.files import committed
from curate.work.folder import REPORT

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 220, 44, 24
_TEMPLATE = Path(__file__).with_name("page.html")


def write_report(output: str | Path, path: str | Path | None = None) -> Path:
    """Write the report of a finished run to `path`, by default `output`/report.html, and return where it is.

    The same result gives the same bytes. The file holds addresses and the beginnings of some documents.

    Raises:
        SettingError: `output` holds no finished run.
    """
    target = Path(path) if path is not None else Path(output) / REPORT
    page = render_page(read_overview(output), str(output))
    with committed(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def render_page(overview: Overview, name: str) -> str:
    """Put the page together."""
    sections = [
        f"<h1>{escape(name)}</h1>",
        _summary(overview),
        _warnings(overview),
        "<h2>Funnel</h2>",
        _funnel(overview),
        *_scores(overview),
        *_groups("Sites", "by documents read", overview.sites),
        *_groups("Length", "of the cleaned text, where it was measured", overview.lengths),
        *_groups("Languages", "by documents read", overview.languages),
        *_clusters(overview),
        "<h2>Examples of every reason</h2>",
        *_reasons(overview),
        *_spared(overview),
        "<h2>How it was made</h2>",
        _origin(overview),
    ]
    template = _TEMPLATE.read_text(encoding="utf-8")
    body = "\n".join(part for part in sections if part)
    return template.replace("{{title}}", escape(name)).replace("{{body}}", body)


def _summary(overview: Overview) -> str:
    funnel = overview.funnel
    read, kept = funnel.read, funnel.kept
    share = f" ({kept.n_documents / read.n_documents:.1%})" if read.n_documents else ""
    text = (
        f"{kept.n_documents:,} of {read.n_documents:,} documents kept{share}: "
        f"{format_bytes(kept.n_text_bytes)} of {format_bytes(read.n_text_bytes)} of text."
    )
    if funnel.cut is not None:
        text += f" Kept from {describe_limits(funnel)}."
    return f"<p>{escape(text)}</p>"


def _warnings(overview: Overview) -> str:
    lines = [
        *overview.funnel.warnings,
        *(f"Could not read {FileProblem(**problem)}" for problem in overview.funnel.problems),
    ]
    return "".join(f'<p class="warn">{escape(line)}</p>' for line in lines)


def _funnel(overview: Overview) -> str:
    funnel = overview.funnel
    whole = max(funnel.read.n_documents, 1)

    def row(name: str, n_documents: int, n_bytes: int, kind: str, sign: str) -> str:
        share = n_documents / whole
        return (
            f'<tr class="{kind}"><td>{escape(name)}</td><td class="n">{sign}{n_documents:,}</td>'
            f'<td class="n">{share:.1%}</td><td class="n">{format_bytes(n_bytes)}</td>'
            f'<td class="wide"><div class="bar" style="width:{share:.1%}"></div></td></tr>'
        )

    rows = [row("read", funnel.read.n_documents, funnel.read.n_text_bytes, "total", "")]
    shown = None
    for stage, reason, tally in funnel.reasons():
        if stage != shown:
            rows.append(f'<tr class="stage"><td colspan="5">{escape(stage)}</td></tr>')
            shown = stage
        rows.append(row(reason, tally.n_documents, tally.n_text_bytes, "", "−"))
    rows.append(row("kept", funnel.kept.n_documents, funnel.kept.n_text_bytes, "total", ""))
    if funnel.spared:
        rows.append('<tr class="stage"><td colspan="5">of these spared by their score</td></tr>')
        rows += [row(name, t.n_documents, t.n_text_bytes, "", "") for name, t in funnel.spared_by()]
    for kind, own in funnel.by_kind():
        rows.append(f'<tr class="stage"><td colspan="5">{escape(kind)}</td></tr>')
        rows.append(row("read", own.read.n_documents, own.read.n_text_bytes, "", ""))
        rows += [
            row(f"{stage}: {reason}", t.n_documents, t.n_text_bytes, "", "−")
            for stage, reason, t in own.reasons()
        ]
        rows.append(row("kept", own.kept.n_documents, own.kept.n_text_bytes, "", ""))
    return _table(["", "documents", "share", "text", ""], rows)


# ---- scores ----------------------------------------------------------------------------------------------


def _scores(overview: Overview) -> list[str]:
    if not sum(overview.histogram):
        return []
    note = "Bars: documents by score, on a logarithmic scale; green is kept."
    rates = "Line: the share of scored documents that a cut there would keep."
    if overview.expected_keep_rates:
        rates += " Dashed: the share of the annotated web pages that the classifier was measured on."
    return [
        "<h2>Scores</h2>",
        _score_plot(overview.histogram, overview.funnel.cut, overview.expected_keep_rates),
        f'<p class="note">{note} {rates} <code>curate rethreshold</code> makes another cut without scoring again.</p>',
        _cut_table(overview),
        *(
            f"<h2>{escape(other.column)}</h2>{_score_plot(other.histogram, other.least, [])}"
            for other in overview.other_scores
            if sum(other.histogram)
        ),
        "<h2>Around the cut</h2>",
        *map(_quote, overview.near_cut),
        "<h2>Highest scores</h2>",
        *map(_quote, overview.best),
    ]


def _across(score: float) -> float:
    return _LEFT + score * (_WIDTH - _LEFT - 8)


def _up(share: float) -> float:
    return 8 + (1 - share) * (_HEIGHT - _BOTTOM - 8)


def _score_plot(
    histogram: Sequence[int], least: float | None, expected: Sequence[tuple[float, float]]
) -> str:
    cut, tallest = least or 0.0, log1p(max(histogram))
    bars: list[str] = []
    for place, n_documents in enumerate(histogram):
        left, top = _across(place / N_BINS), _up(log1p(n_documents) / tallest)
        kind = "kept" if (place + 0.5) / N_BINS >= cut else "dropped"
        size = f'width="{_across(1 / N_BINS) - _across(0) - 1:.1f}" height="{_up(0) - top:.1f}"'
        label = f"{n_documents:,} documents from {place / N_BINS:.2f} to {(place + 1) / N_BINS:.2f}"
        bars.append(f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" {size}><title>{label}</title></rect>')
    ours = [(place / N_BINS, rate) for place, rate in enumerate(keep_rates(histogram))]
    ticks = "".join(
        f'<text x="{_across(t / 10):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{t / 10:g}</text>'
        for t in range(0, 11, 2)
    )
    shares = "".join(
        f'<text x="{_LEFT - 6}" y="{_up(t / 4) + 4:.1f}" text-anchor="end">{t / 4:.0%}</text>'
        for t in range(5)
    )
    floor = f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{_up(0)}" y2="{_up(0)}"/>'
    lines = _curve("curve", [*ours, (1.0, 0.0)]) + _curve("other", expected)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Documents by score">'
        f"{''.join(bars)}{floor}{lines}{ticks}{shares}</svg>"
    )


def _curve(kind: str, points: Sequence[tuple[float, float]]) -> str:
    places = " ".join(f"{_across(x):.1f},{_up(y):.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{places}"/>' if points else ""


def _cut_table(overview: Overview) -> str:
    """What other cuts would keep; edges of bins are every .02, so the shares are exact."""
    shares = keep_rates(overview.histogram)
    sizes = list(accumulate(reversed(overview.text_bytes)))[::-1]
    expected = {round(threshold, 4): rate for threshold, rate in overview.expected_keep_rates}
    rows: list[str] = []
    for place in range(0, N_BINS, N_BINS // 10):
        cut = place / N_BINS
        known = f"{expected[round(cut, 4)]:.1%}" if round(cut, 4) in expected else ""
        n_kept = sum(overview.histogram[place:])
        rows.append(
            f'<tr><td class="n">{cut:.1f}</td><td class="n">{n_kept:,}</td><td class="n">{shares[place]:.1%}</td>'
            f'<td class="n">{format_bytes(sizes[place])}</td><td class="n">{known}</td></tr>'
        )
    titles = ["cut", "documents", "of scored", "text", "of annotated web pages" if expected else ""]
    return _table(titles, rows)


# ---- tables ----------------------------------------------------------------------------------------------


def _groups(title: str, note: str, groups: Sequence[Group]) -> list[str]:
    if not groups:
        return []
    rows = [
        f'<tr><td>{escape(g.name)}</td><td class="n">{g.n_read:,}</td><td class="n">{g.n_scored:,}</td>'
        f'<td class="n">{g.n_kept:,}</td><td class="n">{g.n_kept / g.n_read:.1%}</td>'
        f'<td class="n">{_number(g.mean_score)}</td><td class="n">{_number(g.sd_score)}</td></tr>'
        for g in groups
    ]
    titles = ["", "read", "scored", "kept", "kept of read", "mean score", "its spread"]
    return [f"<h2>{title}</h2>", f'<p class="note">{escape(note)}</p>', _table(titles, rows)]


def _clusters(overview: Overview) -> list[str]:
    if not overview.clusters:
        return []
    rows = [
        f'<tr><td>{escape(id_)}</td><td>{escape(url or "")}</td><td class="n">{n:,}</td></tr>'
        for id_, url, n in overview.clusters
    ]
    return ["<h2>Largest groups of duplicates</h2>", _table(["stays", "address", "removed"], rows)]


def _reasons(overview: Overview) -> Iterable[str]:
    for stage, reason, tally in overview.funnel.reasons():
        quotes = "".join(map(_quote, overview.reasons.get((stage, reason), [])))
        yield (
            f"<details><summary>{escape(stage)}: {escape(reason)} ({tally.n_documents:,})</summary>{quotes}</details>"
        )


def _spared(overview: Overview) -> Iterable[str]:
    if overview.spared:
        yield "<h2>Spared by their score</h2>"
    for reason, examples in overview.spared.items():
        n_documents = overview.funnel.spared[reason].n_documents
        yield (
            f"<details><summary>{escape(reason)} ({n_documents:,})</summary>"
            f"{''.join(map(_quote, examples))}</details>"
        )


def _quote(example: Example) -> str:
    facts = [example.id, example.url or ""]
    if example.score is not None:
        facts.append(f"score {example.score:.3f}")
    if example.reason and example.value is not None and example.limit is not None:
        facts.append(f"{example.reason}: {example.value:.4g}, limit {example.limit:.4g}")
    title = f"<b>{escape(example.title)}</b>" if example.title else ""
    line = " · ".join(escape(fact) for fact in facts if fact)
    return f'<blockquote>{title}<p class="note">{line}</p><p>{escape(example.snippet)}</p></blockquote>'


def _origin(overview: Overview) -> str:
    manifest = overview.manifest
    facts = {
        "curate": manifest["curate_version"],
        "input": f"{manifest['n_input_files']:,} files",
        "rule sets": ", ".join(f"{each['name']}@{each['version']}" for each in manifest["rule_sets"]),
        **{name: str(value) for name, value in manifest["settings"].items()},
        "CPU seconds": ", ".join(f"{stage} {s:g}" for stage, s in manifest["timings"]["cpu_s"].items()),
    }
    return _table(["", ""], [f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in facts.items()])


def _table(titles: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th{_kind(place)}>{escape(title)}</th>" for place, title in enumerate(titles))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _kind(place: int) -> str:
    return ' class="n"' if place else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
