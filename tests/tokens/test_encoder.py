"""Encoding: nothing in a text ends a document, and no byte is lost."""

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from token_builders import TEXTS, many_texts, small_encoder, word_tokenizer

from curate.errors import SettingError
from curate.tokens import EOS_TOKEN, TextEncoder, load_encoder, train_encoder


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text() | st.sampled_from([EOS_TOKEN, f"a{EOS_TOKEN}", "<|endoftext", "|>"]), max_size=6))
def test_any_text_comes_back_and_ends_once(parts):
    encoder = small_encoder()
    text = "".join(parts)
    tokens = encoder.encode([text])[0]
    assert np.flatnonzero(tokens == encoder.eos_id).tolist() == [len(tokens) - 1]
    assert encoder.tokenizer.decode(tokens[:-1].tolist(), skip_special_tokens=False) == text


def test_a_text_is_encoded_alike_whatever_its_neighbours():
    encoder = small_encoder()
    alone = [encoder.encode([text])[0].tolist() for text in TEXTS]
    assert [tokens.tolist() for tokens in encoder.encode(TEXTS)] == alone
    tokens, lengths = encoder.encode_joined(pa.array(TEXTS[::-1]))
    assert tokens.tolist() == [token for some in alone[::-1] for token in some]
    assert lengths.tolist() == [len(some) for some in alone[::-1]]


def test_the_largest_id_decides_the_type():
    assert small_encoder().dtype == np.dtype("<u2")
    words = ["[UNK]", *(f"w{i}" for i in range(65_534))]
    assert TextEncoder(word_tokenizer(words, ["</s>"])).dtype == np.dtype("<u2")
    wide = TextEncoder(word_tokenizer([*words, "one-more"], ["</s>"]))
    assert (wide.vocab_size, wide.dtype, wide.eos_id) == (65_537, np.dtype("<u4"), 65_536)
    assert wide.encode(["w5 one-more"])[0].tolist() == [6, 65_535, 65_536]


def test_fitting_depends_on_neither_the_order_of_texts_nor_threads(tmp_path):
    one = train_encoder(many_texts(60), 400).tokenizer.to_str()
    assert train_encoder(many_texts(60)[::-1], 400).tokenizer.to_str() == one
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from token_builders import many_texts\n"
        "from curate.tokens import train_encoder\n"
        "sys.stdout.buffer.write(train_encoder(many_texts(60), 400).tokenizer.to_str().encode())\n"
    )
    env = os.environ | {"RAYON_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code, os.path.dirname(__file__)]
    assert subprocess.run(command, env=env, capture_output=True, check=True).stdout.decode() == one


def test_a_tokenizer_is_loaded_with_its_own_eos(tmp_path):
    path = tmp_path / "tokenizer.json"
    word_tokenizer(["[UNK]", "a", "b"], ["<eos>", "</s>"]).save(str(path))
    assert load_encoder(path).eos_token == "</s>"
    assert load_encoder(path, "<eos>").encode(["a </s> b"])[0].tolist() == [1, 0, 2, 3]


def test_truncation_padding_and_templates_of_a_tokenizer_are_not_applied(tmp_path):
    from tokenizers.processors import TemplateProcessing

    tokenizer = word_tokenizer(["[UNK]", "a"], ["</s>"])
    tokenizer.post_processor = TemplateProcessing(single="</s> $A </s>", special_tokens=[("</s>", 2)])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(tmp_path / "t.json"))
    assert load_encoder(tmp_path / "t.json").encode(["a a a a"])[0].tolist() == [1, 1, 1, 1, 2]


def test_a_tokenizer_without_an_eos_says_which_special_tokens_it_has():
    with pytest.raises(SettingError, match=r"--eos-token.*\[END\]"):
        TextEncoder(word_tokenizer(["[UNK]"], ["[END]"]))
    with pytest.raises(SettingError, match="no token '<nope>'"):
        TextEncoder(word_tokenizer(["[UNK]"], ["[END]"]), "<nope>")


def test_a_tokenizer_that_reads_its_eos_in_text_is_refused():
    with pytest.raises(SettingError, match="so that a page could end documents"):
        TextEncoder(word_tokenizer(["[UNK]", "</s>", "a", "b"]))


def test_files_that_are_no_tokenizer_are_setting_errors(tmp_path):
    with pytest.raises(SettingError, match="Cannot read the tokenizer"):
        load_encoder(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(SettingError, match=r"not a tokenizer.json"):
        load_encoder(tmp_path / "bad.json")


def test_a_vocabulary_needs_room_for_the_bytes():
    with pytest.raises(SettingError, match=r"--vocab-size must be 257 or more"):
        train_encoder(TEXTS, 256)
    assert train_encoder(TEXTS, 257).vocab_size == 257
