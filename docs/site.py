"""The site's own step: README, CHANGELOG, CONTRIBUTING and the classifiers' cards become pages, and links follow them.

Links in these files are as they are right on a code host; here each is turned to where its target lies on the site,
or, for what is no page (a notebook, a script, a result), into its plain path.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

_ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def _pages() -> dict[str, str]:
    """Where each page lies in the repository -> where it lies on the site."""
    pages = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
    cards = sorted(_ROOT.glob("classifiers/*/*.md"))
    pages |= {str(card.relative_to(_ROOT)): str(card.relative_to(_ROOT)) for card in cards}
    docs = sorted(file for file in _ROOT.glob("docs/**/*") if file.suffix in {".md", ".svg", ".png"})
    return pages | {str(file.relative_to(_ROOT)): str(file.relative_to(_ROOT / "docs")) for file in docs}


_PAGES = _pages()
_SOURCES = {place: source for source, place in _PAGES.items()}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside docs/."""
    for source, place in _PAGES.items():
        if not source.startswith("docs/"):
            files.append(File.generated(config, place, content=(_ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:  # noqa: ARG001
    """Turn the links of a page to the site's own places."""
    place = page.file.src_uri
    return _LINK.sub(lambda link: _follow(link, place), markdown)


def _follow(link: re.Match[str], place: str) -> str:
    mark, text, target, anchor = link[1], link[2], link[3], link[4] or ""
    if not target or "://" in target or target.startswith("mailto:"):
        return link[0]
    source = normpath(f"{dirname(_SOURCES[place])}/{target}".lstrip("/"))
    if source in _PAGES:
        return f"{mark}[{text}]({relpath(_PAGES[source], dirname(place) or '.')}{anchor})"
    if not (_ROOT / source).exists():
        return link[0]  # mkdocs says that nothing is there, and the build fails
    return f"{text} (`{source}`)"
