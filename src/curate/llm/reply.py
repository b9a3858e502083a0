"""What a server said, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

LABELLED = "labelled"
"""The outcome of a reply that gave what was asked for: nothing more is asked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said, with the tokens that it counted; null where it counted none."""

    content: str | None
    refusal: str | None = None
    finish_reason: str | None = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reply's outcome: `labelled`, with a level where one was asked for, or the name of a problem."""

    outcome: str
    level: int | None = None
    reason: str = ""
