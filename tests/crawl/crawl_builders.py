"""Builders of small crawl files, and helpers that read them."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections import Counter
from pathlib import Path
from typing import Any

import lz4.frame
import zstandard

from curate.crawl import Chunk, FileProblem, ReadOptions, find_files, plan_splits, read_chunks

COMPRESS = {
    "plain": lambda data: data,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstandard.ZstdCompressor().compress,
    "lz4": lz4.frame.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


def html_page(number: int, n_words: int = 40) -> bytes:
    words = " ".join(f"word{number * 7 + i}" for i in range(n_words))
    return f"<!DOCTYPE html><html><body><p>Page {number}: {words}</p></body></html>".encode()


def http_response(
    body: bytes,
    content_type: str | None = "text/html; charset=UTF-8",
    status: str = "200 OK",
    headers: dict[str, str] | None = None,
) -> bytes:
    lines = [f"HTTP/1.1 {status}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def warc_record(
    block: bytes,
    kind: str = "response",
    url: str | None = "http://example.org/",
    content_type: str = "application/http; msgtype=response",
    length: int | None = None,
    number: int = 0,
) -> bytes:
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012d}>",
        "WARC-Date: 2024-05-18T01:02:03Z",
    ]
    if url:
        lines.append(f"WARC-Target-URI: {url}")
    lines += [f"Content-Type: {content_type}", f"Content-Length: {len(block) if length is None else length}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def page_record(number: int, n_words: int = 40, length: int | None = None) -> bytes:
    response = http_response(html_page(number, n_words))
    return warc_record(response, url=f"http://example.org/{number}", number=number, length=length)


def info_record() -> bytes:
    return warc_record(b"software: tests\r\n", "warcinfo", None, "application/warc-fields")


def arc_record(url: str, body: bytes, mime: str = "text/html", date: str = "20080430204825") -> bytes:
    return f"{url} 127.0.0.1 {date} {mime} {len(body)}\n".encode() + body + b"\n"


def arc_file(records: list[bytes]) -> bytes:
    about = b"1 1 InternetArchive\nURL IP-address Archive-date Content-type Archive-length\n"
    return arc_record("filedesc://tests.arc", about, "text/plain") + b"".join(records)


def read_all(*paths: Path | str, options: ReadOptions | None = None, **kwargs: Any) -> list[Chunk]:
    splits = plan_splits(find_files([str(path) for path in paths]))
    return [chunk for split in splits for chunk in read_chunks(split, options, **kwargs)]


def rows(chunks: list[Chunk]) -> list[dict[str, Any]]:
    return [row for chunk in chunks for row in chunk.pages.to_pylist()]


def problems(chunks: list[Chunk]) -> list[FileProblem]:
    return [problem for chunk in chunks for problem in chunk.problems]


def skipped(chunks: list[Chunk]) -> dict[str, int]:
    return dict(sum((Counter(chunk.skipped) for chunk in chunks), Counter()))


def same(chunks: list[Chunk], others: list[Chunk]) -> bool:
    """Whether chunks are equal in everything that a caller can see."""

    def seen(chunk: Chunk) -> tuple[object, ...]:
        return (
            chunk.index,
            chunk.pages.to_pylist(),
            chunk.skipped,
            chunk.problems,
            chunk.n_records,
            chunk.n_input_bytes,
            chunk.last,
        )

    return [seen(chunk) for chunk in chunks] == [seen(chunk) for chunk in others]
