"""A disk that is full, read-only or over its quota, told in one line: which, how much, and how to go on."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from curate.errors import RunError

_FULL = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "is full for this user: the quota is used up",
    errno.EFBIG: "takes no file of this size: a limit of the user or the file system",
}
_CLOSED = {
    errno.EROFS: "is read-only",
    errno.EACCES: "may not be written to by this user",
    errno.EPERM: "may not be written to by this user",
}
_NO_FOLDER = (errno.ENOTDIR, errno.EEXIST)


@contextmanager
def disk_errors(output: str | Path, needed: Callable[[], int | None] | None = None) -> Generator[None]:
    """Turn errors of the disk that `output` is on into a `RunError` of one line.

    `needed` estimates, where it can, how many more bytes the run will write.
    """
    try:
        yield
    except OSError as error:
        told = tell_disk_error(error, output, needed)
        if told is None:
            raise
        raise RunError(told) from error


def tell_disk_error(
    error: OSError, output: str | Path | None = None, needed: Callable[[], int | None] | None = None
) -> str | None:
    """What to say of an error in writing; null where it is of another kind."""
    named = error.filename if isinstance(error.filename, str) else None
    path = Path(named or output or ".").absolute()
    if error.errno in _FULL:
        return _tell_full(path, _FULL[error.errno], needed)
    if named is None and output is None:
        return None
    if error.errno in _NO_FOLDER:
        file = next((part for part in (path, *path.parents) if part.is_file()), None)
        if file is None:
            return None
        return f"{path} cannot be made: {file} is a file, not a folder. Name another --output."
    # Input that may not be read has other names.
    is_ours = (
        output is None or path.is_relative_to(Path(output).absolute()) or Path(output).absolute() == path
    )
    if error.errno in _CLOSED and is_ours:
        return f"{path} {_CLOSED[error.errno]}. Name another --output, or have it opened for writing."
    return None


def _tell_full(path: Path, what: str, needed: Callable[[], int | None] | None) -> str:
    disk = _disk_of(path)
    n_free = free_bytes(disk)
    n_needed = needed() if needed else None
    more = f" About {n_needed / 1e9:.1f} GB more are needed." if n_needed else ""
    return (
        f"The disk at {disk} {what}: {n_free / 1e6:,.0f} MB are free, and {path} could not be written.{more} "
        "What is committed is kept: make room, and run the same command again to go on."
    )


def _disk_of(path: Path) -> Path:
    """The place where the disk that holds `path`, or would, is mounted."""
    while not path.exists():
        path = path.parent
    while not os.path.ismount(path):
        path = path.parent
    return path


def free_bytes(path: Path) -> int:
    """Bytes that are free on the disk that holds `path`, or would."""
    return shutil.disk_usage(_disk_of(path.absolute())).free


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under `folder`."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total
