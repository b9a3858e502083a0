"""Bitmaps of bytes, beside plain loops over the same bytes."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curate.text.bitmaps import BLOCK, add_to_runs, ends_of, shift_in, take_beginning
from curate.text.kernel import kernel
from curate.text.unaligned import bytes_between

NONE = np.uint64(0)


@kernel
def find(array, index, low, high):
    return bytes_between(array, index, np.uint8(low), np.uint8(high))


def blocks(bits: list[bool]) -> list[np.uint64]:
    padded = np.zeros(-(-len(bits) // BLOCK) * BLOCK, np.bool_)
    padded[: len(bits)] = bits
    return list(np.packbits(padded, bitorder="little").view(np.uint64))


def places(bitmaps: list[np.uint64]) -> list[int]:
    return [64 * n + k for n, bits in enumerate(bitmaps) for k in range(64) if int(bits) >> k & 1]


@given(st.binary(min_size=64, max_size=200), st.data())
def test_bytes_between_two_are_told_from_any_place(data, draw):
    index = draw.draw(st.integers(0, len(data) - 64))
    low = draw.draw(st.integers(0, 255))
    high = draw.draw(st.integers(low, 255))
    found = find(np.frombuffer(data, np.uint8), index, low, high)
    expected = [k for k, byte in enumerate(data[index : index + 64]) if low <= byte <= high]
    assert places([np.uint64(found)]) == expected


@given(st.text("ab ", min_size=1, max_size=300))
def test_a_word_that_holds_a_letter_is_marked_behind_its_end_across_blocks(text):
    text += " "  # a word that ends where the blocks do is marked nowhere
    words, letters = (blocks([c in which for c in text]) for which in ("ab", "b"))
    marked: list[np.uint64] = []
    ends: list[np.uint64] = []
    before = carry = NONE
    for own, some in zip(words, letters, strict=True):
        total, carry = (np.uint64(n) for n in add_to_runs(own, some, carry))
        end = np.uint64(ends_of(own, before))
        ends.append(end)
        marked.append(total & end)
        before = own
    found = [word for word in re.finditer("[ab]+", text) if word.end() < BLOCK * len(words)]
    assert places(ends) == [word.end() for word in found]
    assert places(marked) == [word.end() for word in found if "b" in word[0]]


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(1, 63))
def test_bits_move_on_into_the_next_block(bits, n):
    before, moved = NONE, []
    for own in [*blocks(bits), NONE]:
        moved.append(np.uint64(shift_in(own, before, n)))
        before = own
    assert places(moved) == [place + n for place, is_set in enumerate(bits) if is_set]


@given(st.binary(max_size=200), st.integers(0, 50))
def test_a_beginning_stands_between_spaces(data, start):
    start = min(start, len(data))
    beginning = np.full(len(data) + 3 * BLOCK, 120, np.uint8)
    take_beginning(np.frombuffer(data, np.uint8), start, len(data), beginning)
    n = len(data) - start
    assert beginning[BLOCK : BLOCK + n].tobytes() == data[start:]
    assert set(beginning[BLOCK + n : 3 * BLOCK + n].tolist()) == {32}
