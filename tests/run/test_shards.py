"""Shards that were read apart and joined give the bytes of one run, and all that is asked of a run."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from common import EXAMPLE_CRAWL, bytes_of, run_curate
from curate import pipeline
from curate.crawl import InputFile, Split, plan_splits
from curate.errors import ChangedSettingsError, RunError, SettingError
from curate.jobs.join import join_shards
from curate.results.open import open_run
from curate.run.shards import Shard

SMALL = {"chunk_bytes": 2000, "workers": 1, "progress": False, "threshold": 0.3}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("shards") / "whole"
    curate.filter_crawl(str(EXAMPLE_CRAWL), output, **SMALL)
    return output


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    shards = [tmp_path_factory.mktemp("shards") / "s" for _ in range(3)]
    for number, shard in enumerate(shards):
        curate.filter_crawl(str(EXAMPLE_CRAWL), shard, shard=f"{number}/3", **SMALL)
    return shards


@given(st.integers(1, 40), st.integers(1, 9), st.lists(st.integers(1, 5), min_size=9, max_size=9))
def test_every_chunk_is_read_by_one_worker_of_one_shard(n_splits: int, n: int, n_workers: list[int]) -> None:
    splits = [Split(index, (InputFile(str(index), str(index), 1),)) for index in range(n_splits)]
    read = [
        (split.index, chunk)
        for number in range(n)
        for split, stripe, n_stripes in Shard(number, n).stripes(splits, n_workers[number])
        for chunk in range(60)
        if chunk % n_stripes == stripe
    ]
    assert sorted(read) == [(split, chunk) for split in range(n_splits) for chunk in range(60)]


def test_joined_shards_are_one_run_to_all_that_look_at_it(
    whole: Path, shards: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    funnel = join_shards(list(reversed(shards)), out, workers=1, progress=False)
    assert bytes_of(out) == bytes_of(whole)
    one, other = (json.loads((path / "manifest.json").read_text()) for path in (whole, out))
    for name in ("timings", "input"):
        del one[name], other[name]
    assert one == other
    assert funnel.to_json() == one["funnel"]
    assert sorted(path.name for path in out.iterdir()) == ["dropped", "kept", "manifest.json"]
    key = "https://mirror.example/vaccines"
    assert curate.explain(out, key)[0].fate == curate.explain(whole, key)[0].fate == "dropped"
    assert open_run(out).manifest["funnel"] == one["funnel"]
    curate.rethreshold(out, threshold=0.5)
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "half", **(SMALL | {"threshold": 0.5}))
    assert bytes_of(out) == bytes_of(tmp_path / "half")


def test_shards_of_many_files_take_whole_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "plan_splits", partial(plan_splits, split_bytes=1))
    for name in "ab":
        shutil.copytree(EXAMPLE_CRAWL, tmp_path / "crawl" / name)
    curate.filter_crawl(str(tmp_path / "crawl"), tmp_path / "whole", **SMALL)
    shards = [tmp_path / f"s{number}" for number in range(2)]
    for number, shard in enumerate(shards):
        curate.filter_crawl(str(tmp_path / "crawl"), shard, shard=f"{number}/2", **SMALL)
        assert len(list((shard / ".curate" / "inputs").iterdir())) == 4  # of 8
    join_shards(shards, tmp_path / "out", workers=1, progress=False)
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_the_command_joins_what_the_command_read(whole: Path, shards: list[Path], tmp_path: Path) -> None:
    flags = ("--chunk-bytes", 2000, "--threshold", 0.3, "--workers", 1)
    done = run_curate("filter", "-i", EXAMPLE_CRAWL, "-o", "s0", "--shard", "0/3", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Read shard 0/3: " in done.stdout
    done = run_curate("join", "s0", *shards[1:], "--output", "out", "--workers", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert bytes_of(tmp_path / "out") == bytes_of(whole)


def test_shards_are_found_by_a_glob_and_a_result_among_them_is_none(
    whole: Path, shards: list[Path], tmp_path: Path
) -> None:
    for number, shard in enumerate(shards):
        shutil.copytree(shard, tmp_path / str(number))
    join = ["join", "--workers", "1", "--output", tmp_path / "out"]
    for named in (
        [tmp_path / "*"],
        sorted(tmp_path.glob("*")),
    ):  # the shell's list has no 'out' in it yet
        assert run_curate(*join, *named).returncode == 0
    again = run_curate(*join, *sorted(tmp_path.glob("*")))  # and now it has
    assert again.returncode == 0, again.stderr
    assert bytes_of(tmp_path / "out") == bytes_of(whole)
    with pytest.raises(SettingError, match="out is a finished run and no shard"):
        join_shards(str(tmp_path / "*"), tmp_path / "other")


def test_a_glob_may_begin_with_a_folder_that_looks_like_one(
    whole: Path, shards: list[Path], tmp_path: Path
) -> None:
    for number, shard in enumerate(shards):
        shutil.copytree(shard, tmp_path / "a [x] é" / str(number))
    join_shards(str(tmp_path / "a [x] é" / "*"), tmp_path / "out ü", workers=1, progress=False)
    assert bytes_of(tmp_path / "out ü") == bytes_of(whole)
    with pytest.raises(SettingError, match=r"none\*' finds no shard"):
        join_shards(str(tmp_path / "a [x] é" / "none*"), tmp_path / "other")
    with pytest.raises(SettingError, match="is one of the shards"):
        join_shards(str(tmp_path / "a [x] é" / "*"), tmp_path / "a [x] é" / "0")


@pytest.mark.parametrize("n", [1, 20])
def test_shards_that_read_nothing_are_shards_and_one_that_is_read_twice_counts_once(
    n: int, whole: Path, tmp_path: Path
) -> None:
    shards = [tmp_path / str(number) for number in range(n)]
    for number, shard in enumerate(shards):
        first = curate.filter_crawl(str(EXAMPLE_CRAWL), shard, shard=f"{number}/{n}", **SMALL)
        assert curate.filter_crawl(str(EXAMPLE_CRAWL), shard, shard=f"{number}/{n}", **SMALL) == first
    assert n == 1 or not all(any((shard / ".curate" / "documents").glob("*")) for shard in shards)
    join_shards(shards, tmp_path / "out", workers=1, progress=False)
    assert bytes_of(tmp_path / "out") == bytes_of(whole)


def test_a_shard_is_no_result_and_says_so(shards: list[Path]) -> None:
    for command in ("report", "explain", "rethreshold"):
        more = {"report": [], "explain": ["x"], "rethreshold": ["--threshold", "0.5"]}[command]
        done = run_curate(command, shards[0], *more)
        assert done.returncode == 2
        assert "holds one shard of a run. Join all of them first" in done.stderr.replace("\n", " ")


def test_a_join_that_was_stopped_goes_on(
    whole: Path, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "score_survivors", stop)
        with pytest.raises(KeyboardInterrupt):
            join_shards(shards, tmp_path / "out", workers=1, progress=False)
    join_shards(shards, tmp_path / "out", workers=1, progress=False)
    assert bytes_of(tmp_path / "out") == bytes_of(whole)


def test_shards_that_lie_on_another_disk_are_copied(
    whole: Path, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    join_shards(shards, tmp_path / "out", workers=1, progress=False)
    assert bytes_of(tmp_path / "out") == bytes_of(whole)


def test_what_is_no_whole_set_of_shards_is_refused(shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="Of 3 shards these are missing: 1"):
        join_shards([shards[0], shards[2]], tmp_path / "out")
    copy = shutil.copytree(shards[0], tmp_path / "copy")
    with pytest.raises(SettingError, match="are both shard 0"):
        join_shards([*shards, copy], tmp_path / "out")
    (copy / "shard.json").unlink()
    with pytest.raises(SettingError, match="holds no shard that is read to its end"):
        join_shards([copy, *shards[1:]], tmp_path / "out")
    other = tmp_path / "other"
    curate.filter_crawl(str(EXAMPLE_CRAWL), other, shard="0/3", **(SMALL | {"jaccard": 0.7}))
    with pytest.raises(SettingError, match=r"shards of different runs \(jaccard was 0\.7, now 0\.8\)"):
        join_shards([other, *shards[1:]], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_shard_that_has_lost_a_chunk_is_named(shards: list[Path], tmp_path: Path) -> None:
    copy = shutil.copytree(shards[1], tmp_path / "copy")
    next((copy / ".curate" / "documents").iterdir()).unlink()
    with pytest.raises(RunError, match="copy has [0-9] chunks, and had [0-9]"):
        join_shards([shards[0], copy, shards[2]], tmp_path / "out", workers=1, progress=False)


def test_shards_that_read_different_files_of_one_name_and_size_are_refused(
    shards: list[Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(shards[1], tmp_path / "copy")
    notes = copy / ".curate" / "inputs" / "00000.json"
    found = json.loads(notes.read_text())
    found["files"][2]["hash"] = "0" * 32
    notes.write_text(json.dumps(found))
    with pytest.raises(RunError, match=f"another version of {found['files'][2]['source']}"):
        join_shards([shards[0], copy, shards[2]], tmp_path / "out", workers=1, progress=False)


@pytest.mark.parametrize("text", ["3/3", "-1/3", "1", "1/0", "a/b", "1/3/4", "/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="shard must be NUMBER/ALL"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), "out", shard=text)


def test_a_folder_goes_on_with_its_own_shard_only(shards: list[Path], tmp_path: Path) -> None:
    copy = shutil.copytree(shards[1], tmp_path / "copy")
    with pytest.raises(ChangedSettingsError, match="shard was 1/3, now 2/3"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), copy, shard="2/3", **SMALL)


# ---- input that was copied anew ---------------------------------------------------------------------------


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE_CRAWL, tmp_path / "crawl")


def touch(crawl: Path) -> None:
    for path in crawl.iterdir():
        os.utime(path, ns=(1, 1))


def change(crawl: Path) -> Path:
    """A file of the same size and other contents, with another time."""
    path = next(path for path in sorted(crawl.iterdir()) if path.suffix == ".jsonl")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"a", b"e", 1))
    os.utime(path, ns=(1, 1))
    return path


def test_a_finished_run_is_answered_from_where_its_input_was_only_copied_anew(
    crawl: Path, tmp_path: Path
) -> None:
    first = curate.filter_crawl(str(crawl), tmp_path / "out", **SMALL)
    touch(crawl)
    assert curate.filter_crawl(str(crawl), tmp_path / "out", **SMALL) == first
    change(crawl)
    with pytest.raises(ChangedSettingsError, match="the input (was . files, now|holds other files)"):
        curate.filter_crawl(str(crawl), tmp_path / "out", **SMALL)


def test_a_run_goes_on_with_input_that_was_copied_anew_and_not_with_other(
    crawl: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "find_run_duplicates", stop)
        with pytest.raises(KeyboardInterrupt):
            curate.filter_crawl(str(crawl), tmp_path / "out", **SMALL)
    shutil.copytree(tmp_path / "out", tmp_path / "unnoted")
    touch(crawl)
    curate.filter_crawl(str(crawl), tmp_path / "out", **SMALL)
    assert bytes_of(tmp_path / "out") == bytes_of(whole)
    shutil.rmtree(
        tmp_path / "unnoted" / ".curate" / "inputs"
    )  # chunks, and nothing noted of what they are from
    with pytest.raises(ChangedSettingsError, match="the input (was . files, now|holds other files)"):
        curate.filter_crawl(str(crawl), tmp_path / "unnoted", **SMALL)
