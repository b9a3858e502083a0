"""Every setting of `curate serve`, with its meaning, default and bounds."""

from __future__ import annotations

from dataclasses import dataclass

from curate.config import check, setting
from curate.errors import SettingError

HOST = "127.0.0.1"
"""There is no authentication, so that nobody else's machine is let in."""
MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """The settings of `curate serve`; wrong ones are refused when this is built."""

    scorer: tuple[str, ...] | str = setting(
        "edu",
        "Bundled classifier or folder of your own; of several, a request names one or gets the first.",
        section="score",
    )
    port: int = setting(
        8000,
        f"Port at {HOST}, the only address served; 0 for a free one.",
        section="serve",
        low=0,
        high=65535,
    )
    max_texts: int = setting(1024, "Texts in a request.", section="limits", low=1)
    max_body_bytes: int = setting(16 * MIB, "Bytes of a request.", section="limits", low=1)
    max_waiting: int = setting(
        64,
        "Requests at a time, at work and waiting; more are told to come again (503).",
        section="limits",
        low=1,
    )
    threads: int = setting(1, "Requests scored at the same time.", section="serve", low=1, high=256)

    def __post_init__(self) -> None:
        check(self)
        names = (self.scorer,) if isinstance(self.scorer, str) else self.scorer
        if not names or "none" in names:
            raise SettingError("scorer is empty. Name one, such as 'edu'.")
        object.__setattr__(self, "scorer", names)
