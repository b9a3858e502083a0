"""The number of workers is refused the same way by every command that has it."""

from pathlib import Path

import pytest

from common import run_curate

MIXTURE = '[sources.a]\npath = ["a.parquet"]\nweight = 1.0\n'


@pytest.mark.parametrize("command", ["mix", "index build"])
def test_no_workers_are_one_line_and_exit_code_2(command: str, tmp_path: Path) -> None:
    config = tmp_path / "mixture.toml"
    config.write_text(MIXTURE, encoding="utf-8")
    inputs = ["--config", config] if command == "mix" else [tmp_path]
    done = run_curate(*command.split(), *inputs, "--output", tmp_path / "out", "--workers", "0")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["curate: workers must be between 1 and 4096, not 0."]
    assert not (tmp_path / "out").exists()
