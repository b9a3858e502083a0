"""Plain .html and .txt files: each is one page."""

from __future__ import annotations

from collections.abc import Mapping

from curate.crawl.find import InputFile
from curate.crawl.http import HttpHead, read_payload
from curate.crawl.options import ReadOptions
from curate.crawl.readers import WholeFileReader
from curate.crawl.records import FileProblem, Mark, Page, Record, content_id, place_id
from curate.crawl.stream import ByteStream


class PageReader(WholeFileReader):
    """Reads a whole file as one page; see `RecordReader`."""

    def __init__(self, stream: ByteStream, kind: str, source: str, options: ReadOptions, start: Mark) -> None:
        super().__init__(stream, source, options, start)
        self._mime = "text/html" if kind == "html" else "text/plain"

    def _judge(self, body: bytes, damage: str | None) -> Page | str:
        return page_of_file(body, self._mime, place_id(self._source, 0), self._options, damage)


def page_of_file(body: bytes, mime: str, place: str, options: ReadOptions, damage: str | None) -> Page | str:
    """A file's bytes as a page of the type `mime`, or the kind under which they are counted.

    `place` is the page's id where nothing of it could be read.
    """
    head = HttpHead(200, mime, None, (), is_chunked=False, n_bytes=0)
    payload = read_payload(body, head, options.max_page_bytes, damage)
    if payload.skipped:
        return payload.skipped
    page_id = place if payload.content is None else content_id(None, payload.content)
    return Page(page_id, kind=payload.kind, content=payload.content, drop_reason=payload.drop_reason)


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
