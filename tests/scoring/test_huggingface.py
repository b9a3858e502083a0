"""Checkpoints of transformers as scorers, on small models made here."""

import json

import numpy as np
import pytest

from curate.errors import SettingError
from curate.scoring import ask, load_scorer
from curate.scoring.huggingface import read_outputs
from curate.testing import check_scorer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "cell", "energy", "buy", "##s", "."]


def make_checkpoint(folder, n_labels):
    """The architecture of the FineWeb-Edu classifier: a BERT encoder and a linear head."""
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=n_labels,
    )  # fmt: skip
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint"), 1)


def test_a_checkpoint_keeps_the_law_of_scorers(checkpoint):
    check_scorer(load_scorer(f"hf:{checkpoint}"))


def test_a_checkpoint_gives_what_transformers_gives(checkpoint):
    scorer = load_scorer(f"hf:{checkpoint}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(checkpoint)
    texts = ["the cell energy .", "buy buy buys"]
    for text, level in zip(texts, scorer.score_levels(texts)[0], strict=True):
        with torch.no_grad():
            output = model(**tokenizer(text, return_tensors="pt")).logits.item()
        assert level == pytest.approx(min(max(output, 0), 5), abs=1e-5)


def test_outputs_are_read_by_their_number():
    levels, scores = read_outputs(np.array([[2.5], [-1.0], [7.0]]))
    assert levels.tolist() == [2.5, 0.0, 5.0]
    assert scores.tolist() == [0.5, 0.0, 1.0]
    assert read_outputs(np.array([[0.0, 0.0]]))[1].tolist() == [0.5]
    levels, scores = read_outputs(np.zeros((1, 6)))
    assert (levels[0], scores[0]) == (2.5, 0.5)


def test_weights_in_a_pickle_are_refused(checkpoint, tmp_path):
    folder = make_checkpoint(tmp_path, 1)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SettingError, match=r"pickle \(\.bin\).*save_pretrained"):
        load_scorer(f"hf:{folder}")


def test_code_that_comes_with_a_checkpoint_is_not_run(tmp_path):
    folder = make_checkpoint(tmp_path, 1)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "not-a-known-type"
    config["auto_map"] = dict.fromkeys(("AutoConfig", "AutoModelForSequenceClassification"), "theirs.Config")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(SettingError, match="asks to run code of its own"):
        load_scorer(f"hf:{folder}")
    assert not (tmp_path / "ran").exists()


def test_code_is_refused_where_the_architecture_is_known_too(tmp_path):
    folder = make_checkpoint(tmp_path, 1)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForSequenceClassification": "theirs.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(SettingError, match="auto_map"):
        load_scorer(f"hf:{folder}")
    assert not (tmp_path / "ran").exists()


def set_config(folder, **more):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | more))


def test_several_labels_at_once_need_the_wanted_one_named(tmp_path):
    folder = make_checkpoint(tmp_path, 3)
    names = {"0": "clear", "1": "useful", "2": "rude"}
    set_config(folder, problem_type="multi_label_classification", id2label=names)
    with pytest.raises(SettingError, match=r"several labels at once: .*#clear"):
        load_scorer(f"hf:{folder}")
    scorer = load_scorer(f"hf:{folder}#useful")
    check_scorer(scorer)
    both = load_scorer(f"hf:{folder}#useful,clear").score(["the cell energy ."])
    assert both >= scorer.score(["the cell energy ."])


def test_the_wanted_label_is_named_where_labels_have_names(tmp_path):
    folder = make_checkpoint(tmp_path, 2)
    set_config(folder, id2label={"0": "good", "1": "spam"})
    with pytest.raises(SettingError, match=r"tells good, spam apart: .*hf:.*#good"):
        load_scorer(f"hf:{folder}")
    with pytest.raises(SettingError, match=r"Unknown label .*'god'.*Did you mean 'good'"):
        load_scorer(f"hf:{folder}#god")
    good, spam = load_scorer(f"hf:{folder}#good"), load_scorer(f"hf:{folder}#Spam")
    check_scorer(good)
    texts = ["the cell energy .", "buy buy"]
    assert good.score(texts) + spam.score(texts) == pytest.approx([1, 1])
    assert good.name == f"{folder.name}:good"
    assert not good.has_levels
    assert ask(good, texts).levels is None


def test_an_encoder_without_a_head_is_refused(tmp_path):
    folder = make_checkpoint(tmp_path, 2)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    model.base_model.save_pretrained(folder)
    with pytest.raises(SettingError, match="no weights for classifier"):
        load_scorer(f"hf:{folder}")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_no_more_is_read_than_the_model_has_positions_for(tmp_path, kind):
    folder = make_checkpoint(tmp_path, 2)
    tokenizer = transformers.BertTokenizerFast(str(folder / "vocab.txt"))  # states no longest input
    tokenizer.save_pretrained(folder)
    if kind == "roberta":
        config = transformers.RobertaConfig(
            vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64, num_labels=2, pad_token_id=1, type_vocab_size=2,
        )  # fmt: skip
        transformers.RobertaForSequenceClassification(config).save_pretrained(folder)
    scorer = load_scorer(f"hf:{folder}")
    assert scorer.max_tokens == (64 if kind == "bert" else 62)
    assert len(scorer.score(["cell energy " * 2000])) == 1


def test_an_empty_page_has_a_score_where_a_tokenizer_gives_it_no_token(tmp_path):
    vocabulary = {"<|endoftext|>": 0, **{chr(c): i + 1 for i, c in enumerate(range(97, 123))}, "\u0120": 27}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>").save_pretrained(
        tmp_path
    )
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=28,
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=32,
        num_labels=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    transformers.GPT2ForSequenceClassification(config).save_pretrained(tmp_path)
    scorer = load_scorer(f"hf:{tmp_path}")
    assert scorer.max_tokens == 32
    check_scorer(scorer)
    assert np.isfinite(scorer.score(["", "some words " * 50])).all()


@pytest.mark.parametrize("n_labels", [2, 3, 6])
def test_checkpoints_of_several_classes_keep_the_law(tmp_path, n_labels):
    scorer = load_scorer(f"hf:{make_checkpoint(tmp_path, n_labels)}")
    check_scorer(scorer)
    levels, scores = scorer.score_levels(["the cell energy .", ""])
    assert ((levels >= 0) & (levels <= n_labels - 1)).all()
    assert ((scores > 0) & (scores < 1)).all()


def test_a_folder_that_is_no_checkpoint_gives_one_line(tmp_path):
    with pytest.raises(SettingError, match="cannot be loaded") as caught:
        load_scorer(f"hf:{tmp_path}")
    assert "\n" not in str(caught.value)
