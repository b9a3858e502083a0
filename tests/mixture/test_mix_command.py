"""`curate mix` and `curate tokenize` as a user runs them."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from mixture_builders import make_rows, snapshot, write_lines

from common import run_curate
from curate.tokens import open_tokens


@pytest.fixture
def config(tmp_path):
    write_lines(
        tmp_path / "web.jsonl", make_rows("web", 80, edu_score=lambda i: i / 80, topic=lambda i: f"t{i % 2}")
    )
    write_lines(tmp_path / "books.jsonl", make_rows("books", 20))
    (tmp_path / "mixture.toml").write_text(
        """
max_passes = 4
[sources.web]
path = "web.jsonl"
[sources.books]
path = "books.jsonl"
weight = 0.3
[quality]
buckets = 2
[validation]
fraction = 0.1
[[stages]]
name = "base"
share = 3
[[stages]]
name = "best"
upsample = [0, 1]
"""
    )
    return tmp_path


def test_a_mixture_goes_to_no_store(config):
    done = run_curate("mix", "--config", "mixture.toml", "--output", "s3://bucket/mixture", cwd=config)
    assert done.returncode == 2
    assert "must be written to a local folder, not 's3://bucket/mixture'" in " ".join(done.stderr.split())
    assert not (config / "s3:").exists()


def test_the_plan_shows_tokens_and_passes_by_source_domain_bucket_and_stage(config):
    done = run_curate("mix", "--config", "mixture.toml", "--plan", "--workers", 1, cwd=config)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0] == ["source", "documents", "text", "training", "share", "passes"]
    names = [line[0] for line in lines]
    assert {"web", "books", "t0", "t1", "none", "q0", "q1", "unscored", "base", "best"} <= set(names)
    books = lines[names.index("books")]
    assert books[4] == "30.0%"
    best = lines[names.index("best")]
    assert best[2:4] == ["30.0%", "70.0%"]  # books and web
    assert best[4] == "0.0%"  # the lower bucket
    assert "Validation:" in done.stdout
    assert not (config / "mixture").exists()


def test_mix_then_tokenize_gives_a_folder_that_opens(config):
    assert run_curate("mix", "--config", "mixture.toml", "--workers", 1, cwd=config).returncode == 0
    done = run_curate(
        "tokenize",
        "--input",
        "mixture",
        "--vocab-size",
        500,
        "--workers",
        1,
        "--peer",
        "megatron",
        cwd=config,
    )
    assert done.returncode == 0, done.stderr
    tokens = open_tokens(config / "tokens")
    plan = json.loads((config / "mixture" / "plan.json").read_text())
    assert tokens.plan == plan
    assert [group.name for group in tokens.train] == [group["name"] for group in plan["groups"]]
    assert tokens.fingerprint in done.stdout
    assert (config / "tokens" / "peers" / "megatron" / "train").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mix", "--config", "none.toml"], "Cannot read the settings file none.toml"),
        (
            ["tokenize", "--input", "nothing"],
            "nothing does not exist. Give a mixture, or a folder of Parquet with text",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(config, arguments, message):
    done = run_curate(*arguments, cwd=config)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(config):
    for i in range(40):
        write_lines(config / "many" / f"{i:02}.jsonl", make_rows(f"many{i}", 200))
    (config / "many.toml").write_text('[sources.many]\npath = "many"\n[validation]\nfraction = 0.1\n')
    code = (
        "import sys\n"
        "from curate.mixture import sources\n"
        "sources.PIECE_BYTES = 1\n"
        "from curate.mixture import mix, read_mixture_settings\n"
        "from curate.tokens import tokenize_mixture\n"
        "mix(read_mixture_settings('many.toml'), sys.argv[1] + '-mixture', workers=1)\n"
        "tokenize_mixture(sys.argv[1] + '-mixture', sys.argv[1] + '-tokens', vocab_size=500, workers=1)\n"
    )

    def start(name):
        return subprocess.Popen([sys.executable, "-c", code, name], cwd=config)

    assert start("whole").wait() == 0
    kills = 0
    for pause_s in (0.9, 1.1, 1.3, 1.5, 1.8, 2.2, 2.6, 3.0):
        process = start("killed")
        time.sleep(pause_s)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills > 2
    assert start("killed").wait() == 0
    for part in ("mixture", "tokens"):
        assert snapshot(config / f"whole-{part}") == snapshot(config / f"killed-{part}")


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path):
    from rich.console import Console

    from curate.mixture import MixtureSettings, Source, Stage, mix
    from curate.mixture.render import render_plan

    rows = make_rows("web", 40, topic=lambda i: ["[/INST]", "[red]x", "\x1b[31mred"][i % 3])
    source = Source("web", (write_lines(tmp_path / "web.jsonl", rows),))
    plan = mix(MixtureSettings(sources=(source,), stages=(Stage("[/b]"), Stage("last"))), None)
    console = Console(record=True, width=200)
    for table in render_plan(plan):
        console.print(table)
    said = console.export_text()
    assert all(name in said for name in ("[/INST]", "[red]x", "[/b]", r"\x1b[31mred"))
    assert "\x1b" not in said
