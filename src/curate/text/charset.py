"""Bytes of any charset to text: byte order mark, valid UTF-8, HTTP header, meta element, detection, in turn.

The one place that decides: the same bytes give the same text whichever room reads them. Labels, decoders and the
search for a meta element are those of the web (`curate.text.encodings`). Valid UTF-8 with non-ASCII characters
goes before what header and meta say, unlike in browsers: chance hardly ever forms it, and a server's default
`charset=iso-8859-1` over UTF-8 pages is the commonest wrong label.
"""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding

from curate.text.encodings import decode_as, find_encoding

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))
META_WINDOW_BYTES = 4096  # HTML says 1,024; real pages put scripts and comments first
DETECTION_WINDOW_BYTES = 131_072

# A page with more broken characters, or more control characters, is no text in any charset that was tried. The web's
# decoders give controls for the bytes that an encoding leaves open, and noise has one in ten bytes.
MAX_FRAC_REPLACED, MAX_FRAC_CONTROLS = 0.1, 0.03

_UTF16 = ("utf-16le", "utf-16be")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ISO_2022_JP = re.compile(rb"\x1b(?:\$[@B]|\(I)")
_XML_ENCODING = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*(["'])([^"'>]{1,40})\1""")
_META_START = re.compile(rb"<!--|<meta[\s/]|</?[a-z]|<[!/?]", re.IGNORECASE)
_COMMENT_END = re.compile(rb"-->")
_ATTRIBUTE = re.compile(
    rb"""[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']?[^\s>]*))?""", re.DOTALL
)
_IN_CONTENT = re.compile(rb"""charset\s*=\s*("[^"]*"|'[^']*'|[^\s;"']+)""", re.IGNORECASE)


def decode_text(content: bytes, charset: str | None = None, *, markup: bool = True) -> str:
    r"""Decode `content`; never fails, and the result can always be encoded as UTF-8.

    `charset` is what the HTTP header said; an unknown name counts as none. Invalid sequences and NUL
    characters become U+FFFD. A byte order mark is taken away. `markup` says whether a meta element or an XML
    declaration in it counts; in plain text it does not.

    >>> decode_text(b"caf\xe9", "latin-1"), decode_text(b"caf\xc3\xa9", "latin-1"), decode_text(b"a\0b")
    ('café', 'café', 'a\ufffdb')
    """
    for bom, name in BOMS:
        if content.startswith(bom):
            return clean_text(decode_as(content[len(bom) :], name))
    return clean_text(_decode(content, charset, markup=markup))


def clean_text(text: str) -> str:
    """Replace what cannot stand in UTF-8 (lone surrogates) and NUL by U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATES.sub("\ufffd", text)
    return text


def is_broken(text: str) -> bool:
    r"""Whether so much of what `decode_text` gave is broken that no charset fits.

    >>> is_broken("caf\ufffd au lait"), is_broken("caf\ufffd"), is_broken("\x81\x01 au lait")
    (False, True, True)
    """
    n_replaced = text.count("\ufffd")
    n_controls = sum(len(run) for run in _CONTROLS.findall(text))
    return n_replaced > MAX_FRAC_REPLACED * len(text) or n_controls > MAX_FRAC_CONTROLS * len(text)


def guess_utf16(head: bytes) -> str | None:
    """Name the byte order of UTF-16 text that has no mark: every other byte of its ASCII part is NUL.

    >>> guess_utf16("<p>plain words".encode("utf-16-be")), guess_utf16(b"plain words")
    ('utf-16be', None)
    """
    head = head[: len(head) & ~1]
    if b"\0" not in head or len(head) < 8:
        return None
    n_units = len(head) // 2
    n_even, n_odd = head[::2].count(0), head[1::2].count(0)
    # Text in a script of its own still has spaces, line ends and markup in ASCII; noise has NULs in both places.
    for n_high, n_low, name in ((n_odd, n_even, "utf-16le"), (n_even, n_odd, "utf-16be")):
        if n_high * 10 >= n_units and n_low * 50 <= n_units and _is_utf16(head, name):
            return name
    return None


def _is_utf16(head: bytes, name: str) -> bool:
    """Whether `head` decodes, with no more control characters than text has."""
    text = head.decode(name, "replace")
    n_odd = sum(char < " " and char not in "\t\n\f\r" for char in text) + text.count("\ufffd")
    return n_odd * 100 <= len(text) + 99


def _decode(content: bytes, charset: str | None, *, markup: bool) -> str:
    stated = find_meta_charset(content[:META_WINDOW_BYTES]) if markup else None
    declared = _known_charset(charset, content) or _known_charset(stated, content)
    if declared in _UTF16:
        return decode_as(content, declared)
    if b"\x1b" in content and content.isascii() and _ISO_2022_JP.search(content):
        return decode_as(content, "iso-2022-jp")
    if declared != "iso-2022-jp":
        try:
            return _utf8_or_utf16(content)
        except UnicodeDecodeError:
            n_valid, n_broken = _count_beyond_ascii(content)
            # A page cut off inside a character, or joined from two, is still UTF-8.
            if declared in (None, "utf-8") and n_broken <= n_valid + 2 * (declared is not None):
                return decode_as(content, "utf-8")
            declared = None if declared == "utf-8" else declared
    return decode_as(content, declared or _detect(content))


def _utf8_or_utf16(content: bytes) -> str:
    text = content.decode("utf-8")
    utf16 = guess_utf16(content[:META_WINDOW_BYTES]) if "\0" in text else None
    return decode_as(content, utf16) if utf16 else text


def _detect(content: bytes) -> str:
    """Guess an encoding of what is not UTF-8."""
    utf16 = guess_utf16(content[:META_WINDOW_BYTES])
    found = utf16 or find_encoding(detect_encoding(content, DETECTION_WINDOW_BYTES))
    # UTF-8 is also what the detector says where it does not know.
    return "windows-1252" if found in (None, "utf-8", *_UTF16) and not utf16 else str(found)


def _count_beyond_ascii(content: bytes) -> tuple[int, int]:
    """(characters beyond ASCII, broken sequences) if `content` is taken for UTF-8."""
    text = content.decode("utf-8", "replace")
    n_broken = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - n_broken, n_broken


def _known_charset(name: str | None, content: bytes) -> str | None:
    """The encoding that browsers use for this label, None where none is or the bytes rule it out."""
    found = find_encoding(name)
    # A page of private characters was meant for a font that nobody has: as browsers, but for meta elements only.
    if found == "x-user-defined":
        return None
    if found in _UTF16:
        return found if _may_be_utf16(content[:META_WINDOW_BYTES], found) else None
    return found


def _may_be_utf16(head: bytes, name: str) -> bool:
    """Whether bytes that are said to be UTF-16 can be: with markup they hold NULs, without any they have no spaces.

    Pages that say utf-16 and are something else are common: a meta element that can be read at all shows it.
    """
    if b"\0" in head:
        return True
    has_spaces = head.count(b" ") * 50 > len(head)
    return not has_spaces and not _is_utf8(head) and _is_utf16(head[: len(head) & ~1], name)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == META_WINDOW_BYTES
    return True


def find_meta_charset(head: bytes) -> str | None:
    """The label that a meta element or an XML declaration in `head` states, as HTML's prescan finds it.

    Comments, other elements with their attributes, and `charset=` in other places than meant are passed over.

    >>> find_meta_charset(b'<!-- <meta charset=a> --><meta name=d content="charset=b"><meta charset="koi8-r">')
    'koi8-r'
    """
    at = 0
    while found := _META_START.search(head, at):
        token = found[0].lower()
        if token == b"<!--":
            end = _COMMENT_END.search(head, found.start() + 2)
            if end is None:
                break
            at = end.end()
        elif token.startswith(b"<meta"):
            label, at = _read_meta(head, found.start() + 5)
            if label is not None:
                return label
        elif token[-1:].isalpha():
            name = re.compile(rb"[^\s>/]*").match(head, found.end())
            _, at = _read_attributes(head, name.end() if name else found.end())
        else:
            end_at = head.find(b">", found.end())
            if end_at < 0:
                break
            at = end_at + 1
    declared = _XML_ENCODING.match(head.lstrip())
    return declared[2].decode("ascii", "replace") if declared else None


def _read_meta(head: bytes, at: int) -> tuple[str | None, int]:
    attributes, at = _read_attributes(head, at)
    label = attributes.get(b"charset")
    if label is None and attributes.get(b"http-equiv", b"").strip().lower() == b"content-type":
        inside = _IN_CONTENT.search(attributes.get(b"content", b""))
        label = inside[1].strip(b"\"'") if inside else None
    name = None if label is None else label.decode("ascii", "replace")
    if find_encoding(name) == "x-user-defined":
        name = "windows-1252"
    return (name if find_encoding(name) else None), at


def _read_attributes(head: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    """The attributes of a tag, names in lower case, the first of each name; and where the tag ends."""
    found: dict[bytes, bytes] = {}
    while (attribute := _ATTRIBUTE.match(head, at)) and attribute.end() > at:
        value = attribute[2] or b""
        found.setdefault(attribute[1].lower(), value[1:-1] if value[:1] in (b'"', b"'") else value)
        at = attribute.end()
    end = head.find(b">", at)
    return found, end + 1 if end >= 0 else len(head)
