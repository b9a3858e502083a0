"""Texts of files, folders and results as they stand, for what is no mixture: arms of an ablation, evaluation text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.errors import SettingError
from curate.mixture.settings import MixtureSettings, Source
from curate.mixture.sources import list_pieces


def read_texts(path: str | Path, column: str | None = None) -> list[str]:
    """Read the texts of Parquet or JSON-lines files (packed or not): one file, a folder, a glob or a URL.

    The output folder of `curate filter` stands for what it kept, that of `curate mix` for its training text.
    Rows without text, and lines that are not JSON, are left out. The column is found by its usual names.

    Raises:
        SettingError: There is no such file, or no text in it.
    """
    place = str(path)
    for inner, marker in (("kept", "manifest.json"), ("train", "plan.json")):
        if (Path(place) / inner).is_dir() and (Path(place) / marker).exists():
            place = str(Path(place) / inner)
    source = Source("texts", (place,), text_column=column)
    pieces = list_pieces(MixtureSettings(sources=(source,)))
    read = (text for piece in pieces for table in piece.read() for text in table["text"].to_pylist())
    texts = [text for text in read if text and not text.isspace()]
    if not texts:
        raise SettingError(f"'{place}' holds no text: Parquet or JSON lines with a column 'text' are read.")
    return texts


def parse_named_paths(option: str, items: Sequence[str]) -> dict[str, str]:
    """Read paths with the names they are for.

    >>> parse_named_paths("--eval", ["books=books.jsonl"])
    {'books': 'books.jsonl'}
    """
    paths: dict[str, str] = {}
    for item in items:
        name, sign, path = item.partition("=")
        if not (name and sign and path):
            raise SettingError(f"{option} '{item}' is not NAME=PATH. Write for example raw=crawl.jsonl.")
        if name in paths:
            raise SettingError(f"{option} has the name '{name}' twice; give each its own.")
        paths[name] = path
    return paths
