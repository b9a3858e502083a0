"""Runs that stop and go on, on two gloo processes: what comes out must be what an undisturbed run gives."""

import json
import shutil

import pytest
from team import run_team
from token_folder import write_token_folder

# Teams of processes: on a loaded machine one of them can fail to meet the other in time.
pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch")

STRAIGHT = ("sync", "async", "bf16")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("resume")


@pytest.fixture(scope="module")
def tokens(base):
    return write_token_folder(base / "tokens", {"web": 300, "books": 60})


def job(tokens, output, **changes):
    settings = {
        "tokens": str(tokens),
        "output": str(output),
        "preset": "phi-tiny",
        "n_vocabulary": 64,
        "batch_windows": 8,
        "micro_windows": 2,
        "steps": 8,
        "warmup_steps": 2,
        "save_every": 4,
        "eval_every": 4,
        "eval_windows": 3,
        "keep": 9,
        "dtype": "float32",
        "save_async": False,
        "peak_flops": 1e9,
    }
    return {"settings": settings | changes}


def variants(tokens, base, where):
    hard = {"dtype": "bf16", "recompute": True, "micro_windows": 1, "save_async": True}
    return [
        job(tokens, base / where / "sync"),
        job(tokens, base / where / "async", save_async=True),
        job(tokens, base / where / "bf16", **hard),
    ]


def cut_back(source, target, step):
    """A copy of a run as it was after `step` steps; the metrics stay, as those of a killed run would."""
    shutil.copytree(source, target)
    for checkpoint in (target / "checkpoints").glob("step-*"):
        if int(checkpoint.name.split("-")[1]) > step:
            shutil.rmtree(checkpoint)


@pytest.fixture(scope="module")
def runs(base, tokens):
    """Straight runs; runs resumed after 4 steps; and one that goes from 2 processes to 1 and back to 2."""
    from curate.config import settings_from
    from curate.train import TrainSettings, train

    run_team(variants(tokens, base, "straight"), 2, base)
    for name in STRAIGHT:
        cut_back(base / "straight" / name, base / "resumed" / name, 4)
    cut_back(base / "straight" / "sync", base / "elastic", 4)
    alone = job(tokens, base / "elastic", save_every=2)["settings"]
    train(settings_from(TrainSettings, alone))
    cut_back(base / "elastic", base / "back", 6)
    run_team([*variants(tokens, base, "resumed"), job(tokens, base / "back")], 2, base)
    return base


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run):
    return [line["loss"] for line in lines(run)]


def weights(run):
    from curate.train.weights import read_trained

    return read_trained(run).weights


@pytest.mark.parametrize("name", STRAIGHT)
def test_a_resumed_run_equals_the_straight_one_bit_by_bit(runs, name):
    straight, resumed = runs / "straight" / name, runs / "resumed" / name
    assert [line["step"] for line in lines(resumed)] == list(range(1, 9))
    assert losses(resumed) == losses(straight)
    assert [line["grad_norm"] for line in lines(resumed)] == [line["grad_norm"] for line in lines(straight)]
    assert lines(resumed)[-1]["bits_per_byte"] == lines(straight)[-1]["bits_per_byte"]
    expected = weights(straight)
    for name_, weight in weights(resumed).items():
        assert torch.equal(weight, expected[name_]), name_


def test_a_checkpoint_written_beside_the_next_steps_holds_the_weights_of_its_own_step(runs):
    from curate.train.weights import read_trained

    early = read_trained(runs / "straight" / "async" / "checkpoints" / "step-00000004").weights
    same = read_trained(runs / "straight" / "sync" / "checkpoints" / "step-00000004").weights
    assert all(torch.equal(early[name], same[name]) for name in same)


def test_another_number_of_processes_differs_by_rounding_alone(runs):
    straight = losses(runs / "straight" / "sync")
    assert losses(runs / "elastic") == pytest.approx(straight, abs=1e-5)
    assert losses(runs / "back") == pytest.approx(straight, abs=1e-5)
    assert losses(runs / "back")[:4] == straight[:4]


def test_the_model_learns(runs):
    assert losses(runs / "straight" / "sync")[-1] < losses(runs / "straight" / "sync")[0] - 0.05
    bf16, float32 = losses(runs / "straight" / "bf16"), losses(runs / "straight" / "sync")
    assert bf16 == pytest.approx(float32, abs=0.02)
