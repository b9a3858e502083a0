"""A run killed at any moment goes on, and ends in the bytes of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from annotate_pages_of_tests import N_PAGES, SECRET, page_text

from curate.annotate import read_labels, run_annotation
from curate.testing.practice import PracticeServer

CONCURRENCY = 3


def plant(text: str, n_before: int) -> str | None:
    """Failures of several kinds; page 4 always refuses, so that its tries are counted over the kills too."""
    number = int(text.split()[1])
    if number == 4:
        return "refusal"
    return {0: "prose", 1: "malformed", 2: "off_scale"}.get(number % 5) if n_before == 0 else None


def start(server: PracticeServer, crawl: Path, output: Path, budget: float) -> subprocess.Popen:
    command = [sys.executable, "-m", "curate", "annotate", "--input", str(crawl), "--output", str(output)]
    command += [
        "--model",
        "practice",
        "--base-url",
        server.base_url,
        "--price-input",
        "1",
        "--price-output",
        "4",
    ]
    command += ["--budget-usd", str(budget), "--concurrency", str(CONCURRENCY)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"OPENAI_API_KEY": SECRET}
    )


def test_killed_runs_lose_at_most_the_requests_in_flight_and_end_in_the_same_bytes(
    make_settings, crawl, tmp_path
):
    n_kills = 3
    with PracticeServer(plant=plant) as server:
        settings = make_settings(server, output=str(tmp_path / "calm.jsonl"))
        run_annotation(settings)
    n_needed = server.ledger.n_requests
    output, budget = tmp_path / "killed.jsonl", 0.3
    with PracticeServer(plant=plant, delay_s=0.15) as server:
        for number in range(n_kills):
            n_before = server.ledger.n_requests
            process = start(server, crawl, output, budget)
            deadline = time.monotonic() + 60
            while server.ledger.n_requests < n_before + 4 + 3 * number and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert not output.exists()
        server.delay_s = 0.0
        process = start(server, crawl, output, budget)
        printed = process.communicate(timeout=120)[0].decode()
        assert process.returncode == 0, printed
    assert output.read_bytes() == Path(settings.output).read_bytes()
    rows = read_labels(output)
    assert len(rows) == len({row["id"] for row in rows}) == N_PAGES
    assert [row["id"] for row in rows if row["problem"]] == ["page-4"]
    # What was in flight at a kill is asked again, or, answered into the void, was a planted failure's turn.
    assert server.ledger.n_requests <= n_needed + n_kills * CONCURRENCY
    assert "in flight" in printed
    billed = (server.ledger.input_tokens * 1.0 + server.ledger.output_tokens * 4.0) / 1e6
    spent = float(printed.partition("spent ")[2].split()[0])
    assert billed <= spent + 1e-4
    assert spent <= budget


def test_the_command_prints_a_plan_and_an_exit_code_for_what_is_missing(crawl, tmp_path):
    with PracticeServer() as server:
        process = start(server, crawl, tmp_path / "l.jsonl", 0.000001)
        printed = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 3
    assert "budget is spent" in printed
    assert page_text(0) not in printed
