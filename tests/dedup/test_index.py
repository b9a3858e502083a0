"""An index of earlier crawls: found again, checked, appended whole or not at all."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.dedup import DedupPlan
from curate.dedup.index import append_segment, open_index
from curate.errors import RunError, SettingError
from curate.jobs.dedup import dedup_files
from curate.jobs.index import add_to_index, build_index
from planted import exact_sets, plant_texts, similar_pairs

N = 800


@pytest.fixture(scope="module")
def texts():
    return plant_texts(N, seed=23)


@pytest.fixture
def crawls(texts, tmp_path):
    """Two crawls, of which the second repeats much of the first."""
    paths = []
    for number, rows in enumerate((range(N // 2), range(N // 2, N))):
        table = pa.table(
            {"id": [f"c{number}-{row:04d}" for row in rows], "text": [texts[row] for row in rows]}
        )
        paths.append(tmp_path / f"crawl-{number}.parquet")
        pq.write_table(table, paths[-1], row_group_size=100)
    return paths


def build(index, path, **settings):
    return build_index(index, str(path), **{"workers": 1, "progress": False} | settings)


def dropped_against(index, path, output):
    report = dedup_files(str(path), output, against=(str(index),), workers=1, progress=False)
    rows = [row for part in sorted(output.glob("dropped/*")) for row in pq.read_table(part).to_pylist()]
    return report, {row["id"]: (row["duplicate_of"], row["drop_reason"], row["jaccard"]) for row in rows}


def test_a_new_crawl_loses_what_the_index_had_and_the_ledger_names_it(crawls, texts, tmp_path):
    build(tmp_path / "index", crawls[0])
    _, dropped = dropped_against(tmp_path / "index", crawls[1], tmp_path / "out")
    sets = exact_sets(pa.array(texts))
    earlier = [pair for pair in similar_pairs(sets, 0.8) if pair[0] < N // 2 <= pair[1]]
    found = sum(f"c1-{pair[1]:04d}" in dropped for pair in earlier)
    assert len(earlier) > 20
    assert found >= 0.99 * len(earlier)
    assert any(kept.startswith("c0-") for kept, _, _ in dropped.values())
    assert {reason for _, reason, _ in dropped.values()} == {"duplicate_exact", "duplicate_near"}


def test_a_crawl_in_two_parts_gives_what_the_whole_gives(crawls, tmp_path):
    build(tmp_path / "index", crawls[0])
    report, _ = dropped_against(tmp_path / "index", crawls[0], tmp_path / "again")
    assert report.n_kept == 0
    add_to_index(tmp_path / "index", str(crawls[1]), workers=1, progress=False)
    report, _ = dropped_against(tmp_path / "index", crawls[1], tmp_path / "out")
    assert report.n_kept == 0
    assert open_index(tmp_path / "index").n_documents == N


def test_texts_out_of_reach_are_compared_by_estimate_and_the_ledger_says_so(crawls, tmp_path):
    build(tmp_path / "index", crawls[0])
    _, exact = dropped_against(tmp_path / "index", crawls[1], tmp_path / "exact")
    assert open_index(tmp_path / "index").count_readable() == N // 2
    crawls[0].unlink()
    assert open_index(tmp_path / "index").count_readable() == 0
    _, estimated = dropped_against(tmp_path / "index", crawls[1], tmp_path / "estimated")
    assert {reason for _, reason, _ in estimated.values()} == {
        "duplicate_exact",
        "duplicate_near",  # within the new crawl texts are still within reach
        "duplicate_estimate",
    }
    assert len(exact.keys() ^ estimated.keys()) < 0.1 * len(exact)
    for kept, reason, jaccard in estimated.values():
        assert reason != "duplicate_estimate" or (kept.startswith("c0-") and jaccard >= np.float32(0.8))


def test_a_file_that_changed_since_is_out_of_reach(crawls, tmp_path):
    build(tmp_path / "index", crawls[0])
    shutil.copy(crawls[1], crawls[0])
    assert open_index(tmp_path / "index").count_readable() == 0


@pytest.mark.slow
def test_the_index_is_the_same_for_any_number_of_workers(crawls, tmp_path):
    one, two = (
        build(tmp_path / f"index-{n}", tmp_path / "*.parquet", workers=n, id_column="id") for n in (1, 2)
    )
    assert one.manifest["segments"][0]["files"] == two.manifest["segments"][0]["files"]


def test_json_lines_can_be_indexed_but_not_read_again(texts, tmp_path):
    path = tmp_path / "some.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts[:50]))
    )
    index = build(tmp_path / "index", path)
    assert (index.n_documents, index.count_readable()) == (50, 0)


@pytest.mark.parametrize("at", [0.01, 0.5, 0.99])
def test_a_flipped_bit_is_found(crawls, tmp_path, at):
    build(tmp_path / "index", crawls[0])
    path = tmp_path / "index" / "segment-00000" / "keys.arrow"
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 4
    path.write_bytes(data)
    with pytest.raises(RunError, match="checksum"):
        open_index(tmp_path / "index")


def test_a_missing_segment_a_cut_manifest_and_no_index_say_what_is_wrong(crawls, tmp_path):
    with pytest.raises(SettingError, match="index build"):
        open_index(tmp_path / "nowhere")
    build(tmp_path / "index", crawls[0])
    manifest = tmp_path / "index" / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole[:-20])
    with pytest.raises(RunError, match="manifest"):
        open_index(tmp_path / "index")
    manifest.write_text(whole)
    shutil.rmtree(tmp_path / "index" / "segment-00000")
    with pytest.raises(RunError, match="damaged"):
        open_index(tmp_path / "index")


def test_another_plan_seed_or_version_is_refused_but_another_threshold_of_equal_bands_is_not(
    crawls, tmp_path
):
    build(tmp_path / "index", crawls[0])
    with pytest.raises(SettingError, match="n_bands 18"):
        open_index(tmp_path / "index", DedupPlan(jaccard=0.5))
    with pytest.raises(SettingError, match="seed 1"):
        open_index(tmp_path / "index", DedupPlan(seed=2))
    open_index(tmp_path / "index", DedupPlan(jaccard=0.9, n_bands=18, n_rows=5))
    manifest = tmp_path / "index" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"keys_version": 0}))
    with pytest.raises(SettingError, match="another version"):
        open_index(tmp_path / "index")


def test_an_addition_that_dies_leaves_the_index_as_it_was(crawls, tmp_path):
    index = build(tmp_path / "index", crawls[0])
    before = open_index(tmp_path / "index").stamp

    def dying_tables():
        yield pa.table({"id": ["x"]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        append_segment(index, dying_tables(), [])
    assert open_index(tmp_path / "index").stamp == before
    add_to_index(tmp_path / "index", str(crawls[1]), workers=1, progress=False)
    assert open_index(tmp_path / "index").n_documents == N


def test_a_folder_in_use_is_not_made_an_index(crawls, tmp_path):
    with pytest.raises(SettingError, match="not empty"):
        build(tmp_path, crawls[0])
