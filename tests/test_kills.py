"""Whatever step a command dies at, nothing of the user's is lost, and the next call gives what an undisturbed one gives."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from curate.cli import main
from curate.errors import CurateError, SettingError
from curate.jobs.dedup import dedup_files
from curate.jobs.index import add_to_index, build_index
from curate.jobs.score import score_files
from curate.mixture import mix
from curate.tokens import tokenize_mixture
from curate.work.lock import locked
from deaths import dying, sampled

N_SAMPLED = 5
QUIET: dict[str, Any] = {"workers": 1, "progress": False}
BARE: dict[str, Any] = {"scorer": "none", "rules": [], "language": ["any"]}


class Length:
    """A scorer that costs nothing."""

    name, fingerprint = "length", "1"

    def score(self, texts, /):
        return np.array([len(str(text)) % 100 / 100 for text in texts], np.float32)


@dataclass(frozen=True)
class Job:
    """A command that puts one result in place of another.

    Attributes:
        before: makes what is there before.
        run: the command; told whether to give `--overwrite`, where it has that.
        has_overwrite: whether it has.
    """

    before: Callable[[Path, Path], Any]
    run: Callable[[Path, Path, bool], Any]
    has_overwrite: bool = True


def mixed(data: Path, out: Path, seed: int, overwrite: bool) -> None:
    mix({"web": data / "a.parquet"}, out, seed=seed, overwrite=overwrite, **QUIET)


def tokenized(data: Path, out: Path, size: int, overwrite: bool) -> None:
    tokenize_mixture(data / "mixture", out, vocab_size=size, overwrite=overwrite, **QUIET)


def filtered(data: Path, out: Path, *, overwrite: bool = False, **settings: Any) -> None:
    curate.filter_crawl(str(data / "a.parquet"), out, overwrite=overwrite, **BARE | QUIET | settings)


JOBS = {
    "filter": Job(
        lambda data, out: filtered(data, out, dedup="exact"),
        lambda data, out, overwrite: filtered(data, out, overwrite=overwrite),
    ),
    "dedup": Job(
        lambda data, out: dedup_files(str(data / "a.parquet"), out, jaccard=0.5, **QUIET),
        lambda data, out, overwrite: dedup_files(str(data / "a.parquet"), out, overwrite=overwrite, **QUIET),
    ),
    "score": Job(
        lambda data, out: score_files(str(data / "b.parquet"), out, scorer=Length(), **QUIET),
        lambda data, out, overwrite: score_files(
            str(data / "a.parquet"), out, scorer=Length(), overwrite=overwrite, **QUIET
        ),
    ),
    "mix": Job(
        lambda data, out: mixed(data, out, 1, False),
        lambda data, out, overwrite: mixed(data, out, 2, overwrite),
    ),
    "tokenize": Job(
        lambda data, out: tokenized(data, out, 300, False),
        lambda data, out, overwrite: tokenized(data, out, 310, overwrite),
    ),
    "index build": Job(
        lambda data, out: None, lambda data, out, _: build_index(out, str(data / "a.parquet"), **QUIET), False
    ),
    "index add": Job(
        lambda data, out: build_index(out, str(data / "b.parquet"), **QUIET),
        lambda data, out, _: add_to_index(out, str(data / "a.parquet"), **QUIET),
        False,
    ),
    "rethreshold": Job(
        lambda data, out: filtered(data, out, scorer=Length(), threshold=0.5),
        lambda data, out, _: curate.rethreshold(out, threshold=0.2),
        False,
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for name, count in (("a", 30), ("b", 12)):
        texts = [f"Page {n} of {name}: its square is {n * n}, and here is why. " * 3 for n in range(count)]
        rows = pa.table({"id": [f"{name}{n}" for n in range(count)], "text": texts})
        pq.write_table(rows, root / f"{name}.parquet")
    mixed(root, root / "mixture", 1, False)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def of_the_result(folder: Path) -> dict[str, bytes]:
    """What is there but for the note that every test leaves, and for times in manifests."""
    found = contents(folder)
    assert found.pop(".note.txt", b"mine") == b"mine"
    return {
        name: data
        for name, data in found.items()
        if not name.startswith(".tmp-work/") and (name != "manifest.json" or b"timings" not in data)
    }


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_death_at_any_step_loses_nothing_and_is_made_good(
    name: str, data: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    job, before, whole = JOBS[name], tmp_path / "before", tmp_path / "whole"
    job.before(data, before)
    before.mkdir(exist_ok=True)
    (before / ".note.txt").write_text("mine")
    mine = contents(data)
    shutil.copytree(before, whole)
    with dying() as disk:
        job.run(data, whole, True)
    wanted = of_the_result(whole)
    shutil.rmtree(whole)
    for n in sampled(len(disk.steps), N_SAMPLED, pytestconfig):
        shutil.copytree(before, whole)  # of the same name, which some results hold
        with dying(n) as dead:
            job.run(data, whole, True)
        assert dead.is_dead
        assert contents(data) == mine
        said = f"{name}, dead at {n} of {len(disk.steps)}: {dead.steps[n - 1]}"
        try:
            job.run(data, whole, False)
        except CurateError as error:
            advice = "--overwrite" if job.has_overwrite else "holds an index already"
            assert re.fullmatch(f".*{advice}.*", str(error)), said  # noqa: PT017
            if job.has_overwrite:
                job.run(data, whole, True)
        assert of_the_result(whole) == wanted, said
        assert (whole / ".note.txt").read_text() == "mine", said
        shutil.rmtree(whole)


@pytest.mark.parametrize("name", sorted(JOBS))
def test_of_two_at_once_one_is_told_so_and_touches_nothing(name: str, data: Path, tmp_path: Path) -> None:
    JOBS[name].before(data, tmp_path / "out")
    with locked(tmp_path / "out"):
        before = contents(tmp_path / "out")
        with pytest.raises(SettingError, match=r"^Another process is writing to .*[^\n]*$"):
            JOBS[name].run(data, tmp_path / "out", True)
        assert contents(tmp_path / "out") == before
    JOBS[name].run(data, tmp_path / "out", True)


@pytest.mark.parametrize(
    "command",
    ["filter {data}/a.parquet -o {out}", "mix --config {out}.toml -o {out}", "tokenize -i {data}/mixture -o {out}",
     "dedup {data}/a.parquet -o {out}", "score {data}/a.parquet -o {out}", "index build {out} {data}/a.parquet"],
)  # fmt: skip
def test_the_command_that_came_second_ends_with_2_and_one_line(
    command: str,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    (tmp_path / "out.toml").write_text(f'[sources.web]\npath = "{data}/a.parquet"\n')
    monkeypatch.setattr("sys.argv", ["curate", *command.format(data=data, out=out).split()])
    with locked(out), pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err.strip()
    assert (ended.value.code, said.count("\n")) == (2, 0), said
    assert said.startswith(f"curate: Another process is writing to {out}."), said
