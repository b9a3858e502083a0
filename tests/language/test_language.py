"""The language kernel against the fasttext package, and the edges of what it is given."""

from __future__ import annotations

import gzip
import json
import random
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.bundled import classifiers_folder
from curate.errors import SettingError, UnknownNameError
from curate.language import check_languages, codes, identify, identify_languages, kernel
from curate.text.words import view_utf8

TEXTS = {
    "en": "The water of the river flows down to the sea, where it meets the salt water of the tide.",
    "de": "Das Wasser des Flusses fließt hinab zum Meer, wo es auf das Salzwasser der Flut trifft.",
    "fr": "L'eau de la rivière descend vers la mer, où elle rencontre l'eau salée de la marée.",
    "ru": "Вода реки течёт вниз к морю, где она встречается с солёной водой прилива.",
    "ja": "川の水は海へと流れ、そこで潮の塩水と出会います。",
    "ar": "تتدفق مياه النهر إلى البحر حيث تلتقي بمياه المد المالحة.",
    "he": "מי הנהר זורמים אל הים ושם הם פוגשים את המים המלוחים של הגאות.",
    "zh": "河水流向大海，在那里与潮汐的咸水相遇。",
}


@pytest.fixture(scope="module")
def peer() -> object:
    return fasttext.load_model(str(classifiers_folder() / "language" / "lid.176.ftz"))


DRESSED = "[\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d6a3\u24b6-\u24e9\U0001f130-\U0001f149]"


def undress(text: str) -> str:
    """Latin letters of the dresses that the kernel knows as plain ones, where they are most of the text's letters."""
    head = text.encode()[:4096].decode(errors="ignore")
    others = re.sub(DRESSED, "", head)
    n_letters = len(re.findall(r"[A-Za-z]|[^\x00-\x7f]", others))
    return unicodedata.normalize("NFKC", text) if len(re.findall(DRESSED, head)) > n_letters else text


def predict_with_peer(peer: object, texts: list[str]) -> list[tuple[str | None, float]]:
    lines = [undress(text).replace("\n", " ") for text in texts]
    labels, shares = peer.f.multilinePredict([line + "\n" for line in lines], 1, 0.0, "strict")
    has_word = [bool(line.strip(" \t\v\f\r\0")) for line in lines]
    return [
        (found[0].removeprefix("__label__"), min(float(share[0]), 1.0)) if has else (None, 0.0)
        for found, share, has in zip(labels, shares, has_word, strict=True)
    ]


def assert_equal_to_peer(peer: object, texts: list[str]) -> None:
    found = identify_languages(pa.array(texts, pa.string()), whole=True)
    expected = predict_with_peer(peer, texts)
    shares = np.array([share for _, share in expected])
    np.testing.assert_allclose(found["language_confidence"].to_numpy(), shares, atol=2e-5)
    for text, language, (label, share) in zip(texts, found["language"].to_pylist(), expected, strict=True):
        if share > 0.3:  # below, two labels may tie within the rounding of a sum
            assert language == label, text[:100]
        assert (language is None) == (label is None), text[:100]


@pytest.mark.parametrize("code", TEXTS)
def test_the_language_of_a_sentence_is_found(code: str) -> None:
    (found,) = identify_languages(pa.array([TEXTS[code]])).to_pylist()
    assert found["language"] == code
    assert found["language_confidence"] > 0.65


def test_labels_and_probabilities_are_those_of_fasttext(peer: object) -> None:
    texts = [
        *TEXTS.values(),
        "a",
        "é",
        "</s>",
        "<the>",
        "x" * 5000,
        "the the the",
        "naïve\u00a0café\u2028line",
        "\t\vtab\r\nline",
    ]
    assert_equal_to_peer(peer, texts)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=8))
def test_any_unicode_gives_what_fasttext_gives(texts: list[str]) -> None:
    model = fasttext.load_model(str(classifiers_folder() / "language" / "lid.176.ftz"))
    assert_equal_to_peer(model, texts)


@pytest.mark.parametrize(
    ("capital_a", "small_a"), [("\uff21", "\uff41"), ("\U0001d400", "\U0001d41a"), ("\u24b6", "\u24d0")]
)
def test_latin_letters_in_full_width_or_other_dress_are_read_as_plain_ones(
    capital_a: str, small_a: str
) -> None:
    table = {ord("A") + n: ord(capital_a) + n for n in range(26)} | {
        ord("a") + n: ord(small_a) + n for n in range(26)
    }
    for code in ("en", "de", "fr"):
        text = TEXTS[code]
        plain, dressed = identify_languages(pa.array([text, text.translate(table)])).to_pylist()
        assert dressed["language"] == code
        assert abs(dressed["language_confidence"] - plain["language_confidence"]) < 0.05
    (found,) = identify_languages(pa.array(["\uff28\uff34\uff2d\uff2c" + TEXTS["ja"]])).to_pylist()
    assert found["language"] == "ja"


def is_dressed_plainly(text: bytes) -> bool:
    """By characters, of which the last may be cut off: its missing bits are then 0."""
    n_dressed = n_others = 0
    for i, lead in enumerate(text):
        if lead < 0xE2:
            n_others += lead >= 0xC0 or bytes([lead]).isalpha()
        else:
            n_bytes = 4 if lead >= 0xF0 else 3
            whole = text[i : i + n_bytes].ljust(n_bytes, b"\x80")
            is_dressed = re.fullmatch(DRESSED, whole.decode(errors="replace"))
            n_dressed, n_others = n_dressed + bool(is_dressed), n_others + (not is_dressed)
    return n_dressed > n_others


PIECES = ("ab ", "A", "z@[`{", ".", "hello there, ", " ", "\uff21", "\uff41", "\uff10", "\u24d0", "\U0001d41a",
          "\U0001f130", "\u00e9", "\u3042", "\U0001f600", "\u0431\u0432")  # fmt: skip


@given(
    st.lists(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), max_size=4),
    st.integers(0, 4096), st.sampled_from(PIECES),
)  # fmt: skip
@settings(deadline=None)
def test_texts_mostly_of_dressed_letters_are_marked(texts: list[str], n_spaces: int, repeated: str) -> None:
    texts += [" " * n_spaces + text + repeated * 900 for text in texts]
    marks = np.zeros(len(texts), np.bool_)
    kernel.find_dressed(*view_utf8(pa.array(texts, pa.large_string())), marks)
    assert marks.tolist() == [is_dressed_plainly(text.encode()[:4096]) for text in texts]


def test_a_text_without_a_word_has_no_language() -> None:
    found = identify_languages(pa.array(["", None, " \n\t "], pa.string())).to_pylist()
    assert found == [{"language": None, "language_confidence": 0.0}] * 3


def test_a_text_does_not_depend_on_its_neighbours_or_on_where_the_array_starts() -> None:
    texts = list(TEXTS.values())
    together = identify_languages(pa.array(texts * 3)).to_pylist()
    alone = [identify_languages(pa.array([text])).to_pylist()[0] for text in texts]
    assert together == alone * 3
    assert identify_languages(pa.array(["skip", *texts, "skip"])[1:-1]).to_pylist() == alone
    assert identify_languages(pa.array(texts, pa.large_string())).to_pylist() == alone


def test_words_that_were_met_before_change_nothing() -> None:
    draw = random.Random(0)
    texts = [" ".join("".join(draw.choices("abcdeé", k=6)) for _ in range(200)) for _ in range(1000)]
    identify_languages(pa.array(texts))  # more words than there are places
    after = identify_languages(pa.array(texts)).to_pylist()
    with ThreadPoolExecutor(1) as pool:  # a thread of its own remembers nothing yet
        fresh = pool.submit(
            lambda: [identify_languages(pa.array([text])).to_pylist()[0] for text in texts[::-1]]
        )
    assert after == fresh.result()[::-1]


@pytest.mark.parametrize("length", [7, 8, 9, 15, 16, 17, 23, 24, 25, 32])
def test_a_word_of_any_length_at_the_end_of_the_data_is_read_whole(peer: object, length: int) -> None:
    word = "wasserstandsanzeigegeraetschaften"[:length]
    assert_equal_to_peer(peer, [word, f"das {word}", f"{word}\x01 {word}"])


@given(st.integers(0, 5000), st.integers(1, 5000), st.text(alphabet="abé \n", max_size=60))
@settings(deadline=None, max_examples=30)
def test_where_a_tile_ends_changes_nothing(n_before: int, n_long: int, text: str) -> None:
    """Words are found by tiles of 4,096 bytes: white space in front moves all words, also one longer than a tile."""
    texts = [f"{text} {'z' * n_long} {text}", f"die Sprache {text * 80}"]
    moved = pa.array([" " * n_before + text for text in texts])
    found, expected = (identify_languages(each, whole=True) for each in (moved, pa.array(texts)))
    assert found.to_pylist() == expected.to_pylist()


@given(st.text(alphabet="aeinrst-Q7", min_size=1, max_size=24))
@settings(deadline=None)
def test_ngrams_hashed_side_by_side_are_those_hashed_one_by_one(word: str) -> None:
    tables, _ = identify._load()
    letters = np.frombuffer(word.encode() + bytes(40), np.uint8)
    rows = tables.rows, tables.ngram_bits, tables.ngram_ranks, tables.ngram_order
    one_by_one, side_by_side = np.zeros((2, 16), np.float32)
    n = kernel._add_word_ngrams(letters, 0, len(word), *rows, tables.n_buckets, one_by_one, 0)
    scratch = np.zeros(64, np.uint8), np.empty((3, 32), np.uint32), np.empty(80, np.uint32)
    assert kernel._add_ascii_ngrams(letters, 0, len(word), *rows, side_by_side, 0, *scratch) == n
    assert side_by_side.tobytes() == one_by_one.tobytes()


def test_an_unknown_language_is_refused() -> None:
    check_languages(["en", "any"])
    with pytest.raises(UnknownNameError, match=r"Unknown language 'englisch'\."):
        check_languages(["englisch"])


@pytest.mark.realdata
def test_real_pages_get_the_labels_of_fasttext(peer: object, real_data: Path) -> None:
    for name in ("weborganizer-00.jsonl.gz", "c4.jsonl.gz"):
        with gzip.open(real_data / "web" / name, "rt", encoding="utf-8") as file:
            assert_equal_to_peer(peer, [json.loads(line)["text"] for line in file][:1000])


@pytest.mark.parametrize(
    ("text", "code"),
    [("cmn", "zh"), ("nb", "no"), ("fr-FR", "fr"), ("zh-CN", "zh"), ("zh_TW", "zh"), ("FR", "fr"), ("english", "en"),
     ("French", "fr"), ("iw", "he"), ("fil", "tl"), ("hbs", "sh"), ("pt-br", "pt"), ("Haitian Creole", "ht"),
     ("en_US.UTF-8", "en"), ("zh-Hant-TW", "zh"), ("srp_Latn", "sr"), ("cn", "zh"), ("cz", "cs"), ("ary", "ar"), ("Deutsch", "de"),
     ("FRANÇAIS", "fr"), ("中文", "zh")],
)  # fmt: skip
def test_other_ways_to_write_a_language_are_answered_with_its_code(text: str, code: str) -> None:
    with pytest.raises(SettingError, match=f"--language {code} "):
        check_languages([text])


def test_every_alias_means_a_code_that_the_model_knows() -> None:
    known = set(identify._load()[1].to_pylist())
    assert set(codes._CODE_OF.values()) <= known


def test_texts_may_come_as_any_column_or_list() -> None:
    texts = [
        "The sun warms the sea, and water rises.",
        None,
        "Die Sonne erwärmt das Meer, und Wasser steigt auf.",
    ]
    found = identify_languages(texts)
    assert found["language"].to_pylist() == ["en", None, "de"]
    for kind in (pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        assert identify_languages(pa.array(texts).cast(kind)).equals(found)
