"""Splits and chunks: the units of work and of commit, cut alike for any number of workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
import pyarrow as pa

from curate.batch import PAGE_SCHEMA
from curate.crawl.find import InputFile
from curate.crawl.opening import OpenFile, open_reader
from curate.crawl.options import MIB, ReadOptions
from curate.crawl.records import FileProblem, Mark, Page, Record
from curate.crawl.rows import RowsReader
from curate.errors import RunError
from curate.work.urls import is_url

# HTTP bodies that decode to far more than they were stored as could fill the memory record by record.
MAX_CONTENT_FACTOR = 16


@dataclass(frozen=True, slots=True)
class Split:
    """One large file, or a run of small files in path order, read as one stream of records."""

    index: int
    files: tuple[InputFile, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of the files as stored."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where chunk `chunk` of a split starts: record `position` of file `file`.

    `mark` is the nearest place at or before it from which that file can be read.
    """

    chunk: int = 0
    file: int = 0
    position: int = 0
    mark: Mark = field(default=Mark(0, 0))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a split's records.

    Every record is a row of `pages` (schema `curate.batch.PAGE_SCHEMA`) or counted by kind in `skipped`.
    `cursor` is where the next chunk starts. `n_input_bytes` is the length of the records, decompressed.
    `extra_types` gives, for each source whose format states types, the Arrow types of its columns.
    """

    index: int
    pages: pa.RecordBatch
    skipped: dict[str, int]
    problems: list[FileProblem]
    n_records: int
    n_input_bytes: int
    cursor: Cursor
    last: bool
    extra_types: dict[str, dict[str, str]] = field(default_factory=dict)


def plan_splits(files: Sequence[InputFile], split_bytes: int = 64 * MIB) -> list[Split]:
    """Group `files`, in their order: runs of small ones up to `split_bytes`, larger ones alone."""
    runs: list[list[InputFile]] = []
    n_bytes = split_bytes
    for file in files:
        n_bytes += file.size_bytes
        if n_bytes > split_bytes or not runs:
            runs.append([])
            n_bytes = file.size_bytes
        runs[-1].append(file)
    return [Split(index, tuple(run)) for index, run in enumerate(runs)]


def read_chunks(
    split: Split,
    options: ReadOptions | None = None,
    *,
    wanted: Callable[[int], bool] | None = None,
    start: Cursor | None = None,
    ahead: Callable[[int], Cursor | None] | None = None,
) -> Iterator[Chunk]:
    """Read `split` chunk by chunk; yields those whose index is `wanted`, all by default.

    Chunks are cut by number of records and bytes alone, so every caller sees the same ones. Records of
    other chunks are skimmed, or passed by where another reader knows what follows them. Bad data is a row with a
    `drop_reason` or a `FileProblem`, never an exception.

    Args:
        split: The files.
        options: Bounds and column names; they decide the cut, so they may not change within a run.
        wanted: Says by its index whether a chunk is wanted.
        start: Begin at this chunk: the `cursor` of the one before it.
        ahead: Asked before a chunk that is not wanted is skimmed, but for the first: where a later one starts, of those
            up to the next that is wanted; null where that is not known.
    """
    options = options or ReadOptions()
    is_wanted = wanted or (lambda _: True)
    records = _SplitRecords(split, options, start or Cursor())
    index = start.chunk if start else 0
    chunk = _ChunkBuilder(index, options, is_wanted=is_wanted(index))
    try:
        while True:
            if chunk.is_wanted:
                chunk.add_pages(*records.read_pages(*chunk.room()), records.source, records.position)
            else:
                chunk.count(*records.pass_rows(*chunk.room()))
            full, cursor = chunk.is_full(), None
            if full:
                cursor = records.cursor(index + 1)
            # Whether a full chunk is the last shows only by the record after it.
            record = records.read(wanted=is_wanted(index + 1) if full else chunk.is_wanted)
            if record is None:
                break
            if cursor:
                if chunk.is_wanted:
                    yield chunk.build(cursor, last=False)
                index += 1
                chunk = _ChunkBuilder(index, options, is_wanted=is_wanted(index))
                further = None if chunk.is_wanted or ahead is None else ahead(index)
                if further is not None and records.is_before(further):
                    records.close()
                    records, index = _SplitRecords(split, options, further), further.chunk
                    chunk = _ChunkBuilder(index, options, is_wanted=is_wanted(index))
                    continue
            chunk.add(record, records.source, records.position)
            chunk.note_types(records.source, records.column_types)
            chunk.problems += records.take_problems()
        chunk.problems += records.take_problems()
        if chunk.is_wanted:
            yield chunk.build(records.cursor(index + 1), last=True)
    finally:
        records.close()


class _SplitRecords:
    """The records of all files of a split, one after the other."""

    def __init__(self, split: Split, options: ReadOptions, start: Cursor) -> None:
        self._files = split.files
        self._options = options
        self._file = start.file
        self._start = start
        self._open: OpenFile | None = None
        self._problems: list[FileProblem] = []
        self.source = ""
        self.position = 0  # of the record last read
        self.column_types: Mapping[str, str] = {}  # of the file it is from

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next record of any file, null at the end of the last one."""
        while self._file < len(self._files):
            file = self._files[self._file]
            try:
                if self._open is None:
                    self._open = self._open_file(file)
                if self._open is not None:
                    reader = self._open.reader
                    record = reader.read(wanted=wanted)
                    self._problems += reader.problems
                    reader.problems.clear()
                    if record is not None:
                        self.source, self.position = file.source, reader.position - 1
                        self.column_types = reader.column_types
                        return record
            except OSError as error:
                if is_url(file.path):
                    # A store that fails now may answer later, and the chunks that are done stay.
                    raise RunError(
                        f"Reading '{file.path}' failed: {error}. Run the same command again."
                    ) from error
                self._problems.append(
                    FileProblem(file.source, None, "unreadable", str(error.strerror or error))
                )
            self.close()
            self._file += 1
        return None

    def read_pages(self, n_most: int, n_most_bytes: int) -> tuple[list[Page], int]:
        """Return the next records of the file that is open; see `RowsReader.read_pages`."""
        reader = self._open.reader if self._open is not None else None
        if not isinstance(reader, RowsReader):
            return [], 0
        pages, n_bytes = reader.read_pages(n_most, n_most_bytes)
        if pages:
            self.position = reader.position - 1
        return pages, n_bytes

    def pass_rows(self, n_most: int, n_most_bytes: int) -> tuple[int, int]:
        """Pass the next records of the file that is open; see `RowsReader.pass_rows`."""
        reader = self._open.reader if self._open is not None else None
        n_rows, n_bytes = reader.pass_rows(n_most, n_most_bytes) if isinstance(reader, RowsReader) else (0, 0)
        self.position += n_rows
        return n_rows, n_bytes

    def _open_file(self, file: InputFile) -> OpenFile | None:
        is_first = self._file == self._start.file
        mark = self._start.mark if is_first else Mark(0, 0)
        opened = open_reader(file, self._options, mark)
        if isinstance(opened, FileProblem):
            self._problems.append(opened)
            return None
        while is_first and opened.reader.position < self._start.position:
            if opened.reader.read(wanted=False) is None:
                break
        if is_first and self._start.position:
            opened.reader.problems.clear()  # what lies before the cursor belongs to earlier chunks
        return opened

    def cursor(self, chunk: int) -> Cursor:
        """Return where the next record is, as the start of chunk `chunk`."""
        if self._open is None:
            return Cursor(chunk, self._file, 0, Mark(0, 0))
        return Cursor(chunk, self._file, self._open.reader.position, self._open.reader.mark())

    def is_before(self, cursor: Cursor) -> bool:
        """Whether starting there spares bytes: the file can be entered beyond the record last read, or it is a later one."""
        if cursor.file != self._file:
            return cursor.file > self._file
        return cursor.mark.offset > 0 and cursor.mark.position > self.position

    def take_problems(self) -> list[FileProblem]:
        """Return the problems met since the last call."""
        problems, self._problems = self._problems, []
        return problems

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None


class _ChunkBuilder:
    """Collects the records of one chunk, or only counts them where it is not wanted."""

    def __init__(self, index: int, options: ReadOptions, *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self.problems: list[FileProblem] = []
        self._index = index
        self._options = options
        self._n_records = 0
        self._n_bytes = 0
        self._n_content_bytes = 0
        self._skipped: Counter[str] = Counter()
        self._rows: list[tuple[object, ...]] = []
        self._types: dict[str, dict[str, str]] = {}

    def note_types(self, source: str, types: Mapping[str, str]) -> None:
        """Remember the Arrow types of the columns of `source`, whose records are in the chunk."""
        if types and source not in self._types:
            self._types[source] = dict(types)

    def is_full(self) -> bool:
        """Whether the chunk is to be cut before the next record."""
        return self._n_records >= self._options.chunk_records or self._n_bytes >= self._options.chunk_bytes

    def room(self) -> tuple[int, int]:
        """How many records, and how many bytes, are left until the chunk is full."""
        return self._options.chunk_records - self._n_records, self._options.chunk_bytes - self._n_bytes

    def add(self, record: Record, source: str, position: int) -> None:
        """Add one record."""
        if record.page is not None and not record.skipped:
            self.add_pages([record.page], record.n_bytes, source, position)
            return
        self.count(1, record.n_bytes)
        if record.skipped:
            self._skipped[record.skipped] += 1

    def count(self, n_records: int, n_bytes: int) -> None:
        """Count records that are no pages, or of a chunk that is not wanted."""
        self._n_records += n_records
        self._n_bytes += n_bytes

    def add_pages(self, pages: Sequence[Page], n_bytes: int, source: str, last: int) -> None:
        """Add records of `n_bytes` together that are pages, one behind the other; the last is at position `last`."""
        self.count(len(pages), n_bytes)
        n_most = MAX_CONTENT_FACTOR * self._options.chunk_bytes + self._options.max_page_bytes
        for position, page in enumerate(pages, last + 1 - len(pages)):
            n_content_bytes = len(page.content or b"")
            if self._n_content_bytes + n_content_bytes > n_most:
                page.content, page.drop_reason = None, "decompression_bomb"
            else:
                self._n_content_bytes += n_content_bytes
            self._rows.append((source, position, *_fields_of(page)))

    def build(self, cursor: Cursor, *, last: bool) -> Chunk:
        """Make the chunk and forget the rows."""
        rows, self._rows = self._rows, []
        columns = list(zip(*rows, strict=True)) or [()] * len(PAGE_SCHEMA)
        arrays = [
            _join(values) if field.name == "content" else pa.array(values, field.type)
            for values, field in zip(columns, PAGE_SCHEMA, strict=True)
        ]
        pages = pa.record_batch(arrays, schema=PAGE_SCHEMA)
        skipped = dict(sorted(self._skipped.items()))
        return Chunk(
            self._index,
            pages,
            skipped,
            self.problems,
            self._n_records,
            self._n_bytes,
            cursor,
            last,
            self._types,
        )


_fields_of = attrgetter(*PAGE_SCHEMA.names[2:])


def _join(values: Sequence[bytes | None]) -> pa.Array:
    """A binary array; its bytes are copied once, where `pa.array` grows its buffer as it goes."""
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum([len(value or b"") for value in values], out=offsets[1:])
    valid = pa.array([value is not None for value in values], pa.bool_())
    data = pa.py_buffer(b"".join(value or b"" for value in values))
    buffers = [valid.buffers()[1], pa.py_buffer(offsets.astype(np.int32)), data]
    return pa.Array.from_buffers(pa.binary(), len(values), buffers, values.count(None))
