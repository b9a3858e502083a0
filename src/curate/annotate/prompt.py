"""Prompts: versioned TOML files, bundled or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.config import load_toml, stable_hash
from curate.errors import SettingError, UnknownNameError
from curate.llm.quoting import break_closing_tag

FOLDER = Path(__file__).parent / "prompts"
TEXT_MARK = "{text}"
MAX_REASON_CHARS = 300
_FIELDS = {
    "name": str,
    "version": int,
    "low": int,
    "high": int,
    "level_field": str,
    "system": str,
    "user": str,
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """How a page is asked about.

    Attributes:
        name: of the prompt.
        version: counts up whenever the wording changes.
        low: least level of the scale.
        high: greatest level of the scale.
        level_field: field of the label file that holds the level.
        system: the rubric.
        user: the request; `{text}` stands for the page.
    """

    name: str
    version: int
    low: int
    high: int
    level_field: str
    system: str
    user: str

    @property
    def label(self) -> str:
        """Name, version and a hash of the wording, as `edu/1@` and 8 hex digits: an edit is another prompt."""
        parts = [self.low, self.high, self.level_field, self.system, self.user]
        return f"{self.name}/{self.version}@{stable_hash(parts)[:8]}"

    def messages(self, window: str) -> list[dict[str, str]]:
        """The chat messages that ask about one window of text.

        A closing tag within the page is broken up, so that the page cannot end its own quotation.
        """
        text = break_closing_tag(window)
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": self.user.replace(TEXT_MARK, text)},
        ]

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a reply: the reason first, so that the level follows from it."""
        return {
            "type": "object",
            "properties": {
                "reason": {"type": "string"},
                "level": {"type": "integer", "enum": list(range(self.low, self.high + 1))},
            },
            "required": ["reason", "level"],
            "additionalProperties": False,
        }


def bundled_prompts() -> list[str]:
    """Names of the prompts that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_prompt(name_or_path: str) -> Prompt:
    """Read a bundled prompt by name, or a TOML file.

    >>> load_prompt("edu").level_field
    'edu_level'

    Raises:
        SettingError: There is no such prompt, or a field is missing or wrong.
    """
    path = FOLDER / f"{name_or_path}.toml"
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
    elif name_or_path not in bundled_prompts():
        raise UnknownNameError("prompt", name_or_path, bundled_prompts())
    return _check(path, load_toml(path, "prompt"))


def _check(path: Path, data: dict[str, Any]) -> Prompt:
    for field in data:
        if field not in _FIELDS:
            raise UnknownNameError(f"field of the prompt {path.name}", field, _FIELDS)
    for field, kind in _FIELDS.items():
        if not isinstance(data.get(field), kind) or isinstance(data.get(field), bool):
            raise SettingError(f"The prompt {path} needs the field {field}, {kind.__name__}.")
    if data["user"].count(TEXT_MARK) != 1:
        raise SettingError(
            f"The field user of the prompt {path} must hold {TEXT_MARK} once: the page goes there."
        )
    if not data["low"] < data["high"]:
        raise SettingError(f"The prompt {path} needs low below high, not {data['low']} and {data['high']}.")
    return Prompt(**data)
