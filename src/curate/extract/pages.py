"""One page or one Arrow batch of pages to text. Bad pages get a reason, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pyarrow as pa

from curate.errors import UnknownNameError
from curate.extract.bounds import find_problem
from curate.extract.charset import clean_text, decode_text
from curate.extract.peers import extract_resiliparse, extract_trafilatura, load_trafilatura

EXTRACTORS: dict[str, Callable[[str], str]] = {
    "resiliparse": extract_resiliparse,
    "trafilatura": extract_trafilatura,
}
MAX_TITLE_CHARS = 1000
MAX_FRAC_REPLACED = 0.1

PAGE_TEXT_SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),  # null exactly where extract_problem is not
        pa.field("title", pa.string()),
        pa.field("extract_problem", pa.string()),
    ]
)


def extract_text(html: bytes | str, *, extractor: str = "resiliparse", charset: str | None = None) -> str:
    """Give the main text of one page, "" where there is none; `extract_pages` names the reason.

    `charset` is what the HTTP header said and matters for bytes only (see `decode_text`). Paragraphs,
    headings, list items and table rows stand on lines of their own.
    """
    page = clean_text(html).encode() if isinstance(html, str) else html
    named = "utf-8" if isinstance(html, str) else charset
    return _extract_page(page, named, _find_extractor(extractor))[0] or ""


def extract_pages(
    contents: pa.Array, charsets: pa.Array | None = None, *, extractor: str = "resiliparse"
) -> pa.RecordBatch:
    """Extract every page of a batch: `contents` are HTML bytes, `charsets` what HTTP headers said, or nulls.

    Row i of the result (`PAGE_TEXT_SCHEMA`) is page i's. `text` is null exactly where `extract_problem` is
    given: 'no_content' (a null page), 'no_text' (nothing found), 'undecodable' (no charset fits),
    'html_too_large', 'html_too_deep', 'html_too_complex' (see `bounds`).
    """
    extract = _find_extractor(extractor)
    names = [None] * len(contents) if charsets is None else charsets.to_pylist()
    rows = [
        _extract_page(content.as_py(), name, extract) for content, name in zip(contents, names, strict=True)
    ]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=PAGE_TEXT_SCHEMA)


def _find_extractor(name: str) -> Callable[[str], str]:
    if name not in EXTRACTORS:
        raise UnknownNameError("extractor", name, EXTRACTORS)
    if name == "trafilatura":
        load_trafilatura()
    return EXTRACTORS[name]


def _extract_page(
    content: bytes | None, charset: str | None, extract: Callable[[str], str]
) -> tuple[str | None, str | None, str | None]:
    """(text, title, problem) of one page."""
    if content is None:
        return None, None, "no_content"
    html = decode_text(content, charset)
    if html.count("\ufffd") > MAX_FRAC_REPLACED * len(html):
        return None, None, "undecodable"
    problem = find_problem(content if len(content) == len(html) else html.encode())
    if problem:
        return None, None, problem
    text = clean_text(extract(html))
    return text or None, find_title(html), None if text else "no_text"


def find_title(html: str) -> str | None:
    """The first title element's text on one line, None where there is none or it is empty."""
    lowered = html[:262_144].lower()
    start = lowered.find("<title")
    if start < 0:
        return None
    start = lowered.find(">", start) + 1
    end = lowered.find("</title", start)
    if not start or end < 0 or len(lowered) != len(html[:262_144]):
        return None
    title = " ".join(clean_text(unescape(html[start : min(end, start + 4 * MAX_TITLE_CHARS)])).split())
    return title[:MAX_TITLE_CHARS] or None
