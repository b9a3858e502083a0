"""What a plan says when weights cannot be met, and that doing what it says is enough."""

import re

import pytest
from mixture_builders import make_rows, write_lines

from curate.errors import SettingError
from curate.mixture import MixtureSettings, Source, mix
from curate.mixture.render import _advise, describe_plan


def plan_of(tmp_path, n_books=10, books=None, **settings):
    web = write_lines(tmp_path / "web.jsonl", make_rows("web", 300, edu_score=lambda i: i / 300))
    path = write_lines(tmp_path / "books.jsonl", make_rows("books", n_books))
    sources = (Source("web", (web,)), Source("books", (path,), **({"weight": 0.5} | (books or {}))))
    return mix(
        MixtureSettings(**({"sources": sources, "validation_fraction": 0.0} | settings)), None, workers=1
    )


def unmet(plan):
    return [line for line in describe_plan(plan) if line.startswith("Not as asked")]


def tokens_of(plan, source):
    groups = [group for group in plan["groups"] if group["source"] == source]
    return sum(stage["n_tokens"].get(group["name"], 0) for stage in plan["stages"] for group in groups)


def test_a_weight_that_a_cap_does_not_let_be_met_is_told_with_what_would(tmp_path):
    plan = plan_of(tmp_path, budget_tokens=20_000)
    (line,) = unmet(plan)
    share = tokens_of(plan, "books") / 20_000
    assert f"source 'books' gets {share:.1%} of the training tokens instead of 50.0%, as 4 passes" in line
    passes = float(re.search(r"max_passes to ([\d.]+)", line)[1])
    assert not unmet(plan_of(tmp_path, books={"max_passes": passes}, budget_tokens=20_000))
    budget = re.search(r"budget_tokens to ([\d.]+)K", line)[1]
    assert not unmet(plan_of(tmp_path, budget_tokens=int(float(budget) * 1000)))
    more = float(re.search(r"add ([\d.]+)K tokens", line)[1]) * 1000
    per_book = next(g["train"]["n_tokens"] for g in plan["groups"] if g["source"] == "books") / 10
    assert not unmet(plan_of(tmp_path, n_books=10 + int(more / per_book) + 2, budget_tokens=20_000))


def test_a_curve_that_a_cap_flattens_is_told(tmp_path):
    settings = {"n_buckets": 3, "upsample": (0.0, 1.0, 9.0), "max_passes": 2, "budget_tokens": 25_000}
    (line,) = unmet(plan_of(tmp_path, books={"weight": None}, **settings))
    assert "bucket 'q2' gets" in line


def test_weights_that_are_met_are_not_mentioned(tmp_path):
    assert unmet(plan_of(tmp_path, books={"weight": 0.1}, budget_tokens=10_000)) == []


def test_a_budget_beyond_the_caps_is_an_error_with_numbers_that_work(tmp_path):
    with pytest.raises(SettingError, match="more than the caps on passes allow") as error:
        plan_of(tmp_path, books={"weight": None}, budget_tokens=10**6)
    most = int(re.search(r"allow: ([\d,]+)", str(error.value))[1].replace(",", ""))
    factor = float(re.search(r"by a factor of ([\d.]+)", str(error.value))[1])
    assert tokens_of(plan_of(tmp_path, books={"weight": None}, budget_tokens=most), "web") > 0
    plan = plan_of(tmp_path, books={"weight": None}, budget_tokens=10**6, max_passes=4 * factor)
    assert sum(sum(stage["n_tokens"].values()) for stage in plan["stages"]) == 10**6


def test_a_source_without_a_document_for_training_is_named(tmp_path):
    empty = write_lines(tmp_path / "empty.jsonl", ["[1, 2]", '{"text": " "}'])
    web = write_lines(tmp_path / "web.jsonl", make_rows("web", 30))
    plan = mix(MixtureSettings(sources=(Source("web", (web,)), Source("void", (empty,)))), None, workers=1)
    assert "Source 'void' has no document for training." in describe_plan(plan)
    with pytest.raises(
        SettingError,
        match=r"Removed: void json_invalid 1, void no_text 1. Sources are Parquet, or JSON lines",
    ):
        mix(MixtureSettings(sources=(Source("void", (empty,)),)), None, workers=1)


@pytest.mark.parametrize(("n_text", "is_short"), [(100.0, True), (900.0, False)])
def test_more_passes_and_text_are_advised_only_where_text_is_short(n_text, is_short):
    advice = _advise(n_asked=800.0, n_taken=400.0, n_text=n_text, caps=[1.0], n_all=1000.0)
    assert ("max_passes" in advice) == is_short
    assert "lower budget_tokens to 500" in advice
