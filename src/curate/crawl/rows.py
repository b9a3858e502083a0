"""Rows of text files: JSON lines, JSON values (arrays of records, records over many lines), CSV and TSV.

The one reader of such files, for every room: `RowsReader` makes pages of the rows, `read_rows` gives them as they
are. What one row is is decided here; what a bad one means is the room's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from curate.crawl.columns import RowReader
from curate.crawl.options import MIB, ReadOptions
from curate.crawl.readers import StreamReader
from curate.crawl.records import FileProblem, Mark, Page, Record, place_id
from curate.crawl.stream import ByteStream
from curate.text.charset import decode_text
from curate.text.json_values import parse_object

_MAX_RAW_BYTES = 1024 * MIB
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'(?:[^"\\]|\\.)*', re.DOTALL)
_BETWEEN = re.compile(rb"[ \t\r\n,\[\]\xef\xbb\xbf\x1e]*")
_JUNK_END = re.compile(rb"[{\[\],\n]")


@dataclass(slots=True)
class RawRow:
    """One row: its columns, or why there are none; neither where it was only skimmed.

    `n_bytes` is its length in the file, decompressed. `skipped` is the kind under which it is counted.
    """

    n_bytes: int
    row: dict[str, Any] | None = None
    reason: str | None = None
    skipped: str | None = None


class Framing(Protocol):
    """Says where rows end in a stream, up to its end or the next gap."""

    def read(self, stream: ByteStream, max_bytes: int, *, keep: bool) -> RawRow | None:
        """Return the next row, null at the end; only `keep` ones are parsed."""
        ...


class JsonLines:
    """One object a line."""

    def read(self, stream: ByteStream, max_bytes: int, *, keep: bool) -> RawRow | None:
        """Return the next line; the halves of one that damage cut in two are no JSON."""
        line, n_bytes = stream.read_line(max_bytes, keep=keep)
        raw = RawRow(n_bytes)
        if not keep:
            return raw
        if line is None:
            raw.reason = "page_too_large"
            return raw
        if stream.gap and stream.at >= len(stream.data) and not line.endswith(b"\n"):
            line = b""
        raw.row = parse_object(line)
        if raw.row is None:
            raw.skipped, raw.reason = ("blank_line", None) if line.isspace() else (None, "json_invalid")
        return raw


class JsonValues:
    """Objects one after the other, over as many lines as they take, also as the items of an array."""

    def read(self, stream: ByteStream, max_bytes: int, *, keep: bool) -> RawRow | None:
        """Return the next object; what stands between objects and is none is a row that is no JSON."""
        while not stream.at_end():
            between = _BETWEEN.match(stream.data, stream.at)
            stream.at = between.end() if between else stream.at
            if stream.at < len(stream.data):
                break
        else:
            return None
        is_object = stream.data[stream.at] == 0x7B
        value, n_bytes = self._take(stream, max_bytes if keep else 0, is_object=is_object)
        raw = RawRow(n_bytes)
        if keep and value is None:
            raw.reason = "page_too_large"
        elif keep:
            raw.row = parse_object(value or b"") if is_object else None
            raw.reason = None if raw.row is not None else "json_invalid"
        return raw

    @staticmethod
    def _take(stream: ByteStream, max_bytes: int, *, is_object: bool) -> tuple[bytes | None, int]:
        """Pass one value: (its bytes, its length); null where it is longer than `max_bytes`."""
        pieces: list[bytes] = []
        n_bytes, depth, in_string = 0, 0, False
        while not stream.at_end():
            data, start = stream.data, stream.at
            if is_object:
                end, depth, in_string = _scan(data, start, depth, in_string=in_string)
                is_done = depth == 0 and not in_string and end > start
            else:
                found = _JUNK_END.search(data, start)
                end, is_done = (found.start(), True) if found else (len(data), False)
            if end == start and not is_done:
                if not stream.load():  # half an escape before the end
                    end = len(data)
                else:
                    continue
            n_bytes += end - start
            if n_bytes <= max_bytes:
                pieces.append(data[start:end])
            stream.at = end
            if is_done:
                break
        return (b"".join(pieces) if n_bytes <= max_bytes else None), n_bytes


def _scan(data: bytes, at: int, depth: int, *, in_string: bool) -> tuple[int, int, bool]:
    """Go on through JSON up to the end of the outermost object, or of `data`: (where, depth, in a string)."""
    while at < len(data):
        if in_string:
            found = _INSIDE.match(data, at)
            at = found.end() if found else at
            if at >= len(data) or data[at] != 0x22:
                return at, depth, True  # the end, or half an escape before it
            in_string, at = False, at + 1
            continue
        token = _OUTSIDE.search(data, at)
        if token is None:
            return len(data), depth, False
        at = token.end()
        if token[0] == b'"':
            in_string = True
        else:
            depth += 1 if token[0] in b"{[" else -1
            if depth <= 0:
                return at, 0, False
    return at, depth, in_string


class Csv:
    """Records of fields between delimiters, fields between quotes over as many lines as they take.

    Args:
        names: the columns, from the first record.
        delimiter: one byte.
        encoding: a label for text that is not UTF-8, None to guess it record by record.
        skip_header: whether the first record is still to be passed.
    """

    def __init__(
        self, names: list[str], delimiter: bytes, encoding: str | None, *, skip_header: bool
    ) -> None:
        self._names = names
        self._delimiter = delimiter
        self._encoding = encoding
        self._skip_header = skip_header

    def read(self, stream: ByteStream, max_bytes: int, *, keep: bool) -> RawRow | None:
        """Return the next record; a field that is empty is none."""
        pieces: list[bytes] = []
        n_bytes, is_open = 0, True
        while is_open and not stream.at_end():
            line, n = stream.read_line(max_bytes)
            n_bytes += n
            if line is None or n_bytes > max_bytes:
                return RawRow(n_bytes, reason="page_too_large" if keep else None)
            pieces.append(line)
            is_open = n > 0 and ends_in_quotes(line, self._delimiter, in_quotes=len(pieces) > 1)
        record = b"".join(pieces)
        raw = RawRow(n_bytes)
        if self._skip_header:
            self._skip_header = False
            raw.skipped = "csv_header"
        elif not record.strip():
            raw.skipped = "blank_line"
        elif keep:
            fields = split_record(record, self._delimiter)
            if fields is None:  # a quote that never closes
                raw.reason = "csv_invalid"
            else:
                raw.row = self._row(fields)
        return raw if keep else RawRow(n_bytes)

    def _row(self, fields: list[bytes]) -> dict[str, Any]:
        names = self._names + [f"column_{number + 1}" for number in range(len(self._names), len(fields))]
        texts = (decode_text(field, self._encoding, markup=False) for field in fields)
        return {name: text for name, text in zip(names, texts, strict=False) if text}


def split_record(record: bytes, delimiter: bytes) -> list[bytes] | None:
    r"""Split a record into its fields; null where a quoted field is still open at its end.

    >>> split_record(b'a,"b ""c"", d",5" disk\r\n', b",")
    [b'a', b'b "c", d', b'5" disk']
    """
    fields: list[bytes] = []
    record = record.rstrip(b"\r\n") if record.endswith((b"\n", b"\r")) else record
    at = 0
    while True:
        if record.startswith(b'"', at):
            found = _QUOTED.match(record, at)
            if found is None:
                return None
            value, at = found[1].replace(b'""', b'"'), found.end()
            end = record.find(delimiter, at)
            value += record[at : end if end >= 0 else len(record)]
        else:
            end = record.find(delimiter, at)
            value = record[at : end if end >= 0 else len(record)]
        fields.append(value)
        if end < 0:
            return fields
        at = end + 1


def ends_in_quotes(line: bytes, delimiter: bytes, *, in_quotes: bool) -> bool:
    r"""Whether a record goes on behind this line of it: one look at each line, however many lines a field has.

    >>> ends_in_quotes(b'1,"two\n', b",", in_quotes=False), ends_in_quotes(b'lines",3\n', b",", in_quotes=True)
    (True, False)
    """
    at = 0
    while True:
        if in_quotes or line.startswith(b'"', at):
            found = _CLOSING.match(line, at if in_quotes else at + 1)
            if found is None:
                return True
            in_quotes, at = False, found.end()
        at = line.find(delimiter, at) + 1
        if not at:
            return False


_QUOTED = re.compile(rb'"((?:[^"]++|"")*+)"')
_CLOSING = re.compile(rb'(?:[^"]++|"")*+"')


class RowsReader(StreamReader):
    """Makes pages of rows; see `RecordReader`. `position` is the number of the row, blank lines included."""

    def __init__(
        self,
        stream: ByteStream,
        framing: Framing,
        source: str,
        options: ReadOptions,
        start: Mark,
        no_text: str,
    ) -> None:
        super().__init__(stream, source, options, start)
        self._framing = framing
        self._rows = RowReader(source, options, no_text)

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next row, null at the end."""
        raw = self._next(keep=wanted)
        if raw is None:
            return None
        record = Record(raw.n_bytes, skipped=raw.skipped)
        if raw.row is not None:
            if self._is_sidecar(raw.row):
                record.skipped = "json_sidecar"
            else:
                record.page = self._rows.page(raw.row, self.position)
        elif raw.reason:
            record.page = Page(place_id(self._source, self.position), kind="text", drop_reason=raw.reason)
        self.position += 1
        return record

    def read_pages(self, n_most: int, n_most_bytes: int) -> tuple[list[Page], int]:
        """The next records, pages all, as `read` gives them one by one: (pages, bytes passed); it may be none.

        For JSON lines, with less to do for each of them. It ends before a line that is no page, that is not loaded to its
        end, or that begins beyond so many records or bytes.
        """
        pages: list[Page] = []
        stream, at = self._stream, self._stream.at
        if self.position == 0 or not isinstance(self._framing, JsonLines):
            return pages, 0
        data, stop, n_longest = stream.data, at + n_most_bytes, self._options.max_page_bytes
        for position in range(self.position, self.position + n_most):
            end = data.find(b"\n", at) + 1
            row = parse_object(data[at:end]) if at < stop and 0 < end <= at + n_longest else None
            if row is None:
                break
            pages.append(self._rows.page(row, position))
            at = end
        self.position += len(pages)
        n_bytes, stream.at = at - stream.at, at
        return pages, n_bytes

    def pass_rows(self, n_most: int, n_most_bytes: int) -> tuple[int, int]:
        """Pass the next records as `read(wanted=False)` does one by one: (records, bytes); see `read_pages`."""
        stream, at = self._stream, self._stream.at
        if self.position == 0 or not isinstance(self._framing, JsonLines):
            return 0, 0
        find, n_rows, stop = stream.data.find, 0, at + n_most_bytes
        while n_rows < n_most and at < stop:
            end = find(b"\n", at) + 1
            if not end:
                break
            n_rows, at = n_rows + 1, end
        self.position += n_rows
        n_bytes, stream.at = at - stream.at, at
        return n_rows, n_bytes

    def _next(self, *, keep: bool) -> RawRow | None:
        stream = self._stream
        while True:
            if not stream.at_end():
                raw = self._framing.read(stream, self._options.max_page_bytes, keep=keep)
                if raw is not None:
                    return raw
            elif not stream.gap:
                return None
            if stream.gap:
                self._report(stream.cross_gap())

    def _is_sidecar(self, row: dict[str, Any]) -> bool:
        """Whether a .json file is one object without text: facts about other files, and no document."""
        is_first = (
            self.position == 0 and ".json" in self._source.lower() and ".jsonl" not in self._source.lower()
        )
        if not is_first or any(row.get(name.split(".")[0]) for name, _ in self._rows.layout(row).contents):
            return False
        stream = self._stream
        while not stream.at_end():
            between = _BETWEEN.match(stream.data, stream.at)
            if between is None or between.end() < len(stream.data):
                return False
            stream.at = len(stream.data)
        return not stream.gap


def raw_rows(
    stream: ByteStream,
    framing: Framing,
    source: str,
    problems: list[FileProblem],
) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a stream, null for one that cannot be read; blank lines are no rows."""
    position = 0
    while True:
        raw = None if stream.at_end() else framing.read(stream, _MAX_RAW_BYTES, keep=True)
        if raw is not None:
            position += 1
            if raw.skipped is None:
                yield raw.row
        elif stream.gap:
            problems.append(FileProblem(source, position, stream.cross_gap()))
        elif stream.at_end():
            return
