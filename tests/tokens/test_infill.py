"""Fill in the middle: what becomes of a document, and that nothing in a text can make a sentinel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from token_builders import TEXTS, make_mixture, many_texts, word_tokenizer

from curate.errors import SettingError
from curate.tokens import load_encoder, tokenize_mixture, train_encoder
from curate.tokens.encoder import TextEncoder
from curate.tokens.infill import SENTINELS, Infill, cut_document, encode_infilled, find_sentinels


@pytest.fixture(scope="module")
def encoder():
    return train_encoder(many_texts(60), 400, SENTINELS)


@given(st.text(max_size=60), st.integers(0, 2**62), st.floats(0, 1))
def test_a_cut_gives_the_document_back_and_depends_on_it_alone(text, seed, spm_rate):
    infill = Infill(rate=1.0, spm_rate=spm_rate, seed=seed)
    cut = cut_document(text, infill)
    if len(text) < 3:
        assert cut is None
    else:
        prefix, middle, suffix, _ = cut
        assert prefix + middle + suffix == text
        assert cut == cut_document(text, infill)


def test_rates_are_kept():
    texts = [f"document {i} of many" for i in range(4000)]
    cuts = [cut_document(text, Infill(rate=0.3, spm_rate=0.25)) for text in texts]
    found = [cut for cut in cuts if cut]
    assert abs(len(found) / 4000 - 0.3) < 0.03
    assert abs(np.mean([cut[3] for cut in found]) - 0.25) < 0.05
    ends = np.array([len(cut[0]) / len(text) for cut, text in zip(cuts, texts, strict=True) if cut])
    assert abs(ends.mean() - 1 / 3) < 0.03


def parts_of(ids, encoder):
    prefix, suffix, middle = find_sentinels(encoder)
    ids = ids.tolist()
    assert ids[-1] == encoder.eos_id
    a, b, c = ids.index(prefix), ids.index(suffix), ids.index(middle)
    assert (a, sum(ids.count(mark) for mark in (prefix, suffix, middle))) == (0, 3)
    decode = encoder.tokenizer.decode
    return decode(ids[a + 1 : b]), decode(ids[b + 1 : c]), decode(ids[c + 1 : -1])


@pytest.mark.parametrize("spm_rate", [0.0, 1.0])
def test_both_orders_hold_the_whole_document(encoder, spm_rate):
    import pyarrow as pa

    infill = Infill(rate=1.0, spm_rate=spm_rate, seed=3)
    texts = [text for text in TEXTS if text.isascii() and len(text) > 3]
    texts.append(f"x = 1 {SENTINELS[0]} {SENTINELS[2]} y")
    tokens, lengths = encode_infilled(encoder, pa.array(texts), [""] * len(texts), infill)
    for text, ids in zip(texts, np.split(tokens, np.cumsum(lengths)[:-1]), strict=True):
        prefix, middle, suffix, _ = cut_document(text, infill)
        found = parts_of(ids, encoder)
        assert found == (("", suffix, prefix + middle) if spm_rate else (prefix, suffix, middle))


def test_training_documents_of_the_named_sources_are_reordered(tmp_path):
    mixture = make_mixture(tmp_path / "m")
    settings = {"vocab_size": 400, "fim_rate": 1.0, "fim_source": "one"}
    tokens = tokenize_mixture(mixture, tmp_path / "a", workers=1, **settings)
    again = tokenize_mixture(mixture, tmp_path / "b", workers=2, **settings)
    assert tokens.fingerprint == again.fingerprint
    other = tokenize_mixture(mixture, tmp_path / "c", workers=1, seed=1, **settings)
    assert other.fingerprint != tokens.fingerprint
    middle = find_sentinels(load_encoder(tokens.tokenizer_path))[2]
    for split, groups in (("train", tokens.train), ("validation", tokens.validation)):
        for group in groups:
            n = int(np.count_nonzero(np.asarray(group.tokens) == middle))
            is_one = split == "train" and group.source == "one"
            assert n == (sum(size >= 3 for size in group.document_bytes) if is_one else 0)


def test_bad_settings_are_refused_before_anything_is_written(tmp_path):
    mixture = make_mixture(tmp_path / "m")
    with pytest.raises(SettingError, match="fim_rate must be between 0 and 1"):
        tokenize_mixture(mixture, tmp_path / "out", fim_rate=1.5)
    with pytest.raises(SettingError, match="Did you mean 'one'"):
        tokenize_mixture(mixture, tmp_path / "out", fim_rate=0.5, fim_source="ome")
    with pytest.raises(SettingError, match="no tokens to fill in the middle"):
        find_sentinels(TextEncoder(word_tokenizer(["a", "b"], ["<eos>"])))
