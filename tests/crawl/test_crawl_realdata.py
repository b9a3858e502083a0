"""Every real crawl file is read, and counts agree with a second, independent reading."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from crawl_builders import problems, read_all, rows, same, skipped

from curate.crawl import ReadOptions, find_files

DATA = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no real data in {DATA}; set CURATE_TEST_DATA"),
]
FOLDERS = ("crawl", "crawl-malformed", "web", "html", "annotations", "textbooks", "dedup")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_is_read_and_every_record_is_a_row_or_counted(folder):
    chunks = read_all(DATA / folder)
    for chunk in chunks:
        assert chunk.n_records == chunk.pages.num_rows + sum(chunk.skipped.values())
    seen = {row["source"] for row in rows(chunks)} | {problem.source for problem in problems(chunks)}
    without_pages = {
        "example.docs.warc.gz": "documents that are not HTML",
        "whirlwind.warc.wat.gz": "metadata only",
        "block-sized-records.warc": "records of unknown type",
    }
    assert {file.source for file in find_files([str(DATA / folder)])} - seen <= set(without_pages)


def test_archives_agree_with_fastwarc_record_by_record():
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    for path in sorted((DATA / "crawl").iterdir()):
        if ".arc." in path.name:
            continue
        counts: Counter[str] = Counter()
        pages = []
        for record in ArchiveIterator(io.BytesIO(path.read_bytes()), parse_http=True):
            counts["records"] += 1
            if record.record_type not in (WarcRecordType.response, WarcRecordType.conversion):
                continue
            url = record.headers.get("WARC-Target-URI").strip("<>")
            if record.is_http:
                mime = (record.http_content_type or "").lower()
                is_page = record.http_headers.status_code == 200 and mime in (
                    "text/html",
                    "text/plain",
                    "application/xhtml+xml",
                )
            else:
                is_page = record.record_type == WarcRecordType.conversion
            if is_page and not url.endswith("/robots.txt"):
                pages.append((url, record.headers.get("WARC-Date")))
        chunks = read_all(path)
        assert sum(chunk.n_records for chunk in chunks) == counts["records"], path.name
        assert [(row["url"], row["date"]) for row in rows(chunks)] == pages, path.name
        assert not problems(chunks), path.name


def test_the_arc_and_the_warc_of_one_crawl_hold_the_same_pages():
    arc = rows(read_all(DATA / "crawl" / "example.arc.gz"))
    warc = rows(read_all(DATA / "crawl" / "example.warc.gz"))
    assert len(arc) == 97
    assert [(row["url"], row["id"]) for row in arc] == [(row["url"], row["id"]) for row in warc]


def test_every_compression_of_a_real_warc_gives_the_same_rows(tmp_path):
    import zstandard

    plain = gzip.decompress((DATA / "crawl" / "warcfile.warc.gz").read_bytes())
    (tmp_path / "x.warc").write_bytes(plain)
    expected = [(row["position"], row["id"]) for row in rows(read_all(DATA / "crawl" / "warcfile.warc.gz"))]
    assert len(expected) == 16
    assert [(r["position"], r["id"]) for r in rows(read_all(tmp_path / "x.warc"))] == expected
    assert [
        (r["position"], r["id"]) for r in rows(read_all(DATA / "crawl" / "warcfile.warc.lz4"))
    ] == expected
    for name, compress in (("x.zst", zstandard.compress), ("x.gz", gzip.compress)):
        (tmp_path / name).write_bytes(compress(plain))
        assert [(r["position"], r["id"]) for r in rows(read_all(tmp_path / name))] == expected


def test_json_lines_agree_with_the_standard_library():
    for folder in ("web", "annotations", "textbooks"):
        for path in sorted((DATA / folder).glob("*.jsonl.gz")):
            items = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
            found = rows(read_all(path))
            assert [row["content"].decode() for row in found] == [
                item.get("text", item.get("html")) for item in items
            ]
            assert [row["url"] for row in found] == [item.get("url") or None for item in items]
            if "id" in items[0]:
                assert [row["id"] for row in found] == [str(item["id"]) for item in items]
            assert not any(row["drop_reason"] for row in found)


def test_raw_pages_keep_their_bytes():
    found = {row["source"]: row["content"] for row in rows(read_all(DATA / "html" / "pages"))}
    assert len(found) == 844
    for name, content in found.items():
        assert content == gzip.decompress((DATA / "html" / "pages" / name).read_bytes())


def test_malformed_archives_give_what_can_be_read():
    chunks = read_all(DATA / "crawl-malformed")
    kept = Counter(row["source"] for row in rows(chunks) if row["drop_reason"] is None)
    assert kept == {
        "badexample.arc.gz": 1,
        "example-bad-non-chunked.warc.gz": 1,
        "example-bad.warc.gz.bad": 1,
        "example-trunc.warc": 1,
        "example-wget-bad-target-uri.warc.gz": 1,
        "example-wrong-chunks.warc.gz": 1,
    }
    dropped = {row["source"]: row["drop_reason"] for row in rows(chunks) if row["drop_reason"]}
    assert dropped == {"clipped.warc.gz": "record_truncated"}
    assert {(problem.source, problem.reason) for problem in problems(chunks)} == {
        ("badexample.arc.gz", "arc_header_damaged"),
        ("clipped.warc.gz", "gzip_clipped"),
        ("example-trunc.warc", "record_length_wrong"),
    }
    assert skipped(chunks)["warc_unknown"] == 3


def test_stripes_and_cursors_hold_on_real_files():
    options = ReadOptions(chunk_records=50, chunk_bytes=1 << 20)
    for folder in ("crawl", "crawl-malformed"):
        chunks = read_all(DATA / folder, options=options)
        stripes = [
            read_all(DATA / folder, options=options, wanted=lambda i, k=k: i % 3 == k) for k in range(3)
        ]
        assert same(sorted([*stripes[0], *stripes[1], *stripes[2]], key=lambda chunk: chunk.index), chunks)
        for number, chunk in enumerate(chunks[:-1]):
            assert same(read_all(DATA / folder, options=options, start=chunk.cursor), chunks[number + 1 :])
