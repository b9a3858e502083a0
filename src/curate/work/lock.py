"""One writer a folder: the lock that every command takes before it looks at, deletes or writes anything there.

The folder itself is locked (`flock`), not a file in it: nothing is made, followed or cut short, and the lock cannot
be deleted with the folder's files. File systems that lock no folders (NFS) get a lock file in it, never through a
link.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from curate.errors import RunError, SettingError
from curate.work.disk import tell_disk_error

LOCK_FILE = ".curate-lock"
UNLOCKED = "CURATE_NO_LOCK"
"""Set to 1, lets a file system be written to that has no locks, as some of clusters."""
_held: set[int] = set()
"""Descriptors of what this process has locked: a worker that is forked from it would hold the lock on when it is gone."""
_BUSY = {errno.EWOULDBLOCK, errno.EACCES}


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Make `folder` if it is not there, and hold it as its only writer until the block ends, or the process.

    Raises:
        SettingError: another process holds it, or its file system cannot lock.
        RunError: it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        told = tell_disk_error(error, folder)
        raise RunError(told or f"Cannot write to the folder {folder}: {error.strerror}.") from error
    lock_file = None
    try:
        try:
            _take(descriptor, folder)
        except OSError:
            lock_file = None if os.environ.get(UNLOCKED) == "1" else _take_file(folder)
        _held.update({descriptor} if lock_file is None else {descriptor, lock_file})
        yield
    finally:
        _held.difference_update({descriptor, lock_file})
        if lock_file is not None:
            with suppress(OSError):
                os.unlink(folder / LOCK_FILE)  # while it is held: who comes later makes another
            os.close(lock_file)
        os.close(descriptor)


def _let_go() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)


def _take(descriptor: int, folder: Path) -> None:
    """Lock an open file or folder, or say who holds it; OSError where the file system cannot."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        raise SettingError(
            f"Another process is writing to {folder}. Wait for it, or name another --output."
        ) from None


def _take_file(folder: Path) -> int:
    path = folder / LOCK_FILE
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            _take(descriptor, folder)
            if os.stat(path, follow_symlinks=False).st_ino == os.fstat(descriptor).st_ino:
                return descriptor
            os.close(descriptor)  # its holder has just deleted it
        except FileNotFoundError:
            continue
        except OSError as error:
            raise SettingError(
                f"The file system of {folder} cannot lock it ({error.strerror}), so two writers could destroy "
                f"each other's files. Name an --output on another disk, or set {UNLOCKED}=1 if you see to it that no other "
                "command writes there."
            ) from error
