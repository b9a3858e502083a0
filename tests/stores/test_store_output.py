"""Runs whose output is in a store: the bytes of a local run, whatever fails on the way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import curate
from common import EXAMPLE_CRAWL, N_EXAMPLES_KEPT
from curate.errors import ChangedSettingsError, RunError, SettingError
from curate.jobs.dedup import dedup_files
from curate.jobs.score import score_files
from curate.results.explain import explain
from curate.results.html import write_report
from curate.results.rethreshold import rethreshold
from curate.work.store import Store, scratch_folder

pytestmark = pytest.mark.filterwarnings("ignore")  # of botocore and s3fs, about their own insides
RUN = "s3://runs/2024/run"


def run(output=RUN, **settings):
    return curate.filter_crawl(str(EXAMPLE_CRAWL), output, workers=1, progress=False, **settings)


def contents(output, *, without=("manifest.json", "report.html")) -> dict[str, bytes]:
    if "://" in str(output):
        store = Store.of(str(output))
        system, root = store.open()
        return {name: system.cat_file(f"{root}/{name}") for name in store.list() if name not in without}
    files = (path for path in Path(output).rglob("*") if path.is_file())
    return {str(path.relative_to(output)): path.read_bytes() for path in files if path.name not in without}


@pytest.fixture
def stored(s3, curated):
    """The run of `curated`, as it lies in a store."""
    files = [path for path in curated.rglob("*") if path.is_file()]
    Store.of(RUN).put_all([(path, str(path.relative_to(curated))) for path in files])
    return s3


def manifest(output=RUN):
    return Store.of(output).read_json("manifest.json")


def test_a_run_in_a_store_is_that_of_a_folder_and_leaves_nothing_here(s3, curated, tmp_path):
    funnel = run()
    assert contents(RUN) == contents(curated)
    assert manifest()["funnel"] == json.loads((curated / "manifest.json").read_bytes())["funnel"]
    assert not list((tmp_path / "cache").rglob("*.parquet"))
    assert not scratch_folder(RUN, None).exists()
    n_before = len(s3.requests)
    assert run() == funnel  # finished: nothing is read again
    assert len(s3.requests) - n_before < 8


def test_a_store_is_listed_once_and_each_file_put_once(s3):
    run()
    puts = [path for method, path in s3.requests if method == "PUT"]
    assert len(puts) == len(set(puts)) == 4  # the claim, two parts, the manifest
    assert puts[-1].startswith("/runs/2024/run/manifest.json")
    assert sum("list-type" in path and "max-keys=1" not in path for _, path in s3.requests) == 1


@pytest.mark.parametrize(("n", "kind", "methods"), [
    (2, "500", "PUT GET HEAD DELETE"),
    pytest.param(2, "503", "PUT GET HEAD DELETE", marks=pytest.mark.slow),
    (2, "late", "PUT"),
    (3, "cut", "GET"),
])  # fmt: skip
def test_a_store_that_fails_now_and_then_changes_no_byte(s3, curated, n, kind, methods):
    s3.every(n, kind, methods)
    run()
    assert explain(RUN, reason="language", sample=1)
    assert s3.n_faults
    s3.fault = lambda *_: None
    assert contents(RUN) == contents(curated)


def test_a_store_that_is_down_stops_the_run_in_one_line_and_the_same_command_goes_on(s3, curated, tmp_path):
    s3.fault = lambda method, path: "500" if method == "PUT" and "/dropped/" in path else None
    with pytest.raises(
        RunError, match=r"could not write dropped/part-00000.parquet in s3://runs/2024/run"
    ) as error:
        run(scratch=str(tmp_path / "work"))
    assert "\n" not in str(error.value)
    assert "manifest.json" not in contents(RUN, without=())
    (folder,) = (tmp_path / "work").iterdir()
    assert (folder / "manifest.json").is_file()
    s3.fault = lambda *_: None
    run(scratch=str(tmp_path / "work"))
    assert contents(RUN) == contents(curated)
    assert not folder.exists()


def test_only_a_run_of_this_command_is_overwritten_and_only_its_files(s3, tmp_path):
    store = Store.of(RUN)
    store.write("notes.txt", b"mine")
    with pytest.raises(SettingError, match=r"not empty \(it holds notes.txt\)"):
        run(overwrite=True)


def test_a_run_in_a_store_is_overwritten_when_that_is_wished_and_by_its_command_alone(stored, tmp_path):
    store = Store.of(RUN)
    with pytest.raises(
        ChangedSettingsError, match=r"'curate rethreshold s3://runs/2024/run --threshold 0.25'"
    ):
        run(threshold=0.25)
    with pytest.raises(ChangedSettingsError, match="jaccard was 0.8, now 0.7"):
        run(jaccard=0.7)
    store.write("notes.txt", b"mine")
    with pytest.raises(SettingError, match="notes.txt, which 'curate filter' did not write"):
        run(jaccard=0.7, overwrite=True)
    store.delete(["notes.txt"])
    run(jaccard=0.7, overwrite=True)
    assert manifest()["settings"]["jaccard"] == 0.7
    with pytest.raises(SettingError, match="holds no run of 'curate dedup'"):
        dedup_files(str(EXAMPLE_CRAWL), RUN, progress=False)


def test_a_folder_that_another_machine_has_begun_is_not_taken_by_another_run(s3, tmp_path):
    s3.fault = lambda method, path: "500" if method == "PUT" and "/kept/" in path else None
    with pytest.raises(RunError):
        run(scratch=str(tmp_path / "here"))
    s3.fault = lambda *_: None
    with pytest.raises(ChangedSettingsError, match="jaccard was 0.8, now 0.7"):
        run(scratch=str(tmp_path / "there"), jaccard=0.7)
    run(scratch=str(tmp_path / "there"))  # the same run may be made elsewhere, from its beginning


def test_what_is_forbidden_is_said_at_once(s3):
    with pytest.raises(RunError, match="could not write"):
        run("s3://no-such-bucket/run")
    with pytest.raises(SettingError, match="names no folder"):
        run("s3://")


def test_commands_read_a_run_in_a_store_as_they_read_a_folder(stored, curated, tmp_path):
    stories, local = (explain(each, reason="kept", sample=2) for each in (RUN, curated))
    # A signal that is undefined is NaN, which equals nothing.
    assert repr([story.document for story in stories]) == repr([story.document for story in local])
    assert write_report(RUN) == f"{RUN}/report.html"
    assert b"<html" in Store.of(RUN).open()[0].cat_file("runs/2024/run/report.html")
    with pytest.raises(SettingError, match=r"give 's3://runs/2024/run/kept'"):
        dedup_files(RUN, tmp_path / "x", progress=False)
    report = dedup_files(f"{RUN}/kept", "s3://runs/dedup", progress=False, workers=1)
    dedup_files(str(curated / "kept"), tmp_path / "dedup", progress=False, workers=1)
    assert report.n_documents == N_EXAMPLES_KEPT
    assert contents("s3://runs/dedup") == contents(tmp_path / "dedup")
    score_files(f"{RUN}/kept", "s3://runs/scored", progress=False, workers=1)
    assert list(contents("s3://runs/scored")) == ["scored/part-00000.parquet"]


@pytest.mark.parametrize("fault", [
    None,
    ("PUT", "run/kept"),
    pytest.param(("PUT", ".curate-swap/kept"), marks=pytest.mark.slow),
    pytest.param(("PUT", "run/manifest"), marks=pytest.mark.slow),
    pytest.param(("DELETE", ""), marks=pytest.mark.slow),
])  # fmt: skip
def test_a_cut_moves_in_a_store_as_in_a_folder_wherever_it_is_stopped(stored, curated, tmp_path, fault):
    Store.of(RUN).write("report.html", b"told of the old cut")
    local = tmp_path / "local"
    shutil.copytree(curated, local)
    rethreshold(local, threshold=0.9)
    if fault:
        method, part = fault
        stored.fault = lambda m, path: "500" if m == method and part in path else None
        with pytest.raises(RunError):
            rethreshold(RUN, threshold=0.9)
        assert explain(RUN, reason="kept", sample=1)  # readable all the while: the old cut, or the new one
        stored.fault = lambda *_: None
    rethreshold(RUN, threshold=0.9)
    assert contents(RUN, without=("manifest.json",)) == contents(local)
    assert manifest()["funnel"] == json.loads((local / "manifest.json").read_bytes())["funnel"]


def test_other_stores_go_the_same_way(curated, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run("memory://bucket/run")
    assert contents("memory://bucket/run") == contents(curated)
    run(f"file://{tmp_path}/plain")
    assert contents(tmp_path / "plain") == contents(curated)


def test_small_shards_hold_the_same_rows_in_their_order(curated, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr("curate.work.files.ROW_GROUP_ROWS", 2)
    run(tmp_path / "out", shard_size="1KB")
    files = sorted((tmp_path / "out" / "dropped").iterdir())
    assert len(files) > 3
    ids = [row for file in files for row in pq.read_table(file)["id"].to_pylist()]
    assert ids == pq.read_table(curated / "dropped" / "part-00000.parquet")["id"].to_pylist()
    run(tmp_path / "other", shard_size="1KB", threshold=0.9)
    rethreshold(tmp_path / "out", threshold=0.9)
    assert contents(tmp_path / "out") == contents(tmp_path / "other")
