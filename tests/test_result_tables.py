"""Figures in README and docs are those of benchmarks/results."""

from __future__ import annotations

from benchmarks.tables import ROOT, TABLES, pages, prose, with_tables


def test_every_table_is_what_the_results_say() -> None:
    changed = [
        page.name for page in pages() if with_tables(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    assert not changed, f"{changed}: run python -m benchmarks.tables"


def test_every_table_stands_on_a_page() -> None:
    text = "".join(page.read_text("utf-8") for page in pages())
    assert [name for name in TABLES if f"<!-- table: {name} -->" not in text] == []


def test_sentences_state_what_the_results_say() -> None:
    wrong = [
        f"{page}: {figure}"
        for page, figures in prose().items()
        for figure in figures
        if figure not in " ".join((ROOT / page).read_text("utf-8").split())
    ]
    assert wrong == []
