"""Upsampling as a curve over the text by score."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mixture_builders import make_rows, write_lines
from rich.console import Console

from curate.mixture import MixtureSettings, Source, mix
from curate.mixture.plan import curve_factors
from curate.mixture.render import render_plan

edges = st.lists(st.floats(0, 1), max_size=8).map(lambda cuts: np.array([0.0, *sorted(cuts), 1.0]))


@given(edges, st.floats(0, 20), st.floats(0, 0.99), st.floats(0, 20))
def test_a_curve_rises_and_its_mean_over_all_text_is_one(cuts, power, begins, growth):
    parts = {f"q{i}": (low, high) for i, (low, high) in enumerate(itertools.pairwise(cuts))}
    factors = curve_factors(parts, power=power, begins=begins, growth=growth)
    filled = [factors[name] for name, (low, high) in parts.items() if high - low > 1e-3]
    assert all(b >= a - 1e-3 * max(filled) for a, b in itertools.pairwise(filled))
    assert sum(factors[name] * (high - low) for name, (low, high) in parts.items()) == pytest.approx(
        1, abs=1e-4
    )


def test_below_where_it_begins_a_curve_is_nothing_and_above_it_is_the_published_one():
    parts = {f"q{i}": (i / 10, (i + 1) / 10) for i in range(10)}
    factors = curve_factors(parts, power=1.5, begins=0.4, growth=2)
    assert [factors[f"q{i}"] for i in range(4)] == [0.0] * 4
    places = (np.arange(100_000) + 0.5) / 100_000
    above = np.clip(places - 0.4, 0, None)
    heights = above**1.5 * np.exp(2 * above)
    by_tenth = heights.reshape(10, -1).mean(axis=1) / heights.mean()
    assert [factors[f"q{i}"] for i in range(10)] == pytest.approx(by_tenth.tolist(), abs=1e-3)


def test_the_plan_shows_the_curve_by_the_text_that_each_bucket_really_is(tmp_path):
    rows = make_rows("web", 400, edu_score=lambda i: i / 400)
    source = Source("web", (write_lines(tmp_path / "web.jsonl", rows),))
    settings = {
        "bucket_edges": (0.9,),
        "upsample_power": 1.0,
        "upsample_from": 0.5,
        "validation_fraction": 0.0,
    }
    plan = mix(MixtureSettings(sources=(source,), max_passes=None, **settings), None)
    console = Console(record=True, width=120)
    for table in render_plan(plan):
        console.print(table)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["bucket", "text", "by", "score", "factor"] in lines
    # A tenth of the text holds 1 - .8^2 = .36 of the triangle from .5 to 1.
    (upper,) = (line for line in lines if line[:4] == ["q1", "90%", "to", "100%"])
    assert float(upper[4]) == pytest.approx(3.6, abs=0.2)
    share = sum(group["share"] for group in plan["groups"] if group["bucket"] == "q1")
    assert share == pytest.approx(0.36, abs=0.02)
