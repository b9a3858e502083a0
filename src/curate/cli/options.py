"""Flags from settings: every field of a settings class is an option, with its sentence, section and default.

So a setting is declared once, in Python, and has the same name and the same words in TOML, in Python and on the
command line. A flag that is not given is not passed on: what it falls back to (a settings file, then the
default) is the command's business.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from curate.config import by_section

_SHORT = {"input": "-i", "output": "-o"}
_ESCAPES = str.maketrans({mark: f"\\{mark}" for mark in "<[*"})  # help texts are read as Markdown


def with_settings(
    *settings: type,
    only: Collection[str] | None = None,
    left_out: Collection[str] = (),
    flags: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Puts one option for each field of `settings` before a command's own options.

    The command's first parameter, `given`, receives the settings that the user named, as a dictionary for
    `settings_from`. With `only` no other fields get an option; nor do those in `left_out`, for which the command
    declares its own, or none.
    A flag is called as its field, or as `flags` says: `--folds` of `n_folds`.
    """
    hints = {name: hint for each in settings for name, hint in get_type_hints(each).items()}
    parts = [part for each in settings for part in by_section(each).values()]
    fields = [
        field
        for part in parts
        for field in part
        if (only is None or field.name in only) and field.name not in left_out
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def call(**values: Any) -> Any:
            named = {field.name: values.pop(field.name) for field in fields}
            given = {name: value for name, value in named.items() if value not in (None, [], ())}
            return command(given, **values)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        options = [
            _option(field, hints[field.name], (flags or {}).get(field.name, field.name)) for field in fields
        ]
        # typer reads a command's options from its signature and annotations.
        parameters = [*options, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own)]
        vars(call)["__signature__"] = inspect.Signature(parameters)
        call.__annotations__ = {each.name: each.annotation for each in parameters}
        return call

    return decorate


def split_names(given: dict[str, Any], *lists: str) -> dict[str, Any]:
    """`given` with the names in some of its lists taken apart at commas; 'none' stands for an empty list."""
    parts = {
        each: [name.strip() for item in given[each] for name in item.split(",")]
        for each in lists
        if each in given
    }
    return given | {
        each: [name for name in names if name and name != "none"] for each, names in parts.items()
    }


def _option(field: dataclasses.Field[Any], hint: Any, name: str) -> inspect.Parameter:
    flag = "--" + name.replace("_", "-")
    kind = str if field.metadata["parse"] else _flag_type(hint)
    info = typer.Option(
        *([f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag, *_short(field.name)]),
        help=_describe(field, repeats=get_origin(kind) is list),
        show_default=False,
        rich_help_panel=str(field.metadata["section"]).capitalize(),
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, info]
    )


def _short(name: str) -> list[str]:
    return [_SHORT[name]] if name in _SHORT else []


def _flag_type(hint: Any) -> Any:
    """The type of one flag: null is what a flag has that is not given, and tuples are repeated flags."""
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    kind = hint if get_origin(hint) is tuple else kinds[0]
    return list[get_args(kind)[0]] if get_origin(kind) is tuple else kind


def _describe(field: dataclasses.Field[Any], *, repeats: bool) -> str:
    text = str(field.metadata["doc"]).translate(_ESCAPES)
    if repeats:
        text += (
            " Also without the flag, and several after it." if field.name == "input" else " Can be repeated."
        )
    default = _show_default(field.default)
    return f"{text}  [default: {default}]" if default else text


def _show_default(default: Any) -> str:
    """What the help says of a default; nothing of null, off and empty."""
    if isinstance(default, tuple):
        return ", ".join(default)
    if isinstance(default, bool):
        return "on" if default else ""
    return "" if default is None else str(default)
