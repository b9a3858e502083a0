"""Words as other packages cut them: those packages cut, the kernels count.

A toolkit whose rules are judged on tokens of spaCy or of uniseg can only be followed with these tokens.
They cost a thousand times what white space costs, so no default rule set asks for them.
"""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.errors import MissingPackageError
from curate.signals import layout
from curate.signals.classes import SENTENCE_TERMINAL, load_character_classes
from curate.signals.measure import Scratch, text_buffers
from curate.signals.repetition import measure_ngrams
from curate.signals.scan import classify, load_byte_kinds
from curate.signals.wordstats import load_function_words, load_logarithms, measure_words
from curate.text.kernel import kernel

Span = tuple[int, int]

# datatrove 0.10, utils/text.py: a word of these alone is no word for the length rules.
_DATATROVE_MARKS = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
_CONTROLS = [*range(9), 11, 12, *range(13, 32), *range(127, 160)]
_FASTTEXT_SPACE = " \n\r\t\v\f\0"


@cache
def _datatrove_marks() -> frozenset[str]:
    terminal = [chr(code) for first, last in SENTENCE_TERMINAL for code in range(first, last + 1)]
    return frozenset([*_DATATROVE_MARKS, *map(chr, _CONTROLS), *terminal])


def measure(texts: pa.Array, reading: str) -> Mapping[str, Mapping[str, NDArray[Any]]]:
    """The blocks `words` and `ngrams` of a batch, on words as another package cuts them."""
    cut = _CUTTERS[reading]
    list(cut("a"))  # a missing package shows even where there is no text
    data, offsets = text_buffers(texts)
    blocks = {
        name: np.zeros((len(offsets) - 1, len(columns)), np.int64)
        for name, columns in (("words", layout.WORDS), ("ngrams", layout.NGRAMS))
    }
    for d, text in enumerate(texts.fill_null("").to_pylist()):
        spans = list(cut(text))
        flat = np.array(spans, np.int64).reshape(-1)
        if not text.isascii():
            widths = np.array([len(character.encode()) for character in text], np.int64)
            flat = np.concatenate([[0], np.cumsum(widths)])[flat]
        scratch = Scratch(int(offsets[d + 1] - offsets[d]), len(spans) + 1, 1)
        _measure_one(
            data, offsets[d : d + 2], flat.astype(np.int32), scratch.arrays,
            (load_character_classes(), load_byte_kinds(), load_function_words(), load_logarithms()),
            (blocks["words"][d], blocks["ngrams"][d]),
        )  # fmt: skip
        if reading == "spacy":
            marks = _datatrove_marks()
            alone = [end - start for start, end in spans if marks.issuperset(text[start:end])]
            blocks["words"][d, layout.W_PURE_PUNCT] = len(alone)
            blocks["words"][d, layout.W_PURE_PUNCT_CHARS] = sum(alone)
    columns = {"words": layout.WORDS, "ngrams": layout.NGRAMS}
    return {name: {column: blocks[name][:, j] for j, column in enumerate(columns[name])} for name in columns}


@kernel
def _measure_one(data, bounds, edges, scratch, tables, blocks):
    classes, byte_kinds, function_words, logarithms = tables
    table, histogram, kinds, _, _, lines, by_word, sums, _, _, _ = scratch
    ids, counts, chars, left, marks = by_word
    n_words = len(edges) // 2
    unused = np.zeros(len(layout.CHARS), np.int64)
    classify(data, bounds[0], bounds[1], classes, byte_kinds, histogram, kinds, unused)
    lines[0, 0] = 0
    lines[0, 1] = n_words
    spans = kinds, edges, lines, n_words, 1
    measure_words(
        data,
        bounds[0],
        bounds[1],
        spans,
        (classes, function_words, logarithms),
        (*table, ids, counts, chars),
        blocks[0],
    )
    measure_ngrams(chars, n_words, ids, counts, table, (left, marks), sums, blocks[1])


def count_sentences(texts: pa.Array) -> NDArray[np.int64]:
    """Sentences of each text's lines, as spaCy's rule-based splitter cuts them."""
    cut = _load_spacy()
    counts = [
        sum(
            sum(bool(sentence.text.strip()) for sentence in cut(line).sents)
            for line in text.split("\n")
            if line
        )
        for text in texts.fill_null("").to_pylist()
    ]
    return np.array(counts, np.int64)


def _load(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        raise MissingPackageError("This reading of a word", package.partition(".")[0], "peers") from None


@cache
def _load_spacy() -> Any:
    pipeline = _load("spacy").blank("en")
    pipeline.add_pipe("sentencizer")
    pipeline.max_length = 2**31
    return pipeline


def _cut_spacy(text: str) -> Iterator[Span]:
    """English tokens of spaCy, stripped, without those of white space."""
    for token in _load_spacy().make_doc(text):
        stripped = token.text.strip()
        if stripped:
            start = token.idx + token.text.index(stripped)
            yield start, start + len(stripped)


def _cut_uniseg(text: str) -> Iterator[Span]:
    """Words of Unicode's annex 29 that begin with a letter or a number."""
    start = 0
    for word in _load("uniseg.wordbreak").words(text):
        if word[0].isalnum():
            yield start, start + len(word)
        start += len(word)


def _cut_fasttext(text: str) -> Iterator[Span]:
    """What lies between fastText's seven white-space characters and begins with a letter or a number."""
    start = 0
    for i, character in enumerate(text + " "):
        if character in _FASTTEXT_SPACE:
            if i > start and text[start].isalnum():
                yield start, i
            start = i + 1


_CUTTERS = {"spacy": _cut_spacy, "uniseg": _cut_uniseg, "fasttext": _cut_fasttext}
