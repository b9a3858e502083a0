"""Which pages are chosen: with their true chances, without near-duplicates, whatever the order."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from annotate_pages_of_tests import page_text
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.annotate import read_labels, run_annotation, select_pages
from curate.annotate.pages import read_pool
from curate.annotate.selection import _draw_systematically, _spread, group_by_words
from curate.errors import SettingError, UnknownNameError

STRATEGIES = ["random", "stratified", "uncertain", "disagreement", "diverse"]


class FakeScorer:
    """A page's number over 100, from its text; a member says so, the other says 0."""

    name = "fake"

    def score(self, texts, /):
        return np.array([int(str(text).split()[1]) / 100 for text in texts], np.float32)

    def score_members(self, texts, /):
        return np.stack([self.score(texts), np.zeros(len(texts), np.float32)])


def make_pages(n=100, topics=False):
    columns = {
        "id": [f"p{i}" for i in range(n)],
        "text": pa.array([page_text(i) for i in range(n)], pa.large_string()),
    }
    if topics:
        columns["topic"] = [("law", "art")[i % 2] for i in range(n)]
    return pa.table(columns)


def choose(pages, n, strategy, **others):
    return select_pages(pages, n, strategy=strategy, scorer=FakeScorer(), **others)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_as_many_pages_as_asked_for_each_once_with_chances_that_sum_to_them(strategy):
    chosen = choose(make_pages(), 17, strategy)
    assert len(set(chosen.rows.tolist())) == 17
    assert (np.diff(chosen.rows) > 0).all()
    assert ((chosen.propensity > 0) & (chosen.propensity <= 1)).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_choice_does_not_depend_on_the_order_of_the_pages(strategy):
    pages = make_pages()
    mixed = pages.take(pa.array(np.random.default_rng(1).permutation(len(pages))))
    one, other = choose(pages, 20, strategy), choose(mixed, 20, strategy)
    ids = {pages["id"][row].as_py() for row in one.rows.tolist()}
    assert {mixed["id"][row].as_py() for row in other.rows.tolist()} == ids


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_never_two_near_duplicates(strategy):
    pages = make_pages(40)
    copies = pa.table(
        {
            "id": [f"copy{i}" for i in range(40)],
            "text": pa.array([page_text(i) + " end" for i in range(40)], pa.large_string()),
        }
    )
    both = pa.concat_tables([pages, copies])
    chosen = choose(both, 60, strategy)
    assert chosen.n_duplicates == 40
    numbers = [both["id"][row].as_py().removeprefix("copy").removeprefix("p") for row in chosen.rows.tolist()]
    assert sorted(map(int, numbers)) == list(range(40))


def test_pages_that_are_labelled_already_and_their_near_duplicates_are_left_out():
    labelled = [{"id": "p3", "text": page_text(3)}, {"id": "elsewhere", "text": page_text(5) + " more"}]
    chosen = choose(make_pages(20), None, "random", exclude=labelled)
    assert 3 not in chosen.rows
    assert 5 not in chosen.rows
    assert len(chosen.rows) == 18
    assert (chosen.n_excluded, chosen.n_duplicates) == (1, 1)


def test_stratified_takes_the_same_from_every_tenth_and_topic():
    chosen = choose(make_pages(topics=True), 40, "stratified")
    sizes = {name: chosen.strata.count(name) for name in set(chosen.strata)}
    assert len(sizes) == 20
    assert set(sizes.values()) <= {1, 2, 3}
    assert chosen.propensity == pytest.approx(np.full(40, 0.4))


def test_uncertain_prefers_scores_near_the_cut_and_leaves_a_chance_to_all():
    scores = np.mean(
        [
            np.abs(choose(make_pages(), 10, "uncertain", cut=0.3, seed=seed).scores - 0.3).mean()
            for seed in range(10)
        ]
    )
    assert scores < 0.14
    far = choose(make_pages(), 90, "uncertain", cut=0.3)
    assert (far.propensity[far.scores > 0.9] > 0).all()


def test_disagreement_takes_pages_by_how_far_members_are_apart_and_leaves_a_chance_to_all():
    chosen = choose(make_pages(), 100, "disagreement")
    assert chosen.scores == pytest.approx(np.arange(100) / 200)
    half = [choose(make_pages(), 30, "disagreement", seed=seed) for seed in range(20)]
    # Weighted by one over their chance, the chosen stand for all: 100 pages with a mean of 49.5.
    stand_for = np.mean([(1 / each.propensity).sum() for each in half])
    assert stand_for == pytest.approx(100, rel=0.1)
    assert np.mean([(each.rows / each.propensity).sum() / 100 for each in half]) == pytest.approx(49.5, abs=3)
    assert np.mean([each.rows.mean() for each in half]) > 58


def test_disagreement_needs_a_scorer_with_members():
    class Alone:
        name = "alone"

        def score(self, texts, /):
            return np.zeros(len(texts), np.float32)

    with pytest.raises(SettingError, match="'alone' has no members that could disagree"):
        select_pages(make_pages(9), 3, strategy="disagreement", scorer=Alone())


def test_diverse_takes_from_every_group():
    texts = [
        f"{topic} {word}{i} {topic}s"
        for topic, word in (("atom", "a"), ("sonnet", "b"), ("tariff", "c"))
        for i in range(20)
    ]
    groups = group_by_words(pa.array(texts, pa.large_string()), 3)
    assert [len(set(groups[start : start + 20].tolist())) for start in (0, 20, 40)] == [1, 1, 1]
    assert len(set(groups.tolist())) == 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=40), st.data())
def test_chances_are_proportional_to_weights_and_are_those_of_the_draw(weights, data):
    n = data.draw(st.integers(1, len(weights)))
    chances = _spread(np.array(weights), n)
    assert chances.sum() == pytest.approx(n)
    assert (chances <= 1 + 1e-12).all()
    walk = np.array(data.draw(st.permutations(range(len(weights)))))
    at = _draw_systematically(chances, walk, n, start=data.draw(st.floats(0, 1, exclude_max=True)))
    assert len(at) == n
    assert set(np.flatnonzero(chances >= 1 - 1e-12)) <= set(at.tolist())


@pytest.mark.parametrize("start", [0.0, 1e-17, 0.5, 1 - 2**-53])
def test_rounding_takes_no_row_twice_and_leaves_none_out(start):
    for weights in ([1.0, 1.0], [0.1] * 10, [1 / 3] * 3, [100.0, 0.01, 0.01]):
        for n in range(1, len(weights) + 1):
            chances = _spread(np.array(weights), n)
            assert len(set(_draw_systematically(chances, np.arange(len(weights)), n, start=start))) == n


def test_pages_are_drawn_as_often_as_their_chance_says():
    weights = np.array([1.0, 2, 3, 4, 10])
    chances = _spread(weights, 2)
    rng = np.random.default_rng(0)
    counts = np.zeros(5)
    for _ in range(4000):
        counts[_draw_systematically(chances, rng.permutation(5), 2, start=rng.random())] += 1
    assert counts / 4000 == pytest.approx(chances, abs=0.03)


def test_more_pages_than_there_are_gives_all_of_them():
    assert len(choose(make_pages(5), 50, "random").rows) == 5


def test_unknown_strategy_and_nothing_left_are_setting_errors():
    with pytest.raises(UnknownNameError, match="uncertain"):
        select_pages(make_pages(3), strategy="uncertian")
    with pytest.raises(SettingError, match="excluded"):
        select_pages(make_pages(1), exclude=[{"id": "p0", "text": "x"}])


def test_a_large_input_is_sampled_by_hash_whatever_its_order(make_settings, tmp_path):
    rows = [{"id": f"p{i}", "text": page_text(i)} for i in range(50)]
    pools = []
    for name, order in (("a", rows), ("b", rows[::-1])):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in order))
        pool = read_pool(make_settings(input=(str(path),), max_pool=10))
        assert pool.n_read == 50
        pools.append(pool.pages["id"].to_pylist())
    assert len(pools[0]) == 10
    assert pools[0] == pools[1][::-1]


def test_pages_without_text_and_repeated_ids_are_counted(make_settings, tmp_path):
    path = tmp_path / "some.jsonl"
    rows = [{"id": "a", "text": "some text"}, {"id": "b", "text": "  "}, {"id": "a", "text": "other"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pool = read_pool(make_settings(input=(str(path),)))
    assert pool.pages["id"].to_pylist() == ["a"]
    assert pool.passed_over["same_id"] == 1
    assert sum(pool.passed_over.values()) == 2


def test_html_pages_are_extracted(make_settings, tmp_path):
    (tmp_path / "page.html").write_text(
        "<html><body><p>A paragraph of main text about owls and mice.</p></body></html>"
    )
    pool = read_pool(make_settings(input=(str(tmp_path / "page.html"),)))
    assert pool.pages["text"].to_pylist() == ["A paragraph of main text about owls and mice."]


def test_a_result_folder_of_curate_stands_for_what_it_kept(make_settings, tmp_path):
    import pyarrow.parquet as pq

    folder = tmp_path / "curated"
    (folder / "kept").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    table = pa.table(
        {
            "id": ["x", "y"],
            "url": ["http://a.example/", None],
            "text": ["one text", "other words"],
            "topic": ["law", None],
        }
    )
    pq.write_table(table, folder / "kept" / "part-00000.parquet")
    pool = read_pool(make_settings(input=(str(folder),)))
    assert pool.pages["id"].to_pylist() == ["x", "y"]
    assert pool.pages["topic"].to_pylist() == ["law", None]


def test_chances_and_strata_are_written_beside_the_labels(make_settings):
    from curate.testing.practice import PracticeServer

    with PracticeServer() as server:
        settings = make_settings(server, select="diverse", n_pages=8)
        run_annotation(settings)
    for row in read_labels(settings.output):
        assert 0 < row["propensity"] <= 1
        assert row["stratum"].startswith("group ")
