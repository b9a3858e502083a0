"""Reading token folders: files that are mapped into memory, one set for each group and split."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from curate.errors import SettingError
from curate.tokens.plan import check_plan
from curate.work.json_files import check_file_name, check_shape, read_json

FORMAT = "curate-tokens"
VERSION = 1
SPLITS = ("train", "validation")
_GROUP = {
    **dict.fromkeys(("name", "source", "domain", "bucket"), str),
    **dict.fromkeys(("n_tokens", "n_documents", "n_bytes"), int),
}
_SHAPE: dict[str, Any] = {
    "fingerprint": str,
    "tokenizer": {"vocab_size": int, "eos_token": str, "eos_id": int},
    "dtype": {"uint16", "uint32"},
    "splits": {"train": [_GROUP], "validation": [_GROUP]},
}


@dataclass(frozen=True)
class TokenGroup:
    """The tokens of one group (source × domain × quality bucket) in one split.

    Files are opened when first used; a pickled group carries their path alone.
    """

    name: str
    source: str
    domain: str
    bucket: str
    n_tokens: int
    n_documents: int
    n_bytes: int
    dtype: np.dtype[Any]
    stem: Path = field(repr=False)
    """Path of the group's files without their endings .bin, .idx and .bytes."""

    @cached_property
    def tokens(self) -> NDArray[Any]:
        """All tokens, read-only: of each document its tokens and one eos."""
        return _map(self.stem.with_name(self.stem.name + ".bin"), self.dtype, self.n_tokens)

    @cached_property
    def document_offsets(self) -> NDArray[np.uint64]:
        """Where documents begin in `tokens`, then the number of tokens: uint64 (n_documents + 1,)."""
        return _map(self.stem.with_name(self.stem.name + ".idx"), np.dtype("<u8"), self.n_documents + 1)

    @cached_property
    def document_bytes(self) -> NDArray[np.uint64]:
        """UTF-8 bytes of each document's text: uint64 (n_documents,)."""
        return _map(self.stem.with_name(self.stem.name + ".bytes"), np.dtype("<u8"), self.n_documents)

    def read(self, offset: int, n_tokens: int) -> NDArray[Any]:
        """Copy `n_tokens` tokens from `offset` on; past the last token it goes on with the first.

        Raises:
            IndexError: `offset` is not within the group, or the group is empty.
        """
        if not 0 <= offset < self.n_tokens:
            raise IndexError(f"group '{self.name}' has tokens 0 to {self.n_tokens - 1}, not {offset}")
        if offset + n_tokens <= self.n_tokens:
            return np.array(self.tokens[offset : offset + n_tokens])
        return np.array(self.tokens.take(np.arange(offset, offset + n_tokens), mode="wrap"))

    def __getstate__(self) -> dict[str, Any]:
        opened = ("tokens", "document_offsets", "document_bytes")
        return {name: value for name, value in self.__dict__.items() if name not in opened}


@dataclass(frozen=True)
class TokenFolder:
    """A folder that `curate tokenize` wrote."""

    path: Path
    manifest: dict[str, Any] = field(repr=False)
    plan: dict[str, Any] = field(repr=False)
    train: tuple[TokenGroup, ...]
    validation: tuple[TokenGroup, ...]

    @property
    def fingerprint(self) -> str:
        """16 hex digits over tokenizer, data and settings."""
        return str(self.manifest["fingerprint"])

    @property
    def vocab_size(self) -> int:
        """One more than the largest token id."""
        return int(self.manifest["tokenizer"]["vocab_size"])

    @property
    def eos_id(self) -> int:
        """The token that ends every document, and stands nowhere else."""
        return int(self.manifest["tokenizer"]["eos_id"])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the tokens: uint16 or uint32."""
        return np.dtype(self.manifest["dtype"]).newbyteorder("<")

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer, as `tokenizers.Tokenizer.from_file` reads it."""
        return self.path / "tokenizer.json"


def open_tokens(path: str | Path) -> TokenFolder:
    """Open a token folder.

    Raises:
        SettingError: It is not one, or is not finished, or a file has not the size that the manifest says.
    """
    folder = Path(path)
    source = folder / "manifest.json"
    manifest = _read_json(source, folder)
    if manifest.get("format") != FORMAT:
        raise SettingError(
            f"{folder} is not a token folder. Make one with: curate tokenize --output {folder}"
        )
    if manifest.get("version") != VERSION:
        raise SettingError(
            f"{folder} has version {manifest.get('version')} of the token format, this program reads {VERSION}: "
            "write it again with curate tokenize."
        )
    check_shape(manifest, _SHAPE, source)
    dtype = np.dtype(manifest["dtype"]).newbyteorder("<")
    groups = {
        split: tuple(_group(folder, split, entry, dtype) for entry in manifest["splits"][split])
        for split in SPLITS
    }
    plan = check_plan(_read_json(folder / "plan.json", folder), folder / "plan.json")
    return TokenFolder(folder, manifest, plan, groups["train"], groups["validation"])


def check_hashes(tokens: TokenFolder) -> None:
    """Read every file of a token folder and compare it with the hash that its writer noted; one core reads 2 GB/s.

    Raises:
        SettingError: A file has changed since.
    """
    for split, groups in ((SPLITS[0], tokens.train), (SPLITS[1], tokens.validation)):
        noted = {entry["name"]: entry["hash"] for entry in tokens.manifest["splits"][split]}
        for group in groups:
            digest = xxhash.xxh3_64()
            for ending in (".bin", ".idx", ".bytes"):
                with group.stem.with_name(group.stem.name + ending).open("rb") as file:
                    while data := file.read(8 << 20):
                        digest.update(data)
            if digest.hexdigest() != noted[group.name]:
                raise SettingError(
                    f"The tokens of {tokens.path / split / group.name} are not those that were written: copy the "
                    "folder again, or write it again with curate tokenize."
                )


def _group(folder: Path, split: str, entry: dict[str, Any], dtype: np.dtype[Any]) -> TokenGroup:
    names = ("name", "source", "domain", "bucket", "n_tokens", "n_documents", "n_bytes")
    facts = {name: entry[name] for name in names}
    group = TokenGroup(**facts, dtype=dtype, stem=folder / split / check_file_name(entry["name"], folder))
    sizes = {
        ".bin": group.n_tokens * dtype.itemsize,
        ".idx": 8 * (group.n_documents + 1),
        ".bytes": 8 * group.n_documents,
    }
    for ending, n_bytes in sizes.items():
        path = group.stem.with_name(group.stem.name + ending)
        found = path.stat().st_size if path.exists() else None
        if found != n_bytes:
            what = "is missing" if found is None else f"has {found} bytes instead of {n_bytes}"
            raise SettingError(
                f"{path} {what}: copy the folder again, or write it again with curate tokenize."
            )
    return group


def _map(path: Path, dtype: np.dtype[Any], n_items: int) -> NDArray[Any]:
    if n_items == 0:
        return np.empty(0, dtype)  # an empty file cannot be mapped
    return np.memmap(path, dtype, "r", shape=(n_items,))


def _read_json(path: Path, folder: Path) -> dict[str, Any]:
    found = read_json(path)
    if not found:
        raise SettingError(
            f"{folder} is not a finished token folder: it has no {path.name}. Finish or make it with curate tokenize."
        )
    return found
