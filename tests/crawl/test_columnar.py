"""JSON lines and Parquet: which columns are found, what passes through."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl_builders import problems, read_all, rows, same

from curate.crawl import ReadOptions, check_columns, find_files
from curate.errors import SettingError


def read_rows(tmp_path, *objects, options=None):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in objects))
    return rows(read_all(path, options=options))


def write_parquet(path, table, **kwargs):
    pq.write_table(pa.table(table) if isinstance(table, dict) else table, path, **kwargs)
    return path


@pytest.mark.parametrize("name", ["text", "Text", "raw_content", "content", "body", "page-content"])
def test_text_is_found_by_its_usual_names(tmp_path, name):
    (row,) = read_rows(tmp_path, {"heading": "T", name: "some words"})
    assert (row["content"], row["kind"], row["extra"]) == (b"some words", "text", '{"heading":"T"}')


@pytest.mark.parametrize(
    "row", [{"html": "<p>a"}, {"text": None, "raw_html": "<p>a"}, {"text": "", "html": "<p>a"}]
)
def test_html_is_found_where_there_is_no_text(tmp_path, row):
    (page,) = read_rows(tmp_path, row)
    assert (page["content"], page["kind"], page["charset"]) == (b"<p>a", "html", "utf-8")


def test_a_whole_html_document_in_a_text_column_is_html_and_a_leading_tag_is_not(tmp_path):
    first, second = read_rows(
        tmp_path, {"content": " <!DOCTYPE html><p>a"}, {"content": "<p>Dear reader, ..."}
    )
    assert (first["kind"], second["kind"]) == ("html", "text")


def test_id_url_and_date_are_found_and_the_rest_passes_through(tmp_path):
    item = {
        "doc_id": 17,
        "text": "w",
        "WARC-Target-URI": "http://example.org/",
        "timestamp": "2020-01-01",
        "score": 0.5,
        "tags": ["a", {"b": None}],
    }
    (row,) = read_rows(tmp_path, item)
    assert (row["id"], row["url"], row["date"]) == ("17", "http://example.org/", "2020-01-01")
    assert json.loads(row["extra"]) == {"score": 0.5, "tags": ["a", {"b": None}]}


def test_url_and_date_are_looked_for_in_metadata(tmp_path):
    (row,) = read_rows(tmp_path, {"text": "w", "metadata": {"url": "http://example.org/", "date": 5}})
    assert (row["url"], row["date"], row["extra"]) == (
        "http://example.org/",
        "5",
        '{"metadata":{"url":"http://example.org/","date":5}}',
    )


def test_rows_without_an_id_get_one_that_their_content_decides(tmp_path):
    first, second, third, fourth = read_rows(
        tmp_path, {"text": "a"}, {"text": "a", "n": 1}, {"text": "a", "url": "u"}, {"text": "a", "id": ""}
    )
    assert first["id"] == second["id"] == fourth["id"] != third["id"]


def test_named_columns_win_over_the_usual_ones(tmp_path):
    item = {"text": "no", "story": "yes", "id": 1, "key": "k", "meta": {"at": "http://example.org/"}}
    options = ReadOptions(text_column="story", id_column="key", url_column="meta.at")
    (row,) = read_rows(tmp_path, item, options=options)
    assert (row["content"], row["id"], row["url"]) == (b"yes", "k", "http://example.org/")
    assert json.loads(row["extra"]) == {"text": "no", "id": 1, "meta": {"at": "http://example.org/"}}


def test_a_named_html_column_is_html(tmp_path):
    (row,) = read_rows(tmp_path, {"text": "no", "page": "a<br>b"}, options=ReadOptions(html_column="page"))
    assert (row["kind"], row["content"]) == ("html", b"a<br>b")


def test_a_row_that_lacks_the_named_column_is_dropped_with_a_reason(tmp_path):
    (row,) = read_rows(tmp_path, {"text": "no", "id": "i"}, options=ReadOptions(text_column="story"))
    assert (row["id"], row["content"], row["drop_reason"]) == ("i", None, "json_no_text")


def test_other_columns_can_be_left_out(tmp_path):
    (row,) = read_rows(tmp_path, {"text": "w", "n": 1}, options=ReadOptions(extra_columns=False))
    assert row["extra"] is None


def test_text_and_html_columns_cannot_both_be_named():
    with pytest.raises(SettingError, match="either text_column or html_column"):
        ReadOptions(text_column="a", html_column="b")


@pytest.mark.parametrize("name", ["chunk_records", "chunk_bytes", "max_page_bytes"])
def test_bounds_must_be_positive(name):
    with pytest.raises(SettingError, match=name):
        ReadOptions(**{name: 0})


def test_blank_lines_are_counted_and_keep_the_positions_of_the_others(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n\n  \n{"text": "b"}\n')
    (chunk,) = read_all(tmp_path / "a.jsonl")
    assert chunk.skipped == {"blank_line": 2}
    assert [row["position"] for row in rows([chunk])] == [0, 3]


PARQUET = {
    "text": ["one", None, "three", " "],
    "id": [1, 2, 3, 4],
    "url": ["u1", "u2", None, "u4"],
    "date": [dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)] * 4,
    "nested": [{"a": [1]}, None, {"a": []}, None],
}


@pytest.mark.parametrize("row_group_size", [1, 3, 100])
def test_parquet_rows_are_read(tmp_path, row_group_size):
    path = write_parquet(tmp_path / "a.parquet", PARQUET, row_group_size=row_group_size)
    found = rows(read_all(path))
    assert [row["content"] for row in found] == [b"one", None, b"three", None]
    assert [row["drop_reason"] for row in found] == [None, "parquet_no_text", None, "parquet_no_text"]
    assert [row["id"] for row in found] == ["1", "2", "3", "4"]
    assert [row["url"] for row in found] == ["u1", "u2", None, "u4"]
    assert found[0]["date"].startswith("2020-01-02 03:04:05")
    assert [row["extra"] for row in found] == [
        '{"nested":{"a":[1]}}',
        '{"nested":null}',
        '{"nested":{"a":[]}}',
        '{"text":" ","nested":null}',
    ]


def test_parquet_types_that_json_lacks_become_strings(tmp_path):
    import decimal

    table = pa.table(
        {
            "text": pa.array(["a"]).dictionary_encode(),
            "when": pa.array([1_600_000_000_123_456_789], pa.timestamp("ns")),
            "day": pa.array([dt.date(2020, 1, 2)]),
            "took": pa.array([5], pa.duration("ns")),
            "price": pa.array([decimal.Decimal("1.50")]),
            "raw": pa.array([b"\xff"]),
            "nan": pa.array([float("nan")]),
        }
    )
    (row,) = rows(read_all(write_parquet(tmp_path / "a.parquet", table)))
    assert row["content"] == b"a"
    assert json.loads(row["extra"]) == {
        "when": "2020-09-13 12:26:40.123456789",
        "day": "2020-01-02",
        "took": 5,
        "price": "1.50",
        "raw": "/w==",
        "nan": "nan",
    }


def test_html_bytes_in_parquet_keep_their_bytes(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"html": [b"<p>\xff"], "text": [None]})
    (row,) = rows(read_all(path))
    assert (row["kind"], row["content"], row["charset"]) == ("html", b"<p>\xff", None)


def test_invalid_utf_8_in_a_parquet_string_is_replaced(tmp_path):
    broken = pa.array([b"caf\xe9", b"fine"]).view(pa.string())
    path = write_parquet(tmp_path / "a.parquet", pa.table({"text": broken}))
    assert [row["content"].decode() for row in rows(read_all(path))] == ["caf\ufffd", "fine"]


def test_a_parquet_file_without_text_is_a_problem_and_the_run_goes_on(tmp_path):
    write_parquet(tmp_path / "a.parquet", {"number": [1, 2]})
    write_parquet(tmp_path / "b.parquet", {"text": ["words"]})
    chunks = read_all(tmp_path)
    (problem,) = problems(chunks)
    assert (problem.source, problem.reason, problem.detail) == (
        "a.parquet",
        "no_text_column",
        "columns: number",
    )
    assert [row["content"] for row in rows(chunks)] == [b"words"]


def test_a_broken_parquet_file_is_a_problem_or_rows_with_a_reason(tmp_path):
    path = write_parquet(
        tmp_path / "a.parquet", {"text": [f"text {i}" * 9 for i in range(100)]}, row_group_size=10
    )
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    assert [problem.reason for problem in problems(read_all(path))] == ["parquet_damaged"]
    start = pq.ParquetFile(
        write_parquet(tmp_path / "b.parquet", {"text": ["x"]})
    ).metadata  # a valid file beside
    assert start.num_rows == 1
    path.write_bytes(data[:4] + bytes(60) + data[64:])
    found = [row["drop_reason"] for row in rows(read_all(path))]
    assert found == ["parquet_damaged"] * 10 + [None] * 90


def test_parquet_stripes_and_cursors_give_the_same_chunks(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"text": [f"text {i}" for i in range(50)]}, row_group_size=7)
    options = ReadOptions(chunk_records=6)
    chunks = read_all(path, options=options)
    assert [chunk.n_records for chunk in chunks] == [6] * 8 + [2]
    stripes = [read_all(path, options=options, wanted=lambda i, k=k: i % 3 == k) for k in range(3)]
    assert same(sorted([*stripes[0], *stripes[1], *stripes[2]], key=lambda chunk: chunk.index), chunks)
    for number, chunk in enumerate(chunks[:-1]):
        assert same(read_all(path, options=options, start=chunk.cursor), chunks[number + 1 :])


def test_named_columns_are_checked_before_a_run(tmp_path):
    (tmp_path / "a.jsonl").write_text('\n{"text": "a", "meta": {"src": "u"}}\n')
    write_parquet(tmp_path / "b.parquet", {"story": ["b"], "link": ["u"], "nest": [{"key": 1}]})
    (tmp_path / "c.html").write_text("<html>")
    files = find_files([str(tmp_path)])
    check_columns(files, ReadOptions())
    check_columns(files, ReadOptions(text_column="story", url_column="meta.src", id_column="nest.key"))
    with pytest.raises(
        SettingError, match=r"'storry' \(--text-column\). Columns: text, meta, story, link, nest"
    ):
        check_columns(files, ReadOptions(text_column="storry"))
    check_columns(files[2:], ReadOptions(text_column="any"))
