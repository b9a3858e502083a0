"""Figures in README and docs are those of benchmarks/results."""

from __future__ import annotations

from benchmarks.tables import TABLES, pages, with_tables


def test_every_table_is_what_the_results_say() -> None:
    changed = [
        page.name for page in pages() if with_tables(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    assert not changed, f"{changed}: run python -m benchmarks.tables"


def test_every_table_stands_on_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in pages())
    assert [name for name in TABLES if f"<!-- table: {name} -->" not in text] == []
