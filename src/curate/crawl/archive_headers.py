"""The headers of WARC and ARC records: where one starts, where it ends, what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from curate.crawl.http import find_blank_line, parse_fields

_WARC_START = re.compile(rb"WARC/[01]\.\d{1,2}\r?\n")
_ARC_START = re.compile(rb"^[A-Za-z][A-Za-z0-9+.-]{1,30}:", re.MULTILINE)
_ARC_IP = re.compile(rb"[0-9A-Fa-f.:]{3,45}|-")
_ARC_DATE = re.compile(rb"\d{8,17}|null|-|0")
_MAX_ARC_LINE = 1 << 14
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

    `find_start(data, at)` gives the index of the next header from `at` on, -1 where there is none, `is_start(data, at)`
    whether one is right there; `find_end(data, at)` the index where the header at `at` ends, 0 where `data` lacks it.
    """

    name: str
    find_start: Callable[[bytes, int], int]
    is_start: Callable[[bytes, int], bool]
    max_start_bytes: int
    first_bytes: bytes
    find_end: Callable[[bytes, int], int]
    parse: Callable[[bytes], RecordHeader | None]


def _find_warc_start(data: bytes, at: int) -> int:
    match = _WARC_START.search(data, at)
    return match.start() if match else -1


def _is_warc_start(data: bytes, at: int) -> bool:
    return _WARC_START.match(data, at) is not None


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


def _find_arc_start(data: bytes, at: int) -> int:
    """Headers stand at the start of a line; each line is looked at once, whatever it holds."""
    while match := _ARC_START.search(data, at):
        if _is_arc_start(data, match.start()):
            return match.start()
        at = match.end()
    return -1


def _is_arc_start(data: bytes, at: int) -> bool:
    end = data.find(b"\n", at, at + _MAX_ARC_LINE) + 1
    return end > 0 and _split_arc_line(data[at:end]) is not None


def _find_arc_end(data: bytes, at: int) -> int:
    return data.find(b"\n", at) + 1


def parse_arc_header(line: bytes) -> RecordHeader | None:
    """Parse the one line that starts an ARC record, version 1 (five fields) or 2 (ten)."""
    fields = _split_arc_line(line)
    if fields is None:
        return None
    url, date, mime, n_bytes = fields
    name = url.decode("utf-8", "replace")
    kind = "filedesc" if name.startswith("filedesc:") else "response"
    return RecordHeader(
        kind, n_bytes, mime.decode("ascii", "replace").lower(), name, _iso_date(date.decode())
    )


def _split_arc_line(line: bytes) -> tuple[bytes, bytes, bytes, int] | None:
    """Split a header into URL, date, type and length; null where it is none. A URL may hold blanks."""
    if not _ARC_START.match(line) or not line.endswith(b"\n") or len(line) > _MAX_ARC_LINE:
        return None
    fields = line.rstrip(b"\r\n").split(b" ")
    for place in range(1, len(fields) - 2):
        if _ARC_IP.fullmatch(fields[place]) and _ARC_DATE.fullmatch(fields[place + 1]):
            rest = b" ".join(fields[place + 2 :])
            n_digits = min(len(rest) - len(rest.rstrip(b"0123456789")), 15)
            if not n_digits:
                return None
            mime = fields[place + 2] if place + 3 < len(fields) else rest[: len(rest) - n_digits]
            return b" ".join(fields[:place]), fields[place + 1], mime, int(rest[-n_digits:])
    return None


def _iso_date(digits: str) -> str | None:
    """Turn 14 digits into ISO 8601; null where they are none.

    >>> _iso_date("20080430204825")
    '2008-04-30T20:48:25Z'
    """
    if len(digits) < 14 or not digits.isdigit():
        return None
    y, mo, d, h, mi, s = digits[:4], digits[4:6], digits[6:8], digits[8:10], digits[10:12], digits[12:14]
    return f"{y}-{mo}-{d}T{h}:{mi}:{s}Z"


WARC = Framing("warc", _find_warc_start, _is_warc_start, 16, b"WARC/", _find_warc_end, parse_warc_header)
ARC = Framing("arc", _find_arc_start, _is_arc_start, _MAX_ARC_LINE, b"", _find_arc_end, parse_arc_header)
