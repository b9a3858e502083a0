# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""A trigram model: fitted and judged in a fraction of a second, and enough to tell raw text from curated.

Interpolated Witten-Bell smoothing (Bell, Cleary and Witten, 1990): a context that was followed by T kinds of
token in C places gives weight T / (C + T) to the next shorter one. The shortest is counts plus one. Contexts
do not reach over the end of a document: its beginning is seen as after two end tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN
from curate.text.kernel import kernel

_EMPTY = np.uint64(2**64 - 1)


class Trigram:
    """Counts of one training text; ids are below `n_vocabulary`, which is at most 65,536."""

    def __init__(self, tokens: NDArray[np.int64], n_vocabulary: int, eos_id: int) -> None:
        """Count `tokens`: int64, documents one after another, each ended by `eos_id`."""
        n_slots = 1 << max(4, int(2 * len(tokens)).bit_length())
        self.n_vocabulary, self.eos_id = n_vocabulary, eos_id
        self._singles = np.zeros((3, n_vocabulary), np.int64)  # count; as context: places, kinds
        self._pair_keys, self._pairs = np.full(n_slots, _EMPTY), np.zeros((3, n_slots), np.int64)
        self._triple_keys, self._triples = np.full(n_slots, _EMPTY), np.zeros(n_slots, np.int64)
        _count(tokens, n_vocabulary, eos_id, *self._tables)

    @property
    def _tables(self):
        return self._singles, self._pair_keys, self._pairs, self._triple_keys, self._triples

    def nats(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """-ln p of each of `tokens`, float64."""
        return _nats(tokens, self.n_vocabulary, self.eos_id, *self._tables)


@kernel
def _find(keys, key):
    mask = np.uint64(len(keys) - 1)
    at = (key * GOLDEN) >> np.uint64(20) & mask
    while keys[at] != _EMPTY and keys[at] != key:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)


@kernel
def _count(tokens, n_vocabulary, eos_id, singles, pair_keys, pairs, triple_keys, triples):
    first, second = eos_id, eos_id
    for token in tokens:
        singles[0, token] += 1
        pair = _find(pair_keys, np.uint64(second * n_vocabulary + token))
        pair_keys[pair] = np.uint64(second * n_vocabulary + token)
        if pairs[0, pair] == 0:
            singles[2, second] += 1
        pairs[0, pair] += 1
        singles[1, second] += 1
        context = _find(pair_keys, np.uint64(first * n_vocabulary + second))
        pair_keys[context] = np.uint64(first * n_vocabulary + second)
        key = np.uint64((first * n_vocabulary + second) * n_vocabulary + token)
        triple = _find(triple_keys, key)
        triple_keys[triple] = key
        if triples[triple] == 0:
            pairs[2, context] += 1
        triples[triple] += 1
        pairs[1, context] += 1
        first, second = (eos_id, eos_id) if token == eos_id else (second, token)


@kernel
def _nats(tokens, n_vocabulary, eos_id, singles, pair_keys, pairs, triple_keys, triples):
    n_all = singles[0].sum() + n_vocabulary
    first, second = eos_id, eos_id
    nats = np.empty(len(tokens))
    for i, token in enumerate(tokens):
        chance = (singles[0, token] + 1) / n_all
        n_places, n_kinds = singles[1, second], singles[2, second]
        if n_places:
            pair = _find(pair_keys, np.uint64(second * n_vocabulary + token))
            chance = (pairs[0, pair] + n_kinds * chance) / (n_places + n_kinds)
        context = _find(pair_keys, np.uint64(first * n_vocabulary + second))
        n_places, n_kinds = pairs[1, context], pairs[2, context]
        if n_places:
            triple = _find(triple_keys, np.uint64((first * n_vocabulary + second) * n_vocabulary + token))
            chance = (triples[triple] + n_kinds * chance) / (n_places + n_kinds)
        nats[i] = -np.log(chance)
        first, second = (eos_id, eos_id) if token == eos_id else (second, token)
    return nats
