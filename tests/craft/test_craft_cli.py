"""The command, and what comes after it: explain, report, rethreshold and mix."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from craft_pages_of_tests import N_TOPICS, SECRET, page_text
from typer.testing import CliRunner

from curate.cli import run
from curate.cli.craft import craft_app
from curate.errors import SettingError, UnknownNameError


def call(*arguments):
    result = CliRunner().invoke(craft_app, [str(argument) for argument in arguments], standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.return_value, result.output


def common(server, topics, output):
    address = server.base_url if server else "http://127.0.0.1:9/v1"
    return ["--topics", topics, "--output", output, "--model", "practice", "--base-url", address, "--recipe", "story",
            "--price-input", 1, "--price-output", 4, "--budget-usd", 1, "--scorer", "none"]  # fmt: skip


def test_a_dry_run_prints_a_prompt_tokens_and_cost_and_sends_nothing(topics, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    code, printed = call(*common(None, topics, tmp_path / "out"), "--dry-run")
    assert code == 0
    for words in ("Subject: How lamp", "Prompts", "Output tokens", "at worst", "Budget", "Nothing was sent"):
        assert words in printed
    assert not (tmp_path / "out").exists()


def test_craft_prints_what_it_did(topics, tmp_path, writer):
    with writer() as server:
        code, printed = call(*common(server, topics, tmp_path / "out"))
    assert code == 0
    assert f"{N_TOPICS} replies to {N_TOPICS} prompts; spent 0." in printed
    assert SECRET not in printed


def test_prompts_without_a_reply_end_in_code_3_and_nothing_kept_in_code_4(topics, tmp_path, writer):
    with writer() as server:
        code, printed = call(*common(server, topics, tmp_path / "out"), "--budget-usd", 0.03)
        assert code == 3
        assert "Raise --budget-usd" in printed
    with writer(lambda prompt, _: "wr_refusal") as server:
        code, _ = call(*common(server, topics, tmp_path / "refused"))
    assert code == 4


def test_recipes_are_listed_and_shown_with_their_papers():
    _, printed = call("recipes", "list")
    assert "exercises" in printed
    _, printed = call("recipes", "show", "textbook")
    assert "arXiv 2309.05463" in printed
    with pytest.raises(UnknownNameError):
        call("recipes", "show", "textbok")


def test_a_paid_model_without_budget_or_key_is_refused(topics, tmp_path, monkeypatch):
    arguments = common(None, topics, tmp_path / "out")
    at = arguments.index("--budget-usd")
    with pytest.raises(SettingError, match="--budget-usd"):
        call(*arguments[:at], *arguments[at + 2 :])
    monkeypatch.delenv("OPENAI_API_KEY")
    arguments[arguments.index("--base-url") + 1] = "https://models.example.org/v1"
    with pytest.raises(SettingError, match="OPENAI_API_KEY"):
        call(*arguments)


def test_what_was_crafted_is_explained_reported_and_mixed(topics, tmp_path, writer, capsys):
    output = tmp_path / "crafted"
    with writer() as server:
        call(*common(server, topics, output))
    row = pq.read_table(output / "kept").to_pylist()[0]
    assert run(["explain", str(output), row["id"]]) == 0
    assert run(["report", str(output)]) == 0
    web = tmp_path / "web.jsonl"
    web.write_text("".join(json.dumps({"id": f"w{n}", "text": page_text(n, 300)}) + "\n" for n in range(40)))
    config = tmp_path / "mix.toml"
    config.write_text(
        f'max_passes = 4.0\n[sources.web]\npath = ["{web}"]\n'
        f'[sources.crafted]\npath = ["{output / "kept"}"]\nmax_share = 0.3\n'
    )
    assert run(["mix", "--config", str(config), "--output", str(tmp_path / "mixed")]) == 0, (
        capsys.readouterr()
    )
    found = [
        row
        for path in (tmp_path / "mixed").rglob("*.parquet")
        for row in pq.read_table(path).to_pylist()
        if "story/1@" in json.dumps(row, default=str)
    ]
    assert found
    plan = json.loads((tmp_path / "mixed" / "plan.json").read_text())
    assert sum(group["share"] for group in plan["groups"] if group["source"] == "crafted") == pytest.approx(
        0.3, abs=0.01
    )
