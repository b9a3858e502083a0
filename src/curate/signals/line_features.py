"""Counts about one line that tell its kind: characters, words, how it begins and how it ends.

Only the first `MAX_LINE_BYTES` of a line are read, so that a line costs the same however long it is, and every
count fits into a byte: a character adds to sixteen counters at once, packed into two words.
"""

# ruff: noqa: ANN001, ANN201, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.utf8 import ALL_BITS, LOWER_CASE_BITS, load

MAX_LINE_BYTES = 140
MAX_INDENT = 8  # columns

_COUNTED = (  # what the sixteen counters count: ASCII characters, and bytes of wide ones by their first
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " \t", ".", ",", ":", "?!",
    "()", "[]{}", "=<>+*^%~", "_\\@$#&|;`", "-", "'\"", "/", "",
)  # fmt: skip
_WIDE = 15

IS_LOWER, IS_UPPER, IS_DIGIT, IS_CODE, IS_WIDE, IS_DOT, IS_OTHER, IS_SPECIAL = 1, 2, 4, 8, 16, 32, 64, 128

WORD_LISTS = (
    # Function words: prose.
    ("the a an of to in is are was were be been being have has had that this these those which it its and or but for "
    "with on as at by from not can could will would should may might must if when while we you they he she i their "
    "our your his her my there then than so such because also into about more most other some any each between no "
    "do does did who whose where after before only very just how what why all both many much them us him"),
    # Words of program text and of commands.
    ("def return import class int void const let var function public private static else elif null none true false "
    "self this struct char float double bool print printf include define fn mut impl enum sudo pip npm git cd ls echo "
    "export async await throw catch try except raise lambda yield unsigned long string println console namespace "
    "template typedef endif usr bin std foreach select insert into values varchar"),
    # Words of menus, forms and notices.
    ("login register subscrib cookie cookies copyrigh reserved privacy policy terms share tweet facebook twitter "
    "pinteres linkedin instagra email print reply comment comments home contact next previous prev menu search "
    "newslett download cart checkout wishlist sitemap rss follow click advertis sponsor loading skip browser powered "
    "logged account password username inbox submit required widget plugin"),
    # Words of data about a page.
    ("posted by author publishe updated date january february march april june july august septembe october november "
    "december monday tuesday wednesd thursday friday saturday sunday am pm version license isbn price edited views "
    "jan feb mar apr jun jul aug sep oct nov dec says photo ago"),
    # Words that exercises and steps begin with.
    ("find explain calculat solve describe use write determin compute evaluate graph list draw show identify name "
    "suppose consider compare discuss give state simplify step prove estimate construc"),
    # Words of headings.
    ("chapter section example examples introdu introduc overview summary review question exercise key figure table note "
    "descript usage syntax paramete returns solution learning objectiv contents appendix referenc synopsis options "
    "notes conclusi backgrou method methods results activity problem problems answer answers lesson unit part"),
)  # fmt: skip
N_LISTS = len(WORD_LISTS)
_N_SLOTS = 2048

FEATURES = (
    "bias", "chars", "chars_long", "indented", "indent", "words", "mean_word", "longest_word",
    "lower", "upper", "digits", "spaces", "dots", "commas", "colons", "questions", "parentheses", "brackets",
    "operators", "code_marks", "hyphens", "quotes", "slashes", "wide", "maths", "tabs", "gaps", "no_break",
    "title_words", "upper_words", "plain_words", "number_words", "identifiers", "camels", "marks_alone",
    "function_words", "program_words", "furniture_words", "meta_words", "task_words", "heading_words",
    "first_function", "first_program", "first_furniture", "first_meta", "first_task", "first_heading",
    "has_function", "starts_bullet", "starts_number", "starts_letter", "starts_section", "starts_prompt", "starts_comment",
    "starts_upper", "starts_lower", "starts_digit", "starts_mark",
    "ends_sentence", "ends_colon", "ends_comma", "ends_code", "ends_bracket", "ends_letter", "ends_digit", "ends_dots",
    "cut", "one_word", "few_words", "balanced_call", "holds_assign",
)  # fmt: skip
N_FEATURES = len(FEATURES)


class Tables(NamedTuple):
    """What the kernel looks up: per byte its counter (two packed words) and its bits; listed words by their bytes."""

    low: NDArray[np.uint64]
    high: NDArray[np.uint64]
    bits: NDArray[np.uint8]
    keys: NDArray[np.uint64]
    lists: NDArray[np.uint8]
    logarithms: NDArray[np.float32]  # log2, of 0 to 255


@cache
def load_tables() -> Tables:
    """Build the tables, once in a process."""
    packed, bits = np.zeros((2, 256), np.uint64), np.full(256, IS_OTHER, np.uint8)
    for counter, characters in enumerate(_COUNTED):
        for byte in characters.encode():
            packed[counter // 8, byte] = 1 << 8 * (counter % 8)
    packed[1, 0xC0:] = 1 << 8 * (_WIDE % 8)
    for marks, bit in (
        (_COUNTED[0], IS_LOWER),
        (_COUNTED[1], IS_UPPER),
        (_COUNTED[2], IS_DIGIT),
        (".", IS_DOT),
    ):
        bits[list(marks.encode())] = bit
    bits[list(b"=<>+*^%~_\\@$#&|;`/(){}[]:")] = IS_CODE
    bits[0x80:] = IS_WIDE
    bits[:0x21] = 0
    bits[0x80:] |= IS_SPECIAL
    bits[list(b"=(")] |= IS_SPECIAL
    keys, lists = np.zeros(_N_SLOTS, np.uint64), np.zeros(_N_SLOTS, np.uint8)
    for number, words in enumerate(WORD_LISTS, 1):
        for word in words.split():
            key = int.from_bytes(word.encode()[:8], "little")
            slot = (key * int(GOLDEN) & (2**64 - 1)) >> 53
            while keys[slot] not in (0, key):
                slot = (slot + 1) % _N_SLOTS
            if not lists[slot]:  # the first list that names a word has it
                keys[slot], lists[slot] = key, number
    logarithms = np.log2(np.maximum(np.arange(256), 1)).astype(np.float32)
    return Tables(packed[0], packed[1], bits, keys, lists, logarithms)


@kernel(inline=True)
def _list_of(data, start, end, tables):
    """The number of the list that names a word, by its first eight letters in any case; 0 for none."""
    length = end - start
    key = load(data, start, length) | (LOWER_CASE_BITS & (ALL_BITS >> np.uint64(64 - 8 * min(length, 8))))
    slot = np.int64((key * GOLDEN) >> np.uint64(53))
    while tables.lists[slot]:
        if tables.keys[slot] == key:
            return np.int64(tables.lists[slot])
        slot = (slot + 1) & (_N_SLOTS - 1)
    return np.int64(0)


@kernel(inline=True)
def _is_maths(data, i, stop):
    """Whether the wide character at `i` is one of mathematics: Greek, an operator, an arrow, a raised digit."""
    lead = data[i]
    if lead in (0xCE, 0xCF):
        return True
    if i + 1 >= stop:
        return False
    second = data[i + 1]
    if lead == 0xE2:
        return 0x81 <= second <= 0x8B or second in (0x9F, 0xA6, 0xA7, 0xA8, 0xA9)
    if lead == 0xC2:
        return second in (0xB0, 0xB1, 0xB2, 0xB3, 0xB9)
    return lead == 0xC3 and second in (0x97, 0xB7)


@kernel(allocates=False)
def measure_line(data, line_start, start, line_end, tables, in_lists, row):  # noqa: PLR0912, PLR0915 - one walk, no calls
    """Fill one row of features, all of them small numbers, most within [0, 1].

    Args:
        data: uint8, the buffer.
        line_start: where the line begins.
        start: its first byte that is not white space.
        line_end: behind its last byte that is not white space; above `start`.
        tables: those of `load_tables`.
        in_lists: int64 (N_LISTS + 1,), scratch.
        row: float32 (N_FEATURES,).
    """
    row[:] = np.float32(0)
    stop = min(line_end, start + MAX_LINE_BYTES)
    low = high = np.uint64(0)
    n_words = n_title = n_upper = n_plain = n_number = n_identifiers = n_camels = n_marks = 0
    n_maths = n_tabs = n_gaps = n_no_break = n_inner = longest = first_list = 0
    in_lists[:] = 0
    holds_assign = holds_call = False
    i = start
    while i < stop:
        byte = data[i]
        if byte <= 32:
            low += tables.low[byte]
            n_tabs += byte == 9
            n_gaps += data[i - 1] <= 32
            i += 1
            continue
        word = i
        first_bits = np.int64(tables.bits[byte])
        every_bits = inner_bits = behind_first = np.int64(0)
        bits = first_bits
        while byte > 32:
            low += tables.low[byte]
            high += tables.high[byte]
            if bits & IS_SPECIAL:
                if byte >= 0x80:
                    n_inner += byte < 0xC0
                    n_maths += byte >= 0xC0 and _is_maths(data, i, stop)
                    n_no_break += byte == 0xC2 and i + 1 < stop and data[i + 1] == 0xA0
                elif byte == 0x3D:
                    holds_assign |= i > start and data[i - 1] in (32, 58, 43, 45)
                else:
                    holds_call |= (
                        i > start and tables.bits[data[i - 1]] & (IS_LOWER | IS_UPPER | IS_DIGIT) != 0
                    )
            i += 1
            inner_bits = every_bits
            every_bits |= bits & behind_first
            behind_first = np.int64(-1)
            if i == stop:
                break
            byte = data[i]
            bits = np.int64(tables.bits[byte])
        length = i - word
        n_words += 1
        longest = max(longest, length)
        rest = every_bits & ~IS_SPECIAL  # of all bytes but the first
        inner_bits &= ~IS_SPECIAL  # of all but the first and the last
        first_bits &= ~IS_SPECIAL
        every = first_bits | rest
        if not every & (IS_LOWER | IS_UPPER):
            n_number += (every & IS_DIGIT) != 0
            n_marks += (every & (IS_DIGIT | IS_WIDE)) == 0
            continue
        n_title += (first_bits == IS_UPPER) & ((rest & IS_UPPER) == 0)
        n_upper += ((every & IS_LOWER) == 0) & (length > 1)
        n_plain += (first_bits == IS_LOWER) & ((inner_bits & ~(IS_LOWER | IS_WIDE)) == 0)
        n_camels += ((rest & IS_UPPER) != 0) & ((every & IS_LOWER) != 0)
        n_identifiers += ((inner_bits & (IS_CODE | IS_DOT)) != 0) | ((first_bits & (IS_CODE | IS_DOT)) != 0)
        first, end = word, i
        while first < end and tables.bits[data[first]] & (IS_OTHER | IS_CODE):
            first += 1
        while end > first and tables.bits[data[end - 1]] & (IS_OTHER | IS_CODE | IS_DOT):
            end -= 1
        if end > first:
            listed = _list_of(data, first, end, tables)
            in_lists[listed] += 1
            if n_words == 1:
                first_list = listed
    n_bytes = stop - start
    n_chars = max(n_bytes - n_inner, 1)
    share = np.float32(1.0 / n_chars)
    per_word = np.float32(1.0 / max(n_words, 1))
    indent = 0
    for i in range(line_start, start):
        indent += 4 if data[i] == 9 else 1
    row[0] = 1
    row[1] = tables.logarithms[n_chars] / 8
    row[2] = min(n_chars, 120) / 120
    row[3] = indent > 0
    row[4] = min(indent, MAX_INDENT) / MAX_INDENT
    row[5] = tables.logarithms[1 + n_words] / 5
    row[6] = min(n_chars * per_word, 16) / 16
    row[7] = min(longest, 32) / 32
    for j in range(8):
        row[8 + j] = np.float32((low >> np.uint64(8 * j)) & np.uint64(0xFF)) * share
        row[16 + j] = np.float32((high >> np.uint64(8 * j)) & np.uint64(0xFF)) * share
    row[24] = min(n_maths * share * 4, 1)
    row[25] = min(n_tabs, 4) / 4
    row[26] = min(n_gaps, 8) / 8
    row[27] = min(n_no_break, 4) / 4
    row[28], row[29], row[30], row[31] = (
        n_title * per_word,
        n_upper * per_word,
        n_plain * per_word,
        n_number * per_word,
    )
    row[32], row[33], row[34] = n_identifiers * per_word, n_camels * per_word, n_marks * per_word
    for j in range(1, N_LISTS + 1):
        row[34 + j] = in_lists[j] * per_word
        row[40 + j] = first_list == j
    row[47] = in_lists[1] > 0
    _measure_edges(data, start, stop, tables, row)
    row[66] = stop < line_end or n_bytes >= MAX_LINE_BYTES - 4
    row[67] = n_words == 1
    row[68] = 2 <= n_words <= 5
    row[69] = holds_call
    row[70] = holds_assign


@kernel(allocates=False)
def _measure_edges(data, start, stop, tables, row):
    """How a line begins and ends: rows 48 to 65."""
    byte = data[start]
    bits = np.int64(tables.bits[byte]) & ~IS_SPECIAL
    second = data[start + 1] if start + 1 < stop else np.uint8(0)
    third = data[start + 2] if start + 2 < stop else np.uint8(0)
    is_bullet = byte in (0x2D, 0x2A, 0x6F) and second == 32
    is_bullet |= byte == 0xE2 and (
        (second == 0x80 and third in (0xA2, 0x93, 0x94, 0xA3)) or second in (0x96, 0x97)
    )
    is_bullet |= byte == 0xC2 and second == 0xB7
    i = start
    while i < stop and i < start + 3 and 0x30 <= data[i] <= 0x39:
        i += 1
    closes = i < stop and data[i] in (0x2E, 0x29)
    is_section = i > start and closes and i + 1 < stop and 0x30 <= data[i + 1] <= 0x39
    row[48] = is_bullet
    row[49] = i > start and closes and not is_section
    row[50] = (bits & (IS_LOWER | IS_UPPER) and second in (0x29, 0x2E) and third == 32) or (
        byte == 0x28 and third == 0x29
    )
    row[51] = is_section
    row[52] = (
        (byte == 0x3E and second == 0x3E)
        or (byte == 0x24 and second == 32)
        or (byte == 0x2E and second == 0x2E and third == 0x2E)
    )
    row[53] = byte == 0x23 or (byte == 0x2F and second in (0x2F, 0x2A)) or (byte == 0x2D and second == 0x2D)
    row[54] = bits == IS_UPPER
    row[55] = bits == IS_LOWER
    row[56] = bits == IS_DIGIT
    row[57] = (bits & (IS_CODE | IS_OTHER | IS_DOT)) != 0
    last = data[stop - 1]
    if stop - start > 1 and last in (0x29, 0x22, 0x27) and data[stop - 2] in (0x2E, 0x3F, 0x21):
        last = data[stop - 2]
    elif stop - start > 3 and last == 0x9D and data[stop - 4] in (0x2E, 0x3F, 0x21):
        last = data[stop - 4]
    bits = np.int64(tables.bits[last]) & ~IS_SPECIAL
    row[58] = last in (0x2E, 0x3F, 0x21)
    row[59] = last == 0x3A
    row[60] = last == 0x2C
    row[61] = last in (0x3B, 0x7B, 0x7D, 0x5C)
    row[62] = last in (0x29, 0x5D, 0x3E)
    row[63] = (bits & (IS_LOWER | IS_UPPER)) != 0
    row[64] = bits == IS_DIGIT
    row[65] = last == 0x2E and stop - start > 2 and data[stop - 2] == 0x2E
