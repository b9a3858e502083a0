"""Scores of a table: the same kind out, the same numbers, and streams stay streams."""

import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from curate import score_table
from curate.errors import SettingError, TextsError, UnknownNameError
from curate.scoring import load_scorer

TEXTS = ["Photosynthesis is how plants make sugar from light.", None, "Buy shoes now!", ""]
ROWS = {"id": [3, 1, 2, 4], "text": TEXTS}
NAMES = ["id", "text", "edu_level", "edu_score", "edu_n_bytes_read"]


@pytest.fixture(scope="module")
def expected():
    scores = load_scorer("edu").score(["" if text is None else text for text in TEXTS]).tolist()
    return [score if text is not None else None for text, score in zip(TEXTS, scores, strict=True)]


def test_a_table_of_pyarrow_keeps_its_columns_types_and_notes(expected):
    table = pa.table(ROWS).replace_schema_metadata({"own": "note"})
    made = score_table(table)
    assert made.column_names == NAMES
    assert made["edu_score"].to_pylist() == expected
    assert made.schema.metadata == {b"own": b"note"}
    assert score_table(table.to_batches()[0])["edu_score"].to_pylist() == expected
    assert score_table(made) == made


def test_frames_come_back_as_frames(expected):
    frame = pd.DataFrame(ROWS, index=list("abcd"))
    made = score_table(frame)
    assert list(made.columns) == NAMES
    assert list(made.index) == list("abcd")
    assert list(frame.columns) == ["id", "text"]
    assert [None if np.isnan(score) else score for score in made["edu_score"]] == expected
    made = score_table(pl.DataFrame(ROWS))
    assert made.columns == NAMES
    assert made["edu_score"].to_list() == expected
    lazy = score_table(pl.LazyFrame(ROWS))
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.filter(pl.col("id") > 1).collect()["edu_score"].to_list() == [expected[0], *expected[2:]]


def test_a_duckdb_relation_can_be_read_twice(expected):
    table = pa.table(ROWS)
    made = score_table(duckdb.from_arrow(table))
    assert isinstance(made, duckdb.DuckDBPyRelation)
    for _ in range(2):
        assert [row[3] for row in made.fetchall()] == expected


def test_streams_stay_streams(expected):
    n_read = []

    def batches():
        for batch in pa.table(ROWS).to_batches(max_chunksize=1):
            n_read.append(len(batch))
            yield batch

    made = score_table(pa.RecordBatchReader.from_batches(pa.table(ROWS).schema, batches()))
    assert made.schema.names == NAMES
    assert not n_read
    assert made.read_next_batch()["edu_score"].to_pylist() == expected[:1]
    assert len(n_read) < 4
    assert made.read_all()["edu_score"].to_pylist() == expected[1:]


def test_a_path_is_a_name_and_is_read_as_a_stream(expected, tmp_path):
    folder = tmp_path / "text=x" / "run[1]"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(ROWS), folder / "rows.parquet")
    for path in (folder, folder / "rows.parquet"):
        made = score_table(path)
        assert isinstance(made, pa.RecordBatchReader)
        table = made.read_all()
        assert table["text"].to_pylist() == TEXTS
        assert table["edu_score"].to_pylist() == expected
    made = score_table(pyarrow.dataset.dataset(folder / "rows.parquet"))
    assert made.read_all()["edu_score"].to_pylist() == expected


def test_several_scorers_and_a_column_by_name():
    table = pa.table({"body": TEXTS, "edu_score": [9.0] * 4})
    made = score_table(table, scorer=["edu", "quality"], text_column="body")
    assert made.column_names[:3] == ["body", "edu_score", "edu_level"]
    assert "quality_score" in made.column_names
    assert max(score for score in made["edu_score"].to_pylist() if score is not None) <= 1


@pytest.mark.parametrize(
    ("table", "settings", "error", "message"),
    [
        (
            pa.table({"a": ["x"]}),
            {},
            SettingError,
            "no column of text. Name it with text_column; its columns: a",
        ),
        (pa.table({"a": ["x"]}), {"text_column": "b"}, SettingError, "no column of text 'b'"),
        (pd.DataFrame({"a": ["x"]}), {}, SettingError, "its columns: a"),
        (pa.table({"text": [1]}), {}, TextsError, "int64"),
        (["a"], {}, TextsError, "not list"),
        (pa.array(["a"]), {}, TextsError, "not"),
        (pd.Series(["a"]), {}, TextsError, "not Series"),
        ("nowhere.parquet", {}, SettingError, "no file or folder 'nowhere.parquet'"),
        (pa.table(ROWS), {"scorer": "edo"}, UnknownNameError, "edu"),
    ],
)
def test_what_is_no_table_of_texts_is_refused(table, settings, error, message):
    with pytest.raises(error, match=message.replace("(", "[(]")):
        score_table(table, **settings)


def test_datasets_keep_their_kind(expected):
    datasets = pytest.importorskip("datasets")
    made = score_table(datasets.Dataset.from_dict(ROWS))
    assert made["edu_score"][:] == expected
    stream = score_table(datasets.Dataset.from_dict(ROWS).to_iterable_dataset())
    assert isinstance(stream, datasets.IterableDataset)
    assert [row["edu_score"] for row in stream] == expected
    split = score_table(datasets.DatasetDict({"train": datasets.Dataset.from_dict(ROWS)}))
    assert split["train"]["edu_score"][:] == expected


@pytest.mark.slow
def test_ray_data_keeps_its_kind():
    pytest.importorskip("ray")
    script = f"""
import ray
ray.init(num_cpus=1, log_to_driver=False, include_dashboard=False)
import ray.data
from curate import score_table
made = score_table(ray.data.from_items([{{"id": i, "text": t}} for i, t in enumerate({[text or "" for text in TEXTS]!r})]))
assert isinstance(made, ray.data.Dataset)
print(sorted((row["id"], round(float(row["edu_score"]), 6)) for row in made.take_all()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    scores = load_scorer("edu").score([text or "" for text in TEXTS])
    assert done.stdout.strip().splitlines()[-1] == str(
        [(i, round(float(s), 6)) for i, s in enumerate(scores)]
    )
