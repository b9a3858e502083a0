"""Plain text in any charset to UTF-8. HTML keeps its bytes, as its charset may stand inside it."""

from __future__ import annotations

import codecs

# As browsers read them: https://encoding.spec.whatwg.org/#names-and-labels
_BROWSER_NAMES = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
}
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def decode_text(body: bytes, charset: str | None = None) -> bytes:
    """Return `body` as valid UTF-8 without NUL.

    The charset is that of a byte order mark, else UTF-8 if valid, else `charset`, else a guess. What
    cannot be decoded becomes U+FFFD.

    >>> decode_text("é".encode("latin-1"), "iso-8859-1").decode()
    'é'
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return _clean(body[len(bom) :].decode(name, "replace"))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode(_codec_name(charset) or _guess(body), "replace")
    return _clean(text)


def _clean(text: str) -> bytes:
    return text.replace("\x00", "").encode("utf-8", "replace")


def _codec_name(charset: str | None) -> str | None:
    if not charset:
        return None
    name = _BROWSER_NAMES.get(charset, charset)
    try:
        info = codecs.lookup(name)
        b"a".decode(info.name, "replace")  # refuses codecs that do not give text, such as rot13
    except (LookupError, ValueError, UnicodeError):
        return None
    return info.name


def _guess(body: bytes) -> str:
    from resiliparse.parse.encoding import detect_encoding

    name = _codec_name((detect_encoding(body[: 1 << 16]) or "").lower()) or "cp1252"
    if name == "utf-8":
        # Also what the detector says where it does not know: believed if most of what is not ASCII is UTF-8.
        text = body.decode("utf-8", "replace")
        n_bad = text.count("\ufffd")
        if sum(char > "\x7f" for char in text) < 2 * n_bad:
            return "cp1252"
    return name
