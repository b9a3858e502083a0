"""The test pages of other extractors, and which kinds of text are lost on them by whom.

CURATE_PEERS_TESTS names a folder with checkouts `readability`, `defuddle`, `newspaper4k` and `trafilatura`, or those are cloned
there with git; what is absent is skipped. Nothing of them is part of this project. Every expected text is taken apart
into lines of a kind (heading, paragraph, item, caption, ...), and a line counts as found if its words stand in the extracted text in
their order. Formulas and images are left out, for every project writes them its own way; so are asserts of
trafilatura's that set any of its options.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from lxml import html

PEERS_TESTS = "CURATE_PEERS_TESTS"
REPOSITORIES = {
    "readability": "https://github.com/mozilla/readability",
    "defuddle": "https://github.com/kepano/defuddle",
    "newspaper4k": "https://github.com/AndyTheFactory/newspaper4k",
    "trafilatura": "https://github.com/adbar/trafilatura",
}
_KINDS = {
    "heading": ("h1", "h2", "h3", "h4", "h5", "h6"),
    "item": ("li",),
    "cell": ("td", "th"),
    "caption": ("figcaption", "caption"),
    "code": ("pre",),
    "definition": ("dt", "dd"),
    "paragraph": ("p", "blockquote"),
}
_KIND_OF_TAG = {tag: kind for kind, tags in _KINDS.items() for tag in tags}
_WORD = re.compile(r"\w+")
_NOTE = re.compile(r"\[(?:\d{1,3}|[a-z]|note \d+|citation needed)\]")
MIN_WORDS = 4  # of a line but for headings and cells, so that it is told from others
_KIND_OF_MARK = (
    ("#", "heading"),
    (">", "paragraph"),
    ("|", "cell"),
    ("-", "item"),
    ("*", "item"),
    ("[^", "footnote"),
)


class Case(NamedTuple):
    """A page and the lines that its authors expect, each as (kind, words)."""

    source: str
    name: str
    page: bytes
    lines: list[tuple[str, str]]


def folder_of(project: str, cache: Path) -> Path | None:
    """The checkout of a project's repository; cloned if it is not there, None where that fails."""
    folder = Path(os.environ.get(PEERS_TESTS) or cache) / project
    if not folder.exists():
        cloned = subprocess.run(
            ["git", "clone", "--quiet", "--depth", "1", REPOSITORIES[project], str(folder)], check=False
        )
        if cloned.returncode:
            print(f"{project}: skipped, {PEERS_TESTS} names no folder with its tests", file=sys.stderr)
            return None
    return folder


def words(text: str) -> str:
    """A text's words in lower case, a blank before and behind each; without marks of footnotes, which not all keep."""
    text = _NOTE.sub(" ", text)
    return f" {' '.join(_WORD.findall(text.lower()))} "


def _line(kind: str, text: str) -> Iterator[tuple[str, str]]:
    found = words(text)
    if found.count(" ") > (2 if kind in ("heading", "cell") else MIN_WORDS):
        yield kind, found


def lines_of_html(content: str) -> Iterator[tuple[str, str]]:
    """The innermost elements of a kind, as their kind and words; none of a page with MathML."""
    if not content.strip() or "<math" in content:
        return
    for element in html.fromstring(content).iter(*_KIND_OF_TAG):
        if next(element.iterdescendants(*_KIND_OF_TAG), None) is None:
            yield from _line(_KIND_OF_TAG[element.tag], element.text_content())


def lines_of_markdown(content: str) -> Iterator[tuple[str, str]]:
    """Lines of Markdown by the mark they begin with, without links' addresses, images and formulas."""
    content = re.sub(r"^---\n.*?\n---\n|^```json\n.*?\n```\n", "", content, flags=re.DOTALL)
    in_code = False
    for line in content.split("\n"):
        text = line.strip()
        if text.startswith("```"):
            in_code = not in_code
        elif in_code:
            yield from _line("code", text)
        elif "$" not in text and "![" not in text and not re.fullmatch(r"[|\s:-]*", text):
            kind = next((kind for mark, kind in _KIND_OF_MARK if text.startswith(mark)), "paragraph")
            kind = "item" if re.match(r"\d+\. ", text) else kind
            plain = re.sub(
                r"\[\^[\w-]+\]:?|<[^>]*>|\\(?=\W)", "", re.sub(r"\]\([^)\s]*(?: \"[^\"]*\")?\)", "]", text)
            )
            for cell in plain.split(" | ") if kind == "cell" else [plain]:
                yield from _line(kind, re.sub(r"[*_~`]", "", cell) if kind != "code" else cell)


def asserts_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(page, expected text) of every `assert "text" in extract(page)` without further settings, also by way of a name."""
    pages: dict[str, str] = {}
    results: dict[str, str] = {}
    statements = (node for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.Assert)))
    for node in sorted(statements, key=lambda node: node.lineno):
        if isinstance(node, ast.Assign):
            name = getattr(node.targets[0], "id", "")
            pages.pop(name, None)
            results.pop(name, None)
            page = _page_of(node.value, pages)
            if page is not None:
                results[name] = page
            elif isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                pages[name] = node.value.value
        elif isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.In):
            text, given = node.test.left, node.test.comparators[0]
            page = results.get(given.id) if isinstance(given, ast.Name) else _page_of(given, pages)
            if page is not None and isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield page, text.value


def _page_of(node: ast.expr, pages: dict[str, str]) -> str | None:
    """The page of a call of `extract` that sets none of its options."""
    if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "extract" or not node.args:
        return None
    if {key.arg for key in node.keywords} - {"config", "fast", "no_fallback"}:
        return None
    page = node.args[0]
    if isinstance(page, ast.Constant):
        return page.value if isinstance(page.value, str) else None
    return pages.get(page.id) if isinstance(page, ast.Name) else None


def read_cases(cache: Path) -> Iterator[Case]:
    """All pages of all projects that are there."""
    folders = {project: folder_of(project, cache) for project in REPOSITORIES}
    if folder := folders["readability"]:
        for path in sorted(folder.glob("test/test-pages/*/expected.html")):
            lines = list(lines_of_html(path.read_text("utf-8", "replace")))
            yield Case("readability", path.parent.name, (path.parent / "source.html").read_bytes(), lines)
    if folder := folders["defuddle"]:
        for path in sorted(folder.glob("tests/fixtures/*.html")):
            expected = folder / "tests" / "expected" / f"{path.stem}.md"
            if expected.exists():
                yield Case(
                    "defuddle",
                    path.stem,
                    path.read_bytes(),
                    list(lines_of_markdown(expected.read_text("utf-8"))),
                )
    if folder := folders["newspaper4k"]:
        for path in sorted(folder.glob("tests/data/html/*.html")):
            expected = folder / "tests" / "data" / "txt" / f"{path.stem}.txt"
            if expected.exists():
                text = expected.read_text("utf-8", "replace").split("\n")
                lines = [pair for line in text for pair in _line("paragraph", line)]
                yield Case("newspaper4k", path.stem, path.read_bytes(), lines)
    if folder := folders["trafilatura"]:
        for path in sorted(folder.glob("tests/*unit*.py")):
            pairs = asserts_of(ast.parse(path.read_text("utf-8")))
            for i, (page, text) in enumerate(pairs):
                yield Case("trafilatura", f"{path.stem}-{i}", page.encode(), [("assert", words(text))])


def compare(
    cases: list[Case], extractors: Mapping[str, Callable[[list[bytes], None], list[str]]], own: str
) -> dict:
    """By source and kind: lines, those that each extractor loses, those that `own` loses and a peer keeps; words beside them."""
    texts = {name: extract([case.page for case in cases], None) for name, extract in extractors.items()}
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    n_words: dict[str, Counter[str]] = defaultdict(Counter)
    lost_alone = []
    for i, case in enumerate(cases):
        found = {name: words(of_name[i]) for name, of_name in texts.items()}
        for kind, line in case.lines:
            count = counts[case.source, kind]
            count["lines"] += 1
            lost = {name for name in found if line not in found[name]}
            count.update(lost)
            if own in lost and len(lost) < len(found):
                count["kept_by_a_peer"] += 1
                lost_alone.append((case.source, case.name, kind))
        expected = Counter(word for _, line in case.lines for word in line.split())
        for name, text in found.items() if case.source != "trafilatura" else ():
            given = Counter(text.split())
            n_words[case.source][name] += (given - expected).total()
            n_words[case.source][f"{name} total"] += given.total()
    rows = [
        {
            "source": source,
            "kind": kind,
            "lines": count["lines"],
            "lost": {name: count[name] for name in extractors},
            "lost_but_kept_by_a_peer": count["kept_by_a_peer"],
        }
        for (source, kind), count in sorted(counts.items())
    ]
    beside = {
        source: {name: round(total[name] / max(total[f"{name} total"], 1), 4) for name in extractors}
        for source, total in n_words.items()
    }
    pages = Counter(lost_alone).most_common(40)
    return {
        "n_pages": Counter(case.source for case in cases),
        "rows": rows,
        "share_of_words_not_expected": beside,
        "worst": [{"source": s, "page": n, "kind": k, "lines": c} for (s, n, k), c in pages],
    }
