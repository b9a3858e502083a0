# ruff: noqa: ANN001, ANN201, ANN202, FBT003  (numba infers the types of kernels, and takes no keywords)
"""fastText's prediction as a kernel over Arrow's bytes: the same sums as fastText's, without a Python string.

A text's vector is the mean of the rows of its words and of the character n-grams of `<word>`; the softmax is
a binary tree over the labels. Rows of dictionary words and of their n-grams are summed up beforehand.

Of a long text a sample is read first, many small windows from its beginning to its end, and the whole text only where the
model is not sure of the sample (docs/decisions/0033).
"""

from __future__ import annotations

import heapq
import math
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.language.model_file import ModelFile
from curate.text.kernel import kernel
from curate.text.unaligned import add_sixteen, count_ones, count_trailing_zeros, load64, prefetch, store64

_FNV_OFFSET = np.uint32(2_166_136_261)  # FNV-1a, as fastText hashes words and n-grams
_FNV_PRIME = np.uint32(16_777_619)
_OPEN, _CLOSE = ord("<"), ord(">")
_SPACES = np.zeros(256, np.bool_)
_SPACES[[0, 9, 10, 11, 12, 13, 32]] = True
_N_DIMENSIONS = 16
_REMEMBERED_BITS = 18  # places for words of up to 24 bytes whose sums are remembered, two for each hash
_WORD_BYTES = 24
_NOTE = 3  # of a place of 12 uint64: 0-2 the word, 3 its length | _USED | number of rows << 16, 4-11 the sum as float32
_USED = np.uint64(1 << 8)
_PLACE, _SUM = 24, 8  # length of a place and where in it the sum begins, in float32
_ONES = np.uint64(0x0101010101010101)
_TOP_BITS = np.uint64(0x8080808080808080)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio
_BUCKETS = 2_000_000  # fastText's default: by a constant, what is left of a division costs a multiplication
_TILE = 4096  # bytes whose words are found at a time
_GATHER = np.uint64(0x0102040810204080)  # times bits 0, 8, 16, ...: the same bits side by side at 56-63
_MASKS = np.array(  # of the three blocks of eight bytes of a word of so many bytes
    [[(1 << 8 * min(max(n - 8 * k, 0), 8)) - 1 for k in range(3)] for n in range(_WORD_BYTES + 1)], np.uint64
)
_LOOKED_AT = 4096
N_WINDOWS, WINDOW_BYTES = 24, 32
"""Of a sample. Many small windows find more of what a text is made of than few large ones."""
SAMPLED_FROM = N_WINDOWS * WINDOW_BYTES * 3 // 2
"""Texts of fewer bytes are read whole: a window and what is added for its last word then never reach the next one."""
SURE, SURE_OF_CUT = 0.82, 0.9
"""From this probability on what a sample says is the answer; from the second where over a quarter of its windows begin inside
words, the rest of which is then read as a word. In scripts without spaces nearly all do."""
_NEAR = 16  # bytes behind where a window should begin or end in which white space is looked for
_MOST_BYTES = WINDOW_BYTES + _NEAR
_LOG_OFFSET = 1e-5  # fastText adds it under every logarithm
_MORE_THAN_HALF = math.log(0.51)  # by more than all the offsets of a path can add


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What the kernel reads.

    Attributes:
        rows: float32 (n_rows, n_dimensions): n-gram rows as in the model, dictionary words as sums.
        counts: int32 (n_words,): how many rows each dictionary word's sum stands for.
        ngram_bits: uint64 bitmap of the n-gram hashes that were not pruned.
        ngram_ranks: int32: how many bits are set before each word of the bitmap.
        ngram_order: int32: row of the n-gram with each rank.
        slots: int32 open-addressing table of dictionary words, -1 where empty.
        word_bytes, word_bounds: the words themselves.
        tree: int32 (n_labels - 1, 2): children of the inner nodes; those below n_labels are labels.
        output: float32 (n_labels - 1, n_dimensions).
    """

    rows: NDArray[np.float32]
    counts: NDArray[np.int32]
    ngram_bits: NDArray[np.uint64]
    ngram_ranks: NDArray[np.int32]
    ngram_order: NDArray[np.int32]
    slots: NDArray[np.int32]
    word_bytes: NDArray[np.uint8]
    word_bounds: NDArray[np.int64]
    tree: NDArray[np.int32]
    output: NDArray[np.float32]
    n_buckets: int


def build_tables(model: ModelFile) -> Tables:
    """Lay a model out for the kernel."""
    if (model.min_chars, model.max_chars) != (2, 4):
        raise ValueError("The kernel reads n-grams of 2 to 4 characters.")
    if model.vectors.shape[1] != _N_DIMENSIONS:
        raise ValueError(f"The kernel adds rows of {_N_DIMENSIONS} dimensions.")
    n_buckets = len(model.ngram_rows)
    present = np.flatnonzero(model.ngram_rows >= 0)
    bits = np.zeros(n_buckets // 64 + 1, np.uint64)
    np.bitwise_or.at(bits, present // 64, np.uint64(1) << (present % 64).astype(np.uint64))
    ranks = np.concatenate([[0], np.cumsum(np.bitwise_count(bits))[:-1]]).astype(np.int32)
    word_bytes = np.frombuffer(b"".join(model.words), np.uint8)
    bounds = np.concatenate([[0], np.cumsum([len(word) for word in model.words])]).astype(np.int64)
    slots = np.full(1 << (4 * len(model.words)).bit_length(), -1, np.int32)
    for number, word in enumerate(model.words):
        slot = hash_bytes(word) & (len(slots) - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = number
    rows = model.vectors.copy()
    counts = np.ones(len(model.words), np.int32)
    tables = Tables(
        rows, counts, bits, ranks, model.ngram_rows[present], slots, word_bytes, bounds,
        _build_tree(model.label_counts), model.output[:-1].copy(), n_buckets,
    )  # fmt: skip
    for number, word in enumerate(model.words):
        if word != b"</s>":
            counts[number] += _add_word_ngrams(
                np.frombuffer(word, np.uint8), 0, len(word), *_ngram_tables(tables), rows[number], 0
            )
    return tables


def hash_bytes(text: bytes) -> int:
    """FNV-1a over signed bytes, which is fastText's hash of a word."""
    value = int(_FNV_OFFSET)
    for byte in text:
        signed = byte if byte < 128 else byte | 0xFFFFFF00
        value = ((value ^ signed) * int(_FNV_PRIME)) & 0xFFFFFFFF
    return value


def predict(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], tables: Tables, *, whole: bool = False
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The most likely label of every text and its probability; -1 and 0 for texts without a word.

    Both are of a sample where the text is long and the model is sure of the sample, unless the `whole` text is asked for.
    """
    labels = np.full(len(bounds) - 1, -1, np.int32)
    probabilities = np.zeros(len(bounds) - 1, np.float32)
    places = _memory.of(tables)
    sample = np.empty(N_WINDOWS * (_MOST_BYTES + 1), np.uint8)
    read_only = sample.view()  # of the type of `data`, so that what reads both is compiled once
    read_only.flags.writeable = False
    _predict(
        data, bounds, np.iinfo(np.int64).max if whole else SAMPLED_FROM,
        tables.rows, tables.counts, tables.ngram_bits, tables.ngram_ranks, tables.ngram_order,
        tables.n_buckets, tables.slots, tables.word_bytes, tables.word_bounds, tables.tree, tables.output,
        labels, probabilities,
        np.empty((2, _N_DIMENSIONS), np.float32),
        np.empty(len(tables.tree), np.float64),
        places, places.view(np.float32).ravel(),
        (
            np.empty(_TILE + 64, np.uint8),
            np.empty(_TILE + 2, np.int32),
            np.empty((_TILE // 2 + 1, 3), np.uint64),
            np.empty(_TILE // 2 + 1, np.int64),
            np.zeros(64, np.uint8),
            np.empty((3, 32), np.uint32),
            np.empty(80, np.uint32),
        ),
        sample, read_only,
    )  # fmt: skip
    return labels, probabilities


@kernel
def find_dressed(data, bounds, are_dressed):
    """Mark the texts most of whose letters, in their first bytes, are Latin ones in another dress (`_LOOKED_AT`).

    Full-width, mathematical, circled and squared letters, which the model met as signs of East Asian pages or hardly at all.
    """
    for document in range(len(bounds) - 1):
        n_dressed = n_others = 0
        i = bounds[document]
        stop = min(bounds[document + 1], i + _LOOKED_AT)
        # A dressed letter takes three bytes or more, two where the last one is cut off: until they can no longer be most.
        while i < stop and 3 * (n_others - n_dressed) <= stop - i:
            if i + 8 <= stop:
                block = load64(data, i)
                if not block & _TOP_BITS:
                    small = block | _ONES << np.uint64(5)
                    from_a = small + _ONES * np.uint64(0x80 - ord("a"))
                    above_z = small + _ONES * np.uint64(0x80 - ord("z") - 1)
                    n_others += count_ones(from_a & ~above_z & _TOP_BITS)
                    i += 8
                    continue
            lead = data[i]
            if lead < 0xE2:
                n_others += lead >= 0xC0 or 65 <= lead <= 90 or 97 <= lead <= 122
                i += 1
                continue
            n_bytes = 4 if lead >= 0xF0 else 3
            code = np.int64(lead) & (0x0F if n_bytes == 3 else 0x07)
            for k in range(1, n_bytes):
                code = code << 6 | (np.int64(data[i + k]) & 0x3F if i + k < stop else 0)
            n_others += 1
            if (
                0xFF21 <= code <= 0xFF3A or 0xFF41 <= code <= 0xFF5A  # full width
                or 0x1D400 <= code <= 0x1D6A3  # mathematical
                or 0x24B6 <= code <= 0x24E9 or 0x1F130 <= code <= 0x1F149  # circled, squared
            ):  # fmt: skip
                n_dressed += 1
                n_others -= 1
            i += 1
        are_dressed[document] = n_dressed > n_others


class _Memory(threading.local):
    """The sums of words met before, 24 MiB a thread: kernels run without the GIL and may not share them."""

    def __init__(self) -> None:
        self._tables: Tables | None = None
        self._places = np.zeros((0, 12), np.uint64)

    def of(self, tables: Tables) -> NDArray[np.uint64]:
        """The places for the words of a model, forgotten where another one's were remembered."""
        if self._tables is not tables:
            self._tables, self._places = tables, np.zeros((1 << _REMEMBERED_BITS, 12), np.uint64)
        return self._places


_memory = _Memory()


def _ngram_tables(tables: Tables):
    return tables.rows, tables.ngram_bits, tables.ngram_ranks, tables.ngram_order, tables.n_buckets


def _build_tree(counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """The Huffman tree that fastText builds: its ties go to labels, then to the older inner node."""
    n_labels = len(counts)
    # Labels come by falling count, so the rarest is the last.
    heap = [(int(count), 0, -label, label) for label, count in enumerate(counts)]
    heapq.heapify(heap)
    tree = np.zeros((n_labels - 1, 2), np.int32)
    for inner in range(n_labels - 1):
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        tree[inner] = first[3], second[3]
        heapq.heappush(heap, (first[0] + second[0], 1, inner, n_labels + inner))
    return tree


@kernel(allocates=False)
def _set_row(total, rows, row):
    for k in range(_N_DIMENSIONS):
        total[k] = rows[row, k]


@kernel(allocates=False)
def _step(value, byte):
    """One byte of FNV-1a, taken as signed."""
    signed = np.uint32(byte) | (np.uint32(0xFFFFFF00) if byte >= 128 else np.uint32(0))
    return np.uint32((value ^ signed) * _FNV_PRIME)


@kernel(allocates=False)
def _add_word_ngrams(data, start, end, rows, bits, ranks, order, n_buckets, total, at):
    """Add to `total` from `at` on the rows of the n-grams of `<word>`, of 2 to 4 characters; return how many there were."""
    n_added = 0
    length = end - start + 2
    i = 0
    while i < length:
        value = _FNV_OFFSET
        j = i
        n_chars = 0
        while j < length and n_chars < 4:
            byte = _OPEN if j == 0 else (_CLOSE if j == length - 1 else data[start + j - 1])
            value = _step(value, byte)
            j += 1
            while 0 < j < length - 1 and data[start + j - 1] & 0xC0 == 0x80:
                value = _step(value, data[start + j - 1])
                j += 1
            n_chars += 1
            if n_chars >= 2:
                bucket = value % np.uint32(n_buckets)
                word = bits[bucket >> 6]
                bit = np.uint64(1) << np.uint64(bucket & 63)
                if word & bit:
                    rank = ranks[bucket >> 6] + count_ones(word & (bit - np.uint64(1)))
                    add_sixteen(total, at, rows, np.int64(order[rank]) * _N_DIMENSIONS)
                    n_added += 1
        i += 1
        while 0 < i < length - 1 and data[start + i - 1] & 0xC0 == 0x80:
            i += 1
    return n_added


@kernel(allocates=False)
def _add_ascii_ngrams(data, start, n, rows, bits, ranks, order, total, at, written, hashes, listed):
    """The same for an ASCII word of up to 24 bytes and `_BUCKETS` buckets: all n-grams are hashed side by side.

    Which of them were not pruned cannot be foreseen, so they are listed without a branch before their rows are added.
    """
    written[0] = _OPEN
    for k in range(n):
        written[1 + k] = data[start + k]
    written[n + 1] = _CLOSE
    buckets = np.uint32(_BUCKETS)
    for half in range(1 if n < 16 else 2):
        for k in range(16):  # of a number that is known, so that all are taken at once
            i = 16 * half + k
            value = np.uint32((_FNV_OFFSET ^ np.uint32(written[i])) * _FNV_PRIME)
            value = np.uint32((value ^ np.uint32(written[i + 1])) * _FNV_PRIME)
            hashes[0, i] = value % buckets
            value = np.uint32((value ^ np.uint32(written[i + 2])) * _FNV_PRIME)
            hashes[1, i] = value % buckets
            value = np.uint32((value ^ np.uint32(written[i + 3])) * _FNV_PRIME)
            hashes[2, i] = value % buckets
    n_listed = 0
    for i in range(n + 1):
        for k in range(min(3, n + 1 - i)):
            bucket = hashes[k, i]
            listed[n_listed] = bucket
            n_listed += np.int64(bits[bucket >> 6] >> np.uint64(bucket & 63)) & 1
    for i in range(n_listed):
        bucket = listed[i]
        below = bits[bucket >> 6] & ((np.uint64(1) << np.uint64(bucket & 63)) - np.uint64(1))
        rank = ranks[bucket >> 6] + count_ones(below)
        add_sixteen(total, at, rows, np.int64(order[rank]) * _N_DIMENSIONS)
    return n_listed


@kernel(allocates=False)
def _find_word(data, start, end, slots, word_bytes, word_bounds):
    """The number of a dictionary word, -1 where it is none."""
    value = _FNV_OFFSET
    for at in range(start, end):
        value = _step(value, data[at])
    mask = np.uint32(len(slots) - 1)
    slot = value & mask
    while slots[slot] >= 0:
        number = slots[slot]
        first = word_bounds[number]
        if word_bounds[number + 1] - first == end - start:
            same = True
            for k in range(end - start):
                if word_bytes[first + k] != data[start + k]:
                    same = False
                    break
            if same:
                return number
        slot = (slot + np.uint32(1)) & mask
    return -1


@kernel(allocates=False)
def _sum_word(
    data, start, end, rows, counts, bits, ranks, order, n_buckets, slots, word_bytes, word_bounds, total, at,
    is_ascii, written, hashes, listed,
):  # fmt: skip
    """Set `total`, flat, from `at` on to the sum of a word's rows; returns how many there are.

    `is_ascii` is said of words of up to 24 bytes alone; `written`, `hashes` and `listed` are scratch.
    """
    for k in range(_N_DIMENSIONS):
        total[at + k] = np.float32(0)
    number = _find_word(data, start, end, slots, word_bytes, word_bounds)
    if number >= 0:
        add_sixteen(total, at, rows, np.int64(number) * _N_DIMENSIONS)
        return counts[number]
    if is_ascii and n_buckets == _BUCKETS:
        return _add_ascii_ngrams(
            data, start, end - start, rows, bits, ranks, order, total, at, written, hashes, listed
        )
    return _add_word_ngrams(data, start, end, rows, bits, ranks, order, n_buckets, total, at)


@kernel(allocates=False, inline=True)
def _place_of(first, second, third):
    """The first of the two places where a word of these bytes is remembered."""
    mixed = (first ^ (second * _MIX) ^ (third * _MIX * _MIX)) * _MIX
    return np.int64(mixed >> np.uint64(65 - _REMEMBERED_BITS)) << 1


@kernel(allocates=False, inline=True)
def _is_at(places, place, first, second, third, length):
    return (
        (places[place, 0] ^ first)
        | (places[place, 1] ^ second)
        | (places[place, 2] ^ third)
        | (places[place, _NOTE] & np.uint64(0xFF) ^ length)
    ) == np.uint64(0)


@kernel(allocates=False)
def _take_place(first, second, third, place, places):
    """Give a new word one of its two places: that which was not asked for since the other was filled.

    A word is remembered by its bytes, so what is found is exact and does not depend on what came before.
    """
    if places[place, _NOTE] & _USED:
        if places[place + 1, _NOTE] & _USED:
            places[place + 1, _NOTE] &= ~_USED
        else:
            place += 1
        places[place & ~1, _NOTE] &= ~_USED
    places[place, 0], places[place, 1], places[place, 2] = first, second, third
    return place


@kernel(allocates=False, inline=True)
def _share_of_right(mean, output, node):
    """The probability of the second child of an inner node."""
    dot = np.float32(0)
    for k in range(_N_DIMENSIONS):
        dot += output[node, k] * mean[k]
    return 1.0 / (1.0 + math.exp(-dot))


@kernel(allocates=False)
def _best_label(mean, tree, output, reached):
    """Walk the tree from the root, which is the last inner node; returns (label, log probability).

    First down the likelier sides: a label with more than half is the best. Else every node, but where the labels below it
    cannot reach the best so far they are passed over: a step adds 1e-5 at most.
    """
    n_inner = tree.shape[0]
    n_labels = n_inner + 1
    child, best = n_inner - 1 + n_labels, 0.0
    while child >= n_labels:
        node = child - n_labels
        right = _share_of_right(mean, output, node)
        child = tree[node, 1 if right > 0.5 else 0]
        best += math.log(max(right, 1.0 - right) + _LOG_OFFSET)
    if best > _MORE_THAN_HALF:
        return child, best
    reached[n_inner - 1] = 0.0
    best_label, best = -1, -np.inf
    for back in range(n_inner):
        node = n_inner - 1 - back
        if reached[node] + n_labels * _LOG_OFFSET < best:
            for side in range(2):
                child = tree[node, side]
                if child >= n_labels:
                    reached[child - n_labels] = -np.inf
            continue
        right = _share_of_right(mean, output, node)
        for side in range(2):
            share = right if side == 1 else 1.0 - right
            score = reached[node] + math.log(share + _LOG_OFFSET)
            child = tree[node, side]
            if child >= n_labels:
                reached[child - n_labels] = score
            elif score > best:
                best_label, best = child, score
    return best_label, best


@kernel(allocates=False, inline=True)
def _find_space(data, at, end):
    """Where the first white space from `at` on stands, `end` where there is none; eight bytes at a time."""
    while at + 8 <= end:
        block = load64(data, at)
        low = (
            (block - _ONES * np.uint64(33)) & ~block & _TOP_BITS
        )  # the first bit set is that of a byte below 33
        if not low:
            at += 8
            continue
        at += count_trailing_zeros(low) >> 3
        if _SPACES[data[at]]:
            return at
        at += 1
    while at < end and not _SPACES[data[at]]:
        at += 1
    return at


@kernel(allocates=False, inline=True)
def _eight(data, at, stop):
    """The bytes from `at` up to `stop`, eight at most, as a number."""
    n = stop - at
    if n <= 0:
        return np.uint64(0)
    if at + 8 <= len(data):
        block = load64(data, at)
        return block if n >= 8 else block & ((np.uint64(1) << np.uint64(8 * n)) - np.uint64(1))
    block = np.uint64(0)
    for k in range(min(n, 8)):
        block |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return block


@kernel(allocates=False)
def _find_words(data, start, n, spaces, edges):
    """Find the words of `n` bytes: `edges` gets the start and end of each, from `start`; returns how many there are.

    Where words end cannot be foreseen, so there is no branch at each: bits of 64 bytes at a time.
    """
    for i in range(n):
        byte = data[start + i]
        spaces[i] = (byte == 32) | (byte == 0) | (np.uint8(byte - np.uint8(9)) <= 4)
    spaces[n : n + 64] = 1
    n_edges = 0
    carry = np.uint64(0)
    for base in range(0, n + 1, 64):
        outside = np.uint64(0)
        for j in range(8):
            block = load64(spaces, base + 8 * j) if base + 8 * j < n else _ONES
            outside |= (block * _GATHER >> np.uint64(56)) << np.uint64(8 * j)
        inside = ~outside
        turns = inside ^ (inside << np.uint64(1) | carry)
        carry = inside >> np.uint64(63)
        while turns:
            edges[n_edges] = base + count_trailing_zeros(turns)
            n_edges += 1
            turns &= turns - np.uint64(1)
    return n_edges >> 1


@kernel(allocates=False)
def _read_words(data, start, n_words, edges, keys, at_places, places):
    """The bytes of words, up to 24, and where each may be remembered: asked for from memory before they are needed."""
    for word in range(n_words):
        at = start + edges[2 * word]
        length = min(edges[2 * word + 1] - edges[2 * word], _WORD_BYTES)
        if at + _WORD_BYTES <= len(data):
            first = load64(data, at) & _MASKS[length, 0]
            second = load64(data, at + 8) & _MASKS[length, 1]
            third = load64(data, at + 16) & _MASKS[length, 2]
        else:
            stop = at + length
            first, second, third = (
                _eight(data, at, stop), _eight(data, at + 8, stop), _eight(data, at + 16, stop)
            )  # fmt: skip
        keys[word, 0], keys[word, 1], keys[word, 2] = first, second, third
        place = _place_of(first, second, third)
        at_places[word] = place
        prefetch(places, place * 12)
        prefetch(places, place * 12 + 8)
        prefetch(places, place * 12 + 16)


@kernel(allocates=False, embed=True)
def _tell(
    data, begin, end, rows, counts, bits, ranks, order, n_buckets, slots, word_bytes, word_bounds, tree, output,
    scratch, reached, places, sums, by_word,
):  # fmt: skip
    """The most likely label of the text from `begin` to `end` and its probability; -1 and 0 where there is no word."""
    total, alone = scratch[0], scratch[1]
    spaces, edges, keys, at_places, written, hashes, listed = by_word
    # Every text ends with the line end's own word, which is the first of the dictionary.
    _set_row(total, rows, 0)
    n_added = np.int64(1)
    at = begin
    has_word = False
    while at < end:
        n = min(end - at, _TILE)
        n_words = _find_words(data, at, n, spaces, edges)
        has_word |= n_words > 0
        goes_on = n_words > 0 and at + n < end and edges[2 * n_words - 1] == n
        if goes_on:
            n_words -= 1  # the last word may be longer: it begins the next tile
        _read_words(data, at, n_words, edges, keys, at_places, places)
        for word in range(n_words):
            start, stop = at + edges[2 * word], at + edges[2 * word + 1]
            length = np.uint64(stop - start)
            if stop - start <= _WORD_BYTES:
                first, second, third = keys[word, 0], keys[word, 1], keys[word, 2]
                place = at_places[word]
                is_second = _is_at(places, place + 1, first, second, third, length)
                if is_second | _is_at(places, place, first, second, third, length):
                    place += is_second
                    places[place, _NOTE] |= _USED
                else:
                    place = _take_place(first, second, third, place, places)
                    n_rows = _sum_word(
                        data, start, stop, rows, counts, bits, ranks, order, n_buckets, slots,
                        word_bytes, word_bounds, sums, place * _PLACE + _SUM,
                        not (first | second | third) & _TOP_BITS, written, hashes, listed,
                    )  # fmt: skip
                    places[place, _NOTE] = length | (np.uint64(n_rows) << np.uint64(16))
                add_sixteen(total, 0, sums, place * _PLACE + _SUM)
                n_added += np.int64(places[place, _NOTE] >> np.uint64(16))
            else:
                n_added += _sum_word(
                    data, start, stop, rows, counts, bits, ranks, order, n_buckets, slots,
                    word_bytes, word_bounds, alone, 0, False, written, hashes, listed,
                )  # fmt: skip
                add_sixteen(total, 0, alone, 0)
        if not goes_on:
            at += n
        elif n_words or edges[0]:
            at += edges[2 * n_words]
        else:  # a word of a whole tile and more
            stop = _find_space(data, at, end)
            n_added += _sum_word(
                data, at, stop, rows, counts, bits, ranks, order, n_buckets, slots,
                word_bytes, word_bounds, alone, 0, False, written, hashes, listed,
            )  # fmt: skip
            add_sixteen(total, 0, alone, 0)
            at = stop
    if not has_word:
        return -1, 0.0
    for k in range(_N_DIMENSIONS):
        total[k] /= np.float32(n_added)
    label, score = _best_label(total, tree, output, reached)
    return label, min(math.exp(score), 1.0)


@kernel(allocates=False)
def draw_sample(data, begin, end, sample):
    """Copy the windows of a text of `SAMPLED_FROM` bytes or more, a space behind each.

    Returns how many bytes they are, and how many windows begin inside a word.
    """
    n = n_cut = 0
    for window in range(N_WINDOWS):
        # In the middle of each of `N_WINDOWS` equal parts, so that none stands at the very beginning or end.
        at = begin + ((2 * window + 1) * (end - begin) // N_WINDOWS - WINDOW_BYTES) // 2
        start, stop = _find_cut(data, at, end), _find_cut(data, at + WINDOW_BYTES, end)
        n_cut += data[start - 1] > 32
        if start + _MOST_BYTES <= len(data):
            # A number of bytes that is known is copied without a branch; what is too much the next window is written over.
            for k in range(0, _MOST_BYTES, 8):
                store64(sample, n + k, load64(data, start + k))
        else:
            for k in range(stop - start):
                sample[n + k] = data[start + k]
        n += stop - start
        sample[n] = 32
        n += 1
    return n, n_cut


@kernel(allocates=False, inline=True)
def _find_cut(data, at, end):
    """Where a window that should begin or end at `at` does: behind the next white space if near, or else at a character."""
    if at + _NEAR <= end:
        first, second = load64(data, at - 1), load64(data, at + 7)
        # The first bit set is that of a byte below 33.
        first = (first - _ONES * np.uint64(33)) & ~first & _TOP_BITS
        second = (second - _ONES * np.uint64(33)) & ~second & _TOP_BITS
        if first | second:
            return at + ((count_trailing_zeros(first) if first else 64 + count_trailing_zeros(second)) >> 3)
    for _ in range(
        3
    ):  # a character has no more bytes behind its first; bytes that are no UTF-8 may go on for ever
        if at < end and data[at] & 0xC0 == 0x80:
            at += 1
    return at


@kernel(allocates=False)
def _predict(
    data, bounds, sampled_from, rows, counts, bits, ranks, order, n_buckets, slots, word_bytes, word_bounds, tree, output,
    labels, probabilities, scratch, reached, places, sums, by_word, sample, read_only,
):  # fmt: skip
    for d in range(len(bounds) - 1):
        begin, end = bounds[d], bounds[d + 1]
        label, probability, sure = -1, 0.0, SURE
        if end - begin >= sampled_from:
            n, n_cut = draw_sample(data, begin, end, sample)
            if 4 * n_cut > N_WINDOWS:
                sure = SURE_OF_CUT
            label, probability = _tell(
                read_only, 0, n, rows, counts, bits, ranks, order, n_buckets,
                slots, word_bytes, word_bounds, tree, output, scratch, reached, places, sums, by_word,
            )  # fmt: skip
        if probability < sure:
            label, probability = _tell(
                data, begin, end, rows, counts, bits, ranks, order, n_buckets,
                slots, word_bytes, word_bounds, tree, output, scratch, reached, places, sums, by_word,
            )  # fmt: skip
        labels[d], probabilities[d] = label, probability
