"""From a mixture folder to a token folder: resumable, the same for any number of workers."""

import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from token_builders import make_mixture, word_tokenizer

from curate.errors import ChangedSettingsError, SettingError
from curate.mixture import sources as sources_module
from curate.tokens import load_encoder, tokenize_mixture, train_encoder, write_tokens

SETTINGS = {"vocab_size": 400, "workers": 1}


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources_module, "PIECE_BYTES", 1)
        return make_mixture(tmp_path_factory.mktemp("mixture"))


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_tokens_decode_to_the_mixtures_texts(mixture, tmp_path):
    tokens = tokenize_mixture(mixture, tmp_path / "out", **SETTINGS)
    assert tokens.eos_id == 0
    encoder = load_encoder(tokens.tokenizer_path)
    for split, groups in (("train", tokens.train), ("validation", tokens.validation)):
        assert sum(group.n_documents for group in groups) > 20
        for group in groups:
            files = sorted((mixture / split / group.name).glob("*.parquet"))
            texts = [text for file in files for text in pq.read_table(file)["text"].to_pylist()]
            offsets = group.document_offsets.astype(int)
            found = [
                encoder.tokenizer.decode(group.tokens[a : b - 1].tolist(), skip_special_tokens=False)
                for a, b in pairwise(offsets)
            ]
            assert found == texts
            assert group.document_bytes.tolist() == [len(text.encode()) for text in texts]


def test_bytes_are_the_same_for_any_number_of_workers_and_after_a_stop(mixture, tmp_path, monkeypatch):
    tokenize_mixture(mixture, tmp_path / "one", **SETTINGS)
    tokenize_mixture(mixture, tmp_path / "two", **SETTINGS | {"workers": 2})
    one = snapshot(tmp_path / "one")
    assert snapshot(tmp_path / "two") == one

    module = sys.modules["curate.tokens.tokenize"]
    for name in ("_write_part", "_join"):
        calls = []
        original = getattr(module, name)

        def stop(*arguments, calls=calls, original=original):
            if len(calls) == 1:
                raise KeyboardInterrupt
            calls.append(1)
            return original(*arguments)

        monkeypatch.setattr(module, name, stop)
        with pytest.raises(KeyboardInterrupt):
            tokenize_mixture(mixture, tmp_path / name, **SETTINGS)
        assert not (tmp_path / name / "manifest.json").exists()
        monkeypatch.setattr(module, name, original)
        tokenize_mixture(mixture, tmp_path / name, **SETTINGS)
        assert snapshot(tmp_path / name) == one


def test_a_finished_folder_is_left_as_it_is(mixture, tmp_path):
    first = tokenize_mixture(mixture, tmp_path / "out", **SETTINGS)
    before = snapshot(tmp_path / "out")
    assert tokenize_mixture(mixture, tmp_path / "out", **SETTINGS).fingerprint == first.fingerprint
    assert snapshot(tmp_path / "out") == before


def test_a_folder_begun_with_other_settings_is_refused(mixture, tmp_path):
    tokenize_mixture(mixture, tmp_path / "out", **SETTINGS)
    with pytest.raises(ChangedSettingsError, match="another vocab_size"):
        tokenize_mixture(mixture, tmp_path / "out", vocab_size=300, workers=1)
    tokens = tokenize_mixture(mixture, tmp_path / "out", vocab_size=300, workers=1, overwrite=True)
    assert tokens.vocab_size == 300


def test_a_folder_with_something_else_is_not_written_to(mixture, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(SettingError, match="is not empty"):
        tokenize_mixture(mixture, tmp_path, overwrite=True, **SETTINGS)
    assert (tmp_path / "thesis.txt").exists()


def test_a_given_tokenizer_is_used_as_it_is(mixture, tmp_path):
    path = tmp_path / "mine.json"
    word_tokenizer(["[UNK]", "one", "two"], ["[END]"]).save(str(path))
    tokens = tokenize_mixture(mixture, tmp_path / "out", tokenizer=path, eos_token="[END]", workers=1)
    assert tokens.vocab_size == 4
    firsts = [int(group.tokens[0]) for group in tokens.train]
    assert firsts == [1, 2]
    assert np.count_nonzero(tokens.train[0].tokens == 3) == tokens.train[0].n_documents


def test_the_tokenizer_is_fitted_on_a_sample_of_about_the_size_asked_for(mixture):
    from curate.tokens.sample import sample_texts
    from curate.tokens.texts import find_texts

    texts = find_texts(mixture)
    plan = texts.plan
    sizes = {group["source"]: group["train"]["n_bytes"] for group in plan["groups"]}
    wanted = sum(sizes.values()) // 2
    some = list(sample_texts(texts, wanted))
    assert 0.6 * wanted < sum(len(text.encode()) for text in some) < 1.4 * wanted
    assert some == list(sample_texts(texts, wanted))
    everything = sum(len(text.encode()) for text in sample_texts(texts, 10**9))
    assert everything == sum(sizes.values())
    for group in plan["groups"]:
        group["share"] = 0.0 if group["source"] == "one" else 1.0
    assert all(text.startswith("two") for text in sample_texts(texts, wanted))


def test_what_is_no_mixture_says_how_to_make_one(tmp_path):
    with pytest.raises(SettingError, match="it is empty. Make a mixture of JSON lines with: curate mix"):
        tokenize_mixture(tmp_path, tmp_path / "out")
    (tmp_path / "plan.json").write_text("[")
    with pytest.raises(SettingError, match="damaged"):
        tokenize_mixture(tmp_path, tmp_path / "out")


def test_an_unknown_layout_is_refused_before_any_work(mixture, tmp_path):
    with pytest.raises(SettingError, match=r"Unknown peer 'parquet'\. Known: datatrove, megatron"):
        tokenize_mixture(mixture, tmp_path / "out", peer=["parquet"], **SETTINGS)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_tokens_is_not_taken_for_a_mixture(tmp_path):
    tokens = write_tokens(
        tmp_path / "tokens", {"train": {"web": ["One text."]}}, train_encoder(["One text."] * 9, 300)
    )
    with pytest.raises(SettingError, match="holds tokens already"):
        tokenize_mixture(tokens.path, tmp_path / "again", vocab_size=300, workers=1)


def text_folder(tmp_path, n=900, name="kept", column="text"):
    folder = tmp_path / name
    folder.mkdir(parents=True)
    for part in range(2):
        texts = [f"Document {i} of part {part} has a few words." for i in range(n)]
        pq.write_table(
            pa.table({"id": [str(i) for i in range(n)], column: [*texts[:-1], None]}),
            folder / f"part-{part}.parquet",
        )
    return folder


@pytest.mark.parametrize("column", ["text", "content"])
def test_any_folder_of_parquet_with_text_is_tokenized(tmp_path, column):
    folder = text_folder(tmp_path, column=column)
    tokens = [tokenize_mixture(folder, tmp_path / f"out{n}", vocab_size=300, workers=n) for n in (1, 2)]
    counts = [
        sum(group.n_documents for group in groups) for groups in (tokens[0].train, tokens[0].validation)
    ]
    assert sum(counts) == 2 * 899
    assert 0 < counts[1] < 30
    assert tokens[0].fingerprint == tokens[1].fingerprint


def test_the_result_of_a_filter_is_tokenized_by_what_it_kept(tmp_path):
    text_folder(tmp_path / "run", n=50)
    text_folder(tmp_path / "run", n=90, name="dropped")
    (tmp_path / "run" / "manifest.json").write_text("{}")
    tokens = tokenize_mixture(tmp_path / "run", tmp_path / "out", vocab_size=300, workers=1)
    assert sum(group.n_documents for group in (*tokens.train, *tokens.validation)) == 2 * 49


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"{}", "neither a mixture nor a folder of Parquet: it holds a.jsonl"),
        ("a.parquet", b"no", "not a readable Parquet file"),
    ],
)
def test_what_cannot_be_tokenized_is_named(tmp_path, name, content, message):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    with pytest.raises(SettingError, match=message):
        tokenize_mixture(tmp_path / "in", tmp_path / "out")


def test_parquet_without_text_and_folders_that_are_not_there_are_named(tmp_path):
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"n": [1]}), tmp_path / "in" / "a.parquet")
    with pytest.raises(SettingError, match="no text column; its columns: n"):
        tokenize_mixture(tmp_path / "in", tmp_path / "out")
    with pytest.raises(SettingError, match="does not exist"):
        tokenize_mixture(tmp_path / "gone", tmp_path / "out")
