"""Token files in the layouts of other programs, written beside ours and read as ours.

- datatrove: GROUP.ds (tokens), GROUP.ds.index (uint64 document ends), GROUP.ds.metadata (name of the
  tokenizer and size of a token, number of tokens), which nanotron reads too.
- megatron: GROUP.bin (tokens) and GROUP.idx (header, document lengths, byte offsets), which Megatron-LM,
  NeMo and GPT-NeoX read. It knows no uint32: such tokens are called int32, with the same bytes.

The tokens themselves are hard links to ours where the file system has them, so that a layout costs its
index alone. nanoGPT's layout needs no writing: it is our .bin.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import SettingError
from curate.tokens.folder import SPLITS, TokenFolder, TokenGroup
from curate.work.files import committed

_MEGATRON_MAGIC = b"MMIDIDX\x00\x00"
_MEGATRON_CODES = {2: 8, 4: 4}
"""Bytes of a token to Megatron's number of its type: 8 is uint16, 4 is int32."""


def write_peer(tokens: TokenFolder, peer: str) -> Path:
    """Write TOKENS/peers/PEER/SPLIT/ for every group that has tokens; return TOKENS/peers/PEER."""
    folder = tokens.path / "peers" / peer
    write = PEERS[peer]
    for split in SPLITS:
        for group in tokens.train if split == "train" else tokens.validation:
            if group.n_tokens:
                (folder / split).mkdir(parents=True, exist_ok=True)
                write(group, folder / split, tokens)
    return folder


def _write_datatrove(group: TokenGroup, folder: Path, tokens: TokenFolder) -> None:
    path = folder / f"{group.name}.ds"
    _link(group.stem.with_name(group.stem.name + ".bin"), path)
    _write(path.with_name(path.name + ".index"), group.document_offsets[1:].tobytes())
    facts = f"{tokens.tokenizer_path}|{group.dtype.itemsize}\n{group.n_tokens}\n"
    _write(path.with_name(path.name + ".metadata"), facts.encode())


def _write_megatron(group: TokenGroup, folder: Path, tokens: TokenFolder) -> None:  # noqa: ARG001
    _link(group.stem.with_name(group.stem.name + ".bin"), folder / f"{group.name}.bin")
    offsets = np.asarray(group.document_offsets, np.int64)
    n = group.n_documents
    header = (
        _MEGATRON_MAGIC
        + np.array([1], "<u8").tobytes()
        + np.array([_MEGATRON_CODES[group.dtype.itemsize]], np.uint8).tobytes()
        + np.array([n, n + 1], "<u8").tobytes()
    )
    columns = (
        np.diff(offsets).astype("<i4").tobytes()
        + (offsets[:-1] * group.dtype.itemsize).astype("<i8").tobytes()
        + np.arange(n + 1, dtype="<i8").tobytes()
    )
    _write(folder / f"{group.name}.idx", header + columns)


PEERS = {"datatrove": _write_datatrove, "megatron": _write_megatron}


def read_datatrove(path: str | Path, *, token_bytes: int = 2) -> TokenGroup:
    """Read a .ds file with its .index as a group; bytes of text are unknown (0).

    Raises:
        SettingError: The index does not fit the tokens.
    """
    file = Path(path)
    ends = _read_numbers(file.with_name(file.name + ".index"), 0, -1, "<u8")
    offsets = np.concatenate([np.zeros(1, "<u8"), ends]).astype("<u8")
    return _peer_group(file, file.name.removesuffix(".ds"), offsets, np.dtype(f"<u{token_bytes}"))


def read_megatron(prefix: str | Path) -> TokenGroup:
    """Read PREFIX.bin and PREFIX.idx as a group; bytes of text are unknown (0).

    Raises:
        SettingError: The index is not Megatron's, or does not fit the tokens.
    """
    stem = Path(prefix)
    index = stem.with_name(stem.name + ".idx")
    head = _read_numbers(index, 0, 34, "u1").tobytes()
    if head[:9] != _MEGATRON_MAGIC or len(head) < 34:
        raise SettingError(f"{index} is not an index of Megatron's layout.")
    codes = {code: n_bytes for n_bytes, code in _MEGATRON_CODES.items()}
    if head[17] not in codes:
        raise SettingError(
            f"{index} has tokens of type number {head[17]}; 8 (uint16) and 4 (int32) can be read."
        )
    n_sequences, n_documents = np.frombuffer(head[18:34], "<u8").tolist()
    lengths = _read_numbers(index, 34, n_sequences, "<i4")
    ends = _read_numbers(index, 34 + 12 * n_sequences, n_documents, "<i8")
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])[ends].astype("<u8")
    return _peer_group(
        stem.with_name(stem.name + ".bin"), stem.name, offsets, np.dtype(f"<u{codes[head[17]]}")
    )


def _peer_group(file: Path, name: str, offsets: Any, dtype: np.dtype[Any]) -> TokenGroup:
    n_bytes = file.stat().st_size if file.exists() else -1
    if n_bytes != int(offsets[-1]) * dtype.itemsize:
        raise SettingError(
            f"{file} has {n_bytes} bytes, its index says {int(offsets[-1])} tokens of {dtype.itemsize}."
        )
    n_documents = len(offsets) - 1
    stem = file.with_suffix("")
    group = TokenGroup(name, name, "all", "all", int(offsets[-1]), n_documents, 0, dtype, stem)
    # In place of the files that our layout has.
    group.__dict__["tokens"] = np.memmap(file, dtype, "r") if n_bytes else np.empty(0, dtype)
    group.__dict__["document_offsets"] = offsets
    group.__dict__["document_bytes"] = np.zeros(n_documents, "<u8")
    return group


def _read_numbers(path: Path, offset: int, count: int, kind: str) -> Any:
    try:
        return np.fromfile(path, kind, count, offset=offset)
    except OSError as error:
        raise SettingError(f"Cannot read {path}: {error.strerror or error}.") from error


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        with committed(target) as temporary:
            shutil.copyfile(source, temporary)


def _write(path: Path, data: bytes) -> None:
    with committed(path) as temporary:
        temporary.write_bytes(data)
