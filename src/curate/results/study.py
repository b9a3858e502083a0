"""A study of rules as one HTML file, in the style of a run's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from curate.results.page import fill_page
from curate.work.files import committed

_LEGEND = (
    "<p>Shares are those of the pages of a level that fail a rule, with 95% intervals. Beyond the score: mean level of the "
    "pages that fail, less that of all pages with such a score; below 0 the rule knows what the score does not.</p>"
)


def write_study(study: Mapping[str, Any], path: str | Path) -> Path:
    """Write a study, as `dataclasses.asdict` gives it, to `path`; the same study gives the same bytes."""
    target = Path(path)
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    title = "What rules remove: " + ", ".join(study["rule_sets"])
    levels: dict[str, int] = study["n_pages"]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{sum(levels.values()):,} annotated pages; the score is {escape(study['scorer'] or 'none')}.</p>",
        _LEGEND,
        _table(study["findings"], levels, with_score=study["scorer"] is not None),
        "<h2>The best pages that each rule removes</h2>",
        *(_examples(finding) for finding in study["findings"][1:] if finding["examples"]),
    ]
    page = fill_page(title, "\n".join(parts))
    with committed(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def _table(findings: Sequence[Mapping[str, Any]], levels: Mapping[str, int], *, with_score: bool) -> str:
    heads = ["rule", "stays while", "fail", "alone", *(f"level {name} ({n:,})" for name, n in levels.items())]
    heads += ["beyond the score"] if with_score else []
    heads += ["fail too"]
    rows = ["<tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>"]
    for finding in findings:
        cells = [escape(finding["reason"]), escape(finding["limits"])]
        numbers = [f"{finding['n_failing']:,}", f"{finding['n_alone']:,}"]
        numbers += [
            f"{value:.1%} [{low:.1%}, {high:.1%}]"
            for value, low, high in (finding["removed"][n] for n in levels)
        ]
        if with_score:
            beyond = finding["beyond_score"]
            numbers.append("-" if beyond is None else "{:+.2f} [{:+.2f}, {:+.2f}]".format(*beyond))
        too = ", ".join(f"{escape(name)} {share:.0%}" for name, share in list(finding["overlap"].items())[:3])
        cells = [f"<td>{cell}</td>" for cell in cells] + [
            f'<td class="n">{number}</td>' for number in numbers
        ]
        rows.append("<tr>" + "".join(cells) + f"<td>{too}</td></tr>")
    return "<table>" + "".join(rows) + "</table>"


def _examples(finding: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><td class="n">{page["level"]:g}</td><td class="n">{_number(page["score"])}</td>'
        f'<td class="n">{_number(page["value"])}</td><td>{escape(page["text"])}</td></tr>'
        for page in finding["examples"]
    )
    head = "<tr><th>level</th><th>score</th><th>value</th><th>text</th></tr>"
    return f"<h3>{escape(finding['reason'])}</h3><table>{head}{rows}</table>"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
