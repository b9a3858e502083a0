"""What a file or a page is, by its first bytes; the name decides only where these leave it open."""

from __future__ import annotations

import re

import orjson

from curate.crawl.programs import name_language
from curate.text.charset import guess_utf16

HEAD_BYTES = 1 << 16

# First bytes of things that are neither crawl files nor pages.
_FOREIGN = (
    (b"PK\x03\x04", "zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"Rar!", "RAR archive"),
    (b"%PDF-", "PDF"),
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"RIFF", "RIFF media"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"wOF", "font"),
    (b"\x7fELF", "program"),
    (b"SQLite format 3", "SQLite database"),
    (b"ARROW1", "Arrow file"),
    (b"Obj\x01", "Avro file"),
    (b"ORC", "ORC file"),
    (b"\xd0\xcf\x11\xe0", "Office document"),
    (b"\x1f\x8b\x08", "gzip data"),
)
_XML_DECLARATION = re.compile(rb"<\?xml[^>]{0,200}\?>", re.IGNORECASE)
_HTML_TAG = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|title|meta|script|link|style|table|div|center|font|h[1-6]|p|a|br)[\s>/]",
    re.IGNORECASE,
)
_DOCUMENT_TAG = re.compile(rb"<(?:!doctype\s+html|html|head)[\s>]", re.IGNORECASE)
_SPACE = b" \t\n\r\x0b\x0c"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\x0b\x0c\r\x1b")


def looks_html(head: bytes) -> bool:
    """Whether `head` starts like an HTML page.

    >>> looks_html(b"  <!DOCTYPE html><p>"), looks_html(b"a < b")
    (True, False)
    """
    if head[:2] in _UTF16_BOMS:
        head = head[2:1026].replace(b"\x00", b"")
    elif guess_utf16(head[:1024]):
        head = head[:1024].replace(b"\x00", b"")
    return _HTML_TAG.match(*_skip_prolog(head.removeprefix(b"\xef\xbb\xbf")[: 1 << 14])) is not None


def looks_html_document(content: bytes) -> bool:
    """Whether `content` is a whole HTML document, and not text that merely starts with a tag."""
    return _DOCUMENT_TAG.match(*_skip_prolog(content[: 1 << 14])) is not None


def _skip_prolog(head: bytes) -> tuple[bytes, int]:
    """`head`, and where white space, an XML declaration and comments end in it.

    A loop and no pattern: one that may stop at any of several comments tries every way to split them.
    """
    at = _skip_space(head, 0)
    if declaration := _XML_DECLARATION.match(head, at):
        at = _skip_space(head, declaration.end())
    while head.startswith(b"<!--", at):
        end = head.find(b"-->", at + 2)  # "<!-->" is a whole comment
        if end < 0:
            break
        at = _skip_space(head, end + 3)
    return head, at


def _skip_space(head: bytes, at: int) -> int:
    while head[at : at + 1] and head[at] in _SPACE:
        at += 1
    return at


def is_lfs_pointer(head: bytes) -> bool:
    """Whether a file only says which one Git LFS is to fetch in its place."""
    return head.startswith(b"version https://git-lfs.github.com/spec/")


def find_named(head: bytes) -> str | None:
    """Name the binary format that `head` starts with, null where it starts with none that is known."""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    return "tar archive" if looks_tar(head) else None


def looks_tar(head: bytes) -> bool:
    """Whether `head` starts with the header of a tar member: by its magic, in the first format, which has none, by its sum."""
    if head[257:262] == b"ustar":
        return True
    stated = head[148:156].strip(b" \x00")
    if len(head) < 512 or not head[0] or not stated.isdigit() or stated.strip(b"01234567"):
        return False
    return sum(head[:148]) + 8 * 32 + sum(head[156:512]) == int(stated, 8)


def find_foreign(head: bytes) -> str | None:
    """Name what `head` is where it is not text: a known binary format, or just 'binary data'."""
    named = find_named(head)
    if named:
        return named
    head = head[:4096]
    if guess_utf16(head):
        return None
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    # Noise has one control character in ten bytes, broken text few.
    if head[:2] not in _UTF16_BOMS and n_controls > max(8, len(head) // 32):
        return "binary data"
    return None


def sniff_format(head: bytes, name: str) -> str | None:  # noqa: PLR0911, PLR0912 - a row of guards
    """Return warc, arc, jsonl, json, csv, parquet, zip, tar, code, html or text; null where a file is none of these.

    jsonl is one object a line, json objects over several lines or in an array.
    """
    start = head.lstrip(b"\xef\xbb\xbf\r\n\t ")
    if head.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"WARC/"):
        return "warc"
    if start.startswith(b"filedesc:"):
        return "arc"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if looks_tar(head):
        return "tar"
    hint = _hint(name)
    is_foreign = find_foreign(head) is not None
    if not is_foreign and name_language(plain_name(name), head):
        return "code"
    if start.startswith((b"{", b"[")) and hint not in ("html", "text") and not is_foreign:
        if _is_many_lines(start):
            return "json"
        if start.startswith(b"{") or hint == "jsonl":
            return "jsonl"
    if start.startswith(b"{") and _is_json_line(start):
        return "jsonl"
    if is_foreign or hint in ("warc", "arc", "jsonl", "parquet"):
        # A crawl file whose first record is broken does not look like one.
        return hint if hint in ("warc", "arc", "jsonl") else None
    if hint == "csv":
        return "csv"
    if hint == "html" or (hint != "text" and looks_html(head)):
        return "html"
    return "text"


def plain_name(name: str) -> str:
    """The name of a file without the ending of its compression."""
    stem, _, ending = name.rpartition(".")
    return stem if stem and ending.lower() in ("gz", "zst", "bz2", "xz", "lz4") else name


def _is_many_lines(start: bytes) -> bool:
    """Whether JSON is an array of objects, or an object that goes on behind its first line.

    A line of JSON lines that is merely broken does not end where a value is to follow.
    """
    if start.startswith(b"["):
        return start[1:].lstrip(b" \t\r\n").startswith((b"{", b"]"))
    line, newline, _ = start.partition(b"\n")
    return bool(newline) and line.rstrip().endswith((b"{", b"[", b","))


def _is_json_line(start: bytes) -> bool:
    line, newline, _ = start.partition(b"\n")
    if not newline and len(start) >= HEAD_BYTES // 2:
        return False
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


_HINTS = {
    "warc": "warc",
    "wet": "warc",
    "wat": "warc",
    "arc": "arc",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "jsonl",
    "parquet": "parquet",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "csv": "csv",
    "tsv": "csv",
    "txt": "text",
    "text": "text",
    "md": "text",
}


def _hint(name: str) -> str | None:
    parts = name.lower().rsplit("/", 1)[-1].split(".")[1:]
    return next((_HINTS[part] for part in reversed(parts) if part in _HINTS), None)
