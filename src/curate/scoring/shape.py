# ruff: noqa: ANN001, ANN202, PLR1714  (numba infers the types of kernels, and is slow at sets)
"""The shape of a page's beginning: what its lines, words and punctuation look like, as forty numbers.

These tell a shop's listing from a lesson where the words alone do not. They are measured on the first
`SHAPE_BYTES` bytes: on labelled pages they predict the educational level better there than on the whole
page, and so the cost of a page is bounded. They work on bytes, and know ASCII punctuation and capitals only.
The signals of the rules (`curate.signals`) are exact and of whole pages; these are features of a model.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.words import view_utf8

SHAPE_VERSION = 1
SHAPE_BYTES = 2000

SHAPE_NAMES = (
    # logarithms of counts and lengths
    "log_bytes", "log_words", "log_lines", "log_words_per_line", "log_line_bytes", "log_words_per_sentence",
    "mean_word_bytes", "sd_word_bytes",
    # square roots of shares: of words, of lines, of bytes
    "long_words", "capital_words", "all_capital_words", "digit_words", "addresses",
    "short_lines", "long_lines", "blank_lines", "lines_ending_in_period", "lines_ending_in_mark",
    "lines_starting_with_bullet", "lines_starting_with_capital",
    "capitals", "digits", "non_ascii",
    # square roots of counts a word
    "commas", "periods", "questions", "exclamations", "colons", "semicolons", "quotes", "apostrophes",
    "parentheses", "brackets", "hyphens", "slashes", "bars", "money_and_percent", "at_and_hash", "ellipses",
    "mathematics",
)  # fmt: skip
_N_COUNTS = 15
(
    _WORDS, _WORD_BYTES, _LONG, _CAPITAL, _ALL_CAPITAL, _DIGIT, _ADDRESS, _SENTENCES,
    _LINES, _LINE_BYTES, _SHORT_LINES, _LONG_LINES, _PERIOD_LINES, _MARK_LINES, _BULLET_LINES,
) = range(_N_COUNTS)  # fmt: skip
_CAPITAL_LINES, _BLANK_LINES, _ELLIPSES, _WORD_SQUARES = range(_N_COUNTS, _N_COUNTS + 4)


def _count_cases() -> NDArray[np.uint64]:
    """Three counters of sixteen bits in one number, which holds `SHAPE_BYTES` of each: upper case, lower case, digits."""
    counted = np.zeros(256, np.uint64)
    for k, letters in enumerate(("AZ", "az", "09")):
        counted[ord(letters[0]) : ord(letters[1]) + 1] = 1 << 16 * k
    return counted


_CASES = _count_cases()


def measure_shape(texts: pa.Array) -> NDArray[np.float32]:
    """Measure the first `SHAPE_BYTES` bytes of every document.

    Returns:
        float32 (N, len(SHAPE_NAMES)), finite for any text; zeros for an empty one.
    """
    data, bounds = view_utf8(texts)
    shapes = np.zeros((len(bounds) - 1, len(SHAPE_NAMES)), np.float32)
    _measure_documents(data, bounds, _CASES, shapes)
    return shapes


@kernel
def _measure_documents(data, bounds, counted, shapes):
    histogram = np.zeros(256, np.int64)
    counts = np.zeros(_N_COUNTS + 4, np.int64)
    for document in range(len(bounds) - 1):
        start = bounds[document]
        stop = min(bounds[document + 1], start + SHAPE_BYTES)
        if stop > start:
            histogram[:] = 0
            counts[:] = 0
            _count_words(data, start, stop, counted, histogram, counts)
            _count_lines(data, start, stop, counts)
            _write_shape(stop - start, histogram, counts, shapes[document])


@kernel(allocates=False)
def _count_words(data, start, stop, counted, histogram, counts):
    """Count bytes, and words between white space, by their looks."""
    for i in range(start, stop):
        histogram[data[i]] += 1
    last = np.uint8(32)
    i = start
    while i < stop:
        byte = data[i]
        if byte <= 32:
            i += 1
            continue
        word = i
        cases = np.uint64(0)
        while byte > 32:
            cases += counted[byte]
            counts[_ELLIPSES] += (byte == 46) & (last == 46)
            last = byte
            i += 1
            if i == stop:
                break
            byte = data[i]
        n_upper, n_lower = cases & np.uint64(0xFFFF), cases >> np.uint64(16) & np.uint64(0xFFFF)
        n_digits = cases >> np.uint64(32)
        length = i - word
        first = data[word]
        counts[_WORDS] += 1
        counts[_WORD_BYTES] += length
        counts[_WORD_SQUARES] += length * length
        counts[_LONG] += length >= 8
        counts[_CAPITAL] += (first >= 65) & (first <= 90)
        counts[_ALL_CAPITAL] += (n_upper >= 2) & (n_lower == 0)
        counts[_DIGIT] += n_digits > 0
        if length > 6:
            is_http = first == 104 and data[word + 1] == 116 and data[word + 2] == 116
            is_www = first == 119 and data[word + 1] == 119 and data[word + 2] == 119
            counts[_ADDRESS] += is_http or is_www
        counts[_SENTENCES] += (last == 46) | (last == 33) | (last == 63)


@kernel(allocates=False)
def _count_lines(data, start, stop, counts):
    """Count lines by length, first and last character, white space at both ends aside."""
    line = start
    for i in range(start, stop + 1):
        if i < stop and data[i] != 10:
            continue
        first, end = line, i
        line = i + 1
        while first < end and data[first] <= 32:
            first += 1
        while end > first and data[end - 1] <= 32:
            end -= 1
        if end == first:
            counts[_BLANK_LINES] += 1
            continue
        length = end - first
        counts[_LINES] += 1
        counts[_LINE_BYTES] += length
        counts[_SHORT_LINES] += length < 40
        counts[_LONG_LINES] += length >= 200
        begin_byte, end_byte = data[first], data[end - 1]
        counts[_PERIOD_LINES] += end_byte == 46
        counts[_MARK_LINES] += end_byte == 33 or end_byte == 63 or end_byte == 34 or end_byte == 58
        counts[_BULLET_LINES] += (
            begin_byte == 42 or begin_byte == 45 or begin_byte == 35 or begin_byte == 226
        )  # 226 leads the UTF-8 of bullets and dashes
        counts[_CAPITAL_LINES] += 65 <= begin_byte <= 90


@kernel(allocates=False)
def _sum(histogram, first, last):
    total = 0
    for byte in range(first, last + 1):
        total += histogram[byte]
    return total


@kernel(allocates=False)
def _write_shape(n_bytes, histogram, counts, shape):
    """Turn counts into the numbers named by `SHAPE_NAMES`."""
    words = np.float64(max(counts[_WORDS], 1))
    lines = np.float64(max(counts[_LINES], 1))
    mean = counts[_WORD_BYTES] / words
    shape[0] = np.log1p(n_bytes)
    shape[1] = np.log1p(counts[_WORDS])
    shape[2] = np.log1p(counts[_LINES])
    shape[3] = np.log1p(words / lines)
    shape[4] = np.log1p(counts[_LINE_BYTES] / lines)
    shape[5] = np.log1p(words / (counts[_SENTENCES] + 1))
    shape[6] = mean
    shape[7] = np.sqrt(max(counts[_WORD_SQUARES] / words - mean * mean, 0.0))
    for i, count in enumerate((_LONG, _CAPITAL, _ALL_CAPITAL, _DIGIT, _ADDRESS)):
        shape[8 + i] = np.sqrt(counts[count] / words)
    shape[13] = np.sqrt(counts[_SHORT_LINES] / lines)
    shape[14] = np.sqrt(counts[_LONG_LINES] / lines)
    shape[15] = np.sqrt(counts[_BLANK_LINES] / (counts[_BLANK_LINES] + lines))
    for i, count in enumerate((_PERIOD_LINES, _MARK_LINES, _BULLET_LINES, _CAPITAL_LINES)):
        shape[16 + i] = np.sqrt(counts[count] / lines)
    shape[20] = np.sqrt(_sum(histogram, 65, 90) / n_bytes)
    shape[21] = np.sqrt(_sum(histogram, 48, 57) / n_bytes)
    shape[22] = np.sqrt(_sum(histogram, 128, 255) / n_bytes)
    for i, byte in enumerate((44, 46, 63, 33, 58, 59, 34, 39, 40, 91, 45, 47, 124)):
        shape[23 + i] = np.sqrt(histogram[byte] / words)
    shape[36] = np.sqrt((histogram[36] + histogram[37]) / words)
    shape[37] = np.sqrt((histogram[35] + histogram[64]) / words)
    shape[38] = np.sqrt(counts[_ELLIPSES] / words)
    shape[39] = np.sqrt(_sum(histogram, 60, 62) + histogram[43]) / np.sqrt(words)
