"""The one pass: every raw count of every document of a batch."""

# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from curate.signals import layout
from curate.signals.classes import load_classes
from curate.signals.lines import measure_lines, measure_paragraphs, spans_to_lines
from curate.signals.repetition import measure_ngrams
from curate.signals.scan import count_ascii, scan
from curate.signals.utf8 import capacity_for
from curate.signals.wordstats import load_function_words, load_logarithms, measure_words

BLOCKS = {
    "chars": layout.CHARS,
    "words": layout.WORDS,
    "ngrams": layout.NGRAMS,
    "lines": layout.LINES,
    "paragraphs": layout.PARAGRAPHS,
}
_KEPT_SCRATCH_BYTES = 64 * 2**20
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw counts of a batch, one int64 array of shape (N,) per block and name, and the sums of c log2(c)."""

    counts: Mapping[str, Mapping[str, NDArray[np.int64]]]
    entropy_sums: NDArray[np.float64]


class Scratch:
    """Working memory of one thread, with room for the longest document it has met."""

    def __init__(self, n_words: int, n_lines: int) -> None:
        self.n_words, self.n_lines = n_words, n_lines
        slots = capacity_for.py_func(max(n_words, n_lines) + 1)
        self.histogram = np.empty((4, 256), np.int32)
        self.words = np.empty((5, n_words), np.int32)
        self.lines = np.empty((2, n_lines), np.int32)
        self.table = np.empty(slots, np.uint64), np.empty(slots, np.int32)
        self.ids = np.empty(n_words, np.int32)
        self.counts = np.empty(max(n_words, n_lines), np.int32)
        self.left = np.empty((2, n_words), np.int32)
        self.sums = np.empty(n_words + 1, np.int64)
        self.pieces = np.empty((3, n_lines), np.int64)
        self.paragraphs = np.empty((3, n_lines), np.int64)
        self.hashes = np.empty(n_lines, np.uint64)


@njit(cache=True, nogil=True)
def _longest(data, offsets):  # noqa: ANN001, ANN202
    """Upper bounds for the words and the lines of any one document."""
    n_words = n_lines = 0
    for d in range(len(offsets) - 1):
        spaces = feeds = 0
        for i in range(offsets[d], offsets[d + 1]):
            # Spaces, and the lead bytes of those that are not ASCII.
            byte = data[i]
            spaces += (byte <= 32) | (byte == 0xC2) | ((byte >= 0xE1) & (byte <= 0xE3))
            feeds += byte == 10
        n_words = max(n_words, spaces)
        n_lines = max(n_lines, feeds)
    return n_words + 1, n_lines + 1


@njit(cache=True, nogil=True)
def _measure(data, offsets, tables, scratch, blocks, entropy_sums):  # noqa: ANN001, ANN202
    classes, function_words, logarithms = tables
    histogram, words, lines, table, ids, counts, left, sums, pieces, paragraphs, hashes = scratch
    chars_block, words_block, ngrams_block, lines_block, paragraphs_block = blocks
    for d in range(len(offsets) - 1):
        start, end = offsets[d], offsets[d + 1]
        count_ascii(data, start, end, classes, histogram, chars_block[d])
        n_words, n_lines, n_sentences = scan(data, start, end, classes, words, lines, chars_block[d])
        entropy_sums[d] = measure_words(
            data, start, end, words, n_words, function_words, logarithms, table, ids, counts, words_block[d]
        )
        words_block[d, layout.W_SENTENCES] = n_sentences
        measure_ngrams(words, n_words, ids, counts, table, (left[0], left[1]), sums, ngrams_block[d])
        n_paragraphs = spans_to_lines(start, words, n_words, lines, n_lines, pieces, paragraphs)
        measure_lines(data, pieces, n_lines, classes, table, counts, hashes, lines_block[d])
        measure_paragraphs(data, paragraphs, n_paragraphs, table, counts, hashes, paragraphs_block[d])


def measure(texts: pa.Array) -> Raw:
    """Measure every document of an Arrow string array; null counts as empty."""
    data, offsets = text_buffers(texts)
    scratch = _scratch_for(*_longest(data, offsets))
    n_documents = len(offsets) - 1
    blocks = {name: np.zeros((n_documents, len(columns)), np.int64) for name, columns in BLOCKS.items()}
    entropy_sums = np.zeros(n_documents)
    arrays = (
        scratch.histogram, scratch.words, scratch.lines, scratch.table, scratch.ids, scratch.counts, scratch.left,
        scratch.sums, scratch.pieces, scratch.paragraphs, scratch.hashes,
    )  # fmt: skip
    tables = load_classes(), load_function_words(), load_logarithms()
    _measure(data, offsets, tables, arrays, tuple(blocks.values()), entropy_sums)
    counts = {
        name: {column: blocks[name][:, j] for j, column in enumerate(columns)}
        for name, columns in BLOCKS.items()
    }
    return Raw(counts, entropy_sums)


def text_buffers(texts: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of an Arrow string array and the offsets of its documents, both read-only; null is empty.

    One pair of types whatever comes in, so that kernels are compiled once.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if texts.null_count:
        texts = texts.fill_null("")
    if not pa.types.is_large_string(texts.type):
        texts = texts.cast(pa.large_string())
    _, offset_buffer, data_buffer = texts.buffers()
    if len(texts) == 0 or data_buffer is None or data_buffer.size == 0:
        data = np.zeros(0, np.uint8)
        offsets = np.zeros(len(texts) + 1, np.int64)
    else:
        data = np.frombuffer(data_buffer, np.uint8)
        offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data.flags.writeable = False
    offsets.flags.writeable = False
    return data, offsets


def _scratch_for(n_words: int, n_lines: int) -> Scratch:
    """Scratch with enough room, kept by the thread unless one huge document asked for it."""
    kept: Scratch | None = getattr(_local, "scratch", None)
    if kept is not None and kept.n_words >= n_words and kept.n_lines >= n_lines:
        return kept
    made = Scratch(max(n_words, 4096), max(n_lines, 1024))
    if 100 * (made.n_words + made.n_lines) <= _KEPT_SCRATCH_BYTES:
        _local.scratch = made
    return made
