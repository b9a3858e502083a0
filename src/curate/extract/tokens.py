# pyright: reportReturnType=false
"""Tags to numbers: their names, their attributes, and the words in class, id, role and itemprop values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.tags import (
    A_CLASS,
    A_HIDDEN,
    A_ID,
    A_ITEMPROP,
    A_ROLE,
    A_SELF_CLOSED,
    ATTRIBUTE_KEYS,
    ATTRIBUTE_VALUES,
    ATTRIBUTES,
    FNV_OFFSET,
    FNV_PRIME,
    LEX_IDS,
    LEX_PARTS,
    LEXICON_KEYS,
    LEXICON_VALUES,
    MASK32,
    NAME_PRIME,
    ROLE_KEYS,
    ROLE_SHIFT,
    ROLE_VALUES,
    fnv,
    look_up,
    peek,
)
from curate.text.kernel import kernel
from curate.text.unaligned import count_trailing_zeros, load64

N_TOKEN_BUCKETS = 65_536
MAX_ELEMENT_TOKENS = 16
SHORT_VALUE = 32  # bytes of an attribute value that are looked at by eight before it counts as long
MAX_TOKEN_BYTES = 512  # of one attribute value that are looked at


# Eight bytes at a time: one and the highest bit of each of them, all bits, and what brings A and what follows Z to the highest.
ONES, HIGH = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
FROM_A, PAST_Z = np.uint64(0x80 - 65) * ONES, np.uint64(0x80 - 91) * ONES
TO_LOWER = np.uint64(2)  # from the highest bit to that of 32


@kernel(allocates=False)
def mark_below(word: int, limit: int) -> int:
    """The highest bits of the bytes of a word below `limit`, at most 128; those behind the first may be wrong."""
    return (word - ONES * np.uint64(limit)) & ~word & HIGH


@kernel(allocates=False)
def mark_equal(word: int, byte: int) -> int:
    """The highest bits of the bytes of a word that are `byte`; those behind the first may be wrong."""
    return mark_below(word ^ ONES * np.uint64(byte), 1)


@kernel(allocates=False)
def read_name(html: NDArray[np.uint8], i: int) -> tuple[int, int]:
    """A tag's or attribute's name in lower case as a number (`tags.pack`), and the place after the name."""
    key = 0
    begin = i
    if i + 8 <= html.size:
        word = load64(html, i)
        ends = mark_below(word, 33) | mark_equal(word, 47) | mark_equal(word, 61) | mark_equal(word, 62)
        n = count_trailing_zeros(ends) >> 3
        if n == 0:
            return 0, i
        low = word & ~HIGH
        upper = (low + FROM_A) & ~(low + PAST_Z) & ~word & HIGH
        key = np.int64((word | upper >> TO_LOWER) & (FULL >> np.uint64(64 - 8 * n)))
        i += n
        if n < 8:
            return key, i
    while i < html.size:
        byte = np.int64(peek(html, i))
        if byte <= 32 or byte in (47, 62, 61):
            break
        if 65 <= byte <= 90:
            byte += 32
        key = key | byte << 8 * (i - begin) if i - begin < 8 else key * NAME_PRIME + byte
        i += 1
    return key, i


@kernel(allocates=False)
def find_within(html: NDArray[np.uint8], i: int, stop: int, wanted: int) -> int:
    """Where `wanted` first stands in html[i:stop], else `stop`; by eight bytes at a time, for short stretches."""
    while i + 8 <= stop:
        found = mark_equal(load64(html, i), wanted)
        if found:
            return i + (count_trailing_zeros(found) >> 3)
        i += 8
    while i < stop and peek(html, i) != wanted:
        i += 1
    return i


@kernel(allocates=False)
def find_byte(html: NDArray[np.uint8], i: int, wanted: int) -> int:
    """Where `wanted` first stands at or after `i`, else the end; by 32 bytes at a time, for long stretches."""
    n = html.size
    while i + 32 <= n:
        window = html[i : i + 32]  # whose places are never negative, so that numba asks no more
        hit = False
        for k in range(32):
            hit |= window[k] == wanted
        if hit:
            break
        i += 32
    return find_within(html, i, n, wanted)


@kernel(allocates=False)
def skip_to_tag_end(html: NDArray[np.uint8], i: int) -> int:
    """The place after the next `>` (attributes of end tags are not looked at)."""
    while i < html.size and peek(html, i) != 62:
        i += 1
    return i + 1


# The array of attributes goes on with their number and the rows that they are in, so that the next tag clears no others.
R_COUNT = len(ATTRIBUTES)
N_ATTRIBUTE_ROWS = 2 * R_COUNT + 1


@kernel(allocates=False)
def clear_attributes(attributes: NDArray[np.int64]) -> None:
    """Make an array of N_ATTRIBUTE_ROWS ready for `read_attributes`."""
    attributes[:] = -1
    attributes[R_COUNT, 0] = 0


@kernel(embed=True, allocates=False)
def read_attributes(html: NDArray[np.uint8], i: int, attributes: NDArray[np.int64]) -> int:
    """Read a start tag's attributes from the end of its name; return the place after its `>`.

    attributes[a] becomes the span (start, end) of the value of attribute `a`, (-1, -1) where it is absent;
    A_SELF_CLOSED the place of a slash before the `>`. A page that ends within a tag gives a place past its end.
    """
    for k in range(attributes[R_COUNT, 0]):
        attributes[attributes[R_COUNT + 1 + k, 0]] = -1
    attributes[R_COUNT, 0] = 0
    n = html.size
    slash = -1
    while i < n:
        byte = peek(html, i)
        if byte == 62:
            if html[i - 1] == 47 and slash == i - 1:
                _note(attributes, A_SELF_CLOSED, slash, slash)
            return i + 1
        if byte <= 32 or byte == 47:
            if byte == 47:
                slash = i
            i += 1
            continue
        begin = i
        key, i = read_name(html, i)
        if i == begin:  # a stray '='
            i += 1
            continue
        while i < n and peek(html, i) <= 32:
            i += 1
        start = end = i
        if i < n and peek(html, i) == 61:
            start, end, i = _read_value(html, i + 1)
        row = look_up(key, ATTRIBUTE_KEYS, ATTRIBUTE_VALUES) - 1
        if row >= 0 and attributes[row, 0] < 0:
            _note(attributes, row, start, end)
    return n + 1


@kernel(allocates=False)
def _note(attributes: NDArray[np.int64], row: int, start: int, end: int) -> None:
    attributes[row, 0] = start
    attributes[row, 1] = end
    n = attributes[R_COUNT, 0]
    attributes[R_COUNT + 1 + n, 0] = row
    attributes[R_COUNT, 0] = n + 1


@kernel(embed=True, allocates=False)
def _read_value(html: NDArray[np.uint8], i: int) -> tuple[int, int, int]:
    """An attribute's value after its `=`: (start, end, the place after it)."""
    n = html.size
    while i < n and peek(html, i) <= 32:
        i += 1
    if i < n and peek(html, i) in (34, 39):
        quote = html[i]
        i += 1
        start = i
        stop = min(i + SHORT_VALUE, n)
        i = find_within(html, i, stop, quote)
        if i == stop:
            i = find_byte(html, i, quote)
        return start, i, i + 1
    start = i
    while i < n and peek(html, i) > 32 and peek(html, i) != 62:
        i += 1
    return start, i, i


@kernel(allocates=False)
def value_has(html: NDArray[np.uint8], span: NDArray[np.int64], wanted: NDArray[np.uint8]) -> bool:
    """Whether an attribute's value holds `wanted` (lower case), whatever its case and without its blanks."""
    start, end = span
    matched = 0
    for i in range(start, min(end, start + 256)):
        byte = html[i]
        if byte <= 32:
            continue
        if 65 <= byte <= 90:
            byte += np.uint8(32)
        if byte == wanted[matched]:
            matched += 1
            if matched == wanted.size:
                return True
        else:
            matched = 1 if byte == wanted[0] else 0
    return False


TRUE = np.frombuffer(b"true", dtype=np.uint8)
# What a style says of an element: bits.
STYLE_NONE, STYLE_INVISIBLE, STYLE_PRE, STYLE_WRAP, STYLE_BLOCK = 1, 2, 4, 8, 16
N_DISPLAY, N_VISIBILITY, N_WHITE_SPACE = (fnv(name) for name in ("display", "visibility", "white-space"))
V_NONE, V_HIDDEN, V_PRE, V_BLOCK = (fnv(value) for value in ("none", "hidden", "pre", "block"))
V_PRE_WRAP, V_BREAK_SPACES, V_PRE_LINE = (fnv(value) for value in ("pre-wrap", "break-spaces", "pre-line"))
MAX_STYLE_BYTES = 1024


@kernel(allocates=False)
def read_style(html: NDArray[np.uint8], span: NDArray[np.int64]) -> int:
    """The bits of the declarations in a style; names and values that merely end or begin like them say nothing."""
    i, bits, name, value = span[0], 0, 0, FNV_OFFSET
    end = min(span[1], i + MAX_STYLE_BYTES)
    nested, quote, important = 0, np.uint8(0), False
    while i <= end:
        byte = html[i] if i < end else np.uint8(59)
        i += 1
        if i <= end and quote:
            quote = np.uint8(0) if byte == quote else quote
        elif byte in (34, 39) and i <= end:
            quote = byte
            value = value * FNV_PRIME & MASK32  # a value in quotes is none of ours
        elif byte == 40:
            nested += 1
        elif byte == 41 and nested:
            nested -= 1
        elif (byte == 59 and not nested) or i > end:
            if name == N_DISPLAY:
                bits = bits & ~(STYLE_NONE | STYLE_BLOCK) | STYLE_NONE * (value == V_NONE)
                bits |= STYLE_BLOCK * (value == V_BLOCK)
            elif name == N_VISIBILITY:
                bits = bits & ~STYLE_INVISIBLE | STYLE_INVISIBLE * (value == V_HIDDEN)
            elif name == N_WHITE_SPACE:
                bits = bits & ~(STYLE_PRE | STYLE_WRAP) | STYLE_PRE * (value == V_PRE)
                bits |= STYLE_WRAP * (value in (V_PRE_WRAP, V_BREAK_SPACES, V_PRE_LINE))
            name, value, important = 0, FNV_OFFSET, False
        elif byte == 58 and name == 0 and not nested:
            name, value = value, FNV_OFFSET
        elif byte == 33 and name:
            important = True
        elif byte > 32 and not nested and not important:
            low = np.int64(byte) + 32 if 65 <= byte <= 90 else np.int64(byte)
            value = (value ^ low) * FNV_PRIME & MASK32
    return bits


UNTIL_FOUND = np.frombuffer(b"until-found", dtype=np.uint8)


@kernel(allocates=False)
def is_hidden(html: NDArray[np.uint8], attributes: NDArray[np.int64], style: int) -> bool:
    """Whether the attribute `hidden` or a style of `display:none` hides an element.

    What a server sends ahead for a script to show (`<div hidden id="S:1">`) is text, and so is `until-found`.
    """
    if attributes[A_HIDDEN, 0] >= 0:
        start, end = attributes[A_ID]
        if end > start + 2 and html[start] == 83 and html[start + 1] == 58:
            return False
        return not value_has(html, attributes[A_HIDDEN], UNTIL_FOUND)
    return style & STYLE_NONE != 0


@kernel(allocates=False)
def _add_bucket(tokens: NDArray[np.int32], n: int, begin: int, value: int) -> int:
    if n < tokens.size and n - begin < MAX_ELEMENT_TOKENS:
        tokens[n] = (value ^ (value >> 16)) & (N_TOKEN_BUCKETS - 1)
        return n + 1
    return n


@kernel(allocates=False)
def read_lexicon(html: NDArray[np.uint8], attributes: NDArray[np.int64]) -> int:
    """The lexicon bits of whole words of class and id: all that matters of an element that is no block."""
    bits = 0
    for row in (A_CLASS, A_ID):
        start = attributes[row, 0]
        if start < 0:
            continue
        hashed = FNV_OFFSET
        end = min(attributes[row, 1], start + MAX_TOKEN_BYTES)
        for i in range(start, end + 1):
            byte = np.int64(peek(html, i)) if i < end else 32
            if byte > 32:
                hashed = (hashed ^ (byte + 32 if 65 <= byte <= 90 else byte)) * FNV_PRIME & MASK32
            elif hashed != FNV_OFFSET:
                found = look_up(hashed, LEXICON_KEYS, LEXICON_VALUES)
                bits |= found if row == A_CLASS else found & LEX_IDS
                hashed = FNV_OFFSET
    return bits


@kernel(embed=True, allocates=False)
def read_tokens(
    html: NDArray[np.uint8], attributes: NDArray[np.int64], tokens: NDArray[np.int32], n: int
) -> tuple[int, int]:
    """Hash the words of class, id, role and itemprop into tokens[n:]; return (the new n, lexicon bits and role).

    A word counts whole and by its parts: `entryContent-12` gives entrycontent, entry and content. Digits are
    left out. Role and itemprop words are told apart from class words.
    """
    begin = n
    bits = 0
    for row in (A_CLASS, A_ID, A_ROLE, A_ITEMPROP):
        start = attributes[row, 0]
        if start < 0:
            continue
        seed = FNV_OFFSET if row in (A_CLASS, A_ID) else FNV_OFFSET ^ (row * 0x9E37)
        whole = part = seed
        n_parts = 0
        before = 0
        lexical = FNV_OFFSET
        end = min(attributes[row, 1], start + MAX_TOKEN_BYTES)
        for i in range(start, end + 1):
            byte = np.int64(peek(html, i)) if i < end else 32
            upper = 65 <= byte <= 90
            low = byte + 32 if upper else byte
            letter = 97 <= low <= 122 or byte >= 128
            if part != seed and (not letter or (upper and not 65 <= before <= 90)):
                n = _add_bucket(tokens, n, begin, part)
                bits |= look_up(part, LEXICON_KEYS, LEXICON_VALUES) & LEX_PARTS if seed == FNV_OFFSET else 0
                part = seed
                n_parts += 1
            if byte <= 32:
                if n_parts > 1:
                    n = _add_bucket(tokens, n, begin, whole)
                if lexical != FNV_OFFSET and row == A_ROLE:
                    if bits >> ROLE_SHIFT == 0:  # the first role that is known counts
                        bits |= look_up(lexical, ROLE_KEYS, ROLE_VALUES) << ROLE_SHIFT
                elif lexical != FNV_OFFSET:
                    found = look_up(lexical, LEXICON_KEYS, LEXICON_VALUES)
                    bits |= found if row == A_CLASS else found & LEX_IDS
                whole = part = seed
                lexical = FNV_OFFSET
                n_parts = 0
            else:
                lexical = (lexical ^ low) * FNV_PRIME & MASK32
                if letter:
                    part = (part ^ low) * FNV_PRIME & MASK32
                    whole = (whole ^ low) * FNV_PRIME & MASK32
            before = byte
    return n, bits
