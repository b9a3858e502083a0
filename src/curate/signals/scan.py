"""A document's bytes -> what each is, and where words and lines lie.

Every byte gets a kind, eight class bits; a wide character's bytes all get the kind of the character. Spans
then come from bit masks of 64 kinds at a time: where words end cannot be predicted, so there is no branch
at each.
"""

# ruff: noqa: ANN001, ANN201 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.signals import classes as of
from curate.signals import layout as at
from curate.signals.classes import CLOSER, FULL_STOP, SPACE, TERMINAL, load_character_classes
from curate.text.kernel import kernel
from curate.text.unaligned import count_trailing_zeros, load64
from curate.text.utf8 import class_at, decode, last_start, width_of

KIND_ALPHA, KIND_NUMBER, KIND_UPPER, KIND_LOWER = 1, 2, 4, 8
KIND_TERMINAL, KIND_FULL_STOP, KIND_INNER, KIND_SPACE = 16, 32, 64, 128
KIND_NEWLINE = KIND_SPACE | KIND_TERMINAL  # no white space ends a sentence, so this pair is free to mean `\n`
"""Kinds of bytes; INNER is every byte of a character but its first."""

PADDING_BYTES = 80
"""Kinds behind a document that are white space, so that its last word ends and blocks can be read whole."""

_HIGH_BITS = np.uint64(0x8080808080808080)
_GATHER = np.uint64(0x0102040810204080)  # times bits 0, 8, 16, ...: the same bits side by side at 56-63
_ALL_SPACE = np.uint8(KIND_SPACE)


def kind_of(bits: Any) -> Any:
    """The kind that class bits come down to."""
    return (bits >> 1) & 15 | (bits >> 3) & KIND_TERMINAL | (bits >> 5) & KIND_FULL_STOP | (bits & SPACE) << 7


_kind_of = kernel(kind_of, inline=True)


@cache
def load_byte_kinds() -> NDArray[np.uint8]:
    """The kinds of ASCII bytes; 0 for all others, which are filled in from their characters."""
    made = np.zeros(256, np.uint8)
    made[:128] = kind_of(load_character_classes()[:128].astype(np.int64))
    made[10] = KIND_NEWLINE
    return made


@kernel
def classify(data, start, end, classes, byte_kinds, histogram, kinds, raw):
    """Write each byte's kind, and count characters by class, into the block `layout.CHARS`.

    ASCII is counted through a histogram: four side by side, since a run of equal bytes would otherwise wait
    for its own last addition.
    """
    histogram[:] = 0
    n = end - start
    for i in range(0, n - 3, 4):
        b0, b1, b2, b3 = data[start + i], data[start + i + 1], data[start + i + 2], data[start + i + 3]
        histogram[0, b0] += 1
        histogram[1, b1] += 1
        histogram[2, b2] += 1
        histogram[3, b3] += 1
        kinds[i] = byte_kinds[b0]
        kinds[i + 1] = byte_kinds[b1]
        kinds[i + 2] = byte_kinds[b2]
        kinds[i + 3] = byte_kinds[b3]
    for i in range(n & ~3, n):
        histogram[0, data[start + i]] += 1
        kinds[i] = byte_kinds[data[start + i]]
    kinds[n : n + PADDING_BYTES] = _ALL_SPACE
    total = histogram[0]
    for byte in range(256):
        total[byte] += histogram[1, byte] + histogram[2, byte] + histogram[3, byte]
    for byte in range(0x80):
        if total[byte]:
            add_class(raw, np.int64(classes[byte]), np.int64(total[byte]))
    raw[at.BYTES] = n
    raw[at.N_CHARS] = n - total[0x80:0xC0].sum()
    raw[at.N_NEWLINES] = total[10]
    raw[at.N_HASHES] = total[35]
    raw[at.N_QUESTIONS] = total[63]
    raw[at.N_EXCLAMATIONS] = total[33]
    raw[at.N_COMMAS] = total[44]
    raw[at.N_QUOTES] = total[34]
    raw[at.N_BRACKETS] = total[40]
    raw[at.N_CURLY] = total[123]
    if total[46] >= 3:
        raw[at.N_ELLIPSES] = count_dots(data, start, end)
    if total[0x80:].sum():
        classify_wide(data, start, end, classes, kinds, raw)


@kernel(inline=True)
def add_class(raw, bits, n):
    """Add `n` characters of one class to the counts."""
    raw[at.N_ALPHA] += n if bits & of.ALPHA else 0
    raw[at.N_NUMBER] += n if bits & of.NUMBER else 0
    raw[at.N_UPPER] += n if bits & of.UPPER else 0
    raw[at.N_LOWER] += n if bits & of.LOWER else 0
    raw[at.N_PUNCT] += n if bits & of.PUNCT else 0
    raw[at.N_SYMBOL] += n if bits & of.SYMBOL else 0
    raw[at.N_SPACE] += n if bits & of.SPACE else 0
    raw[at.N_CODE] += n if bits & of.CODE else 0


@kernel
def count_dots(data, start, end):
    """How often `...` occurs, without overlap."""
    n = run = 0
    for i in range(start, end):
        run = run + 1 if data[i] == 46 else 0
        if run == 3:
            n += 1
            run = 0
    return n


@kernel
def classify_wide(data, start, end, classes, kinds, raw):
    """Write the kinds of the bytes of characters that are not ASCII, and count these characters."""
    i = start
    while i < end:
        if i + 8 <= len(data) and not load64(data, i) & _HIGH_BITS:
            i += 8
            continue
        byte = data[i]
        if byte < 0x80:
            i += 1
            continue
        width = min(width_of(byte), end - i)
        code_point = decode(data, i, end)
        bits = np.int64(classes[code_point])
        add_class(raw, bits, 1)
        raw[at.N_NONASCII] += 1
        if code_point == 0x2026:
            raw[at.N_ELLIPSES] += 1
        elif code_point == 0xFF1F:
            raw[at.N_QUESTIONS] += 1
        elif code_point == 0xFF01:
            raw[at.N_EXCLAMATIONS] += 1
        elif code_point in (0xFF0C, 0x3001):
            raw[at.N_COMMAS] += 1
        kind = _kind_of(bits)
        kinds[i - start] = kind
        for k in range(1, width):
            kinds[i - start + k] = kind | KIND_INNER
        i += width


@kernel
def find_spans(kinds, n_bytes, edges, breaks):
    """Find words, the maximal runs of bytes that are not white space, and line feeds.

    Args:
        kinds: uint8, the kinds of the document's bytes and PADDING_BYTES of white space.
        n_bytes: how many bytes the document has.
        edges: int32, filled with the start and end of each word in turn, from the document's start.
        breaks: int32, filled with the number of words that begin before each line feed.

    Returns:
        The numbers of words and of line feeds.
    """
    n_edges = n_breaks = 0
    carry = np.uint64(0)
    one = np.uint64(1)
    for base in range(0, n_bytes + 1, 64):
        spaces = feeds = np.uint64(0)
        for j in range(8):
            if base + 8 * j > n_bytes:
                spaces |= np.uint64(0xFF) << np.uint64(8 * j)
                continue
            block = load64(kinds, base + 8 * j)
            marked = block & _HIGH_BITS
            spaces |= ((marked >> np.uint64(7)) * _GATHER >> np.uint64(56)) << np.uint64(8 * j)
            marked &= block << np.uint64(3)  # TERMINAL as well: a line feed
            if marked:
                feeds |= ((marked >> np.uint64(7)) * _GATHER >> np.uint64(56)) << np.uint64(8 * j)
        inside = ~spaces
        turns = inside ^ (inside << one | carry)
        carry = inside >> np.uint64(63)
        begun = (n_edges + 1) >> 1
        starts = turns & inside
        while feeds:
            below = starts & ((feeds & (~feeds + one)) - one)
            breaks[n_breaks] = begun + count_ones(below)
            n_breaks += 1
            feeds &= feeds - one
        while turns:
            edges[n_edges] = base + count_trailing_zeros(turns)
            n_edges += 1
            turns &= turns - one
    return n_edges >> 1, n_breaks


@kernel(inline=True)
def count_ones(bits):
    """The number of bits that are set."""
    n = 0
    while bits:
        bits &= bits - np.uint64(1)
        n += 1
    return n


@kernel
def find_lines(breaks, n_breaks, n_words, lines):
    """Find lines that are not blank: `lines` gets the first word of each, and 1 where a paragraph begins.

    Returns:
        The number of lines. Behind the last one, `lines` holds the number of words.
    """
    n_lines = first = 0
    after_blank = 1
    for j in range(n_breaks + 1):
        words_before = breaks[j] if j < n_breaks else n_words
        if words_before > first:
            lines[0, n_lines] = first
            lines[1, n_lines] = after_blank
            n_lines += 1
            after_blank = 0
        else:
            after_blank = 1
        first = words_before
    lines[0, n_lines] = n_words
    return n_lines


@kernel
def ends_sentence(data, start, end, classes):
    """Whether a word ends with a terminal mark, closing quotes and brackets aside."""
    while end > start:
        i = last_start(data, start, end)
        bits = np.int64(class_at(data, i, end, classes))
        if bits & TERMINAL:
            return True
        if not bits & CLOSER:
            return False
        end = i
    return False


@kernel
def count_full_stops(data, start, end, classes):
    """Sentences that end inside a word, at full stops that need no space, with text behind."""
    n = 0
    stopped = False
    while start < end:
        bits = np.int64(class_at(data, start, end, classes))
        if bits & FULL_STOP:
            stopped = True
        elif stopped and not bits & (CLOSER | TERMINAL):
            n += 1
            stopped = False
        start += min(width_of(data[start]), end - start)
    return n
