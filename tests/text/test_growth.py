"""No pattern of the package takes more than a linear number of steps, whatever a page holds.

Steps are counted by a small backtracking matcher that walks the pattern as `re` does; time is not measured. Each
repeat of a pattern is fed what it repeats, at two sizes: twice the text may take twice the steps, and no more.
"""

from __future__ import annotations

import ast
import importlib
import re
import re._constants as sre
import re._parser as parser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import curate

SIZES = (300, 600)
MOST_STEPS = 100_000  # of a text of 300 or 600 characters: more is growth, whatever the ratio
MOST_GROWTH = 2.6
# Only ever tried at one place (match, fullmatch) on a text that is bounded beforehand.
ANCHORED = {
    "curate.crawl.arrow_values:_TIME": "fullmatch on one value of a column",
    "curate.text.charset:_ATTRIBUTE": "match where the attribute before ends",
    "curate.crawl.archive:_ROBOTS_URL": "match on a URL, once",
    "curate.crawl.rows:_CLOSING": "match behind a quote, further on every time",
    "curate.rules.pii:_DOMAIN": "match behind each @, of at most 8 names of 63 characters",
    "curate.rules.pii:_NUMBERED": "fullmatch on such a name",
    "curate.rules.pii:_NUMBERING": "search in the 24 characters before an address",
    "curate.rules.secrets:_TYPED_NEXT": "match behind a password of curl, further on every time",
    "curate.rules.secrets:_TYPED_NEXT:2": "match behind a password of mysql, further on every time",
}


class Steps:
    """Matches one parsed pattern at a place and counts what it tries."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        text = pattern.pattern
        self.text = text.decode("latin-1") if isinstance(text, bytes) else text
        self.ignores_case = bool(pattern.flags & re.IGNORECASE)
        self.is_multiline = bool(pattern.flags & re.MULTILINE)
        self.is_dotall = bool(pattern.flags & re.DOTALL)
        self.tree = parser.parse(self.text, pattern.flags & ~re.LOCALE)
        self.n = 0
        self.groups: dict[int | None, str] = {}

    def search(self, text: str, *, anchored: bool) -> int:
        """Steps until the first match, or until every start has failed."""
        self.n = 0
        for start in range(1 if anchored else len(text) + 1):
            for _ in self.walk(list(self.tree), 0, text, start):
                return self.n
            if self.n > MOST_STEPS:
                break
        return self.n

    def walk(self, ops: list[Any], place: int, text: str, at: int) -> Iterator[int]:
        self.n += 1
        if self.n > MOST_STEPS:
            return
        if place == len(ops):
            yield at
            return
        for end in self.one(ops[place], text, at):
            yield from self.walk(ops, place + 1, text, end)

    def one(self, node: Any, text: str, at: int) -> Iterator[int]:
        op, value = node
        if op in {sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN}:
            self.n += 1
            if at < len(text) and self.takes(node, text[at]):
                yield at + 1
        elif op is sre.BRANCH:
            for branch in value[1]:
                yield from self.walk(list(branch), 0, text, at)
        elif op is sre.SUBPATTERN:
            for end in self.walk(list(value[3]), 0, text, at):
                self.groups[value[0]] = text[at:end]
                yield end
        elif op is sre.GROUPREF:
            self.n += 1
            said = self.groups.get(value)
            if said is not None and text.startswith(said, at):
                yield at + len(said)
        elif op is sre.ATOMIC_GROUP:
            for end in self.walk(list(value), 0, text, at):
                yield end
                return
        elif op in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
            yield from self.repeat(op, value, text, at)
        elif op in {sre.ASSERT, sre.ASSERT_NOT}:
            direction, inner = value
            begin = at - inner.getwidth()[1] if direction < 0 else at
            found = begin >= 0 and any(True for _ in self.walk(list(inner), 0, text, begin))
            if found == (op is sre.ASSERT):
                yield at
        elif op is sre.AT:
            if self.holds(value, text, at):
                yield at
        else:
            raise NotImplementedError(str(op))

    def repeat(self, op: Any, value: Any, text: str, at: int) -> Iterator[int]:
        low, high, body = value
        body = list(body)
        ends = [at]
        if len(body) == 1 and body[0][0] in {sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN}:
            while (high is sre.MAXREPEAT or len(ends) <= int(high)) and ends[-1] < len(text):
                self.n += 1
                if not self.takes(body[0], text[ends[-1]]):
                    break
                ends.append(ends[-1] + 1)
            kept = ends[low:]
            order = kept if op is sre.MIN_REPEAT else kept[::-1]
            yield from order[:1] if op is sre.POSSESSIVE_REPEAT else order
        else:
            yield from self.nested(op, low, high, body, text, at)

    def nested(self, op: Any, low: int, high: Any, body: list[Any], text: str, at: int) -> Iterator[int]:
        """A repeat of more than one character, with all its ways back, on a stack of its own."""
        stack: list[tuple[int, int, Iterator[int]]] = [(at, 0, self.walk(body, 0, text, at))]
        while stack:
            here, count, ways = stack[-1]
            may_go_on = high is sre.MAXREPEAT or count < int(high)
            end = next(ways, None) if may_go_on else None
            if end is None:
                stack.pop()
                if count >= low:
                    yield here
                    if op is sre.POSSESSIVE_REPEAT:
                        return
            elif end > here:
                stack.append((end, count + 1, self.walk(body, 0, text, end)))

    def takes(self, node: Any, character: str) -> bool:
        op, value = node
        if op is sre.LITERAL:
            return self.same(chr(value), character)
        if op is sre.NOT_LITERAL:
            return not self.same(chr(value), character)
        if op is sre.ANY:
            return self.is_dotall or character != "\n"
        negated = value[0][0] is sre.NEGATE
        return any(self.in_set(item, character) for item in value if item[0] is not sre.NEGATE) != negated

    def same(self, one: str, other: str) -> bool:
        return one == other or (self.ignores_case and one.lower() == other.lower())

    def in_set(self, item: Any, character: str) -> bool:
        op, value = item
        both = {character, character.lower(), character.upper()} if self.ignores_case else {character}
        if op is sre.LITERAL:
            return chr(value) in both
        if op is sre.RANGE:
            return any(value[0] <= ord(c) <= value[1] for c in both if len(c) == 1)
        kinds = {sre.CATEGORY_SPACE: r"\s", sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_WORD: r"\w",
                 sre.CATEGORY_NOT_SPACE: r"\S", sre.CATEGORY_NOT_DIGIT: r"\D", sre.CATEGORY_NOT_WORD: r"\W"}  # fmt: skip
        return re.match(kinds[value], character) is not None

    def holds(self, where: Any, text: str, at: int) -> bool:
        before, after = text[at - 1 : at] if at else "", text[at : at + 1]
        if where in {sre.AT_BEGINNING, sre.AT_BEGINNING_STRING}:
            return not before or (self.is_multiline and where is sre.AT_BEGINNING and before == "\n")
        if where in {sre.AT_END, sre.AT_END_STRING}:
            return not after or (after == "\n" and (self.is_multiline or at + 1 == len(text)))
        is_edge = bool(re.match(r"\w", before)) != bool(re.match(r"\w", after))
        return is_edge == (where is sre.AT_BOUNDARY)


def sample(ops: Any) -> str:
    """A short text that a part of a pattern takes."""
    out = ""
    for op, value in ops:
        if op is sre.LITERAL:
            out += chr(value)
        elif op is sre.NOT_LITERAL or op is sre.ANY:
            out += "a"
        elif op is sre.IN:
            out += in_sample(value)
        elif op is sre.BRANCH:
            out += sample(value[1][0])
        elif op is sre.SUBPATTERN:
            out += sample(value[3])
        elif op is sre.ATOMIC_GROUP:
            out += sample(value)
        elif op in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
            out += sample(value[2]) * max(1, value[0])
    return out


def in_sample(items: Any) -> str:
    if items[0][0] is sre.NEGATE:
        taken = {chr(value) for op, value in items[1:] if op is sre.LITERAL}
        return next(c for c in "a .z1-" if c not in taken)
    op, value = items[0]
    names = {sre.CATEGORY_SPACE: " ", sre.CATEGORY_DIGIT: "1", sre.CATEGORY_WORD: "a"}
    return chr(value) if op is sre.LITERAL else chr(value[0]) if op is sre.RANGE else names.get(value, "!")


def pumps(ops: Any, lead: str = "") -> Iterator[tuple[str, str]]:
    """What stands before each repeat, and what it repeats; sets give each of their first few characters."""
    for op, value in ops:
        if op in {sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT}:
            yield lead, sample(value[2])
            if len(value[2]) == 1 and value[2][0][0] is sre.IN:
                for item in value[2][0][1][:6]:
                    if item[0] is sre.LITERAL:
                        yield lead, chr(item[1])
            yield from pumps(value[2], lead)
        elif op is sre.SUBPATTERN:
            yield from pumps(value[3], lead)
        elif op is sre.BRANCH:
            for branch in value[1]:
                yield from pumps(branch, lead)
        lead += sample([(op, value)])


def patterns() -> dict[str, tuple[re.Pattern[Any], bool]]:
    """Every pattern of the package's source, by module and name, and whether it is only ever tried at one place."""
    found: dict[str, tuple[re.Pattern[Any], bool]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(("curate", *path.relative_to(PACKAGE).with_suffix("").parts))
        for name, call in calls_of_re(ast.parse(path.read_text("utf-8"))):
            place, number = f"{module}:{name}", 1
            while place in found:
                number += 1
                place = f"{module}:{name}:{number}"
            assert isinstance(call.func, ast.Attribute)
            is_anchored = call.func.attr in {"match", "fullmatch"} or place in ANCHORED
            if ast.unparse(call.args[0]) not in BY_HAND:
                found[place] = (compiled(call, module), is_anchored)
    for place, pattern in by_hand():
        found[place] = (pattern, False)
    return found


def calls_of_re(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Calls of the module `re` that take a pattern, with the name that the pattern gets, or of the function it is in."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = child.name
            elif isinstance(child, ast.Assign) and isinstance(node, ast.Module):
                inner = ast.unparse(child.targets[0])
            elif isinstance(child, ast.Call) and ast.unparse(child.func) in TAKES_A_PATTERN:
                yield name, child
            yield from walk(child, inner)

    return walk(tree, "")


def compiled(call: ast.Call, module: str) -> re.Pattern[Any]:
    """The pattern that a call makes, of constants or of names at the head of its module."""
    position = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(call.func.attr, 2)  # type: ignore[attr-defined]
    flags = next((each.value for each in call.keywords if each.arg == "flags"), None)
    flags = call.args[position] if flags is None and len(call.args) > position else flags
    try:
        names = {} if isinstance(call.args[0], ast.Constant) else vars(importlib.import_module(module))
        text, bits = (
            eval(ast.unparse(each), {"re": re} | names) if each else 0 for each in (call.args[0], flags)
        )
    except NameError:
        raise AssertionError(
            f"{module} line {call.lineno} makes a pattern while it runs: write it at the head of the module, or "
            "show one to test in BY_HAND"
        ) from None
    return re.compile(text, bits)


def by_hand() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Patterns that are made while the program runs."""
    from curate.craft import checks
    from curate.craft.recipe import bundled_recipes, load_recipe

    for word in ("key", "try", "c++", "a" * 40):
        yield f"craft word {word}", checks._parts_of(word)[1]
    for name in bundled_recipes():
        if form := load_recipe(name).reply.must_match:
            yield f"craft recipe {name}", re.compile(form)


PACKAGE = Path(curate.__file__).parent
TAKES_A_PATTERN = {
    f"re.{name}" for name in ("compile", "match", "search", "sub", "subn", "findall", "finditer", "split", "fullmatch")
}  # fmt: skip
BY_HAND = {
    "form.must_match": "a recipe's",
    'f"(?:{endings}|{re.escape(word[-1])}s?)?(?:[\'’]s)?(?!\\\\w)"': "_parts_of",
}
PATTERNS = patterns()


def growth(pattern: re.Pattern[Any], *, anchored: bool = False) -> tuple[float, str]:
    """The largest ratio of steps between the two sizes, and the text that it was found with."""
    steps = Steps(pattern)
    whole = sample(steps.tree)
    tried = {
        *pumps(steps.tree),
        ("", whole),
        ("", whole[:-1] or "a"),
        ("", " "),
        ("", "\n"),
        ("", "a"),
        ("", "1"),
    }
    worst = (0.0, "")
    for lead, pump in sorted(tried):
        for start, end in ((lead, "\x00"), ("", "\x00"), (lead, "\n")):
            small, large = (
                steps.search(start + pump * (size // max(1, len(pump)) + 1) + end, anchored=anchored)
                for size in SIZES
            )
            ratio = large / max(small, SIZES[0]) if large <= MOST_STEPS else float("inf")
            worst = max(worst, (ratio, repr((start, pump, end))))
    return worst


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_steps_grow_as_the_text_does(name: str) -> None:
    pattern, is_anchored = PATTERNS[name]
    ratio, text = growth(pattern, anchored=is_anchored)
    assert ratio <= MOST_GROWTH, f"{name}: {ratio:.1f} times the steps for twice the text {text}"


@pytest.mark.parametrize(
    "pattern",
    [r"(?:<!--.{0,4000}?-->\s*){0,3}<html", r"charset\s*=\s*[\"']?\s*(\w+)", r"^[\s>]*x", r"(a+)+b"],
)
def test_patterns_that_grow_are_found(pattern: str) -> None:
    if pattern == "(a+)+b":
        steps = Steps(re.compile(pattern))
        assert steps.search("a" * 12 + "c", anchored=True) > 3 * steps.search("a" * 10 + "c", anchored=True)
        return
    assert growth(re.compile(pattern, re.MULTILINE | re.DOTALL))[0] > MOST_GROWTH


@pytest.mark.parametrize("pattern", [p for p, _ in PATTERNS.values() if isinstance(p.pattern, str)][:12])
def test_the_counting_matcher_agrees_with_re(pattern: re.Pattern[str]) -> None:
    steps = Steps(pattern)
    for _, pump in sorted(set(pumps(steps.tree))):
        for text in (sample(steps.tree), pump * 3, "a" + sample(steps.tree) + "\n"):
            ours = next(iter(steps.walk(list(steps.tree), 0, text, 0)), None)
            theirs = pattern.match(text)
            assert ours == (theirs.end() if theirs else None), (pattern.pattern, text)
