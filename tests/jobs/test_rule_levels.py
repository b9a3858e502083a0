"""A study of rules on pages whose level is known: shares by level, what goes beyond the score, overlap, examples."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from common import run_curate
from curate.errors import SettingError
from curate.jobs.rule_study import study_rules
from curate.results.study import write_study

LESSON = "Water that boils turns into steam, and the steam of a kettle shows what a cloud is made of. "
PAGES = [
    *(
        {"id": f"good{i}", "text": LESSON * 3 + f"The kettle of house {i} is red.", "edu_level": 4}
        for i in range(6)
    ),
    {"id": "short", "text": "A short <b>page</b>\x1b[31m that teaches well.", "edu_level": 5},
    *({"id": f"poor{i}", "text": f"buy now {i}", "edu_level": 0} for i in range(4)),
]


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(page) + "\n" for page in PAGES), encoding="utf-8")
    return path


def test_shares_are_those_of_each_level(labels):
    study = study_rules([str(labels)], ["gopher-quality"], scorer=None)
    assert study.n_pages == {"0": 4, "4": 6, "5": 1}
    by_reason = {finding.reason: finding for finding in study.findings}
    short = by_reason["gopher_n_words"]
    assert short.n_failing == 5
    assert [short.removed[level][0] for level in ("0", "4", "5")] == [1.0, 0.0, 1.0]
    assert short.removed["4"][2] == 0.5  # none of six: the rule of three
    assert short.overlap["gopher_stop_words"] == 1.0
    assert short.n_alone == 0
    assert short.beyond_score is None
    assert short.examples[0]["level"] == 5
    assert study.findings[0].reason == "any rule"
    assert study.findings[0].n_failing == 5


def test_two_readings_of_a_page_count_once_with_their_mean(tmp_path):
    path = tmp_path / "labels.jsonl"
    rows = [PAGES[0] | {"annotator": "a", "edu_level": 2}, PAGES[0] | {"annotator": "b", "edu_level": 4}]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, PAGES[-1]]), encoding="utf-8")
    assert study_rules([str(path)], scorer=None).n_pages == {"0": 1, "3": 1}


def test_a_rule_that_removes_what_the_score_would_keep_lies_below_it(labels):
    study = study_rules([str(labels)], ["curate"], scorer="edu")
    mean, low, high = study.findings[0].beyond_score
    assert low <= mean <= high


def test_the_study_is_written_with_every_text_escaped(labels, tmp_path):
    study = study_rules([str(labels)], ["curate"], scorer=None)
    page = write_study(asdict(study), tmp_path / "out" / "study.html").read_text(encoding="utf-8")
    assert "curate_n_words" in page
    assert "<b>page</b>" not in page
    assert write_study(asdict(study), tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_the_command_prints_the_study_and_nothing_that_a_terminal_obeys(labels, tmp_path):
    html = tmp_path / "s.html"
    done = run_curate("rules", "study", "--annotations", labels, "--scorer", "none", "--html", html)
    assert done.returncode == 0, done.stderr
    assert "curate_n_words  60 <= n_words" in done.stdout
    assert "\x1b" not in done.stdout
    assert html.is_file()


def test_labels_without_levels_and_unknown_rules_are_one_line(labels, tmp_path):
    bare = tmp_path / "bare.jsonl"
    bare.write_text('{"text": "x"}\n')
    with pytest.raises(SettingError, match="--level-field"):
        study_rules([str(bare)])
    with pytest.raises(SettingError, match="gopher"):
        study_rules([str(labels)], ["gophr"])
    done = run_curate("rules", "study")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--annotations" in done.stderr
