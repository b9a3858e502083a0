"""The gate's own checks: what only text written on request can be. Each names a reason, the value and the limit.

The rest of the gate is the main job: language, loops (rules), contamination, duplicates, scores.
Nothing that was written is executed: Python is parsed, no more.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from curate.craft.draw import Drawn
from curate.craft.recipe import AnswerCheck, Recipe, fill
from curate.llm.reply import LABELLED

REASONS = {
    "craft_rejected": "the server did not take the prompt",
    "craft_refused": "the model declined, or the server's filter did",
    "craft_empty": "the reply holds no text",
    "craft_cut_off": "the reply ended at the token limit, or in the middle of a sentence",
    "craft_preamble": "the reply speaks to whoever asked, before or after the text",
    "craft_self_talk": "the text speaks of its writer as a language model",
    "craft_wrong_format": "a part that was asked for is missing, or stands twice",
    "craft_answer_differs": "the answer that is stated is not the one that was worked out",
    "craft_code_unparsable": "a block of Python does not parse, or there is none",
    "craft_words_missing": "words that were required do not occur",
    "craft_too_short": "the passage is too short for what was asked",
    "craft_too_long": "the passage is too long for what was asked",
    "craft_copied": "too much of the passage was copied from its seed",
    "craft_near_seed": "the passage is a near-duplicate of a page that seeds were chosen from",
    "craft_near_index": "the passage is a near-duplicate of a document in an index",
}

_APOLOGY = r"(?:i['’]?m (?:very |really |so )?sorry|sorry|i apologi[sz]e|unfortunately|regrettably)"
_CANNOT = (
    r"i(?:['’]m| am)? (?:can(?:no|['’])t|cannot|could ?n['’]t|won['’]t|will not|(?:not able|unable) to|not comfortable"
    r"|must decline|have to decline|do not feel comfortable|don['’]t feel comfortable)"
)
_REFUSAL = re.compile(
    rf"^\W*(?:(?:{_APOLOGY})\W+(?:but\W+)?(?:as an? [\w ]{{2,40}},? )?(?:{_CANNOT}|there is no extract|i don['’]t have)"
    rf"|{_CANNOT}\b[^.\n]{{0,40}}\b(?:help|assist|write|fulfil|fulfill|create|provide|comply|generate|produce|complete"
    r"|answer|do that|with (?:this|that))"
    r"|as an? (?:ai|language model)[^.\n]{0,60}\bi (?:can(?:no|['’])t|cannot|am unable|am not able))",
    re.IGNORECASE,
)
_THING = (
    r"(?:section|text|story|passage|exercise|problem|dialogue|conversation|version|rewrite|summary|explanation|function"
    r"|code|answer|question|lesson|chapter|example|solution|rewritten|condensed|rephrased)s?"
)
_PREAMBLE = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|absolutely|okay|ok|alright|great|gladly|no problem|with pleasure|understood"
    r"|got it)\b(?: thing)?\s*[!,.:—–-]\s*(?:\n|[^\n]{0,80}\b(?:here(?:['’]s| is| are)|below|i(?:['’]ll| will| can)|let me)\b)"
    rf"|(?:here(?:['’]s| is| are)|below is|below are|the following is) (?:[\w'’-]+ ){{0,6}}{_THING}\b[^\n]{{0,120}}"
    r"(?::[*_]*\s*(?:\n|$)|(?:you (?:asked|requested|wanted)|as requested)))",
    re.IGNORECASE,
)
_AFTERWORD = re.compile(
    r"^[^\w\n]*(?:let me know (?:if|whether|how|what)|i hope (?:this|that) (?:helps|meets|is what|section|text)"
    r"|feel free to (?:ask|let me|reach)|would you like me to|if you(?:['’]d| would) like(?:,| me to)"
    r"|is there anything else|\(?\bword count\b\W*:?\W*\d)",
    re.IGNORECASE | re.MULTILINE,
)
_SELF_TALK = re.compile(
    r"\b(?:as an? (?:ai|(?:large )?language model)(?: (?:language )?(?:model|assistant|system|chatbot))?, i\b"
    r"|i(?: am|['’]m) (?:just |only |merely )?an? (?:[\w-]+ ){0,3}(?:language model|ai (?:model|assistant|system|chatbot))"
    r"|my (?:training data|knowledge cut-?off|training cut-?off)|my last (?:knowledge )?update"
    r"|i was (?:trained|created|developed|made) by (?:openai|anthropic|google|meta|mistral)"
    r"|(?:the|all) required words)\b",
    re.IGNORECASE,
)
_TOLD_BY = {
    " ai": ("as an ai", "as a ai", "ai model", "ai assistant", "ai system", "ai chatbot"),
    "my ": ("my training", "my knowledge", "my last"),
    "i was ": ("by openai", "by anthropic", "by google", "by meta", "by mistral"),
    "language model": ("language model",),
    "required words": ("required words",),
}
"""Each match of `_SELF_TALK` holds one of the first, and then one of its second: looking for these is a hundred times
cheaper than the pattern."""
_THOUGHTS = re.compile(r"^\s*<think(?:ing)?>.*?</think(?:ing)?>\s*", re.DOTALL)
_OPEN_THOUGHTS = re.compile(r"^\s*<think(?:ing)?>")
_WHOLE_FENCE = re.compile(r"^```(?:markdown|md|text|txt)?[ \t]*\n(.*)\n```$", re.DOTALL)
_ENDS = tuple(".!?…。！？؟।\"”’»)]}'`|*_:;$>")
_LAST_LINES = 400  # characters at the end in which an afterword is looked for
_MOST_DIGITS = 200  # of a number that is compared: Python refuses to read one of thousands
_FIRST_CHARS = 300


def find_fenced(text: str) -> tuple[list[tuple[str, str]], str]:
    """Find the fenced blocks of a text: (language, body) of each, and what stands outside of them.

    A loop over lines and no pattern, which would look for the end of each fence that is never closed.
    """
    blocks: list[tuple[str, str]] = []
    outside: list[str] = []
    opened: str | None = None
    body: list[str] = []
    for line in text.split("\n"):
        mark = line.strip()
        if opened is not None and mark == "```":
            blocks.append((opened, "".join(f"{each}\n" for each in body)))
            opened, body = None, []
        elif opened is not None:
            body.append(line)
        elif mark.startswith("```"):
            words = mark[3:].split()
            opened = words[0] if words else ""
        else:
            outside.append(line)
    if opened is not None:  # never closed: no block
        outside += [f"```{opened}", *body]
    return blocks, "\n".join(outside)


@dataclass(frozen=True, slots=True)
class Judged:
    """A reply after the gate's checks: the passage, its parts, and why it is dropped, if it is.

    `value` and `limit` are the numbers that decided, `detail` the words, each None where there are none.
    """

    text: str
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    value: float | None = None
    limit: float | None = None
    detail: str | None = None


def judge(content: str, outcome: str, recipe: Recipe) -> Judged:  # noqa: PLR0911 - a row of guards
    """Read a reply by its recipe, and name the first reason for which it cannot stay.

    Args:
        content: what the server sent.
        outcome: of `curate.craft.run.read`: labelled, refused, cut_off, empty or rejected.
        recipe: what was asked for.
    """
    if outcome not in {LABELLED, "cut_off"}:
        return Judged(content, reason=f"craft_{outcome}")
    raw = _THOUGHTS.sub("", content).strip()
    if not raw:
        return Judged(content, reason="craft_empty")
    if _REFUSAL.match(raw[:_FIRST_CHARS]):
        return Judged(raw, reason="craft_refused", detail=_excerpt(raw))
    if outcome == "cut_off" or _OPEN_THOUGHTS.match(raw):
        return Judged(raw, reason="craft_cut_off")
    if found := _PREAMBLE.match(raw[:_FIRST_CHARS]) or _AFTERWORD.search(_last_paragraph(raw)):
        return Judged(raw, reason="craft_preamble", detail=_excerpt(found[0]))
    if found := _find_self_talk(raw):
        return Judged(raw, reason="craft_self_talk", detail=_excerpt(found[0]))
    return _judge_form(raw, recipe)


def _judge_form(raw: str, recipe: Recipe) -> Judged:  # noqa: PLR0911 - a row of guards
    form, checks = recipe.reply, recipe.checks
    whole = _WHOLE_FENCE.match(raw)
    raw = whole[1].strip() if whole and form.kind == "text" and "\n```" not in whole[1] else raw
    if form.must_match and not re.search(form.must_match, raw):
        return Judged(raw, reason="craft_wrong_format", detail="the form that the recipe asks for")
    parts: dict[str, str] = {}
    text = raw
    if form.kind == "tags":
        for tag in form.tags:
            found = _find_tagged(raw, tag)
            if len(found) != 1 or not found[0].strip():
                return Judged(raw, reason="craft_wrong_format", value=len(found), limit=1, detail=tag)
            parts[tag] = found[0].strip()
        text = fill(form.text, parts).strip()
    elif form.kind == "code":
        blocks, outside = find_fenced(raw)
        if len(blocks) != 1 or outside.strip():
            return Judged(
                raw, reason="craft_wrong_format", value=len(blocks), limit=1, detail="one block of code"
            )
        text = blocks[0][1].strip("\n")
    elif not _is_ended(raw):
        return Judged(raw, reason="craft_cut_off", detail=_excerpt(raw[-40:]))
    if checks.answer and (differs := _compare_answers(parts, checks.answer)):
        return Judged(text, parts, reason=differs[0], detail=differs[1])
    if checks.code != "none" and (why := _check_code(text, recipe)):
        return Judged(text, parts, reason="craft_code_unparsable", detail=why)
    return Judged(text, parts)


def _find_tagged(text: str, tag: str) -> list[str]:
    """What stands between `<tag>` and the next `</tag>`, each time.

    >>> _find_tagged("<a>1</a> <a>2 <a>3</a> <a>4", "a")
    ['1', '2 <a>3']
    """
    found: list[str] = []
    opens, closes = f"<{tag}>", f"</{tag}>"
    start = text.find(opens)
    while start >= 0 and (end := text.find(closes, start + len(opens))) >= 0:
        found.append(text[start + len(opens) : end])
        start = text.find(opens, end + len(closes))
    return found


def find_missing(text: str, drawn: Drawn) -> list[str]:
    """The drawn words that a passage does not hold."""
    folded = text.casefold()
    return [word for word in drawn.words if not _holds(folded, word)]


def _find_self_talk(text: str) -> re.Match[str] | None:
    folded = text.casefold()
    for rough, fine in _TOLD_BY.items():
        if rough in folded and any(sign in folded for sign in fine):
            return _SELF_TALK.search(text)
    return None


def _is_ended(text: str) -> bool:
    """Whether a text ends as sentences, quotations, code or tables do."""
    last = text.rstrip().rsplit("\n", 1)[-1].strip()
    return last.endswith(_ENDS) or bool(re.fullmatch(r"(?:[-*+]|\d+[.)]) .*\w|#.*|[=≈].*", last))


def _last_paragraph(text: str) -> str:
    return text.rstrip().rsplit("\n\n", 1)[-1][-_LAST_LINES:]


def _excerpt(text: str) -> str:
    return " ".join(text.split())[:120]


def _holds(folded: str, word: str) -> bool:
    """Whether a word occurs in a case-folded text, also with an ending: 'keys' and 'keyed' hold 'key', 'monkey' does not.

    >>> _holds("two keys.", "key"), _holds("a monkey.", "key"), _holds("try c++.", "C++")
    (True, False, True)
    """
    stem, tail = _parts_of(word)
    at = folded.find(stem)
    while at >= 0:
        is_begun = at > 0 and _is_letter(folded[at - 1]) and _is_letter(stem[0])
        if not is_begun and tail.match(folded, at + len(stem)):
            return True
        at = folded.find(stem, at + 1)
    return False


@lru_cache(maxsize=4096)
def _parts_of(word: str) -> tuple[str, re.Pattern[str]]:
    """What all forms of a word begin with, and how they may go on."""
    word = word.casefold()
    stem = word[:-1] if len(word) > 3 and word[-1] in "ey" else word
    endings = "e|es|ed|ing|y|ies|ied" if stem != word else "s|es|ed|d|ing|er|ers"
    return stem, re.compile(rf"(?:{endings}|{re.escape(word[-1])}s?)?(?:['’]s)?(?!\w)")


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"


def _compare_answers(parts: Mapping[str, str], check: AnswerCheck) -> tuple[str, str] | None:
    """(reason, detail) where the answer that was worked out is missing, or is another than the one stated."""
    marked = [
        line.partition(check.mark)[2] for line in parts[check.worked].splitlines() if check.mark in line
    ]
    if not marked:
        return "craft_wrong_format", f"no line with {check.mark}"
    worked, stated = _plain(marked[-1]), _plain(parts[check.stated])
    if worked == stated:
        return None
    numbers = _number(worked), _number(stated)
    if None not in numbers and numbers[0] == numbers[1]:
        return None
    return "craft_answer_differs", f"worked {_excerpt(worked)}, stated {_excerpt(stated)}"


def _plain(text: str) -> str:
    r"""An answer without its dress: case, spacing, marks of mathematics and emphasis, a full stop at the end.

    >>> _plain(" **42 km.** "), _plain(r"$\boxed{7}$")
    ('42 km', '7')
    """
    text = re.sub(r"\\(?:boxed|text|mathrm)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"[*_`$]|\\[()\[\],;! ]", "", text).replace("−", "-")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return " ".join(text.casefold().split()).strip(" .")


def _number(text: str) -> tuple[Fraction, str] | None:
    """The number of an answer, exactly, with what stands around it; None where there is none, or several.

    >>> _number("1/2") == _number("0.5"), _number("3 cm") == _number("3 m")
    (True, False)
    >>> _number("9" * 5000)  # no answer; and Python would not read it
    """
    found = re.findall(r"[-+]?\d+(?:\.\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?", text)
    if len(found) != 1 or len(found[0]) > _MOST_DIGITS:
        return None
    above, _, below = found[0].replace(" ", "").partition("/")
    if below and not Fraction(below):
        return None
    rest = text.replace(found[0], "", 1)
    rest = re.sub(r"^\s*(?:\w+\s*=|=)", "", rest)
    return Fraction(above) / Fraction(below or 1), "".join(rest.split())


def _check_code(text: str, recipe: Recipe) -> str | None:
    """Why the Python of a passage cannot stay; None where it can."""
    if recipe.reply.kind == "code":
        blocks = [text]
    else:
        blocks = [body for name, body in find_fenced(text)[0] if name.lower() in {"python", "py", "python3"}]
    if not blocks:
        return "no block of Python"
    for block in blocks:
        tree = _parse(block)
        if isinstance(tree, str):
            return tree
        if not tree.body:
            return "a block without a statement"
        if recipe.checks.code == "function" and not _is_exercise(tree):
            return "no function with a docstring and a body"
    return None


def _parse(block: str) -> ast.Module | str:
    """The syntax tree of a block, or what is wrong with it. Nothing is executed or imported."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(block)
    except SyntaxError as error:
        return _excerpt(f"line {error.lineno}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return _excerpt(f"{type(error).__name__}: {error}")


def _is_exercise(tree: ast.Module) -> bool:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return any(ast.get_docstring(node) and len(node.body) > 1 for node in functions)
