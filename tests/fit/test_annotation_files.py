"""Annotation files as users have them: good, odd, empty and broken. Each gives pages, a count, or one line."""

import csv
import gzip
import io
import json
import math
import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curate.cli import main
from curate.crawl import find_kept
from curate.errors import SettingError
from curate.fit import fit_classifier, read_annotations
from curate.fit.annotations import render_sources
from curate.fit.label_files import read_pages
from curate.scoring import load_scorer
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
        ("labels.txt", b"text,label\n", "no kind of annotation file"),
        ("head.csv", b"text,label\n", "among 0 rows"),
        ("wide.csv", b"text,label\na,b,1\n", "line 2 holds 3 fields and the first line names 2"),
        ("open.csv", b'text,label\n"a,1\n', "is broken after row 0"),
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
        "no edu_level": 3, "edu_level is no number": 2, "no text": 3, "empty text": 1,
    }  # fmt: skip
    assert len(pages) + sum(pages.skipped.values()) == len(rows)


def test_tables_with_a_head_line_are_read_as_json_lines_are(tmp_path):
    texts = ['said "no",\nand\tleft', "plain", "a, b"]
    rows = [
        {"id": f"p{i}", "text": text, "edu_level": str(i), "reader": "r1"} for i, text in enumerate(texts)
    ]
    for kind, delimiter in ((".csv", ","), (".tsv", "\t")):
        written = io.StringIO(newline="")
        table = csv.DictWriter(written, rows[0], delimiter=delimiter)
        table.writeheader()
        table.writerows(rows)
        (tmp_path / f"a{kind}").write_bytes(b"\xef\xbb\xbf" + written.getvalue().encode())
        (tmp_path / f"b{kind}.gz").write_bytes(gzip.compress(written.getvalue().encode()))
        for name in (f"a{kind}", f"b{kind}.gz"):
            pages = read_annotations(tmp_path / name)
            assert pages.texts.to_pylist() == texts
            assert pages.levels.tolist() == [0, 1, 2]
            assert pages.readers == ("r1",) * 3


def test_levels_without_a_text_take_the_page_of_their_id(tmp_path):
    (tmp_path / "levels.tsv").write_text(
        "id\tedu_level\tquality_level\treader\na\t3\t4\tr1\na\t3\t5\tr2\nc\t1\t1\tr1\n"
    )
    pages = [
        {"id": "a", "text": "of a", "url": "https://a.example/"},
        {"id": "b", "text": "of b"},
        {"id": "d", "text": "of d", "edu_level": 5},
    ]
    (tmp_path / "pages.jsonl").write_bytes(lines(pages))
    files = [tmp_path / "levels.tsv", tmp_path / "pages.jsonl"]
    read = read_annotations(files)
    assert read.texts.to_pylist() == ["of a", "of a", "of d"]
    assert read.levels.tolist() == [3, 3, 5]
    assert read.readers == ("r1", "r2", "")
    assert read.sites[:2] == ("a.example", "a.example")
    assert read.skipped == {"no text": 1, "no edu_level": 1}
    assert read_annotations(files, level_field="quality_level").levels.tolist() == [4, 5]


def test_every_file_may_name_its_level_as_it_likes(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines([{"text": f"a{i}", "edu_level": i} for i in range(3)]))
    (tmp_path / "b.jsonl").write_bytes(lines([{"text": f"b{i}", "level": i} for i in range(2)]))
    (tmp_path / "c.csv").write_text("text,note,stars\nc,hm,5\n")
    read = read_annotations([tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.csv")])
    assert read.texts.to_pylist() == ["a0", "a1", "a2", "b0", "b1"]
    assert [(row.n_rows, row.n_readings, row.level_fields) for row in read.sources] == [
        (3, 3, ("edu_level",)), (2, 2, ("level",)), (1, 0, ()),
    ]  # fmt: skip
    table = render_sources(read)
    assert "c.csv | 1 | 0 |  |  |  |  | 1 no edu_level |" in table


def test_a_score_that_pages_were_chosen_by_is_no_level():
    chosen = {"prompt": "science v1", "select": "stratified", "score": 0.7}
    rows = [{"text": "a", "science_level": 4, "level_field": "science_level", **chosen}]
    assert read_annotations(rows).levels.tolist() == [4]
    with pytest.raises(SettingError, match="no edu_level"):
        read_annotations([{"text": "a", "science_level": 4, **chosen}])
    failed = [{"text": "b", "edu_level": None, "problem": "refused", **chosen}, {"text": "c", "edu_level": 2}]
    assert read_annotations(failed).levels.tolist() == [2]
    assert read_annotations([{"text": "a", "score": 3}]).levels.tolist() == [3]


def test_levels_may_be_words_with_an_order(tmp_path):
    (tmp_path / "a.csv").write_text(
        "text,label,annotator\na,Good,ann\nb,bad,ann\nc,fair,ben\nd,,ben\ne,awful,ben\n"
    )
    with pytest.raises(SettingError, match=r"label is 'Good' somewhere.*--levels Good,awful,bad,fair"):
        read_annotations(tmp_path / "a.csv")
    read = read_annotations(tmp_path / "a.csv", words=["bad", "fair", "good"])
    assert read.levels.tolist() == [2, 0, 1]
    assert read.skipped == {"no label": 1, "label is none of --levels": 1}
    assert "bad = 0, fair = 1, good = 2" in render_sources(read)
    with pytest.raises(SettingError, match="two words or more, each once"):
        read_annotations(tmp_path / "a.csv", words=["bad", "Bad"])


def test_columns_have_the_names_that_their_owner_gave_them(tmp_path):
    (tmp_path / "labels.csv").write_text("doc,who,stars\n7,ann,3\n8,ben,1\n9,ben,1\n")
    pq.write_table(pa.table({"doc": [7, 8], "text": [b"seven", b"eight"]}), tmp_path / "pages.parquet")
    files = [tmp_path / "labels.csv", tmp_path / "pages.parquet"]
    named = {"level_field": "stars", "id_field": "doc", "annotator_field": "who"}
    read = read_annotations(files, **named)
    assert read.texts.to_pylist() == ["seven", "eight"]
    assert (read.levels.tolist(), read.annotators) == ([3, 1], ("ann", "ben"))
    assert read.skipped == {"no text": 1}
    assert read.sources[1].n_pages == 2
    with pytest.raises(SettingError, match=r"No row has a field 'whom' \(--annotator-column\)"):
        read_annotations(files, **named | {"annotator_field": "whom"})


def test_labels_by_id_or_address_find_their_pages_in_what_filter_reads(tmp_path):
    (tmp_path / "site").mkdir()
    for i in range(3):
        (tmp_path / "site" / f"p{i}.txt").write_text(f"The text of page {i}.")
    (tmp_path / "more.jsonl").write_bytes(
        lines([{"id": "x", "url": "https://a.example/1", "text": "By address."}])
    )
    pages = list(read_pages(find_kept([tmp_path / "site"])))
    rows = [
        {"id": pages[1]["id"], "label": 1},
        {"url": "https://a.example/1", "label": 0},
        {"id": "none", "label": 0},
    ]
    read = read_annotations(rows, pages=[tmp_path / "site", tmp_path / "more.jsonl"])
    assert read.texts.to_pylist() == [pages[1]["text"], "By address."]
    assert read.sites[1] == "a.example"
    assert read.skipped == {"no text": 1}


def test_columns_of_a_dictionary_are_rows():
    assert read_annotations({"text": ["a", "b"], "label": [1, 0]}).levels.tolist() == [1, 0]
    with pytest.raises(SettingError, match="all of one length"):
        read_annotations({"text": ["a", "b"], "label": [1]})


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        *(("propensity", value, "no share from 0 to 1") for value in (5, 50, "50%", 0, -0.1)),
        *(("weight", value, "no number from 0 up") for value in (-1, "x")),
    ],
)
def test_odd_chances_and_weights_are_passed_over_with_a_reason_not_taken_for_1(field, value, why):
    read = read_annotations([{"text": "a", "label": 1, field: value}, {"text": "b", "label": 0, field: None}])
    assert read.texts.to_pylist() == ["b"]
    assert any(why in reason for reason in read.skipped)


def test_a_file_that_is_named_twice_is_read_once(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD))
    assert len(read_annotations([tmp_path / "a.jsonl", str(tmp_path / "*.jsonl")])) == len(GOOD)


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
        (make_pages(60), ("--folds", "1"), "n_folds must be at least 2, not 1"),
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
    assert said.err.count("curate: ") == 1  # beside a line of progress, where the machine is slow
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
    assert said.err.count("curate: ") == 1  # beside a line of progress, where the machine is slow
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


def test_fit_says_how_annotators_agree_and_how_strict_they_are_before_it_fits(tmp_path, monkeypatch, capsys):
    rows = [{**row, "annotator": "gpt-4o", "reader": None} for row in make_pages(80, n_levels=4)]
    rows += [
        {**row, "annotator": "gpt-4o-mini", "edu_level": max(row["edu_level"] - 1, 0)} for row in rows[:40]
    ]
    (tmp_path / "labels.jsonl").write_bytes(lines(rows))
    monkeypatch.chdir(tmp_path)
    command = ("fit", "-a", "labels.jsonl", "-o", "mine", "--member", "own_tfidf:ridge", "--quiet")
    code, said = run(monkeypatch, capsys, *command, "--reference-annotator", "gpt-4o")
    assert code == 0, said.err
    assert "| gpt-4o / gpt-4o-mini | 40 |" in said.out
    assert re.search(r"\| gpt-4o-mini \| 40 \| 40 \| -0\.\d\d \|", said.out)
    assert said.out.index("strictness") < said.out.index("Fitted on 80 pages")
    found = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert found["strictness"]["annotators"]["gpt-4o-mini"]["strictness"] < -0.5
    code, said = run(monkeypatch, capsys, *command, "--reference-annotator", "gpt-4", "--overwrite")
    assert code == 2
    assert "Did you mean 'gpt-4o'" in said.err


def test_two_level_fields_give_a_classifier_each(tmp_path, monkeypatch, capsys):
    rows = [{**row, "quality_level": 5 - row["edu_level"]} for row in make_pages(60)]
    (tmp_path / "labels.jsonl").write_bytes(lines(rows))
    monkeypatch.chdir(tmp_path)
    command = ("fit", "-a", "labels.jsonl", "-o", "mine", "--member", "own_tfidf:ridge", "--quiet")
    fields = ("--level-field", "edu_level", "--level-field", "quality_level")
    code, said = run(monkeypatch, capsys, *command, *fields)
    assert code == 0, said.err
    assert "edu_level and quality_level correlate at -1.00 on 60 pages." in said.out
    texts = [row["text"] for row in rows]
    scores = [load_scorer(tmp_path / "mine" / name).score(texts) for name in ("edu_level", "quality_level")]
    assert np.corrcoef(*scores)[0, 1] < -0.5
    code, said = run(monkeypatch, capsys, *command, "--level-field", "a/b", "--level-field", "edu_level")
    assert code == 2
    assert "'a/b' cannot name a folder" in said.err
