"""The pages that the bundled classifiers are fitted on, as they lie in a data folder.

    annotations/edu_train, edu_val, edu_extra, edu_second_annotator, edu_student_scored    text, edu_level, annotator
    annotations/readers           text, edu_level, quality_level, annotator, reader, stratum, propensity
    lessons/docs, lessons/web     html or text of documentation and of pages rich in science; source or url
    lessons/levels (.tsv)         their edu_level, quality_level and reader, by id
    textbooks/economics.html, chemistry.html, contemporary-mathematics.html    html and title of modules (CC BY)
    web/weborganizer-00 to -03                                                 text, url, topic, format
    web/c4, textbooks/osbooks-statistics, textbooks/enwiki                     text

All but the levels are `.jsonl.gz`. HTML goes through `curate.extract`, as it does in a run.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
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
BOOK_LABELS = "weak label: module of a textbook, or a list out of one"
"""Annotator of the pages of textbooks: nobody read them."""
WEB_FILES = tuple(f"web/weborganizer-0{i}" for i in range(4))
CORPORA = (
    *(f"annotations/{name}" for name in EDU_FILES if name != "edu_val"),
    "web/c4", *WEB_FILES, "textbooks/osbooks-statistics", "textbooks/enwiki",
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
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_corpora(data: Path) -> Iterator[pa.Array]:
    """Read the texts of the word table, file by file."""
    for name in CORPORA:
        yield pa.array([row["text"] for row in read_rows(data, name)], pa.large_string())


def read_edu(data: Path) -> LevelPages:
    """Read the pages with an educational level: of annotators, of readers, and weak ones of textbooks."""
    rows: list[dict[str, Any]] = []
    for name in EDU_FILES:
        rows += [{"domain": "web", "file": name, **row} for row in read_rows(data, f"annotations/{name}")]
    rows += [*read_readings(data), *read_lessons(data), *book_rows(data)]
    return _to_pages(rows, "edu_level")


def read_quality(data: Path) -> LevelPages:
    """Read the pages with a level of quality."""
    return _to_pages([*read_readings(data), *read_lessons(data)], "quality_level")


def _to_pages(rows: list[dict[str, Any]], level_field: str) -> LevelPages:
    pages = read_annotations(rows, level_field=level_field)
    if pages.skipped:
        raise ValueError(f"rows cannot be used: {pages.skipped}")
    return LevelPages(pages, np.array([row.get("file") == "edu_val" for row in rows]))


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


def read_lessons(data: Path) -> list[dict[str, Any]]:
    """Read documentation and pages rich in science, with their readers' levels; pages without a text are left out.

    A package's pages are one site.
    """
    pages: dict[str, dict[str, Any]] = {}
    for row in read_rows(data, "lessons/docs"):
        text, package = extract_text(row["html"]), row["source"].split("/")[0]
        pages[row["id"]] = {"text": text, "site": package, "domain": "documentation"}
    for row in read_rows(data, "lessons/web"):
        pages[row["id"]] = {"text": row["text"], "url": row["url"], "domain": "science"}
    annotator = read_rows(data, "annotations/readers")[0]["annotator"]
    with (data / "lessons" / "levels.tsv").open(encoding="utf-8") as lines:
        head, *rest = [line.rstrip("\n").split("\t") for line in lines]
    rows = [dict(zip(head, fields, strict=True)) for fields in rest]
    known = [row for row in rows if pages[row["id"]]["text"].strip()]
    return [{**pages[row["id"]], **row, "annotator": annotator} for row in known]


# What nobody read is given these levels: a textbook's module is a lesson, its lists of words or answers are not.
_MODULE_LEVEL, _LIST_LEVEL = 4, 1
# Pages of books are few beside those of the web. Counted more, they teach what a lesson is where the web holds none of a
# subject: docs/log/scoring.md.
_BOOK_WEIGHT = 4
_LEAST_MODULE_BYTES = 1500
_LINES_A_LIST, _CHARS_A_PART = 60, 4000
_TERM = re.compile(r"\b[a-z]{5,}(?: [a-z]{5,})?\b")
_NUMBER = re.compile(r"[-+−]?\d[\d,.]*%?")


def book_rows(data: Path) -> list[dict[str, Any]]:
    """Make pages with a weak level of textbooks (CC BY): modules, parts out of their middle, and lists.

    The part begins and ends somewhere: it knows nothing of titles and objectives, which other books write otherwise.
    """
    rows: list[dict[str, Any]] = []
    for name in (*BOOK_FILES, STATISTICS):
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
