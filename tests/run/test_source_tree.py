"""A source tree through the whole job: every file of the example meets the fate that it was made for."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from curate.results.explain import explain as curate_explain

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def example():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import build_source
    finally:
        sys.path.remove(str(EXAMPLES))
    return build_source


def fates_of(folder):
    rows = [
        row
        for kind in ("kept", "dropped")
        for file in (folder / kind).glob("*.parquet")
        for row in pq.read_table(file).to_pylist()
    ]
    return {row["path"]: row.get("drop_reason") for row in rows}, {row["path"]: row for row in rows}


def test_every_file_meets_its_fate(example, tmp_path):
    example.main(tmp_path / "source")
    curate.filter_crawl(str(tmp_path / "source"), tmp_path / "out", workers=1, progress=False)
    fates, rows = fates_of(tmp_path / "out")
    assert fates == example.FATES
    assert {row["kind"] for row in rows.values()} == {"code"}
    assert rows["src/add.rs"]["program_language"] == "rust"
    (story,) = curate_explain(tmp_path / "out", "lessons/binary_search.py")
    assert any(reason.effect > 0 and "explain" in reason.phrase for reason in story.reasons)
    twin = rows["lessons/copy_of_binary_search.py"]["duplicate_of"]
    assert twin == rows["lessons/binary_search.py"]["id"]


@pytest.mark.parametrize(("counts", "reason"), [(True, "near_duplicate"), (False, "exact_duplicate")])
def test_copies_with_other_comments_are_exact_duplicates_where_comments_do_not_count(
    example, tmp_path, counts, reason
):
    program = example.FILES["lessons/binary_search.py"]
    lines = [line for line in program.split("\n") if not line.strip().startswith("#")]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.py").write_text(program)
    (tmp_path / "in" / "b.py").write_text("# Copyright 2020 Ann Lee\n\n" + "\n".join(lines))
    curate.filter_crawl(tmp_path / "in", tmp_path / "out", workers=1, progress=False, dedup_comments=counts)
    fates, rows = fates_of(tmp_path / "out")
    assert fates == {"a.py": None, "b.py": reason}
    assert rows["b.py"]["duplicate_of"] == rows["a.py"]["id"]
    assert rows["a.py"]["text"] == program


def test_the_committed_example_is_what_its_script_writes(example):
    for name, text in example.FILES.items():
        assert (EXAMPLES / "source" / name).read_text(encoding="utf-8") == text


def test_programs_that_differ_in_one_mark_are_no_exact_duplicates(tmp_path):
    for name, mark in (("plus", "+"), ("minus", "-"), ("spaced", " + ")):
        (tmp_path / "in").mkdir(exist_ok=True)
        text = f"def combine(a, b):\n    return a{mark}b\n"
        (tmp_path / "in" / f"{name}.py").write_text(text)
    curate.filter_crawl(
        str(tmp_path / "in"), tmp_path / "out", scorer="none", dedup="exact", workers=1, progress=False
    )
    fates, _ = fates_of(tmp_path / "out")
    assert fates["minus.py"] is None
    assert sorted([str(fates["plus.py"]), str(fates["spaced.py"])]) == ["None", "exact_duplicate"]
