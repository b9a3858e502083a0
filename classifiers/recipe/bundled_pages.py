"""The pages that the bundled classifiers are fitted on, as they lie in a data folder.

    annotations/edu_train, edu_val, edu_extra, edu_second_annotator, edu_student_scored    text, edu_level, annotator
    web/weborganizer-00 to -03                                                             text, url, topic, format
    web/c4, textbooks/osbooks-statistics, textbooks/enwiki                                 text

All are `.jsonl.gz`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.fit.annotations import Annotations, read_annotations, site_of

EDU_FILES = ("edu_train", "edu_val", "edu_extra", "edu_second_annotator", "edu_student_scored")
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
class EduPages:
    """Pages with an educational level.

    Attributes:
        pages: the annotations, one file after the other.
        is_val: bool (N,), those of `edu_val`, on which a fit without them is measured.
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


def read_edu(data: Path) -> EduPages:
    """Read the annotated pages of the educational level."""
    rows = [(name, row) for name in EDU_FILES for row in read_rows(data, f"annotations/{name}")]
    pages = read_annotations([row for _, row in rows])
    if pages.skipped:
        msg = f"rows of '{data}' cannot be used: {pages.skipped}"
        raise ValueError(msg)
    return EduPages(pages, np.array([name == "edu_val" for name, _ in rows]))


def read_web(data: Path) -> WebPages:
    """Read the pages with topic and format."""
    rows = [row for name in WEB_FILES for row in read_rows(data, name)]
    labels = {kind: np.array([row[f"{kind}_id"] for row in rows], np.int64) for kind in CLASSES}
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    return WebPages(texts, tuple(site_of(row["url"]) for row in rows), labels)
