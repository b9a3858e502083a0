"""The byte-level kernel gives the ids of the package `tokenizers`, which is its oracle here."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_builders import TEXTS, small_encoder, word_tokenizer
from tokenizers import AddedToken, Tokenizer

from curate.tokens.bytelevel import ByteLevelKernel, make_kernel

SNIPPETS = [
    "'s", "'S", "'re", "'r", "it's", "'ll", "'l", "'", "''", " '", " 's", " ", "  ", "\n", "\r\n", "\t",
    " \n ", "\u00a0", "\u2003", "\u3000", "\u0085", "\x1c", "\u200b", "a", "Hello", "12", "½", "²", "３", "٣",
    "é", "e\u0301", "日本語", "ไทย", "ß", "—", "…", "!?", "\U0001f642", "\U0001d518", "\U000f0000", "\ufffd",
    "\x00", "\U00010d40",
]  # fmt: skip


def ids_of_kernel(kernel, texts):
    ids, lengths = kernel.encode(pa.array(texts, pa.large_string()), 0)
    ends = np.cumsum(lengths)
    assert (ids[ends - 1] == 0).all()
    return [some[:-1].tolist() for some in np.split(ids, ends[:-1])]


def ids_of_package(texts):
    tokenizer = small_encoder().tokenizer
    return [found.ids for found in tokenizer.encode_batch(texts, add_special_tokens=False)]


@pytest.fixture(scope="module")
def kernel():
    made = make_kernel(small_encoder().tokenizer)
    assert made is not None
    return made


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=8)).map("".join), max_size=5))
def test_any_texts_are_encoded_as_the_package_does(kernel, texts):
    assert not texts or ids_of_kernel(kernel, texts) == ids_of_package(texts)


def test_long_pieces_and_repeats_are_encoded_as_the_package_does(kernel):
    texts = [
        "ab" * 5000,
        " " * 3000,
        "=" * 2999 + "x",
        "\n" * 70 + " a",
        "日本" * 600,
        "a" * 4097,
        "the " * 500,
    ]
    texts += ["z" * n for n in range(14, 20)] + ["q" * n + "w" for n in range(92, 100)]
    for _ in range(2):  # the second time from the table
        assert ids_of_kernel(kernel, texts) == ids_of_package(texts)


def test_a_table_that_is_full_changes_nothing():
    model = json.loads(small_encoder().tokenizer.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    texts = [
        *TEXTS,
        "".join(chr(0x4E00 + i) for i in range(300)),
        " ".join(f"word{i}" * 4 for i in range(200)),
    ]
    small = ByteLevelKernel(model["vocab"], merges, n_slots=8)
    for _ in range(2):
        assert ids_of_kernel(small, texts) == ids_of_package(texts)
    assert small._fill[0] <= 6


def test_nulls_slices_and_chunks_count_as_they_should(kernel):
    array = pa.array(["skip", None, "a b", "", "it's", "skip"])
    chunks = pa.chunked_array([array.slice(1, 2), array.slice(3, 2)])
    ids, lengths = kernel.encode(array.slice(1, 4), 0)
    again, lengths_again = kernel.encode(chunks, 0)
    assert ids.tolist() == again.tolist()
    assert lengths.tolist() == lengths_again.tolist()
    assert lengths[0] == lengths[2] == 1


@pytest.mark.slow
def test_every_code_point_is_of_the_class_that_the_package_gives_it(kernel):
    for begin in range(0, 0x110000, 4096):
        points = [chr(point) for point in range(begin, begin + 4096) if not 0xD800 <= point < 0xE000]
        texts = [
            "".join(f"a{point}1 {point}{point}." for point in points[i : i + 64])
            for i in range(0, len(points), 64)
        ]
        assert not texts or ids_of_kernel(kernel, texts) == ids_of_package(texts)


def changed(**changes):
    description = json.loads(small_encoder().tokenizer.to_str())
    for name, value in changes.items():
        place, _, key = name.partition("__")
        if key:
            description[place][key] = value
        else:
            description[place] = value
    return Tokenizer.from_str(json.dumps(description))


@pytest.mark.parametrize(
    "changes",
    [
        {"pre_tokenizer__add_prefix_space": True},
        {"pre_tokenizer__use_regex": False},
        {"pre_tokenizer": None},
        {"normalizer": {"type": "NFC"}},
        {"model__ignore_merges": True},
        {"model__dropout": 0.1},
        {"model__byte_fallback": True},
    ],
)
def test_a_tokenizer_of_another_make_is_left_to_the_package(changes):
    assert make_kernel(changed(**changes)) is None


def test_words_and_added_tokens_are_left_to_the_package():
    assert make_kernel(word_tokenizer(["[UNK]", "a"], ["</s>"])) is None
    tokenizer = Tokenizer.from_str(small_encoder().tokenizer.to_str())
    tokenizer.add_tokens([AddedToken("    ", special=False)])
    assert make_kernel(tokenizer) is None


def test_merges_written_as_one_string_are_understood():
    description = json.loads(small_encoder().tokenizer.to_str())
    merges = [" ".join(merge) for merge in description["model"]["merges"]]
    kernel = make_kernel(changed(model__merges=merges))
    assert ids_of_kernel(kernel, TEXTS) == ids_of_package(TEXTS)
