"""What readers of streams have in common: where they are, from where they can begin again, what they met."""

from __future__ import annotations

from collections.abc import Mapping

from curate.crawl.options import ReadOptions
from curate.crawl.records import FileProblem, Mark, Page, Record
from curate.crawl.stream import ByteStream


class StreamReader:
    """The part of a `RecordReader` that does not depend on the format; `read` is the format's own."""

    def __init__(self, stream: ByteStream, source: str, options: ReadOptions, start: Mark) -> None:
        self._stream = stream
        self._source = source
        self._options = options
        self._last_mark = start
        self.position = start.position
        self.problems: list[FileProblem] = []
        self.column_types: Mapping[str, str] = {}

    def mark(self) -> Mark:
        """Return the next record's own place where reading can begin there, else the last such place."""
        offset = self._stream.offset()
        if offset is not None:
            self._last_mark = Mark(offset, self.position)
        return self._last_mark

    def _report(self, reason: str, detail: str = "") -> None:
        self.problems.append(FileProblem(self._source, self.position, reason, detail))


class WholeFileReader(StreamReader):
    """Reads a whole file as one record; what it is, `_judge` says."""

    def mark(self) -> Mark:
        """Return the start of the file, or its end behind the record."""
        return Mark(0, self.position)

    def read(self, *, wanted: bool) -> Record | None:
        """Return the record, then null."""
        if self.position:
            return None
        stream, n_most = self._stream, self._options.max_page_bytes
        body = stream.read(n_most + 1) if wanted else b""
        n_bytes = len(body) + stream.skip(1 << 62)
        while stream.gap:
            self._report(stream.cross_gap())
            stream.skip(1 << 62)
        record = Record(n_bytes)
        if wanted:
            damage = "page_too_large" if n_bytes > n_most else "record_truncated" if self.problems else None
            record.put(self._judge(body, damage))
        self.position = 1
        return record

    def _judge(self, body: bytes, damage: str | None) -> Page | str:
        """Make the page, or name the kind under which the file is counted; `damage` is a drop reason."""
        raise NotImplementedError
