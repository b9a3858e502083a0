# ruff: noqa: ANN001, ANN202, PLR1714  (numba infers the types of kernels, takes no keywords, is slow at sets)
"""What kinds of lines a page's beginning is made of: prose, programs, formulas, tables, lists, headings.

A manual page and a tutorial share their words, and an index shares them with its textbook; what parts them is how
much of either is sentences, and how the rest is mixed in. Measured, like the shape, on the first `LINES_BYTES` bytes,
by bytes alone. A line's kind is a guess from its look, good enough for a feature of a model and for nothing else.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.words import view_utf8

LINES_VERSION = 1
LINES_BYTES = 2000

LINE_KINDS = ("prose", "program", "formula", "table", "list", "heading", "other")
_PROSE, _PROGRAM, _FORMULA, _TABLE, _LIST, _HEADING, _OTHER = range(len(LINE_KINDS))

LINES_NAMES = (
    # square roots of shares of lines, then of bytes
    *(f"{kind}_lines" for kind in LINE_KINDS),
    *(f"{kind}_bytes" for kind in LINE_KINDS),
    # square roots of shares of lines
    "indented_lines", "call_lines", "prose_after_other_lines",
    # logarithm of a count of lines
    "longest_run_without_prose",
    # square roots of shares of words
    "identifiers", "short_lower_words",
)  # fmt: skip

# Bytes by what they stand for in a line. Bytes of other scripts count as letters.
_SPACE, _LOWER, _UPPER, _DIGIT, _SYMBOL, _MARK = range(6)
_SYMBOLS = b'{}()[]<>=;:+*/\\|&^%$#@_~`"'
_MATHS = b"=+-*/^<>"


def _classify_bytes() -> NDArray[np.uint8]:
    table = np.full(256, _LOWER, np.uint8)
    table[:33] = _SPACE
    table[33:127] = _MARK
    table[ord("a") : ord("z") + 1] = _LOWER
    table[ord("A") : ord("Z") + 1] = _UPPER
    table[ord("0") : ord("9") + 1] = _DIGIT
    table[np.frombuffer(_SYMBOLS, np.uint8)] = _SYMBOL
    return table


_CLASSES = _classify_bytes()
_IS_MATHS = np.zeros(256, np.bool_)
_IS_MATHS[np.frombuffer(_MATHS, np.uint8)] = True


# What a byte is in a word, for `_TRAITS`: it may begin one, go on in one, is lower case, upper case, `_`; or white space, a tab.
_BEGINS, _GOES_ON, _IS_LOWER, _IS_UPPER, _IS_UNDERSCORE, _IS_SPACE, _IS_TAB = (1 << bit for bit in range(7))


def _tell_traits() -> NDArray[np.uint8]:
    is_letter = (_CLASSES == _LOWER) | (_CLASSES == _UPPER)
    traits = np.where(is_letter, _BEGINS | _GOES_ON, 0) | np.where(_CLASSES == _LOWER, _IS_LOWER, 0)
    traits |= np.where(_CLASSES == _UPPER, _IS_UPPER, 0) | np.where(_CLASSES == _SPACE, _IS_SPACE, 0)
    traits[ord("_")] |= _BEGINS | _GOES_ON | _IS_UNDERSCORE
    traits[(_CLASSES == _DIGIT) | (np.arange(256) == ord("'"))] |= _GOES_ON
    traits[9] |= _IS_TAB
    return traits.astype(np.uint8)


_TRAITS = _tell_traits()
# Four counters of sixteen bits in one number, which holds `LINES_BYTES` of each: symbols, digits, signs of formulas, bars.
_COUNTED = sum(
    np.where(mask, np.uint64(1 << 16 * k), np.uint64(0))
    for k, mask in enumerate((_CLASSES == _SYMBOL, _CLASSES == _DIGIT, _IS_MATHS, np.arange(256) == ord("|")))
)


def measure_lines(texts: pa.Array) -> NDArray[np.float32]:
    """Measure the lines in the first `LINES_BYTES` bytes of every document.

    Returns:
        float32 (N, len(LINES_NAMES)), finite for any text; zeros for an empty one.
    """
    data, bounds = view_utf8(texts)
    numbers = np.zeros((len(bounds) - 1, len(LINES_NAMES)), np.float32)
    _measure_documents(data, bounds, _CLASSES, _TRAITS, _COUNTED, numbers)
    return numbers


@kernel
def _measure_documents(data, bounds, classes, traits, counted, numbers):
    n_lines = np.zeros(7, np.int64)
    n_bytes = np.zeros(7, np.int64)
    counts = np.zeros(6, np.int64)
    for document in range(len(bounds) - 1):
        start = bounds[document]
        stop = min(bounds[document + 1], start + LINES_BYTES)
        n_lines[:] = 0
        n_bytes[:] = 0
        # indented lines, calls, prose after other lines, words, identifiers, short lower-case words
        counts[:] = 0
        longest, run = 0, 0
        line = start
        for i in range(start, stop + 1):
            if i < stop and data[i] != 10:
                continue
            begin, first, end = line, line, i
            line = i + 1
            while first < end and data[first] <= 32:
                first += 1
            while end > first and data[end - 1] <= 32:
                end -= 1
            if end == first:
                continue
            counts[0] += first >= begin + 2 or (first > begin and data[begin] == 9)
            kind = _kind_of(data, first, end, classes, traits, counted, counts)
            n_lines[kind] += 1
            n_bytes[kind] += end - first
            if kind == _PROSE:
                counts[2] += run > 0
                run = 0
            else:
                run += 1
                longest = max(longest, run)
        _write_numbers(n_lines, n_bytes, counts, longest, numbers[document])


@kernel(allocates=False)
def _kind_of(data, first, end, classes, traits, counted, counts):  # noqa: PLR0911  (a ladder of guesses)
    """Guess the kind of a line that has no white space at its ends, and count its words."""
    sums = np.uint64(0)
    n_gaps, n_words, n_short, n_identifiers = 0, 0, 0, 0
    spaces = 0
    i = first
    while i < end:
        trait = traits[data[i]]
        if trait & _IS_SPACE:
            spaces = 3 if trait & _IS_TAB else spaces + 1
            i += 1
            continue
        n_gaps += spaces >= 3
        spaces = 0
        if not trait & _BEGINS:
            sums += counted[data[i]]
            i += 1
            continue
        word, n_lower = i, 0
        is_identifier = np.uint8(0)
        while trait & _GOES_ON:
            sums += counted[data[i]]
            is_identifier |= (trait & _IS_UNDERSCORE) | (trait & _IS_UPPER if n_lower else np.uint8(0))
            n_lower += (trait & _IS_LOWER) != 0
            i += 1
            if i == end:
                break
            trait = traits[data[i]]
        n_words += 1
        n_short += (i - word <= 4) & (n_lower == i - word)
        n_identifiers += is_identifier != 0
    n_symbols, n_digits, n_maths, n_bars = (
        np.int64(sums & np.uint64(0xFFFF)),
        np.int64(sums >> np.uint64(16) & np.uint64(0xFFFF)),
        np.int64(sums >> np.uint64(32) & np.uint64(0xFFFF)),
        np.int64(sums >> np.uint64(48)),
    )
    counts[3] += n_words
    counts[4] += n_identifiers
    counts[5] += n_short
    size = end - first
    last = data[end - 1]
    is_call = (
        classes[data[first]] != _SYMBOL
        and (last == 41 or last == 58 or last == 59 or last == 93)
        and n_symbols >= 2
        and n_short * 4 < n_words
    )
    counts[1] += is_call
    begins_prompt = size >= 3 and (
        (data[first] == 62 and data[first + 1] == 62 and data[first + 2] == 62)
        or ((data[first] == 36 or data[first] == 35) and data[first + 1] == 32)
    )
    if n_words >= 8 and n_short * 5 >= n_words and n_symbols * 12 < size:
        return _PROSE
    if n_maths >= 1 and (n_digits + n_maths) * 4 > size and not begins_prompt:
        return _FORMULA
    if (
        begins_prompt
        or (last == 59 or last == 123 or last == 125)
        or (n_symbols * 8 >= size and n_short * 6 <= max(n_words, 1))
    ):
        return _PROGRAM
    if n_digits * 10 > size * 3 or n_bars >= 2 or n_gaps >= 1:
        return _TABLE
    if _begins_item(data, first, end):
        return _LIST
    if n_words <= 10 and not (
        last == 44 or last == 46 or last == 58 or last == 59 or last == 33 or last == 63
    ):
        return _HEADING
    return (
        _PROSE
        if n_words >= 5 and (last == 46 or last == 33 or last == 63) and n_symbols * 12 < size
        else _OTHER
    )


@kernel(allocates=False)
def _begins_item(data, first, end):
    """Whether a line begins with a bullet or a number with a dot or bracket behind it."""
    byte = data[first]
    if (byte == 42 or byte == 45) and end - first > 1 and data[first + 1] == 32:
        return True
    if byte == 0xE2 and end - first > 3 and data[first + 3] == 32:
        return True
    i = first + (byte == 40)
    begin = i
    while i < end and i - begin < 3 and 48 <= data[i] <= 57:
        i += 1
    if i == begin and i < end and 97 <= data[i] <= 122:
        i += 1
    return i > begin and i + 1 < end and (data[i] == 46 or data[i] == 41) and data[i + 1] == 32


@kernel(allocates=False)
def _write_numbers(n_lines, n_bytes, counts, longest, numbers):
    """Turn counts into the numbers named by `LINES_NAMES`."""
    lines = np.float64(max(n_lines.sum(), 1))
    size = np.float64(max(n_bytes.sum(), 1))
    words = np.float64(max(counts[3], 1))
    for kind in range(7):
        numbers[kind] = np.sqrt(n_lines[kind] / lines)
        numbers[7 + kind] = np.sqrt(n_bytes[kind] / size)
    for k in range(3):
        numbers[14 + k] = np.sqrt(counts[k] / lines)
    numbers[17] = np.log1p(np.float64(longest))
    numbers[18] = np.sqrt(counts[4] / words)
    numbers[19] = np.sqrt(counts[5] / words)
