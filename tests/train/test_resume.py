"""Runs that stop, are killed and go on, on teams of gloo processes: what comes out is what an undisturbed run gives."""

import json
import shutil
import signal

import pytest
from token_folder import write_token_folder

torch = pytest.importorskip("torch")

# A hang is ended after this; a slow machine is no failure.
pytestmark = pytest.mark.timeout(1800)

SETTINGS = {
    "n_vocabulary": 64,
    "batch_windows": 8,
    "micro_windows": 2,
    "steps": 8,
    "warmup_steps": 2,
    "save_every": 2,
    "eval_every": 4,
    "eval_windows": 3,
    "keep": 9,
    "dtype": "float32",
    "save_async": False,
    "peak_flops": 1e9,
}
VARIANTS = {
    "sync": {},
    "async": {"save_async": True},
    "hard": {
        "dtype": "bf16",
        "recompute": True,
        "micro_windows": 1,
        "save_async": True,
        "shard_processes": 1,
    },
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    write_token_folder(folder / "tokens", {"web": 300, "books": 60})
    return folder


def job(base, name, *, tokens="tokens", **changes):
    """Train into the folder `name`; keys that are no settings are the team's."""
    disturbed = {key: changes.pop(key) for key in ("record", "stop_at", "kill_at") if key in changes}
    values = SETTINGS | {"tokens": str(base / tokens), "output": str(base / name)} | changes
    config = base / f"{name.replace('/', '-')}.toml"
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    return {"arguments": ["--config", str(config)], **disturbed}


def train_alone(job):
    from curate.config import read_toml, settings_from
    from curate.train import TrainSettings, run_training

    return run_training(settings_from(TrainSettings, read_toml(job["arguments"][1])))


@pytest.fixture(scope="module")
def straight(base, team):
    """Runs of two processes that nothing disturbed."""
    team.run(2, *(job(base, f"straight/{name}", **changes) for name, changes in VARIANTS.items()))
    return base / "straight"


def cut_back(source, target, step):
    """A copy of a run as it was after `step` steps; the metrics stay, as those of a killed run would."""
    shutil.copytree(source, target)
    for checkpoint in (target / "checkpoints").glob("step-*"):
        if int(checkpoint.name.split("-")[1]) > step:
            shutil.rmtree(checkpoint)


def lines(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def numbers(run, *names):
    return [[line.get(name) for name in names] for line in lines(run)]


def losses(run):
    return [line["loss"] for line in lines(run)]


def weights(run):
    from curate.train.weights import read_trained

    return read_trained(run).weights


def assert_same(run, expected):
    """Bit by bit: what every step measured, and the weights."""
    names = ("step", "loss", "grad_norm", "learning_rate", "bits_per_byte", "passes")
    assert numbers(run, *names) == numbers(expected, *names)
    after, wanted = weights(run), weights(expected)
    assert all(torch.equal(after[name], wanted[name]) for name in wanted)


def checkpoints(run):
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_a_resumed_run_equals_the_straight_one(base, straight, team):
    for name in VARIANTS:
        cut_back(straight / name, base / "resumed" / name, 4)
    # From two processes to one, and back to two.
    cut_back(straight / "sync", base / "elastic", 4)
    train_alone(job(base, "elastic"))
    cut_back(base / "elastic", base / "back", 6)
    resumed = [job(base, f"resumed/{name}", **changes) for name, changes in VARIANTS.items()]
    team.run(2, *resumed, job(base, "back"))

    for name in VARIANTS:
        assert_same(base / "resumed" / name, straight / name)
    expected = losses(straight / "sync")
    assert losses(base / "elastic") == pytest.approx(expected, abs=1e-5)
    assert losses(base / "back") == pytest.approx(expected, abs=1e-5)
    assert losses(base / "back")[:4] == expected[:4]


def test_what_is_saved_beside_the_next_steps_is_of_its_own_step(straight):
    early = weights(straight / "async" / "checkpoints" / "step-00000004")
    same = weights(straight / "sync" / "checkpoints" / "step-00000004")
    assert all(torch.equal(early[name], same[name]) for name in same)
    assert not torch.equal(early["lm_head.weight"], weights(straight / "async")["lm_head.weight"])


def test_the_model_learns_in_either_precision(straight):
    float32, bf16 = losses(straight / "sync"), losses(straight / "hard")
    assert float32[-1] < float32[0] - 0.05
    assert bf16 == pytest.approx(float32, abs=0.02)
    assert bf16 != float32


LAST_GOOD = {"shares": 4, "state": 4, "name": 4, "removal": 6}


@pytest.mark.parametrize(
    ("name", "moments"), [("sync", ["shares", "name", "removal"]), ("async", ["shares", "state"])]
)
def test_a_run_killed_while_it_saves_goes_on_from_the_last_good_checkpoint(
    base, straight, team, name, moments
):
    def run_of(moment, **kill):
        return job(
            base, f"killed/{name}-{moment}", **VARIANTS[name], keep=1 if moment == "removal" else 9, **kill
        )

    for moment in moments:
        team.run(2, run_of(moment, kill_at=[6, moment]), code=-signal.SIGKILL)
        left = checkpoints(base / "killed" / f"{name}-{moment}")
        assert [found for found in left if found[0] != "."][-1] == f"step-{LAST_GOOD[moment]:08d}"
        assert {"removal": ".removing-00000004"}.get(moment, ".saving-00000006") in left
    team.run(2, *map(run_of, moments))
    for moment in moments:
        run = base / "killed" / f"{name}-{moment}"
        assert_same(run, straight / name)
        assert all(found.startswith("step-") for found in checkpoints(run))


def test_a_stop_signal_to_one_process_saves_and_ends_all(base, straight, team):
    first, second = team.run(2, job(base, "stopped", stop_at=[1, 3]))
    assert "Stopped by a signal" in first
    assert "Stopped" not in second
    assert checkpoints(base / "stopped")[-1] == "step-00000003"
    team.run(2, job(base, "stopped"))
    assert_same(base / "stopped", straight / "sync")
