"""WARC, WET, WAT and ARC files, record by record, going on after damage.

Written here and not taken from a library because reading must go on in a damaged file: the fast WARC
libraries end at the first bad byte. A record is framed by its header and the length stated there; where
the two do not fit, reading goes on at the next thing that looks like the start of a record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from curate.crawl.archive_headers import Framing, RecordHeader
from curate.crawl.http import HttpHead, Payload, parse_content_type, read_payload, read_response
from curate.crawl.options import ReadOptions
from curate.crawl.readers import StreamReader
from curate.crawl.records import Mark, Page, Record, content_id, place_id
from curate.crawl.stream import ByteStream

MAX_HEADER_BYTES = 1 << 18
MAX_LENGTH_ERROR_BYTES = 64
HEAD_BYTES = 1 << 16  # so much of a record that is too large is read, to see what it is
_ROBOTS_URL = re.compile(r"https?://[^/]+/robots\.txt(?:\?|$)", re.IGNORECASE)
_PAGE_URL = re.compile(r"(?:https?|ftp|gopher|file):", re.IGNORECASE)
_OTHER_TYPES = ("warcinfo", "request", "metadata", "revisit", "continuation")


@dataclass(slots=True)
class _Body:
    """The body of a record, as far as it was kept; `damage` is the drop reason of a page that it may hold."""

    data: bytes
    n_bytes: int
    damage: str | None = None


class ArchiveReader(StreamReader):
    """Reads an archive file; see `RecordReader`."""

    def __init__(
        self, stream: ByteStream, framing: Framing, source: str, options: ReadOptions, start: Mark
    ) -> None:
        super().__init__(stream, source, options, start)
        self._framing = framing
        self._max_bytes = options.max_page_bytes

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next record, null at the end; see `RecordReader`."""
        found = self._next_header()
        if found is None:
            return None
        header, n_header_bytes = found
        skipped = _skip_by_header(header)
        body = self._pass_body(header.n_body_bytes, keep=wanted and not skipped)
        self._skip_blank()
        record = Record(n_header_bytes + body.n_bytes)
        if skipped:
            record.skipped = skipped
        elif wanted:
            if body.damage is None and self._is_damaged_after():
                body.damage = "record_damaged"
            payload = _read_body(header, body, self._max_bytes)
            record.skipped = payload.skipped
            if not payload.skipped:
                record.page = self._page(header, payload)
        self.position += 1
        return record

    def _pass_body(self, declared: int, *, keep: bool) -> _Body:
        """Pass the body; of one that is too large only the start is kept."""
        stream = self._stream
        n_wanted = (declared if declared <= self._max_bytes + HEAD_BYTES else HEAD_BYTES) if keep else 0
        if not self._is_record_after(declared):
            data = stream.peek(n_wanted + MAX_LENGTH_ERROR_BYTES) if keep else b""
            n_read = self._pass_junk(n_min=0)
            if n_read < declared and stream.at_end():
                damage = "record_truncated"
                self._report(damage, f"{n_read} of {declared} bytes")
            else:
                # A small slip is one of the program that wrote it: the next record shows the true length.
                damage = None if abs(n_read - declared) <= MAX_LENGTH_ERROR_BYTES else "record_damaged"
                self._report("record_length_wrong", f"{n_read} bytes, {declared} stated")
            return _Body(data[:n_read].rstrip(b"\r\n"), n_read, damage)
        data = stream.read(n_wanted)
        n_read = len(data) + stream.skip(declared - len(data))
        if n_read == declared:
            return _Body(data, n_read, "page_too_large" if keep and len(data) < declared else None)
        if not stream.gap:
            self._report("record_truncated", f"{n_read} of {declared} bytes")
        return _Body(data, n_read, "record_truncated")

    def _is_record_after(self, n_ahead: int) -> bool:
        """Whether `n_ahead` bytes on a record starts or the file ends; true where one cannot look.

        A wrong length would otherwise swallow the records that follow.
        """
        first = self._framing.first_bytes
        n_before = min(n_ahead, 1)
        after = self._stream.peek_at(n_ahead - n_before, n_before + 64) if first else None
        if after is None:
            return True
        rest = after[n_before:].lstrip(b"\r\n")
        return rest.startswith(first) or (not rest and len(after) >= n_before)

    def _page(self, header: RecordHeader, payload: Payload) -> Page:
        content = payload.content
        place = place_id(self._source, self.position)
        page_id = place if content is None else content_id(header.url, content)
        extra = orjson.dumps(header.extra).decode() if header.extra else None
        return Page(
            page_id,
            header.url,
            header.date,
            payload.kind,
            content,
            payload.charset,
            extra=extra,
            drop_reason=payload.drop_reason,
        )

    def _skip_blank(self) -> None:
        stream = self._stream
        while not stream.at_end() and stream.data[stream.at] in b"\r\n":
            stream.at += 1

    def _is_damaged_after(self) -> bool:
        """Whether the member breaks off behind the record, at once or after bytes that start no record.

        Where the next byte starts a member, the record's own has ended with its checksum.
        """
        stream = self._stream
        if stream.offset() is not None:
            return False
        # A gap that was met ahead of time, with sound records before it, says nothing of this one.
        is_followed = not stream.at_end() and self._framing.is_start(stream.data, stream.at)
        if is_followed or len(stream.peek(HEAD_BYTES)) == HEAD_BYTES:
            return False
        return (stream.gap or "").endswith("_damaged")

    def _next_header(self) -> tuple[RecordHeader, int] | None:
        """Pass the next header: (it, its length); null at the end of the file. Passes and reports damage."""
        stream = self._stream
        is_after_damage = False
        while True:
            self._skip_blank()
            if stream.at_end():
                if not stream.gap:
                    return None
                self._report(stream.cross_gap())
                is_after_damage = True
                continue
            head = self._peek_header()
            header = self._framing.parse(head) if head else None
            if header is not None:
                stream.at += len(head)
                return header, len(head)
            n_passed = self._pass_junk()
            # A header that is cut by a gap is told by the gap.
            if not is_after_damage and not (stream.at_end() and stream.gap):
                self._report(f"{self._framing.name}_header_damaged", f"{n_passed} bytes passed over")
                is_after_damage = True

    def _peek_header(self) -> bytes:
        """Return the header that starts here, empty where none does."""
        stream = self._stream
        first = self._framing.first_bytes
        if stream.peek(len(first)) != first:
            return b""
        while True:
            end = self._framing.find_end(stream.data, stream.at)
            if end:
                return stream.data[stream.at : end]
            if len(stream.data) - stream.at > MAX_HEADER_BYTES or not stream.load():
                return b""

    def _pass_junk(self, n_min: int = 1) -> int:
        """Go `n_min` bytes on, then to the next record, gap or end; return how far it was."""
        stream = self._stream
        framing = self._framing
        n_passed = 0 if stream.at_end() else n_min
        stream.at += n_passed
        while not stream.at_end():
            start = framing.find_start(stream.data, stream.at)
            if start >= 0:
                n_passed += start - stream.at
                stream.at = start
                break
            # The start of a record may be cut by the end of the block.
            at = max(stream.at, len(stream.data) - framing.max_start_bytes)
            n_passed += at - stream.at
            stream.at = at
            if not stream.load():
                n_passed += len(stream.data) - stream.at
                stream.at = len(stream.data)
        return n_passed


def _skip_by_header(header: RecordHeader) -> str | None:  # noqa: PLR0911 - guards
    """Return the kind under which a record is counted whose body need not be looked at."""
    url = header.url or ""
    if header.type == "filedesc":
        return "arc_filedesc"
    if header.type in _OTHER_TYPES:
        return f"warc_{header.type}"
    if url.startswith("dns:") or header.content_type.startswith("text/dns"):
        return "dns"
    if header.type not in ("response", "resource", "conversion"):
        return "warc_unknown"
    if header.type == "resource" and not _PAGE_URL.match(url):
        return "warc_resource"
    if _ROBOTS_URL.match(url):
        return "robots_txt"
    if not header.n_body_bytes:
        return "empty_body"
    return None


def _read_body(header: RecordHeader, body: _Body, max_bytes: int) -> Payload:
    data = body.data
    if header.type == "response" and (
        header.content_type.startswith("application/http") or data[:5].upper() == b"HTTP/"
    ):
        return read_response(data, max_bytes, body.damage)
    mime, charset = parse_content_type(header.content_type)
    head = HttpHead(200, mime, charset, (), is_chunked=False, n_bytes=0)
    payload = read_payload(data, head, max_bytes, body.damage)
    if header.type == "conversion" and payload.skipped and payload.skipped.startswith("mime_"):
        return Payload(skipped="warc_conversion")
    return payload
