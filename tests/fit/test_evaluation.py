"""Measures against scikit-learn and by hand; evaluations, comparisons and the two commands."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import SettingError
from curate.fit import evaluate, read_annotations
from curate.fit import metrics as m
from curate.fit.evaluation_report import write_evaluation
from labelled_pages import TEACH, make_pages

SCORED = st.lists(
    st.tuples(st.integers(0, 10), st.booleans(), st.floats(0.1, 5)), min_size=2, max_size=40
).filter(lambda rows: 0 < sum(t for _, t, _ in rows) < len(rows))


@given(SCORED)
@settings(deadline=None)
def test_areas_equal_scikit_learns(rows):
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores = np.array([s for s, _, _ in rows]) / 10
    truth = np.array([t for _, t, _ in rows])
    weights = np.array([w for _, _, w in rows])
    expected = average_precision_score(truth, scores, sample_weight=weights)
    assert m.average_precision(scores, truth, weights) == pytest.approx(expected)
    expected = roc_auc_score(truth, scores, sample_weight=weights)
    assert m.roc_area(scores, truth, weights) == pytest.approx(expected)


@given(SCORED)
@settings(deadline=None)
def test_spearman_equals_scipys(rows):
    from scipy.stats import spearmanr

    a, b = np.array([s for s, _, _ in rows], float), np.array([w for _, _, w in rows])
    if len(set(a)) > 1 and len(set(b)) > 1:
        assert m.spearman(a, b, np.ones(len(a))) == pytest.approx(spearmanr(a, b)[0])


def test_calibration_error_is_the_gap_between_score_and_rate():
    scores = np.array([0.05, 0.05, 0.95, 0.95])
    truth = np.array([False, False, True, False])
    assert m.calibration_error(scores, truth, np.ones(4)) == pytest.approx(0.5 * 0.05 + 0.5 * 0.45)


def test_the_best_cut_has_the_highest_f1_of_all_cuts():
    rng = np.random.default_rng(0)
    scores, truth, weights = np.round(rng.random(200), 2), rng.random(200) < 0.3, rng.random(200) + 0.1
    cut = m.best_cut(scores, truth, weights)
    best = max(m.cut_metrics(scores >= c, truth, weights)["f1"] for c in np.unique(scores))
    assert m.cut_metrics(scores >= cut, truth, weights)["f1"] == pytest.approx(best)


def test_a_page_of_propensity_one_half_stands_for_two():
    scores, truth = np.array([0.9, 0.8, 0.1]), np.array([True, False, False])
    doubled = m.cut_metrics(scores > 0.5, truth, np.array([1.0, 2.0, 1.0]))
    assert doubled["precision"] == pytest.approx(1 / 3)
    assert doubled["keep_rate"] == pytest.approx(3 / 4)


class CountsTeaching:
    name = "counts-teaching"

    def score(self, texts):
        return np.array([min(sum(str(t).count(w) for w in TEACH) / 40, 1) for t in texts], np.float32)


class Constant:
    name = "constant"

    def score(self, texts):
        return np.full(len(texts), 0.5, np.float32)


def test_an_evaluation_tells_a_good_scorer_from_none(tmp_path):
    found = evaluate(Constant(), make_pages(150), other=CountsTeaching(), n_resamples=50, by_topic=False)
    assert found.comparison["difference"]["average_precision"]["low"] > 0.2
    assert found.metrics["roc_area"]["3"]["value"] == pytest.approx(0.5)
    paths = write_evaluation(found, tmp_path)
    assert json.loads((tmp_path / "evaluation.json").read_text())["scorer"] == "constant"
    assert "counts-teaching less constant" in (tmp_path / "evaluation.md").read_text()
    assert {path.suffix for path in paths} >= {".json", ".md"}


def test_a_scorer_against_itself_differs_by_nothing():
    scorer = CountsTeaching()
    found = evaluate(scorer, make_pages(100), other=scorer, n_resamples=20, by_topic=False)
    assert all(
        row["value"] == row["low"] == row["high"] == 0 for row in found.comparison["difference"].values()
    )


def test_pages_of_one_kind_cannot_be_evaluated():
    with pytest.raises(SettingError, match="0 of 30 pages are at level 9"):
        evaluate(CountsTeaching(), make_pages(30), positive=9)


def test_slices_hold_lengths_sites_and_topics():
    found = evaluate("edu", [dict(row, topic="Science") for row in make_pages(80)], n_resamples=5)
    assert [row["slice"] for row in found.metrics["slices"]["topic"]] == ["Science"]
    assert sum(row["n_pages"] for row in found.metrics["slices"]["length"]) <= 80


def test_the_commands_fit_and_evaluate(tmp_path, monkeypatch, capsys):
    from curate.cli import main

    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in make_pages(120)))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["curate", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr()

    code, said = run("fit", "-a", "labels.jsonl", "-o", "mine", "--member", "own_tfidf:ridge")
    assert code == 0
    assert "Spearman" in said.out
    code, said = run("evaluate", "--scorer", "./mine", "-a", "labels.jsonl", "-o", "ev", "--resamples", "10")
    assert code == 0
    assert (tmp_path / "ev" / "evaluation.md").exists()
    code, said = run("fit", "-a", "labels.jsonl", "-o", "mine")
    assert code == 2
    assert "--overwrite" in said.err
    code, said = run("fit", "-a", "none.jsonl", "-o", "new")
    assert code == 2
    assert said.err.count("\n") == 1


@pytest.mark.realdata
def test_the_bundled_scorer_is_as_good_as_its_card_says(real_data):
    found = evaluate("edu", real_data / "annotations" / "edu_train.jsonl.gz", n_resamples=10)
    assert found.metrics["spearman"]["value"] > 0.6
    assert len(read_annotations(real_data / "annotations" / "edu_train.jsonl.gz")) == 1000
