"""Pages whose whole main text others wrote down: Readability's test pages, and documentation of Sphinx.

Neither is part of this project. Folders are named by environment variables, and what is absent is skipped.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

from lxml import html

READABILITY = "CURATE_READABILITY"  # test/test-pages of github.com/mozilla/readability (Apache-2.0)
DOCUMENTATION = (
    "CURATE_DOCUMENTATION"  # folders of HTML by Sphinx, such as Debian's python3-doc, joined by ':'
)

_NAMES = """
    address article aside blockquote br center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6
    header hr li main nav ol p pre section table td th tr ul caption
"""
_BREAKS = frozenset(_NAMES.split())
_SILENT = frozenset(("script", "style", "svg", "noscript", "iframe", "object"))
# Pages that list others, and whose text is links.
_INDEXES = re.compile(r"genindex|search\.html|_modules/|py-modindex|contents\.html|/index\.html|changelog")
MAX_PAGE_BYTES = 400_000


def plain_text(element: html.HtmlElement) -> str:
    """An element's text, block-level elements on lines of their own."""
    parts: list[str] = []
    _write(element, parts)
    return "".join(parts)


def _write(element: html.HtmlElement, parts: list[str]) -> None:
    if isinstance(element.tag, str):
        breaks = element.tag in _BREAKS
        parts.append("\n" if breaks else "")
        if element.tag not in _SILENT:
            parts.append(element.text or "")
            for child in element:
                _write(child, parts)
        parts.append("\n" if breaks else "")
    parts.append(element.tail or "")


def readability_texts() -> dict[str, str]:
    """Test page's name to the text that Readability's authors expect; empty where the folder is not named.

    Pages of MathML are left out: their expected text has every formula as its bare signs, which no extractor that
    writes formulas for readers gives.
    """
    folder = os.environ.get(READABILITY)
    texts = {}
    for path in sorted(Path(folder).glob("*/expected.html")) if folder else []:
        content = path.read_text("utf-8", "replace")
        if "<math" not in content:
            texts[path.parent.name] = plain_text(html.fromstring(content)) if content.strip() else ""
    return texts


def documentation_pages(n: int, seed: int = 4) -> Iterator[tuple[str, bytes, str]]:
    """Some `n` pages of each folder as (folder's name, page, text of its element of role `main`)."""
    for folder in filter(None, os.environ.get(DOCUMENTATION, "").split(":")):
        paths = sorted(path for path in Path(folder).rglob("*.html") if not _INDEXES.search(str(path)))
        paths = [path for path in paths if path.stat().st_size < MAX_PAGE_BYTES and not path.is_symlink()]
        for path in random.Random(seed).sample(paths, min(n, len(paths))):
            content = path.read_bytes()
            found = html.fromstring(content).xpath("//*[@role='main']|//main")
            if found:
                for link in found[0].xpath(".//a[contains(@class, 'headerlink')]"):
                    link.drop_tree()
                yield Path(folder).name, content, plain_text(found[0])
