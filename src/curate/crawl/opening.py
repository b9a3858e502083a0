"""Opens a file with the reader that its first bytes ask for."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from curate.crawl.archive import ArchiveReader
from curate.crawl.archive_headers import ARC, WARC
from curate.crawl.columns import find_layout
from curate.crawl.compressed import (
    Block,
    Codec,
    FileBytes,
    find_codec,
    read_compressed,
    read_plain,
    with_dictionary,
)
from curate.crawl.find import InputFile, open_file
from curate.crawl.options import ReadOptions
from curate.crawl.parquet import ParquetReader
from curate.crawl.plain import PageReader, PassedOver
from curate.crawl.records import FileProblem, Mark, RecordReader
from curate.crawl.rows import Csv, Framing, JsonLines, JsonValues, RowsReader, raw_rows, split_record
from curate.crawl.sniff import HEAD_BYTES, find_foreign, is_lfs_pointer, plain_name, sniff_format
from curate.crawl.sources import SourceReader, TarReader, ZipReader
from curate.crawl.stream import ByteStream
from curate.text.charset import BOMS, decode_text, guess_utf16

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

    `is_damaged` says that something is missing before these. `utf16` names the byte order of a file of rows
    in UTF-16, whose `head` is UTF-8 already.
    """

    format: str | None
    codec: Codec | None
    head: bytes
    is_damaged: bool
    utf16: str | None = None


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
    utf16 = _find_utf16(head)
    if utf16:
        text = head[: len(head) & ~1].decode(utf16, "replace").lstrip("\ufeff").encode("utf-8", "replace")
        if (kind := sniff_format(text, name)) in _ROWS:
            return FileType(kind, codec, text, is_damaged, utf16)
    return FileType(sniff_format(head, name), codec, head, is_damaged)


_ROWS = ("jsonl", "json", "csv")


def _find_utf16(head: bytes) -> str | None:
    marked = next((name for bom, name in BOMS[1:] if head.startswith(bom)), None)
    return marked or guess_utf16(head[:4096])


def open_reader(file: InputFile, options: ReadOptions, mark: Mark) -> OpenFile | FileProblem:
    """Open `file` so that its reader starts at `mark`; a file that holds nothing readable is a problem."""
    if file.problem:
        return FileProblem(file.source, None, *file.problem)
    opened = open_file(file)
    if file.is_card:
        return OpenFile(opened, PassedOver(file, mark))
    try:
        reader = _reader(opened, file, options, mark)
    except BaseException:
        opened.close()
        raise
    if isinstance(reader, FileProblem):
        opened.close()
        return reader
    return OpenFile(opened, reader)


def _reader(  # noqa: PLR0911 - a row of guards
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
    if is_lfs_pointer(kind.head):
        return FileProblem(source, None, "lfs_pointer", "run: git lfs pull")
    if kind.format in (None, "parquet", "zip"):
        what = f"compressed {kind.format}" if kind.format else find_foreign(kind.head) or "unknown format"
        return FileProblem(source, None, "format_unknown", what)
    if kind.format in _ROWS:
        framing = _framing(kind, file.path, options, skip_header=mark.offset == 0)
        if isinstance(framing, str):
            return FileProblem(source, None, "no_text_column", framing)
        no_text = "csv_no_text" if kind.format == "csv" else "json_no_text"
        return RowsReader(_rows_stream(opened, kind, mark.offset), framing, source, options, mark, no_text)
    barrier = b"WARC/" if kind.format == "warc" else b""
    stream = _stream(opened, kind.codec, mark.offset, barrier)
    if kind.format in ("warc", "arc"):
        return ArchiveReader(stream, WARC if kind.format == "warc" else ARC, source, options, mark)
    if kind.format == "tar":
        return TarReader(stream, source, options, mark)
    if kind.format == "code":
        return SourceReader(stream, plain_name(source), source, options, mark)
    return PageReader(stream, kind.format, source, options, mark)


def _framing(
    kind: FileType, path: str, options: ReadOptions | None = None, *, skip_header: bool
) -> Framing | str:
    """How the rows of a file are told apart; the columns of a table that has none for text."""
    if kind.format == "jsonl":
        return JsonLines()
    if kind.format == "json":
        return JsonValues()
    line = kind.head.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n").partition(b"\n")[0]
    delimiter = _find_delimiter(line, path)
    fields = split_record(line, delimiter) or []
    names = [decode_text(name, markup=False).strip() for name in fields]
    if options is not None and not any(name in names for name, _ in find_layout(names, options).contents):
        return f"columns: {', '.join(names)}"
    return Csv(names, delimiter, None, skip_header=skip_header)


def _find_delimiter(line: bytes, path: str) -> bytes:
    if ".tsv" in path.lower():
        return b"\t"
    return max((b",", b";", b"\t", b"|"), key=lambda delimiter: (line.count(delimiter), delimiter == b","))


def _rows_stream(opened: BinaryIO, kind: FileType, offset: int) -> ByteStream:
    if kind.utf16:
        blocks = _stream(opened, kind.codec, 0, b"")
        return ByteStream(_transcode(blocks, kind.utf16))
    stream = _stream(opened, kind.codec, offset, b"")
    if offset == 0 and stream.peek(3) == codecs.BOM_UTF8:
        stream.at += 3
    return stream


def _transcode(stream: ByteStream, encoding: str) -> Iterator[Block]:
    """Yield the text of a UTF-16 stream as UTF-8; only its beginning can be started from."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    offset: int | None = 0
    damage: str | None = None
    while True:
        if stream.at_end():
            if not stream.gap:
                return
            damage = stream.cross_gap()
            continue
        text = decoder.decode(stream.read(len(stream.data) - stream.at))
        if offset == 0:
            text = text.removeprefix("\ufeff")
        yield Block(text.encode("utf-8", "replace"), offset, damage)
        offset, damage = None, None


def read_rows(file: InputFile, problems: list[FileProblem] | None = None) -> Iterator[dict[str, Any] | None]:
    """Yield the rows of a file of JSON lines, JSON values or CSV; null for one that cannot be read.

    Packed files and UTF-16 are read, byte-order marks passed over; NaN is null, bad UTF-8 U+FFFD. Damage is added to
    `problems`.
    """
    with open_file(file) as opened:
        kind = sniff_file(opened, file.path)
        if kind.format not in _ROWS:
            kind = FileType("jsonl", kind.codec, kind.head, kind.is_damaged, kind.utf16)
        framing = _framing(kind, file.path, skip_header=True)
        if not isinstance(framing, str):
            found = problems if problems is not None else []
            yield from raw_rows(_rows_stream(opened, kind, 0), framing, file.source, found)


def _stream(file: BinaryIO, codec: Codec | None, offset: int, barrier: bytes) -> ByteStream:
    if codec is None:
        raw = FileBytes(file, offset, PLAIN_READ_BYTES)
        return ByteStream(read_plain(raw), raw=raw)
    return ByteStream(read_compressed(FileBytes(file, offset), codec), barrier=barrier)
