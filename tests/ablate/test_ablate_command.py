"""`curate ablate` as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common import N_EXAMPLES_KEPT, run_curate

EASY = "the cat sat on a mat and saw the old dog run by the house in the rain".split()
HARD = [f"{a}{b}{c}" for a in "xzqk" for b in "aeiou" for c in "bdgv"]


def texts(words, n, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(words[i] for i in rng.integers(0, len(words), 60)) for _ in range(n)]


@pytest.fixture
def folder(tmp_path):
    goal = texts(EASY, 20, 4)
    pq.write_table(pa.table({"text": texts(HARD, 300, 1)}), tmp_path / "raw.parquet")
    rows = [{"text": text} for text in [*texts(EASY, 300, 3), *goal[:7]]]
    lines = [*map(json.dumps, rows), "no json", '{"text": null}']
    (tmp_path / "good.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "goal.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in goal))
    (tmp_path / "empty.jsonl").write_text("")
    return tmp_path


COMPARE = ("ablate", "--arm", "raw=raw.parquet", "--arm", "good=good.jsonl", "--eval", "goal=goal.jsonl")


def test_arms_from_parquet_and_json_lines_give_a_table_a_picture_and_go_on(folder):
    done = run_curate(*COMPARE, "--tokens", 4000, "--output", "found", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "good: 300 documents, 7 left out as copies of evaluation text" in done.stderr
    assert "| trigram | goal | good |" in done.stdout
    saved = json.loads((folder / "found" / "result.json").read_text())
    assert saved["gaps"][0]["high"] < 0
    assert saved["n_tokens"] == {"trigram": 4000}
    assert (folder / "found" / "table.md").read_text() in done.stdout
    assert ET.parse(folder / "found" / "plot.svg").getroot().tag.endswith("svg")
    assert len(list((folder / "found" / "runs").glob("*.json"))) == 6
    again = run_curate(*COMPARE, "--tokens", 4000, "--output", "found", cwd=folder)
    assert again.stderr.count("; known") == 6
    assert again.stdout == done.stdout


def test_the_output_of_filter_and_of_mix_are_arms(folder, curated):
    (folder / "mixture.toml").write_text('[sources.good]\npath = "good.jsonl"\n[validation]\nfraction = 0\n')
    assert run_curate("mix", "--config", "mixture.toml", "--workers", 1, cwd=folder).returncode == 0
    arms = ("--arm", "mixed=mixture", "--arm", f"kept={curated}", "--eval", "goal=goal.jsonl")
    done = run_curate("ablate", *arms, "--seeds", 1, cwd=folder)
    assert f"kept: {N_EXAMPLES_KEPT} documents" in done.stderr  # of 25; too few to train on
    assert "mixed: 300 documents, 7 left out" in done.stderr
    assert done.returncode == 2
    assert "Arm 'kept' has" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--arm", "third=none.jsonl"], "'none.jsonl' does not exist"),
        (["--arm", "third"], "--arm 'third' is not NAME=PATH"),
        (["--arm", "raw=good.jsonl"], "--arm has the name 'raw' twice"),
        (["--arm", "third=empty.jsonl"], "'empty.jsonl' holds no text"),
        (["--arm", "third=goal.jsonl"], "All 20 documents of arm 'third' are copies"),
        (["--seeds", "300"], "300 seeds"),
        (["--seeds", "0"], "seeds must be at least 1, not 0"),
        (["--model", "trigrm"], "Unknown model 'trigrm'. Did you mean 'trigram'?"),
        (["--learning-rate", "7"], "learning_rate must be above 0 and at most 1, not 7"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(folder, changes, message):
    done = run_curate(*COMPARE, *changes, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stop_loses_the_run_at_hand_only(folder, number):
    command = [*COMPARE, "--model", "transformer", "--transformer-tokens", "3000", "--learning-rate", "0.003"]
    whole = run_curate(*command, "--output", "whole", cwd=folder)
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "curate", *command, "--output", "stopped"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("transformer 2/6"):
            os.kill(process.pid, number)
            break
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in rest
    again = run_curate(*command, "--output", "stopped", cwd=folder)
    assert again.stderr.count("; known") >= 2
    assert again.stdout.replace("stopped", "whole") == whole.stdout
