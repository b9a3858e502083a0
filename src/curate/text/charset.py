"""Bytes of any charset to text: byte order mark, valid UTF-8, HTTP header, meta element, detection, in turn.

Valid UTF-8 with non-ASCII characters goes before what header and meta say, unlike in browsers: chance hardly
ever forms it, and a server's default `charset=iso-8859-1` over UTF-8 pages is the commonest wrong label.
"""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
META_WINDOW_BYTES = 4096  # HTML says 1,024; real pages put scripts and comments first
DETECTION_WINDOW_BYTES = 131_072

MAX_FRAC_REPLACED = 0.1  # a page with more broken characters is no text in any charset that was tried

# Covers <meta charset=...>, <meta http-equiv ... content="text/html; charset=..."> and <?xml encoding="...">.
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*(?:["']\s*)?([A-Za-z0-9_.:-]{2,40})""")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SEVEN_BIT = ("iso2022_jp", "iso-2022-jp")


def decode_text(content: bytes, charset: str | None = None) -> str:
    r"""Decode `content`; never fails, and the result can always be encoded as UTF-8.

    `charset` is what the HTTP header said; an unknown name counts as none. Invalid sequences and NUL
    characters become U+FFFD. A byte order mark is taken away.

    >>> decode_text(b"caf\xe9", "latin-1"), decode_text(b"caf\xc3\xa9", "latin-1"), decode_text(b"a\0b")
    ('café', 'café', 'a\ufffdb')
    """
    for bom, name in BOMS:
        if content.startswith(bom):
            return clean_text(content[len(bom) :].decode(name, "replace"))
    return clean_text(_decode(content, charset))


def clean_text(text: str) -> str:
    """Replace what cannot stand in UTF-8 (lone surrogates) and NUL by U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATES.sub("\ufffd", text)
    return text


def _decode(content: bytes, charset: str | None) -> str:
    declared = _known_charset(charset, content) or _known_charset(_meta_charset(content), content)
    if declared not in _SEVEN_BIT and declared not in ("utf-16-le", "utf-16-be"):
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError:
            n_valid, n_broken = _count_beyond_ascii(content)
            # A page cut off inside a character, or joined from two, is still UTF-8.
            if declared in (None, "utf-8") and n_broken <= n_valid + 2 * (declared is not None):
                return content.decode("utf-8", "replace")
            declared = None if declared == "utf-8" else declared
    name = declared or detect_encoding(content, DETECTION_WINDOW_BYTES) or "utf-8"
    try:
        return content.decode(name, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _count_beyond_ascii(content: bytes) -> tuple[int, int]:
    """(characters beyond ASCII, broken sequences) if `content` is taken for UTF-8."""
    text = content.decode("utf-8", "replace")
    n_broken = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - n_broken, n_broken


def _known_charset(name: str | None, content: bytes) -> str | None:
    """The Python codec that browsers use for this label, None where none is or the bytes rule it out."""
    if not name:
        return None
    mapped = map_encoding_to_html5(name.strip().strip("\"'").lower(), fallback_utf8=False)
    if mapped is None:
        return None
    if mapped.startswith("utf-16"):
        # Markup in UTF-16 has a NUL in every tag; pages that say utf-16 and have none are something else.
        return mapped if b"\0" in content[:META_WINDOW_BYTES] else None
    return mapped


def _meta_charset(content: bytes) -> str | None:
    found = _DECLARED.search(content[:META_WINDOW_BYTES].lower())
    return found[1].decode("ascii") if found else None
