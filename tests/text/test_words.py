"""`hash_words` against a plain-Python reading of its definition."""

from __future__ import annotations

import re
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.unicode_tables import is_single
from curate.text.words import add_signs, hash_words

MASK = 2**64 - 1


def hash_with_signs(text: str) -> list[int]:
    """The hashes of a text's words, those behind signs changed by these, as deduplication compares them."""
    words = hash_words(pa.array([text]), signs=True)
    signed = np.empty(len(words.hashes), np.uint64)
    add_signs(words.hashes, words.signs, 0, len(signed), signed)
    return signed.tolist()


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


@given(
    st.lists(
        st.text(st.characters(max_codepoint=127), max_size=150)
        | st.text("abcXYZ019 _@[`{/:\n", min_size=60, max_size=70)
        | st.sampled_from(["é", "’", "中", "ẞ", "Ǆ", "x" * 17, "one two, Three"]),
        max_size=12,
    ),
    st.sampled_from([0, 8192 - 100]),
)
@settings(deadline=None)
def test_stretches_of_ascii_give_the_words_of_the_definition(pieces, n_before):
    assert_equal_to_oracle(pa.array(["a " * (n_before // 2) + "".join(pieces)] * 2))


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


SIGNS_ALWAYS = set("+/<>=^&%()[]{}")


def gaps(text: str) -> list[tuple[str, str, str]]:
    """(word before, gap, word behind) around every word of a text, in the bytes that the kernel sees of a gap."""
    pieces, word, gap, last = [], "", "", ""

    def close() -> None:
        nonlocal word, gap, last
        if word:
            pieces.append((last, gap, word))
            last, word, gap = word, "", ""

    for character in text:
        is_part = unicodedata.category(character)[0] in "LMN"
        if is_part and is_single(ord(character)):
            close()
            gap += "\0"
            word = character.casefold()
            close()
            gap = "\0"
        elif is_part:
            word += character.casefold()
        else:
            close()
            gap += as_gap_byte(character)
    close()
    return [*pieces, (last, gap, "")]


def as_gap_byte(character: str) -> str:
    code = ord(character)
    if code < 128:
        return character
    if code == 0x2212:
        return "-"
    is_operator = 0x2200 <= code < 0x2300 or character in "×÷±"
    return chr(0x80 | code & 0x7F) if is_operator else "\0"


def sign_of(last: str, gap: str, word: str) -> int:
    """The definition of the signs in a gap, of which the last eight bytes are seen."""
    gap = re.sub(r"[ \t\r\n]+", lambda white: "\n" if "\n" in white[0] else " ", gap)
    seen, is_short = gap[-8:], len(gap) <= 8
    is_digit = word[:1] in set("0123456789") and bool(word)
    found = 0
    for i, sign in enumerate(seen):
        before, behind = seen[i - 1] if i else None, seen[i + 1 : i + 2]
        opens_line = before == "\n" or (before is None and is_short and not last)
        run = (
            len(seen[: i + 1])
            - len(seen[: i + 1].rstrip(sign))
            + len(seen[i + 1 :])
            - len(seen[i + 1 :].lstrip(sign))
        )
        counts = False
        if sign in SIGNS_ALWAYS or ord(sign) >= 128:
            counts = not (opens_line and behind == " ") and run <= 3
        elif sign in "-!":
            if not behind:
                free = before is not None or not last
                counts = bool(free and word and (is_digit or sign == "!" or not opens_line))
            elif sign == "-":
                counts = before == " " and behind == " " and i == len(seen) - 2 and is_digit
            else:
                counts = behind == "="
        elif sign == "*":
            counts = bool(len(gap) <= 3 and set(gap) == {"*"} and last and word)
        elif sign in ".,":
            counts = bool(len(gap) == 1 and is_digit and last[-1:] in set("0123456789") and last)
        if counts:
            found = max((found * 31 + ord(sign)) & 255, 1)
    return found


def expected_signs(text: str) -> list[int]:
    *pieces, (last, gap, _) = gaps(text)
    signs = [sign_of(*piece) for piece in pieces]
    if signs:
        signs[-1] ^= sign_of(last, gap, "") * 7 & 255
    return signs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("if x < low: return low", "if x > low: return low"),
        ("if x < low: return low", "if x < low: return -low"),
        ("Solve 3x - 5 = 7", "Solve 3x + 5 = 7"),
        ("It is -40 °C outside", "It is 40 °C outside"),
        ("It is \u221240 °C outside", "It is 40 °C outside"),
        ("5 - 3", "5.3"),
        ("-5 + 3", "5 - 3"),
        ("a != b", "a == b"),
        ("a <= b", "a < b"),
        ("!done", "done"),
        ("2*3", "2/3"),
        ("2**3", "2*3"),
        ("a ≤ b", "a ≥ b"),
        ("2 × 3", "2 ÷ 3"),
        ("x^2", "x2 "),
        ("grew by 5%", "grew by 5"),
        ("c = (a + b) * 2", "c = a + (b * 2)"),
        ("f(x) && g(x)", "f(x) || g(x)"),
        ("\n-40 is cold", "\n40 is cold"),
    ],
)
def test_signs_of_formulas_and_programs_make_another_text(one, other):
    texts = [hash_with_signs(text) for text in (one, other)]
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, world!", "Hello world."),
        ("a well-known fact", "a well known fact"),
        ("- milk\n- eggs", "• milk\n* eggs"),
        ("> quoted\n> line", "quoted\nline"),
        ("Title\n=====\ntext", "Title\n\ntext"),
        ("the city - a port", "the city – a port"),
        ("x<low", "x  <  low"),
        ("a[i]\n        + 1", "a[i]\n\t+ 1"),
        ("**bold** word", "bold word"),
        ("1 990 and 3, 4", "1 990 and 3 4"),
        ("-40", "\u221240"),
    ],
)
def test_punctuation_bullets_and_rulers_are_no_signs(one, other):
    texts = [hash_with_signs(text) for text in (one, other)]
    assert texts[0] == texts[1]


SIGN_TEXTS = st.text(st.sampled_from("ab 1\n\n  -+=<>!*./,%&^−×∈·–中ไé(}"), max_size=60)


@given(st.lists(SIGN_TEXTS, max_size=5))
def test_signs_are_those_of_the_definition(texts):
    words = hash_words(pa.array(texts, pa.string()), signs=True)
    assert words.signs.tolist() == [sign for text in texts for sign in expected_signs(text)]


def test_signs_at_the_borders_of_tiles_are_not_lost():
    for n_before in range(8170, 8200):
        text = "x" * n_before + " < -4 = a!= b %"
        short = "x < -4 = a!= b %"
        for filler in (text, "é" * (n_before // 2) + text[n_before:], " " * n_before + "x" + text[n_before:]):
            assert (
                hash_words(pa.array([filler]), signs=True).signs.tolist()
                == expected_signs(filler)
                == expected_signs(short)
            )


def test_taking_rows_takes_their_signs():
    words = hash_words(pa.array(["a < b", "c", "-4 %"]), signs=True)
    assert words.take(np.array([0, 2])).signs.tolist() == expected_signs("a < b") + expected_signs("-4 %")
