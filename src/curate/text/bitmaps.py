"""Sets of bytes of a text as bits, 64 bytes at a time: what a loop over words would ask at each of their ends, without a branch.

A *run* is a stretch of set bits, such as a word. Adding bits that lie in runs to the runs carries over the end of each
run that holds one: the bit behind it, which is not set in the runs, is set in the sum. What goes on in the next 64 bytes
is handed over as a carry, 0 or 1.
"""

# ruff: noqa: ANN001, ANN201 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.text.kernel import kernel
from curate.text.unaligned import bytes_between

BLOCK = 64
"""Bytes that stand in the bits of one number."""
_ONE, _TOP = np.uint64(1), np.uint64(63)


def stretches_of(characters: bytes) -> NDArray[np.uint8]:
    """The stretches of neighbouring bytes that a set of bytes is made of, uint8 (n, 2): first and last.

    >>> stretches_of(b"/+*").tolist()
    [[42, 43], [47, 47]]
    """
    is_in = np.zeros(258, np.int8)
    is_in[[1 + byte for byte in characters]] = 1
    edges = np.flatnonzero(np.diff(is_in))
    return np.stack([edges[::2], edges[1::2] - 1], axis=1).astype(np.uint8)


@kernel(inline=True)
def add_to_runs(runs, bits, carry):
    """The sum of two bitmaps and of the carry of the bytes before, and the carry for those behind."""
    total = runs + bits
    is_over = total < runs
    added = total + carry
    return added, np.uint64(is_over | (added < total))


@kernel(inline=True)
def shift_in(bits, before, n):
    """The bits moved up by `n` places, 1 to 63, those of the block before coming in below."""
    return bits << np.uint64(n) | before >> np.uint64(64 - n)


@kernel(inline=True)
def ends_of(runs, before):
    """The places right behind runs; `before` are the runs of the block before."""
    return ~runs & (runs << _ONE | before >> _TOP)


@kernel(allocates=False)
def take_beginning(data, start, stop, beginning):
    """Copy data[start:stop] behind `BLOCK` spaces, with two times as many spaces behind it."""
    n = stop - start
    for i in range(n):
        beginning[BLOCK + i] = data[start + i]
    for i in range(BLOCK + n, 3 * BLOCK + n):
        beginning[i] = 32


@kernel(inline=True)
def line_ends(beginning, base, stop):
    """Of the block at `base` the places of line feeds, and of `stop` where the text ends within it."""
    ends = bytes_between(beginning, base, 10, 10)
    return ends | _ONE << np.uint64(stop - base) if stop < base + BLOCK else ends


@kernel(inline=True)
def trim(data, first, end):
    """Where data[first:end] begins and ends without the white space at both ends; at one place if it is nothing else."""
    while first < end and data[first] <= 32:
        first += 1
    while end > first and data[end - 1] <= 32:
        end -= 1
    return first, end
