"""HTTP responses as archives store them: head, transfer coding, content coding, and what they hold."""

from __future__ import annotations

import bz2
import io
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from curate.crawl.compressed import DamagedError, GzipDecoder
from curate.crawl.sniff import find_foreign, find_named, looks_html
from curate.text.charset import decode_text
from curate.text.encodings import find_encoding

MAX_RATIO = 200  # a body that decodes to more than this many times its size (and 1 MiB) is a bomb
MAX_HEAD_BYTES = 1 << 16
_FIRST_PIECE_BYTES = 1024
_STATUS_LINE = re.compile(rb"(?:HTTP/\d(?:\.\d)?|ICY)\s+(\d{3})\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*(?:[\"']\s*)?([\w.:+-]+)", re.IGNORECASE)
_MAX_INTERIM_HEADS = 8
_HTML_TYPES = ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")


@dataclass(frozen=True, slots=True)
class Payload:
    """What a response or a stored file holds: a page, or the kind under which it is counted.

    Exactly one of `kind` ('html' or 'text') and `skipped` is set; either `content` or `drop_reason` is null.
    """

    kind: str = ""
    content: bytes | None = None
    charset: str | None = None
    drop_reason: str | None = None
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class HttpHead:
    """Status and the header fields that matter here; `n_bytes` is where the body starts."""

    status: int
    mime: str
    charset: str | None
    codings: tuple[str, ...]
    is_chunked: bool
    n_bytes: int


def parse_head(block: bytes) -> HttpHead | None:
    """Parse the head of the response `block`; null where it has no status line."""
    status = _STATUS_LINE.match(block)
    if status is None:
        return None
    end, n_bytes = find_blank_line(block, 0, MAX_HEAD_BYTES)
    fields = parse_fields(block[:end])
    content_type = fields.get("content-type", "")
    mime, charset = parse_content_type(content_type)
    codings = fields.get("content-encoding", "").lower().replace(" ", "").split(",")
    return HttpHead(
        int(status[1]),
        mime,
        charset,
        tuple(coding for coding in codings if coding not in ("", "identity", "none", "utf-8")),
        "chunked" in fields.get("transfer-encoding", "").lower(),
        n_bytes,
    )


def find_blank_line(block: bytes, start: int, max_bytes: int) -> tuple[int, int]:
    """Find the end of a head: (end of its last line, start of what follows); both the end if none."""
    crlf = block.find(b"\r\n\r\n", start, start + max_bytes)
    lf = block.find(b"\n\n", start, crlf if crlf >= 0 else start + max_bytes)
    if lf >= 0:
        return lf, lf + 2
    if crlf >= 0:
        return crlf, crlf + 4
    return len(block), len(block)


def parse_fields(head: bytes) -> dict[str, str]:
    """Parse the header lines after the first; names in lower case, of repeated fields the first counts."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in head.decode("utf-8", "replace").split("\n")[1:]:
        if line[:1] in (" ", "\t") and name:
            fields[name].append(line.strip())
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if colon and name not in fields:
            fields[name] = [value.strip()]
        else:
            name = ""
    return {name: " ".join(values) for name, values in fields.items()}


def parse_content_type(value: str) -> tuple[str, str | None]:
    """Split a Content-Type into type and charset, both lower case.

    >>> parse_content_type('Text/HTML; Charset="UTF-8"')
    ('text/html', 'utf-8')
    """
    mime = value.partition(";")[0].partition(",")[0].strip().lower()
    charset = _CHARSET.search(value)
    return mime if "/" in mime else "", charset[1].lower() if charset else None


def read_response(block: bytes, max_bytes: int, damage: str | None = None) -> Payload:
    """Read the HTTP response `block`.

    Args:
        block: The response as stored, head and body.
        max_bytes: Longest content that is a page.
        damage: The drop reason of a page, where `block` is not all of the response or cannot be trusted.
    """
    head = parse_head(block)
    for _ in range(_MAX_INTERIM_HEADS):
        if head is None or not _is_interim(head, block):
            break
        block = block[head.n_bytes :].lstrip(b"\r\n")
        head = parse_head(block)
    if head is None:
        return Payload(skipped="http_invalid")
    if head.status != 200:
        return Payload(skipped=f"http_{head.status}")
    return read_payload(block[head.n_bytes :], head, max_bytes, damage)


def read_payload(  # noqa: PLR0911 - a row of guards
    body: bytes, head: HttpHead, max_bytes: int, damage: str | None = None
) -> Payload:
    """Read a body by what `head` says of it; see `read_response`."""
    kind = _kind_of(head.mime)
    if kind is None:
        return Payload(skipped=_skipped_mime(head.mime))
    if not body and damage is None:
        return Payload(skipped="empty_body")
    known = kind or "html"
    if damage:
        return Payload(known, None, head.charset, damage)
    if len(body) > max_bytes:
        return Payload(known, None, head.charset, "page_too_large")
    if head.is_chunked:
        body = join_chunks(body)
    for coding in reversed(head.codings):
        decoded = decode_body(body, coding, max_bytes)
        if isinstance(decoded, str):
            return Payload(known, None, head.charset, decoded)
        body = decoded
    if not body.strip(b"\x00\t\n\r "):
        return Payload(skipped="empty_body")
    if find_foreign(body[:4096]) and not _is_utf16(head.charset, body):
        return Payload(skipped="binary_body")
    if not kind:
        kind = "html" if looks_html(body) else "text"
    if kind == "text":
        body = decode_text(body, head.charset, markup=False).encode()
    if len(body) > max_bytes:
        return Payload(kind, None, head.charset, "page_too_large")
    return Payload(kind, body, head.charset)


def _is_interim(head: HttpHead, block: bytes) -> bool:
    """Whether another head follows: behind 100 Continue, 103 Early Hints, or a proxy's 200 Connection established."""
    follows = _STATUS_LINE.match(block[head.n_bytes : head.n_bytes + 64].lstrip(b"\r\n")) is not None
    return follows and (head.status < 200 or head.status == 200)


def _is_utf16(charset: str | None, body: bytes) -> bool:
    """Whether the header names UTF-16 for a body that has none of its marks but its NULs."""
    return (find_encoding(charset) or "").startswith("utf-16") and find_named(body) is None


def _kind_of(mime: str) -> str | None:
    """Return 'html', 'text', '' where the type is missing, null where it is of no page."""
    if mime in _HTML_TYPES:
        return "html"
    if mime == "text/plain":
        return "text"
    return "" if mime in ("", "unk", "no-type", "application/unknown", "unknown/unknown") else None


def _skipped_mime(mime: str) -> str:
    major = mime.partition("/")[0]
    if major == "text":
        return "mime_text_other"
    return (
        f"mime_{major}"
        if major in ("image", "application", "audio", "video", "font", "message")
        else "mime_other"
    )


def join_chunks(body: bytes) -> bytes:
    r"""Undo chunked transfer coding; a body that is not chunked after all comes back as it is.

    Many archives store the joined body under the header of the chunked one. Chunks that end too early
    give what there is.

    >>> join_chunks(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    b'abcde'
    """
    pieces: list[bytes] = []
    at = 0
    while at < len(body):
        end = body.find(b"\n", at, at + 1024)
        digits = body[at:end].partition(b";")[0].strip() if end >= 0 else b""
        try:
            size = int(digits, 16) if digits.isalnum() and len(digits) <= 8 else -1
        except ValueError:
            size = -1
        if size < 0:
            return body if not pieces else b"".join(pieces)
        if size == 0:
            break
        piece = body[end + 1 : end + 1 + size]
        at = end + 1 + size
        if len(piece) == size and body[at : at + 1] not in (b"\r", b"\n", b""):
            return body if not pieces else b"".join([*pieces, piece])
        pieces.append(piece)
        at += 2 if body[at : at + 2] == b"\r\n" else 1
    return b"".join(pieces)


def decode_body(body: bytes, coding: str, max_bytes: int) -> bytes | str:
    """Undo one content coding: the bytes, or the drop reason.

    A body that was stored decoded under the header of the coded one comes back as it is.
    """
    decode = _DECODERS.get(coding)
    try:
        out = decode(body, max_bytes + 1) if decode else b""
    except (zlib.error, OSError, ValueError, EOFError, RuntimeError):
        out = b""
    if out:
        if len(out) > max(1 << 20, MAX_RATIO * len(body)):
            return "decompression_bomb"
        return "page_too_large" if len(out) > max_bytes else out
    head = body[:4096]
    if looks_html(head) or (find_foreign(head) is None and _is_utf8(head)):
        return body
    return "content_encoding_unknown" if decode is None else "content_encoding_invalid"


def _is_utf8(head: bytes) -> bool:
    try:
        head[: len(head) - 4 if len(head) > 100 else None].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 8
    return True


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    n = at = 0
    while at < len(body) and n < max_bytes:
        out, at = _gunzip_member(body, at, max_bytes - n)
        if not out and at >= len(body) and not pieces:
            raise zlib.error("no gzip data")
        pieces.append(out)
        n += len(out)
    return b"".join(pieces)


def _gunzip_member(body: bytes, at: int, max_bytes: int) -> tuple[bytes, int]:
    """Return (what can be decoded from `at` on, where the next begins); often only the checksum at the end is wrong.

    A member is fed in ever larger pieces: each that ends copies what it was given and does not need.
    """
    decoder = GzipDecoder()
    pieces: list[bytes] = []
    n, step = 0, _FIRST_PIECE_BYTES
    try:
        while n < max_bytes and not decoder.eof:
            fed = body[at : at + step] if decoder.needs_input else b""
            if decoder.needs_input and not fed:
                break
            at, step = at + len(fed), 2 * step
            piece = decoder.decompress(fed, max_bytes - n)
            pieces.append(piece)
            n += len(piece)
    except DamagedError:
        return b"".join(pieces), len(body)
    return b"".join(pieces), at - len(decoder.unused_data)


def _undeflate(body: bytes, max_bytes: int) -> bytes:
    try:
        return zlib.decompressobj(15).decompress(body, max_bytes)
    except zlib.error:
        return zlib.decompressobj(-15).decompress(body, max_bytes)


def _read_all(reader: Any, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    while max_bytes > 0 and (piece := reader.read(min(max_bytes, 1 << 20))):
        pieces.append(piece)
        max_bytes -= len(piece)
    return b"".join(pieces)


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    from fastwarc.stream_io import BrotliReader

    return _read_all(BrotliReader(io.BytesIO(body)), max_bytes)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    import zstandard

    try:
        return _read_all(zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body), max_bytes)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _unbz2(body: bytes, max_bytes: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(body, max_bytes)


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
    "br": _unbrotli,
    "zstd": _unzstd,
    "bzip2": _unbz2,
}
