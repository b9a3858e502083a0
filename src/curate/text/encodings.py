"""Decoders as the Encoding Standard has them (https://encoding.spec.whatwg.org), which is what browsers do.

Python's codecs are close but narrower: what they lack or map otherwise stands here as tables of differences, found by
comparing every sequence with the Standard's indexes. Broken bytes become U+FFFD and never take a neighbour in ASCII
with them. Two departures, for text that browsers would not show: hz-gb-2312 and iso-2022-kr, which they refuse for
safety, are decoded, and so are characters of JIS X 0213 in EUC-JP.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from resiliparse.parse.encoding import map_encoding_to_html5

_REPLACED = "\ufffd"

# Labels beyond those that resiliparse knows; all others are looked up there.
_LABELS = {
    "x-mac-cyrillic": "x-mac-cyrillic",
    "x-mac-ukrainian": "x-mac-cyrillic",
    "x-user-defined": "x-user-defined",
    "hz-gb-2312": "hz-gb-2312",
    "iso-2022-kr": "iso-2022-kr",
    "csiso2022kr": "iso-2022-kr",
}
# Names of Python's codecs as resiliparse gives them -> the Standard's name, where it is another.
_STANDARD_NAMES = {
    "cp866": "ibm866",
    "mac-roman": "macintosh",
    "iso8859-11": "windows-874",
    "utf-16-le": "utf-16le",
    "utf-16-be": "utf-16be",
    "iso2022_jp": "iso-2022-jp",
    "euc_jp": "euc-jp",
    "euc_kr": "euc-kr",
}
_SINGLE_BYTE = {
    "ibm866": "cp866",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "windows-874": "cp874",
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)},
    **{f"iso-8859-{number}": f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
}


def find_encoding(label: str | None) -> str | None:
    """The Standard's name, in lower case, of the encoding that `label` stands for; null where there is none.

    >>> find_encoding(" Latin1 "), find_encoding("x-sjis"), find_encoding("klingon")
    ('windows-1252', 'shift_jis', None)
    """
    if not label:
        return None
    name = label.strip("\t\n\f\r \"'").lower()
    if name in _LABELS:
        return _LABELS[name]
    found = map_encoding_to_html5(name, fallback_utf8=False)
    if found is None:
        return None
    found = _STANDARD_NAMES.get(found, found)
    found = re.sub(r"^cp(125\d)$", r"windows-\1", found)
    return re.sub(r"^iso8859-", "iso-8859-", found)


def decode_as(content: bytes, encoding: str) -> str:
    """Decode by the Standard's name of an encoding; never fails.

    >>> decode_as("①㈱".encode("cp932"), "shift_jis")
    '①㈱'
    """
    if encoding in _SINGLE_BYTE:
        handler = "curate-1255" if encoding == "windows-1255" else "curate-byte"
        text = content.decode(_SINGLE_BYTE[encoding], handler)
        return text.translate(_SINGLE_BYTE_CHANGES[encoding]) if encoding in _SINGLE_BYTE_CHANGES else text
    return _DECODERS[encoding](content)


def _byte(error: UnicodeError) -> tuple[str, int]:
    """Bytes 0x80 to 0x9F that a code page leaves open are control characters; others are broken."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    code = error.object[error.start]
    if error.encoding == "charmap" and error.reason.endswith("<undefined>") and code < 0xA0:
        return chr(code), error.start + 1
    return _REPLACED, error.start + 1


def _hebrew_byte(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0xCA:
        return "\u05ba", error.start + 1
    return _byte(error)


def _two_bytes(error: UnicodeError) -> tuple[str, int]:
    """A lead byte with what can be no trail byte is broken; ASCII behind it stays."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    data, at = error.object, error.start
    is_lead = 0x80 < data[at] < 0xFF and at + 1 < len(data)
    return _REPLACED, at + 2 if is_lead and data[at + 1] >= 0x80 else at + 1


def _big5_pair(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        known = _BIG5_MORE.get(error.object[error.start : error.start + 2])
        if known:
            return known, error.start + 2
    return _two_bytes(error)


def _gb18030_byte(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError) and error.object[error.start] == 0x80:
        return "€", error.start + 1
    return _two_bytes(error)


def _euc_jp_pair(error: UnicodeError) -> tuple[str, int]:
    """Rows 13 and 89 to 92 of JIS X 0208, which NEC and IBM filled, are found by way of windows-31j.

    Cells that the Standard leaves empty are taken from JIS X 0213, for which the same bytes are used.
    """
    if isinstance(error, UnicodeDecodeError):
        data, at = error.object, error.start
        pair = data[at : at + 2]
        if len(pair) == 2 and min(pair) >= 0xA1 and max(pair) <= 0xFE:
            row, cell = pair[0] - 0xA1, pair[1] - 0xA1
            lead, trail = row // 2, cell + (94 if row % 2 else 0)
            as_sjis = bytes(
                [lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41)]
            )
            known = as_sjis.decode("cp932", "replace")[:1]
            return (known if known != _REPLACED else pair.decode("euc_jisx0213", "replace")[:1]), at + 2
    return _two_bytes(error)


codecs.register_error("curate-byte", _byte)
codecs.register_error("curate-1255", _hebrew_byte)
codecs.register_error("curate-two-bytes", _two_bytes)
codecs.register_error("curate-big5", _big5_pair)
codecs.register_error("curate-gb18030", _gb18030_byte)
codecs.register_error("curate-euc-jp", _euc_jp_pair)


def _big5(content: bytes) -> str:
    if b"\xa2A" in content or b"\xa2B" in content:  # others than the slashes that Python takes them for
        pieces = _BIG5_TOKENS.findall(content)
        places = [place for place, piece in enumerate(pieces) if piece in _BIG5_SLASHES]
        if places:
            starts, ends = [0, *(place + 1 for place in places)], [*places, len(pieces)]
            between = [_big5_plain(b"".join(pieces[a:b])) for a, b in zip(starts, ends, strict=True)]
            slashes = [_BIG5_SLASHES[pieces[place]] for place in places]
            return "".join(a + b for a, b in zip(between, [*slashes, ""], strict=True))
    return _big5_plain(content)


def _big5_plain(content: bytes) -> str:
    return content.decode("big5hkscs", "curate-big5").translate(_BIG5_CHANGES)


def _gb18030(content: bytes) -> str:
    return content.decode("gb18030", "curate-gb18030").translate(_GB18030_CHANGES)


def _shift_jis(content: bytes) -> str:
    return content.decode("cp932", "curate-two-bytes").translate(_SHIFT_JIS_CHANGES)


def _euc_jp(content: bytes) -> str:
    return (
        content.replace(b"\x8f\xa2\xb7", b"\xa1\xc1")
        .decode("euc_jp", "curate-euc-jp")
        .translate(_EUC_JP_CHANGES)
    )


def _euc_kr(content: bytes) -> str:
    return content.decode("cp949", "curate-two-bytes")


def _iso_2022_jp(content: bytes) -> str:
    """Each stretch by the set that the escape sequence before it names; ASCII at the start."""
    first, *rest = _ISO_2022_ESCAPES.split(content)
    pieces = [_ascii(first)]
    for escape, stretch in zip(rest[::2], rest[1::2], strict=True):
        if escape[1:2] == b"$":
            end = next((at for at in range(0, len(stretch), 2) if stretch[at] < 0x21), len(stretch))
            pieces += [_euc_jp(bytes(code | 0x80 for code in stretch[:end])), _ascii(stretch[end:])]
        elif escape == b"\x1b(I":
            halves = (chr(0xFF61 + code - 0x21) if 0x21 <= code <= 0x5F else chr(code) for code in stretch)
            pieces.append("".join(halves))
        else:
            text = _ascii(stretch)
            pieces.append(text.translate(_ROMAN_CHANGES) if escape == b"\x1b(J" else text)
    return "".join(pieces)


def _ascii(content: bytes) -> str:
    return content.decode("ascii", "replace")


def _user_defined(content: bytes) -> str:
    return "".join(chr(code if code < 0x80 else 0xF700 + code) for code in content)


def _by_codec(name: str) -> Callable[[bytes], str]:
    return lambda content: content.decode(name, "replace")


_DECODERS: dict[str, Callable[[bytes], str]] = {
    "utf-8": _by_codec("utf-8"),
    "utf-16le": _by_codec("utf-16-le"),
    "utf-16be": _by_codec("utf-16-be"),
    "gbk": _gb18030,
    "gb18030": _gb18030,
    "big5": _big5,
    "shift_jis": _shift_jis,
    "euc-jp": _euc_jp,
    "euc-kr": _euc_kr,
    "iso-2022-jp": _iso_2022_jp,
    "hz-gb-2312": _by_codec("hz"),
    "iso-2022-kr": _by_codec("iso2022_kr"),
    "x-user-defined": _user_defined,
}
ENCODINGS = frozenset([*_SINGLE_BYTE, *_DECODERS])
"""Every name that `decode_as` takes."""

_SINGLE_BYTE_CHANGES = {"koi8-u": {0x255D: 0x45E, 0x256C: 0x40E}}
_ISO_2022_ESCAPES = re.compile(rb"(\x1b(?:\$[@B]|\([BJI]))")
_ROMAN_CHANGES = {0x5C: 0xA5, 0x7E: 0x203E}
_SHIFT_JIS_CHANGES = dict.fromkeys(range(0xF8F0, 0xF8F4), 0xFFFD)
_EUC_JP_CHANGES = str.maketrans("〜‖−¢£¬", "～∥－￠￡￢")
_BIG5_TOKENS = re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]|.", re.DOTALL)
_BIG5_SLASHES = {b"\xa2A": "∕", b"\xa2B": "﹨"}
_BIG5_CHANGES = str.maketrans("•､‾∼♁☉¥¢£", "‧﹑¯～⊕⊙￥￠￡")
# Private characters of Python's older table -> those of GB 18030-2022.
_GB18030_CHANGES = {
    0xE5E5: 0x3000,
    **dict(zip(range(0xE78D, 0xE797), [0xFE10, 0xFE12, 0xFE11, *range(0xFE13, 0xFE1A)], strict=True)),
    0xE7C7: 0x1E3F,
    **dict(
        zip(
            [0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE832, 0xE843, 0xE854, 0xE864],
            range(0x9FB4, 0x9FBC),
            strict=True,
        )
    ),
}
# What HKSCS-2008 and the Standard add to HKSCS-2004: consecutive characters from a code on, and single ones.
_BIG5_RUNS = {
    0x877A: "㡵𡵓𣚞𦀡㻬𥣞㫵竼龗𤅡𨤍𣇪𠪊𣉞䌊蒄龖鐯䤰蘓墖靊鈘秐稲晠権袝瑌篅枂稬剏遆㓦珄𥶹瓆鿇垳",
    0x87C4: "䤯呌䄱𣚎堘穲𧭥讏䚮𦺈䆁𥶙箮𢒼鿈𢓁𢓉𢓌鿉蔄𣖻䂴鿊䓡𪷿拁灮鿋",
}
_BIG5_SINGLE = (
    "8E69箸 8E6F簆 8E7E糎 8EAB緒 8EB4縝 8ECD者 8ED0耨 8F57菁 8F69蒨 8F6E萏 8FCB覦 8FCC覩 8FFE起 906D都 "
    "907A銹 90DC靜 90F1響 91BF鼖 9244蔃 92AF兙 92B0兛 92B1兝 92B2兞 92C8鍮 92D1瑹 9447浧 94CA禛 95D9邗 "
    "9644靝 96ED瀞 96FC嬨 9B76爁 9B78矗 9B7B纇 9BC6駖 9BDE釔 9BEC惞 9BF6澶 9C42輶 9C53侻 9C62營 9C68鄄 "
    "9C6B鷰 9C77菏 9CBC尐 9CBD秣 9CD0婧 9D57輋 9D5A筑 9DC4拐 9EA9恢 9EEF痹 9EFD汊 9F60鬮 9F66鼗 9FCB僭 "
    "9FD8弌 A063蠏 A077拎 A0D5瑨 A0DF煢 A0E4牐 C6CF廴 C6D3无 C6D5癶 C6D7隶 C6DE〃 C6DF仝 FA5F倩 FA66偽 "
    "FABD包 FAC5卄 FAD5卿 FB48嘅 FBB8婷 FBF3幵 FBF9廐 FC4F彘 FC6C悤 FCB9撐 FCE2晴 FCF1杞 FDB7沜 FDB8渝 "
    "FDBB港 FDF1煮 FE52猪 FE6F瑜 FEAA瓩 FEDD砉"
)


def _next_big5(code: int) -> int:
    """The code of the next cell."""
    lead, trail = divmod(code, 256)
    if trail == 0xFE:
        return (lead + 1) * 256 + 0x40
    return code + 1 if trail != 0x7E else lead * 256 + 0xA1


def _add_big5() -> dict[bytes, str]:
    found = {int(item[:4], 16): item[4:] for item in _BIG5_SINGLE.split()}
    # Pictures of the control characters, and the euro behind them.
    found |= dict(zip(range(0xA3C0, 0xA3E2), [*map(chr, range(0x2400, 0x2420)), "␡", "€"], strict=True))
    for code, characters in _BIG5_RUNS.items():
        at = code
        for character in characters:
            found[at] = character
            at = _next_big5(at)
    return {code.to_bytes(2, "big"): character for code, character in found.items()}


_BIG5_MORE = _add_big5()
