"""Small files of lines, as people make them with any editor: word lists, blocklists, benchmarks, labels.

Packed files are unpacked, byte-order marks are taken away, and what is not UTF-8 is decoded as any text is, so that no entry
is lost for how a file was saved. Large files of rows have a reader of their own, `curate.crawl.read_rows`, which
reads a line of JSON by the same function.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from pathlib import Path
from typing import Any

import zstandard

from curate.config import plain_file
from curate.errors import SettingError
from curate.text.charset import decode_text
from curate.text.json_values import parse_json, parse_object

MOST_BYTES = 16 << 30
_OPENERS = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x28\xb5\x2f\xfd": zstandard.open,
}


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file, unpacked if its first bytes say that it is packed.

    Raises:
        SettingError: the file cannot be read, or is damaged.
    """
    try:
        with plain_file(path, MOST_BYTES).open("rb") as file:
            start = file.read(8)
        opener = next((each for magic, each in _OPENERS.items() if start.startswith(magic)), open)
        with opener(path, "rb") as file:
            return file.read()
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SettingError(f"'{path}' cannot be read: {said}.") from error


def read_text_lines(path: str | Path) -> list[str]:
    """Read the lines of a text file in any encoding, without their ends, CR alone among these."""
    text = decode_text(read_bytes(path), markup=False)
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def read_json_lines(path: str | Path) -> list[tuple[int, dict[str, Any] | None]]:
    """Read (number of the line, object) for every line that is not blank; null where it is no object."""
    data = _as_utf8(read_bytes(path))
    lines = enumerate(data.split(b"\n"), 1)
    return [(number, parse_object(line)) for number, line in lines if line.strip()]


def read_json_file(path: str | Path) -> Any:
    """Read a file that is one JSON value.

    Raises:
        SettingError: it is none.
    """
    try:
        return parse_json(_as_utf8(read_bytes(path)))
    except ValueError as error:
        raise SettingError(f"'{path}' is not JSON: {error}.") from error


def _as_utf8(data: bytes) -> bytes:
    """Take the mark of UTF-8 away, and decode UTF-16; bad bytes of UTF-8 are the parser's business."""
    from curate.text.charset import BOMS, guess_utf16

    if data.startswith(BOMS[0][0]):
        return data[len(BOMS[0][0]) :]
    if data.startswith((BOMS[1][0], BOMS[2][0])) or guess_utf16(data[:4096]):
        return decode_text(data, markup=False).encode()
    return data
