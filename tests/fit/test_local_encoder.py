"""A classifier on an encoder that lies in a folder: found from anywhere, known by its content, never fetched."""

import shutil

import numpy as np
import pytest

from curate.errors import SettingError
from curate.fit import fit_classifier
from curate.scoring import encoders, load_scorer
from labelled_pages import make_pages

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "theorem", "cell", "energy", "buy", "sale", "the", "."]


def make_encoder(folder, seed):
    (folder / "bert").mkdir(parents=True)
    (folder / "bert" / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizerFast(str(folder / "bert" / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder / "bert")
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder / "bert")
    sentence_transformers.SentenceTransformer(str(folder / "bert"), device="cpu").save(str(folder / "st"))
    return folder / "st"


def test_a_classifier_finds_its_encoder_from_anywhere_and_takes_no_other(tmp_path, monkeypatch):
    make_encoder(tmp_path / "first", 0)
    other = make_encoder(tmp_path / "other", 1)
    texts = ["theorem cell energy .", "buy the sale"]
    monkeypatch.chdir(tmp_path / "first")
    fit = fit_classifier(make_pages(60), "mine", members=["encoder:ridge"], encoder="st", n_resamples=5)
    expected = fit.scorer.score(texts)

    monkeypatch.chdir(tmp_path / "other")
    encoders.load_encoder.cache_clear()
    assert np.array_equal(load_scorer("../first/mine").score(texts), expected)

    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "first" / "mine", tmp_path / "moved" / "mine")
    shutil.move(tmp_path / "first" / "st", tmp_path / "moved" / "st")
    encoders.load_encoder.cache_clear()
    assert np.array_equal(load_scorer("../moved/mine").score(texts), expected)

    shutil.rmtree(tmp_path / "moved" / "st")
    with pytest.raises(SettingError, match="is not there") as caught:  # and the hub is not asked for 'st'
        load_scorer("../moved/mine")
    assert "\n" not in str(caught.value)
    shutil.copytree(other, tmp_path / "moved" / "st")
    with pytest.raises(SettingError, match="is not the one"):
        load_scorer("../moved/mine")
