"""What is counted word by word, and the number that stands for each distinct word."""

# ruff: noqa: ANN001, ANN201 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from curate.signals import layout as at
from curate.signals.scan import (
    KIND_ALPHA,
    KIND_FULL_STOP,
    KIND_INNER,
    KIND_LOWER,
    KIND_NUMBER,
    KIND_TERMINAL,
    KIND_UPPER,
    count_full_stops,
    ends_sentence,
)  # fmt: skip
from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.unaligned import load64
from curate.text.utf8 import (
    ALL_BITS,
    LOWER_CASE_BITS,
    SEED,
    capacity_for,
    find_or_add,
    load,
    mix,
)  # fmt: skip

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Gopher, arXiv 2112.11446, A.1.1
SECOND_PERSON = ("you", "your", "yours", "yourself")
FIRST_PERSON = ("i", "me", "my", "mine", "we", "us", "our", "ours")
# Kinds of function words: 0 for none, 1-8 for the stop words in order, then these.
IS_SECOND_PERSON = 9
IS_FIRST_PERSON = 10
N_FUNCTIONS = 16
N_SLOTS = 256
N_LOGARITHMS = 4096

_ONES = np.uint64(0x0101010101010101)
_HTTP = np.uint64(int.from_bytes(b"http", "little"))
_WWW = np.uint64(int.from_bytes(b"www.", "little"))
_LOREM = np.uint64(int.from_bytes(b"lorem", "little"))
_IPSUM = np.uint64(int.from_bytes(b"ipsum", "little"))


@cache
def load_function_words() -> tuple[NDArray[np.uint64], NDArray[np.int64], np.uint64]:
    """Make a perfect hash table of short words by lower-case bytes: keys (0 for none), kinds, multiplier."""
    kind_of = {word: 1 + i for i, word in enumerate(STOP_WORDS)}
    kind_of |= dict.fromkeys(SECOND_PERSON, IS_SECOND_PERSON) | dict.fromkeys(FIRST_PERSON, IS_FIRST_PERSON)
    key_of = {word: int.from_bytes(word.encode(), "little") for word in kind_of}
    multiplier = int(GOLDEN)
    while len({slot_of(key, multiplier) for key in key_of.values()}) < len(key_of):
        multiplier = (multiplier * 6364136223846793005 + 1442695040888963407) & (2**64 - 1) | 1
    keys, kinds = np.zeros(N_SLOTS, np.uint64), np.zeros(N_SLOTS, np.int64)
    for word, kind in kind_of.items():
        slot = slot_of(key_of[word], multiplier)
        keys[slot], kinds[slot] = key_of[word], kind
    return keys, kinds, np.uint64(multiplier)


def slot_of(key: int, multiplier: int) -> int:
    """Where a function word lies in its table."""
    return ((key * multiplier) & (2**64 - 1)) >> 56


@cache
def load_logarithms() -> NDArray[np.float64]:
    """The numbers c log2(c) for c below `N_LOGARITHMS`, which most counts are."""
    counts = np.arange(N_LOGARITHMS, dtype=np.float64)
    counts[2:] *= np.log2(counts[2:])
    counts[:2] = 0.0
    return counts


@kernel(inline=True)
def is_lorem_ipsum(data, word_start, word_end, text_end):
    """Whether `lorem ipsum` stands across the end of this word, in any case."""
    if word_end - word_start < 5 or word_end + 6 > text_end or data[word_end] != 32:
        return False
    if load(data, word_end - 5, 5) | (LOWER_CASE_BITS >> np.uint64(24)) != _LOREM:
        return False
    return load(data, word_end + 1, 5) | (LOWER_CASE_BITS >> np.uint64(24)) == _IPSUM


@kernel
def count_inner(kinds, start, end):
    """Bytes of a range that are not the first of their character; `kinds` can be read eight past its end."""
    n = np.uint64(0)
    i = start
    while i < end:
        block = (load64(kinds, i) >> np.uint64(6)) & _ONES
        if end - i < 8:
            block &= ALL_BITS >> np.uint64(64 - 8 * (end - i))
        n += block * _ONES >> np.uint64(56)
        i += 8
    return np.int64(n)


@kernel
def measure_words(data, start, end, spans, tables, scratch, raw):  # noqa: PLR0912, PLR0915 - one loop, no calls
    """Count the words of a document by kind and number the distinct ones.

    Args:
        data: uint8, the buffer.
        start: first byte of the document.
        end: one past its last byte.
        spans: kinds, edges and lines as `classify`, `find_spans` and `find_lines` leave them, and the
            numbers of words and lines.
        tables: those of `load_character_classes`, `load_function_words` and `load_logarithms`.
        scratch: keys (uint64) and values (int32) of a hash table; ids (int32), filled with the index of
            each word's first occurrence; counts (int32), with the number of occurrences there; chars
            (int32), with each word's characters. All have room for `n_words`.
        raw: int64, the block `layout.WORDS`.

    Returns:
        The sum of c log2(c) over the counts c of distinct words.
    """
    kinds, edges, lines, n_words, n_lines = spans
    classes, (keys, slot_kinds, multiplier), logarithms = tables
    slots, values, ids, counts, word_chars = scratch
    capacity = capacity_for(n_words)
    values[:capacity] = -1
    by_kinds = np.zeros(
        64, np.int32
    )  # words by ALPHA, NUMBER, UPPER, LOWER, first UPPER, more than one character
    by_function = np.zeros(2 * N_FUNCTIONS, np.int32)  # function words, those in lower case apart
    squared = longest = n_short = n_long = n_unique = n_urls = n_lorem = punct_chars = total = np.int64(0)
    n_sentences = np.int64(n_lines)
    line = np.int64(0)
    entropy = 0.0
    # Branches here are few on purpose: what a word is like cannot be predicted.
    for k in range(n_words):
        word_start, word_end = np.int64(edges[2 * k]), np.int64(edges[2 * k + 1])
        length = word_end - word_start
        block = load64(kinds, word_start) & (ALL_BITS >> np.uint64(64 - 8 * min(length, 8)))
        first = load(data, start + word_start, length)
        state = mix(SEED ^ (np.uint64(length) * GOLDEN), first)
        first_kind = np.int64(block & np.uint64(0xFF))
        if length > 8:
            i = word_start + 8
            while i + 8 < word_end:
                block |= load64(kinds, i)
                state = mix(state, load64(data, start + i))
                i += 8
            block |= load64(kinds, word_end - 8)
            state = mix(state, load64(data, start + word_end - 8))
        block |= block >> np.uint64(32)
        block |= block >> np.uint64(16)
        kind = np.int64((block | block >> np.uint64(8)) & np.uint64(0xFF))
        chars = length
        if kind & (KIND_INNER | KIND_TERMINAL | KIND_FULL_STOP):
            if kind & KIND_INNER:
                chars -= count_inner(kinds, word_start, word_end)
            if kind & KIND_TERMINAL:
                while lines[0, line] <= k:
                    line += 1
                if (
                    lines[0, line] != k + 1
                    and not kinds[edges[2 * k + 2]] & KIND_LOWER
                    and ends_sentence(data, start + word_start, start + word_end, classes)
                ):
                    n_sentences += 1
            if kind & KIND_FULL_STOP:
                n_sentences += count_full_stops(data, start + word_start, start + word_end, classes)
        word_chars[k] = chars
        total += chars
        squared += chars * chars
        longest = max(longest, chars)
        n_short += chars <= at.SHORT_WORD_CHARS
        n_long += chars >= at.LONG_WORD_CHARS
        by_kinds[kind & 15 | (first_kind & KIND_UPPER) << 2 | (chars > 1) << 5] += 1
        if not kind & (KIND_ALPHA | KIND_NUMBER):
            punct_chars += chars
        folded = first | (LOWER_CASE_BITS >> np.uint64(64 - 8 * min(length, 8)))
        slot = np.int64((folded * multiplier) >> np.uint64(56))
        known = (keys[slot] == folded) & (length <= 8)
        by_function[(slot_kinds[slot] if known else 0) | (folded == first) << 4] += 1
        lead = folded & np.uint64(0xFFFFFFFF)
        n_urls += ((lead == _HTTP) | (lead == _WWW)) & (length > 8)
        if data[start + word_end - 1] | 0x20 == 0x6D:
            n_lorem += is_lorem_ipsum(data, start + word_start, start + word_end, end)
        same = find_or_add(state, np.int32(k), slots, values, capacity)
        ids[k] = same
        n_unique += same == k
        counts[k] = 0
        count = counts[same] + 1
        counts[same] = count
        if count < N_LOGARITHMS:
            entropy += logarithms[count] - logarithms[count - 1]
        else:
            entropy += count * np.log2(count) - (count - 1) * np.log2(count - 1)
    raw[at.W_WORDS], raw[at.W_CHARS], raw[at.W_SQUARED], raw[at.W_MAX] = n_words, total, squared, longest
    raw[at.W_SHORT], raw[at.W_LONG], raw[at.W_UNIQUE] = n_short, n_long, n_unique
    raw[at.W_URLS], raw[at.W_LOREM], raw[at.W_PURE_PUNCT_CHARS] = n_urls, n_lorem, punct_chars
    raw[at.W_SENTENCES] = n_sentences
    count_kinds(by_kinds, raw)
    count_functions(by_function, raw)
    return entropy


@kernel
def count_functions(by_function, raw):
    """Add up function words, those in lower case apart."""
    for kind in range(1, N_FUNCTIONS):
        exact = by_function[kind | N_FUNCTIONS]
        n = by_function[kind] + exact
        if kind < IS_SECOND_PERSON:
            raw[at.W_STOP] += n
            raw[at.W_STOP_EXACT] += exact
            raw[at.W_STOP_MASK] |= (n > 0) << (kind - 1)
            raw[at.W_STOP_EXACT_MASK] |= (exact > 0) << (kind - 1)
        elif kind == IS_SECOND_PERSON:
            raw[at.W_SECOND_PERSON] = n
        elif kind == IS_FIRST_PERSON:
            raw[at.W_FIRST_PERSON] = n


@kernel
def count_kinds(by_kinds, raw):
    """Add up words by the kinds of their bytes."""
    for j in range(64):
        n = by_kinds[j]
        raw[at.W_ALPHA] += n if j & KIND_ALPHA else 0
        raw[at.W_NUMBER] += n if j & (KIND_ALPHA | KIND_NUMBER) == KIND_NUMBER else 0
        raw[at.W_TITLE] += n if j & 16 and j & KIND_LOWER else 0
        raw[at.W_UPPER] += n if j & 32 and j & (KIND_UPPER | KIND_LOWER) == KIND_UPPER else 0
        raw[at.W_PURE_PUNCT] += n if not j & (KIND_ALPHA | KIND_NUMBER) else 0
