"""`python -m benchmarks gpu`, where there is no GPU."""

import os
import subprocess
import sys

import pytest

from common import ROOT

torch = pytest.importorskip("torch")


def start(*arguments):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "gpu", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=environment)


def test_without_a_gpu_it_refuses_in_one_line_and_writes_nothing():
    done = start()
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no CUDA device" in done.stderr
    assert not (ROOT / "benchmarks" / "results" / "gpu.json").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_dry_way_goes_through_every_part():
    pytest.importorskip("sentence_transformers")
    done = start("--dry")
    assert done.returncode == 0, done.stderr
    parts = [line.split()[0] for line in done.stdout.splitlines()]
    assert set(parts) >= {"tests", "scorer", "step", "resume", "export"}
    assert "differ by 0" in done.stdout
    assert not (ROOT / "benchmarks" / "results" / "gpu.json").exists()
