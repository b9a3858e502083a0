"""Recipes: what a writer is asked for, how its reply is read and what it must hold; versioned TOML files.

name, version, about, paper     what it is, and where the idea is from
seed                            page, topic or either
system, user                    the messages; fields in braces, as {audience}, are filled in, and {seed} stands once
[tables]                        what `curate.craft.draw` draws from, where the recipe has its own
[reply]                         kind: text, tags (named parts, each between its tags) or code (one block)
[checks]                        what the gate asks of a reply (`Checks`)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curate.config import load_toml, stable_hash
from curate.errors import SettingError, UnknownNameError

FOLDER = Path(__file__).parent / "recipes"
TABLES = ("audience", "style", "length", "format", "words")
SEED_KINDS = ("page", "topic", "either")
REPLY_KINDS = ("text", "tags", "code")
CODE_CHECKS = ("none", "parses", "function")
_FIELD = re.compile(r"\{(\w+)\}")
_KEYS = ("name", "version", "about", "paper", "seed", "system", "user", "tables", "reply", "checks")
_TAG = re.compile(r"[a-z][a-z_]*")


@dataclass(frozen=True, slots=True)
class AnswerCheck:
    """Which part's line after `mark` must state the same as which other part."""

    worked: str
    stated: str
    mark: str


@dataclass(frozen=True, slots=True)
class Checks:
    """What the gate asks of a reply.

    Attributes:
        min_share_of_length: words, as a share of those asked for, below which a passage is too short.
        max_share_of_length: the same for too long.
        max_copied: share of the words that may stand in runs of eight and more copied from the seed.
        code: none; 'parses': each block of Python must, and there is one; 'function': it is one documented function.
        answer: for exercises, None where there is no answer to compare.
    """

    min_share_of_length: float = 0.4
    max_share_of_length: float = 3.0
    max_copied: float = 0.3
    code: str = "none"
    answer: AnswerCheck | None = None


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """How a reply is read.

    Attributes:
        kind: text, tags or code.
        tags: names of the parts, each of which must stand once; they become columns.
        text: how the parts make up the passage.
        must_match: regular expression that the reply must hold; "" for none.
    """

    kind: str = "text"
    tags: tuple[str, ...] = ()
    text: str = ""
    must_match: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a writer is asked for; see the module."""

    name: str
    version: int
    about: str
    paper: str
    seed: str
    system: str
    user: str
    tables: Mapping[str, tuple[Any, ...]] = field(default_factory=dict[str, tuple[Any, ...]])
    reply: ReplyForm = ReplyForm()
    checks: Checks = Checks()

    @property
    def label(self) -> str:
        """Name, version and a hash of all that it says, as `textbook/1@` and 8 hex digits: an edit is another recipe."""
        return f"{self.name}/{self.version}@{stable_hash(asdict(self))[:8]}"

    @property
    def fields(self) -> set[str]:
        """The fields that the prompt names, beside the seed."""
        return set(_FIELD.findall(self.system + self.user)) - {"seed"}

    def messages(self, values: Mapping[str, str]) -> list[dict[str, str]]:
        """The chat messages, with `values` in the place of the fields; braces in values stay as they are."""
        return [
            {"role": "system", "content": fill(self.system, values).strip()},
            {"role": "user", "content": fill(self.user, values).strip()},
        ]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of fields, in one pass: what a value holds is never read as a field.

    >>> fill("{a} and {b}", {"a": "{b}", "b": "2"})
    '{b} and 2'
    """
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), text)


def bundled_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Read a bundled recipe by name, or a TOML file.

    >>> load_recipe("exercises").reply.tags
    ('problem', 'solution', 'answer')

    Raises:
        SettingError: there is no such recipe, or a key is missing or wrong.
    """
    path = FOLDER / f"{name_or_path}.toml"
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
    elif name_or_path not in bundled_recipes():
        raise UnknownNameError("recipe", name_or_path, bundled_recipes())
    data = load_toml(path, "recipe")
    where = f"The recipe {path}"
    for key in data:
        if key not in _KEYS:
            raise UnknownNameError(f"key of the recipe {path.name}", key, _KEYS)
    for key in ("name", "about", "paper", "seed", "system", "user"):
        if not isinstance(data.get(key), str) or not data[key].strip():
            raise SettingError(f"{where} needs the key {key}, a text.")
    if not isinstance(data.get("version"), int) or isinstance(data["version"], bool):
        raise SettingError(f"{where} needs the key version, a whole number.")
    if data["seed"] not in SEED_KINDS:
        raise UnknownNameError("seed of a recipe", data["seed"], SEED_KINDS)
    if data["user"].count("{seed}") != 1 or "{seed}" in data["system"]:
        raise SettingError(f"{where} must hold {{seed}} once, in user: the topic or the page goes there.")
    recipe = Recipe(
        **{key: data[key] for key in ("name", "version", "about", "paper", "seed", "system", "user")},
        tables=check_tables(data.get("tables", {}), where),
        reply=_read_reply(data.get("reply", {}), where),
        checks=_read_checks(data.get("checks", {}), where),
    )
    for name in recipe.fields:
        if name not in TABLES:
            raise UnknownNameError(f"field in braces of the recipe {path.name}", name, ("seed", *TABLES))
    answer = recipe.checks.answer
    if answer is not None and not {answer.worked, answer.stated} <= set(recipe.reply.tags):
        raise SettingError(
            f"{where}: [checks.answer] must name two of the tags {', '.join(recipe.reply.tags)}."
        )
    return recipe


def check_tables(tables: Any, where: str) -> dict[str, tuple[Any, ...]]:
    """Check tables to draw from: lists that are not empty, of texts, or of numbers of words for `length`."""
    if not isinstance(tables, dict):
        raise SettingError(f"{where}: tables must be lists under their names.")
    checked: dict[str, tuple[Any, ...]] = {}
    for name, values in tables.items():
        if name not in TABLES:
            raise UnknownNameError("table to draw from", name, TABLES)
        entries: list[Any] = list(values) if isinstance(values, list) else []
        if name == "length":
            is_fit = all(type(entry) is int and entry > 0 for entry in entries)
        else:
            is_fit = all(isinstance(entry, str) for entry in entries)
        if not entries or not is_fit:
            of = "numbers of words" if name == "length" else "texts"
            raise SettingError(f"{where}: the table {name} must be a list of {of}, with at least one.")
        checked[name] = tuple(dict.fromkeys(entries))
    return checked


def _read_reply(table: Any, where: str) -> ReplyForm:
    form = ReplyForm(**_known(table, ReplyForm, where, "[reply]", tags=tuple))
    if form.kind not in REPLY_KINDS:
        raise UnknownNameError("kind of a reply", form.kind, REPLY_KINDS)
    if (form.kind == "tags") != bool(form.tags) or any(not _TAG.fullmatch(str(tag)) for tag in form.tags):
        raise SettingError(
            f"{where}: a reply of the kind tags, and no other, names its tags, in small letters."
        )
    if form.kind == "tags" and not set(_FIELD.findall(form.text)) & set(form.tags):
        raise SettingError(
            f"{where}: [reply] needs text, which holds tags in braces and becomes the passage."
        )
    try:
        re.compile(form.must_match)
    except re.error as error:
        raise SettingError(f"{where}: must_match is no regular expression: {error}.") from error
    return form


def _read_checks(table: Any, where: str) -> Checks:
    values = _known(table, Checks, where, "[checks]")
    if "answer" in values:
        values["answer"] = AnswerCheck(**_known(values["answer"], AnswerCheck, where, "[checks.answer]"))
        if "" in (values["answer"].worked, values["answer"].stated, values["answer"].mark):
            raise SettingError(f"{where}: [checks.answer] needs worked, stated and mark.")
    checks = Checks(**values)
    if checks.code not in CODE_CHECKS:
        raise UnknownNameError("check of code", checks.code, CODE_CHECKS)
    if not 0 <= checks.max_copied <= 1 or not 0 <= checks.min_share_of_length < checks.max_share_of_length:
        raise SettingError(
            f"{where}: max_copied must be from 0 to 1, and min_share_of_length below max_share_of_length."
        )
    return checks


def _known(table: Any, cls: type, where: str, of: str, **convert: Any) -> dict[str, Any]:
    """The values of a table whose keys are fields of `cls`, each of the type of the field's default."""
    if not isinstance(table, dict):
        raise SettingError(f"{where}: {of} must be a table.")
    types: dict[str, Any] = {
        "kind": str, "tags": list, "text": str, "must_match": str, "code": str, "answer": dict, "worked": str,
        "stated": str, "mark": str, "min_share_of_length": float, "max_share_of_length": float, "max_copied": float,
    }  # fmt: skip
    names = [name for name in types if name in cls.__dataclass_fields__]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in names:
            raise UnknownNameError(f"key of {of}", name, names)
        number = float(value) if types[name] is float and type(value) is int else value
        if not isinstance(number, types[name]):
            raise SettingError(f"{where}: {name} of {of} must be of the type {types[name].__name__}.")
        values[name] = convert[name](number) if name in convert else number
    if cls is AnswerCheck:
        values = {name: values.get(name, "") for name in names}
    return values
