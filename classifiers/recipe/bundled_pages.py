"""The pages that the bundled classifiers are fitted on, as they lie in a data folder.

    annotations/edu_train, edu_val, edu_extra, edu_second_annotator, edu_student_scored    text, edu_level, annotator
    annotations/readers           text, edu_level, quality_level, annotator, reader, stratum, propensity
    lessons/docs, lessons/web     html or text of documentation and of pages rich in science; source or url
    lessons/levels (.tsv)         their edu_level, quality_level and reader, by id
    textbooks/economics.html, chemistry.html, contemporary-mathematics.html    html and title of modules (CC BY)
    web/weborganizer-00 to -03                                                 text, url, topic, format
    web/c4, textbooks/osbooks-statistics, textbooks/enwiki                     text

All but the levels are `.jsonl.gz`. HTML goes through `curate.extract`, as it does in a run.

More pages with levels come from folders of their own (`--more`), each of which holds

    *.jsonl.gz    pages: id, text or html, and what they belong to: site, else url, else source, whose part before the first
                  `/` names the package; domain, where they are not documentation
    levels.tsv    readings: id, edu_level, quality_level (either may be empty), reader; annotator, where the readers are not
                  the kind that read the pages above

An id that the folder has no page of is one of `lessons/` or `annotations/readers`, a known page read again, or the place of
one in a file above, as `weborganizer-00#1095` or `edu_train#12`: the row, from 0, of `web/weborganizer-00` or of
`annotations/edu_train`.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.extract import extract_text
from curate.fit.annotations import Annotations, read_annotations
from curate.fit.sites import site_of

EDU_FILES = ("edu_train", "edu_val", "edu_extra", "edu_second_annotator", "edu_student_scored")
REFERENCE = "Llama-3-70B-Instruct (HuggingFaceFW/fineweb-edu-llama3-annotations)"
BOOK_FILES = tuple(
    f"textbooks/{name}.html" for name in ("economics", "chemistry", "contemporary-mathematics")
)
STATISTICS = "textbooks/osbooks-statistics"
BOOKS = (*BOOK_FILES, STATISTICS)
BOOK_LABELS = "weak label: module of a textbook, or a list out of one"
"""Annotator of the pages of textbooks: nobody read them."""
WEB_FILES = tuple(f"web/weborganizer-0{i}" for i in range(4))
CORPORA = (
    *(f"annotations/{name}" for name in EDU_FILES if name != "edu_val"),
    "web/c4", *WEB_FILES, STATISTICS, "textbooks/enwiki",
)  # fmt: skip
"""Unlabelled text for the word table; `edu_val` takes no part, so that figures on it are of new pages."""

# The classes of WebOrganizer's classifiers, in the order of their numbers.
TOPICS = (
    "Adult", "Art & Design", "Software Development", "Crime & Law", "Education & Jobs",
    "Electronics & Hardware", "Entertainment", "Social Life", "Fashion & Beauty", "Finance & Business",
    "Food & Dining", "Games", "Health", "History", "Home & Hobbies", "Industrial", "Literature", "Politics",
    "Religion", "Science & Technology", "Software", "Sports & Fitness", "Transportation", "Travel",
)  # fmt: skip
FORMATS = (
    "Academic Writing", "Content Listing", "Creative Writing", "Customer Support", "Comment Section", "FAQ",
    "Truncated", "Knowledge Article", "Legal Notices", "Listicle", "News Article", "Nonfiction Writing",
    "About (Organization)", "News (Organization)", "About (Personal)", "Personal Blog", "Product Page",
    "Q&A Forum", "Spam & Ads", "Structured Data", "Documentation", "Audio Transcript", "Tutorial",
    "User Review",
)  # fmt: skip
CLASSES = {"topic": TOPICS, "format": FORMATS}


@dataclass(frozen=True, slots=True, eq=False)
class LevelPages:
    """Readings of pages with a level.

    Attributes:
        pages: the readings, one file after the other.
        is_val: bool (N,), pages of `edu_val`, on which a fit without them is measured.
    """

    pages: Annotations
    is_val: NDArray[np.bool_]

    def without_val(self) -> Annotations:
        """Leave `edu_val` out."""
        return self.pages.take(np.flatnonzero(~self.is_val))


@dataclass(frozen=True, slots=True, eq=False)
class WebPages:
    """Pages with topic and format.

    Attributes:
        texts: Arrow strings (N,).
        sites: hosts (N,).
        labels: "topic" and "format" -> int64 (N,), numbers of classes.
    """

    texts: pa.Array
    sites: tuple[str, ...]
    labels: dict[str, NDArray[np.int64]]


def read_rows(data: Path, name: str) -> list[dict[str, Any]]:
    """Read one file of the data folder."""
    return read_lines(data / f"{name}.jsonl.gz")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_levels(path: Path) -> list[dict[str, str]]:
    """Read a table of levels: a row for each reading; nothing is quoted in it."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def read_corpora(data: Path) -> Iterator[pa.Array]:
    """Read the texts of the word table, file by file."""
    for name in CORPORA:
        yield pa.array([row["text"] for row in read_rows(data, name)], pa.large_string())


def read_edu(data: Path, more: Sequence[Path] = (), books: Sequence[str] = BOOKS) -> LevelPages:
    """Read the pages with an educational level: of annotators, of readers, and weak ones of textbooks."""
    rows: list[dict[str, Any]] = []
    for name in EDU_FILES:
        rows += [{"domain": "web", "file": name, **row} for row in read_rows(data, f"annotations/{name}")]
    read = _read_by_readers(data, more)
    read = [row if row["domain"] in _COUNTED_ONCE else {**row, "weight": _LESSON_WEIGHT} for row in read]
    return _to_pages([*rows, *read, *book_rows(data, books)], "edu_level")


def read_quality(data: Path, more: Sequence[Path] = ()) -> LevelPages:
    """Read the pages with a level of quality."""
    return _to_pages(_read_by_readers(data, more), "quality_level")


def _to_pages(rows: list[dict[str, Any]], level_field: str) -> LevelPages:
    rows = [row for row in rows if row.get(level_field) not in (None, "")]
    pages = read_annotations(rows, level_field=level_field)
    if pages.skipped:
        raise ValueError(f"rows cannot be used: {pages.skipped}")
    return LevelPages(pages, np.array([row.get("file") == "edu_val" for row in rows]))


def _read_by_readers(data: Path, more: Sequence[Path]) -> list[dict[str, Any]]:
    """Read what readers read: web pages, documentation, science, and the pages of more folders."""
    readings, lessons = read_readings(data), lesson_pages(data)
    annotator = readings[0]["annotator"]
    rows = [*readings, *_join_levels(lessons, read_levels(data / "lessons" / "levels.tsv"), annotator)]
    if more:
        about = ("text", "url", "domain")
        known = {row["id"]: {name: row[name] for name in about if name in row} for row in readings} | lessons
        levels = {folder: read_levels(folder / "levels.tsv") for folder in more}
        known |= _corpus_pages(data, [row["id"] for each in levels.values() for row in each], known)
        for folder, each in levels.items():
            rows += read_more(folder, each, known, annotator)
    return rows


def read_readings(data: Path) -> list[dict[str, Any]]:
    """Read the readers' web pages; of those drawn from `edu_train`, by level, say the chance they had in that."""
    rows = read_rows(data, "annotations/readers")
    levels = {row["text"]: row["edu_level"] for row in read_rows(data, "annotations/edu_train")}
    controls = {row["text"] for row in rows if row["stratum"] == "control"}
    there, drawn = Counter(levels.values()), Counter(levels[text] for text in controls)
    for row in rows:
        row["domain"] = "web"
        if row["text"] in controls:
            level = levels[row["text"]]
            row["propensity"] = drawn[level] / there[level]
    return rows


def lesson_pages(data: Path) -> dict[str, dict[str, Any]]:
    """Read documentation and pages rich in science, by id; a package's pages are one site."""
    pages: dict[str, dict[str, Any]] = {}
    for row in read_rows(data, "lessons/docs"):
        pages[row["id"]] = _documentation(row)
    for row in read_rows(data, "lessons/web"):
        pages[row["id"]] = {"text": row["text"], "url": row["url"], "domain": "science"}
    return pages


def _documentation(row: dict[str, Any]) -> dict[str, Any]:
    text = row["text"] if "text" in row else extract_text(row["html"])
    if not (row.get("site") or row.get("url")):
        row = {**row, "site": row["source"].split("/")[0]}
    about = {name: row[name] for name in ("site", "url", "propensity") if row.get(name)}
    return {"text": text, "domain": row.get("domain", "documentation"), **about}


def _corpus_pages(
    data: Path, ids: Sequence[str], known: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Read the web pages that levels name by their places.

    Pages of the annotation files were drawn by their level there: each has the chance that its level gave it.
    """
    files = {Path(name).name: name for name in (*WEB_FILES, *(f"annotations/{name}" for name in EDU_FILES))}
    wanted: dict[str, set[int]] = {}
    for each in ids:
        corpus, _, place = each.partition("#")
        if corpus in files and each not in known:
            wanted.setdefault(corpus, set()).add(int(place))
    seen = {row["text"] for row in known.values()}
    pages: dict[str, dict[str, Any]] = {}
    for corpus, places in wanted.items():
        rows = read_rows(data, files[corpus])
        drawn = Counter(rows[place].get("edu_level") for place in places)
        there = Counter(
            row.get("edu_level") for i, row in enumerate(rows) if i in places or row["text"] not in seen
        )
        for place in sorted(places):
            row, level = rows[place], rows[place].get("edu_level")
            about = {name: row[name] for name in ("text", "url") if name in row}
            if level is not None:
                about["propensity"] = drawn[level] / there[level]
            pages[f"{corpus}#{place}"] = {"domain": "web", **about}
    return pages


def read_more(
    folder: Path, levels: list[dict[str, str]], known: dict[str, dict[str, Any]], annotator: str
) -> list[dict[str, Any]]:
    """Read the readings of a folder of more pages; see the head of this file.

    Args:
        folder: of pages.
        levels: of these pages.
        known: pages that the levels may name too.
        annotator: of readings that name none.
    """
    files = sorted(folder.glob("*.jsonl.gz"))
    own = {row["id"]: _documentation(row) for file in files for row in read_lines(file)}
    return _join_levels({**known, **own}, levels, annotator, readers_of=f"{folder.resolve().name}: ")


def _join_levels(
    pages: dict[str, dict[str, Any]], rows: list[dict[str, str]], annotator: str, readers_of: str = ""
) -> list[dict[str, Any]]:
    """Give readings their pages; pages without a text are left out.

    `readers_of` stands before a reader's name: readers of two folders may bear the same.
    """
    lost = sorted({row["id"] for row in rows} - set(pages))
    if lost:
        raise ValueError(f"{readers_of}levels.tsv names {len(lost)} pages that no file has, as {lost[0]!r}")
    return [
        {
            **pages[row["id"]],
            **row,
            "annotator": row.get("annotator") or annotator,
            "reader": readers_of + row["reader"],
        }
        for row in rows
        if pages[row["id"]]["text"].strip()
    ]


# Lessons in programs and science, and pages of books, are few beside those of the web. Counted more, they teach what a lesson
# is where the web holds none of a subject: docs/log/scoring.md.
_LESSON_WEIGHT, _BOOK_WEIGHT = 2, 8
_COUNTED_ONCE = {"web", "written"}
# What nobody read is given these levels: a textbook's module is a lesson, its lists of words or answers are not.
_MODULE_LEVEL, _LIST_LEVEL = 4, 1
_LEAST_MODULE_BYTES = 1500
_LINES_A_LIST, _CHARS_A_PART = 60, 4000
_TERM = re.compile(r"\b[a-z]{5,}(?: [a-z]{5,})?\b")
_NUMBER = re.compile(r"[-+−]?\d[\d,.]*%?")


def book_rows(data: Path, books: Sequence[str] = BOOKS) -> list[dict[str, Any]]:
    """Make pages with a weak level of `books` (CC BY): modules, parts out of their middle, and lists.

    The part begins and ends somewhere: it knows nothing of titles and objectives, which other books write otherwise.
    """
    rows: list[dict[str, Any]] = []
    for name in books:
        modules = [
            (
                row.get("title") or row["text"].split("\n")[0],
                row["text"] if "text" in row else extract_text(row["html"]),
            )
            for row in read_rows(data, name)
        ]
        modules = [
            (title, text)
            for title, text in modules
            if len(text.encode()) >= _LEAST_MODULE_BYTES and "preface" not in title.casefold()
        ]
        texts = {text: _MODULE_LEVEL for _, text in modules}
        for _, text in modules[::2]:
            paragraphs = text[len(text) // 3 :].split("\n", 1)[-1]
            if len(paragraphs) >= _CHARS_A_PART:
                texts[paragraphs[:_CHARS_A_PART].rsplit("\n", 1)[0]] = _MODULE_LEVEL
        texts |= dict.fromkeys(_lists_of(modules), _LIST_LEVEL)
        about = {"site": name, "domain": "textbook", "annotator": BOOK_LABELS, "weight": _BOOK_WEIGHT}
        rows += [{"text": text, "edu_level": level, **about} for text, level in texts.items()]
    return rows


def _lists_of(modules: list[tuple[str, str]]) -> list[str]:
    """Make what stands at a book's ends out of its modules: contents, an index, keys to exercises."""
    rng = np.random.default_rng(0)
    contents, terms, answers = [], Counter[str](), []
    headings = [
        [line.strip("# ") for line in text.split("\n") if 3 < len(line) < 50 and line[-1].isalpha()]
        for _, text in modules
    ]
    # Headings that come again and again ("Key Terms") are of the house, and would tie all its books together.
    n_modules = Counter(line for lines in headings for line in set(lines))
    for number, ((title, text), lines) in enumerate(zip(modules, headings, strict=True), 1):
        own = [line for line in lines if n_modules[line] == 1]
        contents += [f"{number} {title}", *(f"{number}.{k} {line}" for k, line in enumerate(own[:8], 1))]
        words = sorted(set(_TERM.findall(text)))
        terms.update(words)
        # A word with each: bare numbers of two books would pass for near-duplicates, and tie the books together.
        runs = list(_in_runs(_NUMBER.findall(text)))[:40] if words else []
        answers += [f"{k}. {words[7 * k % len(words)]} {' '.join(run)}" for k, run in enumerate(runs, 1)]
    known = sorted(term for term, n in terms.items() if 2 <= n <= 6)
    index = [
        f"{term}, {', '.join(map(str, sorted(rng.integers(5, 900, rng.integers(1, 4)))))}" for term in known
    ]
    index = index[: 12 * _LINES_A_LIST]
    cut = [
        lines[i : i + _LINES_A_LIST]
        for lines in (contents, index, answers)
        for i in range(0, len(lines), _LINES_A_LIST)
    ]
    return ["\n".join(lines) for lines in cut if len(lines) > _LINES_A_LIST // 2]


def _in_runs(found: list[str]) -> Iterator[tuple[str, ...]]:
    return (tuple(found[i : i + 1 + i % 3]) for i in range(0, len(found) - 3, 3))


def read_web(data: Path) -> WebPages:
    """Read the pages with topic and format."""
    rows = [row for name in WEB_FILES for row in read_rows(data, name)]
    labels = {kind: np.array([row[f"{kind}_id"] for row in rows], np.int64) for kind in CLASSES}
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    return WebPages(texts, tuple(site_of(row["url"]) for row in rows), labels)
