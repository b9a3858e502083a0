"""Finds text, id, url and date in rows of JSON lines and Parquet by the field's usual names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from curate.crawl.options import ReadOptions
from curate.crawl.programs import known_language, name_language
from curate.crawl.records import Page, content_id, place_id
from curate.crawl.sniff import looks_html_document
from curate.crawl.sources import finish_source
from curate.text.charset import decode_text
from curate.text.json_values import clean_surrogates, dump_json

# In order of preference; compared in lower case with '-' as '_'.
TEXT_NAMES = (
    "text",
    "raw_content",
    "content",
    "page_content",
    "plain_text",
    "raw_text",
    "body",
    "markdown",
    "article",
    "document",
)
HTML_NAMES = ("html", "raw_html", "html_content", "content_html", "page_html")
ID_NAMES = ("id", "doc_id", "document_id", "docid", "record_id", "warc_record_id", "uuid", "_id")
URL_NAMES = ("url", "uri", "target_uri", "warc_target_uri", "source_url", "page_url", "canonical_url", "link")
DATE_NAMES = (
    "date",
    "timestamp",
    "crawl_date",
    "warc_date",
    "date_download",
    "crawl_timestamp",
    "fetch_time",
    "published",
)
# Data sets of program files: The Stack v1 and v2, StarCoderData, and others by the same names.
PATH_NAMES = (
    "path",
    "max_stars_repo_path",
    "file_path",
    "filepath",
    "filename",
    "file_name",
    "repo_path",
)
LANGUAGE_NAMES = ("lang", "programming_language", "program_language", "language", "language_name")
ENDING_NAMES = ("ext", "extension", "file_extension")
LICENSE_NAMES = (
    "license",
    "licenses",
    "max_stars_repo_licenses",
    "detected_licenses",
    "gha_license_id",
    "license_type",
)
_STATED_REASONS = (("is_vendor", "code_vendored"), ("is_generated", "code_generated"))  # The Stack v2
# StarCoderData writes repository, path and stars before a file's text.
_STAR_HEAD = re.compile(
    rb"(?:<reponame>(?P<repo>[^<\n]{0,300}))?(?:<filename>(?P<path>[^<\n]{0,1000}))?(?:<gh_stars>[^<\n]{0,20}\n?)?"
)
TITLE_NAME = "title"
_NESTS = ("metadata", "meta")  # where url and date are looked for when the row itself has none


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a row play which part; `contents` are tried in order until one holds text."""

    contents: tuple[tuple[str, str], ...]  # (column, 'html' | 'text' | 'either')
    id: str | None
    url: str | None
    date: str | None
    title: str | None
    path: str | None = None
    language: str | None = None
    ending: str | None = None
    license: str | None = None
    reasons: tuple[tuple[str, str], ...] = ()  # (column of true and false, drop reason)
    has_nest: bool = False  # url and date may stand in a column of columns
    is_flat: bool = False  # no name is a path into nested data

    @property
    def facts(self) -> tuple[str | None, ...]:
        """The columns that say of a row what it is, in words."""
        return (self.title, self.path, self.language, self.ending, self.license)

    @property
    def columns(self) -> list[str]:
        """The columns, or roots of paths to them, that play a part."""
        names = [*(name for name, _ in self.contents), self.id, self.url, self.date]
        return [part for name in names if name for part in (name, name.partition(".")[0])]


class RowReader:
    """Makes pages of rows; the layout is found once for every set of column names."""

    def __init__(self, source: str, options: ReadOptions, no_text_reason: str) -> None:
        self._source = source
        self._no_text_reason = no_text_reason
        self._options = options
        self._layouts: dict[tuple[str, ...], Layout] = {}

    def layout(self, names: Iterable[str]) -> Layout:
        """Return which of the columns `names` play which part."""
        key = tuple(names)
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) > 1000:  # rows that share no columns: a bound on memory, not a cache
                self._layouts.clear()
            layout = self._layouts[key] = find_layout(key, self._options)
        return layout

    def page(self, row: dict[str, Any], position: int) -> Page:
        """Make a page of one row; without text it carries the drop reason for that."""
        layout = self.layout(row)
        find: Callable[[str | None], Any] = partial(get_path, row)
        if layout.is_flat:
            find = row.get  # pyright: ignore[reportAssignmentType] - a name that is None is in no row
        url, date, page_id = _string(find(layout.url)), _string(find(layout.date)), _string(find(layout.id))
        if layout.has_nest:
            url, date = (
                url or _nested(row, URL_NAMES, layout.url),
                date or _nested(row, DATE_NAMES, layout.date),
            )
        program = self._program(row, layout) if layout.path or layout.ending else None
        column, kind, content = _find_content(find, layout.contents, is_code=program is not None)
        drop_reason = None
        if content is None:
            drop_reason = self._no_text_reason
        elif len(content) > self._options.max_page_bytes:
            content, drop_reason = None, "page_too_large"
        if not page_id:
            page_id = place_id(self._source, position) if content is None else content_id(url, content)
        charset = "utf-8" if kind == "html" and isinstance(find(column), str) else None
        title = row.get(layout.title) if layout.title and kind == "text" else None
        title = _string(title) if isinstance(title, str | bytes) and title.strip() else None
        extra = None
        if self._options.extra_columns:
            used = {column, layout.id, layout.url, layout.date, layout.title if title else None}
            if program is not None:
                used |= {layout.path, layout.language, layout.ending, layout.license}
            if column is None or len(layout.contents) > 1:
                used |= {name for name, _ in layout.contents if row.get(name) is None}
            extra = dump_extra({name: value for name, value in row.items() if name not in used})
            if extra is not None and len(extra) > self._options.max_page_bytes:
                content, extra, drop_reason = None, None, "page_too_large"
        page = Page(page_id, url, date, kind, content, charset, title, extra, drop_reason)
        return page if program is None else self._as_code(page, program, row, layout)

    def _program(self, row: dict[str, Any], layout: Layout) -> tuple[str, str | None] | None:
        """(language, path) of a row of program text; null where nothing in the row says that it is one.

        Either a column names a programming language and another the file or its ending, or the file's name says it.
        """
        path, ending = (_string(get_path(row, name)) for name in (layout.path, layout.ending))
        label = _string(get_path(row, layout.language))
        language = known_language(label) if label else None
        if path is None and ending is None:
            return None
        if language is None and (label is None or layout.language == "language"):
            language = name_language(path or f"x.{ending}".replace("..", "."))
        return None if language is None else (language, path)

    def _as_code(
        self, page: Page, program: tuple[str, str | None], row: dict[str, Any], layout: Layout
    ) -> Page:
        page.kind, page.charset = "code", None
        page.program_language, page.path = program
        page.license = _joined(get_path(row, layout.license))
        stated = (reason for name, reason in layout.reasons if _is_true(get_path(row, name)))
        page.drop_reason = page.drop_reason or next(stated, None)
        if page.content is None or page.drop_reason:
            page.content = None
            return page
        page_id, content = page.id, page.content
        if content.startswith((b"<reponame>", b"<filename>", b"<gh_stars>")) and (
            head := _STAR_HEAD.match(content)
        ):
            content = content[head.end() :]
            page.path = page.path or (head["path"] or b"").decode("utf-8", "replace") or None
        page = finish_source(page, content, self._options)
        if layout.id is not None and _string(get_path(row, layout.id)):
            page.id = page_id
        return page


def find_layout(names: Collection[str], options: ReadOptions) -> Layout:
    """Find each part's column: the one that the options name, else the first usual name that is there."""
    by_name: dict[str, str] = {}
    for name in names:
        usual_name = name.lower().replace("-", "_")
        if usual_name not in by_name or name == usual_name:  # `text` goes before `Text`, wherever it stands
            by_name[usual_name] = name

    def usual(candidates: tuple[str, ...]) -> list[str]:
        return [by_name[name] for name in candidates if name in by_name]

    if options.text_column:
        contents = [(options.text_column, "text")]
    elif options.html_column:
        contents = [(options.html_column, "html")]
    else:
        contents = [(name, "either") for name in usual(TEXT_NAMES)]
        contents += [(name, "html") for name in usual(HTML_NAMES)]
    given = [*(name for name, _ in contents), options.id_column, options.url_column, options.date_column]
    return Layout(
        tuple(contents),
        options.id_column or next(iter(usual(ID_NAMES)), None),
        options.url_column or next(iter(usual(URL_NAMES)), None),
        options.date_column or next(iter(usual(DATE_NAMES)), None),
        by_name.get(TITLE_NAME),
        next(iter(usual(PATH_NAMES)), None),
        next(iter(usual(LANGUAGE_NAMES)), None),
        next(iter(usual(ENDING_NAMES)), None),
        next(iter(usual(LICENSE_NAMES)), None),
        tuple((by_name[name], reason) for name, reason in _STATED_REASONS if name in by_name),
        any(name in names for name in _NESTS),
        all(name is None or name in names or "." not in name for name in given),
    )


def get_path(row: dict[str, Any], name: str | None) -> Any:
    """Return the value of column `name`, which may be a path into nested data; null where there is none.

    >>> get_path({"metadata": {"url": "http://example.org/"}}, "metadata.url")
    'http://example.org/'
    """
    if name is None:
        return None
    if name in row or "." not in name:
        return row.get(name)
    value: Any = row
    for key in name.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _nested(row: dict[str, Any], names: tuple[str, ...], found: str | None) -> str | None:
    if found is not None:
        return None
    for nest in _NESTS:
        inner = row.get(nest)
        if isinstance(inner, dict):
            by_name = {str(key).lower().replace("-", "_"): value for key, value in inner.items()}
            value = next((by_name[name] for name in names if name in by_name), None)
            if value is not None:
                return _string(value)
    return None


def _find_content(
    find: Callable[[str], Any], contents: tuple[tuple[str, str], ...], *, is_code: bool = False
) -> tuple[str | None, str, bytes | None]:
    """Return (column, 'html' or 'text', content) of the first column that holds more than white space.

    Program text is never taken for a page, even where it begins with a tag.
    """
    for name, role in contents:
        value = find(name)
        if isinstance(value, str):
            content = to_utf8(value)
        elif isinstance(value, bytes):
            content = value
        else:
            continue
        if not content or content.isspace():
            continue
        if role == "html" or (
            role == "either"
            and not is_code
            and content[:64].lstrip()[:1] == b"<"
            and looks_html_document(content)
        ):
            return name, "html", content
        return (
            name,
            "text",
            decode_text(content).encode()
            if isinstance(value, bytes)
            else content.replace(b"\x00", "\ufffd".encode()),
        )
    return None, "text", None


def _joined(value: Any) -> str | None:
    """A licence, or a list of them with commas between; of one that is an object of several facts its name."""
    if isinstance(value, (list, tuple)):
        return ", ".join(filter(None, map(_joined, value))) or None
    if isinstance(value, dict):
        names = (value.get(key) for key in ("spdx_id", "spdx", "key", "id", "name"))
        value = next((name for name in names if name and isinstance(name, str)), value)
    return _string(value)


def _is_true(value: Any) -> bool:
    """Whether a column of true and false says so, also one of numbers or, as in CSV, of text."""
    return str(value).strip().lower() in ("true", "1")


def to_utf8(text: str) -> bytes:
    """Encode `text`; halves of surrogate pairs, which JSON can hold, become U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return clean_surrogates(text).encode("utf-8")


def _string(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is str:
        return value if value.isascii() else clean_surrogates(value)
    if isinstance(value, (dict, list)):
        return dump_extra(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def dump_extra(value: Any) -> str | None:
    """Write `value` as JSON, null where it is empty. What JSON lacks becomes a string."""
    return dump_json(value) if value else None
