"""Runs training jobs in one or several processes: `run_team` for tests, and the program that they start."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

TIMEOUT_S = 200


def free_port():
    """A port below those that the system hands out by itself, so that nobody takes it before it is used."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def start(arguments, rank, n_processes, port):
    env = os.environ | {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(n_processes),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
    }
    return subprocess.Popen(
        [sys.executable, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def start_team(arguments, n_processes):
    port = free_port()
    return [start(arguments, rank, n_processes, port) for rank in range(n_processes)]


def outcome(processes):
    """Exit codes and output; processes that hang are killed."""
    try:
        texts = [process.communicate(timeout=TIMEOUT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], texts


def run_team(jobs, n_processes, tmp_path):
    """Train each of `jobs` in one team of processes."""
    described = [job | {"port": free_port()} for job in jobs]
    path = tmp_path / f"jobs-{n_processes}-{free_port()}.json"
    path.write_text(json.dumps(described))
    codes, texts = outcome(start_team([__file__, str(path)], n_processes))
    assert codes == [0] * n_processes, "\n".join(texts)
    return texts


def main(path):
    from curate.config import settings_from
    from curate.train import TrainSettings, train

    for job in json.loads(Path(path).read_text()):
        os.environ["MASTER_PORT"] = str(job["port"])
        train(settings_from(TrainSettings, job["settings"]))


if __name__ == "__main__":
    main(sys.argv[1])
