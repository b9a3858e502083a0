"""The command as a user starts it: torchrun, kills at any moment, what it says of wrong settings."""

import json
import os
import random
import subprocess
import sys
import time

import pytest
from test_resume import assert_same, checkpoints, job, losses, train_alone
from token_folder import write_token_folder

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.timeout(1800)

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_torchrun_trains_on_two_processes_what_one_trains_alone(tmp_path):
    write_token_folder(tmp_path / "tokens", {"web": 300})
    train_alone(job(tmp_path, "alone"))
    # Port 0: the system gives one, which torchrun keeps.
    meeting = ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--nproc-per-node=2"]
    run = start(
        "torch.distributed.run", *meeting, "-m", "curate", "train", *job(tmp_path, "team")["arguments"]
    )
    said = run.communicate()[0]
    assert run.returncode == 0, said
    assert said.count("Step 8 of 8") == 1
    assert losses(tmp_path / "team") == pytest.approx(losses(tmp_path / "alone"), abs=1e-5)


@pytest.mark.slow
def test_copies_of_shards_compute_the_same(tmp_path, team):
    write_token_folder(tmp_path / "tokens", {"web": 300})
    train_alone(job(tmp_path, "alone"))
    team.run(4, job(tmp_path, "copies", shard_processes=2))
    assert losses(tmp_path / "copies") == pytest.approx(losses(tmp_path / "alone"), abs=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_compiled_layers_compute_the_same(tmp_path):
    write_token_folder(tmp_path / "tokens", {"web": 300})
    train_alone(job(tmp_path, "plain"))
    train_alone(job(tmp_path, "compiled", compile=True))
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "plain"), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("save_async", [False, True])
def test_a_run_killed_at_any_moment_again_and_again_ends_as_if_nothing_had_been(tmp_path, save_async):
    write_token_folder(tmp_path / "tokens", {"web": 3000})
    changes = {"steps": 60, "save_every": 1, "keep": 2, "save_async": save_async, "eval_every": 20}
    train_alone(job(tmp_path, "straight", **changes))
    killed = job(tmp_path, "killed", **changes)
    chance = random.Random(5)
    kills, folder = 0, tmp_path / "killed" / "checkpoints"
    while kills < 12:
        run = start("curate", "train", *killed["arguments"])
        before = set(folder.glob("step-*"))
        while run.poll() is None and set(folder.glob("step-*")) == before:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        run.kill()
        said = run.communicate()[0]
        if run.returncode == 0:
            break
        assert run.returncode == -9, said
        kills += 1
    assert kills > 3
    run = start("curate", "train", *killed["arguments"])
    said = run.communicate()[0]
    assert run.returncode == 0, said
    assert_same(tmp_path / "killed", tmp_path / "straight")
    assert len(checkpoints(tmp_path / "killed")) == 2


def test_tensorboard_has_the_numbers_of_every_step(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_token_folder(tmp_path / "tokens", {"web": 300})
    train_alone(job(tmp_path, "run", tensorboard=True))
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    found.Reload()
    assert [event.value for event in found.Scalars("loss")] == pytest.approx(losses(tmp_path / "run"))
    assert {"grad_norm", "tokens_per_s", "mfu", "passes/web", "bits_per_byte/source/web"} <= set(
        found.Tags()["scalars"]
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_windows": 6, "micro_windows": 4}, "Try --batch-windows 8"),
        ({"attention": "varlen"}, "Set attention = 'documents'"),
        ({"schedule": "wds"}, "Did you mean 'wsd'"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0"),
        ({"steps": 10**6}, "Set budget_tokens to"),
        ({"preset": "phi-3"}, "preset"),
        ({"n_vocabulary": 10}, "below the tokenizer's 64"),
        ({"tokens": "nowhere"}, "nowhere"),
        ({"init_from": "nowhere"}, "nowhere"),
        ({"lerning_rate": 1.0}, "learning_rate"),
    ],
)
def test_wrong_settings_are_one_line_that_says_what_to_do(tmp_path, capsys, changes, said):
    from curate.cli import run

    write_token_folder(tmp_path / "tokens", {"web": 100})
    config = tmp_path / "run.toml"
    values = {
        "tokens": str(tmp_path / "tokens"),
        "output": str(tmp_path / "run"),
        "dtype": "float32",
    } | changes
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    assert run(["train", "--config", str(config)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
