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

from curate.text.bitmaps import BLOCK, add_to_runs, ends_of, line_ends, shift_in, take_beginning, trim
from curate.text.kernel import kernel
from curate.text.unaligned import bytes_between, count_ones, count_trailing_zeros
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
# Counts of a page: words and what they look like, lines, blank lines, and bytes by `_MARKS`.
_N_COUNTS = 19
(
    _WORDS, _WORD_BYTES, _LONG, _CAPITAL, _ALL_CAPITAL, _DIGIT, _ADDRESS, _SENTENCES,
    _LINES, _LINE_BYTES, _SHORT_LINES, _LONG_LINES, _PERIOD_LINES, _MARK_LINES, _BULLET_LINES,
    _CAPITAL_LINES, _BLANK_LINES, _ELLIPSES, _WORD_SQUARES,
) = range(_N_COUNTS)  # fmt: skip
_ALONE = b",.?!:;\"'([-/|"
_TOGETHER = (b"$%", b"##", b"@@", b"<>", b"++", b"AZ", b"09", b"\x80\xff")
_MARKS = np.array(  # bytes from the first to the last are counted together
    [*([byte, byte] for byte in _ALONE), *([*pair] for pair in _TOGETHER)], np.uint8
)
_N_ALONE = len(_ALONE)
_MONEY, _HASH, _AT, _COMPARED, _PLUS, _UPPER, _DIGITS, _WIDE = range(_N_ALONE, _N_ALONE + 8)
_NONE = np.uint64(0)


def measure_shape(texts: pa.Array) -> NDArray[np.float32]:
    """Measure the first `SHAPE_BYTES` bytes of every document.

    Returns:
        float32 (N, len(SHAPE_NAMES)), finite for any text; zeros for an empty one.
    """
    data, bounds = view_utf8(texts)
    shapes = np.zeros((len(bounds) - 1, len(SHAPE_NAMES)), np.float32)
    _measure_documents(data, bounds, _MARKS, shapes)
    return shapes


@kernel
def _measure_documents(data, bounds, marks, shapes):
    beginning = np.full(SHAPE_BYTES + 3 * BLOCK, 32, np.uint8)
    counts = np.zeros(_N_COUNTS, np.int64)
    histogram = np.zeros(len(marks), np.int64)
    for document in range(len(bounds) - 1):
        start = bounds[document]
        stop = min(bounds[document + 1], start + SHAPE_BYTES)
        if stop > start:
            counts[:] = 0
            take_beginning(data, start, stop, beginning)
            _count_marks(beginning, stop - start, marks, histogram)
            _count_words(beginning, stop - start, counts)
            _count_lines(beginning, stop - start, counts)
            _write_shape(stop - start, histogram, counts, shapes[document])


@kernel(allocates=False)
def _count_marks(beginning, n_bytes, marks, histogram):
    for mark in range(len(marks)):
        n = np.int64(0)
        for base in range(BLOCK, BLOCK + n_bytes, BLOCK):
            n += count_ones(bytes_between(beginning, base, marks[mark, 0], marks[mark, 1]))
        histogram[mark] = n


@kernel(allocates=False)
def _count_words(beginning, n_bytes, counts):
    """Count words between white space by their looks."""
    words_before = dots_before = upper_carry = lower_carry = digit_carry = dot_carry = double_carry = _NONE
    word = 0  # where the word begins that ends next
    n_words = n_bytes_in_words = n_capital = n_all_capital = n_digit = n_sentences = n_ellipses = np.int64(0)
    n_long = squares = n_addresses = np.int64(0)
    for base in range(BLOCK, BLOCK + n_bytes + 1, BLOCK):
        words = bytes_between(beginning, base, 33, 255)
        upper, lower, digit = (
            bytes_between(beginning, base, 65, 90),
            bytes_between(beginning, base, 97, 122),
            bytes_between(beginning, base, 48, 57),
        )
        starts, ends = words & ~shift_in(words, words_before, 1), ends_of(words, words_before)
        n_words += count_ones(starts)
        n_bytes_in_words += count_ones(words)
        n_capital += count_ones(starts & upper)
        # In the sum the first capital of a word is not set, and those behind it are.
        with_upper, upper_carry = add_to_runs(words, upper, upper_carry)
        with_double, double_carry = add_to_runs(words, upper & with_upper, double_carry)
        with_lower, lower_carry = add_to_runs(words, lower, lower_carry)
        with_digit, digit_carry = add_to_runs(words, digit, digit_carry)
        n_all_capital += count_ones(ends & with_double & ~with_lower)
        n_digit += count_ones(ends & with_digit)
        n_sentences += count_ones(
            ends
            & (
                bytes_between(beginning, base - 1, 46, 46)
                | bytes_between(beginning, base - 1, 33, 33)
                | bytes_between(beginning, base - 1, 63, 63)
            )
        )
        # A full stop behind another one, white space between them or not.
        dots = bytes_between(beginning, base, 46, 46)
        behind = shift_in(dots, dots_before, 1)
        behind_gap, dot_carry = add_to_runs(~words, behind & ~words, dot_carry)
        n_ellipses += count_ones(dots & (behind | behind_gap))
        may_be_address = starts & (
            bytes_between(beginning, base, 104, 104)
            & bytes_between(beginning, base + 1, 116, 116)
            & bytes_between(beginning, base + 2, 116, 116)
            | bytes_between(beginning, base, 119, 119)
            & bytes_between(beginning, base + 1, 119, 119)
            & bytes_between(beginning, base + 2, 119, 119)
        )
        while may_be_address:
            at = base + count_trailing_zeros(may_be_address)
            may_be_address &= may_be_address - np.uint64(1)
            n_addresses += count_trailing_zeros(~bytes_between(beginning, at, 33, 255)) > 6
        if not words_before >> np.uint64(63):
            word = base + count_trailing_zeros(starts)
            starts &= starts - np.uint64(1)
        for _ in range(count_ones(ends)):
            length = base + count_trailing_zeros(ends) - word
            ends &= ends - np.uint64(1)
            word = base + count_trailing_zeros(starts)
            starts &= starts - np.uint64(1)
            n_long += length >= 8
            squares += length * length
        words_before, dots_before = words, dots
    counts[_WORDS], counts[_WORD_BYTES], counts[_WORD_SQUARES] = n_words, n_bytes_in_words, squares
    counts[_LONG], counts[_CAPITAL], counts[_ALL_CAPITAL], counts[_DIGIT] = (
        n_long,
        n_capital,
        n_all_capital,
        n_digit,
    )
    counts[_ADDRESS], counts[_SENTENCES], counts[_ELLIPSES] = n_addresses, n_sentences, n_ellipses


@kernel(allocates=False)
def _count_lines(beginning, n_bytes, counts):
    """Count lines by length, first and last character, white space at both ends aside."""
    line, stop = BLOCK, BLOCK + n_bytes
    for base in range(BLOCK, stop + 1, BLOCK):
        breaks = line_ends(beginning, base, stop)
        while breaks:
            begin, end = line, base + count_trailing_zeros(breaks)
            breaks &= breaks - np.uint64(1)
            line = end + 1
            first, end = trim(beginning, begin, end)
            if end == first:
                counts[_BLANK_LINES] += 1
            else:
                _count_line(end - first, beginning[first], beginning[end - 1], counts)


@kernel(allocates=False)
def _count_line(length, begin_byte, end_byte, counts):
    counts[_LINES] += 1
    counts[_LINE_BYTES] += length
    counts[_SHORT_LINES] += length < 40
    counts[_LONG_LINES] += length >= 200
    counts[_PERIOD_LINES] += end_byte == 46
    counts[_MARK_LINES] += end_byte == 33 or end_byte == 63 or end_byte == 34 or end_byte == 58
    counts[_BULLET_LINES] += (
        begin_byte == 42 or begin_byte == 45 or begin_byte == 35 or begin_byte == 226
    )  # 226 leads the UTF-8 of bullets and dashes
    counts[_CAPITAL_LINES] += 65 <= begin_byte <= 90


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
    shape[20] = np.sqrt(histogram[_UPPER] / n_bytes)
    shape[21] = np.sqrt(histogram[_DIGITS] / n_bytes)
    shape[22] = np.sqrt(histogram[_WIDE] / n_bytes)
    for i in range(_N_ALONE):
        shape[23 + i] = np.sqrt(histogram[i] / words)
    shape[36] = np.sqrt(histogram[_MONEY] / words)
    shape[37] = np.sqrt((histogram[_HASH] + histogram[_AT]) / words)
    shape[38] = np.sqrt(counts[_ELLIPSES] / words)
    shape[39] = np.sqrt(histogram[_COMPARED] + histogram[_PLUS]) / np.sqrt(words)
