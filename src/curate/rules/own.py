"""Screens of the user's own: a Python function that names the documents to drop, batch by batch.

    def no_recipes(documents: pa.RecordBatch) -> pa.Array:       # screens.py
        return pc.if_else(pc.match_substring(documents["text"], "tablespoon"), "recipe", None)

    curate filter crawl/ -o out --screen screens.py:no_recipes

The law: what is said of a document depends on that document alone, not on its neighbours, their order or the size of the
batch; `curate.testing.check_screen` checks it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from curate.errors import SettingError, UnknownNameError

ENTRY_POINT_GROUP = "curate.screens"
Screen = Callable[[pa.RecordBatch], Any]
_REASON = re.compile(r"[A-Za-z0-9_.:-]{1,100}")


@cache
def load_screen(name: str) -> Screen:
    """Load a screen: 'module:function', 'file.py:function', or an entry point of the group `curate.screens`.

    Raises:
        SettingError: there is none of that name, or it is no function.
    """
    place, colon, function = name.rpartition(":")
    if not colon:
        others = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
        if name not in others:
            raise UnknownNameError("screen", name, [*others, "module:function", "file.py:function"])
        place, _, function = others[name].value.partition(":")
    found = getattr(_import(name, place), function, None)
    if not callable(found):
        raise SettingError(f"The screen '{name}': {place} has no function '{function}'.")
    return found


def screen_fingerprint(name: str) -> str | None:
    """What tells a screen from another of its name: its own `fingerprint`, else a hash of the file it stands in."""
    function: Any = load_screen(name)
    stated = getattr(function, "fingerprint", None)
    if stated:
        return str(stated)
    file = getattr(sys.modules.get(function.__module__), "__file__", None) or getattr(
        getattr(function, "__code__", None), "co_filename", ""
    )
    return xxhash.xxh3_64_hexdigest(Path(file).read_bytes()) if os.path.isfile(file) else None


def ask_screen(name: str, function: Screen, documents: pa.RecordBatch) -> pa.Array:
    """Ask a screen about N documents: the reason to drop each, null where it stays.

    A mask says what stays, as a filter's does; what it leaves out is dropped by the function's name.

    Raises:
        SettingError: the answer is neither N reasons nor a mask of N.
    """
    answer = function(documents)
    try:
        found = answer.combine_chunks() if isinstance(answer, pa.ChunkedArray) else pa.array(answer)
    except (pa.ArrowException, TypeError, ValueError):
        raise SettingError(f"The screen '{name}' gave {type(answer).__name__}; {_WANTED}") from None
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    if pa.types.is_null(found.type):
        found = found.cast(pa.string())
    if len(found) != len(documents):
        raise SettingError(
            f"The screen '{name}' gave {len(found)} answers for {len(documents)} documents; {_WANTED}"
        )
    if pa.types.is_boolean(found.type):
        if found.null_count:
            raise SettingError(f"The screen '{name}' gave a mask with a null; {_WANTED}")
        own = getattr(function, "__name__", "") or "screen"
        return pc.if_else(found, pa.scalar(None, pa.string()), own)
    if not (pa.types.is_string(found.type) or pa.types.is_large_string(found.type)):
        raise SettingError(f"The screen '{name}' gave an array of {found.type}; {_WANTED}")
    for reason in found.unique().drop_null().to_pylist():
        if not _REASON.fullmatch(reason):
            raise SettingError(
                f"The screen '{name}' gave the reason {reason[:40]!r}; a reason is a word of letters, digits and _.:-"
            )
    return found.cast(pa.string())


_WANTED = "it must give one answer a document: the reason to drop it or null, or a mask that is true where it stays."


def _import(name: str, place: str) -> Any:
    try:
        if place.endswith(".py"):
            return _import_file(place)
        before = list(sys.path)
        sys.path.append(os.getcwd())  # as `python -m curate` has it, and the command has not
        try:
            return importlib.import_module(place)
        finally:
            sys.path[:] = before
    except (ImportError, ValueError, OSError) as error:
        raise SettingError(f"The screen '{name}' cannot be loaded: {error}") from error


def _import_file(place: str) -> Any:
    path = Path(place).resolve()
    if not path.is_file():
        raise OSError(f"there is no file '{place}'.")
    own = f"curate_screen_{xxhash.xxh3_64_hexdigest(str(path).encode())}"
    spec = importlib.util.spec_from_file_location(own, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{place}' is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module
    spec.loader.exec_module(module)
    return module
