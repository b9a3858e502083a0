"""From labels as people have them to scores that mean what they say."""

import json
import random
import sys

import numpy as np
import pytest

from curate.cli import main
from curate.errors import SettingError
from curate.fit import evaluate, fit_classifier, metrics
from labelled_pages import make_pages

MEMBERS = ["own_tfidf:ridge"]


def balanced(n=120, **more):
    rows = make_pages(n, n_levels=2)
    return [{"text": row["text"], "label": row["edu_level"], "url": row["url"], **more} for row in rows]


def test_balanced_labels_without_a_propensity_bring_advice_and_the_advice_helps(tmp_path):
    fit = fit_classifier(balanced(), tmp_path / "a", members=MEMBERS, n_resamples=5)
    assert len(fit.advice) == 1
    assert "--positive-rate" in fit.advice[0]
    assert json.loads((tmp_path / "a" / "metrics.json").read_text())["advice"] == list(fit.advice)
    rare = fit_classifier(balanced(), tmp_path / "b", members=MEMBERS, n_resamples=5, positive_rate=0.02)
    assert rare.advice == ()
    weights = 1 / rare.annotations.propensity
    assert weights @ rare.annotations.levels / weights.sum() == pytest.approx(0.02)
    stated = [row | {"propensity": 0.5 if row["label"] else 0.01} for row in balanced()]
    assert fit_classifier(stated, tmp_path / "c", members=MEMBERS, n_resamples=5).advice == ()
    few = [row | {"label": int(i % 5 == 0)} for i, row in enumerate(balanced())]
    assert fit_classifier(few, tmp_path / "d", members=MEMBERS, n_resamples=5).advice == ()
    with pytest.raises(
        SettingError, match=r"positive_rate must be above 0 and at most 1, not 5\. Did you mean 0\.05\?"
    ):
        fit_classifier(balanced(), tmp_path / "e", positive_rate=5)


def test_out_of_fold_scores_have_an_out_of_fold_calibration(tmp_path):
    """Labels of pure chance: a calibration judged on its own pages would find them calibrated to nothing."""
    draw = random.Random(0)
    rows = [row | {"label": draw.randrange(2)} for row in balanced(400)]
    fit = fit_classifier(rows, tmp_path / "a", members=MEMBERS, n_resamples=20, calibration="isotonic")
    assert fit.metrics["calibration_error"]["value"] > 0.02


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_of_a_calibration_error_holds_its_own_value(seed):
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.4, 2, 800)
    positive = rng.random(800) < scores
    found = metrics.bootstrap(
        lambda r: metrics.calibration_error(scores[r], positive[r], np.ones(len(r))), 800, 0, 200, unbias=True
    )
    assert 0 <= found["low"] <= found["value"] <= found["high"]
    assert found["high"] - found["low"] > 0.005


def test_three_hundred_levels_between_0_and_1_give_few_thresholds(tmp_path):
    rows = [row | {"label": (i * 37 % 301) / 300} for i, row in enumerate(balanced(300))]
    fit = fit_classifier(rows, tmp_path / "a", members=MEMBERS, n_resamples=5, positive=0.5)
    assert "0.5" in fit.metrics["average_precision"]
    assert len(fit.metrics["average_precision"]) <= 11


def test_levels_of_other_scales_are_not_subtracted():
    found = evaluate("edu", balanced(60), other="edu", n_resamples=5, by_topic=False)
    assert "mae" not in found.metrics
    assert "mae" not in found.comparison["metrics"]
    assert "mae" in evaluate("edu", make_pages(60), n_resamples=5, by_topic=False).metrics


def test_a_table_of_two_annotators_becomes_a_scorer(tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["curate", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    words = ["poor", "fair", "good"]
    lines = ["page,who,verdict"]
    (tmp_path / "pages").mkdir()
    pages = make_pages(90, n_levels=3)
    (tmp_path / "pages" / "a.jsonl").write_text(
        "".join(
            json.dumps({"id": f"p{i}", "url": row["url"], "text": row["text"]}) + "\n"
            for i, row in enumerate(pages)
        )
    )
    for i, row in enumerate(pages):
        lines.append(f"p{i},ann,{words[row['edu_level']]}")
        if i % 3 == 0:
            lines.append(f"p{i},ben,{words[max(row['edu_level'] - 1, 0)]}")
    (tmp_path / "labels.csv").write_text("\n".join([*lines, "gone,ben,good"]) + "\n")
    command = ["fit", "-a", "labels.csv", "--pages", "pages/", "--id-column", "page", "--annotator-column", "who",
               "--label-column", "verdict", "-o", "mine", "--quiet", "--member", "own_tfidf:ridge"]  # fmt: skip
    code, said = run(*command)
    assert code == 2
    assert "--levels fair,good,poor" in said.err
    command += ["--levels", "poor,fair,good"]
    code, said = run(*command)
    assert code == 2
    assert "--positive good" in said.err
    code, said = run(*command, "--positive", "god")
    assert code == 2
    assert "Did you mean 'good'" in said.err
    code, said = run(*command, "--positive", "good")
    assert code == 0, said.err
    assert "| labels.csv | 121 | 120 | verdict | 0-2 | 2 |  | 1 no text |" in said.out
    assert "poor = 0, fair = 1, good = 2" in said.out
    assert (
        said.out.index("| labels.csv")
        < said.out.index("| ann / ben | 30 |")
        < said.out.index("Fitted on 90 pages")
    )
    code, said = run(
        "filter", "pages/", "-o", "out", "--scorer", "./mine", "--threshold", "0.5", "--rules", "none"
    )
    assert code == 0, said.err
