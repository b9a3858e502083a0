"""A cluster that takes its machine back sends SIGTERM: the run saves and ends."""

import signal
import time

import pytest
from team import outcome, start_team
from token_folder import write_token_folder

# Teams of processes: on a loaded machine one of them can fail to meet the other in time.
pytestmark = pytest.mark.slow

pytest.importorskip("torch")


def test_a_stop_signal_to_one_process_saves_and_ends_all(tmp_path):
    tokens = write_token_folder(tmp_path / "tokens", {"web": 3000}, max_passes=None)
    config = tmp_path / "run.toml"
    config.write_text(
        f'tokens = "{tokens}"\noutput = "{tmp_path / "run"}"\nn_vocabulary = 64\nbatch_windows = 2\n'
        'dtype = "float32"\nsave_every = 100000\neval_every = 0\npeak_flops = 1e9\n'
    )
    team = start_team(["-m", "curate.train", "--config", str(config)], 2)
    metrics = tmp_path / "run" / "metrics.jsonl"
    until = time.monotonic() + 90
    while time.monotonic() < until and not (metrics.exists() and metrics.read_text().count("\n") > 2):
        time.sleep(0.05)
    team[1].send_signal(signal.SIGTERM)
    codes, texts = outcome(team)
    assert codes == [0, 0], "\n".join(texts)
    assert "Stopped by a signal" in texts[0]
    last = metrics.read_text().count("\n")
    assert (tmp_path / "run" / "checkpoints" / f"step-{last:08d}" / "state.json").exists()
