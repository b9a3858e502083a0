"""Other toolkits' readings of a text: their lines and paragraphs, and counts that only they use."""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.signals import layout, tokenizers
from curate.signals.classes import LINE_BREAK, SPACE, load_character_classes
from curate.signals.lines import measure_lines, measure_paragraphs
from curate.signals.measure import text_buffers
from curate.signals.repetition import hash_pieces
from curate.text.kernel import kernel
from curate.text.utf8 import capacity_for, class_at, last_start, width_of

FEED, FEEDS, BREAKS, UNSTRIPPED, STRIPPED_FEEDS, TWO_FEEDS = range(6)
LINE_READINGS = {"feed": FEED, "feeds": FEEDS, "breaks": BREAKS, "unstripped": UNSTRIPPED}
PARAGRAPH_READINGS = {"feeds": STRIPPED_FEEDS, "two_feeds": TWO_FEEDS}
SYMBOLS = ("symbol_words", "twice_median", "spaced_dots")


def measure(texts: pa.Array, kind: str, reading: str) -> dict[str, Mapping[str, NDArray[Any]]]:
    """Measure a batch under another reading: the block asked for, and any found beside it."""
    if kind == "lines":
        return {"lines": _measure_pieces(texts, LINE_READINGS[reading], layout.LINES)}
    if kind == "paragraphs":
        return {"paragraphs": _measure_pieces(texts, PARAGRAPH_READINGS[reading], layout.PARAGRAPHS)}
    if kind == "symbols":
        return {"symbols": _measure_symbols(texts)}
    if kind == "sentences":
        return {"sentences": {"sentences": tokenizers.count_sentences(texts)}}
    return dict(tokenizers.measure(texts, reading))


def _measure_pieces(texts: pa.Array, mode: int, columns: tuple[str, ...]) -> Mapping[str, NDArray[np.int64]]:
    data, offsets = text_buffers(texts)
    block = np.zeros((len(offsets) - 1, len(columns)), np.int64)
    n_pieces = _most_pieces(data, offsets)
    slots = capacity_for.py_func(n_pieces)
    table = np.empty(slots, np.uint64), np.empty(slots, np.int32)
    scratch = np.empty((3, n_pieces), np.int64), np.empty(n_pieces, np.int32), np.empty(n_pieces, np.uint64)
    _measure_all_pieces(data, offsets, load_character_classes(), mode, table, scratch, block)
    return {column: block[:, j] for j, column in enumerate(columns)}


@kernel
def _most_pieces(data, offsets):
    """An upper bound for the lines of any one document, whatever ends one."""
    most = 0
    for d in range(len(offsets) - 1):
        n = 0
        for i in range(offsets[d], offsets[d + 1]):
            n += (data[i] < 0x20) | (data[i] == 0xC2) | (data[i] == 0xE2)
        most = max(most, n)
    return most + 2


@kernel
def _measure_all_pieces(data, offsets, classes, mode, table, scratch, block):
    pieces, counts, hashes = scratch
    for d in range(len(offsets) - 1):
        n = _split(data, offsets[d], offsets[d + 1], classes, mode, pieces)
        if mode >= STRIPPED_FEEDS:
            hash_pieces(data, pieces, n, hashes)
            measure_paragraphs(pieces, n, hashes, table, counts, block[d])
        else:
            measure_lines(data, pieces, n, classes, table, counts, hashes, block[d])


@kernel
def _split(data, start, end, classes, mode, pieces):
    r"""Split a document as another toolkit does: start, end and characters of each piece; returns how many.

    FEED: `text.split("\n")`. FEEDS: `re.split("\n+", text)`. BREAKS: `text.splitlines()`, each stripped.
    UNSTRIPPED: `text.split("\n")` without blank lines. STRIPPED_FEEDS: `re.split("\n{2,}", text.strip())`.
    TWO_FEEDS: `text.split("\n\n")`, each stripped, none empty.
    """
    if mode == STRIPPED_FEEDS:
        start, end = _strip(data, start, end, classes)
    n = 0
    i = first = start
    while i <= end:
        width = _separator(data, i, end, classes, mode) if i < end else 0
        if i == end or width:
            if mode != BREAKS or i < end or first < end:
                n = _add_piece(data, first, i, classes, mode, pieces, n)
            first = i + width
            if i == end:
                break
            i = first
        else:
            i += min(width_of(data[i]), end - i)
    return n


@kernel
def _separator(data, i, end, classes, mode):
    """How many bytes of a separator begin at `i`, 0 for none."""
    if mode == BREAKS:
        if not class_at(data, i, end, classes) & LINE_BREAK:
            return 0
        crlf = data[i] == 13 and i + 1 < end and data[i + 1] == 10
        return 2 if crlf else min(width_of(data[i]), end - i)
    n = 0
    while i + n < end and data[i + n] == 10:
        n += 1
    if mode == FEEDS:
        return n
    if mode == STRIPPED_FEEDS:
        return n if n >= 2 else 0
    if mode == TWO_FEEDS:
        return 2 if n >= 2 else 0
    return min(n, 1)


@kernel
def _add_piece(data, first, end, classes, mode, pieces, n):
    stripped_first, stripped_end = _strip(data, first, end, classes)
    if mode in (UNSTRIPPED, TWO_FEEDS) and stripped_first == stripped_end:
        return n
    if mode in (BREAKS, TWO_FEEDS):
        first, end = stripped_first, stripped_end
    chars = 0
    for i in range(first, end):
        chars += (data[i] & 0xC0) != 0x80
    pieces[0, n], pieces[1, n], pieces[2, n] = first, end, chars
    return n + 1


@kernel
def _strip(data, start, end, classes):
    while start < end and class_at(data, start, end, classes) & SPACE:
        start += min(width_of(data[start]), end - start)
    while end > start:
        last = last_start(data, start, end)
        if not class_at(data, last, end, classes) & SPACE:
            break
        end = last
    return start, end


def _measure_symbols(texts: pa.Array) -> Mapping[str, NDArray[Any]]:
    data, offsets = text_buffers(texts)
    block = np.zeros((len(offsets) - 1, len(SYMBOLS)), np.int64)
    longest = int(np.diff(offsets).max(initial=0))
    _count_symbols(data, offsets, load_character_classes(), np.zeros(longest + 1, np.int64), block)
    return {column: block[:, j] for j, column in enumerate(SYMBOLS)}


@kernel
def _count_symbols(data, offsets, classes, by_chars, block):
    """Words that hold `#` or `…`, twice the median length of a word, and `. . .` without overlap."""
    for d in range(len(offsets) - 1):
        start, end = offsets[d], offsets[d + 1]
        n_words = chars = longest = 0
        holds = False
        i = start
        dots_from = start
        while i <= end:
            at_end = i == end
            if at_end or class_at(data, i, end, classes) & SPACE:
                if chars:
                    block[d, 0] += holds
                    by_chars[chars] += 1
                    longest = max(longest, chars)
                    n_words += 1
                chars = 0
                holds = False
                if at_end:
                    break
            else:
                chars += 1
                holds |= data[i] == 0x23
                if data[i] == 0xE2 and i + 2 < end:
                    holds |= data[i + 1] == 0x80 and data[i + 2] == 0xA6
                if data[i] == 46 and i >= dots_from and _is_spaced_dots(data, i, end):
                    block[d, 2] += 1
                    dots_from = i + 5
            i += min(width_of(data[i]), end - i)
        block[d, 1] = _twice_median(by_chars, longest, n_words)
        by_chars[: longest + 1] = 0


@kernel
def _is_spaced_dots(data, i, end):
    """Whether `. . .` begins at a full stop."""
    return i + 4 < end and data[i + 1] == 32 and data[i + 2] == 46 and data[i + 3] == 32 and data[i + 4] == 46


@kernel
def _twice_median(by_chars, longest, n_words):
    if n_words == 0:
        return 0
    low, high = (n_words - 1) // 2, n_words // 2
    total = seen = 0
    for chars in range(longest + 1):
        n = by_chars[chars]
        total += chars * (seen <= low < seen + n) + chars * (seen <= high < seen + n)
        seen += n
    return total
