"""`curate filter --plan`: the run itself over a sample, scaled up."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common import EXAMPLE_CRAWL, N_EXAMPLES_KEPT
from curate.jobs import plan as module
from curate.jobs.plan import PUBLISHED, describe_plan, plan_filter
from curate.run.settings import FilterSettings


def plan_of(folder, output, **settings):
    return plan_filter(FilterSettings(input=(str(folder),), output=str(output), **settings), progress=False)


def test_a_sample_that_is_the_whole_input_tells_what_the_run_does(curated, tmp_path):
    plan = plan_of(EXAMPLE_CRAWL, tmp_path / "out")
    funnel = json.loads((curated / "manifest.json").read_bytes())["funnel"]
    assert plan.funnel.to_json() | {"records_not_read": 0} == funnel | {
        "records_not_read": 0, "problems": [], "warnings": [], "cut": None, "limits": [],
    }  # fmt: skip
    assert plan.sampled_bytes == plan.input_bytes
    assert (plan.n_documents.value, plan.n_documents.low, plan.n_documents.high) == (25, 25, 25)
    assert plan.keep_rates["kept"].value == N_EXAMPLES_KEPT / 25
    assert plan.keep_rates["language"].value == pytest.approx(21 / 22)
    kept = sum(path.stat().st_size for kind in ("kept", "dropped") for path in (curated / kind).iterdir())
    assert plan.output_bytes.value == pytest.approx(kept, rel=0.01)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl", "a.parquet"])
def test_a_part_of_a_large_file_is_scaled_up_to_it(tmp_path, monkeypatch, name):
    monkeypatch.setattr(module, "_LEAST_BYTES", 1)
    n = 3000
    rows = [
        {"id": str(k), "text": f"A page about {k} things, and {k * k} more of them. " * 8} for k in range(n)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=500)
    else:
        path.write_bytes(gzip.compress(lines, mtime=0) if name.endswith(".gz") else lines)
    plan = plan_of(tmp_path / "in", tmp_path / "out", chunk_bytes=60_000, scorer="none", dedup="none")
    assert 0.01 <= plan.sampled_bytes / plan.input_bytes < 0.3
    assert plan.n_documents.value == pytest.approx(n, rel=0.15)
    assert plan.disk_bytes.value > plan.output_bytes.value > 0


def test_time_ends_the_sample_and_chunks_are_drawn_from_every_file(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for part in range(6):
        rows = "".join(json.dumps({"text": f"Text {part} of {n}."}) + "\n" for n in range(200))
        (tmp_path / "in" / f"{part}.jsonl").write_text(rows)
    drawn = plan_of(tmp_path / "in", tmp_path / "out", chunk_bytes=500, scorer="none")
    assert drawn.n_documents.value == 1200
    settings = FilterSettings(
        input=(str(tmp_path / "in"),), output=str(tmp_path / "out"), chunk_bytes=500, scorer="none"
    )
    assert plan_filter(settings, most_s=0, progress=False).n_chunks == 1


def test_the_plan_is_printed_with_published_rates_and_says_where_the_disk_is_too_small(tmp_path, monkeypatch):
    plan = plan_of(EXAMPLE_CRAWL, tmp_path / "out")
    told = describe_plan(plan)
    assert any(line.startswith(f"  kept        {N_EXAMPLES_KEPT / 25:.1%}") for line in told)
    assert all(any(name in line and source in line for line in told) for name, _, _, source in PUBLISHED)
    assert plan.fits
    monkeypatch.setattr(module, "free_bytes", lambda _: 1000)
    small = plan_of(EXAMPLE_CRAWL, tmp_path / "out")
    assert not small.fits
    assert "may be too small" in describe_plan(small)[-1]
