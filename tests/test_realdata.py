"""Every file of real crawls, web text and raw pages in one run."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from common import run_curate

FOLDERS = ("crawl", "crawl-malformed", "web", "html")


@pytest.mark.realdata
def test_all_real_files_go_through_and_nothing_is_lost(real_data: Path, tmp_path: Path) -> None:
    inputs = [part for name in FOLDERS for part in ("--input", real_data / name)]
    done = run_curate("filter", *inputs, "--output", tmp_path / "out", "--workers", "2")
    assert done.returncode == 3, done.stderr  # some of the malformed files cannot be read to their end
    assert "Traceback" not in done.stderr
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    funnel = manifest["funnel"]

    def count(kind: str, what: str = "count(*)") -> object:
        ((value,),) = duckdb.sql(f"SELECT {what} FROM '{tmp_path}/out/{kind}/*.parquet'").fetchall()
        return value

    assert count("kept") == funnel["kept"]["n_documents"]
    by_reason = dict(
        duckdb.sql(
            f"SELECT drop_reason, count(*) FROM '{tmp_path}/out/dropped/*.parquet' GROUP BY drop_reason"
        ).fetchall()
    )
    assert by_reason == {row["reason"]: row["n_documents"] for row in funnel["dropped"]}
    assert funnel["read"]["n_documents"] == count("kept") + count("dropped") > 12_000
    assert count("dropped", "count(*) FILTER (drop_stage IS NULL OR drop_reason IS NULL)") == 0
    assert count("kept", "count(*) FILTER (text IS NULL OR edu_score IS NULL)") == 0
    # Every input file is either in the rows, in the problems, or holds no page.
    assert len(manifest["input_files"]) == sum(
        1 for name in FOLDERS for p in (real_data / name).rglob("*") if p.is_file()
    )
