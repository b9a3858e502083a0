"""One page or one Arrow batch of pages to text. Bad pages get a reason, never an exception."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pyarrow as pa

from curate.errors import UnknownNameError
from curate.extract.names import EXTRACTORS, METADATA_FIELDS, TEXT_FORMATS, THRESHOLDS
from curate.extract.peers import PEERS, load_trafilatura
from curate.text.charset import clean_text, decode_text, is_broken

MAX_TITLE_CHARS = 1000

PAGE_TEXT_SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),  # null exactly where extract_problem is not
        pa.field("title", pa.string()),
        pa.field("extract_problem", pa.string()),
    ]
)


def extract_text(
    html: bytes | str,
    *,
    extractor: str = "curate",
    charset: str | None = None,
    focus: str = "balanced",
    keep_links: bool = False,
    text_format: str = "plain",
) -> str:
    """The main text of one page, "" where there is none; `extract_pages` names the reason.

    `charset` is what the HTTP header said and matters for bytes only (see `decode_text`). Paragraphs,
    headings, list items and table rows stand on lines of their own. The other settings are `extract_pages`'s.
    """
    page = clean_text(html).encode() if isinstance(html, str) else html
    named = pa.array(["utf-8" if isinstance(html, str) else charset], pa.string())
    batch = extract_pages(
        pa.array([page], pa.binary()),
        named,
        extractor=extractor,
        focus=focus,
        keep_links=keep_links,
        text_format=text_format,
    )
    return batch["text"][0].as_py() or ""


def extract_pages(
    contents: pa.Array,
    charsets: pa.Array | None = None,
    *,
    extractor: str = "curate",
    focus: str = "balanced",
    keep_links: bool = False,
    text_format: str = "plain",
    metadata: bool = False,
) -> pa.RecordBatch:
    """Extract every page of a batch: `contents` are HTML bytes, `charsets` what HTTP headers said, or nulls.

    Row i of the result (`PAGE_TEXT_SCHEMA`) is page i's. `text` is null exactly where `extract_problem` is
    given: 'no_content' (a null page), 'no_text' (nothing found), 'undecodable' (no charset fits),
    'html_too_large', and, for the peers, 'html_too_deep' and 'html_too_complex' (see `bounds`).

    `focus` ('balanced', 'precision' or 'recall'), `keep_links` (as `[text](address)`), `text_format`
    ('plain' or 'markdown': headings, lists, quotes, tables and code as Markdown marks them) and `metadata` (columns
    `METADATA_FIELDS`) are the extractor 'curate''s;
    the peers leave them aside.
    """
    check_extractor(extractor, focus, text_format)
    if extractor != "curate":
        return _extract_with_peer(contents, charsets, extractor)
    fields = [pa.field(name, pa.string()) for name in METADATA_FIELDS] if metadata else []
    schema = pa.schema([*PAGE_TEXT_SCHEMA, *fields])
    if not len(contents):
        return pa.RecordBatch.from_pylist([], schema)
    # Its kernels and tables are a tenth of a start, which a crawl of plain text does without.
    from curate.extract.metadata import read_metadata
    from curate.extract.native import extract_native

    found = extract_native(
        contents, charsets, focus=focus, keep_links=keep_links, markdown=text_format == "markdown"
    )
    columns = [found.texts, found.titles, pa.array(found.pages.problems, pa.string())]
    if metadata:
        columns += read_metadata(map(found.pages.page, range(len(contents))), found.meta)
    return pa.record_batch(columns, schema=schema)


def check_extractor(extractor: str, focus: str = "balanced", text_format: str = "plain") -> None:
    """Refuse a name that `extract_pages` does not know, or an extractor whose package is not installed."""
    for kind, name, known in (
        ("extractor", extractor, EXTRACTORS),
        ("focus", focus, THRESHOLDS),
        ("text format", text_format, TEXT_FORMATS),
    ):
        if name not in known:
            raise UnknownNameError(kind, name, known)
    if extractor == "trafilatura":
        load_trafilatura()


def _extract_with_peer(contents: pa.Array, charsets: pa.Array | None, extractor: str) -> pa.RecordBatch:
    extract = PEERS[extractor]
    names = [None] * len(contents) if charsets is None else charsets.to_pylist()
    rows = [
        _extract_page(content.as_py(), name, extract) for content, name in zip(contents, names, strict=True)
    ]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=PAGE_TEXT_SCHEMA)


def _extract_page(
    content: bytes | None, charset: str | None, extract: Callable[[str], str]
) -> tuple[str | None, str | None, str | None]:
    """(text, title, problem) of one page."""
    if content is None:
        return None, None, "no_content"
    from curate.extract.bounds import find_problem

    html = decode_text(content, charset)
    if is_broken(html):
        return None, None, "undecodable"
    problem = find_problem(html.encode())
    if problem:
        return None, None, problem
    text = clean_text(extract(html))
    return text or None, find_title(html), None if text else "no_text"


def find_title(html: str) -> str | None:
    """The first title element's text on one line, None where there is none or it is empty."""
    head = html[:262_144]
    lowered = head.lower()
    start = lowered.find("<title")
    if start < 0 or len(lowered) != len(head):
        return None
    start = lowered.find(">", start) + 1
    end = lowered.find("</title", start)
    if not start or end < 0:
        return None
    title = " ".join(clean_text(unescape(html[start : min(end, start + 4 * MAX_TITLE_CHARS)])).split())
    return title[:MAX_TITLE_CHARS] or None
