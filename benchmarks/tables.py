"""Tables of README and docs from benchmarks/results: `python -m benchmarks.tables` writes them, a test compares.

A page names a table between `<!-- table: NAME -->` and `<!-- end of table -->`; what stands between is made here, so that no
figure is typed by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_TABLE = re.compile(r"<!-- table: ([\w-]+) -->\n.*?<!-- end of table -->", re.DOTALL)


def pages() -> list[Path]:
    """Every page that may hold a table."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_tables(text: str) -> str:
    """A page with its tables made anew from the results."""
    return _TABLE.sub(
        lambda found: f"<!-- table: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end of table -->", text
    )


def _result(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _lessons() -> str:
    """Pages lost to rules and language, and kept at the default threshold, by book and group: named sets and default."""
    rows = _result("lessons")["rows"]
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        groups.setdefault((row["pool"], row["group"]), {})[row["rules"]] = row
    lines = [
        "| pages | | lost to gopher, c4, fineweb | lost to the default | kept, default |",
        "|---|---|---|---|---|",
    ]
    for (pool, group), found in groups.items():
        if (pool, group) in _SHOWN or group == "modules":
            named, default = found["named"], found["default"]
            name = f"{pool}, {group}" if group != "modules" else f"textbook: {pool.removeprefix('osbooks-')}"
            lines.append(
                f"| {name} | {default['pages']} | {named['lost'][0]:.0f}% | {_share(default['lost'])} | "
                f"{_share(default['kept'])} |"
            )
    return "\n".join(lines)


_SHOWN = {
    ("documentation", "level 2.5 or more"),
    ("documentation", "level 0-1"),
}


def _share(numbers: list[float]) -> str:
    share, low, high = numbers
    return f"{share:.0f}% ({low:.0f}-{high:.0f})"


def _serve() -> str:
    """Pages per second and CPU second by call and over HTTP."""
    result = _result("serve")
    head = f"| {result['pages']:,} pages of {result['mean_bytes']:,} bytes, {result['batch_pages']} at a time | pages a second | a CPU second |"
    rows = [
        f"| {row['way']} | {row['pages_per_s']:,} | {row['pages_per_cpu_s']:,} |" for row in result["rows"]
    ]
    return "\n".join([head, "|---|---|---|", *rows])


def _extraction() -> str:
    """Articles by extractor: snippets and whole texts with intervals, pages a CPU second."""
    result = _result("extraction")
    whole = {row["extractor"]: row for row in (result["whole_texts"] or {"rows": []})["rows"]}
    n_whole = result["whole_texts"]["n_pages"] if whole else 0
    lines = [
        f"| extractor | snippets, F1 of {result['n_pages']} pages | over trafilatura | whole texts, F1 of {n_whole} | pages a CPU s |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        text = _with_interval(whole[row["extractor"]], "f1") if whole else "-"
        difference = _with_interval(row, "f1_over_trafilatura", "+.3f")
        lines.append(
            f"| {row['extractor']} | {_with_interval(row, 'f1')} | {difference} | {text} | {row['pages_per_cpu_s']:,.0f} |"
        )
    return "\n".join(lines)


def _with_interval(row: dict[str, Any], name: str, form: str = ".3f") -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:{form}} ({low:{form}} to {high:{form}})"


def _elements() -> str:
    """Elements of documentation that come out whole, and furniture that does, by extractor; ours also project by project."""
    elements = _result("extraction")["elements"]
    rows = {row["extractor"]: row for row in elements["rows"]}
    shown = {"curate": "curate", "resiliparse main_content": "resiliparse", "trafilatura": "trafilatura"}
    lines = [
        f"| element | number | {' | '.join(shown.values())} | curate, the worst project |",
        "|---|---|---|---|---|---|",
    ]
    for name in rows["curate"]:
        if name == "extractor":
            continue
        of_projects = [
            (found["curate"][name]["share"], project)
            for project, found in elements["by_project"].items()
            if found["curate"].get(name, {"n": 0})["n"] >= _MIN_ELEMENTS
        ]
        worst = (max if name == "furniture" else min)(of_projects)
        shares = " | ".join(f"{rows[extractor][name]['share']:.3f}" for extractor in shown)
        label = f"{name.replace('_', ' ')}{' (let in)' if name == 'furniture' else ''}"
        lines.append(f"| {label} | {rows['curate'][name]['n']:,} | {shares} | {worst[0]:.3f} {worst[1]} |")
    return "\n".join(lines)


_MIN_ELEMENTS = 20  # of a project that is shown by itself


TABLES: dict[str, Callable[[], str]] = {
    "lessons": _lessons,
    "serve": _serve,
    "extraction": _extraction,
    "elements": _elements,
}


if __name__ == "__main__":
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = with_tables(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")
