"""Shards whose output is in a store: joined they give the bytes of one run, and another machine goes on with one that was stopped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import curate
from common import EXAMPLE_CRAWL, bytes_of, run_curate
from curate.errors import RunError, SettingError
from curate.jobs.join import join_shards
from curate.work.store import Store, scratch_folder

pytestmark = pytest.mark.filterwarnings("ignore")  # of botocore and s3fs, about their own insides
SMALL = {"chunk_bytes": 2000, "workers": 1, "progress": False, "threshold": 0.3}
SHARDS = ["s3://runs/a crawl é/0", "s3://runs/a crawl é/1", "s3://runs/a crawl é/2"]


def read(number: int, **settings):
    return curate.filter_crawl(str(EXAMPLE_CRAWL), SHARDS[number], shard=f"{number}/3", **(SMALL | settings))


def chunks(number: int) -> list[str]:
    return [name for name in Store.of(SHARDS[number]).list() if name.startswith(".curate/documents/")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("shards") / "whole"
    curate.filter_crawl(str(EXAMPLE_CRAWL), output, **SMALL)
    return output


def test_shards_in_a_store_are_joined_to_one_run_in_a_store(s3, whole, tmp_path):
    s3.every(5, "500", "PUT GET HEAD")
    funnels = [read(number) for number in range(3)]
    assert not any(scratch_folder(shard, None).exists() for shard in SHARDS)
    out = "s3://runs/das ergebnis ü"
    funnel = join_shards("s3://runs/a crawl é/*", out, workers=1, progress=False)
    assert s3.n_faults
    s3.fault = lambda *_: None
    system, root = Store.of(out).open()
    there = {name: system.cat_file(f"{root}/{name}") for name in Store.of(out).list() if "/" in name}
    assert there == bytes_of(whole)
    assert funnel.read.n_documents == sum(each.read.n_documents for each in funnels)
    n_before = len(s3.requests)
    assert read(1) == funnels[1]  # it is finished: no chunk is read again
    assert not any("documents" in path for _, path in s3.requests[n_before:] if "list-type" not in path)


def test_another_machine_goes_on_with_a_shard_from_what_is_in_the_store(s3, whole, tmp_path, monkeypatch):
    seen: list[str] = []

    def fault(method: str, path: str) -> str | None:
        seen.extend([path] if method == "PUT" and "/documents/" in path else [])
        return "500" if len(set(seen)) > 2 else None

    s3.fault = fault
    with pytest.raises(RunError, match="could not write .curate/documents"):
        read(0, scratch=str(tmp_path / "here"))
    s3.fault = lambda *_: None
    assert len(chunks(0)) == 2
    crawl = shutil.copytree(EXAMPLE_CRAWL, tmp_path / "copy" / EXAMPLE_CRAWL.name)  # with other times
    made: list[object] = []
    make = curate.pipeline.Job.make_documents
    monkeypatch.setattr(
        curate.pipeline.Job, "make_documents", lambda job, chunk: made.append(chunk) or make(job, chunk)
    )
    curate.filter_crawl(str(crawl), SHARDS[0], shard="0/3", scratch=str(tmp_path / "there"), **SMALL)
    assert len(made) == len(chunks(0)) - 2
    # The first machine was only slow: it ends as if it had been alone.
    read(0, scratch=str(tmp_path / "here"))
    for number in (1, 2):
        read(number)
    join_shards(SHARDS, tmp_path / "out", workers=1, progress=False)
    assert bytes_of(tmp_path / "out") == bytes_of(whole)


def test_a_shard_in_a_store_that_lacks_a_chunk_or_its_end_is_named(s3, tmp_path):
    for number in (0, 1, 2):
        read(number)
    store = Store.of(SHARDS[2])
    store.delete(chunks(2)[:1])
    with pytest.raises(RunError, match=r"a crawl é/2 has [0-9] chunks, and had [0-9]"):
        join_shards(SHARDS, tmp_path / "out", workers=1, progress=False)
    store.delete(["shard.json"])
    with pytest.raises(SettingError, match=r"a crawl é/2 holds no shard that is read to its end"):
        join_shards(SHARDS, tmp_path / "other", workers=1, progress=False)
    read(2)
    done = run_curate("join", *SHARDS, "--output", tmp_path / "other", "--workers", 1)
    assert done.returncode == 0, done.stderr
    done = run_curate("report", SHARDS[0])
    assert done.returncode == 2
    assert "holds one shard of a run" in done.stderr.replace("\n", " ")


def test_a_name_in_a_store_that_leads_out_of_its_folder_is_no_file_of_a_run() -> None:
    store = Store.of("memory://outside/run")
    system, root = store.open()
    for name in (".curate/documents/../../../../out", "shard.json"):
        system.pipe_file(f"{root}/{name}", b"{}")
    assert len(system.find(root)) == 2
    assert store.list() == {"shard.json": 2}
