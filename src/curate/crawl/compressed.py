"""Compressed bytes to plain bytes, in bounded memory, across damage.

A stream is a row of members (gzip members, zstd, lz4 frames, ...), often one for each record. Damage ends
a member; reading goes on at the next place that looks like the start of one, and the gap is reported. The
bytes before the damage do not depend on where reading began, so that a run which resumes in the middle
of a file sees what an undisturbed run sees.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, BinaryIO, Protocol, cast

from isal import isal_zlib

READ_BYTES = 1 << 16
BLOCK_BYTES = 1 << 20
FAR_BYTES = 1 << 20  # damage found later than this after a member's start: look for the next one only near it
XZ_MEMORY_BYTES = 256 << 20
MAX_DICTIONARY_BYTES = 64 << 20
# Their stubs call the class an instance.
_IsalError = cast("type[Exception]", isal_zlib.IsalError)
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"


@dataclass(slots=True)
class Block:
    """Some plain bytes; `offset` is where in the file a reader can begin to get exactly these.

    `damage` says that bytes are missing before `data`, and why.
    """

    data: bytes
    offset: int | None = None
    damage: str | None = None


class Decoder(Protocol):
    """The interface of `bz2.BZ2Decompressor`, for one member."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether there is nothing more to give without more input."""
        ...

    @property
    def unused_data(self) -> bytes:
        """The input after the end of the member."""
        ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Return at most `max_length` plain bytes."""
        ...


class DamagedError(Exception):
    """A member cannot be decoded further; never leaves this module."""


class FastGzipDecoder:
    """One sound gzip member, in less than half of zlib's time; what can be saved of another, `GzipDecoder` says."""

    def __init__(self, inflate: Any = None) -> None:
        self._inflate = inflate or isal_zlib.decompressobj(31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """See `Decoder`."""
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        """See `Decoder`."""
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """See `Decoder`."""
        try:
            out = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        except _IsalError as error:
            raise DamagedError(_message(error)) from None
        self.needs_input = not self._inflate.unconsumed_tail and len(out) < max_length
        return out


class GzipDecoder(FastGzipDecoder):
    """The same by zlib, whose state can be copied: after damage it has given every byte that could be decoded before it."""

    def __init__(self) -> None:
        super().__init__(zlib.decompressobj(31))
        self._fresh = True
        self._error: str | None = None

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """See `Decoder`."""
        if self._error:
            raise DamagedError(self._error)
        data = self._inflate.unconsumed_tail + data
        before = zlib.decompressobj(31) if self._fresh else self._inflate.copy()
        self._fresh = False
        try:
            out = self._inflate.decompress(data, max_length)
        except zlib.error as error:
            # zlib throws away what it decoded in the call that fails.
            self._error = _message(error)
            out = _salvage(before, data, max_length)
            if not out:
                raise DamagedError(self._error) from None
            self.needs_input = False
            return out
        self.needs_input = not self._inflate.unconsumed_tail and len(out) < max_length
        return out


def _salvage(inflate: Any, data: bytes, max_length: int) -> bytes:
    """Decode `data` in ever smaller steps up to the byte at which it breaks."""
    out = bytearray()
    at = 0
    for step in (4096, 64, 1):
        while at < len(data) and len(out) < max_length:
            before = inflate.copy()
            try:
                piece = inflate.decompress(data[at : at + step])
            except zlib.error:
                inflate = before
                break
            out += piece
            at += step
    return bytes(out[:max_length])


class ZstdDecoder:
    """One zstd frame, or one skippable frame, which gives nothing."""

    # A zstd block of 4 bytes can give 128 KiB: small steps bound what one call may return (64 MiB at worst).
    STEP_BYTES = 2048

    def __init__(self, dictionary: bytes | None = None) -> None:
        import zstandard

        self._errors = zstandard.ZstdError
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._frame = zstandard.ZstdDecompressor(known, max_window_size=1 << 27).decompressobj()
        self._pending = b""
        self._error: str | None = None
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """See `Decoder`."""
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        """See `Decoder`."""
        return self._frame.unused_data + self._pending

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """See `Decoder`."""
        if self._error:
            raise DamagedError(self._error)
        self._pending += data
        pieces: list[bytes] = []
        n_out = at = 0
        while at < len(self._pending) and not self._frame.eof and n_out < max_length:
            step = self._pending[at : at + self.STEP_BYTES]
            at += len(step)
            try:
                piece = self._frame.decompress(step)
            except self._errors as error:
                self._error = _message(error)
                if not pieces:
                    raise DamagedError(self._error) from None
                break
            pieces.append(piece)
            n_out += len(piece)
        self._pending = self._pending[at:]
        self.needs_input = not self._pending and not self._error
        return b"".join(pieces)


def _new_lz4() -> Decoder:
    import lz4.frame

    return cast("Decoder", lz4.frame.LZ4FrameDecompressor())


def _new_xz() -> Decoder:
    return lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)


def _message(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1] or type(error).__name__


@dataclass(frozen=True, slots=True)
class Codec:
    """How one kind of compression is recognised and decoded.

    `new_fast` makes a decoder that gives the same bytes of a sound member and may lose some of a damaged one.
    """

    name: str
    magic: bytes
    new_decoder: Callable[[], Decoder]
    new_fast: Callable[[], Decoder] | None = None

    def starts(self, data: bytes) -> bool:
        """Whether `data` looks like the start of a member."""
        if self.name == "gzip":
            return data.startswith(self.magic) and len(data) > 3 and data[3] < 0x20
        if self.name == "zstd" and len(data) > 3 and 0x50 <= data[0] <= 0x5F and data[1:4] == b"\x2a\x4d\x18":
            return True
        return data.startswith(self.magic)


CODECS = (
    Codec("gzip", b"\x1f\x8b\x08", GzipDecoder, FastGzipDecoder),
    Codec("zstd", b"\x28\xb5\x2f\xfd", ZstdDecoder),
    Codec("lz4", b"\x04\x22\x4d\x18", _new_lz4),
    Codec("bz2", b"BZh", bz2.BZ2Decompressor),
    Codec("xz", b"\xfd7zXZ\x00", _new_xz),
)
_DECODE_ERRORS = (DamagedError, EOFError, OSError, ValueError, RuntimeError, lzma.LZMAError, zlib.error)


def find_codec(head: bytes) -> Codec | None:
    """Name the compression of a file by its first bytes, null where it has none that we know."""
    return next((codec for codec in CODECS if codec.starts(head)), None)


def with_dictionary(codec: Codec, file: BinaryIO) -> Codec:
    """Hand `codec` the dictionary with which a .warc.zst may start, so that any later frame can be read.

    It stands in a skippable frame: https://iipc.github.io/warc-specifications/specifications/warc-zstd/
    """
    if codec.name != "zstd":
        return codec
    file.seek(0)
    head = file.read(8)
    n_bytes = int.from_bytes(head[4:8], "little")
    if not head.startswith(_ZSTD_DICTIONARY) or n_bytes > MAX_DICTIONARY_BYTES:
        return codec
    dictionary = FileBytes(file, 8, n_bytes + 8).read()
    if dictionary.startswith(codec.magic):
        frame = ZstdDecoder()
        try:
            dictionary = frame.decompress(dictionary, MAX_DICTIONARY_BYTES)
        except DamagedError:
            return codec
    return replace(codec, new_decoder=partial(ZstdDecoder, dictionary))


class FileBytes:
    """The bytes of a file from `offset`, read up to multiples of a fixed size.

    Decoders thus get the same pieces whether or not reading began in the middle of the file.
    """

    def __init__(self, file: BinaryIO, offset: int = 0, size: int = READ_BYTES) -> None:
        self._file = file
        self._size = size
        self.seek(offset)

    def seek(self, offset: int) -> None:
        """Go to byte `offset` of the file."""
        self._file.seek(offset)
        self.offset = offset

    def peek_at(self, offset: int, n: int) -> bytes:
        """Return `n` bytes from `offset`, fewer at the end of the file, and stay where reading is."""
        self._file.seek(offset)
        data = self._file.read(n)
        self._file.seek(self.offset)
        return data

    def read(self) -> bytes:
        """Return the bytes up to the next multiple of the read size; empty at the end."""
        n_wanted = self._size - self.offset % self._size
        data = self._file.read(n_wanted)
        while data and len(data) < n_wanted:
            more = self._file.read(n_wanted - len(data))
            if not more:
                break
            data += more
        self.offset += len(data)
        return data


def read_plain(raw: FileBytes) -> Iterator[Block]:
    """Yield the bytes of a file without compression; every byte of it can be started from."""
    while True:
        offset = raw.offset
        data = raw.read()
        if not data:
            return
        yield Block(data, offset)


def read_compressed(raw: FileBytes, codec: Codec) -> Iterator[Block]:
    """Yield the plain bytes of every member from where `raw` stands, going on after damage.

    Zeros and other bytes between members are passed over; what is not zeros is reported as damage.
    """
    damage: str | None = None
    data = b""
    while True:
        data, n_junk, start = _seek_member(raw, codec, data)
        if n_junk and damage is None:
            damage = f"{codec.name}_junk"
        if not data:
            if damage:
                yield Block(b"", None, damage)
            return
        member = _Member((codec.new_fast or codec.new_decoder)(), raw)
        offset: int | None = start
        n_given = 0
        for out in member.read(data):
            yield Block(out, offset, damage)
            offset = damage = None
            n_given += len(out)
        if member.end != "whole" and codec.new_fast:
            raw.seek(start)
            member = _Member(codec.new_decoder(), raw)
            for out in member.read(raw.read()):
                rest, n_given = out[n_given:], max(0, n_given - len(out))
                if rest:
                    yield Block(rest, offset, damage)
                    offset = damage = None
        if member.end == "whole":
            data = member.rest
            continue
        # Where a member gave nothing the bytes may just look like one: the records before it are sound.
        damage = damage or f"{codec.name}_{member.end if offset is None else 'junk'}"
        # What was broken may have swallowed the members that follow it.
        raw.seek(start + 1 if raw.offset - start < FAR_BYTES else raw.offset - READ_BYTES)
        data = b""


def _seek_member(raw: FileBytes, codec: Codec, data: bytes) -> tuple[bytes, int, int]:
    """Pass over bytes up to the next start of a member: (bytes from there, other bytes but zeros, offset)."""
    n_junk = 0
    while True:
        while len(data) < 8:
            more = raw.read()
            if not more:
                break
            data += more
        if not data or codec.starts(data):
            return data, n_junk, raw.offset - len(data)
        at = data.find(codec.magic, 1)
        cut = at if at >= 0 else max(1, len(data) - len(codec.magic) + 1)
        n_junk += cut - data.count(0, 0, cut)
        data = data[cut:]


class _Member:
    """Decodes one member.

    Afterwards `end` is whole, clipped or damaged, and `rest` holds the bytes after a whole one.
    """

    def __init__(self, decoder: Decoder, raw: FileBytes) -> None:
        self._decoder = decoder
        self._raw = raw
        self.end = "damaged"
        self.rest = b""

    def read(self, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                out = self._decoder.decompress(data, BLOCK_BYTES)
            except _DECODE_ERRORS:
                return
            if out:
                yield out
            if self._decoder.eof:
                self.end = "whole"
                self.rest = self._decoder.unused_data or b""
                return
            data = b""
            if self._decoder.needs_input:
                data = self._raw.read()
                if not data:
                    self.end = "clipped"
                    return
