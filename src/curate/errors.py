"""The errors that `curate` raises on purpose.

    CurateError
    ├── SettingError        a setting is wrong; the command exits with code 2
    │   ├── UnknownNameError    a name that is in no registry; carries the nearest known one
    │   ├── TextsError          what was handed over as texts holds none; a TypeError too
    │   ├── MissingPackageError     a package that is not installed; says what to type
    │   └── ChangedSettingsError    a resumed run whose settings are not those it began with
    └── RunError            the run could not go on; exit code 1

Bad data raises none of these: it becomes a row with a `drop_reason`, or a file entry in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_NAMES_SHOWN = 40


def one_line(error: BaseException) -> str:
    """What an exception says, on one line, its first 200 characters; its class where it says nothing.

    >>> one_line(ValueError(" no such   thing ")), one_line(KeyboardInterrupt())
    ('no such thing', 'KeyboardInterrupt')
    """
    return " ".join(str(error).split())[:200] or type(error).__name__


class CurateError(Exception):
    """Base of every error raised on purpose; its text is one line that says what to do."""


class SettingError(CurateError, ValueError):
    """A setting, path or name given by the user is wrong."""


class UnknownNameError(SettingError):
    """A name that is not in the registry it was looked up in.

    >>> str(UnknownNameError("rule set", "gophr", ["gopher", "c4"]))
    "Unknown rule set 'gophr'. Did you mean 'gopher'? Known: c4, gopher."
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        known_names = f" Known: {', '.join(names)}." if len(names) <= MAX_NAMES_SHOWN else ""
        super().__init__(f"Unknown {kind} '{name}'.{hint}{known_names}")
        self._arguments = (kind, name, tuple(names))

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        # Exceptions are pickled by their text alone otherwise, and a pool that cannot read one hangs.
        return type(self), self._arguments


class TextsError(SettingError, TypeError):
    """What was handed over as texts is one text, a table or a mapping, or holds something else than texts."""


class MissingPackageError(SettingError):
    """Something that was asked for needs a package of an extra that is not installed.

    >>> str(MissingPackageError("Training", "torch", "train"))
    "Training needs the package torch. From a clone of curate: pip install '.[train]'."
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}. From a clone of curate: pip install '.[{extra}]'."
        )
        self._arguments = (what, package, extra)

    def __reduce__(self) -> tuple[type[MissingPackageError], tuple[str, str, str]]:
        return type(self), self._arguments


class ChangedSettingsError(SettingError):
    """The output folder holds a run that began with other settings or other input."""


class RunError(CurateError, RuntimeError):
    """The run stopped for a reason outside the settings: a disk that is full, a worker that was killed."""
