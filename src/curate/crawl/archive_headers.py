"""The headers of WARC and ARC records: where one starts, where it ends, what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from curate.crawl.http import find_blank_line, parse_fields

_WARC_START = re.compile(rb"WARC/[01]\.\d{1,2}\r?\n")
_ARC_LINE = re.compile(
    rb"(?P<url>[A-Za-z][A-Za-z0-9+.-]{1,30}:[^\n]{0,9999}?) (?P<ip>[0-9A-Fa-f.:]{3,45}|-)"
    rb" (?P<date>\d{8,17}|null|-|0)"
    rb" (?P<mime>[^\n]{0,999}?) ?(?P<n_bytes>\d{1,15})\r?\n"
)
_DIGITS = re.compile(r"\d{1,15}")


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """What the header of a record says; `type` is a WARC record type ('filedesc' opens an ARC)."""

    type: str
    n_body_bytes: int
    content_type: str = ""
    url: str | None = None
    date: str | None = None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Framing:
    """How records start in one archive format.

    `find_end(data, at)` gives the index where the header at `at` ends, 0 where `data` lacks the end.
    """

    name: str
    start: re.Pattern[bytes]
    max_start_bytes: int
    first_bytes: bytes
    find_end: Callable[[bytes, int], int]
    parse: Callable[[bytes], RecordHeader | None]


def _find_warc_end(data: bytes, at: int) -> int:
    end, after = find_blank_line(data, at, len(data) - at)
    return after if after > end else 0


def parse_warc_header(head: bytes) -> RecordHeader | None:
    """Parse a WARC header; null where it has no length or has another record inside it."""
    fields = parse_fields(head)
    length = fields.get("content-length", "")
    if not _DIGITS.fullmatch(length) or b"\nWARC/" in head:
        return None
    extra = {}
    if record_id := fields.get("warc-record-id"):
        extra["warc_record_id"] = record_id.strip("<>")
    for name in ("warc-identified-content-language", "warc-truncated"):
        if name in fields:
            extra[name.replace("-", "_")] = fields[name]
    url = fields.get("warc-target-uri", "").strip("<> ")
    return RecordHeader(
        fields.get("warc-type", "unknown").lower(),
        int(length),
        fields.get("content-type", "").lower(),
        url or None,
        fields.get("warc-date") or None,
        extra,
    )


def _find_arc_end(data: bytes, at: int) -> int:
    return data.find(b"\n", at) + 1


def parse_arc_header(line: bytes) -> RecordHeader | None:
    """Parse the one line that starts an ARC record, version 1 (five fields) or 2 (ten)."""
    match = _ARC_LINE.fullmatch(line)
    if match is None:
        return None
    url = match["url"].decode("utf-8", "replace")
    kind = "filedesc" if url.startswith("filedesc:") else "response"
    mime = match["mime"].split(b" ")[0].decode("ascii", "replace").lower()
    return RecordHeader(kind, int(match["n_bytes"]), mime, url, _iso_date(match["date"].decode()))


def _iso_date(digits: str) -> str | None:
    """Turn 14 digits into ISO 8601; null where they are none.

    >>> _iso_date("20080430204825")
    '2008-04-30T20:48:25Z'
    """
    if len(digits) < 14 or not digits.isdigit():
        return None
    y, mo, d, h, mi, s = digits[:4], digits[4:6], digits[6:8], digits[8:10], digits[10:12], digits[12:14]
    return f"{y}-{mo}-{d}T{h}:{mi}:{s}Z"


WARC = Framing("warc", _WARC_START, 16, b"WARC/", _find_warc_end, parse_warc_header)
ARC = Framing("arc", _ARC_LINE, 1 << 14, b"", _find_arc_end, parse_arc_header)
