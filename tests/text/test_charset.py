from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.charset import decode_text, find_meta_charset
from curate.text.encodings import ENCODINGS, decode_as, find_encoding


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        (b"\xef\xbb\xbfna\xc3\xafve", "latin-1", "naïve"),
        ("Grüße".encode("utf-16"), None, "Grüße"),
        ("<p>Grüße".encode("utf-16-be"), "utf-16be", "<p>Grüße"),
        (b"<p>plain", "utf-16", "<p>plain"),
        (b"caf\xe9", "ISO-8859-1", "café"),
        ("café".encode(), "iso-8859-1", "café"),
        ("“quoted”".encode("cp1252"), "latin-1", "“quoted”"),
        (
            "<meta charset=windows-1251><p>Привет".encode("cp1251"),
            None,
            "<meta charset=windows-1251><p>Привет",
        ),
        ('<meta http-equiv=content-type content="text/html; charset=gb2312">你好'.encode("gbk"), None, None),
        ("<?xml version='1.0' encoding='shift_jis'?>こんにちは".encode("shift_jis"), None, None),
        ("こんにちは".encode("iso2022_jp"), "iso-2022-jp", "こんにちは"),
        ("日本語".encode("euc-jp"), '"EUC-JP"', "日本語"),
        (b"a\0b\xff", "utf-8", "a\ufffdb\ufffd"),
        ("été, cut off in a chár".encode()[:-2], None, "été, cut off in a ch\ufffd"),
    ],
)
def test_mark_then_valid_utf8_then_header_then_meta_decide(content, charset, text):
    decoded = decode_text(content, charset)
    assert decoded == text if text is not None else decoded[-1] in "好は"


@pytest.mark.parametrize("charset", ["klingon", "", "x-user-defined", "utf-7", "undefined", "base64"])
def test_an_unknown_charset_falls_back_to_detection(charset):
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    assert decode_text(russian.encode("cp1251"), charset) == russian


# blake2b of all characters of an index of the Encoding Standard, in order; euc-jp is its JIS X 0208.
INDEXES = {
    "ibm866": "663ebe56406b4b4a", "koi8-r": "12342e397720b1aa", "koi8-u": "da3bf122f768368e",
    "macintosh": "1e2aea615617ac59", "x-mac-cyrillic": "b1b5c79f7ac4b3b3", "windows-874": "1da82022ff4cb5ee",
    "windows-1250": "5133d93426730cde", "windows-1251": "0482f28fe32d121e", "windows-1252": "229c3c262e6a0cb0",
    "windows-1253": "6427059dd3e20766", "windows-1254": "ba04da1da22ae8fc", "windows-1255": "f3306feff9841069",
    "windows-1256": "65e2644aee974953", "windows-1257": "7196d66c9b6ff02f", "windows-1258": "9c73a50d6ef755ba",
    "iso-8859-2": "52cf3d0728e2018a", "iso-8859-3": "349194b2ebf475ac", "iso-8859-4": "e12f3a741dc27000",
    "iso-8859-5": "317c81b7dbddff46", "iso-8859-6": "058c9cc8c9d08259", "iso-8859-7": "d5042b8da9ea0243",
    "iso-8859-8": "36cc72883dad0ad7", "iso-8859-10": "8e4f6bec591174ce", "iso-8859-13": "b16daccb93630ef2",
    "iso-8859-14": "3c1aa18c10b44f6c", "iso-8859-15": "5672dc1f86c85111", "iso-8859-16": "c3a950c3c50728fe",
    "big5": "432d38c62629ba39", "euc-kr": "3f15f60ad2d85a03", "gbk": "ef099573dd2741d1",
    "shift_jis": "4f0620d34e138a74", "euc-jp": "c098c9b78e4a19ac",
}  # fmt: skip


def in_the_standard(pair):
    row, cell = pair[0] - 0xA1, pair[1] - 0xA1
    lead, trail = row // 2, cell + row % 2 * 94
    sequence = bytes([lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41)])
    return "\ufffd" not in sequence.decode("cp932", "replace")


def sequences(encoding):
    """Every byte or pair of bytes that an index of the Standard could hold, in the order of its pointers."""
    if encoding in ("big5", "gbk", "euc-kr", "shift_jis", "euc-jp"):
        trails = {
            "big5": [*range(0x40, 0x7F), *range(0xA1, 0xFF)],
            "gbk": [*range(0x40, 0x7F), *range(0x80, 0xFF)],
            "euc-kr": range(0x41, 0xFF),
            "shift_jis": [*range(0x40, 0x7F), *range(0x80, 0xFD)],
            "euc-jp": range(0xA1, 0xFF),
        }[encoding]
        leads = {
            "shift_jis": [*range(0x81, 0xA0), *range(0xE0, 0xF0), *range(0xFA, 0xFD)],
            "euc-jp": range(0xA1, 0xFF),
        }
        pairs = (bytes([lead, trail]) for lead in leads.get(encoding, range(0x81, 0xFF)) for trail in trails)
        # JIS X 0213, which is decoded as well, has more than the Standard.
        yield from (pair for pair in pairs if encoding != "euc-jp" or in_the_standard(pair))
    else:
        yield from (bytes([code]) for code in range(0x80, 0x100))


@pytest.mark.parametrize("encoding", INDEXES)
def test_every_sequence_is_decoded_as_the_standard_says(encoding):
    decoded = (decode_as(sequence, encoding) for sequence in sequences(encoding))
    characters = "".join(text for text in decoded if "\ufffd" not in text)
    assert hashlib.blake2b(characters.encode(), digest_size=8).hexdigest() == INDEXES[encoding]


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        ("①㈱髙﨑".encode("cp932"), "shift_jis", "①㈱髙﨑"),
        ("똠방각하 펲시콜라".encode("cp949"), "euc-kr", "똠방각하 펲시콜라"),
        ("㐀𠀀 镕€".encode("gb18030"), "gb2312", "㐀𠀀 镕€"),
        (b"\x80 5", "gbk", "€ 5"),
        (b"\xa3\xe1 \x87\xc4", "big5", "€ 䤯"),
        (b"\xa2A / \xa1\xfe", "big5", "∕ / ／"),
        (b"\xad\xa1\xfc\xe2", "euc-jp", "①髙"),
        (b"\xa2\xb2", "euc-jp", "\uff5e"),
        (b"\x1b$B$3-!\x1b(Bab\x1b(J\\\x1b(I1", "iso-2022-jp", "こ①ab¥ｱ"),
        (b"\x81<b>\xff", "shift_jis", "\ufffd<b>\ufffd"),
        (b"\x81\x8d\x93", "windows-1252", "\x81\x8d“"),
        (b"\xca", "windows-1255", "\u05ba"),
        (b"\x80\xff", "x-user-defined", "\uf780\uf7ff"),
    ],
)
def test_the_wider_sets_of_browsers_are_decoded(content, encoding, text):
    assert decode_as(content, find_encoding(encoding)) == text


@pytest.mark.parametrize(
    ("head", "label"),
    [
        (b"<meta charset=koi8-r>", "koi8-r"),
        (b"<META/CHARSET='koi8-r'/>", "koi8-r"),
        (b"<!-- <meta charset=big5> --><meta charset=koi8-r>", "koi8-r"),
        (b'<p title="<meta charset=big5>"><meta charset=koi8-r>', "koi8-r"),
        (b'<meta name=description content="text; charset=big5"><meta charset=koi8-r>', "koi8-r"),
        (b'<a href="?charset=big5">charset=big5</a>', None),
        (b'<meta content="text/html; charset=koi8-r" http-equiv=Content-Type>', "koi8-r"),
        (b'<meta http-equiv=refresh content="0; charset=big5">', None),
        (b"<meta charset=nonsense><meta charset=koi8-r>", "koi8-r"),
        (b"<meta charset=x-user-defined>", "windows-1252"),
        (b"<?xml version='1.0' encoding='koi8-r'?><html>", "koi8-r"),
        (b"<metadata charset=big5>", None),
        (
            b"<!DOCTYPE html><script>var charset='big5', encoding = 'big5'</script><meta charset=koi8-r>",
            "koi8-r",
        ),
        (b"<!-- never ends <meta charset=koi8-r>", None),
        (b"<meta charset", None),
    ],
)
def test_the_prescan_finds_what_a_browser_finds(head, label):
    assert find_meta_charset(head) == label


def test_iso_2022_jp_and_utf_16_are_known_without_a_label():
    japanese = "これは日本語の文章です。読めますか。"
    assert decode_text(f"<p>{japanese}".encode("iso2022_jp")) == f"<p>{japanese}"
    for codec in ("utf-16-le", "utf-16-be"):
        assert decode_text("<p>Plain words, Grüße.".encode(codec)) == "<p>Plain words, Grüße."


def test_a_meta_element_in_plain_text_is_text():
    text = "Write <meta charset=koi8-r> and caf\xe9."
    assert decode_text(text.encode("latin-1"), "latin-1", markup=False) == text


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from(sorted(ENCODINGS)))
def test_decoders_never_fail(content, encoding):
    assert isinstance(decode_as(content, encoding), str)


@settings(deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([None, "utf-8", "utf-16", "gbk", "hz", "iso-2022-jp", "big5", "?"]),
)
def test_any_bytes_give_text_that_utf8_can_hold(content, charset):
    text = decode_text(content, charset)
    assert text.encode().decode() == text
    assert "\0" not in text
