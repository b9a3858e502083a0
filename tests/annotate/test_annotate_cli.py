"""The commands, in process."""

from __future__ import annotations

import json

import pytest
from annotate_pages_of_tests import N_PAGES, SECRET
from typer.testing import CliRunner

from curate.annotate import read_labels
from curate.cli.annotate import annotate_app
from curate.errors import SettingError
from curate.testing.practice import PracticeServer


def call(*arguments):
    result = CliRunner().invoke(
        annotate_app, [str(argument) for argument in arguments], standalone_mode=False
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.return_value, result.output


def common(server, crawl, output):
    address = server.base_url if server else "http://127.0.0.1:9/v1"
    return ["--input", crawl, "--output", output, "--model", "practice", "--base-url", address,
            "--price-input", 1, "--price-output", 4, "--budget-usd", 1]  # fmt: skip


def test_a_dry_run_prints_pages_tokens_and_cost_and_sends_nothing(crawl, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    code, printed = call(*common(None, crawl, tmp_path / "l.jsonl"), "--dry-run")
    assert code == 0
    for words in ("Pages chosen", "Input tokens", "at worst", "as a batch", "Budget", "Nothing was sent"):
        assert words in printed
    assert not (tmp_path / "l.jsonl").exists()


def test_annotate_prints_what_it_did(crawl, tmp_path):
    with PracticeServer() as server:
        code, printed = call(*common(server, crawl, tmp_path / "l.jsonl"))
    assert code == 0
    assert f"{N_PAGES} labels for {N_PAGES} pages" in printed
    assert SECRET not in printed


def test_a_batch_is_submitted_watched_and_collected(crawl, tmp_path):
    output = tmp_path / "l.jsonl"
    with PracticeServer(batches_wait=1) as server:
        code, printed = call(*common(server, crawl, output), "--batch")
        assert (code, "Submitted 24 requests" in printed) == (0, True)
        code, printed = call("status", "--output", output)
        assert "in_progress" in printed
        code, printed = call("collect", "--output", output)
        assert code == 0
    assert "24 labels" in printed
    assert len(read_labels(output)) == N_PAGES


def test_agreement_and_merge(tmp_path):
    rows = [
        {"id": "a", "text": "t", "edu_level": level, "annotator": name, "reason": f"because {name}"}
        for name, level in (("x", 1), ("y", 4))
    ]
    rows += [row | {"id": "b", "edu_level": 2} for row in rows]
    path = tmp_path / "two.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, printed = call("agreement", path)
    assert "Krippendorff's alpha: interval" in printed
    assert "a: 1 x (because x); 4 y (because y)" in printed
    call("merge", path, "--output", tmp_path / "one.jsonl")
    assert [row["edu_level"] for row in read_labels(tmp_path / "one.jsonl")] == [2.5, 2]
    with pytest.raises(SettingError, match="of their own"):
        call("merge", path, "--output", path)


def test_settings_may_come_from_a_file_and_flags_go_before(crawl, tmp_path):
    config = tmp_path / "annotate.toml"
    config.write_text(
        f'[files]\ninput = ["{crawl}"]\noutput = "{tmp_path / "l.jsonl"}"\n[model]\nmodel = "gpt-4o-mini"\n[select]\nn_pages = 3\n'
    )
    assert "Pages chosen                   3" in call("--config", config, "--dry-run")[1]
    assert "Pages chosen                   5" in call("--config", config, "--n-pages", 5, "--dry-run")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "No input"),
        (["status"], "--output"),
        (["--input", "x", "--output", "o", "--model", "m", "--temperature", "hot"], "hot"),
    ],
)
def test_wrong_calls_say_what_to_type(arguments, message):
    with pytest.raises(SettingError, match=message):
        call(*arguments)
