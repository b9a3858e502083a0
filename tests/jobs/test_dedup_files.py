"""`curate dedup` over files: nothing is lost, workers and kills change nothing, the ledger is right."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import ChangedSettingsError, SettingError
from curate.jobs import pieces
from curate.jobs.dedup import dedup_files
from curate.jobs.estimate import estimate_dedup
from curate.jobs.settings import DedupSettings
from planted import exact_sets, plant_texts, similarity

N = 600


@pytest.fixture(scope="module")
def texts():
    return plant_texts(N, seed=11)


@pytest.fixture
def crawl(texts, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, begin in enumerate(range(0, N, 200)):
        rows = range(begin, begin + 200)
        table = pa.table(
            {
                "id": [f"doc-{row:04d}" for row in rows],
                "text": [texts[row] for row in rows],
                "url": [f"http://example.org/{row}" for row in rows],
                "quality": [row % 10 / 10 for row in rows],
            }
        )
        pq.write_table(table, folder / f"part-{number}.parquet", row_group_size=64)
    return folder


def read_out(folder: Path, kind: str) -> list[dict]:
    return [
        row for path in sorted((folder / kind).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def hash_out(folder: Path) -> dict[str, str]:
    paths = [*folder.glob("kept/*"), *folder.glob("dropped/*")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def run(source, output, **settings):
    return dedup_files(str(source), output, **{"workers": 1, "progress": False} | settings)


def test_every_document_is_kept_or_dropped_with_its_twin_and_its_columns(crawl, texts, tmp_path):
    report = run(crawl, tmp_path / "out")
    kept, dropped = read_out(tmp_path / "out", "kept"), read_out(tmp_path / "out", "dropped")
    assert report.n_documents == N == len(kept) + len(dropped)
    assert report.n_kept == len(kept)
    assert sum(report.n_dropped.values()) == len(dropped) > 50
    assert [row["id"] for row in kept] == sorted(row["id"] for row in kept)
    assert set(kept[0]) == {"id", "text", "url", "quality"}
    kept_ids = {row["id"] for row in kept}
    sets = exact_sets(pa.array(texts))
    for row in dropped:
        assert row["duplicate_of"] in kept_ids
        assert row["drop_reason"] in ("duplicate_exact", "duplicate_near")
        number, twin = int(row["id"][4:]), int(row["duplicate_of"][4:])
        assert row["text"] == texts[number]
        assert (
            row["jaccard"] == np.float32(similarity(sets[number], sets[twin])) or texts[number].count(" ") < 4
        )
        assert row["jaccard"] >= np.float32(0.8)


def test_workers_pieces_and_the_order_of_inputs_do_not_change_a_byte(crawl, tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10_000)
    run(crawl, tmp_path / "one")
    run(crawl, tmp_path / "two", workers=2)
    parts = sorted(str(path) for path in crawl.iterdir())
    dedup_files(parts[::-1], tmp_path / "three", workers=1, progress=False, memory="70MB")
    assert len(hash_out(tmp_path / "one")) > 6
    assert hash_out(tmp_path / "one") == hash_out(tmp_path / "two") == hash_out(tmp_path / "three")


def test_deduplicating_what_was_kept_keeps_everything(crawl, tmp_path):
    first = run(crawl, tmp_path / "out")
    again = run(tmp_path / "out" / "kept", tmp_path / "again")
    assert (again.n_documents, again.n_kept) == (first.n_kept, first.n_kept)


def test_json_lines_give_the_same_decisions_as_parquet(crawl, tmp_path):
    lines = tmp_path / "lines"
    lines.mkdir()
    for path in sorted(crawl.iterdir()):
        rows = pq.read_table(path).to_pylist()
        (lines / f"{path.stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(crawl, tmp_path / "a")
    report = run(lines, tmp_path / "b")
    for kind in ("kept", "dropped"):
        ids = [[row["id"] for row in read_out(tmp_path / out, kind)] for out in ("a", "b")]
        assert ids[0] == ids[1]
    assert report.problems == []
    assert json.loads(read_out(tmp_path / "b", "kept")[0]["extra"]).keys() == {"quality"}


def test_the_best_score_stays(crawl, tmp_path):
    run(crawl, tmp_path / "out", score_column="quality")
    quality = {row["id"]: row["quality"] for row in read_out(tmp_path / "out", "kept")}
    dropped = read_out(tmp_path / "out", "dropped")
    assert all(row["quality"] <= quality[row["duplicate_of"]] for row in dropped)
    with pytest.raises(SettingError, match="no_such"):
        run(crawl, tmp_path / "other", score_column="no_such")


def test_documents_without_an_id_are_named_by_file_and_row_and_those_without_text_are_dropped(tmp_path):
    page = "a page with some words of its own in it"
    table = pa.table({"content": [page, None, page, "  \n", "?!"], "drop_reason": ["x", "y", "z", "u", "v"]})
    pq.write_table(table, tmp_path / "some.parquet")
    report = run(tmp_path / "some.parquet", tmp_path / "out")
    assert report.n_dropped == {"duplicate_exact": 1, "json_no_text": 2}
    dropped = read_out(tmp_path / "out", "dropped")
    assert [row["duplicate_of"] for row in dropped] == [None, "some.parquet#0", None]
    assert [(row["drop_reason"], row["dedup_drop_reason"]) for row in dropped] == [
        ("y", "json_no_text"),
        ("z", "duplicate_exact"),
        ("u", "json_no_text"),
    ]


def test_html_is_no_text_and_damage_is_reported(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "page.html").write_text("<!doctype html><html><body><p>Hello there</p></body></html>")
    pq.write_table(pa.table({"text": ["word " * n for n in range(1, 3000)]}), folder / "good.parquet")
    data = bytearray((folder / "good.parquet").read_bytes())
    data[200:900] = bytes(700)
    (folder / "bad.parquet").write_bytes(data)
    report = run(folder, tmp_path / "out")
    assert report.n_dropped["html_not_text"] == 1
    assert any("bad.parquet" in problem.source for problem in report.problems)


def test_another_setting_in_the_same_folder_is_refused_and_the_same_one_returns_the_report(crawl, tmp_path):
    first = run(crawl, tmp_path / "out")
    assert run(crawl, tmp_path / "out") == first
    with pytest.raises(ChangedSettingsError, match="jaccard"):
        run(crawl, tmp_path / "out", jaccard=0.5)
    assert run(crawl, tmp_path / "out", jaccard=0.5, overwrite=True).n_kept < first.n_kept


def test_a_source_and_a_cluster_that_lose_much_are_named(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    own = [f"page {n} " + " ".join(f"{n}x{i}" for i in range(30)) for n in range(300)]
    pq.write_table(pa.table({"id": [f"a{n}" for n in range(300)], "text": own}), folder / "a.parquet")
    pq.write_table(
        pa.table({"id": [f"b{n}" for n in range(200)], "text": [own[0]] * 200}), folder / "b.parquet"
    )
    warnings = run(folder, tmp_path / "out").warnings
    assert warnings == (
        "b.parquet loses 200 of its 200 documents (100%) as duplicates.",
        "200 documents (40%) are duplicates of 'a0' alone.",
    )


def test_the_estimate_knows_the_documents_and_is_not_far_from_the_bytes(crawl, texts):
    estimate = estimate_dedup(DedupSettings(input=(str(crawl),)), 1 << 30)
    n_bytes = sum(len(text.encode()) for text in texts)
    assert estimate.n_documents == N
    assert 0.5 * n_bytes < estimate.text_bytes < 2 * n_bytes


def test_json_lines_give_the_same_bytes_in_every_run_and_no_note_of_how_long_they_took(texts, tmp_path):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts[:40])
    (tmp_path / "pages.jsonl").write_text(lines, encoding="utf-8")
    for output in ("one", "two"):
        run(tmp_path / "pages.jsonl", tmp_path / output)
        for path in [*(tmp_path / output).glob("kept/*"), *(tmp_path / output).glob("dropped/*")]:
            assert pq.read_schema(path).metadata is None
    assert hash_out(tmp_path / "one") == hash_out(tmp_path / "two")


@pytest.mark.parametrize("n_kills", [3])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(crawl, tmp_path, n_kills):
    script = (
        "import sys; from curate.jobs import pieces; pieces.PIECE_BYTES = 5000\n"
        "from curate.jobs.dedup import dedup_files\n"
        "print('ready', flush=True)\n"
        "dedup_files(sys.argv[1], sys.argv[2], workers=1, progress=False)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def start(output):
        command = [sys.executable, "-c", script, str(crawl), str(output)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.stdout.close()
        return process

    began_s = time.monotonic()
    assert start(tmp_path / "clean").wait() == 0
    clean_s = time.monotonic() - began_s
    rng = random.Random(3)
    n_killed = 0
    for _ in range(n_kills):
        process = start(tmp_path / "killed")
        time.sleep(rng.uniform(0, 0.3) * min(clean_s, 2))
        process.send_signal(signal.SIGKILL)
        n_killed += process.wait() != 0
    assert start(tmp_path / "killed").wait() == 0
    assert n_killed
    assert hash_out(tmp_path / "killed") == hash_out(tmp_path / "clean")


def test_strings_that_are_not_utf8_end_neither_dedup_nor_mix(tmp_path):
    from curate.mixture import MixtureSettings, Source, mix

    cut = [
        b"a page that is cut within a letter \xf0\x9f\x98",
        b"\xff",
        b"   ",
        b"a whole page " * 20,
        b"another one " * 20,
    ]
    values = pa.array(cut, pa.binary())
    strings = pa.Array.from_buffers(pa.string(), len(values), values.buffers())
    table = pa.table({"id": strings, "text": strings})
    pq.write_table(table, tmp_path / "bad.parquet")
    report = dedup_files(str(tmp_path / "bad.parquet"), tmp_path / "out", workers=1, progress=False)
    assert (report.n_documents, report.problems) == (5, [])
    made = MixtureSettings(
        sources=(Source("bad", (str(tmp_path / "bad.parquet"),)),), validation_fraction=0.0
    )
    assert mix(made, tmp_path / "mixture", workers=1)["groups"]


def test_of_two_columns_of_one_name_the_second_is_kept_beside(tmp_path):
    texts, others = pa.array(["a page of some words " * 9]), pa.array(["other words"])
    pq.write_table(pa.Table.from_arrays([texts, others], ["text", "text"]), tmp_path / "twice.parquet")
    report = dedup_files(str(tmp_path / "twice.parquet"), tmp_path / "out", workers=1, progress=False)
    assert (report.n_documents, report.n_kept, len(report.problems)) == (1, 1, 0)
    (row,) = pq.read_table(tmp_path / "out" / "kept").to_pylist()
    assert row["text"] == texts[0].as_py()
    assert json.loads(row["extra"]) == {"text_2": "other words"}


def test_files_with_other_columns_are_warned_of(tmp_path):
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"text": ["one page"], "score": [1]}), tmp_path / "in" / "a.parquet")
    pq.write_table(pa.table({"content": ["another page"]}), tmp_path / "in" / "b.parquet")
    report = dedup_files(str(tmp_path / "in"), tmp_path / "out", workers=1, progress=False)
    assert "b.parquet has other columns than a.parquet" in report.warnings[0]
