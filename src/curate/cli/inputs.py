"""Inputs as people type them: by position, and several after one flag, as a shell makes of a glob without quotes.

    curate filter crawl/ more/            ->  curate filter --input crawl/ --input more/
    curate dedup --input a.parquet b.parquet  ->  curate dedup --input a.parquet --input b.parquet
    curate index build --output seen kept/    ->  curate index build seen --input kept/

The arguments are brought to the one form that the commands declare, before they are parsed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_INPUT = "--input"


def spread_inputs(root: Any, arguments: Sequence[str]) -> list[str]:
    """Write every input behind a flag of its own; commands without inputs are left alone."""
    command, n_names = root, 0
    while hasattr(command, "commands") and n_names < len(arguments):
        found = command.commands.get(arguments[n_names])
        if found is None:
            return list(arguments)
        command, n_names = found, n_names + 1
    options = {name: option for option in command.params for name in option.opts if name.startswith("-")}
    if _INPUT not in options:
        return list(arguments)
    places = [param for param in command.params if param.param_type_name == "argument"]
    takes_more = any(place.nargs == -1 for place in places)
    rest = list(arguments[n_names:])
    own, inputs, flags = _sort_out(rest, options)
    bare: list[str] = []
    if not takes_more:
        if "--output" not in options:
            _take_output(flags, own)
        own, bare = own[: len(places)], own[len(places) :]
    many = bool(options[_INPUT].multiple)
    all_inputs = [*inputs, *bare]
    if not many and len(all_inputs) > 1:
        return list(arguments)  # refused by the command, which takes one
    spread = [part for each in all_inputs for part in (_INPUT, each)]
    return [*arguments[:n_names], *own, *spread, *flags]


def _sort_out(arguments: list[str], options: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Tell (what stands alone, inputs behind their flag, flags with their values) apart."""
    own: list[str] = []
    inputs: list[str] = []
    flags: list[str] = []
    at, after_input = 0, False
    while at < len(arguments):
        token = arguments[at]
        at += 1
        if token == "--":  # noqa: S105 - no password
            own += arguments[at:]
            break
        if not token.startswith("-") or token == "-":  # noqa: S105
            (inputs if after_input else own).append(token)
            continue
        name, _, value = token.partition("=")
        option = options.get(name)
        after_input = option is not None and _INPUT in option.opts
        if after_input:
            if value:
                inputs.append(value)
            continue
        flags.append(token)
        is_bare = option is None or option.is_flag or option.count or value
        if (not is_bare and at < len(arguments)) or (
            option is None and token in _TAKES_VALUE and at < len(arguments)
        ):
            flags.append(arguments[at])
            at += 1
    return own, inputs, flags


_TAKES_VALUE = ("--output", "-o")


def _take_output(flags: list[str], own: list[str]) -> bool:
    """Move the value of --output to the front of what stands alone: the folder of commands that take it by place."""
    for place, flag in enumerate(flags):
        if flag in _TAKES_VALUE and place + 1 < len(flags):
            own.insert(0, flags[place + 1])
            del flags[place : place + 2]
            return True
        if flag.startswith("--output="):
            own.insert(0, flag.partition("=")[2])
            del flags[place]
            return True
    return False
