"""`hash_words` against a plain-Python reading of its definition."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.unicode_tables import is_single
from curate.text.words import hash_words

MASK = 2**64 - 1


def split_words(text: str | bytes | None) -> list[bytes]:
    """The definition of a word, without any kernel."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    words, run = [], ""
    for character in (text or "") + " ":
        is_part = unicodedata.category(character)[0] in "LMN"
        single = is_part and is_single(ord(character))
        if is_part and not single:
            run += character.casefold()
            continue
        if run:
            words.append(run.encode())
            run = ""
        if single:
            words.append(character.casefold().encode())
    return words


def hash_word(word: bytes) -> int:
    state = 0x9E3779B97F4A7C15
    for at in range(0, len(word), 8):
        state = ((state ^ int.from_bytes(word[at : at + 8], "little")) * 0xD6E8FEB86659FD93) & MASK
        state ^= state >> 32
    state = ((state ^ len(word)) * 0xFF51AFD7ED558CCD) & MASK
    return state ^ (state >> 29)


def expected(texts):
    per_document = [[hash_word(word) for word in split_words(text)] for text in texts]
    return [h for hashes in per_document for h in hashes], np.cumsum([0, *map(len, per_document)]).tolist()


def assert_equal_to_oracle(array: pa.Array, texts=None) -> None:
    words = hash_words(array)
    hashes, offsets = expected(array.to_pylist() if texts is None else texts)
    assert words.offsets.tolist() == offsets
    assert words.hashes.tolist() == hashes
    assert (words.hashes.dtype, words.offsets.dtype) == (np.uint64, np.int64)


SOME_OF_EVERYTHING = [
    "The quick brown fox, 42 times; jumps!",
    "Straße STRASSE strasse",
    "ﬁne ŉ İstanbul ΐ ᾷ ẞ",
    "don't stop-motion under_score",
    "昔々、あるところに。カタカナ ﾊﾝｶｸ mixed中text",
    "ภาษาไทยไม่มีเว้นวรรค ລາວ ខ្មែរ မြန်မာ བོད་ཡིག",
    "العربية تُكتب من اليمين עברית",
    "한국어 띄어쓰기",
    "e\u0301 decomposed, 👩‍👩‍👧 emoji \u200b zero width \u00ad soft",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐀𐐨 𠀀𠀁 \U000e0100",
    "",
    None,
    "\x00nul\x00inside\x00",
    "a",
    "x" * 70,
    "ǅ" * 20_000,
    "one " * 5_000,
]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_every_kind_of_text_gives_the_words_of_the_definition(kind):
    assert_equal_to_oracle(pa.array(SOME_OF_EVERYTHING, kind))


def test_every_code_point_is_classified_and_folded_as_unicodedata_says():
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]
    assert_equal_to_oracle(
        pa.array(["x".join(characters[i : i + 4096]) for i in range(0, len(characters), 4096)])
    )


def test_a_slice_gives_the_words_of_its_own_rows():
    array = pa.array(SOME_OF_EVERYTHING)
    for start, stop in ((1, 4), (3, 12), (10, 12), (5, 5)):
        assert_equal_to_oracle(array[start:stop])


def test_chunked_arrays_dictionaries_and_views_read_like_plain_strings():
    array = pa.array(["red apple", "Blue", None])
    whole = hash_words(array).hashes.tolist()
    chunked = pa.chunked_array([array[:1], array[1:]])
    assert hash_words(chunked).hashes.tolist() == whole
    assert hash_words(array.dictionary_encode()).hashes.tolist() == whole
    assert hash_words(pa.chunked_array([], pa.string())).offsets.tolist() == [0]
    assert hash_words(pa.nulls(2)).offsets.tolist() == [0, 0, 0]


def test_bytes_under_a_null_are_not_read():
    validity = pa.py_buffer(bytes([0b101]))
    offsets = pa.py_buffer(np.array([0, 3, 6, 9], np.int32))
    array = pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"oneGONtwo"), validity)
    assert_equal_to_oracle(array, ["one", None, "two"])


@pytest.mark.parametrize("length", [7, 8, 9, 63, 64, 65, 8183, 8184, 8185, 8191, 8192, 8193, 16_400, 30_001])
def test_words_of_any_length_cross_tile_borders(length):
    texts = [
        "y" * length,
        "é" * length,
        " " * (length - 3) + "abcdefghijk lm",
        "z" * length + " end",
        "中" * length,
    ]
    assert_equal_to_oracle(pa.array(texts))


def raw(chunks: list[bytes]) -> pa.Array:
    """A string array whose bytes nobody checked."""
    offsets = np.cumsum([0, *map(len, chunks)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(chunks), pa.py_buffer(offsets), pa.py_buffer(b"".join(chunks)))


NOT_UTF8 = [
    b"\xff\xfeab",
    b"ab\xc3",
    b"\xe4\xb8",
    b"\xe4\xb8a",
    b"\xf0\x9f\x98",
    b"\xc0\x80\xc1\xbfx",
    b"\xed\xa0\x80y",
    b"\xe0\x80\x80z",
    b"\xf4\x90\x80\x80",
    b"\x80\x80word\x80",
    b"\xf5abc",
    b"\xf8\x88\x80\x80\x80",
    b"\xf0\x80\x80\x80q",
]


def test_bytes_that_are_not_utf8_separate_words():
    assert_equal_to_oracle(raw(NOT_UTF8), NOT_UTF8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=200)), max_size=6), st.integers(0, 3))
def test_kernel_and_oracle_agree_on_random_unicode(texts, skip):
    assert_equal_to_oracle(pa.array(texts, pa.string())[skip:])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_kernel_and_oracle_agree_on_random_bytes(chunks):
    assert_equal_to_oracle(raw(chunks), chunks)


def test_words_that_differ_only_in_trailing_nul_or_padding_hash_apart():
    assert len({hash_word(b"a"), hash_word(b"a\x00"), hash_word(b"a" * 8), hash_word(b"a" * 9)}) == 4


CHECKED = """
import numpy as np, pyarrow as pa
from curate.text.words import hash_words
nasty = [b"", b"\\x00", b"\\xff" * 9000, b"\\xe4\\xb8", "İ".encode() * 9000]
nasty += ["中".encode() * 5000, b"a" * 8185, b"a b" * 9000]
for texts in (nasty, nasty[::-1], [b"abc"], []):
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    array = pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))
    hash_words(array)
print("checked")
"""


def test_no_index_leaves_its_array(tmp_path):
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", CHECKED], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "checked\n", done.stderr


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=20) | st.none(), max_size=8), st.randoms(use_true_random=False))
def test_taking_rows_equals_hashing_their_texts(documents, random):
    rows = np.array(sorted(random.sample(range(len(documents)), random.randint(0, len(documents)))), np.int64)
    taken = hash_words(pa.array(documents, pa.string())).take(rows)
    alone = hash_words(pa.array([documents[row] for row in rows], pa.string()))
    assert taken.hashes.tolist() == alone.hashes.tolist()
    assert taken.offsets.tolist() == alone.offsets.tolist()


def test_rows_without_words_are_left_out_without_a_copy():
    words = hash_words(pa.array([None, "one two", "", "three", None]))
    taken = words.take(np.array([1, 3]))
    assert taken.hashes is words.hashes
    assert taken.offsets.tolist() == [0, 2, 3]
