"""A disk that cannot be written to is told in one line."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import pytest

from curate.cli import run
from curate.errors import RunError
from curate.work.disk import disk_errors, tell_disk_error

MANY = "".join(f'{{"text": "A line of words, number {n}, that is long enough."}}\n' for n in range(3000))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_named_with_what_is_needed_and_how_to_go_on(tmp_path, code):
    with pytest.raises(RunError) as caught, disk_errors(tmp_path / "out", lambda: 2_500_000_000):
        raise OSError(code, os.strerror(code))
    told = str(caught.value)
    assert "\n" not in told
    assert str(tmp_path / "out") in told
    assert "The disk at /" in told
    assert "2.5 GB more" in told
    assert "What is committed is kept" in told
    assert "run the same command again" in told


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_an_output_that_may_not_be_written_is_told_and_an_input_is_not_ours(tmp_path, code):
    told = tell_disk_error(OSError(code, "no", str(tmp_path / "out" / "kept")), tmp_path / "out")
    assert told is not None
    assert "Name another --output" in told
    assert tell_disk_error(OSError(code, "no", "/elsewhere/input"), tmp_path / "out") is None


def test_other_errors_keep_their_traceback(tmp_path):
    with pytest.raises(ConnectionError), disk_errors(tmp_path):
        raise ConnectionError


@pytest.mark.parametrize("command", ["filter", "dedup"])
def test_an_output_below_a_file_is_one_line_and_exit_code_1(tmp_path, capsys, command):
    (tmp_path / "in.jsonl").write_text(MANY)
    (tmp_path / "file").write_text("")
    code = run([command, "--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "file" / "out")])
    error = capsys.readouterr().err
    assert (code, error.count("\n")) == (1, 1)
    assert f"{tmp_path / 'file'} is a file" in error


@pytest.mark.slow  # the limit holds for compiled kernels too, so they are compiled anew
def test_a_limit_on_file_size_ends_the_run_in_one_line_and_it_goes_on_without(tmp_path):
    (tmp_path / "in.jsonl").write_text(MANY)
    command = [
        sys.executable, "-m", "curate", "filter", "--input", str(tmp_path / "in.jsonl"), "--output",
        str(tmp_path / "out"), "--scorer", "none", "--rules", "none", "--workers", "1", "--language", "any",
    ]  # fmt: skip
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # noqa: E731
    stopped = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)
    assert stopped.returncode == 1
    assert "Traceback" not in stopped.stderr
    assert "run the same command again" in stopped.stderr.splitlines()[-1]
    assert subprocess.run(command, capture_output=True, check=False).returncode in (0, 4)
