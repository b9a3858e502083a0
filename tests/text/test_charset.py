from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.extract import decode_text


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
        ('<meta content="text/html; charset=gb2312">你好'.encode("gbk"), None, None),
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


@settings(deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([None, "utf-8", "utf-16", "gbk", "hz", "iso-2022-jp", "big5", "?"]),
)
def test_any_bytes_give_text_that_utf8_can_hold(content, charset):
    text = decode_text(content, charset)
    assert text.encode().decode() == text
    assert "\0" not in text
