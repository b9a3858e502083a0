"""A run's folder from elsewhere runs nothing and touches nothing; a folder's name is a name; readers change nothing."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL
from curate.errors import CurateError, SettingError
from curate.results.open import locked_database, quoted
from curate.results.overview import read_overview
from curate.work.lock import locked


@pytest.fixture
def run(curated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(curated, tmp_path / "run"))


def rows_of(folder: Path) -> list[dict[str, object]]:
    """All rows of a run; signals that are undefined are NaN, which equals nothing, and None here."""
    rows = [
        row
        for file in sorted(folder.glob("*/part-*.parquet"))
        for row in pq.ParquetFile(file).read().to_pylist()
    ]
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def change_manifest(folder: Path, **score: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["score"] |= score
    (folder / "manifest.json").write_text(json.dumps(manifest))


def first_id(folder: Path) -> str:
    return str(rows_of(folder)[0]["id"])


READERS = {
    "explain": lambda folder: curate.explain(folder, "forum-0"),
    "report": lambda folder: curate.write_report(folder, folder.parent / "report.html"),
    "overview": read_overview,
    "rethreshold": lambda folder: curate.rethreshold(folder, threshold=0.7),
}


@pytest.mark.parametrize("reader", sorted(READERS))
def test_sql_in_the_name_of_the_score_is_not_run(run: Path, reader: str) -> None:
    target = run.parent / "bashrc"
    attack = (
        """edu_score"::FLOAT AS score FROM (SELECT 1 AS "edu_score"); """
        f"""COPY (SELECT 'touch x') TO '{target}' (FORMAT csv); CREATE VIEW d2 AS SELECT 1 AS \""""
    )
    change_manifest(run, score_column=attack)
    before = rows_of(run)
    with pytest.raises(SettingError, match="names the score column"):
        READERS[reader](run)
    assert not target.exists()
    assert rows_of(run) == before


def test_the_database_reaches_no_file_and_cannot_be_told_to(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    for query in (
        f"SELECT * FROM read_text('{tmp_path}/secret.txt')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
    ):
        import duckdb

        with locked_database() as database, pytest.raises(duckdb.Error):
            database.execute(query)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]


@pytest.mark.parametrize("name", ['a"b', 'x" FROM y; --', "drop", "Ä b", "a;b"])
def test_any_name_can_be_a_column(name: str) -> None:
    with locked_database() as database:
        query = f"SELECT {quoted(name)} FROM (SELECT 1 AS {quoted(name)})"
        assert database.execute(query).fetchall() == [(1,)]


@pytest.mark.parametrize(
    "name",
    ["language=xx", "date=2024", "url=x", "edu_score=0.001", "run[1]", "run*", "r?n", "run-12:30", "a'b"],
)
def test_the_name_of_a_folder_is_no_pattern_and_no_column(curated: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(curated, tmp_path / "run1")
    folder = Path(shutil.copytree(curated, tmp_path / name))
    before = sorted(rows_of(folder), key=lambda row: str(row["id"]))
    key = first_id(folder)
    assert curate.explain(folder, key)[0].document["url"] == rows_of(folder)[0]["url"]
    assert read_overview(folder).languages == read_overview(curated).languages
    curate.rethreshold(folder, threshold=0.9)
    curate.rethreshold(folder, threshold=0.5)
    assert sorted(rows_of(folder), key=lambda row: str(row["id"])) == before


@pytest.mark.parametrize("name", ["run-12:30", "~", "run[1]", "%41", "a=b"])
def test_a_run_ends_well_whatever_its_folder_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "crawl.jsonl").write_text('{"id": "a", "text": "some words"}\n')
    monkeypatch.chdir(tmp_path)
    curate.filter_crawl(
        "crawl.jsonl", name, scorer="none", rules=[], language=["any"], workers=1, progress=False
    )
    assert [row["id"] for row in rows_of(tmp_path / name)] == ["a"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["crawl.jsonl", name])


def test_a_link_in_place_of_the_swap_moves_nothing(run: Path) -> None:
    mine = Path(shutil.copytree(run, run.parent / "mine"))
    (run / ".curate-swap").symlink_to(mine)
    before = rows_of(mine)
    curate.explain(run, "forum-0")
    curate.write_report(run, run.parent / "report.html")
    with pytest.raises(SettingError, match="is a link"):
        curate.rethreshold(run, threshold=0.7)
    with pytest.raises(SettingError, match="is a link"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), run, progress=False, workers=1)
    assert rows_of(mine) == before
    assert (mine / "manifest.json").exists()


def test_a_new_cut_waits_for_no_one_and_a_second_is_refused(run: Path) -> None:
    before = rows_of(run)
    with locked(run), pytest.raises(SettingError, match="Another process is writing"):
        curate.rethreshold(run, threshold=0.7)
    assert rows_of(run) == before


def test_cuts_made_at_once_lose_no_row_and_readers_beside_them_see_whole_runs(run: Path) -> None:
    ids = sorted(str(row["id"]) for row in rows_of(run))
    failures: list[BaseException] = []
    n_cuts = 0
    stop = threading.Event()

    def cut(threshold: float) -> None:
        nonlocal n_cuts
        while n_cuts < 12:
            try:
                curate.rethreshold(run, threshold=threshold)
            except SettingError as error:
                if "Another process" not in str(error):
                    failures.append(error)
            else:
                n_cuts += 1

    def read() -> None:
        while not stop.is_set():
            try:
                assert sum(group.n_read for group in read_overview(run).lengths)
            except CurateError as error:
                if "keeps changing" not in str(error):
                    failures.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=cut, args=(threshold,)) for threshold in (0.2, 0.5, 0.8)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert failures == []
    assert sorted(str(row["id"]) for row in rows_of(run)) == ids
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["funnel"]["kept"]["n_documents"] == len(rows_of(run / "kept" / "..")) - sum(
        row["drop_reason"] is not None for row in rows_of(run) if "drop_reason" in row
    )
