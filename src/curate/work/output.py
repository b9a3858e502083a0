"""Output folders: one routine for every command that writes one, so that none deletes what it did not make.

    lock the folder  ->  look at all that lies in it  ->  only then delete, go on, or refuse

An overwrite that is killed half-way leaves a note, `.curate-overwriting`; the next call deletes the rest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import ChangedSettingsError, SettingError
from curate.work.files import remove_leftovers, write_json
from curate.work.json_files import read_json
from curate.work.lock import locked

Record = dict[str, Any]
_OVERWRITING = ".curate-overwriting"
_FOREIGN_FILES_THAT_STAY = re.compile(
    r"\.[^/]*"
)  # hidden: of the desktop, the file system, a program at work


@dataclass(frozen=True, slots=True)
class Layout:
    """What a command's output folder looks like.

    Attributes:
        command: as typed, for messages.
        files: matches the path, within the folder and with `/`, of every file that the command writes.
        records: the files that tell what was asked for, first found first.
        is_ours: whether what such a file holds was written by this command.
    """

    command: str
    files: re.Pattern[str]
    records: tuple[str, ...]
    is_ours: Callable[[Record], bool]

    def read_record(self, folder: Path) -> Record | None:
        """Read what the folder's run was asked to do; None where there is none of this command."""
        for name in self.records:
            path = folder / name
            if path.is_file():
                record = read_json(path)
                return record if self.is_ours(record) else None
        return None


@contextmanager
def opened_output(
    folder: Path,
    layout: Layout,
    *,
    compare: Callable[[Record], list[str]],
    inputs: Iterable[str | Path],
    overwrite: bool,
    advise: Callable[[dict[str, Any]], str | None] = lambda _record: None,
) -> Generator[None]:
    """Hold `folder` for a command: new or empty, one to go on with, or, to overwrite, with its own files deleted.

    Args:
        folder: is made where it is not there.
        layout: of the command.
        compare: what differs between the folder's record and this run, for people; empty to go on with it.
        inputs: files that the command reads; those of other machines are passed over.
        overwrite: delete what an earlier run of the same command left.
        advise: what to do where the record differs, if there is better than another folder.

    Raises:
        ChangedSettingsError: the folder holds a run of this command with other settings.
        SettingError: it holds anything else, an input lies in it, or another process is writing to it. Nothing
            was touched.
    """
    with locked(folder):
        refuse_links(folder)
        record = layout.read_record(folder)
        if is_overwritten(folder, layout) or (record is not None and overwrite):
            _refuse_inputs(folder, inputs)
            delete_own(folder, layout)
        elif record is None:
            _refuse_others(folder, layout)
        elif changes := compare(record):
            raise changed_error(folder, changes, advise(record))
        remove_leftovers(folder)
        yield
        remove_leftovers(folder)  # a task that was lost with its process was begun again, and left its file


def changed_error(folder: object, changes: list[str], advice: str | None) -> ChangedSettingsError:
    """What to say of a folder that holds a run with other settings."""
    advice = advice or "Name another --output, or give --overwrite to start anew."
    return ChangedSettingsError(f"{folder} holds a run with other settings ({'; '.join(changes)}). {advice}")


def refuse_links(folder: Path, but: str | None = None) -> None:
    """Refuse a folder in which a link lies: what is written, moved or deleted there could be the user's own.

    Args:
        folder: that is to be written.
        but: the name of a folder in it that another program keeps, with links.

    Raises:
        SettingError: names the link.
    """
    for parent, folders, files in os.walk(folder):
        if parent == str(folder) and but in folders and not (folder / but).is_symlink():
            folders.remove(but)
        for name in (*folders, *files):
            path = Path(parent) / name
            if path.is_symlink():
                raise SettingError(
                    f"{path} is a link, which no command of curate makes in its output. Remove it, or name another folder."
                )


def _refuse_others(folder: Path, layout: Layout) -> None:
    others = [entry.name for entry in folder.iterdir() if not _FOREIGN_FILES_THAT_STAY.fullmatch(entry.name)]
    if others:
        raise SettingError(
            f"The output folder {folder} is not empty (it holds {min(others)}) and holds no run of "
            f"'{layout.command}'. Name another --output."
        )


def _refuse_inputs(folder: Path, inputs: Iterable[str | Path]) -> None:
    place = folder.resolve()
    for name in inputs:
        if "://" not in str(name) and Path(name).resolve().is_relative_to(place):
            raise SettingError(
                f"The input {name} lies in the output folder {folder}, which --overwrite would delete. "
                "Name another --output."
            )


def is_overwritten(folder: Path, layout: Layout) -> bool:
    """Whether an overwrite by this command was killed half-way there, so that what is left is to be deleted too."""
    return read_json(folder / _OVERWRITING).get("command") == layout.command


def delete_own(folder: Path, layout: Layout) -> None:
    """Delete the command's files, if nothing else is there; the note goes last, so that a kill loses no track.

    Who calls it holds the folder, and has looked for links.

    Raises:
        SettingError: something lies there that the command did not write; nothing was touched.
    """
    ours = list(_own_files(folder, layout))
    note = folder / _OVERWRITING
    write_json(note, {"command": layout.command})
    for path in ours:
        path.unlink(missing_ok=True)
    _remove_empty(folder)
    note.unlink()


def _own_files(folder: Path, layout: Layout) -> Iterator[Path]:
    """Yield the files to delete, or refuse: everything that is there must be the command's own."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent) / name
            place = path.relative_to(folder).as_posix()
            if layout.files.fullmatch(place):
                yield path
            elif not _FOREIGN_FILES_THAT_STAY.fullmatch(name):
                raise SettingError(
                    f"{folder} holds {place}, which '{layout.command}' did not write. Move it away, or name "
                    "another --output."
                )


def _remove_empty(folder: Path) -> None:
    """Remove what folders are empty now, from the deepest up, and never `folder` itself.

    Also those that an overwrite emptied before it was killed: of these no file tells any longer.
    """
    for parent, _, _ in os.walk(folder, topdown=False):
        path = Path(parent).relative_to(folder)
        is_others = any(part.startswith(".") and not part.startswith(".curate") for part in path.parts)
        if path.parts and not is_others and not os.listdir(parent):
            os.rmdir(parent)
