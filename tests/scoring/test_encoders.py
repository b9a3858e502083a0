"""Sentence encoders on a small model made here: batches, order, half precision; and on a GPU where there is one."""

import numpy as np
import pytest

from curate.scoring.encoders import SentenceEncoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "cell", "energy", "buy", "##s", "."]
TEXTS = [
    "the cell .", "a", "", "energy " * 40, "buy buys the cell energy .", "the " * 500, "cell cell energy a .",
]  # fmt: skip
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A BERT of one layer with mean pooling, as a sentence-transformers folder."""
    bert, folder = tmp_path_factory.mktemp("bert"), tmp_path_factory.mktemp("encoder")
    (bert / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=64).save_pretrained(bert)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(bert)
    # Of a folder without a list of modules, sentence-transformers makes an encoder with mean pooling.
    sentence_transformers.SentenceTransformer(str(bert), device="cpu").save(str(folder))
    return str(folder)


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_a_page_alone_and_in_a_batch_sorted_by_length_has_the_same_embedding(model):
    alone = SentenceEncoder(model, device="cpu", max_tokens=32).encode(TEXTS)
    batched = SentenceEncoder(model, device="cpu", max_tokens=32, batch_size=3).encode(TEXTS)
    assert alone.shape == (len(TEXTS), 32)
    assert alone.dtype == np.float32
    np.testing.assert_allclose(batched, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-5)
    order = [3, 0, 6, 5, 2, 1, 4]
    again = SentenceEncoder(model, device="cpu", max_tokens=32, batch_size=3).encode(
        [TEXTS[i] for i in order]
    )
    np.testing.assert_allclose(again, batched[order], atol=1e-5)


def test_half_precision_gives_float32_close_to_full_precision(model):
    full = SentenceEncoder(model, device="cpu", max_tokens=32).encode(TEXTS)
    half = SentenceEncoder(model, device="cpu", max_tokens=32, dtype="bf16", batch_size=3).encode(TEXTS)
    assert half.dtype == np.float32
    assert cosines(full, half).min() > 0.99


def test_what_lies_beyond_the_tokens_does_not_count(model):
    encoder = SentenceEncoder(model, device="cpu", max_tokens=8)
    a, b = encoder.encode(["the cell energy a the cell buy", "the cell energy a the cell energy"])
    assert (a == b).all()


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_gpu_is_chosen_by_itself_and_agrees_with_the_processor(model, dtype):
    encoder = SentenceEncoder(model, max_tokens=32, dtype=dtype)
    on_gpu = encoder.encode(TEXTS * 50)
    assert encoder._model.device.type == "cuda"
    on_cpu = SentenceEncoder(model, device="cpu", max_tokens=32).encode(TEXTS)
    assert cosines(on_gpu, np.tile(on_cpu, (50, 1))).min() > (0.9999 if dtype == "fp32" else 0.99)
