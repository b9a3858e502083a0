"""`curate dedup` and `curate index` as a user types them."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.cli import main
from curate.dedup import find_duplicates
from planted import exact_sets, plant_texts, similarity


@pytest.fixture
def crawl(tmp_path):
    texts = plant_texts(300, seed=3)
    table = pa.table({"id": [f"d{n}" for n in range(300)], "text": texts})
    pq.write_table(table, tmp_path / "crawl.parquet")
    return str(tmp_path / "crawl.parquet")


@pytest.fixture
def curate(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["curate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return run


def test_a_crawl_is_deduplicated_and_the_numbers_are_told(curate, crawl, tmp_path):
    code, out, err = curate("dedup", "-i", crawl, "-o", tmp_path / "out", "--workers", "1")
    assert (code, "Traceback" in err) == (0, False)
    n_kept = pq.read_table(tmp_path / "out" / "kept").num_rows
    assert f"Kept {n_kept} of 300 documents" in out
    assert "duplicate_exact" in out
    assert "duplicate_near" in out


def test_the_plan_shows_the_s_curve_and_writes_nothing(curate, crawl, tmp_path):
    code, out, _ = curate("dedup", "-i", crawl, "-o", tmp_path / "out", "--plan")
    assert code == 0
    assert "18 of 5 rows" in out
    assert "0.8  0.9992" in out
    assert "about 300" in out
    assert not (tmp_path / "out").exists()


def test_an_index_is_built_added_to_described_and_used(curate, crawl, tmp_path):
    index = tmp_path / "seen"
    assert "Indexed 300 documents" in curate("index", "build", index, "-i", crawl, "--workers", "1")[1]
    assert "nothing was added to its 300" in curate("index", "add", index, "-i", crawl, "--workers", "1")[1]
    again = shutil.copy(crawl, tmp_path / "again.parquet")
    assert "it has 600" in curate("index", "add", index, "-i", again, "--workers", "1")[1]
    code, out, _ = curate("index", "info", index)
    assert code == 0
    assert "600 documents in 2 segments; all checksums are right" in out
    arguments = ("dedup", "-i", crawl, "-o", tmp_path / "out", "--against", index, "--workers", "1")
    code, out, _ = curate(*arguments)
    assert code == 4
    assert "Kept 0 of 300" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dedup", "-o", "out"], "--input"),
        (["dedup", "-i", "nowhere/"], "does not exist"),
        (["dedup", "-i", "{crawl}", "--jaccard", "80"], "0.8"),
        (["dedup", "-i", "{crawl}", "--memory", "lots"], "4GB"),
        (["dedup", "-i", "{crawl}", "--text-column", "body"], "body"),
        (["dedup", "-i", "{crawl}", "--against", "{tmp}"], "curate index build"),
        (["index", "build", "{tmp}/new"], "--input"),
        (["index", "build", "{tmp}", "-i", "{crawl}"], "not empty"),
        (["index", "info", "{tmp}/none"], "curate index build"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(curate, crawl, tmp_path, arguments, said):
    code, out, err = curate(*[word.format(crawl=crawl, tmp=tmp_path) for word in arguments])
    assert code == 2, (out, err)
    assert said in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.realdata
@pytest.mark.parametrize("n", [100, 1000, 2500])
def test_planted_copies_of_real_articles_are_found_and_nothing_else(real_data, n):
    folder = real_data / "dedup"
    lines = (folder / f"articles_{n}.train").read_text().splitlines()
    truth = {frozenset(line.split()) for line in (folder / f"articles_{n}.truth").read_text().splitlines()}
    ids, texts = zip(*(line.split(" ", 1) for line in lines), strict=True)
    found = find_duplicates(pa.table({"id": ids, "text": texts}))
    pairs = list(zip(found["removed_id"].to_pylist(), found["kept_id"].to_pylist(), strict=True))
    assert {frozenset(pair) for pair in pairs} == truth - {frozenset()}
    sets = dict(zip(ids, exact_sets(pa.array(texts)), strict=True))
    assert all(similarity(sets[one], sets[other]) >= 0.8 for one, other in pairs)
