"""The table of languages: limits and stop words of 167 of them, as data (`languages.tsv`).

All but English are FineWeb-2's published settings (github.com/huggingface/fineweb-2, `configs/*.yml` at commit d0defb2,
Apache-2.0; the paper is arXiv 2506.20920): for each code of lid.176 the script of that language of which FineWeb-2 has most
documents, and the stop words also of other scripts with a tenth as many. English, which FineWeb-2 leaves out, has the limits
of Gopher and FineWeb (arXiv 2112.11446, 2406.17557).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.normalise import comparable
from curate.text.terms import Terms
from curate.text.words import hash_words


@dataclass(frozen=True, slots=True)
class Language:
    """What FineWeb-2 asks of pages in a language; shares are 0 to 1.

    Attributes:
        code: of lid.176.
        source: FineWeb-2's name of the language and script.
        confidence: least confidence, **of GlotLID**, which is another scale than that of lid.176.
        word_chars: least and greatest mean length of a word.
        alpha_words: least share of words with a letter.
        dup_lines: greatest share of lines that occur before.
        terminal_lines: least share of lines that end in a mark.
        newlines: greatest number of line feeds per word.
        top_ngrams: greatest share of characters in the most frequent 2-, 3- and 4-gram.
        dup_ngrams: greatest share of characters in repeated 5- to 10-grams.
        stop_words: two different ones must occur.
    """

    code: str
    source: str
    confidence: float
    word_chars: tuple[float, float]
    alpha_words: float
    dup_lines: float
    terminal_lines: float
    newlines: float
    top_ngrams: tuple[float, float, float]
    dup_ngrams: tuple[float, ...]
    stop_words: tuple[str, ...]


@cache
def load_languages() -> dict[str, Language]:
    """The table by code."""
    found: dict[str, Language] = {}
    with Path(__file__).with_name("languages.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            numbers = {name: float(row[name]) for name in row if name not in _TEXTS}
            found[row["code"]] = Language(
                row["code"],
                row["source"],
                numbers["confidence"],
                (numbers["word_low"], numbers["word_high"]),
                numbers["alpha"],
                numbers["dup_lines"],
                numbers["terminal"],
                numbers["newlines"],
                (numbers["top_2"], numbers["top_3"], numbers["top_4"]),
                tuple(numbers[f"dup_{n}"] for n in range(5, 11)),
                tuple(word.replace("_", " ") for word in row["stop_words"].split()),
            )
    return found


_TEXTS = ("code", "source", "documents", "stop_words")


def count_stop_words(texts: pa.Array, languages: pa.Array | pa.ChunkedArray | None) -> NDArray[np.int64]:
    """Count the different stop words of N texts, each by the list of its own language: int64 (N,).

    Without languages, and in a text of none, those of English are counted; a language without a list has 0.

    >>> count_stop_words(pa.array(["le chat et la souris", "the cat"]), pa.array(["fr", "fr"])).tolist()
    [3, 0]
    """
    codes = ["en"] * len(texts) if languages is None else [code or "en" for code in languages.to_pylist()]
    counts = np.zeros(len(texts), np.int64)
    by_code: dict[str, list[int]] = {}
    for row, code in enumerate(codes):
        by_code.setdefault(code, []).append(row)
    for code, rows in by_code.items():
        if code in load_languages():
            words = hash_words(comparable(texts.take(pa.array(rows))))
            counts[rows] = _load_stop_words(code).count(words)[1][:, 0]
    return counts


@cache
def _load_stop_words(code: str) -> Terms:
    words = [word for word in load_languages()[code].stop_words if len(hash_words(pa.array([word])).hashes)]
    distinct = {tuple(hash_words(comparable(pa.array([word]))).hashes.tolist()): word for word in words}
    return Terms([list(distinct.values())])
