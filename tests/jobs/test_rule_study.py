"""Signals of files and the comparison of rule sets, in the library and on the command line."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common import run_curate
from curate.errors import SettingError
from curate.jobs.rules import compare_rules, write_signals
from curate.signals import DEFAULT_SIGNALS

TEXTS = [
    "The first page has nothing but this line with some words in it.\nMenu\nHome",
    "word... " * 60,
    "- a list of the things that we have to be with\n" * 30,
    "",
]


@pytest.fixture
def pages(tmp_path):
    path = tmp_path / "pages.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(TEXTS)), "utf-8"
    )
    return str(path)


def test_signals_of_files_are_those_of_their_texts(pages, tmp_path):
    output = tmp_path / "out" / "signals.parquet"
    report = write_signals([pages], str(output))
    table = pq.read_table(output)
    assert report.n_documents == 3
    assert report.n_unread == 1
    assert table.column_names == ["id", "url", "source", "position", *DEFAULT_SIGNALS]
    assert table["n_words"].to_pylist() == [len(text.split()) for text in TEXTS[:3]]


def test_line_rules_clean_before_signals_are_taken(pages, tmp_path):
    output = tmp_path / "signals.parquet"
    write_signals([pages], str(output), rules=["c4"], names=["n_lines"])
    table = pq.read_table(output)
    assert table["c4_line_few_words"].to_pylist()[0] == 2
    assert table["n_lines"].to_pylist() == [1, 1, 30]
    assert {"n_sentences", "n_curly_brackets", "n_lorem_ipsum"} < set(table.column_names)


def test_wrong_settings_say_what_to_type(pages, tmp_path):
    with pytest.raises(SettingError, match=r"\.parquet"):
        write_signals([pages], str(tmp_path / "signals.csv"))
    with pytest.raises(SettingError, match="n_words"):
        write_signals([pages], str(tmp_path / "s.parquet"), names=["n_wrds"])
    with pytest.raises(SettingError, match="two or more"):
        compare_rules([pages], ["gopher"])


def test_rule_sets_are_compared_on_the_same_documents(pages):
    found = compare_rules([pages], ["gopher-quality@paper", "gopher-quality@dolma"])
    assert found.n_documents == 3
    assert found.n_kept == {"gopher-quality@paper": 0, "gopher-quality@dolma": 0}
    assert found.disagreements == []
    found = compare_rules([pages], ["fineweb", "gopher-quality"], n_examples=1)
    assert {(pair.kept_by, pair.dropped_by): pair.n_documents for pair in found.disagreements} == {
        ("fineweb", "gopher-quality"): found.n_kept["fineweb"]
    }
    assert len(found.disagreements[0].examples) == 1
    assert sum(found.disagreements[0].by_reason.values()) == found.disagreements[0].n_documents


def test_the_commands_print_sets_and_disagreements(pages, tmp_path):
    shown = run_curate("rules", "show", "gopher")
    assert shown.returncode == 0
    assert "arXiv 2112.11446" in shown.stdout
    assert "50 <= n_words <= 100000" in shown.stdout
    compared = run_curate("rules", "compare", "--input", pages, "fineweb", "gopher-quality")
    assert compared.returncode == 0
    assert "Kept by fineweb, dropped by gopher-quality" in compared.stdout
    output = str(tmp_path / "s.parquet")
    measured = run_curate("signals", "--input", pages, "--output", output)
    assert measured.returncode == 0, measured.stderr
    assert pq.read_table(output).num_rows == 3


def test_an_unknown_set_exits_with_code_2_and_the_nearest_name():
    done = run_curate("rules", "show", "gophr")
    assert done.returncode == 2
    assert "Did you mean 'gopher'" in done.stderr
    assert "Traceback" not in done.stderr


def test_signals_are_not_written_over_their_input(tmp_path):
    pages = tmp_path / "pages.parquet"
    pq.write_table(pa.table({"text": ["A page of some words."]}), pages)
    before = pages.read_bytes()
    with pytest.raises(SettingError, match="is also an input"):
        write_signals([str(tmp_path)], str(pages))
    assert pages.read_bytes() == before
