# ruff: noqa: ANN001, ANN201, ANN202  (numba infers the types of kernels)
"""Cuts texts into the pieces of GPT-2's pattern: contractions, letters, numbers, other signs, white space."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel

OTHER, LETTER, NUMBER, SPACE = 0, 1, 2, 3
"""Classes of code points."""

_PLANES = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xE0200))
"""Where letters, numbers and white space can be; other code points are unassigned or for private use."""


@cache
def load_byte_classes() -> NDArray[np.uint8]:
    """Class of every code point, asked of `tokenizers`: its Unicode is not that of this Python (0.5 s)."""
    from tokenizers import Regex, pre_tokenizers

    points = np.concatenate([np.array(plane) for plane in _PLANES])
    text = "".join(map(chr, points.tolist()))
    classes = np.zeros(0x110000, np.uint8)
    for number, pattern in ((LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (SPACE, r"\s+")):
        is_in = np.ones(len(points), np.bool_)
        for _, (begin, end) in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text):
            is_in[begin:end] = False
        classes[points[is_in]] = number
    return classes


@kernel
def piece_end(data, position, end, classes):
    r"""Where the piece that begins at `position` ends, by GPT-2's pattern (Radford et al., 2019).

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    """
    first = data[position]
    if first == ord("'"):
        n = _contraction(data, position, end)
        if n:
            return position + n
    begin = position
    kind, size = _classify(data, position, end, classes)
    if first == ord(" ") and position + 1 < end:
        next_kind, next_size = _classify(data, position + 1, end, classes)
        if next_kind != SPACE:
            kind, size, begin = next_kind, next_size, position + 1
    at, last = begin + size, begin
    while at < end:
        next_kind, size = _classify(data, at, end, classes)
        if next_kind != kind:
            break
        last = at
        at += size
    # The last white space before a word goes to the word, or stands alone.
    return last if kind == SPACE and at < end and last > position else at


@kernel
def _contraction(data, position, end):
    """Bytes of 's 't 'm 'd 're 've 'll at `position`, else 0."""
    if position + 1 >= end:
        return 0
    one = data[position + 1]
    if one == ord("s") or one == ord("t") or one == ord("m") or one == ord("d"):
        return 2
    if position + 2 >= end:
        return 0
    two = data[position + 2]
    is_one = ((one == ord("r") or one == ord("v")) and two == ord("e")) or (
        one == ord("l") and two == ord("l")
    )
    return 3 if is_one else 0


@kernel
def _classify(data, position, end, classes):
    """Class and bytes of the code point at `position`; bytes that are not UTF-8 are signs of one byte."""
    first = np.int64(data[position])
    if first < 0x80:
        return classes[first], 1
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0xC2 or first > 0xF4 or position + size > end:
        return np.uint8(OTHER), 1
    point = first & (0x7F >> size)
    for i in range(1, size):
        point = (point << 6) | (np.int64(data[position + i]) & 0x3F)
    if point >= 0x110000:
        return np.uint8(OTHER), 1
    return classes[point], size
