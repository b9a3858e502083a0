"""The label file: JSON lines, one row for each page, annotator, prompt, window and draw.

    {"id": ..., "url": ..., "text": ..., "edu_level": 3, "reason": ..., "annotator": ..., "prompt": ..., ...}

A row without a level has a `problem` instead. Corrections by people are rows of their own, beside the model's.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.errors import SettingError, UnknownNameError
from curate.text.lines import read_bytes, read_json_lines
from curate.work.files import committed

LEVEL_FIELDS = ("edu_level", "level")
HUMAN = "human"

Row = dict[str, Any]


def level_fields(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Fields that may hold the row's level: the one that it names itself, as its prompt called it, then the usual ones."""
    named = row.get("level_field")
    return (named, *LEVEL_FIELDS) if isinstance(named, str) else LEVEL_FIELDS


def level_field_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """The field of the level in `rows` of one page; the first of the usual ones where none has any."""
    return next((name for row in rows for name in level_fields(row) if name in row), LEVEL_FIELDS[0])


def level_of(row: Mapping[str, Any]) -> float | None:
    """The row's level, null where it has none."""
    for name in level_fields(row):
        value = row.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def page_of(row: Mapping[str, Any]) -> str:
    """What tells the row's page from others: its id, or its text where a table of one's own has no ids."""
    return str(row.get("text") if row.get("id") is None else row["id"])


def with_level_field(rows: Iterable[Row], name: str | None) -> list[Row]:
    """Name the field of the level in rows that do not name one themselves; as they are where `name` is null.

    Raises:
        SettingError: No row has that field.
    """
    rows = list(rows)
    if name is None:
        return rows
    if not any(name in row for row in rows):
        raise UnknownNameError("field of these labels", name, {field for row in rows for field in row})
    return [row if "level_field" in row else row | {"level_field": name} for row in rows]


def no_level() -> SettingError:
    """The error where no row has a level."""
    return SettingError(
        "No row has a level, a number in 'edu_level' or 'level'. Name another field with --level-field."
    )


def prompt_of(row: Mapping[str, Any]) -> str:
    """Name of the prompt that the row answers, without its version; "" where none is known, as of a person's."""
    return str(row.get("prompt") or "").partition("/")[0]


def of_prompt(rows: Iterable[Row], name: str | None) -> list[Row]:
    """Keep the labels of one prompt, and people's corrections of them; all where no prompt is named.

    Raises:
        SettingError: No label is of that prompt; or none is named, and a page has levels by two prompts: these ask
            different things, so that their levels are no readings of one.
    """
    rows = list(rows)
    if name is not None:
        known = {prompt_of(row) for row in rows} - {""}
        if name not in known:
            raise UnknownNameError("prompt of these labels", name, known)
        kept = [row for row in rows if prompt_of(row) == name]
        fields = {level_field_of([row]) for row in kept}
        return [
            row for row in rows if prompt_of(row) == name or (is_human(row) and _corrects(row, name, fields))
        ]
    prompts: dict[str, set[str]] = {}
    for row in rows:
        if prompt_of(row) and level_of(row) is not None:
            prompts.setdefault(page_of(row), set()).add(prompt_of(row))
    several = next((sorted(found) for found in prompts.values() if len(found) > 1), None)
    if several:
        raise SettingError(
            f"Pages have levels by the prompts {' and '.join(several)}, which ask different things. Name one: --prompt "
            f"{several[0]}."
        )
    return rows


def _corrects(row: Mapping[str, Any], name: str, fields: set[str]) -> bool:
    """Whether a person's level stands for labels of the prompt `name`, whose levels lie in `fields`."""
    of = prompt_of({"prompt": row.get("of_prompt")})
    return level_field_of([row]) in fields and of in {"", name}


def annotator_of(row: Mapping[str, Any]) -> str:
    """Who gave the level: `human`, `human:NAME`, or the model's name."""
    return str(row.get("annotator") or "unknown")


def is_human(row: Mapping[str, Any]) -> bool:
    """Whether a person gave the level."""
    return annotator_of(row).partition(":")[0] == HUMAN


def read_labels(path: str | Path) -> list[Row]:
    """Read a label file; an unfinished last line, as a crash leaves it, is left out.

    Raises:
        SettingError: The file cannot be read, or a line before the last is no JSON object.
    """
    found = read_json_lines(path)
    if found and found[-1][1] is None and not read_bytes(path).endswith(b"\n"):
        del found[-1]
    for number, row in found:
        if row is None:
            raise SettingError(f"'{path}' line {number} is no JSON object. Mend or remove the line.")
    return [row for _, row in found if row is not None]


def write_labels(path: str | Path, rows: Sequence[Row]) -> None:
    """Put `rows` first in the file, in their order, before the other rows that it holds.

    A row in the file that one of `rows` replaces (same page, annotator, prompt, window and draw) goes.
    The file is replaced in one step.
    """
    path = Path(path)
    new = {_identity(row) for row in rows}
    with locked(path):
        others = [row for row in read_labels(path) if _identity(row) not in new] if path.exists() else []
        with committed(path) as temporary:
            temporary.write_bytes(b"".join(to_line(row) for row in [*rows, *others]))


def replace_labels(path: str | Path, rows: Iterable[Row]) -> None:
    """Write `rows` as the whole file, in one step."""
    path = Path(path)
    with locked(path), committed(path) as temporary:
        temporary.write_bytes(b"".join(to_line(row) for row in rows))


def append_label(path: str | Path, row: Row) -> None:
    """Add one row at the end, flushed to disk; what an earlier crash left unfinished there is cut off."""
    path = Path(path)
    with locked(path), path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            data = path.read_bytes()
            if not data.endswith(b"\n"):
                tail = data.rpartition(b"\n")[2]
                end -= 0 if _is_json(tail) else len(tail)
                file.truncate(end)
                file.seek(end)
                file.write(b"\n" if end and _is_json(tail) else b"")
        file.write(to_line(row))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Keep other writers of the file `path` waiting while the block runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def to_line(row: Mapping[str, Any]) -> bytes:
    """One line of JSON, UTF-8; half surrogate pairs become question marks."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_all(paths: Iterable[str | Path]) -> list[Row]:
    """Read several label files one after the other."""
    return [row for path in paths for row in read_labels(path)]


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a row the same label; every correction by a person is its own."""
    if is_human(row):
        return ("human", row.get("id"), row.get("annotator"), row.get("made_at"), level_of(row))
    return tuple(row.get(name) for name in ("id", "annotator", "prompt", "window_chars", "draw"))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
