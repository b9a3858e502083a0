"""What comes out of a file, before it is put into batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import xxhash

from curate.errors import one_line


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A stretch of a file that could not be read, or a whole file (`position` None).

    `position` is the number of the record at or before which the damage lies; `detail` is for people.
    """

    source: str
    position: int | None
    reason: str
    detail: str = ""

    @classmethod
    def unreadable(cls, source: str, error: Exception) -> FileProblem:
        """A file that cannot be read for what an exception says."""
        return cls(source, None, "unreadable", one_line(error))

    def __str__(self) -> str:
        """The problem in one line: 'clipped.warc.gz, record 7: gzip_clipped (1,200 bytes lost)'."""
        place = "" if self.position is None else f", record {self.position}"
        return f"{self.source}{place}: {self.reason}{f' ({self.detail})' if self.detail else ''}"


@dataclass(slots=True)
class Page:
    """One row of `curate.batch.PAGE_SCHEMA` less source and position; see there."""

    id: str
    url: str | None = None
    date: str | None = None
    kind: str = "html"
    content: bytes | None = None
    charset: str | None = None
    title: str | None = None
    extra: str | None = None
    drop_reason: str | None = None
    program_language: str | None = None
    path: str | None = None
    license: str | None = None


@dataclass(slots=True)
class Record:
    """One record: a page, or the kind under which it is counted; neither where it was only skimmed.

    `n_bytes` is its length before any HTTP decoding. Together with the number of records it decides
    where chunks are cut, so it may not depend on whether the record was read or skimmed.
    """

    n_bytes: int
    page: Page | None = None
    skipped: str | None = None

    def put(self, found: Page | str) -> None:
        """Take a page, or the kind under which the record is counted."""
        if isinstance(found, str):
            self.skipped = found
        else:
            self.page = found


@dataclass(frozen=True, slots=True)
class Mark:
    """A place from which a file can be read again: record `position` starts at byte `offset`."""

    offset: int
    position: int


class RecordReader(Protocol):
    """Reads one file record by record.

    Law: `n_bytes`, the number of records and the problems are the same whichever records are wanted,
    and a reader that starts at a mark gives the records that an undisturbed reader gives from there.
    """

    position: int
    problems: list[FileProblem]
    column_types: Mapping[str, str]
    """Arrow types of the columns (`curate.crawl.arrow_values.name_type`), of formats that state them."""

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next record, null at the end of the file; skim it unless `wanted`."""
        ...

    def mark(self) -> Mark:
        """Return the nearest place at or before the next record from which reading can begin again."""
        ...


def content_id(url: str | None, content: bytes) -> str:
    """Hash `url` and `content` to 32 hex digits: the same page gives the same id in any crawl format.

    >>> content_id("http://example.org/", b"<p>Hello") == content_id("http://example.org/", b"<p>Hello")
    True
    """
    digest = xxhash.xxh3_128((url or "").encode("utf-8", "surrogatepass") + b"\x00")
    digest.update(content)
    return digest.hexdigest()


def place_id(source: str, position: int) -> str:
    """Name a record that has no readable content by where it is: 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(f"{source}\x00{position}".encode("utf-8", "surrogatepass"))
