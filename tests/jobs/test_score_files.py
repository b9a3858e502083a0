"""Scoring files that are text already: nothing is lost, nothing else changes, the same bytes after any stop."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL, run_curate
from curate.errors import SettingError
from curate.jobs import score as job
from curate.scoring import load_scorer

LESSON = "Photosynthesis is how green plants make sugar from light, water and carbon dioxide."


class Half:
    name = "half"

    def score(self, texts: pa.Array) -> np.ndarray:
        return np.full(len(texts), 0.5, np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Parquet file of odd types, JSON lines packed and plain, each with rows that have no text."""
    place = tmp_path / "in"
    place.mkdir()
    table = pa.table(
        {
            "when": pa.array([1, 2, None], pa.timestamp("us", "UTC")),
            "text": pa.array([LESSON, None, "Buy shoes."], pa.large_string()),
            "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
            "big": pa.array([2**63 - 1, 0, 1], pa.uint64()),
        }
    ).replace_schema_metadata({"huggingface": "{}", "own": "kept"})
    pq.write_table(table, place / "pages.parquet")
    lines = [
        json.dumps({"text": LESSON, "n": 12345678901234567890123}),
        "{}",
        "not json",
        '{"text": null}',
        "",
        '{"id": 1.50, "text": "Buy sh\\u00f6es." }  ',
    ]
    (place / "lines.jsonl").write_text("\n".join(lines))
    (place / "packed.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return place


def hashes(output: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((output / "scored").rglob("*.*"))
    }


def test_rows_and_columns_stay_and_scores_stand_beside_them(folder: Path, tmp_path: Path) -> None:
    report = curate.score_files(
        str(folder), tmp_path / "out", scorer=["edu", Half()], workers=1, progress=False
    )
    assert (report.n_documents, report.n_scored, report.n_files, report.problems) == (3 + 5 + 5, 6, 3, [])
    before, after = (
        pq.read_table(folder / "pages.parquet"),
        pq.read_table(tmp_path / "out/scored/pages.parquet"),
    )
    assert after.select(before.column_names).equals(before)
    assert after.schema.names[4:] == ["edu_level", "edu_score", "edu_n_bytes_read", "half_score"]
    assert after.schema.metadata == {b"own": b"kept"}
    scores = load_scorer("edu").score([LESSON, "Buy shoes."])
    assert after["edu_score"].to_pylist() == [scores[0], None, scores[1]]
    assert after["half_score"].to_pylist() == [0.5, None, 0.5]

    plain = (tmp_path / "out/scored/lines.jsonl").read_text()
    with gzip.open(tmp_path / "out/scored/packed.jsonl.gz", "rt") as file:
        assert file.read() == plain
    lines = plain.splitlines()
    old = (folder / "lines.jsonl").read_text().splitlines()
    assert len(lines) == len(old)
    assert lines[0].startswith(old[0][:-1] + ",")  # the number that fits no type is as it was
    assert np.float32(json.loads(lines[0])["edu_score"]) == scores[0]
    assert lines[1] == '{"edu_level":null,"edu_score":null,"edu_n_bytes_read":null,"half_score":null}'
    assert (lines[2], lines[4]) == ("not json", "")
    assert json.loads(lines[3])["edu_score"] is None
    assert lines[5].startswith('{"id": 1.50, "text": "Buy sh\\u00f6es.",')


def test_columns_of_an_earlier_scoring_are_written_anew_in_their_place(tmp_path: Path) -> None:
    pq.write_table(pa.table({"half_score": ["old"], "text": [LESSON], "n": [1]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text(json.dumps({"half_score": 0.1, "text": LESSON}) + "\n")
    curate.score_files(
        [str(tmp_path / "a.parquet"), str(tmp_path / "b.jsonl")], tmp_path / "out", scorer=Half(), workers=1,
        progress=False,
    )  # fmt: skip
    table = pq.read_table(tmp_path / "out/scored/a.parquet")
    assert table.column_names == ["half_score", "text", "n"]
    assert table["half_score"].to_pylist() == [0.5]
    assert json.loads((tmp_path / "out/scored/b.jsonl").read_text()) == {"half_score": 0.5, "text": LESSON}


def test_workers_and_a_stop_do_not_change_a_byte(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.jobs.pieces.PIECE_BYTES", 1)
    pq.write_table(
        pa.table({"text": [f"{LESSON} {i}" for i in range(40)]}), folder / "many.parquet", row_group_size=9
    )
    curate.score_files(str(folder), tmp_path / "one", workers=1, progress=False)
    assert len(hashes(tmp_path / "one")) == 3 + 5
    curate.score_files(str(folder), tmp_path / "two", workers=2, progress=False)
    assert hashes(tmp_path / "two") == hashes(tmp_path / "one")

    whole = job._score_piece

    def stops(this: object, number: int) -> None:
        if number == 4:
            raise KeyboardInterrupt
        whole(this, number)

    with monkeypatch.context() as patch:
        patch.setattr(job, "_score_piece", stops)
        with pytest.raises(KeyboardInterrupt):
            curate.score_files(str(folder), tmp_path / "three", workers=1, progress=False)
    made: list[int] = []
    monkeypatch.setattr(job, "_score_piece", lambda this, n: made.append(n) or whole(this, n))
    report = curate.score_files(str(folder), tmp_path / "three", workers=1, progress=False)
    assert hashes(tmp_path / "three") == hashes(tmp_path / "one")
    assert report == curate.score_files(str(folder), tmp_path / "three", workers=1, progress=False)


def test_a_damaged_file_is_named_and_the_others_are_written(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "packed.jsonl.gz").read_bytes()
    (folder / "packed.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    done = run_curate("score", "--input", folder, "--output", tmp_path / "out", "--workers", "1")
    assert done.returncode == 3, done.stderr
    assert "Could not read packed.jsonl.gz: unreadable" in done.stdout
    assert sorted(hashes(tmp_path / "out")) == ["lines.jsonl", "pages.parquet"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"text_column": "body"},
            "has no column of text 'body'. Name it with --text-column; its columns: when, text",
        ),
        ({"scorer": "topic"}, "tells 24 classes apart"),
        ({"scorer": "none"}, "Name one, such as 'edu'"),
        ({"scorer": [Half(), Half()]}, "Two scorers are called 'half'"),
        ({"input": str(EXAMPLE_CRAWL / "lessons.warc.gz")}, "is neither Parquet nor JSONL in UTF-8"),
        ({"workers": 0}, "workers must be between 1 and 4096"),
    ],
)
def test_wrong_settings_are_one_line_and_nothing_is_written(
    folder: Path, tmp_path: Path, settings: dict, message: str
) -> None:
    with pytest.raises(SettingError) as caught:
        curate.score_files(**{"input": str(folder), "output": tmp_path / "out", "progress": False} | settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_numbers_of_any_length_stay_where_a_score_is_written_anew(tmp_path):
    digits = "7" * 400
    (tmp_path / "a.jsonl").write_text(f'{{"text": "some words of text", "edu_score": 2, "n": {digits}}}\n')
    curate.score_files(str(tmp_path / "a.jsonl"), tmp_path / "out", progress=False, workers=1)
    written = (tmp_path / "out" / "scored" / "a.jsonl").read_text()
    assert f'"n":{digits}' in written
    assert '"edu_score":0' in written


def test_the_class_of_each_document_is_a_column_of_text_null_where_there_is_no_text(folder, tmp_path):
    curate.score_files(folder, tmp_path / "out", scorer="none", label=("topic", "format"), progress=False)
    written = pq.read_table(tmp_path / "out/scored/pages.parquet")
    likeliest = curate.scoring.load_classifier("topic").label([LESSON, "Buy shoes."]).to_pylist()
    assert written["topic"].to_pylist() == [likeliest[0], None, likeliest[1]]
    assert written.schema.field("format").type == pa.string()
    assert not any(name.startswith("edu_") for name in written.column_names)
    lines = (tmp_path / "out/scored/lines.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["topic"] == likeliest[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label": ("topik",)}, "Did you mean 'topic'"),
        ({"label": ("topic", "topic")}, "named twice"),
        ({"label": ("edu",)}, "Unknown classifier .edu.. Known: format, topic"),
        ({"scorer": "none"}, "or 'none' with --label topic"),
    ],
)
def test_what_cannot_label_is_said_before_anything_is_read(folder, tmp_path, settings, message):
    with pytest.raises(SettingError, match=message):
        curate.score_files(folder, tmp_path / "out", progress=False, **settings)
    assert not (tmp_path / "out").exists()
