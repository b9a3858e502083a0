"""What the report says of crafted text, and that a run of another command says nothing."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from craft_pages_of_tests import page_text
from hypothesis import given
from hypothesis import strategies as st
from test_craft_run import rows_of

from curate import filter_crawl
from curate.craft import craft_text
from curate.results.html import render_page
from curate.results.overview import read_overview
from curate.results.writing import measure_growth


def test_a_report_prices_recipes_and_shows_passages_beside_their_seeds(make_settings, writer, pages):
    with writer(lambda prompt, n_before: "wr_preamble" if "lantern" in prompt else None) as server:
        settings = make_settings(server, input=(str(pages),), recipe="distill", n=24)
        result = craft_text(settings, progress=False)
    overview = read_overview(settings.output)
    (facts,) = overview.writing.recipes
    rows = rows_of(settings.output)
    kept = [row for row in rows if row["drop_reason"] is None]
    assert (facts.n_read, facts.n_kept) == (len(rows), len(kept))
    assert facts.cost_usd == pytest.approx(result.spent_usd, abs=1e-5)
    assert facts.n_kept_tokens == sum(row["n_output_tokens"] for row in kept)
    assert sum(n for _, n, _, _ in overview.writing.topics) == len(rows)
    page = render_page(overview, settings.output)
    assert "a kept 1,000 tokens" in page
    for seed_id, seed, passage, _ in overview.writing.pairs:
        assert seed_id in page
        assert any(row["seed_id"] == seed_id and row["text"].startswith(passage[:100]) for row in kept)
        assert page_text(int(seed_id.split("-")[1])).startswith(seed[:100])


def test_nothing_kept_is_a_price_of_none(make_settings, writer):
    with writer(lambda prompt, n_before: "wr_refusal") as server:
        settings = make_settings(server, n=5)
        craft_text(settings, progress=False)
    page = render_page(read_overview(settings.output), settings.output)
    assert "none kept" in page


def test_columns_of_these_names_with_anything_in_them_do_not_end_a_report(tmp_path):
    names = ("recipe", "cost_usd", "n_output_tokens", "seed_id", "seed_score", "seed_excerpt", "topic")
    rows = [{"id": str(n), "text": page_text(n)} | dict.fromkeys(names, f"<b>{n}") for n in range(4)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    filter_crawl(
        str(tmp_path / "in.parquet"), str(tmp_path / "out"), scorer="none", workers=1, progress=False
    )
    page = render_page(read_overview(tmp_path / "out"), "out")
    assert "<b>" not in page


def test_another_run_has_no_such_panel(pages, tmp_path):
    filter_crawl(str(pages), str(tmp_path / "out"), scorer="none", workers=1, progress=False)
    overview = read_overview(tmp_path / "out")
    assert overview.writing is None
    assert "What was written" not in render_page(overview, "out")


@given(st.lists(st.lists(st.sampled_from(["oak", "elm", "ash"]), max_size=9), max_size=30))
def test_new_runs_of_words_are_those_of_a_plain_loop(texts):
    import numpy as np

    found = measure_growth(
        pa.array([" ".join(words) for words in texts], pa.large_string()), np.zeros(len(texts), bool)
    )
    seen: set = set()
    begin = 0
    for each in found:
        part = texts[begin : each.n_before]
        runs = [set(zip(words, words[1:], words[2:], strict=False)) for words in part]
        n = sum(map(len, runs))
        if n:
            assert each.frac_new == pytest.approx(sum(len(r - seen) for r in runs) / n)
        seen |= set().union(*runs) if runs else set()
        begin = each.n_before
    assert begin == len(texts)
