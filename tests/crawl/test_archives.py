from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard
from crawl_builders import (
    COMPRESS,
    arc_file,
    arc_record,
    html_page,
    http_response,
    info_record,
    page_record,
    problems,
    read_all,
    rows,
    same,
    skipped,
    warc_record,
)

from curate.batch import PAGE_SCHEMA
from curate.crawl import ReadOptions


def read_one(tmp_path, *records, options=None):
    path = tmp_path / "one.warc"
    path.write_bytes(b"".join(records))
    return read_all(path, options=options)


def read_block(tmp_path, block, **kwargs):
    chunks = read_one(tmp_path, warc_record(block, **kwargs))
    return rows(chunks), skipped(chunks)


@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd", "lz4", "bz2", "xz"])
@pytest.mark.parametrize("per_record", [True, False])
def test_a_warc_gives_the_same_pages_in_every_compression(tmp_path, codec, per_record):
    records = [info_record(), *(page_record(i) for i in range(5))]
    compress = COMPRESS[codec]
    data = b"".join(map(compress, records)) if per_record else compress(b"".join(records))
    (tmp_path / "crawl.bin").write_bytes(data)
    chunks = read_all(tmp_path / "crawl.bin")
    assert [row["content"] for row in rows(chunks)] == [html_page(i) for i in range(5)]
    assert [row["position"] for row in rows(chunks)] == [1, 2, 3, 4, 5]
    assert skipped(chunks) == {"warc_warcinfo": 1}
    assert not problems(chunks)


def test_a_page_row_holds_what_the_record_says(tmp_path):
    (row,) = rows(read_one(tmp_path, page_record(3)))
    assert list(row) == PAGE_SCHEMA.names
    assert row["source"] == "one.warc"
    assert row["url"] == "http://example.org/3"
    assert row["date"] == "2024-05-18T01:02:03Z"
    assert row["kind"] == "html"
    assert row["charset"] == "utf-8"
    assert row["extra"] == '{"warc_record_id":"urn:uuid:00000000-0000-0000-0000-000000000003"}'
    assert row["drop_reason"] is None
    assert len(row["id"]) == 32


def test_the_id_depends_on_url_and_content_and_not_on_the_record(tmp_path):
    first, second, other_url = rows(
        read_one(
            tmp_path,
            warc_record(http_response(html_page(1)), number=1),
            warc_record(http_response(html_page(1)), number=2),
            warc_record(http_response(html_page(1)), number=1, url="http://example.org/other"),
        )
    )
    assert first["id"] == second["id"] != other_url["id"]


@pytest.mark.parametrize(
    ("block", "arguments", "kind"),
    [
        (http_response(b"x", status="404 Not Found"), {}, "http_404"),
        (http_response(b"", status="301 Moved"), {}, "http_301"),
        (http_response(b"\x89PNG", "image/png"), {}, "mime_image"),
        (http_response(b"{}", "application/json"), {}, "mime_application"),
        (http_response(b"p {}", "text/css"), {}, "mime_text_other"),
        (http_response(b"?", "chemical/x-pdb"), {}, "mime_other"),
        (http_response(b""), {}, "empty_body"),
        (http_response(b" \r\n\x00"), {}, "empty_body"),
        (http_response(b"%PDF-1.4 ..."), {}, "binary_body"),
        (b"no response at all", {}, "http_invalid"),
        (
            http_response(b"User-agent: *", "text/plain"),
            {"url": "https://a.example/robots.txt"},
            "robots_txt",
        ),
        (b"20080430\nexample.org. 1 IN A", {"url": "dns:example.org", "content_type": "text/dns"}, "dns"),
        (b"GET / HTTP/1.1\r\n\r\n", {"kind": "request"}, "warc_request"),
        (b"fetchTimeMs: 3", {"kind": "metadata", "content_type": "application/warc-fields"}, "warc_metadata"),
        (http_response(b""), {"kind": "revisit"}, "warc_revisit"),
        (b"more", {"kind": "continuation"}, "warc_continuation"),
        (b"?", {"kind": "invented"}, "warc_unknown"),
        (
            b"log",
            {"kind": "resource", "url": "metadata://x/log", "content_type": "text/plain"},
            "warc_resource",
        ),
        (b"{}", {"kind": "conversion", "content_type": "application/json"}, "warc_conversion"),
        (b"", {}, "empty_body"),
    ],
)
def test_what_is_no_page_is_counted_by_kind(tmp_path, block, arguments, kind):
    assert read_block(tmp_path, block, **arguments) == ([], {kind: 1})


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("application/xhtml+xml", b"<html>a", "html"),
        ("TEXT/HTML", b"<p>a", "html"),
        ("text/plain", b"just words", "text"),
        (None, b"<!doctype html><p>a", "html"),
        (None, b"just words", "text"),
        ("unk", b"<html><p>a", "html"),
    ],
)
def test_html_and_plain_text_are_pages_and_a_missing_type_is_found_by_content(
    tmp_path, content_type, body, kind
):
    (row,), counted = read_block(tmp_path, http_response(body, content_type))
    assert (row["kind"], row["content"], counted) == (kind, body, {})


def test_wet_records_are_text(tmp_path):
    (row,), _ = read_block(tmp_path, "Süßes Wort".encode(), kind="conversion", content_type="text/plain")
    assert (row["kind"], row["content"].decode()) == ("text", "Süßes Wort")


def test_a_resource_record_may_be_a_page(tmp_path):
    (row,), _ = read_block(tmp_path, html_page(1), kind="resource", content_type="text/html; charset=latin1")
    assert (row["kind"], row["charset"]) == ("html", "latin1")


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("br", brotli.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
        ("identity", bytes),
        ("gzip", bytes),
        ("br", bytes),
        ("sdch", bytes),
    ],
)
@pytest.mark.parametrize("is_chunked", [True, False])
def test_coded_bodies_are_decoded_and_bodies_stored_decoded_are_left_alone(
    tmp_path, coding, encode, is_chunked
):
    body = encode(html_page(1))
    headers = {"Content-Encoding": coding}
    if is_chunked:
        body = chunked(body)
        headers["Transfer-Encoding"] = "chunked"
    (row,), _ = read_block(tmp_path, http_response(body, headers=headers))
    assert row["content"] == html_page(1)


@pytest.mark.parametrize("body", [html_page(1), b"5\r\n<htmlXX" + html_page(1), b"zz\r\n" + html_page(1)])
def test_a_body_that_is_not_chunked_as_it_says_stays_a_page(tmp_path, body):
    (row,), _ = read_block(tmp_path, http_response(body, headers={"Transfer-Encoding": "chunked"}))
    assert row["drop_reason"] is None
    assert b"<html" in row["content"]


def test_chunks_that_end_too_early_give_what_there_is(tmp_path):
    body = chunked(html_page(1))[:-40]
    (row,), _ = read_block(tmp_path, http_response(body, headers={"Transfer-Encoding": "chunked"}))
    assert html_page(1).startswith(row["content"])
    assert len(row["content"]) > len(html_page(1)) - 40


@pytest.mark.parametrize(
    ("coding", "body", "reason"),
    [
        ("gzip", b"\x00\x01\x02\x03" * 30, "content_encoding_invalid"),
        ("invented", b"\x00\x01\x02\x03" * 30, "content_encoding_unknown"),
        ("gzip", gzip.compress(b"<html>" + b" a" * 4_000_000), "decompression_bomb"),
        ("br", brotli.compress(b"<html>" + b" a" * 9_000_000, quality=5), "decompression_bomb"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_a_row_with_a_reason(tmp_path, coding, body, reason):
    (row,), _ = read_block(tmp_path, http_response(body, headers={"Content-Encoding": coding}))
    assert (row["content"], row["drop_reason"]) == (None, reason)
    assert row["url"] == "http://example.org/"


def test_a_gzip_body_with_a_wrong_checksum_is_kept(tmp_path):
    body = gzip.compress(html_page(1))[:-8] + bytes(8)
    (row,), _ = read_block(tmp_path, http_response(body, headers={"Content-Encoding": "gzip"}))
    assert row["content"] == html_page(1)


def test_a_page_over_the_limit_is_a_row_and_an_image_over_it_is_counted(tmp_path):
    big = b"<html>" + b"a b " * 50_000
    options = ReadOptions(max_page_bytes=100_000)
    chunks = read_one(
        tmp_path,
        warc_record(http_response(big)),
        warc_record(http_response(big, "image/png")),
        page_record(1),
        options=options,
    )
    assert [row["drop_reason"] for row in rows(chunks)] == ["page_too_large", None]
    assert skipped(chunks) == {"mime_image": 1}


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        ("naïve".encode("latin-1"), "iso-8859-1", "naïve"),
        ("“quote”".encode("cp1252"), "iso-8859-1", "“quote”"),
        ("Привет, мир".encode("koi8-r"), "koi8-r", "Привет, мир"),
        ("naïve".encode(), "iso-8859-1", "naïve"),
        ("naïve".encode("utf-16"), None, "naïve"),
        (b"a\x00b", None, "a\ufffdb"),
        (b"\xff\xfe\xff", "no-such-charset", "\ufffd"),
        ("ünïcödé".encode() + b"\xff", None, "ünïcödé\ufffd"),
        ("naïve ".encode("latin-1") * 9, "rot13", "naïve " * 9),
    ],
)
def test_plain_text_becomes_utf_8(tmp_path, body, charset, text):
    content_type = f"text/plain; charset={charset}" if charset else "text/plain"
    (row,), _ = read_block(tmp_path, http_response(body, content_type))
    assert row["content"].decode() == text


def test_html_keeps_its_bytes_and_the_charset_of_the_header(tmp_path):
    (row,), _ = read_block(tmp_path, http_response(b"<p>\xff\xfe\x00", 'text/html; charset="X-Odd"'))
    assert (row["content"], row["charset"]) == (b"<p>\xff\xfe\x00", "x-odd")


@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd"])
def test_arc_files_are_read(tmp_path, codec):
    records = [
        arc_record("dns:example.org", b"20080430\nexample.org", "text/dns"),
        arc_record(
            "http://example.org/robots.txt", http_response(b"User-agent: *", "text/plain"), "text/plain"
        ),
        arc_record("http://example.org/1", http_response(html_page(1))),
        arc_record("http://example.org/with space", http_response(html_page(2)), date="null"),
        arc_record("http://example.org/img", http_response(b"GIF89a", "image/gif"), "image/gif"),
    ]
    (tmp_path / "a.arc").write_bytes(COMPRESS[codec](arc_file(records)))
    chunks = read_all(tmp_path / "a.arc")
    assert [(row["url"], row["date"], row["content"]) for row in rows(chunks)] == [
        ("http://example.org/1", "2008-04-30T20:48:25Z", html_page(1)),
        ("http://example.org/with space", None, html_page(2)),
    ]
    assert skipped(chunks) == {"arc_filedesc": 1, "dns": 1, "mime_image": 1, "robots_txt": 1}
    assert not problems(chunks)


def test_arc_version_2_lines_are_read(tmp_path):
    body = http_response(html_page(1))
    line = f"http://example.org/ 127.0.0.1 20080430204825 text/html 200 - - 0 a.arc {len(body)}\n".encode()
    (tmp_path / "a.arc").write_bytes(arc_file([line + body + b"\n", line + body + b"\n"]))
    chunks = read_all(tmp_path / "a.arc")
    assert [row["content"] for row in rows(chunks)] == [html_page(1)] * 2


@pytest.mark.parametrize("fields", ["<http://example.org/wget>", " http://example.org/wget "])
def test_urls_in_angle_brackets_are_bare(tmp_path, fields):
    (row,), _ = read_block(tmp_path, http_response(html_page(1)), url=fields)
    assert row["url"] == "http://example.org/wget"


@pytest.mark.parametrize("is_compressed", [True, False])
def test_a_zstd_dictionary_at_the_start_serves_every_frame_and_every_cursor(tmp_path, is_compressed):
    records = [page_record(i) for i in range(40)]
    dictionary = zstandard.train_dictionary(2000, [record[i::3] for record in records for i in range(3)] * 5)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    payload = dictionary.as_bytes()
    if is_compressed:
        payload = zstandard.compress(payload)
    frame = b"\x5d\x2a\x4d\x18" + len(payload).to_bytes(4, "little") + payload
    (tmp_path / "a.warc.zst").write_bytes(frame + b"".join(map(compressor.compress, records)))
    options = ReadOptions(chunk_records=10)
    chunks = read_all(tmp_path / "a.warc.zst", options=options)
    assert [row["content"] for row in rows(chunks)] == [html_page(i) for i in range(40)]
    assert not problems(chunks)
    assert same(read_all(tmp_path / "a.warc.zst", options=options, start=chunks[1].cursor), chunks[2:])


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3,
    ],
)
def test_heads_before_the_response_proper_are_passed_over(interim):
    from curate.crawl.http import read_response

    proper = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>A page.</p></html>"
    assert read_response(interim + proper, 1 << 20) == read_response(proper, 1 << 20)
    assert read_response(interim + proper.replace(b"200 OK", b"404 No"), 1 << 20).skipped == "http_404"
    assert read_response(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 1 << 20).skipped == "http_100"


@pytest.mark.parametrize("pump", [b"<!---->", b"<!-- a -->\n", b"<!--", b"  ", b"<?xml"])
def test_what_a_page_is_is_found_in_steps_that_grow_as_it_does(monkeypatch, pump):
    import curate.crawl.sniff as room

    counts = []
    for n in (100, 200):
        steps = 0
        real = room._skip_space

        def counted(head, at, real=real):
            nonlocal steps
            end = real(head, at)
            steps += 1 + end - at
            return end

        with monkeypatch.context() as patch:
            patch.setattr(room, "_skip_space", counted)
            assert not room.looks_html(pump * n + b"hello")
        counts.append(steps)
    assert counts[1] <= 2.1 * counts[0] + 2


def test_an_html_page_is_known_behind_any_number_of_comments():
    from curate.crawl.sniff import looks_html, looks_html_document

    for start in (b"<!-- a --> " * 20, b"<!-->", b"<!---->", b'<?xml version="1.0"?>\n<!-- x -->'):
        assert looks_html(start + b"<!DOCTYPE html><p>")
        assert looks_html_document(start + b"<html>")
    assert not looks_html(b"<!-- never closed <html>")


def test_damage_in_an_arc_costs_steps_that_grow_as_it_does(monkeypatch):
    import curate.crawl.archive_headers as room

    for pump in (b"http:", b"http://a/ 1.1.1.1 0 ", b"a:\n", b"http://a/ 1.1.1.1 0 text/html x\n"):
        counts = []
        for n in (1000, 2000):
            seen = 0
            real = room._split_arc_line

            def counted(line, real=real):
                nonlocal seen
                seen += len(line)
                return real(line)

            with monkeypatch.context() as patch:
                patch.setattr(room, "_split_arc_line", counted)
                assert room.ARC.find_start(pump * n, 0) == -1
            counts.append(seen)
        assert counts[1] <= 2.1 * counts[0] + 1


@pytest.mark.parametrize(
    "interim",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
     b"HTTP/1.1 200 Connection established\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"],
)  # fmt: skip
def test_heads_before_the_real_one_are_passed_over(tmp_path, interim):
    (row,), _ = read_block(tmp_path, interim + http_response(b"<p>page", "text/html"))
    assert (row["content"], row["kind"]) == (b"<p>page", "html")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_named_by_the_header_needs_no_mark(tmp_path, codec):
    body = "漢字だけの文章です。".encode(codec)
    (row,), _ = read_block(tmp_path, http_response(body, f"text/plain; charset={codec.replace('16-', '16')}"))
    assert row["content"].decode() == "漢字だけの文章です。"
    (row,), _ = read_block(tmp_path, http_response(body, f"text/html; charset={codec.replace('16-', '16')}"))
    assert row["kind"] == "html"
