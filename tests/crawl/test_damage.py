"""Damaged files: good records before and after the damage are kept, and nothing raises."""

from __future__ import annotations

import gzip
import io
import json
import os
import tracemalloc
import zlib
from dataclasses import replace

import pytest
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
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.crawl import ReadOptions
from curate.crawl.compressed import CODECS, Codec, FileBytes, read_compressed


def urls(chunks):
    return [row["url"].rsplit("/", 1)[-1] for row in rows(chunks) if row["drop_reason"] is None]


def reasons(chunks):
    return [row["drop_reason"] for row in rows(chunks) if row["drop_reason"]]


def flip(data: bytes, at: int, mask: int = 0xFF) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def write(tmp_path, data, name="a.warc.gz"):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def test_a_broken_member_costs_its_own_record_only(tmp_path):
    members = [gzip.compress(page_record(i)) for i in range(6)]
    members[2] = flip(members[2], len(members[2]) // 2)
    chunks = read_all(write(tmp_path, b"".join(members)))
    assert urls(chunks) == ["0", "1", "3", "4", "5"]
    assert [problem.reason for problem in problems(chunks)] == ["gzip_damaged"]


def test_a_member_whose_checksum_is_wrong_is_not_trusted(tmp_path):
    members = [gzip.compress(page_record(i)) for i in range(4)]
    members[1] = members[1][:-8] + bytes(4) + members[1][-4:]
    chunks = read_all(write(tmp_path, b"".join(members)))
    assert urls(chunks) == ["0", "2", "3"]
    assert reasons(chunks) == ["record_damaged"]
    assert [problem.reason for problem in problems(chunks)] == ["gzip_damaged"]


def test_a_clipped_gzip_keeps_what_comes_before(tmp_path):
    data = b"".join(gzip.compress(page_record(i)) for i in range(6))
    chunks = read_all(write(tmp_path, data[:-100]))
    assert urls(chunks) == ["0", "1", "2", "3", "4"]
    assert reasons(chunks) == ["record_truncated"]
    assert [(problem.reason, problem.position) for problem in problems(chunks)] == [("gzip_clipped", 6)]


def test_a_clipped_whole_file_gzip_keeps_what_comes_before(tmp_path):
    data = gzip.compress(b"".join(page_record(i, n_words=400) for i in range(40)))
    chunks = read_all(write(tmp_path, data[: len(data) // 2]))
    n_kept = zlib.decompressobj(31).decompress(data[: len(data) // 2]).count(b"</html>\r\n\r\n")
    assert 5 < n_kept < 40
    assert urls(chunks) == [str(i) for i in range(n_kept)]
    assert [problem.reason for problem in problems(chunks)] == ["gzip_clipped"]


@pytest.mark.parametrize("junk", [b"\x00" * 700, b"noise" * 100, b"\x1f\x8b\x08\x00junk"])
def test_bytes_between_members_are_passed_over(tmp_path, junk):
    data = gzip.compress(page_record(0)) + junk + gzip.compress(page_record(1)) + junk
    chunks = read_all(write(tmp_path, data))
    assert urls(chunks) == ["0", "1"]
    assert bool(problems(chunks)) == bool(junk.strip(b"\x00"))


def test_the_first_member_may_be_the_broken_one(tmp_path):
    members = [gzip.compress(page_record(i)) for i in range(3)]
    members[0] = flip(members[0], 12)
    chunks = read_all(write(tmp_path, b"".join(members)))
    assert urls(chunks) == ["1", "2"]


@pytest.mark.parametrize("wrong", [10, 100_000, 900])
@pytest.mark.parametrize("codec", ["plain", "gzip"])
def test_a_wrong_length_costs_no_other_record(tmp_path, wrong, codec):
    records = [page_record(i, length=wrong if i == 2 else None) for i in range(6)]
    data = b"".join(map(COMPRESS[codec], records))
    chunks = read_all(write(tmp_path, data))
    assert [url for url in urls(chunks) if url != "2"] == ["0", "1", "3", "4", "5"]
    assert len(problems(chunks)) == 1


@pytest.mark.parametrize("slip", [-20, -3, 8, 20])
def test_a_length_that_is_a_little_wrong_in_a_plain_file_still_gives_the_page(tmp_path, slip):
    n_block = len(http_response(html_page(2)))
    records = [page_record(i, length=n_block + slip if i == 2 else None) for i in range(4)]
    chunks = read_all(write(tmp_path, b"".join(records)))
    assert [row["content"] for row in rows(chunks)] == [html_page(i) for i in range(4)]
    assert [problem.reason for problem in problems(chunks)] == ["record_length_wrong"]


@pytest.mark.parametrize("length", ["", "-5", "12x", "9" * 30])
def test_a_header_without_a_length_is_passed_over(tmp_path, length):
    records = [page_record(i, length=length if i == 1 else None) for i in range(3)]
    chunks = read_all(write(tmp_path, b"".join(records)))
    assert urls(chunks) == ["0", "2"]
    assert [problem.reason for problem in problems(chunks)] == ["warc_header_damaged"]


def test_a_header_cut_off_by_the_next_record_is_passed_over(tmp_path):
    data = page_record(0) + page_record(1)[:90] + b"\r\n" + page_record(2) + page_record(3)
    chunks = read_all(write(tmp_path, data))
    assert urls(chunks)[0] == "0"
    assert urls(chunks)[-2:] == ["2", "3"]


def test_a_plain_file_cut_anywhere_keeps_what_comes_before(tmp_path):
    data = b"".join(page_record(i) for i in range(3))
    ends = [len(b"".join(page_record(i) for i in range(n + 1))) - 4 for n in range(3)]
    for cut in range(20, len(data), 13):
        chunks = read_all(write(tmp_path, data[:cut]))
        assert urls(chunks) == [str(n) for n, end in enumerate(ends) if end <= cut]
        assert problems(chunks) or cut in ends or data[:cut].endswith(b"\r\n")


def test_a_damaged_arc_goes_on(tmp_path):
    records = [arc_record(f"http://example.org/{i}", http_response(html_page(i))) for i in range(4)]
    records[1] = records[1].replace(b" text/html ", b" text/html\n", 1)
    chunks = read_all(write(tmp_path, arc_file(records)))
    assert urls(chunks) == ["0", "2", "3"]
    assert [problem.reason for problem in problems(chunks)] == ["arc_header_damaged"]


def test_empty_and_unreadable_and_foreign_files_are_problems_and_the_run_goes_on(tmp_path):
    (tmp_path / "a-empty.warc.gz").touch()
    (tmp_path / "b-empty.jsonl.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "c-image.dat").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "d-noise.dat").write_bytes(b"{" + bytes(i * i * 7 % 256 for i in range(3000)))
    (tmp_path / "e-secret.html").write_bytes(html_page(1))
    (tmp_path / "e-secret.html").chmod(0)
    (tmp_path / "z-good.html").write_bytes(html_page(2))
    chunks = read_all(tmp_path)
    by_source = {problem.source: problem.reason for problem in problems(chunks)}
    expected = {
        "a-empty.warc.gz": "empty_file",
        "b-empty.jsonl.gz": "empty_file",
        "c-image.dat": "format_unknown",
        "d-noise.dat": "format_unknown",
    }
    if os.geteuid():  # root reads anything
        expected["e-secret.html"] = "unreadable"
    assert {source: reason for source, reason in by_source.items() if source in expected} == expected
    assert rows(chunks)[-1]["content"] == html_page(2)


def test_a_file_that_vanished_is_a_problem(tmp_path):
    from curate.crawl import find_files, plan_splits, read_chunks

    write(tmp_path, html_page(1), "a.html")
    write(tmp_path, html_page(2), "b.html")
    (split,) = plan_splits(find_files([str(tmp_path)]))
    (tmp_path / "a.html").unlink()
    chunks = list(read_chunks(split))
    assert [problem.reason for problem in problems(chunks)] == ["unreadable"]
    assert [row["content"] for row in rows(chunks)] == [html_page(2)]


LINES = [json.dumps({"text": f"line {i} with words", "url": f"u/{i}"}).encode() for i in range(6)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken", "json_invalid"),
        (b"[1, 2]", "json_invalid"),
        (b"\xff\xfe\x00\x01", "json_invalid"),
        (b"[" * 9_000, "json_invalid"),
        (b'{"url": "x"}', "json_no_text"),
        (b'{"text": null}', "json_no_text"),
        (b'{"text": 7}', "json_no_text"),
        (b'{"text": "  "}', "json_no_text"),
        (b'{"text": "' + b"x" * 30_000 + b'"}', "page_too_large"),
    ],
)
@pytest.mark.parametrize("codec", ["plain", "gzip", "zstd", "bz2", "xz", "lz4"])
def test_a_bad_line_is_a_row_with_a_reason_at_its_position(tmp_path, line, reason, codec):
    data = COMPRESS[codec](b"\n".join([*LINES[:3], line, *LINES[3:]]) + b"\n")
    chunks = read_all(write(tmp_path, data, "a.jsonl"), options=ReadOptions(max_page_bytes=20_000))
    found = rows(chunks)
    assert [row["drop_reason"] for row in found] == [None] * 3 + [reason] + [None] * 3
    assert [row["position"] for row in found] == list(range(7))
    assert found[3]["content"] is None
    assert not problems(chunks)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"text": "caf\xe9"}', "caf\ufffd"),
        (b'{"text": "a\\u0000b"}', "a\ufffdb"),
        (b'{"text": "a\\ud800b"}', "a\ufffdb"),
        (b'\xef\xbb\xbf{"text": "marked"}', "marked"),
        (b'{"text": "n", "x": NaN, "y": 123456789012345678901234567890}', "n"),
        (b'{"text": "n"}\r', "n"),
    ],
)
def test_odd_lines_are_read(tmp_path, line, text):
    chunks = read_all(write(tmp_path, b"\n".join([line, LINES[0]]), "a.jsonl"))
    assert rows(chunks)[0]["content"].decode() == text
    assert len(rows(chunks)) == 2


def test_a_hundred_megabyte_line_is_skipped_in_bounded_memory(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(LINES[0] + b'\n{"text": "')
        for _ in range(100):
            file.write(b"many words " * 95_326)
        file.write(b'"}\n' + LINES[1] + b"\n")
    tracemalloc.start()
    chunks = read_all(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row["drop_reason"] for row in rows(chunks)] == [None, "page_too_large", None]
    assert peak_bytes < 60 << 20


def test_a_bomb_of_zeros_in_a_warc_is_skipped_in_bounded_memory(tmp_path):
    head = warc_record(http_response(b""), length=200_000_000)[:-4]
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = (
        deflate.compress(head)
        + b"".join(deflate.compress(bytes(1 << 20)) for _ in range(191))
        + deflate.flush()
    )
    path = write(tmp_path, gzip.compress(page_record(0)) + bomb + gzip.compress(page_record(1)))
    tracemalloc.start()
    chunks = read_all(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert urls(chunks) == ["0", "1"]
    assert peak_bytes < 40 << 20


def test_many_small_bombs_in_one_chunk_are_bounded_together(tmp_path):
    body = gzip.compress(b"<html>" + b"a " * 100_000)
    record = warc_record(http_response(body, headers={"Content-Encoding": "gzip"}))
    chunks = read_all(
        write(tmp_path, record * 40), options=ReadOptions(chunk_bytes=100_000, max_page_bytes=1 << 20)
    )
    (chunk,) = chunks
    n_content = sum(len(row["content"] or b"") for row in rows(chunks))
    assert n_content <= 16 * 100_000 + (1 << 20)
    assert set(reasons(chunks)) == {"decompression_bomb"}
    assert chunk.pages.num_rows == 40


WARC_GZ = b"".join(map(gzip.compress, [info_record(), *(page_record(i) for i in range(8))]))
WARC_STARTS = [0]
for _record in [info_record(), *(page_record(i) for i in range(8))]:
    WARC_STARTS.append(WARC_STARTS[-1] + len(gzip.compress(_record)))
JSONL = b"\n".join(LINES * 3) + b"\n"
SMALL_CHUNKS = ReadOptions(chunk_records=3)


def damage(data: bytes, kind: str, at: int, n: int) -> bytes:
    at = at % len(data)
    if kind == "flip":
        return flip(data, at, n % 255 + 1)
    if kind == "cut":
        return data[:at]
    if kind == "hole":
        return data[:at] + data[at + n :]
    return data[:at] + bytes(i * 37 % 256 for i in range(n)) + data[at:]


damages = st.tuples(
    st.sampled_from(["flip", "cut", "hole", "insert"]), st.integers(0, 10_000), st.integers(1, 300)
)


def check_laws(path):
    """Nothing raises; skimming sees what reading sees; a run can go on from every chunk."""
    chunks = read_all(path, options=SMALL_CHUNKS)
    stripes = [read_all(path, options=SMALL_CHUNKS, wanted=lambda i, k=k: i % 2 == k) for k in range(2)]
    assert same(sorted(stripes[0] + stripes[1], key=lambda chunk: chunk.index), chunks)
    for number, chunk in enumerate(chunks[:-1]):
        assert same(read_all(path, options=SMALL_CHUNKS, start=chunk.cursor), chunks[number + 1 :])
    return chunks


@settings(max_examples=80, deadline=None)
@given(st.lists(damages, min_size=1, max_size=3))
def test_random_damage_to_a_warc_never_raises_and_costs_only_what_it_hits(tmp_path_factory, kinds):
    data = WARC_GZ
    for kind in kinds:
        data = damage(data, *kind) or b"x"
    path = tmp_path_factory.mktemp("warc") / "a.warc.gz"
    path.write_bytes(data)
    chunks = check_laws(path)
    first = min(at % len(WARC_GZ) for _, at, _ in kinds) if len(kinds) == 1 else 0
    n_before = sum(end <= first for end in WARC_STARTS[2:])
    assert urls(chunks)[:n_before] == [str(i) for i in range(n_before)]


def test_a_record_whose_member_is_whole_is_sound_whatever_follows(tmp_path):
    path = tmp_path / "a.warc.gz"
    path.write_bytes(damage(WARC_GZ, "hole", WARC_STARTS[2] + 4, 198))
    assert reasons(check_laws(path)) == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["plain", "gzip", "zstd", "lz4", "bz2", "xz"]), damages)
def test_random_damage_to_json_lines_never_raises(tmp_path_factory, codec, kind):
    data = COMPRESS[codec](JSONL)
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_bytes(damage(data, *kind) or b"x")
    chunks = check_laws(path)
    if codec == "plain":
        n_before = JSONL.count(b"\n", 0, kind[1] % len(JSONL))
        assert [row["position"] for row in rows(chunks)][:n_before] == list(range(n_before))
        assert not any(row["drop_reason"] for row in rows(chunks)[:n_before])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["plain", "gzip"]), damages)
def test_random_damage_to_plain_archives_never_raises(tmp_path_factory, codec, kind):
    warc = b"".join([info_record(), *(page_record(i) for i in range(6))])
    arc = arc_file([arc_record(f"http://example.org/{i}", http_response(html_page(i))) for i in range(6)])
    folder = tmp_path_factory.mktemp("plain")
    for name, data in (("a.warc", warc), ("a.arc", arc)):
        path = folder / name
        path.write_bytes(damage(COMPRESS[codec](data), *kind) or b"x")
        check_laws(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read_without_an_exception(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    for name in ("a.warc.gz", "a.arc", "a.jsonl", "a.parquet", "a.html", "a"):
        (folder / name).write_bytes(data)
    read_all(folder)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["gzip", "br", "deflate", "zstd", "bzip2", "x", ""]),
    st.booleans(),
)
def test_any_http_body_is_read_without_an_exception(tmp_path_factory, body, coding, is_chunked):
    headers = {"Content-Encoding": coding, "Transfer-Encoding": "chunked" if is_chunked else ""}
    path = tmp_path_factory.mktemp("body") / "a.warc"
    path.write_bytes(warc_record(http_response(body, headers=headers)) + page_record(1))
    chunks = read_all(path)
    assert urls(chunks)[-1] == "1"
    assert sum(skipped(chunks).values()) + len(rows(chunks)) == 2


@given(
    texts=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    hurts=st.lists(st.tuples(st.integers(0, 2000), st.integers(-40, 255)), max_size=3),
)
def test_the_fast_gzip_decoder_loses_nothing_that_the_thorough_one_saves(
    texts: list[bytes], hurts: list[tuple[int, int]]
) -> None:
    data = bytearray(b"".join(gzip.compress(text * 20, mtime=0) for text in texts))
    for place, change in hurts:
        at = place % len(data)
        if change < 0:
            del data[at : at - change]
            data += b"\x00"
        else:
            data[at] = change
    gzip_codec = CODECS[0]

    def pieces(codec: Codec) -> list[tuple[str | None, bytes]]:
        """The plain bytes between one damage and the next."""
        found: list[tuple[str | None, bytes]] = [(None, b"")]
        for block in read_compressed(FileBytes(io.BytesIO(bytes(data))), codec):
            if block.damage:
                found.append((block.damage, b""))
            found[-1] = (found[-1][0], found[-1][1] + block.data)
        return found

    assert pieces(gzip_codec) == pieces(replace(gzip_codec, new_fast=None))
