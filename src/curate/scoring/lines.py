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

from curate.text.bitmaps import (
    BLOCK,
    add_to_runs,
    ends_of,
    line_ends,
    shift_in,
    stretches_of,
    take_beginning,
    trim,
)
from curate.text.kernel import kernel
from curate.text.unaligned import bytes_between, count_ones, count_trailing_zeros
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


# Bits of the beginning, in a row of `masks` for each 64 bytes: behind the end of each word, of each short one in lower
# case, of each identifier, behind each gap; symbols, digits, signs of formulas, bars.
_N_MASKS = 8
_ENDS, _SHORT, _IDENTIFIERS, _GAPS, _SYMBOL_BITS, _DIGIT_BITS, _MATHS_BITS, _BAR_BITS = range(_N_MASKS)
_NONE, _ALL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


_LOWER_BYTES = stretches_of(np.flatnonzero(_CLASSES == _LOWER).astype(np.uint8).tobytes())
_SYMBOL_BYTES, _MATHS_BYTES = stretches_of(_SYMBOLS), stretches_of(_MATHS)


def measure_lines(texts: pa.Array) -> NDArray[np.float32]:
    """Measure the lines in the first `LINES_BYTES` bytes of every document.

    Returns:
        float32 (N, len(LINES_NAMES)), finite for any text; zeros for an empty one.
    """
    data, bounds = view_utf8(texts)
    numbers = np.zeros((len(bounds) - 1, len(LINES_NAMES)), np.float32)
    sets = _LOWER_BYTES, _SYMBOL_BYTES, _MATHS_BYTES
    _measure_documents(data, bounds, _CLASSES, sets, numbers)
    return numbers


@kernel
def _measure_documents(data, bounds, classes, sets, numbers):
    beginning = np.full(LINES_BYTES + 3 * BLOCK, 32, np.uint8)
    masks = np.zeros((LINES_BYTES // BLOCK + 2, _N_MASKS), np.uint64)
    n_lines = np.zeros(7, np.int64)
    n_bytes = np.zeros(7, np.int64)
    counts = np.zeros(6, np.int64)
    for document in range(len(bounds) - 1):
        start = bounds[document]
        stop = min(bounds[document + 1], start + LINES_BYTES)
        take_beginning(data, start, stop, beginning)
        _find_masks(beginning, stop - start, sets, masks)
        n_lines[:] = 0
        n_bytes[:] = 0
        # indented lines, calls, prose after other lines, words, identifiers, short lower-case words
        counts[:] = 0
        longest, run = 0, 0
        line, stop = BLOCK, BLOCK + stop - start
        for base in range(BLOCK, stop + 1, BLOCK):
            breaks = line_ends(beginning, base, stop)
            while breaks:
                begin, end = line, base + count_trailing_zeros(breaks)
                breaks &= breaks - np.uint64(1)
                line = end + 1
                first, end = trim(beginning, begin, end)
                if end == first:
                    continue
                counts[0] += first >= begin + 2 or (first > begin and beginning[begin] == 9)
                kind = _kind_of(beginning, first, end, classes, masks, counts)
                n_lines[kind] += 1
                n_bytes[kind] += end - first
                if kind == _PROSE:
                    counts[2] += run > 0
                    run = 0
                else:
                    run += 1
                    longest = max(longest, run)
        _write_numbers(n_lines, n_bytes, counts, longest, numbers[document])


@kernel(allocates=False, inline=True)
def _any_between(beginning, base, stretches):
    bits = _NONE
    for k in range(len(stretches)):
        bits |= bytes_between(beginning, base, stretches[k, 0], stretches[k, 1])
    return bits


@kernel(allocates=False)
def _find_masks(beginning, n_bytes, sets, masks):
    """Fill `masks`: a word begins with a letter or `_`, and goes on with these, digits and `'`."""
    lower_bytes, symbol_bytes, maths_bytes = sets
    words_before = long_before = spaces_before = _NONE
    begin_carry = lower_carry = identifier_carry = other_carry = gap_carry = _NONE
    for base in range(BLOCK, BLOCK + n_bytes + 1, BLOCK):
        lower = _any_between(beginning, base, lower_bytes)
        upper, digits = bytes_between(beginning, base, 65, 90), bytes_between(beginning, base, 48, 57)
        underscores = bytes_between(beginning, base, 95, 95)
        begins = lower | upper | underscores
        may_go_on = begins | digits | bytes_between(beginning, base, 39, 39)
        # Of a run of what may go on, the word is what stands from the first byte on that may begin one.
        begun, begin_carry = add_to_runs(may_go_on, begins, begin_carry)
        words = may_go_on & ((begun ^ may_go_on) | begins)
        ends = ends_of(words, words_before)
        # A capital behind a lower-case letter of its word is not set in the sum.
        with_lower, lower_carry = add_to_runs(words, lower & words, lower_carry)
        marks = words & (underscores | (upper & ~with_lower))
        with_mark, identifier_carry = add_to_runs(words, marks, identifier_carry)
        with_other, other_carry = add_to_runs(words, words & ~lower, other_carry)
        longer = words  # the fifth byte of a word and those behind it
        for n in range(1, 5):
            longer &= shift_in(words, words_before, n)
        row = base // BLOCK - 1
        masks[row, _ENDS] = ends
        masks[row, _IDENTIFIERS] = ends & with_mark
        masks[row, _SHORT] = ends & ~with_other & ~shift_in(longer, long_before, 1)
        # A gap is a tab, or three spaces.
        spaces = bytes_between(beginning, base, 0, 32)
        wide = spaces & shift_in(spaces, spaces_before, 1) & shift_in(spaces, spaces_before, 2)
        behind_gap, gap_carry = add_to_runs(spaces, wide | bytes_between(beginning, base, 9, 9), gap_carry)
        masks[row, _GAPS] = behind_gap & ~spaces
        masks[row, _SYMBOL_BITS] = _any_between(beginning, base, symbol_bytes)
        masks[row, _DIGIT_BITS] = digits
        masks[row, _MATHS_BITS] = _any_between(beginning, base, maths_bytes)
        masks[row, _BAR_BITS] = bytes_between(beginning, base, 124, 124)
        words_before, long_before, spaces_before = words, longer, spaces


@kernel(allocates=False)
def _kind_of(data, first, end, classes, masks, counts):  # noqa: PLR0911  (a ladder of guesses)
    """Guess the kind of a line that has no white space at its ends, and count its words."""
    n_words = n_short = n_identifiers = n_gaps = np.int64(0)
    n_symbols = n_digits = n_maths = n_bars = np.int64(0)
    # Ends of words and gaps stand behind them: up to the byte behind the line, which is white space.
    low, high = (first - BLOCK) // BLOCK, (end - BLOCK) // BLOCK
    for row in range(low, high + 1):
        of_line = _ALL
        if row == low:
            of_line <<= np.uint64((first - BLOCK) % BLOCK)
        if row == high:
            of_line &= _ALL >> np.uint64(BLOCK - 1 - (end - BLOCK) % BLOCK)
        n_words += count_ones(masks[row, _ENDS] & of_line)
        n_short += count_ones(masks[row, _SHORT] & of_line)
        n_identifiers += count_ones(masks[row, _IDENTIFIERS] & of_line)
        n_gaps += count_ones(masks[row, _GAPS] & of_line)
        n_symbols += count_ones(masks[row, _SYMBOL_BITS] & of_line)
        n_digits += count_ones(masks[row, _DIGIT_BITS] & of_line)
        n_maths += count_ones(masks[row, _MATHS_BITS] & of_line)
        n_bars += count_ones(masks[row, _BAR_BITS] & of_line)
    is_behind_gap = masks[low, _GAPS] >> np.uint64((first - BLOCK) % BLOCK)
    n_gaps -= np.int64(is_behind_gap & np.uint64(1))  # an indented line
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
