"""Reading UTF-8 bytes inside kernels: code points, eight-byte blocks, hashes, open-addressing tables.

Every function trusts that the bytes are valid UTF-8, as Arrow's string arrays promise, but none reads
outside the buffer when they are not.
"""

# ruff: noqa: ANN001, ANN201 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import numpy as np

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.unaligned import load64

SEED = np.uint64(0x2545F4914F6CDD1D)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
LOWER_CASE_BITS = np.uint64(0x2020202020202020)


@kernel(inline=True)
def load(data, start, length):
    """Read one to eight bytes from `start`, the rest zero. The end of the buffer is never passed."""
    if start + 8 <= len(data):
        return load64(data, start) & (ALL_BITS >> np.uint64(64 - 8 * min(length, 8)))
    block = np.uint64(0)
    for i in range(min(length, 8)):
        block |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return block


@kernel(inline=True)
def mix(state, block):
    """One step of the hash: fold a block in, spread it over all bits."""
    state = (state ^ block) * GOLDEN
    return state ^ (state >> np.uint64(32))


@kernel
def hash_bytes(data, start, end):
    """Hash a byte range to 64 bits. Only ever compared within one document: equal hashes mean equal bytes."""
    state = mix(SEED, np.uint64(end - start))
    while start + 8 < end:
        state = mix(state, load(data, start, 8))
        start += 8
    if start < end:
        state = mix(state, load(data, start, end - start))
    return mix(state, SEED)


@kernel(inline=True)
def width_of(lead):
    """The number of bytes of the code point whose first byte this is; 1 for a stray continuation byte."""
    if lead < 0xC0:
        return 1
    if lead < 0xE0:
        return 2
    return 3 if lead < 0xF0 else 4


@kernel(inline=True)
def decode(data, start, end):
    """The code point at `start`, which is not ASCII; 0xFFFD when the bytes end within it."""
    lead = np.int64(data[start])
    width = width_of(lead)
    if start + width > end or width == 1:
        return np.int64(0xFFFD)
    code_point = lead & (0x7F >> width)
    for i in range(1, width):
        code_point = (code_point << 6) | (np.int64(data[start + i]) & 0x3F)
    return code_point if code_point < 0x110000 else np.int64(0xFFFD)


@kernel(inline=True)
def last_start(data, start, end):
    """Where the last code point of a byte range that is not empty begins."""
    i = end - 1
    while i > start and (data[i] & 0xC0) == 0x80:
        i -= 1
    return i


@kernel(inline=True)
def class_at(data, start, end, classes):
    """The class bits of the code point at `start`."""
    byte = data[start]
    return classes[byte] if byte < 0x80 else classes[decode(data, start, end)]


@kernel(inline=True)
def capacity_for(n_keys):
    """Slots of a table for so many keys: a power of two, at most half full."""
    capacity = 16
    while capacity < 2 * n_keys:
        capacity *= 2
    return capacity


@kernel(inline=True)
def find_or_add(key, value, keys, values, capacity):
    """The value stored under `key`, which is `value` when the key is new. Empty slots hold -1."""
    slot = np.int64((key * GOLDEN) >> np.uint64(32)) & (capacity - 1)
    while values[slot] >= 0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + 1) & (capacity - 1)
    keys[slot] = key
    values[slot] = value
    return values[slot]
