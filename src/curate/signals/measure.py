"""The one pass: every raw count of every document of a batch."""

# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.signals import layout
from curate.signals.classes import load_character_classes
from curate.signals.lines import hash_paragraphs, measure_lines, measure_paragraphs, spans_to_pieces
from curate.signals.repetition import measure_ngrams
from curate.signals.scan import PADDING_BYTES, classify, find_lines, find_spans, load_byte_kinds
from curate.signals.wordstats import load_function_words, load_logarithms, measure_words
from curate.text.kernel import kernel
from curate.text.utf8 import capacity_for

BLOCKS = {
    "chars": layout.CHARS,
    "words": layout.WORDS,
    "ngrams": layout.NGRAMS,
    "lines": layout.LINES,
    "paragraphs": layout.PARAGRAPHS,
}
_KEPT_BYTES = 2**18  # scratch for documents up to this size is kept: at most 25 MB
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw counts of a batch, one int64 array of shape (N,) per block and name, and the sums of c log2(c)."""

    counts: Mapping[str, Mapping[str, NDArray[np.int64]]]
    entropy_sums: NDArray[np.float64]


class Scratch:
    """Working memory of one thread, with room for documents of so many bytes, words and line feeds."""

    def __init__(self, n_bytes: int, n_words: int, n_feeds: int) -> None:
        self.n_bytes, self.n_words, self.n_feeds = n_bytes, n_words, n_feeds
        n_lines = min(n_feeds + 1, n_words) + 1
        slots = capacity_for.py_func(n_words + 1)
        self.table = np.empty(slots, np.uint64), np.empty(slots, np.int32)
        self.histogram = np.empty((4, 256), np.int32)
        self.kinds = np.empty(n_bytes + PADDING_BYTES, np.uint8)
        self.edges = np.empty(2 * n_words + 2, np.int32)
        self.breaks = np.empty(n_feeds + 1, np.int32)
        self.lines = np.empty((2, n_lines), np.int32)
        self.ids, self.counts, self.chars, self.left, self.marks = np.empty((5, n_words + 1), np.int32)
        self.sums = np.empty(n_words + 1, np.int64)
        self.pieces, self.paragraphs = np.empty((2, 3, n_lines), np.int64)
        self.hashes = np.empty(n_lines, np.uint64)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """What the kernel takes."""
        return (
            self.table, self.histogram, self.kinds, self.edges, self.breaks, self.lines,
            (self.ids, self.counts, self.chars, self.left, self.marks), self.sums, self.pieces,
            self.paragraphs,
            self.hashes,
        )  # fmt: skip


@kernel
def _most(data, offsets):  # noqa: ANN001, ANN202
    """Upper bounds for the words and the line feeds of any one document."""
    n_words = n_feeds = 0
    for d in range(len(offsets) - 1):
        spaces = feeds = 0
        for i in range(offsets[d], offsets[d + 1]):
            # Spaces, and the lead bytes of those that are not ASCII.
            byte = data[i]
            spaces += (byte <= 32) | (byte == 0xC2) | ((byte >= 0xE1) & (byte <= 0xE3))
            feeds += byte == 10
        n_words = max(n_words, spaces)
        n_feeds = max(n_feeds, feeds)
    return n_words + 1, n_feeds


@kernel
def _measure(data, offsets, tables, scratch, blocks, entropy_sums, with_lines):  # noqa: ANN001, ANN202
    classes, byte_kinds, function_words, logarithms = tables
    table, histogram, kinds, edges, breaks, lines, by_word, sums, pieces, paragraphs, hashes = scratch
    ids, counts, chars, left, marks = by_word
    chars_block, words_block, ngrams_block, lines_block, paragraphs_block = blocks
    for d in range(len(offsets) - 1):
        start, end = offsets[d], offsets[d + 1]
        classify(data, start, end, classes, byte_kinds, histogram, kinds, chars_block[d])
        n_words, n_breaks = find_spans(kinds, end - start, edges, breaks)
        n_lines = find_lines(breaks, n_breaks, n_words, lines)
        spans = kinds, edges, lines, n_words, n_lines
        entropy_sums[d] = measure_words(
            data,
            start,
            end,
            spans,
            (classes, function_words, logarithms),
            (*table, ids, counts, chars),
            words_block[d],
        )
        measure_ngrams(chars, n_words, ids, counts, table, (left, marks), sums, ngrams_block[d])
        if not with_lines:
            continue
        is_wide = chars_block[d, layout.N_NONASCII] > 0
        n_paragraphs = spans_to_pieces(start, spans, is_wide, pieces, paragraphs)
        measure_lines(data, pieces, n_lines, classes, table, counts, hashes, lines_block[d])
        hash_paragraphs(data, pieces, lines, n_lines, hashes, hashes)
        measure_paragraphs(paragraphs, n_paragraphs, hashes, table, counts, paragraphs_block[d])


def measure(texts: pa.Array, *, with_lines: bool = True) -> Raw:
    """Measure every document of an Arrow string array; null counts as empty.

    Without lines the counts of lines and paragraphs are left at 0, which saves an eighth of the time.
    """
    data, offsets = text_buffers(texts)
    scratch = scratch_for(data, offsets)
    n_documents = len(offsets) - 1
    blocks = {name: np.zeros((n_documents, len(columns)), np.int64) for name, columns in BLOCKS.items()}
    entropy_sums = np.zeros(n_documents)
    tables = load_character_classes(), load_byte_kinds(), load_function_words(), load_logarithms()
    _measure(data, offsets, tables, scratch.arrays, tuple(blocks.values()), entropy_sums, with_lines)
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


def scratch_for(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Scratch:
    """Scratch with enough room for a batch, kept by the thread unless one huge document asked for it."""
    n_bytes = int(np.diff(offsets).max(initial=0))
    if n_bytes <= _KEPT_BYTES:
        kept: Scratch | None = getattr(_local, "scratch", None)
        if kept is None:
            kept = _local.scratch = Scratch(_KEPT_BYTES, _KEPT_BYTES // 2 + 1, _KEPT_BYTES)
        return kept
    return Scratch(n_bytes, *_most(data, offsets))
