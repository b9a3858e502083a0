"""The overview as one HTML file: nothing loaded from elsewhere, every text from the crawl escaped.

Its one script is `report.js`: a slider over cuts, a search in the examples, all unfolded for print. Without it all is readable.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate
from math import log10
from pathlib import Path

from curate.config import hashed_settings
from curate.crawl import FileProblem
from curate.results.overview import (
    N_BINS,
    Example,
    Group,
    Overview,
    RuleFacts,
    keep_rates,
    read_overview,
    with_interval,
)
from curate.results.page import Plot, bar, fill_page, flow, name, row, table, text
from curate.results.render import describe_drop, describe_hint, describe_limits
from curate.results.training import is_training_run, write_training_report
from curate.results.writing import render_writing
from curate.run.funnel import STAGES
from curate.run.settings import DEFAULT_BYTES_PER_TOKEN, FilterSettings
from curate.text.printable import format_bytes
from curate.work.files import committed
from curate.work.folder import REPORT
from curate.work.store import Store
from curate.work.urls import is_url, public_name, strip_scheme

_SCRIPT = Path(__file__).with_name("report.js")
_SNIPPET, _DIFF_WORDS, _FEW = 320, 400, 12
_WORD = re.compile(r"\S+\s*")


def write_report(output: str | Path, path: str | Path | None = None) -> Path | str:
    """Write the report of a finished run to `path`, by default `output`/report.html, and return where it is.

    Of a run in a store it is put there, unless `path` is given.

    The same result gives the same bytes. The file holds texts and addresses of the crawl. Of a training run, finished or not, it
    holds the curves (`curate.results.training`).

    Raises:
        SettingError: `output` holds no finished run.
    """
    is_remote = is_url(str(output))
    if not is_remote and is_training_run(output):
        return write_training_report(output, path)
    page = render_page(read_overview(output), public_name(str(output)))
    if path is None and is_remote:
        store = Store.of(str(output))
        store.write(REPORT, page.encode())
        return f"{store}/{REPORT}"
    target = Path(path) if path is not None else Path(strip_scheme(str(output))) / REPORT
    with committed(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def render_page(overview: Overview, output: str) -> str:
    """Put the page together; `output` stands in the title and in commands."""
    panels = [
        ("flow", "What became of the documents", _flow(overview)),
        ("writing", "What was written, and what it cost", render_writing(overview.writing)),
        ("cut", "What a threshold means", _scores(overview, output)),
        ("rules", "Rules", _rules(overview)),
        ("lines", "Lines taken out of pages", _lines(overview)),
        ("duplicates", "Duplicates", _duplicates(overview)),
        ("sites", "Sites", _sites(overview)),
        ("topics", "Topics and formats", _shifts(overview)),
        ("length", "Length and language", _lengths(overview)),
        (
            "examples",
            "Twenty random documents that were kept, and twenty that were dropped",
            _random(overview, output),
        ),
        ("reasons", "Examples of every reason", "".join(_reasons(overview))),
        ("made", "How it was made", _origin(overview)),
    ]
    panels = [panel for panel in panels if panel[2]]
    links = "".join(f'<li><a href="#{key}">{text(title)}</a></li>' for key, title, _ in panels)
    body = (
        f"<header><h1>{text(output)}</h1>{_head(overview, output)}</header>"
        f'<nav aria-label="Contents"><ul>{links}</ul></nav><main>'
        + "".join(
            f'<section id="{key}"><h2>{text(title)}</h2>{panel}</section>' for key, title, panel in panels
        )
        + "</main>"
    )
    return fill_page(output, body, _SCRIPT.read_text(encoding="utf-8"))


# ---- head and flow ---------------------------------------------------------------------------------------


def _head(overview: Overview, output: str) -> str:
    funnel, manifest = overview.funnel, overview.manifest
    read, kept = funnel.read, funnel.kept
    share = f" ({kept.n_documents / read.n_documents:.1%})" if read.n_documents else ""
    told = (
        f"{kept.n_documents:,} of {read.n_documents:,} documents kept{share}: "
        f"{format_bytes(kept.n_text_bytes)} of {format_bytes(read.n_text_bytes)} of text."
    )
    if funnel.cut is not None:
        told += f" Kept from {describe_limits(funnel)}."
    meaning = [
        each
        for each in overview.meanings
        if funnel.cut is not None and abs(each.threshold - funnel.cut) < 0.026
    ]
    if meaning:
        best = min(meaning, key=lambda each: abs(each.threshold - (funnel.cut or 0)))
        told += (
            f" On the annotated pages that the classifier was measured on, {best.precision[0]:.0%} of what a cut at "
            f"{best.threshold:g} keeps is educational, and it keeps {best.recall[0]:.0%} of what is."
        )
    settings = manifest["settings"]
    inputs = " ".join(shlex.quote(str(each)) for each in manifest.get("input", ()))
    changed = [(key, value) for key, value, default in _changed(overview) if default is not None or value]
    flags = "".join(f" {_flag(key, value)}" for key, value in changed)
    command = f"curate filter --input {inputs} --output {shlex.quote(output)}{flags}"
    hint = describe_hint(funnel, output, settings.get("language") or ())
    problems = Counter(str(problem.get("reason")) for problem in funnel.problems)
    lines = [*([hint] if hint else []), *funnel.warnings]
    lines += [f"{n:,} times could not be read: {reason}" for reason, n in problems.most_common()]
    listed = "".join(f"<li>{text(FileProblem(**problem))}</li>" for problem in funnel.problems[:50])
    unread = (
        f"<details><summary>What could not be read</summary><ul>{listed}</ul></details>" if listed else ""
    )
    return (
        f'<p class="lead">{text(told)}</p>'
        + "".join(f'<p class="warn">{text(line)}</p>' for line in lines)
        + unread
        + f'<p class="note">To repeat it: <code>{text(command)}</code>. '
        "This file holds texts and addresses of the crawl: mind whom you send it to.</p>"
    )


def _flag(key: str, value: object) -> str:
    values = value if isinstance(value, list | tuple) else [value]
    flag = f"--{key.replace('_', '-')}"
    if value is True:
        return flag
    return " ".join(f"{flag} {shlex.quote(str(each))}" for each in values)


def _flow(overview: Overview) -> str:
    funnel = overview.funnel
    stages = [(stage, [tally for at, _, tally in funnel.reasons() if at == stage]) for stage in STAGES]
    bands = ""
    for title, field in (("By documents", "n_documents"), ("By bytes of text", "n_text_bytes")):
        parts = [
            (f"dropped at {stage}", float(sum(getattr(each, field) for each in lost)), False)
            for stage, lost in stages
            if lost
        ]
        bands += flow(title, [*parts, ("kept", float(getattr(funnel.kept, field)), True)])
    lost = overview.shortened
    if sum(funnel.lines_removed.values()):
        whole = [
            ("documents that lost lines inside", float(lost.n_documents), False),
            ("documents left whole", float(funnel.read.n_documents - lost.n_documents), True),
        ]
        bands += flow("Lines taken out inside documents, kept or not", whole)
    return bands + _funnel(overview)


def _funnel(overview: Overview) -> str:
    funnel = overview.funnel
    whole = max(funnel.read.n_documents, 1)

    def line(title: str, n_documents: int, n_bytes: int, kind: str, sign: str, *, kept: bool) -> str:
        cells = [f"{sign}{n_documents:,}", f"{n_documents / whole:.1%}", format_bytes(n_bytes)]
        return row(name(title), cells, kind, bar(n_documents / whole, kept=kept))

    def stage_line(title: str) -> str:
        return f'<tr class="stage"><th colspan="5" scope="rowgroup">{text(title)}</th></tr>'

    read, kept = funnel.read, funnel.kept
    rows = [line("read", read.n_documents, read.n_text_bytes, "total", "", kept=True)]
    shown = None
    for stage, reason, tally in funnel.reasons():
        if stage != shown:
            rows.append(stage_line(stage))
            shown = stage
        rows.append(line(reason, tally.n_documents, tally.n_text_bytes, "", "−", kept=False))
    rows.append(line("kept", kept.n_documents, kept.n_text_bytes, "total", "", kept=True))
    if funnel.spared:
        rows.append(stage_line("of these spared by their score"))
        rows += [line(why, t.n_documents, t.n_text_bytes, "", "", kept=True) for why, t in funnel.spared_by()]
    for kind, own in funnel.by_kind():
        rows.append(stage_line(kind))
        rows.append(line("read", own.read.n_documents, own.read.n_text_bytes, "", "", kept=True))
        rows += [
            line(f"{stage}: {why}", t.n_documents, t.n_text_bytes, "", "−", kept=False)
            for stage, why, t in own.reasons()
        ]
        rows.append(line("kept", own.kept.n_documents, own.kept.n_text_bytes, "", "", kept=True))
    caption = (
        "Each document under the first reason that dropped it; hatched is dropped. Bytes are of extracted text: what was "
        "dropped before has none"
    )
    return table(caption, ["", "documents", "share", "text", ""], rows)


# ---- scores ----------------------------------------------------------------------------------------------


def _scores(overview: Overview, output: str) -> str:
    if not sum(overview.histogram):
        return ""
    cut = overview.funnel.cut or 0.0
    rates = [(place / N_BINS, rate) for place, rate in enumerate(keep_rates(overview.histogram))]
    least = min((rate for _, rate in rates if rate > 0), default=0.1)
    low = 10.0 ** int(log10(least) - 0.999)
    title = "Share of scored documents kept, by threshold"
    keep = Plot(title, "threshold", "share kept", (0, 1), (low, 1), log=True, percent=True)
    keep.curve("curve", [point for point in rates if point[1] > 0])
    keep.cut(cut, f"cut {cut:.3g}")
    caption = (
        f"Share of the scored documents that a threshold keeps (logarithmic axis), by {_by_what(overview)}"
    )
    plots = [_figure(caption, keep)]
    if overview.meanings:
        means = Plot("Precision and recall by threshold", "threshold", "share", (0, 1), (0, 1), percent=True)
        means.band("band", [(m.threshold, *m.precision[1:]) for m in overview.meanings])
        means.band("otherband", [(m.threshold, *m.recall[1:]) for m in overview.meanings])
        means.curve("curve", [(m.threshold, m.precision[0]) for m in overview.meanings])
        means.curve("other", [(m.threshold, m.recall[0]) for m in overview.meanings])
        means.cut(cut, f"cut {cut:.3g}")
        plots.append(
            _figure(
                "Solid: how much of what is kept is educational (precision). Dashed: how much of what is educational is "
                f"kept (recall), for {next(iter(overview.score_names.values()))} alone. By the classifier's annotated pages, "
                "not by this crawl; bands are 95% intervals",
                means,
            )
        )
    if not overview.other_scores:
        plots.append(_figure("Documents by score; hatched is dropped", _histogram(overview.histogram, cut)))
    plots += [
        _figure(f"Documents by {other.column}", _histogram(other.histogram, other.least or 0.0, other.column))
        for other in overview.other_scores
        if sum(other.histogram)
    ]
    return (
        f'<div class="two">{"".join(plots)}</div>{_slider(overview, output)}{_cut_table(overview)}'
        "<h3>One page of each score</h3>"
        + "".join(_quote(example, overview) for _, example in overview.ladder)
    )


def _figure(caption: str, plot: Plot) -> str:
    return f'<figure style="margin:0">{plot.svg()}<figcaption class="note">{text(caption)}.</figcaption></figure>'


def _by_what(overview: Overview) -> str:
    """The scores that a threshold without a name is for."""
    kinds: dict[str, list[str]] = {}
    for kind, column in overview.score_names.items():
        kinds.setdefault(column, []).append(kind)
    if len(kinds) < 2:
        return next(iter(kinds), "the score")
    return ", ".join(f"{column} of {' and '.join(some)}" for column, some in kinds.items())


def _histogram(histogram: Sequence[int], cut: float, column: str = "score") -> Plot:
    plot = Plot(f"Documents by {column}", column, "documents", (0, 1), (0, max(histogram)))
    bins = [(place / N_BINS, (place + 1) / N_BINS, n) for place, n in enumerate(histogram)]
    plot.bars(bins, [(place + 0.5) / N_BINS >= cut for place in range(N_BINS)])
    plot.cut(cut, f"cut {cut:.3g}")
    return plot


def _slider(overview: Overview, output: str) -> str:
    place = min(max(round((overview.funnel.cut or 0) * N_BINS), 0), N_BINS - 1)
    meanings = [(m.threshold, m.precision[0], m.recall[0]) for m in overview.meanings]
    data = {
        "documents": json.dumps(overview.histogram),
        "bytes": json.dumps(overview.text_bytes),
        "meanings": json.dumps(meanings),
        "command": f"curate rethreshold {shlex.quote(output)}",
    }
    attributes = " ".join(f'data-{key}="{text(value)}"' for key, value in data.items())
    return (
        '<div class="tool needs-script"><label for="cut-slider">Another cut: </label><output id="cut-value"></output>'
        f'<input type="range" id="cut-slider" min="0" max="{N_BINS - 1}" step="1" value="{place}" {attributes}>'
        '<p id="cut-told" aria-live="polite"></p><code id="cut-command"></code>'
        '<p class="note">By the score alone; documents that fail a rule need more of it where the run spares.</p></div>'
    )


def _cut_table(overview: Overview) -> str:
    rates = keep_rates(overview.histogram)
    documents = list(accumulate(reversed(overview.histogram)))[::-1]
    sizes = list(accumulate(reversed(overview.text_bytes)))[::-1]
    known = {round(m.threshold, 4): m for m in overview.meanings}
    rows: list[str] = []
    for tenth in range(1, 10):
        place, meaning = tenth * N_BINS // 10, known.get(tenth / 10)
        told = [_interval(meaning.precision), _interval(meaning.recall)] if meaning else ["-", "-"]
        tokens = f"{float(f'{sizes[place] / DEFAULT_BYTES_PER_TOKEN:.2g}'):,.0f}"
        cells = [f"{documents[place]:,}", f"{rates[place]:.1%}", format_bytes(sizes[place]), tokens, *told]
        rows.append(row(f"{tenth / 10:g}", cells if overview.meanings else cells[:4]))
    heads = ["threshold", "documents", "of the scored", "text", "tokens, about", "precision", "recall"]
    caption = (
        f"What a threshold keeps by {_by_what(overview)}; tokens at {DEFAULT_BYTES_PER_TOKEN} bytes each"
    )
    if overview.meanings and len(overview.score_names) > 1:
        caption += f"; precision and recall are of {next(iter(overview.score_names.values()))}"
    return table(caption, heads if overview.meanings else heads[:5], rows)


def _interval(share: tuple[float, float, float]) -> str:
    return f"{share[0]:.0%} ({100 * share[1]:.0f} to {100 * share[2]:.0f})"


# ---- rules and lines -------------------------------------------------------------------------------------


def suspicion(rule: RuleFacts) -> tuple[float, int]:
    """What rules are sorted by: the least share of its scored failures that reach the cut, with 95% certainty."""
    low = with_interval(rule.n_high, rule.n_scored)[1] if rule.n_scored else 0.0
    return low, rule.n_failing


def _rules(overview: Overview) -> str:
    rules = sorted((rule for rule in overview.rules if rule.n_failing), key=suspicion, reverse=True)
    if not rules:
        return ""
    rows: list[str] = []
    for rule in rules:
        high = _interval(with_interval(rule.n_high, rule.n_scored)) if rule.n_scored else "not scored"
        cells = [f"{rule.n_first:,}", f"{rule.n_failing:,}", f"{rule.n_alone:,}", high]
        rows.append(row(f'{name(rule.reason)}<br><span class="note">{text(_limit(rule))}</span>', cells))
    scored = overview.funnel.n_scored
    usual = _above(overview)
    note = (
        "First: what it took as the first rule that a document failed, spared ones with it. All: what fails it. Alone: "
        "what fails no other rule. A rule is suspicious where much of what fails it scores above the cut"
        + (f" (of all scored: {usual / scored:.1%})." if scored else ".")
        + " Only documents that fail nothing but rules which a score may overrule have one: of the others the run cannot tell; "
        "'curate rules study --annotations LABELS' can, from pages whose level is known."
    )
    plots = "".join(_rule_plot(rule) for rule in rules[:_FEW] if rule.bins)
    heads = ["", "first", "all", "alone", "score above the cut (95%)"]
    return (
        f'<p class="note">{text(note)}</p>{table("Rules of the run", heads, rows)}'
        "<details><summary>Where the limits stand: the numbers that the rules judge, without the outermost half "
        "percent</summary>"
        f'<div class="two">{plots}</div></details>'
    )


def _limit(rule: RuleFacts) -> str:
    low = "" if rule.low is None else f"{rule.low:g} <= "
    return f"stays: {low}{rule.signal}" + ("" if rule.high is None else f" <= {rule.high:g}")


def _above(overview: Overview) -> int:
    cut = overview.funnel.cut or 0.0
    return sum(n for place, n in enumerate(overview.histogram) if (place + 0.5) / N_BINS >= cut)


def _rule_plot(rule: RuleFacts) -> str:
    ends = [
        rule.bins[0][0],
        rule.bins[-1][1],
        *(limit for limit in (rule.low, rule.high) if limit is not None),
    ]
    start, end = min(ends), max(ends)
    plot = Plot(rule.reason, rule.signal, "documents", (start, end), (0, max(n for *_, n in rule.bins)))
    middles = [(a + b) / 2 for a, b, _ in rule.bins]
    plot.bars(
        rule.bins,
        [(rule.low is None or m >= rule.low) and (rule.high is None or m <= rule.high) for m in middles],
    )
    if rule.low is not None:
        plot.cut(rule.low, f"at least {rule.low:g}")
    if rule.high is not None:
        plot.cut(rule.high, f"at most {rule.high:g}")
    return _figure(f"{rule.reason} of {rule.rule_set}", plot)


def _lines(overview: Overview) -> str:
    removed, lost = overview.funnel.lines_removed, overview.shortened
    if not sum(removed.values()):
        return ""
    rows = [
        row(name(reason), [f"{n:,}", f"{lost.kept_lines.get(reason, 0):,}"])
        for reason, n in removed.most_common()
    ]
    told = (
        f"{sum(removed.values()):,} lines went out of {lost.n_documents:,} documents before these were judged; "
        f"{lost.n_kept:,} of the {overview.funnel.kept.n_documents:,} kept ones lost {sum(lost.kept_lines.values()):,}. "
        "The lines themselves are not in the output: 'curate explain OUTPUT ID --from INPUT' reads a document again and marks "
        "them. The kept documents that lost most:"
    )
    most = "".join(
        f"<h3>{n:,} line{'s' if n > 1 else ''}</h3>{_quote(example, overview)}" for example, n in lost.most
    )
    return f"{table('Lines by the rule that took them', ['', 'of all documents', 'of kept ones'], rows)}<p>{text(told)}</p>{most}"


# ---- duplicates ------------------------------------------------------------------------------------------


def _duplicates(overview: Overview) -> str:
    found = overview.duplicates
    if not found.n_groups:
        return ""
    n_lost = found.n_groups - found.n_groups_kept
    told = (
        f"{found.n_groups:,} documents have copies that were dropped; {found.n_groups_kept:,} of these documents are in "
        f"the data, {n_lost:,} were dropped themselves."
    )
    parts = [f"<p>{told}</p>"]
    if any(n for *_, n in found.bins):
        plot = Plot(
            "Duplicates by Jaccard similarity", "Jaccard similarity", "documents",
            (found.bins[0][0], 1), (0, max(n for *_, n in found.bins)),
        )  # fmt: skip
        plot.bars(found.bins, [False] * len(found.bins))
        parts.append(
            f'<div class="two">{_figure("Duplicates by their similarity to what they are copies of", plot)}</div>'
        )
    rows = [
        row(
            text(url or id_),
            [f"{n:,}"],
            tail=f'<td><span class="key {"no" if why else "yes"}">{"dropped: " + name(why) if why else "kept"}</span></td>',
        )
        for id_, url, n, why in found.groups
    ]
    parts.append(table("Largest groups", ["document", "copies", "itself"], rows))
    sites = [row(text(ours), [theirs, f"{n:,}"]) for ours, theirs, n in found.sites]
    parts.append(table("Sites that copy each other", ["copy on", "of a document on", "documents"], sites))
    if found.pairs:
        parts.append("<h3>Pairs side by side: the least alike, one of the middle, one exact</h3>")
        parts += [_pair(copy, twin, jaccard) for copy, twin, jaccard in found.pairs]
    return "".join(parts)


def _pair(copy: Example, twin: Example, jaccard: float) -> str:
    left, right = compare_words(copy.text, twin.text)
    fate = f"itself dropped: {twin.reason}" if twin.reason else "kept"
    return (
        f"<details><summary>Jaccard {jaccard:.3f}: {text(copy.address)}</summary><div class='two'>"
        f'<div><h3>Dropped copy</h3><p class="note">{text(copy.address)}</p><p class="foreign" dir="auto">{left}</p></div>'
        f'<div><h3>Copy of ({text(fate)})</h3><p class="note">{text(twin.address)}</p>'
        f'<p class="foreign" dir="auto">{right}</p></div></div></details>'
    )


def compare_words(left: str, right: str) -> tuple[str, str]:
    """Mark the words by which the beginnings of two texts differ, as HTML, white space as it is.

    What stands behind the last common word of a text that goes on is left out: it may well follow in the other.
    """
    ours, theirs = (_WORD.findall(each) for each in (left, right))
    goes_on = max(len(ours), len(theirs)) > _DIFF_WORDS
    ours, theirs = ours[:_DIFF_WORDS], theirs[:_DIFF_WORDS]
    plain = ([word.strip() for word in words] for words in (ours, theirs))
    steps = SequenceMatcher(None, *plain, autojunk=False).get_opcodes()
    if goes_on and len(steps) > 1 and steps[-1][0] != "equal":
        steps = steps[:-1]
    out: tuple[list[str], list[str]] = ([], [])
    for what, i, j, k, m in steps:
        for words, made, tag in ((ours[i:j], out[0], "del"), (theirs[k:m], out[1], "ins")):
            if words:
                whole = "".join(words)
                told, space = text(whole.rstrip()), whole[len(whole.rstrip()) :]
                made.append((told if what == "equal" else f"<{tag}>{told}</{tag}>") + space)
    rest = " ..." if goes_on else ""
    return "".join(out[0]).strip() + rest, "".join(out[1]).strip() + rest


# ---- groups ----------------------------------------------------------------------------------------------


def _sites(overview: Overview) -> str:
    sites, kept = overview.sites, overview.funnel.kept
    if not sites.n_sites:
        return ""
    whole = kept.n_text_bytes or 1
    sums = list(accumulate(site.n_kept_bytes for site in sites.largest))
    rows = [
        row(
            text(site.name),
            [format_bytes(site.n_kept_bytes), f"{site.n_kept_bytes / whole:.1%}", f"{total / whole:.1%}",
             f"{site.n_kept:,}", f"{site.n_read:,}", _score(site.mean_score)],
        )
        for site, total in zip(sites.largest, sums, strict=True)
    ]  # fmt: skip
    top = sums[min(9, len(sums) - 1)] / whole if sums else 0.0
    told = (
        f"{sites.n_sites:,} sites; the ten largest hold {top:.1%} of the kept text. {sites.n_without:,} documents have no "
        f"address ({sites.n_kept_without:,} of them kept)."
    )
    lost = [row(text(site.name), [f"{site.n_read:,}", _score(site.mean_score)]) for site in sites.lost]
    return (
        f"<p>{text(told)}</p>"
        + table("By kept text", ["", "kept text", "share", "cumulated", "kept", "read", "mean score"], rows)
        + (table("The largest of which nothing is kept", ["", "read", "mean score"], lost) if lost else "")
    )


def _shifts(overview: Overview) -> str:
    parts: list[str] = []
    for shift in overview.shifts:
        names = sorted({*shift.read, *shift.kept}, key=lambda each: (-shift.kept.get(each, 0.0), each))
        top = max([*shift.read.values(), *shift.kept.values()])
        rows: list[str] = []
        for each in names:
            read, kept = shift.read.get(each, 0.0), shift.kept.get(each, 0.0)
            times = f"{kept / read:.1f} x" if read else "-"
            rows.append(
                row(text(each), [f"{read:.1%}", f"{kept:.1%}", times], tail=bar(kept / top, kept=True))
            )
        told = (
            f"{shift.name}, as the bundled classifier tells it, in {shift.n_read:,} random documents read and "
            f"{shift.n_kept:,} kept; shares of so few are off by some points"
        )
        parts.append(table(told, [shift.name, "read", "kept", "kept / read", ""], rows))
    return "".join(parts)


def _lengths(overview: Overview) -> str:
    wanted = overview.manifest["settings"].get("language") or ()
    parts: list[str] = []
    if overview.lengths:
        parts.append(
            _groups("Length of the text that was measured", overview.lengths, overview, "not measured")
        )
    if overview.languages:
        told = f"Languages found; wanted: {', '.join(wanted)}"
        parts.append(_groups(told, overview.languages, overview, "others, and none told"))
    return "".join(parts)


def _groups(caption: str, groups: Sequence[Group], overview: Overview, rest: str) -> str:
    funnel = overview.funnel
    n_read = funnel.read.n_documents - sum(group.n_read for group in groups)
    if n_read > 0:
        n_scored = funnel.n_scored - sum(group.n_scored for group in groups)
        n_kept = funnel.kept.n_documents - sum(group.n_kept for group in groups)
        groups = [*groups, Group(rest, n_read, max(n_scored, 0), max(n_kept, 0), 0, None)]
    rows = [
        row(
            text(g.name),
            [
                f"{g.n_read:,}",
                f"{g.n_scored:,}",
                f"{g.n_kept:,}",
                f"{g.n_kept / g.n_read:.1%}",
                _score(g.mean_score),
            ],
            tail=bar(g.n_kept / g.n_read, kept=True),
        )
        for g in groups
    ]
    return table(caption, ["", "read", "scored", "kept", "kept of read", "mean score", ""], rows)


# ---- examples --------------------------------------------------------------------------------------------


def _random(overview: Overview, output: str) -> str:
    parts = [
        '<p class="needs-script"><label for="find">Words in these documents: </label><input type="search" id="find"></p>'
    ]
    for kind, examples in overview.random.items():
        parts.append(f"<h3>{kind.capitalize()}</h3>")
        parts += [_whole(example, overview, output) for example in examples]
    return "".join(parts)


def _whole(example: Example, overview: Overview, output: str) -> str:
    more = example.n_chars - len(example.text)
    rest = f'<p class="note">... and {more:,} characters more.</p>' if more else ""
    command = f"curate explain {shlex.quote(output)} {shlex.quote(example.id)} --text"
    return (
        f"<details><summary>{_key(example)} {text(example.title or example.address)}</summary>"
        f'<p class="note">{_facts(example, overview)}</p><p class="foreign" dir="auto"{_lang(example)}>{text(example.text)}</p>'
        f"{rest}<p><code>{text(command)}</code></p></details>"
    )


def _reasons(overview: Overview) -> Iterable[str]:
    for stage, reason, tally in overview.funnel.reasons():
        quotes = "".join(_quote(each, overview) for each in overview.reasons.get((stage, reason), []))
        yield f"<details><summary>{text(stage)}: {name(reason)} ({tally.n_documents:,})</summary>{quotes}</details>"
    for reason, examples in overview.spared.items():
        n_documents = overview.funnel.spared[reason].n_documents
        quotes = "".join(_quote(each, overview) for each in examples)
        yield f"<details><summary>spared by their score: {name(reason)} ({n_documents:,})</summary>{quotes}</details>"


def _quote(example: Example, overview: Overview) -> str:
    title = f"<h3 dir='auto'>{text(example.title)}</h3>" if example.title else ""
    return (
        f'<blockquote>{title}<p class="note">{_key(example)} {_facts(example, overview)}</p>'
        f'<p class="foreign" dir="auto"{_lang(example)}>{text(_beginning(example.text))}</p></blockquote>'
    )


def _key(example: Example) -> str:
    return f'<span class="key {"no" if example.reason else "yes"}">{"dropped" if example.reason else "kept"}</span>'


def _lang(example: Example) -> str:
    return f' lang="{text(example.language)}"' if example.language else ""


def _facts(example: Example, overview: Overview) -> str:
    facts = [example.id, example.address]
    if example.score is not None:
        column = overview.score_names.get(str(example.row.get("kind")), "score")
        facts.append(f"{column} {example.score:.3f}")
    if example.reason:
        facts.append(describe_drop(example.row, overview.manifest["settings"].get("language") or ()))
    elif example.row.get("spared_by"):
        facts.append(f"spared, though it fails {example.row['spared_by']}")
    return " · ".join(text(fact) for fact in facts if fact)


def _beginning(whole: str) -> str:
    """The beginning of a text, cut between words, with a mark where it is cut."""
    whole = "\n".join(line for line in whole.splitlines() if line.strip())
    if len(whole) <= _SNIPPET:
        return whole
    cut = whole[:_SNIPPET]
    return (cut[: cut.rfind(" ")] if " " in cut[_SNIPPET // 2 :] else cut) + " ..."


# ---- origin ----------------------------------------------------------------------------------------------


def _changed(overview: Overview) -> list[tuple[str, object, object]]:
    """(setting, value, default) of those that differ."""
    defaults = hashed_settings(FilterSettings(input=("crawl",)))
    found: list[tuple[str, object, object]] = []
    for key, value in overview.manifest["settings"].items():
        if key in defaults and _plain(value) != _plain(defaults[key]):
            found.append((key, value, defaults[key]))
    return found


def _plain(value: object) -> object:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [each for each in values if each is not None]


def _origin(overview: Overview) -> str:
    manifest = overview.manifest
    changed = _changed(overview)
    rows = [row(name(key), [_told(value), _told(default)]) for key, value, default in changed]
    facts = {
        "curate": manifest["curate_version"],
        "input": f"{manifest['n_input_files']:,} files: {', '.join(map(str, manifest.get('input', ())))}",
        "rule sets": ", ".join(f"{each['name']}@{each['version']}" for each in manifest["rule_sets"]),
        "CPU seconds": ", ".join(f"{stage} {s:g}" for stage, s in manifest["timings"]["cpu_s"].items()),
        **{key: _told(value) for key, value in manifest["settings"].items()},
    }
    every = [f'<tr><th scope="row">{name(k)}</th><td>{text(v)}</td></tr>' for k, v in facts.items()]
    differing = (
        table("Settings that differ from their default", ["", "here", "default"], rows)
        if rows
        else "<p>Every setting has its default.</p>"
    )
    return (
        f"{differing}<details><summary>All settings</summary>{table('All of it', ['', ''], every)}</details>"
    )


def _told(value: object) -> str:
    values = value if isinstance(value, list | tuple) else [value]
    return ", ".join(str(each) for each in values if each is not None) or "none"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
