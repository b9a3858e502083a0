"""Plain .html and .txt files: each is one page."""

from __future__ import annotations

from collections.abc import Mapping

from curate.crawl.find import InputFile
from curate.crawl.http import HttpHead, read_payload
from curate.crawl.options import ReadOptions
from curate.crawl.records import FileProblem, Mark, Page, Record, content_id, place_id
from curate.crawl.stream import ByteStream


class PageReader:
    """Reads a whole file as one page; see `RecordReader`."""

    def __init__(self, stream: ByteStream, kind: str, source: str, options: ReadOptions, start: Mark) -> None:
        self._stream = stream
        self._mime = "text/html" if kind == "html" else "text/plain"
        self._source = source
        self._max_bytes = options.max_page_bytes
        self.position = start.position
        self.problems: list[FileProblem] = []
        self.column_types: Mapping[str, str] = {}

    def mark(self) -> Mark:
        """Return the start of the file, or its end behind the page."""
        return Mark(0, self.position)

    def read(self, *, wanted: bool) -> Record | None:
        """Return the page, then null."""
        if self.position:
            return None
        stream = self._stream
        body = stream.read(self._max_bytes + 1) if wanted else b""
        n_bytes = len(body) + stream.skip(1 << 62)
        while stream.gap:
            self.problems.append(FileProblem(self._source, 0, stream.cross_gap()))
            stream.skip(1 << 62)
        record = Record(n_bytes)
        if wanted:
            damage = "record_truncated" if self.problems else None
            if n_bytes > self._max_bytes:
                damage = "page_too_large"
            head = HttpHead(200, self._mime, None, (), is_chunked=False, n_bytes=0)
            payload = read_payload(body, head, self._max_bytes, damage)
            record.skipped = payload.skipped
            if not payload.skipped:
                content = payload.content
                page_id = place_id(self._source, 0) if content is None else content_id(None, content)
                record.page = Page(
                    page_id, kind=payload.kind, content=content, drop_reason=payload.drop_reason
                )
        self.position = 1
        return record


class PassedOver:
    """A card or licence beside data: one record that is counted under its name, and no page."""

    def __init__(self, file: InputFile, start: Mark) -> None:
        self.position = start.position
        self.problems: list[FileProblem] = []
        self.column_types: Mapping[str, str] = {}
        self._file = file

    def mark(self) -> Mark:
        """Return the start of the file, or its end behind the record."""
        return Mark(0, self.position)

    def read(self, *, wanted: bool) -> Record | None:  # noqa: ARG002  (nothing is read in either case)
        """Return the record, then null."""
        if self.position:
            return None
        self.position = 1
        name = self._file.source.rsplit("/", 1)[-1]
        return Record(self._file.size_bytes, skipped=f"beside the data: {name}")
