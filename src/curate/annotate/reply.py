"""From a model's reply to a level, strictly: what does not state one level on the scale is a problem, never a guess."""

from __future__ import annotations

import json
import re
from typing import Any

from curate.annotate.prompt import MAX_REASON_CHARS, Prompt
from curate.llm.reply import LABELLED, Reply, Verdict

PROBLEMS = {
    "refused": "the model declined, or the server's filter did",
    "truncated": "the reply ended at the token limit",
    "unparsable": "the reply states no level, or several",
    "off_scale": "the level is not a whole number of the scale",
    "rejected": "the server does not take this page",
    "failed": "no reply after all tries",
}
_MARKS = " \t\r>*_#-"
_LEVEL_LINE = re.compile(
    r"(?:(?:final|overall|educational|edu)[ _]){0,4}(?:level|score|rating)[*_]{0,3}\s*[:=][\s*_]*"
    r"(?P<level>-?\d{1,9}(?:\.\d{1,9})?(?:\s*(?:/|out of)\s*\d{1,9})?)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)(?:\s*(?:/|out of)\s*(\d{1,9}))?")
_REASON_LINE = re.compile(
    r"(?:reason|reasoning|justification)[*_]{0,3}\s*:\s*(?P<reason>\S.*)", re.IGNORECASE
)
_MOST_AFTER_OBJECT = 16
"""Characters without a number that may follow the one object of a reply, as 'Done.'"""
_REFUSAL = re.compile(
    r"^\W{0,200}(?:i['’]?m sorry|i am (?:very )?sorry|sorry|i apologi[sz]e|i (?:can(?:no|['’])t|am unable|am not able|won['’]t)"
    r"|i['’]m (?:unable|not able)|as an ai\b|unfortunately,? i)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^```[a-zA-Z]*\s*\n(.*?)\n?```$", re.DOTALL)
_MAX_OBJECTS = 64


def read_reply(reply: Reply, prompt: Prompt) -> Verdict:
    """Judge a reply.

    >>> from curate.annotate.prompt import load_prompt
    >>> read_reply(Reply('{"reason": "A clear lesson.", "level": 4}'), load_prompt("edu"))
    Verdict(outcome='labelled', level=4, reason='A clear lesson.')
    >>> read_reply(Reply("Somewhere between 2 and 3."), load_prompt("edu")).outcome
    'unparsable'
    """
    if reply.refusal or reply.finish_reason == "content_filter":
        return Verdict("refused", reason=_one_line(reply.refusal or "content filter"))
    if reply.finish_reason == "length":
        return Verdict("truncated")
    text = _without_thoughts(reply.content or "").strip()
    if _REFUSAL.match(text):
        return Verdict("refused", reason=_one_line(text))
    stated, reason, is_last = _find_levels(text, prompt)
    levels = {_to_level(value, prompt) for value in stated}
    if len(levels) != 1 or not is_last:  # a level in the midst of a reply may be one that the page speaks of
        return Verdict("unparsable", reason=_one_line(text))
    level = levels.pop()
    if level is None or not prompt.low <= level <= prompt.high:
        return Verdict("off_scale", reason=_one_line(text))
    return Verdict(LABELLED, level, _one_line(reason))


def _without_thoughts(text: str) -> str:
    """Leave out a leading block of thoughts, as some models write it; one that never ends hides everything."""
    if not text.lstrip().startswith("<think>"):
        return text
    return text.partition("</think>")[2]


def _find_levels(text: str, prompt: Prompt) -> tuple[list[Any], str, bool]:
    """Every level that the reply states, as JSON or on a line of its own, the reason, and whether the last ends it."""
    if _NUMBER.fullmatch(text):
        return [text], "", True
    fenced = _FENCE.match(text)
    text = fenced[1] if fenced else text
    objects = _find_objects(text)
    names = {"level", prompt.level_field}
    pairs = [pair for found, _, _ in objects for pair in found]
    stated = [value for key, value in pairs if key in names]
    reason = next((value for key, value in pairs if key == "reason" and isinstance(value, str)), "")
    rest = _without(text, [(begin, end) for _, begin, end in objects])
    lines = [line.strip(_MARKS).rstrip("._ *") for line in rest.splitlines()]
    lines = [line for line in lines if line]
    levels = [match["level"] for line in lines if (match := _LEVEL_LINE.fullmatch(line))]
    if stated:
        after = text[objects[-1][2] :].strip("`\n ")
        is_last = len(after) <= _MOST_AFTER_OBJECT and not any(c.isdigit() for c in after)
        return stated + levels, reason, is_last and any(key in names for key, _ in objects[-1][0])
    reasons = [match["reason"] for line in lines if (match := _REASON_LINE.fullmatch(line))]
    while lines and _REASON_LINE.fullmatch(lines[-1]):
        lines.pop()
    return levels, reasons[0] if reasons else "", bool(lines) and _LEVEL_LINE.fullmatch(lines[-1]) is not None


def _without(text: str, stretches: list[tuple[int, int]]) -> str:
    """Leave stretches of a text out, each for an empty line."""
    begins, ends = [0, *(end for _, end in stretches)], [*(begin for begin, _ in stretches), len(text)]
    return "\n".join(text[begin:end] for begin, end in zip(begins, ends, strict=True))


def _find_objects(text: str) -> list[tuple[list[tuple[str, Any]], int, int]]:
    """Every outermost JSON object in the text, as its pairs (keys that stand twice are both there), and its place."""
    decoder = json.JSONDecoder(object_pairs_hook=list)
    objects: list[tuple[list[tuple[str, Any]], int, int]] = []
    at = text.find("{")
    for _ in range(_MAX_OBJECTS):
        if at < 0:
            break
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            objects.append((found, at, end))
        at = text.find("{", end)
    return objects


def _to_level(value: Any, prompt: Prompt) -> int | None:
    """The whole number that `value` is, null where it is none or is stated on another scale, as '8/10'."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if not isinstance(value, str):
        return None
    match = _NUMBER.fullmatch(value.strip())
    if not match or (match[2] and int(match[2]) != prompt.high):
        return None
    number = float(match[1])
    return int(number) if number.is_integer() else None


def _one_line(text: str) -> str:
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if len(line) <= MAX_REASON_CHARS else line[: MAX_REASON_CHARS - 1] + "…"
