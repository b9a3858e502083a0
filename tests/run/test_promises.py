"""Every pass counts what it was promised: a file that is missing, stale or of another run is named, and never guessed at."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL
from curate import pipeline
from curate.errors import RunError
from curate.jobs.dedup import dedup_files
from curate.work.folder import ChunkName, RunFolder

FEW = {
    "workers": 1,
    "chunk_bytes": 2500,
    "progress": False,
    "threshold": 0.0,
    "rules": (),
    "language": ("any",),
}
WORDS = "the water of this river flows to a sea and people have built stone bridge light air plant energy earth".split()


def text_of(seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=80))


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("promises") / "crawl"
    folder.mkdir()
    for number in range(2):
        rows = []
        for row in range(30):
            first = 40 * number + row if row % 3 else 7  # every third is one and the same
            rows.append(json.dumps({"id": f"{number}-{row}", "text": text_of(first)}))
        (folder / f"{number}.jsonl").write_text("\n".join(rows))
    return folder


def run(crawl: Path, output: Path, **settings: object) -> curate.Funnel:
    return curate.filter_crawl(str(crawl), output, **(FEW | settings))


@pytest.fixture(scope="module")
def clean(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("promises") / "clean"
    funnel = run(crawl, output)
    assert funnel.dropped["dedup", "exact_duplicate"].n_documents == 20
    return output


def same_bytes(one: Path, other: Path) -> bool:
    names = sorted(path.relative_to(one) for path in one.glob("*/*.parquet"))
    return names == sorted(path.relative_to(other) for path in other.glob("*/*.parquet")) and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names
    )


Damage = Callable[[RunFolder], None]


def before(monkeypatch: pytest.MonkeyPatch, function: str, damage: Damage) -> None:
    """Have `damage` done just before the pass begins that `function` is the start of."""
    whole = getattr(pipeline, function)

    def damaged(*arguments: object, **keywords: object) -> object:
        folder = next(
            each if isinstance(each, RunFolder) else each.folder
            for each in arguments
            if isinstance(each, RunFolder) or hasattr(each, "folder")
        )
        damage(folder)
        return whole(*arguments, **keywords)

    monkeypatch.setattr(pipeline, function, damaged)


def without(*path: str) -> Damage:
    def damage(folder: RunFolder) -> None:
        folder.path.joinpath(*path).unlink()

    return damage


def exchanged(kind: str) -> Damage:
    """One chunk's file in another chunk's place: there, whole, of the right columns, and wrong."""

    def damage(folder: RunFolder) -> None:
        first, *_, last = sorted((folder.work / kind).glob("*.arrow"))
        shutil.copyfile(first, last)

    return damage


FIRST = "00000-000000.arrow"


@pytest.mark.parametrize(
    ("function", "damage", "said"),
    [
        ("find_run_duplicates", without(".curate", "documents", FIRST), "documents/00000-000000.arrow"),
        ("score_survivors", without(".curate", "documents", FIRST), "documents/00000-000000.arrow"),
        ("score_survivors", without(".curate", "duplicates", FIRST), "duplicates/00000-000000.arrow"),
        ("survey", without(".curate", "scores", FIRST), "scores/00000-000000.arrow"),
        ("check_parts", without("kept", "part-00000.parquet"), "part-00000.parquet is not there"),
    ],
)
def test_a_file_that_goes_missing_between_two_passes_is_named_and_made_again(
    crawl: Path,
    clean: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    damage: Damage,
    said: str,
) -> None:
    with monkeypatch.context() as patch:
        before(patch, function, damage)
        with pytest.raises(RunError, match=said):
            run(crawl, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
    run(crawl, tmp_path / "out")
    assert same_bytes(tmp_path / "out", clean)


def hidden(monkeypatch: pytest.MonkeyPatch, *chunks: ChunkName) -> None:
    """Have the folder listed without these chunks, as a file system of another machine may."""
    listed = RunFolder.chunk_names
    monkeypatch.setattr(
        RunFolder, "chunk_names", lambda folder: [name for name in listed(folder) if name not in chunks]
    )


@pytest.mark.parametrize("chunk", [ChunkName(0, 0), ChunkName(0, 3)])
def test_a_listing_that_lacks_a_chunk_ends_the_run_and_names_it(
    crawl: Path, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: ChunkName
) -> None:
    with monkeypatch.context() as patch:
        hidden(patch, chunk)
        with pytest.raises(RunError, match=f"{chunk}.arrow .of 0.jsonl and 1 more. is not there"):
            run(crawl, tmp_path / "out")
    run(crawl, tmp_path / "out")
    assert same_bytes(tmp_path / "out", clean)


def test_the_last_chunk_of_a_split_is_missed_too(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "find_run_duplicates", without_return)
        with pytest.raises(KeyboardInterrupt):
            run(crawl, tmp_path / "out")
    last = RunFolder(tmp_path / "out").chunk_names()[-1]
    hidden(monkeypatch, last)
    with pytest.raises(RunError, match=str(last)):
        run(crawl, tmp_path / "out")


def without_return(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_chunk_of_another_run_is_named(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strange(folder: RunFolder) -> None:
        shutil.copyfile(folder.documents(ChunkName(0, 0)), folder.documents(ChunkName(7, 0)))

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "find_run_duplicates", without_return)
        with pytest.raises(KeyboardInterrupt):
            run(crawl, tmp_path / "out")
    strange(RunFolder(tmp_path / "out"))
    with pytest.raises(RunError, match="00007-000000.arrow is of another run"):
        run(crawl, tmp_path / "out")


@pytest.mark.parametrize("function", ["score_survivors", "check_parts"])
def test_duplicates_found_among_other_chunks_are_found_again(
    crawl: Path, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    """A barrier that saw a stale chunk, and a run that went on from there with the true one."""
    with monkeypatch.context() as patch:
        before(patch, "find_run_duplicates", exchanged("documents"))
        stopped_at(patch, function)
        with pytest.raises((KeyboardInterrupt, RunError)):
            run(crawl, tmp_path / "out")
    folder = RunFolder(tmp_path / "out")
    folder.documents(folder.chunk_names()[-1]).unlink()  # it is read again, as it was
    run(crawl, tmp_path / "out")
    assert same_bytes(tmp_path / "out", clean)


def stopped_at(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    monkeypatch.setattr(pipeline, function, without_return)


def test_a_score_file_made_among_other_chunks_is_not_read(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stopped_at(patch, "survey")
        with pytest.raises(KeyboardInterrupt):
            run(crawl, tmp_path / "out")
        folder = RunFolder(tmp_path / "out")
        made_of = json.loads(folder.found_duplicates.read_text())["barrier"]
        stale = pipeline.Committed(folder, "another")
        assert stale.is_there(folder.scores(ChunkName(0, 0))) is False
        with pytest.raises(RunError, match="made among other chunks"):
            stale.scores(ChunkName(0, 0))
        assert pipeline.Committed(folder, made_of).is_there(folder.scores(ChunkName(0, 0)))


def test_a_part_that_is_too_many_or_too_short_is_named(
    crawl: Path, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "out" / "kept"
    with monkeypatch.context() as patch:
        before(
            patch,
            "check_parts",
            lambda _: shutil.copyfile(kept / "part-00000.parquet", kept / "part-00001.parquet"),
        )
        with pytest.raises(RunError, match="part-00001.parquet is not of this run"):
            run(crawl, tmp_path / "out")
    (kept / "part-00001.parquet").unlink()
    pq.write_table(pq.read_table(kept / "part-00000.parquet")[:3], kept / "part-00000.parquet")
    with pytest.raises(RunError, match="part-00000.parquet has 3 rows, and must have"):
        run(crawl, tmp_path / "out")
    (kept / "part-00000.parquet").unlink()
    run(crawl, tmp_path / "out")
    assert same_bytes(tmp_path / "out", clean)


def test_a_file_that_a_lost_worker_was_writing_stops_no_run_and_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = pipeline.write_part

    def lose_first(decisions: Any, part: Any) -> None:
        path = decisions.folder.part(part.kind, part.number)
        path.parent.mkdir(exist_ok=True)
        path.with_name(f".tmp-1-0a1b2c3d-{path.name}").write_bytes(b"half")
        write(decisions, part)

    monkeypatch.setattr(pipeline, "write_part", lose_first)
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", workers=1, progress=False)
    assert not list((tmp_path / "out").rglob(".tmp-*"))
    assert len(list((tmp_path / "out").glob("*/part-*.parquet"))) == 2


def test_dedup_finds_duplicates_anew_where_a_piece_has_changed_since(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curate.jobs import dedup

    clean, out = tmp_path / "clean", tmp_path / "out"
    crawl = as_parquet(crawl, tmp_path)
    dedup_files(str(crawl), clean, workers=1, progress=False)
    found = dedup.find_file_duplicates

    def found_among_others(job: dedup._Job, *rest: object) -> None:
        exact = job.keys_path(1).read_bytes()
        shutil.copyfile(job.keys_path(0), job.keys_path(1))
        found(job, *rest)
        job.keys_path(1).write_bytes(exact)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dedup, "find_file_duplicates", found_among_others)
        with pytest.raises(KeyboardInterrupt):
            dedup_files(str(crawl), out, workers=1, progress=False)
    dedup_files(str(crawl), out, workers=1, progress=False)
    assert same_bytes(out, clean)


def as_parquet(crawl: Path, folder: Path) -> Path:
    (folder / "parquet").mkdir()
    for path in crawl.iterdir():
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        pq.write_table(pa.Table.from_pylist(rows), folder / "parquet" / f"{path.stem}.parquet")
    return folder / "parquet"


def test_dedup_names_a_file_that_lacks_rows(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curate.jobs import dedup

    checked = dedup.check_pieces

    def lacking(job: dedup._Job) -> None:
        job.folder.part("dropped", 0).unlink()
        checked(job)

    monkeypatch.setattr(dedup, "check_pieces", lacking)
    with pytest.raises(RunError, match=r"kept/part-00000.parquet and its file of dropped rows have"):
        dedup_files(str(crawl), tmp_path / "out", workers=1, progress=False)
