"""Names of signals with their readings: `frac_dup_lines[copies=all]`, checked against what there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from curate.errors import SettingError, UnknownNameError
from curate.signals.catalogue import SIGNALS, Signal

_NAME = re.compile(r"(\w+)(?:\[([^\[\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A signal, and which of its readings is meant."""

    signal: Signal
    parameters: Mapping[str, str]


def parse_signal(name: str) -> Reading:
    """Look a signal up, with the parameters behind its name; those not named take their default.

    >>> dict(parse_signal("n_words[words=uniseg]").parameters)
    {'words': 'uniseg', 'marks': 'count'}

    Raises:
        UnknownNameError: the signal, a parameter or its value is not known.
        SettingError: the text is not of the form `name[parameter=value,...]`.
    """
    match = _NAME.fullmatch(name.replace(" ", ""))
    if match is None:
        raise SettingError(f"Signal '{name}' is not of the form name or name[parameter=value,...].")
    if match[1] not in SIGNALS:
        raise UnknownNameError("signal", match[1], SIGNALS)
    signal = SIGNALS[match[1]]
    parameters = {parameter: values[0] for parameter, values in signal.parameters.items()}
    for pair in filter(None, (match[2] or "").split(",")):
        parameter, _, value = pair.partition("=")
        if parameter not in signal.parameters:
            raise UnknownNameError(f"parameter of signal {signal.name}", parameter, signal.parameters)
        if value not in signal.parameters[parameter]:
            raise UnknownNameError(
                f"{parameter} of signal {signal.name}", value, signal.parameters[parameter]
            )
        parameters[parameter] = value
    return Reading(signal, parameters)
