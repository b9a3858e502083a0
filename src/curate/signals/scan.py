"""One walk over a document's bytes: character counts, the spans of its words, lines and paragraphs."""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import numpy as np
from numba import njit

from curate.signals import layout as at
from curate.signals.classes import (
    ALPHA, CLOSER, CODE, FIRST_UPPER, FULL_STOP, LOWER, NUMBER, PUNCT, SPACE, SYMBOL, TERMINAL, UPPER,
)  # fmt: skip
from curate.signals.utf8 import class_at, decode, last_start, width_of


@njit(cache=True, nogil=True)
def count_ascii(data, start, end, classes, histogram, raw):
    """Count the ASCII characters of a document by class, through a histogram of its bytes.

    Four histograms side by side: a run of equal bytes would otherwise wait for its own last addition.
    """
    histogram[:] = 0
    i = start
    while i + 4 <= end:
        histogram[0, data[i]] += 1
        histogram[1, data[i + 1]] += 1
        histogram[2, data[i + 2]] += 1
        histogram[3, data[i + 3]] += 1
        i += 4
    while i < end:
        histogram[0, data[i]] += 1
        i += 1
    total = histogram[0]
    for byte in range(256):
        total[byte] += histogram[1, byte] + histogram[2, byte] + histogram[3, byte]
    continuation = 0
    for byte in range(0x80, 0xC0):
        continuation += total[byte]
    for byte in range(0x80):
        add_class(raw, np.int64(classes[byte]), np.int64(total[byte]))
    raw[at.BYTES] = end - start
    raw[at.N_CHARS] = end - start - continuation
    raw[at.N_NEWLINES] = total[10]
    raw[at.N_HASHES] = total[35]
    raw[at.N_QUESTIONS] += total[63]
    raw[at.N_EXCLAMATIONS] += total[33]
    raw[at.N_COMMAS] += total[44]
    raw[at.N_QUOTES] = total[34]
    raw[at.N_BRACKETS] = total[40]
    raw[at.N_CURLY] = total[123]
    if total[46] >= 3:
        raw[at.N_ELLIPSES] += count_dots(data, start, end)


@njit(cache=True, nogil=True, inline="always")
def add_class(raw, bits, n):
    """Add `n` characters of one class to the counts."""
    raw[at.N_ALPHA] += n if bits & ALPHA else 0
    raw[at.N_NUMBER] += n if bits & NUMBER else 0
    raw[at.N_UPPER] += n if bits & UPPER else 0
    raw[at.N_LOWER] += n if bits & LOWER else 0
    raw[at.N_PUNCT] += n if bits & PUNCT else 0
    raw[at.N_SYMBOL] += n if bits & SYMBOL else 0
    raw[at.N_SPACE] += n if bits & SPACE else 0
    raw[at.N_CODE] += n if bits & CODE else 0


@njit(cache=True, nogil=True)
def count_dots(data, start, end):
    """How often `...` occurs, without overlap."""
    n = 0
    run = 0
    for i in range(start, end):
        run = run + 1 if data[i] == 46 else 0
        if run == 3:
            n += 1
            run = 0
    return n


@njit(cache=True, nogil=True, inline="always")
def count_wide(code_point, bits, raw):
    """Count one character that is not ASCII."""
    raw[at.N_NONASCII] += 1
    add_class(raw, bits, 1)
    if code_point == 0x2026:
        raw[at.N_ELLIPSES] += 1
    elif code_point == 0xFF1F:
        raw[at.N_QUESTIONS] += 1
    elif code_point == 0xFF01:
        raw[at.N_EXCLAMATIONS] += 1
    elif code_point in (0xFF0C, 0x3001):
        raw[at.N_COMMAS] += 1


@njit(cache=True, nogil=True)
def ends_sentence(data, start, end, classes):
    """Whether a word ends with a terminal mark, closing quotes and brackets aside."""
    while end > start:
        i = last_start(data, start, end)
        bits = class_at(data, i, end, classes)
        if bits & TERMINAL:
            return True
        if not bits & CLOSER:
            return False
        end = i
    return False


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def scan(data, start, end, classes, words, lines, raw):
    """Find the words, lines and paragraphs of a document.

    A word is a maximal run of characters that are not white space; a line is what lies between line feeds,
    stripped, unless nothing is left; a paragraph is a run of lines with no blank line between.

    Args:
        data: uint8, the buffer.
        start: first byte of the document.
        end: one past its last byte.
        classes: the table of `load_classes`.
        words: int32 (5, capacity): start and end in bytes from `start`, the first character's number, the
            number of characters, the class bits of all characters or-ed (with FIRST_UPPER).
        lines: int32 (2, capacity): the line's first word; 1 where it begins a paragraph.
        raw: int64, the block `layout.CHARS`, where all but ASCII is counted here.

    Returns:
        The numbers of words, lines and sentences.
    """
    n_words = n_lines = n_sentences = 0
    newlines = 2  # since the last word; the text's start begins a paragraph
    sentence_open = sentence_ended = False
    continuation = 0
    i = start
    while i < end:
        byte = data[i]
        width = 1
        if byte < 0x80:
            bits = np.int64(classes[byte])
            newlines += byte == 10
        else:
            width = min(width_of(byte), end - i)
            code_point = decode(data, i, end)
            bits = np.int64(classes[code_point])
            if bits & SPACE:
                count_wide(code_point, bits, raw)
        if bits & SPACE:
            continuation += width - 1
            i += width
            continue
        if newlines:
            n_sentences += sentence_open
            sentence_ended = False
            lines[0, n_lines] = n_words
            lines[1, n_lines] = newlines > 1
            n_lines += 1
            newlines = 0
        elif sentence_ended and not bits & LOWER:
            n_sentences += 1
        sentence_open = True
        word_start = i
        before = continuation
        flags = FIRST_UPPER if bits & UPPER else 0
        while i < end:
            byte = data[i]
            if byte < 0x80:
                bits = np.int64(classes[byte])
                if bits & SPACE:
                    break
                flags |= bits
                i += 1
            else:
                code_point = decode(data, i, end)
                bits = np.int64(classes[code_point])
                if bits & SPACE:
                    break
                count_wide(code_point, bits, raw)
                flags |= bits
                width = min(width_of(byte), end - i)
                continuation += width - 1
                i += width
        if flags & FULL_STOP:
            n_sentences += count_full_stops(data, word_start, i, classes)
        sentence_ended = (flags & TERMINAL) != 0 and ends_sentence(data, word_start, i, classes)
        words[0, n_words] = word_start - start
        words[1, n_words] = i - start
        words[2, n_words] = word_start - start - before
        words[3, n_words] = i - word_start - (continuation - before)
        words[4, n_words] = flags
        n_words += 1
    n_sentences += sentence_open
    return n_words, n_lines, n_sentences
