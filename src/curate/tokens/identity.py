"""What of a tokenizer.json decides which text an id means, and the file that gives a text the ids it had in training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.config import plain_file, stable_hash
from curate.errors import SettingError, one_line

# What may differ while every id means the same text: how a call cuts, pads or frames its text.
_AROUND = ("version", "truncation", "padding", "post_processor")


def tokenizer_identity(path: Path) -> str:
    """16 hex digits that are equal where equal texts have equal ids.

    Raises:
        SettingError: The file cannot be read, or holds no tokenizer.
    """
    values = _read(path)
    return stable_hash({name: value for name, value in values.items() if name not in _AROUND})


def tokenizer_as_trained(path: Path, eos_id: int | None) -> str:
    """The tokenizer.json of an exported model: it puts the end token before a text, as before every document.

    A template of the tokenizer's own, which training did not use, is replaced: with it a text would begin with tokens
    that the model never saw, and without any it would begin in the middle of a document.
    """
    values = _read(path)
    named = [token["content"] for token in values.get("added_tokens", []) if token["id"] == eos_id]
    values["post_processor"] = _begin_with(named[0], eos_id) if named else None
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def _begin_with(token: str, token_id: int | None) -> dict[str, Any]:
    def special(kind: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": token, "type_id": kind}}

    def text(name: str, kind: int) -> dict[str, Any]:
        return {"Sequence": {"id": name, "type_id": kind}}

    return {
        "type": "TemplateProcessing",
        "single": [special(0), text("A", 0)],
        "pair": [special(0), text("A", 0), special(1), text("B", 1)],
        "special_tokens": {token: {"id": token, "ids": [token_id], "tokens": [token]}},
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(plain_file(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingError(f"Cannot read the tokenizer {path}: {one_line(error)}.") from error
    if not isinstance(values, dict) or "model" not in values:
        raise SettingError(f"{path} is not a tokenizer.json of the package tokenizers.")
    return values
