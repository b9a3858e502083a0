"""Opens a file with the reader that its first bytes ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from curate.crawl.archive import ArchiveReader
from curate.crawl.archive_headers import ARC, WARC
from curate.crawl.compressed import Codec, FileBytes, find_codec, read_compressed, read_plain, with_dictionary
from curate.crawl.find import InputFile, open_file
from curate.crawl.jsonl import JsonLinesReader
from curate.crawl.options import ReadOptions
from curate.crawl.parquet import ParquetReader
from curate.crawl.plain import PageReader
from curate.crawl.records import FileProblem, Mark, RecordReader
from curate.crawl.sniff import HEAD_BYTES, find_foreign, plain_name, sniff_format
from curate.crawl.sources import SourceReader, TarReader, ZipReader
from curate.crawl.stream import ByteStream

PLAIN_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file with its reader."""

    file: BinaryIO
    reader: RecordReader

    def close(self) -> None:
        """Close the file."""
        self.file.close()


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is: its format (null where unknown), its compression, its first plain bytes.

    `is_damaged` says that something is missing before these.
    """

    format: str | None
    codec: Codec | None
    head: bytes
    is_damaged: bool


def sniff_file(file: BinaryIO, name: str) -> FileType:
    """Look at the start of `file`, inside its compression too and behind damage."""
    codec = find_codec(FileBytes(file, size=HEAD_BYTES).read())
    if codec:
        codec = with_dictionary(codec, file)
    stream = _stream(file, codec, 0, b"")
    head = stream.peek(HEAD_BYTES)
    is_damaged = False
    while not head and stream.gap:
        is_damaged = True
        stream.cross_gap()
        head = stream.peek(HEAD_BYTES)
    return FileType(sniff_format(head, name), codec, head, is_damaged)


def open_reader(file: InputFile, options: ReadOptions, mark: Mark) -> OpenFile | FileProblem:
    """Open `file` so that its reader starts at `mark`; a file that holds nothing readable is a problem."""
    if file.problem:
        return FileProblem(file.source, None, *file.problem)
    opened = open_file(file)
    try:
        reader = _reader(opened, file, options, mark)
    except BaseException:
        opened.close()
        raise
    if isinstance(reader, FileProblem):
        opened.close()
        return reader
    return OpenFile(opened, reader)


def _reader(
    opened: BinaryIO, file: InputFile, options: ReadOptions, mark: Mark
) -> RecordReader | FileProblem:
    source = file.source
    if file.tree_path is not None:
        return SourceReader(_stream(opened, None, 0, b""), file.tree_path, source, options, mark)
    kind = sniff_file(opened, file.path)
    if kind.format == "parquet" and kind.codec is None:
        opened.seek(0)
        return ParquetReader(opened, source, options, mark)
    if kind.format == "zip" and kind.codec is None:
        return ZipReader(opened, source, options, mark)
    if not kind.head and not kind.is_damaged:
        return FileProblem(source, None, "empty_file")
    if kind.format in (None, "parquet", "zip"):
        what = f"compressed {kind.format}" if kind.format else find_foreign(kind.head) or "unknown format"
        return FileProblem(source, None, "format_unknown", what)
    barrier = b"WARC/" if kind.format == "warc" else b""
    stream = _stream(opened, kind.codec, mark.offset, barrier)
    if kind.format in ("warc", "arc"):
        return ArchiveReader(stream, WARC if kind.format == "warc" else ARC, source, options, mark)
    if kind.format == "jsonl":
        return JsonLinesReader(stream, source, options, mark)
    if kind.format == "tar":
        return TarReader(stream, source, options, mark)
    if kind.format == "code":
        return SourceReader(stream, plain_name(source), source, options, mark)
    return PageReader(stream, kind.format, source, options, mark)


def _stream(file: BinaryIO, codec: Codec | None, offset: int, barrier: bytes) -> ByteStream:
    if codec is None:
        raw = FileBytes(file, offset, PLAIN_READ_BYTES)
        return ByteStream(read_plain(raw), raw=raw)
    return ByteStream(read_compressed(FileBytes(file, offset), codec), barrier=barrier)
