"""Annotation files as users have them: good, odd, empty and broken. Each gives pages, a count, or one line."""

import gzip
import json
import math
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curate.cli import main
from curate.errors import SettingError
from curate.fit import fit_classifier, read_annotations
from labelled_pages import make_pages

GOOD = make_pages(8)


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_zstd_is_read_as_gzip_is(tmp_path):
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(lines(GOOD)))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(lines(GOOD)))
    first, second = (read_annotations(tmp_path / name) for name in ("a.jsonl.zst", "b.jsonl.gz"))
    assert first.texts.equals(second.texts)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.jsonl.gz", gzip.compress(lines(GOOD))[:-20], "cannot be read"),
        ("flipped.jsonl.gz", gzip.compress(lines(GOOD))[:50] + b"\0" * 99, "cannot be read"),
        ("cut.jsonl.zst", zstandard.compress(lines(GOOD))[:-9], "cannot be read|holds|No annotated page"),
        ("bad.jsonl", lines(GOOD) + b"{\"text\": \n", "line 9 is no JSON object"),
        ("deep.jsonl", b"[" * 200_000 + b"\n", "line 1 is no JSON object"),
        ("empty.jsonl", b"", "among 0 rows .no rows.*--text-field and --level-field"),
        ("empty.parquet", b"", "cannot be read as Parquet"),
        ("junk.parquet", b"PAR1 nothing PAR1", "cannot be read as Parquet"),
        ("labels.csv", b"text,label\n", "no kind of annotation file"),
        ("other.jsonl", lines([{"body": "x", "stars": 3}]), "Their fields are body, stars: name those"),
        ("words.jsonl", lines([{"text": "x", "label": "high"}]), "label is 'high' somewhere, which is no number"),
        ("lists.jsonl", lines([{"text": "x", "label": [1]}]), "label is .1. somewhere"),
        ("scalars.jsonl", b"1\n\"two\"\nnull\n", "line 1 is no JSON object"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_give_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingError, match=message) as caught:
        read_annotations(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_every_row_is_used_or_counted(tmp_path):
    rows = [
        *GOOD,
        {"text": "x"},
        {"text": "x", "edu_level": None},
        {"text": "x", "edu_level": math.nan},
        {"text": "x", "edu_level": "much"},
        {"text": "x", "edu_level": 10**400},
        {"text": None, "edu_level": 2},
        {"text": 7, "edu_level": 2},
        {"text": " \n", "edu_level": 2},
        {"edu_level": 2},
        {"id": "a", "text": "same", "edu_level": 2},
        {"id": "a", "text": "same", "edu_level": 2},
        {"id": "a", "text": "same", "edu_level": 3, "annotator": "another"},
        {"id": "a", "text": "other text of that id", "edu_level": 2},
    ]
    (tmp_path / "a.jsonl").write_bytes(lines(rows))
    pages = read_annotations(tmp_path / "a.jsonl")
    assert pages.skipped == {
        "no edu_level": 3, "edu_level is no number": 2, "no text": 3, "empty text": 1, "repeated row": 1,
    }  # fmt: skip
    assert len(pages) + sum(pages.skipped.values()) == len(rows)


@pytest.mark.parametrize(
    "labels", [(True, False), (1, 0), ("yes", "No"), ("TRUE", "false"), ("1", "0"), (1.0, 0.0)]
)
def test_binary_labels_may_be_written_as_one_likes(labels):
    pages = read_annotations([{"text": "a", "label": labels[0]}, {"text": "b", "label": labels[1]}])
    assert pages.levels.tolist() == [1, 0]


def test_parquet_with_nulls_and_odd_columns_is_read(tmp_path):
    table = pa.table(
        {"text": ["a", None, "c"], "level": pa.array([1, 2, None], pa.int8()), "url": [None, 3, 4]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert len(read_annotations(tmp_path / "a.parquet")) == 1


def test_a_huge_page_is_cut_to_the_window(tmp_path):
    rows = [*make_pages(60), {"text": "theorem " * 2_000_000, "edu_level": 5}]
    result = fit_classifier(rows, tmp_path / "c", members=["own_tfidf:ridge"], n_resamples=5)
    assert result.metrics["n_pages"] == 61


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["curate", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return stop.value.code, capsys.readouterr()


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (make_pages(5), (), "at least 5 of either kind are needed"),
        ([row | {"edu_level": 1} for row in make_pages(30)], (), "of 30 pages are at level"),
        ([row | {"edu_level": row["edu_level"] * 20} for row in make_pages(60)], (), "neither 0-1 nor 0-5"),
        ([row | {"edu_level": row["edu_level"] / 5} for row in make_pages(60)], (), "neither 0-1 nor 0-5"),
        (
            [row | {"edu_level": -1} for row in make_pages(60)],
            ("--positive", "0"),
            "at least 5 of either kind",
        ),
        (make_pages(60), ("--member", "tfidf:rigde"), "Did you mean 'ridge'"),
        (make_pages(60), ("--member", "fasttext+shape"), "name another member to average it with"),
        (make_pages(60), ("--member", "encoder:ridge"), "--encoder"),
        (make_pages(60), ("--encoder-dtype", "int4"), "Known: bf16, fp32, int8"),
        (make_pages(60), ("--folds", "1"), "set it to 2 or more"),
        (make_pages(60), ("--calibration", "plat"), "Did you mean 'platt'"),
        (make_pages(60), ("--member", "encoder:ridge", "--encoder", "no/such/model"), "cannot be loaded"),
        (make_pages(60), ("--reference-annotator", "nobody"), "No page is of the annotator 'nobody'"),
        (make_pages(60), ("--level-field", "grade"), "grade"),
        (make_pages(60), ("--level-field", "url"), "which is no number"),
        (make_pages(60), ("--memberr", "x"), "No such option"),
    ],
)
def test_what_cannot_be_fitted_gives_one_line_and_exit_code_2(
    tmp_path, monkeypatch, capsys, rows, arguments, message
):
    (tmp_path / "labels.jsonl").write_bytes(lines(rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, said = run(monkeypatch, capsys, "fit", "-a", "labels.jsonl", "-o", "mine", "--quiet", *arguments)
    assert code == 2, said.err
    assert said.err.count("\n") == 1
    assert message in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["labels.jsonl"]


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        ([], (), "No annotated page"),
        (make_pages(1), (), "both kinds are needed"),
        ([row | {"edu_level": 4} for row in make_pages(30)], (), "30 of 30 pages are at level 3"),
        (make_pages(30), ("--scorer", "edo"), "Did you mean 'edu'"),
        (make_pages(30), ("--scorer", "./none"), "There is no classifier folder"),
        (make_pages(30), ("--compare", "hf:./none"), "cannot be loaded"),
        (make_pages(30), ("--positive", "9"), "Levels reach from 0 to 5"),
    ],
)
def test_what_cannot_be_evaluated_gives_one_line_and_exit_code_2(
    tmp_path, monkeypatch, capsys, rows, arguments, message
):
    (tmp_path / "test.jsonl").write_bytes(lines(rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, said = run(monkeypatch, capsys, "evaluate", "-a", "test.jsonl", "--resamples", "5", *arguments)
    assert code == 2, said.err
    assert said.err.count("\n") == 1
    assert message in said.err


def test_five_pages_can_be_evaluated_and_what_is_undefined_is_null(tmp_path, monkeypatch, capsys):
    rows = [row | {"edu_level": level} for row, level in zip(make_pages(5), (0, 1, 2, 3, 4), strict=True)]
    (tmp_path / "test.jsonl").write_bytes(lines(rows))
    monkeypatch.chdir(tmp_path)
    code, said = run(monkeypatch, capsys, "evaluate", "-a", "test.jsonl", "--resamples", "5", "-o", "ev")
    assert code == 0, said.err
    found = json.loads((tmp_path / "ev" / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert found["metrics"]["n_pages"] == 5
    assert any(row["precision"] is None for row in found["metrics"]["thresholds"])
