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
_LEVEL_LINE = re.compile(
    r"^[\s>*_#-]*(?:(?:final|overall|educational|edu)[ _])*(?:level|score|rating)[*_]*\s*[:=]\s*[*_]*\s*"
    r"(?P<level>-?\d+(?:\.\d+)?(?:\s*(?:/|out of)\s*\d+)?)[*_]*\s*\.?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:\s*(?:/|out of)\s*(\d+))?")
_REASON_LINE = re.compile(
    r"^[\s>*_#-]*(?:reason|reasoning|justification)[*_]*\s*:\s*(.+)$", re.IGNORECASE | re.MULTILINE
)
_REFUSAL = re.compile(
    r"^\W*(?:i['’]?m sorry|sorry|i apologi[sz]e|i (?:can(?:no|['’])t|am unable|am not able|won['’]t)|i['’]m (?:unable|not able)"
    r"|as an ai\b|unfortunately,? i)",
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
    stated, reason = _find_levels(text, prompt)
    if not stated:
        return Verdict("refused" if _REFUSAL.match(text) else "unparsable", reason=_one_line(text))
    levels = {_to_level(value, prompt) for value in stated}
    if len(levels) > 1:
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


def _find_levels(text: str, prompt: Prompt) -> tuple[list[Any], str]:
    """Every level that the reply states, and the reason: from JSON if there is any, else from lines of text."""
    fenced = _FENCE.match(text)
    objects = _find_objects(fenced[1] if fenced else text)
    names = {"level", prompt.level_field}
    pairs = [pair for found in objects for pair in found]
    stated = [value for key, value in pairs if key in names]
    if stated:
        reasons = [value for key, value in pairs if key == "reason" and isinstance(value, str)]
        return stated, reasons[0] if reasons else ""
    if _NUMBER.fullmatch(text):
        return [text], ""
    reason = _REASON_LINE.search(text)
    return [match["level"] for match in _LEVEL_LINE.finditer(text)], reason[1] if reason else ""


def _find_objects(text: str) -> list[list[tuple[str, Any]]]:
    """Every outermost JSON object in the text, as its pairs: keys that stand twice are both there."""
    decoder = json.JSONDecoder(object_pairs_hook=list)
    objects: list[list[tuple[str, Any]]] = []
    at = text.find("{")
    for _ in range(_MAX_OBJECTS):
        if at < 0:
            break
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            objects.append(found)
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
