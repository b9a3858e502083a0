# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Byte-level BPE with GPT-2's pattern over Arrow's own bytes: the ids of `tokenizers`, many times as fast.

It takes the tokenizers that are fitted here, and those of GPT-2's make: model BPE without options,
pre-tokenizer `ByteLevel` with its pattern, no normalizer, and no added tokens but special ones (which stay
text). Whatever is otherwise is left to `tokenizers`; both give the same ids (tested, and checked on each
tokenizer's own words).

A text is cut into pieces as the pattern does (contractions, letters, numbers, other signs, white space);
each piece is looked up in a table of those met before, and merged pair by pair where it is new.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel
from curate.text.words import view_utf8
from curate.tokens.pieces import load_byte_classes, piece_end

_SLOTS = 1 << 18
_SHORT_BYTES, _SHORT_TOKENS = 16, 3  # what a slot of four words holds: nearly all pieces of English text
_LONG_BYTES = 96  # longer pieces hardly come twice
_MULTIPLY = np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's 64-bit finaliser
_SCANNED_BYTES = 32
_SCRATCH = 1 << 12
_NEVER = np.int64(2**63 - 1)


class ByteLevelKernel:
    """Encodes Arrow string arrays; holds the merges, and pieces met before (which do not change results)."""

    def __init__(
        self, vocabulary: dict[str, int], merges: list[tuple[str, str]], *, n_slots: int = _SLOTS
    ) -> None:
        """Take the model of a tokenizer.json; `n_slots`, a power of two, bounds how many pieces are kept.

        Raises:
            KeyError: A byte or a merge has no id.
        """
        letters = _byte_letters()
        self._byte_ids = np.array([vocabulary[letters[byte]] for byte in range(256)], np.int32)
        self._classes = load_byte_classes()
        n_pair_slots = 1 << int(2 * len(merges) + 2).bit_length()
        self._pairs = np.zeros((n_pair_slots, 2), np.uint64)
        pairs = np.array([[vocabulary[left], vocabulary[right]] for left, right in merges], np.int64)
        ids = np.array([vocabulary[left + right] for left, right in merges], np.int64)
        _fill_pairs(pairs.reshape(-1, 2), ids, self._pairs)
        self._slots = np.zeros((n_slots, 4), np.uint64)
        self._bytes = np.zeros(n_slots * 4, np.uint8)
        self._tokens = np.zeros(n_slots * 4, np.int32)
        self._fill = np.zeros(3, np.int64)  # pieces, bytes of long ones, tokens of those with many

    def encode(
        self, texts: pa.Array | pa.ChunkedArray, eos_id: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Encode N texts: the ids of all, each text's with `eos_id` behind, and how many each has (N)."""
        data, bounds = view_utf8(texts)
        out = np.empty(int(bounds[-1] - bounds[0]) + len(bounds), np.int32)
        lengths = np.empty(len(bounds) - 1, np.int64)
        n = _encode(
            data, bounds, self._classes, self._byte_ids, self._pairs, self._slots,
            self._bytes, self._tokens, self._fill, eos_id, out, lengths,
        )  # fmt: skip
        return out[:n], lengths


def make_kernel(tokenizer: Any) -> ByteLevelKernel | None:
    """Make the kernel of a `tokenizers.Tokenizer`; null for one that it does not cover."""
    description = json.loads(tokenizer.to_str())
    model = description["model"]
    if not _is_covered(description):
        return None
    try:
        kernel = ByteLevelKernel(model["vocab"], [_pair(merge) for merge in model["merges"]])
    except KeyError:
        return None
    added = {token["content"] for token in description["added_tokens"]}
    return kernel if _agrees(kernel, tokenizer, sorted(set(model["vocab"]) - added)) else None


_OPTIONS = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges")


def _is_covered(description: dict[str, Any]) -> bool:
    """Whether a tokenizer.json is of GPT-2's make."""
    model, cutter = description["model"], description["pre_tokenizer"] or {}
    return (
        model["type"] == "BPE"
        and not any(model.get(option) for option in _OPTIONS)
        and description["normalizer"] is None
        and cutter.get("type") == "ByteLevel"
        and not cutter["add_prefix_space"]
        and cutter.get("use_regex", True)
        and all(token["special"] for token in description["added_tokens"])
    )


def _pair(merge: str | list[str]) -> tuple[str, str]:
    """Read a merge in either of its spellings."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _agrees(kernel: ByteLevelKernel, tokenizer: Any, vocabulary: list[str]) -> bool:
    """Whether kernel and tokenizer give the same ids for a text of some of its words and of signs."""
    values = {letter: byte for byte, letter in enumerate(_byte_letters())}
    words = vocabulary[:: max(1, len(vocabulary) // 2000)]
    text = "".join(
        bytes(values[letter] for letter in word).decode(errors="replace")
        for word in words
        if all(letter in values for letter in word)
    )
    text += " it's they'LL  we've\n\n \t x1½²３ \u00a0\u3000—… é\u0301 日本 \U0001f642"
    found, _ = kernel.encode(pa.array([text], pa.large_string()), 0)
    return found[:-1].tolist() == tokenizer.encode(text, add_special_tokens=False).ids


def _byte_letters() -> list[str]:
    """The letter of each byte in vocabularies of GPT-2's make: itself if printable, else from 256 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


@kernel
def _fill_pairs(merged, ids, pairs):
    """Fill the table of merges: (pair + 1, rank in the upper and id in the lower half); 0 is a free slot."""
    for rank in range(len(ids)):
        key = (np.uint64(merged[rank, 0]) << np.uint64(32)) | np.uint64(merged[rank, 1])
        slot = _pair_slot(pairs, key)
        pairs[slot, 0] = key + np.uint64(1)  # of equal pairs the last one counts, as in a dictionary
        pairs[slot, 1] = (np.uint64(rank) << np.uint64(32)) | np.uint64(ids[rank])


@kernel
def _pair_slot(pairs, key):
    """The slot of a pair, or the free one where it would be."""
    mask = np.uint64(len(pairs) - 1)
    slot = ((key * GOLDEN) >> np.uint64(20)) & mask
    while pairs[slot, 0] != np.uint64(0) and pairs[slot, 0] != key + np.uint64(1):
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def _pair_value(pairs, left, right):
    """Rank and id that a pair merges to, as in the table; the largest number for one that does not merge."""
    slot = _pair_slot(pairs, (np.uint64(left) << np.uint64(32)) | np.uint64(right))
    return np.int64(pairs[slot, 1]) if pairs[slot, 0] != np.uint64(0) else _NEVER


@kernel
def _encode(
    data, bounds, classes, byte_ids, pairs, slots, kept_bytes, kept_tokens, fill, eos_id,
    out, lengths,
):  # fmt: skip
    scratch = np.empty(6 * _SCRATCH, np.int64)
    n = 0
    for document in range(len(bounds) - 1):
        position, end, before = bounds[document], bounds[document + 1], n
        while position < end:
            stop = piece_end(data, position, end, classes)
            size = stop - position
            if size == 1:
                out[n] = byte_ids[data[position]]
                n += 1
            elif size <= _LONG_BYTES:
                low, high, slot, is_known = _find_slot(data, position, size, slots, kept_bytes)
                if is_known:
                    n = _recall(slots, slot, kept_tokens, out, n)
                else:
                    before_piece = n
                    n = _merge(data, position, stop, byte_ids, pairs, scratch, out, n)
                    if _has_room(size, n - before_piece, slots, kept_bytes, kept_tokens, fill):
                        if size > _SHORT_BYTES:
                            kept_bytes[fill[1] : fill[1] + size] = data[position:stop]
                            high = np.uint64(fill[1])
                            fill[1] += size
                        slots[slot, 0], slots[slot, 1] = low, high
                        _remember(slots, slot, size, kept_tokens, fill, out, before_piece, n)
            else:
                room = scratch if size <= _SCRATCH else np.empty(6 * size, np.int64)
                n = _merge(data, position, stop, byte_ids, pairs, room, out, n)
            position = stop
        out[n] = eos_id
        n += 1
        lengths[document] = n - before
    return n


@kernel
def _find_slot(data, position, size, slots, kept_bytes):
    """Find a piece among those met: (its two key words, its slot or a free one, whether it is there).

    A slot is half a cache line of four words. Up to 16 bytes the first two are the piece itself; of a
    longer one they are a hash and the place of its bytes. The third has the first token (32 bits), the
    number of tokens (8 bits from bit 8) and of bytes (8 bits, never 0); the fourth two more tokens, or the
    place of all.
    """
    low, high = np.uint64(0), np.uint64(0)
    is_short = size <= _SHORT_BYTES
    if is_short:
        for i in range(min(size, 8)):
            low |= np.uint64(data[position + i]) << np.uint64(8 * i)
        for i in range(8, size):
            high |= np.uint64(data[position + i]) << np.uint64(8 * (i - 8))
    else:
        for i in range(size):
            low = (low ^ np.uint64(data[position + i])) * _MULTIPLY
            low ^= low >> np.uint64(32)
    digest = (low ^ (high * GOLDEN)) * _MULTIPLY
    mask = np.uint64(len(slots) - 1)
    slot = (digest >> np.uint64(32)) & mask
    while slots[slot, 2] != 0:
        if slots[slot, 0] == low and (slots[slot, 2] & np.uint64(0xFF)) == np.uint64(size):
            if is_short:
                if slots[slot, 1] == high:
                    return low, high, slot, True
            else:
                begin, n_equal = np.int64(slots[slot, 1]), 0
                while n_equal < size and kept_bytes[begin + n_equal] == data[position + n_equal]:
                    n_equal += 1
                if n_equal == size:
                    return low, high, slot, True
        slot = (slot + np.uint64(1)) & mask
    return low, high, slot, False


@kernel
def _recall(slots, slot, kept_tokens, out, n):
    """Write the tokens of a piece that was met before."""
    meta, more = slots[slot, 2], slots[slot, 3]
    n_tokens = np.int64((meta >> np.uint64(8)) & np.uint64(0xFF))
    if n_tokens > _SHORT_TOKENS:
        first = np.int64(more)
        for i in range(n_tokens):
            out[n + i] = kept_tokens[first + i]
        return n + n_tokens
    out[n] = np.int32(meta >> np.uint64(32))
    if n_tokens > 1:
        out[n + 1] = np.int32(more & np.uint64(0xFFFFFFFF))
        if n_tokens > 2:
            out[n + 2] = np.int32(more >> np.uint64(32))
    return n + n_tokens


@kernel
def _has_room(size, n_tokens, slots, kept_bytes, kept_tokens, fill):
    return (
        fill[0] < len(slots) * 3 // 4
        and (size <= _SHORT_BYTES or fill[1] + size <= len(kept_bytes))
        and (n_tokens <= _SHORT_TOKENS or fill[2] + n_tokens <= len(kept_tokens))
    )


@kernel
def _remember(slots, slot, size, kept_tokens, fill, out, before, after):
    n_tokens = after - before
    more = np.uint64(0)
    if n_tokens > _SHORT_TOKENS:
        kept_tokens[fill[2] : fill[2] + n_tokens] = out[before:after]
        more = np.uint64(fill[2])
        fill[2] += n_tokens
    else:
        for i in range(1, n_tokens):
            more |= np.uint64(out[before + i]) << np.uint64(32 * (i - 1))
    fill[0] += 1
    slots[slot, 2] = (
        (np.uint64(out[before]) << np.uint64(32)) | (np.uint64(n_tokens) << np.uint64(8)) | np.uint64(size)
    )
    slots[slot, 3] = more


@kernel
def _merge(data, position, stop, byte_ids, pairs, scratch, out, n):
    """Merge the bytes of a piece, the lowest rank first and of equals the leftmost; returns where they end.

    `scratch` has room for six numbers a byte.
    """
    if stop - position <= _SCANNED_BYTES:
        return _merge_short(data, position, stop, byte_ids, pairs, scratch, out, n)
    return _merge_long(data, position, stop, byte_ids, pairs, scratch, out, n)


@kernel
def _merge_short(data, position, stop, byte_ids, pairs, scratch, out, n):
    """Look for the lowest rank anew for every merge: the fastest for a word."""
    size = stop - position
    ids, values = scratch[:size], scratch[size : 2 * size]
    for i in range(size):
        ids[i] = byte_ids[data[position + i]]
    for i in range(size - 1):
        values[i] = _pair_value(pairs, ids[i], ids[i + 1])
    while size > 1:
        at, lowest = 0, values[0]
        for i in range(1, size - 1):
            if values[i] < lowest:
                at, lowest = i, values[i]
        if lowest == _NEVER:
            break
        ids[at] = lowest & 0xFFFFFFFF
        size -= 1
        for i in range(at + 1, size):
            ids[i] = ids[i + 1]
        for i in range(at + 1, size - 1):
            values[i] = values[i + 1]
        if at + 1 < size:
            values[at] = _pair_value(pairs, ids[at], ids[at + 1])
        if at > 0:
            values[at - 1] = _pair_value(pairs, ids[at - 1], ids[at])
    for i in range(size):
        out[n + i] = ids[i]
    return n + size


@kernel
def _merge_long(data, position, stop, byte_ids, pairs, scratch, out, n):
    """Keep a heap of (rank, place of the left one); what has changed since is recognised when it comes up."""
    size = stop - position
    ids, before, behind = scratch[:size], scratch[size : 2 * size], scratch[2 * size : 3 * size]
    for i in range(size):
        ids[i] = byte_ids[data[position + i]]
        before[i], behind[i] = i - 1, i + 1
    heap, n_heap = scratch[3 * size : 6 * size], 0
    for i in range(size - 1):
        n_heap = _push_pair(heap, n_heap, ids, i, i + 1, pairs)
    while n_heap:
        top = heap[0]
        n_heap = _pop(heap, n_heap)
        left, rank = top & 0xFFFFFFFF, top >> 32
        if ids[left] < 0 or behind[left] >= size:
            continue
        right = behind[left]
        value = _pair_value(pairs, ids[left], ids[right])
        if value == _NEVER or value >> 32 != rank:
            continue
        ids[left], ids[right] = value & 0xFFFFFFFF, -1
        behind[left] = behind[right]
        if behind[left] < size:
            before[behind[left]] = left
            n_heap = _push_pair(heap, n_heap, ids, left, behind[left], pairs)
        if before[left] >= 0:
            n_heap = _push_pair(heap, n_heap, ids, before[left], left, pairs)
    at = np.int64(0)
    while at < size:
        out[n] = ids[at]
        n += 1
        at = behind[at]
    return n


@kernel
def _push_pair(heap, n_heap, ids, left, right, pairs):
    value = _pair_value(pairs, ids[left], ids[right])
    if value == _NEVER:
        return n_heap
    value = ((value >> 32) << 32) | left
    at = n_heap
    while at > 0 and heap[(at - 1) // 2] > value:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = value
    return n_heap + 1


@kernel
def _pop(heap, n_heap):
    """Remove the least entry; returns how many are left."""
    n_heap -= 1
    value, at = heap[n_heap], 0
    while 2 * at + 1 < n_heap:
        child = 2 * at + 1
        if child + 1 < n_heap and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value
    return n_heap
