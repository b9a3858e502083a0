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


def _adult() -> str:
    """Misses and false alarms of the screen for adult pages."""
    result = _result("adult")
    rows = [f"| written, {kind} | {n['pages']} | {n['gone']} |" for kind, n in result["labelled"].items()]
    web = result["web"]
    rows.append(f"| web, topic Adult | {web['adult_pages']:,} | {web['adult_gone']:,} |")
    other = sum(web["other_gone"].values())
    rows.append(f"| web, the other 23 topics | {web['other_pages']:,} | {other:,} |")
    return "\n".join(["| pages | | gone |", "|---|---|---|", *rows])


TABLES: dict[str, Callable[[], str]] = {"adult": _adult, "lessons": _lessons, "serve": _serve}


if __name__ == "__main__":
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = with_tables(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")
