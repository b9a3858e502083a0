"""Other programs' layouts: read back by us, and by those programs where they are installed.

For the latter, CURATE_PEER_PYTHON names an interpreter that has datatrove and megatron-core (and torch); by
default `.venv-tokens/bin/python` of this checkout.
"""

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from token_builders import TEXTS, many_texts, small_encoder, word_tokenizer

from curate.errors import SettingError
from curate.tokens import TextEncoder, read_datatrove, read_megatron, write_peer, write_tokens

PEER_PYTHON = os.environ.get("CURATE_PEER_PYTHON") or str(
    Path(__file__).parents[2] / ".venv-tokens" / "bin" / "python"
)


def wide_encoder():
    return TextEncoder(word_tokenizer(["[UNK]", *(f"w{i}" for i in range(65_600))], ["</s>"]))


@pytest.fixture(scope="module", params=["uint16", "uint32"])
def tokens(request, tmp_path_factory):
    if request.param == "uint16":
        encoder, texts = small_encoder(), {"train": {"web.a": many_texts(40)}, "validation": {"web.b": TEXTS}}
    else:
        encoder = wide_encoder()
        texts = {"train": {"web.a": ["w1 w65599", "w3", ""]}, "validation": {"web.b": ["w9 w65590"]}}
    made = write_tokens(tmp_path_factory.mktemp("peers") / "out", texts, encoder)
    assert made.dtype.name == request.param
    for peer in ("datatrove", "megatron"):
        write_peer(made, peer)
    return made


def ask_peer(code, *arguments):
    """Run code in the peers' interpreter and read the JSON that it prints last."""
    if not Path(PEER_PYTHON).exists():
        pytest.skip(f"no peers in {PEER_PYTHON}; set CURATE_PEER_PYTHON")
    done = subprocess.run(
        [PEER_PYTHON, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def documents_of(group):
    offsets = group.document_offsets.astype(int)
    return [group.tokens[begin:end].tolist() for begin, end in pairwise(offsets)]


def test_we_read_back_what_we_wrote(tokens):
    for split, ours in (("train", tokens.train[0]), ("validation", tokens.validation[1])):
        folder = tokens.path / "peers"
        theirs = read_datatrove(
            folder / "datatrove" / split / f"{ours.name}.ds", token_bytes=tokens.dtype.itemsize
        )
        assert documents_of(theirs) == documents_of(ours)
        theirs = read_megatron(folder / "megatron" / split / ours.name)
        assert documents_of(theirs) == documents_of(ours)
        assert (theirs.read(theirs.n_tokens - 1, 3) == ours.read(ours.n_tokens - 1, 3)).all()


def test_tokens_are_not_copied_for_a_layout(tokens):
    ours = tokens.path / "train" / "web.a.bin"
    assert ours.samefile(tokens.path / "peers" / "megatron" / "train" / "web.a.bin")
    assert ours.samefile(tokens.path / "peers" / "datatrove" / "train" / "web.a.ds")


def test_nanogpt_reads_our_file_as_it_is(tokens):
    group = tokens.train[0]
    data = np.memmap(group.stem.with_name(group.name + ".bin"), dtype=tokens.dtype.name, mode="r")
    assert (data == group.tokens).all()


@pytest.mark.slow
def test_datatroves_own_reader_gives_our_tokens_and_positions(tokens):
    code = """
import json, sys
from datatrove.utils.dataset import DatatroveFolderDataset
data = DatatroveFolderDataset(sys.argv[1], seq_len=3, token_size=int(sys.argv[2]), return_positions=True)
print(json.dumps([[d["input_ids"].tolist(), d["positions"].tolist()] for d in (data[i] for i in
range(len(data)))]))
"""
    found = ask_peer(code, tokens.path / "peers" / "datatrove" / "train", tokens.dtype.itemsize)
    group = tokens.train[0]
    assert len(found) == group.n_tokens // 4
    ends = set(group.document_offsets.astype(int).tolist())
    position = 0
    for i, (ids, positions) in enumerate(found):
        assert ids == group.tokens[4 * i : 4 * i + 4].tolist()
        for place, told in enumerate(positions):
            position = 0 if 4 * i + place in ends or place == 0 else position + 1
            assert told == position  # within the window, as that reader counts


@pytest.mark.slow
def test_megatrons_own_reader_gives_our_documents(tokens):
    code = """
import json, sys
from megatron.core.datasets.indexed_dataset import IndexedDataset
data = IndexedDataset(sys.argv[1])
print(json.dumps([data[i].tolist() for i in range(len(data))]))
"""
    assert ask_peer(code, tokens.path / "peers" / "megatron" / "train" / "web.a") == documents_of(
        tokens.train[0]
    )


@pytest.mark.slow
def test_we_read_what_datatrove_and_megatron_write(tmp_path):
    code = """
import json, sys
import numpy as np, torch
from datatrove.pipeline.tokens.tokenizer import TokenizedFile
from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder
documents = [[5, 6, 0], [7, 0], [40000, 1, 2, 0]]
file = TokenizedFile(sys.argv[1], "some.ds", token_size=2)
builder = IndexedDatasetBuilder(sys.argv[1] + "/more.bin", dtype=np.uint16)
for document in documents:
    file.write(document, None)
    builder.add_item(torch.tensor(document))
    builder.end_document()
file.close()
builder.finalize(sys.argv[1] + "/more.idx")
print(json.dumps(documents))
"""
    documents = ask_peer(code, tmp_path)
    assert documents_of(read_datatrove(tmp_path / "some.ds")) == documents
    assert documents_of(read_megatron(tmp_path / "more")) == documents


def test_indexes_that_do_not_fit_are_setting_errors(tmp_path):
    (tmp_path / "a.ds").write_bytes(b"\x00" * 10)
    with pytest.raises(SettingError, match="Cannot read"):
        read_datatrove(tmp_path / "a.ds")
    (tmp_path / "a.ds.index").write_bytes(np.array([3], "<u8").tobytes())
    with pytest.raises(SettingError, match="10 bytes, its index says 3 tokens"):
        read_datatrove(tmp_path / "a.ds")
    (tmp_path / "b.idx").write_bytes(b"something else entirely, of some length")
    with pytest.raises(SettingError, match="not an index of Megatron"):
        read_megatron(tmp_path / "b")
