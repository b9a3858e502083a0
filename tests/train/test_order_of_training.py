"""What is read, step by step: the same on any number of processes, in the planned shares, within the cap."""

import itertools
import json

import numpy as np
import pytest
from test_resume import job, lines
from token_folder import write_token_folder

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.timeout(1800)

CONTEXT = 64
CAP = 3
SHARES = {"web": 0.75, "books": 0.25}
CHANGES = {
    "budget_tokens": 80 * CONTEXT,
    "batch_windows": 4,
    "micro_windows": 1,
    "steps": 20,
    "eval_every": 0,
    "save_every": 20,
}


@pytest.fixture(scope="module")
def reads(tmp_path_factory, team):
    """What each step read, [group, offset, tokens], sorted; by number of processes."""
    base = tmp_path_factory.mktemp("order")
    write_token_folder(base / "tokens", {"web": 120, "books": 12}, weights=SHARES, max_passes=CAP)
    found = {}
    for n_processes in (1, 2, 4):
        name = f"run-{n_processes}"
        team.run(n_processes, job(base, name, record=str(base / name), **CHANGES))
        by_rank = [json.loads((base / f"{name}-{rank}.json").read_text()) for rank in range(n_processes)]
        found[n_processes] = [sorted(itertools.chain(*parts)) for parts in zip(*by_rank, strict=True)]
    return base, found


def test_what_the_trainer_reads(reads):
    base, found = reads
    # The same for any number of processes.
    assert found[1] == found[2] == found[4]
    assert len(found[1]) == 20
    losses = {n: [line["loss"] for line in lines(base / f"run-{n}")] for n in found}
    assert losses[2] == pytest.approx(losses[1], abs=1e-5)
    assert losses[4] == pytest.approx(losses[1], abs=1e-5)

    # In the planned shares, within a window at every step.
    n_web = np.cumsum([sum(group.startswith("web") for group, _, _ in step) for step in found[1]])
    assert np.abs(n_web - SHARES["web"] * 4 * np.arange(1, 21)).max() < 1

    # No token more often than the cap says, and as often as the metrics say.
    manifest = json.loads((base / "tokens" / "manifest.json").read_text())
    passes = lines(base / "run-1")[-1]["passes"]
    for group in manifest["splits"]["train"]:
        times = np.zeros(group["n_tokens"], int)
        for name, offset, n_tokens in itertools.chain(*found[1]):
            if name == group["name"]:
                assert n_tokens == CONTEXT + 1
                np.add.at(times, np.arange(offset + 1, offset + n_tokens) % group["n_tokens"], 1)
        assert times.max() <= CAP
        assert times.mean() == pytest.approx(passes[group["source"]])
