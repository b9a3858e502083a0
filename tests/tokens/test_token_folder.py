"""Token folders: written once, opened as files mapped into memory."""

import json
import pickle

import numpy as np
import pytest
from token_builders import TEXTS, many_texts, small_encoder

from curate.errors import SettingError
from curate.mixture import build_order
from curate.tokens import open_tokens, write_tokens


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    texts = {"train": {"a": TEXTS, "b": many_texts(50)}, "validation": {"b": TEXTS[:2]}}
    return write_tokens(tmp_path_factory.mktemp("tokens") / "out", texts, small_encoder())


def decode(ids):
    return small_encoder().tokenizer.decode([int(i) for i in ids], skip_special_tokens=False)


def test_every_document_is_its_tokens_and_one_eos(tokens):
    for group, texts in ((tokens.train[0], TEXTS), (tokens.train[1], many_texts(50))):
        assert group.n_documents == len(texts)
        offsets = group.document_offsets.astype(int)
        assert offsets[0] == 0
        assert offsets[-1] == group.n_tokens == len(group.tokens)
        assert np.flatnonzero(group.tokens == tokens.eos_id).tolist() == (offsets[1:] - 1).tolist()
        for text, begin, end, n_bytes in zip(texts, offsets, offsets[1:], group.document_bytes, strict=False):
            assert decode(group.tokens[begin : end - 1]) == text
            assert n_bytes == len(text.encode())
        assert group.n_bytes == sum(len(text.encode()) for text in texts)


def test_every_group_is_in_both_splits_perhaps_empty(tokens):
    assert [group.name for group in tokens.train] == [group.name for group in tokens.validation] == ["a", "b"]
    empty = tokens.validation[0]
    assert (empty.n_tokens, empty.n_documents, empty.n_bytes) == (0, 0, 0)
    assert len(empty.tokens) == 0
    assert empty.document_offsets.tolist() == [0]
    with pytest.raises(IndexError):
        empty.read(0, 1)


def test_reading_goes_round_at_the_end(tokens):
    group = tokens.train[0]
    ring = np.tile(group.tokens, 4)
    for offset in (0, 5, group.n_tokens - 1):
        for n in (1, 7, group.n_tokens, 2 * group.n_tokens + 3):
            assert (group.read(offset, n) == ring[offset : offset + n]).all()
    with pytest.raises(IndexError, match="'a' has tokens 0 to"):
        group.read(group.n_tokens, 1)
    group.read(0, 3)[:] = 0  # a copy: the file stays


def test_tokens_are_mapped_read_only_and_not_pickled(tokens):
    group = tokens.train[1]
    assert isinstance(group.tokens, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        group.tokens[0] = 1
    data = pickle.dumps(group)
    assert len(data) < 2000
    assert (pickle.loads(data).tokens == group.tokens).all()


def test_fingerprints_change_with_texts_and_tokenizer(tokens, tmp_path):
    texts = {"train": {"a": TEXTS, "b": many_texts(50)}, "validation": {"b": TEXTS[:2]}}
    again = write_tokens(tmp_path / "again", texts, small_encoder())
    assert again.fingerprint == tokens.fingerprint
    other = write_tokens(tmp_path / "other", texts | {"validation": {"b": TEXTS[:1]}}, small_encoder())
    assert other.manifest["fingerprints"]["data"] != tokens.manifest["fingerprints"]["data"]
    wider = write_tokens(tmp_path / "wider", texts, small_encoder(401))
    assert wider.manifest["fingerprints"]["tokenizer"] != tokens.manifest["fingerprints"]["tokenizer"]
    assert len({tokens.fingerprint, other.fingerprint, wider.fingerprint}) == 3


def test_the_windows_of_one_pass_show_every_token_once(tokens):
    sizes = [group.n_tokens for group in tokens.train]
    order = build_order(tokens.plan, sizes, context_tokens=16, windows_per_step=1)
    seen = [np.zeros(n, int) for n in sizes]
    for step in range(order.n_steps):
        group, offset = order.window(step, 0)
        window = tokens.train[group].read(offset, order.context_tokens + 1)
        places = (offset + 1 + np.arange(16)) % sizes[group]
        assert (tokens.train[group].tokens[places] == window[1:]).all()
        seen[group][places] += 1
    for counts in seen:
        assert counts.max() <= 1
        assert (counts == 0).sum() < 2 * 16


def test_a_folder_that_is_not_finished_says_so(tmp_path):
    with pytest.raises(SettingError, match="not a finished token folder"):
        open_tokens(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "x"}')
    with pytest.raises(SettingError, match="not a token folder"):
        open_tokens(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(SettingError, match="damaged"):
        open_tokens(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"format": "curate-tokens", "version": 99}))
    with pytest.raises(SettingError, match="version 99"):
        open_tokens(tmp_path)


@pytest.mark.parametrize("ending", [".bin", ".idx", ".bytes"])
def test_a_file_cut_short_is_found_when_the_folder_is_opened(tmp_path, ending):
    write_tokens(tmp_path / "out", {"train": {"a": TEXTS}}, small_encoder())
    path = tmp_path / "out" / "train" / f"a{ending}"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SettingError, match=f"a{ending} has .* bytes instead of"):
        open_tokens(tmp_path / "out")
    path.unlink()
    with pytest.raises(SettingError, match="is missing"):
        open_tokens(tmp_path / "out")
