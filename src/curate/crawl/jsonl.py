"""JSON lines: one page an object, whatever the other columns are."""

from __future__ import annotations

from collections.abc import Mapping

from curate.crawl.columns import RowReader
from curate.crawl.options import ReadOptions
from curate.crawl.records import FileProblem, Mark, Page, Record, place_id
from curate.crawl.stream import ByteStream
from curate.text.json_values import parse_object


class JsonLinesReader:
    """Reads JSON lines; see `RecordReader`. `position` is the number of the line, blank ones included."""

    def __init__(self, stream: ByteStream, source: str, options: ReadOptions, start: Mark) -> None:
        self._stream = stream
        self._source = source
        self._max_bytes = options.max_page_bytes
        self._rows = RowReader(source, options, "json_no_text")
        self._last_mark = start
        self.position = start.position
        self.problems: list[FileProblem] = []
        self.column_types: Mapping[str, str] = {}

    def mark(self) -> Mark:
        """Return the next line's own place where the file is not compressed, else the last such place."""
        offset = self._stream.offset()
        if offset is not None:
            self._last_mark = Mark(offset, self.position)
        return self._last_mark

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next line, null at the end. The halves of a line that damage cut in two are lost."""
        stream = self._stream
        while stream.at_end():
            if not stream.gap:
                return None
            self.problems.append(FileProblem(self._source, self.position, stream.cross_gap()))
        line, n_bytes = stream.read_line(self._max_bytes, keep=wanted)
        if stream.gap and stream.at >= len(stream.data):
            # The line may have been cut by the damage.
            wanted_line = line if line is not None and line.endswith(b"\n") else b""
        else:
            wanted_line = line
        record = Record(n_bytes)
        if wanted:
            self._fill(record, wanted_line)
        self.position += 1
        return record

    def _fill(self, record: Record, line: bytes | None) -> None:
        if line is None:
            record.page = self._dropped("page_too_large")
            return
        row = parse_object(line)
        if row is None:
            if line.isspace():
                record.skipped = "blank_line"
            else:
                record.page = self._dropped("json_invalid")
            return
        record.page = self._rows.page(row, self.position)

    def _dropped(self, reason: str) -> Page:
        return Page(place_id(self._source, self.position), kind="text", drop_reason=reason)
