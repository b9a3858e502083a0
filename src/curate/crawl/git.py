"""The files that a git checkout tracks, read from its index: no program is started, and nothing in `.git` is run.

Format: https://git-scm.com/docs/index-format, versions 2 to 4, in repositories of SHA-1 and of SHA-256.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

_REGULAR, _EXECUTABLE = 0o100644, 0o100755
_MAX_INDEX_BYTES = 1 << 30
_EXTENDED, _NAME_MASK = 0x4000, 0xFFF


class GitIndexError(ValueError):
    """The index is no index, is damaged, or is split over two files."""


def find_git_folder(folder: str) -> str | None:
    """The git folder of the checkout `folder`, null where it is none. A worktree's and a submodule's is named in a file."""
    path = os.path.join(folder, ".git")
    if os.path.isfile(path):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read(4096).strip()
        except OSError:
            return None
        return os.path.join(folder, text[7:].strip()) if text.startswith("gitdir:") else None
    return path if os.path.exists(os.path.join(path, "HEAD")) else None


def is_git_folder(folders: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a folder of these folders and files is a repository without its files, as a bare clone."""
    return "HEAD" in names and {"objects", "refs"} <= set(folders)


def read_tracked(git_folder: str) -> list[str]:
    """Paths of the regular files in the index, in its order; links and submodules are none.

    Raises:
        GitIndexError: there is no index that can be read whole.
    """
    path = os.path.join(git_folder, "index")
    try:
        if os.path.getsize(path) > _MAX_INDEX_BYTES:
            raise GitIndexError("larger than 1 GiB")
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise GitIndexError(str(error.strerror or error)) from error
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != b"DIRC" or version not in (2, 3, 4):
        raise GitIndexError("not an index of version 2 to 4")
    n_digest_bytes = _check_digest(data)
    n_entries = int.from_bytes(data[8:12], "big")
    paths: list[str] = []
    at, name = 12, b""
    for _ in range(n_entries):
        name, mode, at = _read_entry(data, at, version, name, n_digest_bytes)
        if mode in (_REGULAR, _EXECUTABLE) and (not paths or paths[-1] != os.fsdecode(name)):
            paths.append(os.fsdecode(name))
    if data.find(b"link", at, at + 4) == at:
        raise GitIndexError("split index")
    return paths


def _check_digest(data: bytes) -> int:
    """The size of the repository's digests: the index ends with one of all before it, or zeros where git was told so."""
    for algorithm in (hashlib.sha1, hashlib.sha256):
        n_bytes = algorithm(usedforsecurity=False).digest_size
        digest = data[-n_bytes:]
        if not any(digest) or algorithm(data[:-n_bytes], usedforsecurity=False).digest() == digest:
            return n_bytes
    raise GitIndexError("its checksum is wrong")


def _read_entry(
    data: bytes, at: int, version: int, before: bytes, n_digest_bytes: int
) -> tuple[bytes, int, int]:
    """Read one entry: (its path, its mode, where the next one starts)."""
    start = at
    mode = int.from_bytes(data[at + 24 : at + 28], "big")
    at += 40 + n_digest_bytes
    flags = int.from_bytes(data[at : at + 2], "big")
    at += 4 if flags & _EXTENDED and version >= 3 else 2
    kept = b""
    if version == 4:
        n_cut, at = _read_varint(data, at)
        if n_cut > len(before):
            raise GitIndexError("damaged path")
        kept = before[: len(before) - n_cut]
    end = data.find(b"\x00", at)
    if end < 0 or end - at > 1 << 16:
        raise GitIndexError("cut short")
    name = kept + data[at:end]
    if not name or name.startswith(b"/") or b".." in name.split(b"/"):
        raise GitIndexError("a path that leads outside")
    if flags & _NAME_MASK not in (_NAME_MASK, min(len(name), _NAME_MASK)):
        raise GitIndexError("damaged path")
    return name, mode, end + 1 if version == 4 else start + (end - start) // 8 * 8 + 8


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise GitIndexError("cut short")
    value = data[at] & 127
    while data[at] & 128:
        at += 1
        if at >= len(data) or value > 1 << 20:
            raise GitIndexError("cut short")
        value = ((value + 1) << 7) | (data[at] & 127)
    return value, at + 1
