"""Source files, alone or in an archive, as pages of kind 'code'; pages and texts beside them as what they are.

Archives are read member by member and never unpacked: a name that leads outside is a reason, not a file. Every read
is bounded, whatever sizes an archive states.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import IO, BinaryIO

from curate.crawl.http import MAX_RATIO
from curate.crawl.notebook import read_notebook
from curate.crawl.options import MIB, ReadOptions
from curate.crawl.plain import page_of_file
from curate.crawl.programs import (
    is_permissive,
    known_language,
    left_out_by_path,
    name_language,
    stated_license,
)
from curate.crawl.readers import StreamReader, WholeFileReader
from curate.crawl.records import FileProblem, Mark, Page, Record, content_id, place_id
from curate.crawl.sniff import find_foreign
from curate.crawl.stream import ByteStream
from curate.text.charset import decode_text

_PAGE_ENDINGS = {"html": "text/html", "htm": "text/html", "xhtml": "text/html"}
_TEXT_ENDINGS = ("txt", "text", "md", "markdown", "rst", "adoc", "org")
_MAX_NAME_BYTES = 1 << 16
_BLOCK = 512
_MAX_MEMBERS = 1 << 22


def read_source(
    path: str, content: bytes | None, place: str, options: ReadOptions, damage: str | None = None
) -> Page | str:
    """Make a page of the file `path` of a source tree, or say under which kind it is counted.

    Args:
        path: in its folder or archive; decides language and what is left out.
        content: the file; None where it could not be read, and `damage` says why.
        place: id of the page where there is no content.
        options: bounds, and the licence that is asked for.
        damage: drop reason.
    """
    ending = path.rsplit("/", 1)[-1].rpartition(".")[2].lower()
    language = name_language(path, (content or b"")[:4096])
    if language is None:
        return _read_other(path, ending, content, place, options, damage)
    page = Page(
        place, kind="code", program_language=language, path=path, drop_reason=damage or left_out_by_path(path)
    )
    if page.drop_reason or content is None:
        return page
    if len(content) > options.max_page_bytes:
        page.drop_reason = "page_too_large"
        return page
    if not content.strip(b"\x00\t\n\r "):
        return "empty_body"
    if find_foreign(content[:4096]):
        return "binary_body"
    return finish_source(page, content, options)


def finish_source(page: Page, content: bytes, options: ReadOptions) -> Page:
    """Add to a page of kind 'code' its text, its id, its licence, and the language of a notebook's kernel."""
    if page.program_language == "jupyter notebook":
        book = read_notebook(content)
        if book is None:
            page.drop_reason = "notebook_invalid"
            return page
        page.program_language = known_language(book.language) or "python"
        content = book.text.encode("utf-8", "replace")
    text = decode_text(content, markup=False).encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    page.license = page.license or stated_license(text)
    page.content = text
    page.id = content_id(page.path, text)
    return check_license(page, options)


def check_license(page: Page, options: ReadOptions) -> Page:
    """Drop a program file that states no permissive licence, where one is asked for."""
    if options.license == "permissive" and page.drop_reason is None and not is_permissive(page.license):
        page.content, page.drop_reason = None, "license_not_permissive"
    return page


def _read_other(
    path: str, ending: str, content: bytes | None, place: str, options: ReadOptions, damage: str | None
) -> Page | str:
    """A page or a prose text of a source tree; anything else is counted."""
    mime = _PAGE_ENDINGS.get(ending) or ("text/plain" if ending in _TEXT_ENDINGS else None)
    if mime is None:
        return "no_program"
    if left_out_by_path(path) == "code_vendored":
        return "code_vendored"
    return page_of_file(content or b"", mime, place, options, damage)


class SourceReader(WholeFileReader):
    """Reads one source file as one page; see `RecordReader`."""

    def __init__(self, stream: ByteStream, path: str, source: str, options: ReadOptions, start: Mark) -> None:
        super().__init__(stream, source, options, start)
        self._path = path

    def _judge(self, body: bytes, damage: str | None) -> Page | str:
        place = place_id(self._source, 0)
        return read_source(self._path, None if damage else body, place, self._options, damage)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an archive as its header states it; `skipped` says that it is no file, `damage` that it cannot be read."""

    name: str
    n_bytes: int
    skipped: str | None = None
    damage: str | None = None


def _is_outside(name: str) -> bool:
    """Whether a member's name leads out of the folder that it would be unpacked to."""
    plain = name.replace("\\", "/")
    return plain.startswith("/") or ".." in plain.split("/") or plain[1:2] == ":" or "\x00" in plain


def _member_page(
    member: _Member, content: bytes | None, damage: str | None, place: str, options: ReadOptions
) -> Page | str:
    """Judge a member: where its name leads outside it is dropped, whatever it is."""
    if _is_outside(member.name):
        path = "".join(c if c.isprintable() else "\ufffd" for c in member.name)[:500]
        return Page(place, kind="code", path=path, drop_reason="path_outside_archive")
    path = member.name.replace("\\", "/").removeprefix("./")
    return read_source(path, content, place, options, damage)


class ZipReader:
    """Reads the files of a zip archive; see `RecordReader`. Members stand in the order of its directory."""

    def __init__(self, file: BinaryIO, source: str, options: ReadOptions, start: Mark) -> None:
        self._source = source
        self._options = options
        self.position = start.position
        self.column_types: Mapping[str, str] = {}
        self.problems: list[FileProblem] = []
        self._members: list[zipfile.ZipInfo] = []
        self._sums: list[
            int
        ] = []  # bytes to read of the members up to each; by the directory, so the same from any mark
        self._archive: zipfile.ZipFile | None = None
        try:
            file.seek(0, io.SEEK_END)
            self._most_bytes = (
                MAX_RATIO * file.tell() + 64 * MIB
            )  # members may overlap: the sum is bounded too
            self._archive = zipfile.ZipFile(file)
            self._members = self._archive.infolist()[:_MAX_MEMBERS]
            n_read = (0 if self._refuse(info) else info.file_size for info in self._members)
            self._sums = list(accumulate(n_read))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            self.problems.append(FileProblem(source, None, "zip_damaged", str(error)[:200]))

    def mark(self) -> Mark:
        """Return the next member's number: the directory leads to any of them."""
        return Mark(0, self.position)

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next member, null at the end; see `RecordReader`."""
        if self.position >= len(self._members):
            return None
        info = self._members[self.position]
        record = Record(min(info.file_size, self._options.max_page_bytes))
        if info.is_dir():
            record.skipped = "folder"
        elif wanted:
            content, damage = self._content(info, is_bomb=self._sums[self.position] > self._most_bytes)
            place = place_id(self._source, self.position)
            member = _Member(info.filename, info.file_size)
            record.put(_member_page(member, content, damage, place, self._options))
        self.position += 1
        return record

    def _refuse(self, info: zipfile.ZipInfo) -> str | None:
        """Why a member is not read, by what the directory says of it; null where it is."""
        if info.file_size > max(MIB, MAX_RATIO * info.compress_size):
            return "decompression_bomb"
        if info.flag_bits & 1:
            return "encrypted"
        return "page_too_large" if info.file_size > self._options.max_page_bytes else None

    def _content(self, info: zipfile.ZipInfo, *, is_bomb: bool) -> tuple[bytes | None, str | None]:
        """(the member, null) or (null, drop reason)."""
        n_most = self._options.max_page_bytes
        if reason := self._refuse(info):
            return None, reason
        if is_bomb:
            return None, "decompression_bomb"
        if self._archive is None:
            return None, "record_damaged"
        try:
            with self._archive.open(info) as member:
                content = _read_most(member, n_most + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            NotImplementedError,
            RuntimeError,
        ):
            return None, "record_damaged"
        return (None, "page_too_large") if len(content) > n_most else (content, None)


def _read_most(file: IO[bytes], n_most: int) -> bytes:
    pieces: list[bytes] = []
    while n_most > 0 and (piece := file.read(min(n_most, MIB))):
        pieces.append(piece)
        n_most -= len(piece)
    return b"".join(pieces)


class TarReader(StreamReader):
    """Reads the files of a tar archive, compressed or not; see `RecordReader`."""

    def read(self, *, wanted: bool) -> Record | None:
        """Return the next member, null at the end; see `RecordReader`."""
        member = self._next_member()
        if member is None:
            return None
        record = Record(member.n_bytes)
        stream, n_most = self._stream, self._options.max_page_bytes
        keep = wanted and member.skipped is None and member.n_bytes <= n_most
        content = stream.read(member.n_bytes) if keep else b""
        n_read = len(content) + stream.skip(member.n_bytes - len(content))
        stream.skip(-member.n_bytes % _BLOCK)
        damage = "page_too_large" if member.n_bytes > n_most else None
        if n_read < member.n_bytes:
            damage = "record_truncated"
            reason = stream.cross_gap() if stream.gap else "record_truncated"
            self._report(reason, f"in {member.name!r}"[:200])
        if member.skipped:
            record.skipped = member.skipped
        elif wanted:
            place = place_id(self._source, self.position)
            record.put(_member_page(member, None if damage else content, damage, place, self._options))
        self.position += 1
        return record

    def _next_member(self) -> _Member | None:
        """Pass headers up to the next member's content; null at the end. Blocks that are none are passed and reported."""
        name: str | None = None
        n_bytes: int | None = None
        n_junk = 0
        for header in self._blocks():
            if header.count(0) == _BLOCK:
                continue  # two of them end an archive; joined archives go on behind
            info = _parse_header(header)
            if info is None:
                n_junk += 1
                continue
            if n_junk:
                self._report_junk(n_junk)
                n_junk = 0
            if info.type in (
                tarfile.XHDTYPE,
                tarfile.GNUTYPE_LONGNAME,
                tarfile.XGLTYPE,
                tarfile.GNUTYPE_LONGLINK,
            ):
                content = self._stream.read(min(info.size, _MAX_NAME_BYTES))
                self._stream.skip(info.size - len(content) + -info.size % _BLOCK)
                if info.type == tarfile.GNUTYPE_LONGNAME:
                    name = content.rstrip(b"\x00").decode("utf-8", "replace")
                elif info.type == tarfile.XHDTYPE:
                    name, n_bytes = _parse_pax(content, name, n_bytes)
                continue
            found = _Member(name or info.name, info.size if n_bytes is None else n_bytes)
            if info.isreg():
                return found
            kind = "folder" if info.isdir() else "link" if info.issym() or info.islnk() else "device"
            return replace(found, n_bytes=0, skipped=kind)
        if n_junk:
            self._report_junk(n_junk)
        return None

    def _report_junk(self, n_blocks: int) -> None:
        self._report("tar_header_damaged", f"{n_blocks} blocks passed over")

    def _blocks(self) -> Iterator[bytes]:
        """The blocks from here on, across damage."""
        stream = self._stream
        while True:
            block = stream.read(_BLOCK)
            if len(block) == _BLOCK:
                yield block
            elif stream.gap:
                self._report(stream.cross_gap())
            else:
                return


def _parse_header(block: bytes) -> tarfile.TarInfo | None:
    """Parse a header; null where its checksum is wrong, or its size below 0."""
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        return None
    return info if 0 <= info.size < 1 << 50 else None


def _parse_pax(content: bytes, name: str | None, n_bytes: int | None) -> tuple[str | None, int | None]:
    """Path and size of the next member as a pax header states them, else what was known."""
    at = 0
    while at < len(content):
        blank = content.find(b" ", at, at + 20)
        digits = content[at:blank]
        if blank < 0 or not digits.isdigit() or int(digits) < blank - at + 2:
            break
        key, _, value = content[blank + 1 : at + int(digits)].rstrip(b"\n").partition(b"=")
        if key == b"path":
            name = value.decode("utf-8", "replace")
        elif key == b"size" and value.isdigit() and len(value) < 16:
            n_bytes = int(value)
        at += int(digits)
    return name, n_bytes
