"""Texts of all arms as tokens, each text once, and which of them a run reads.

A text's seed is decided by the hash of the text: runs of different seeds share no text, so the spread between
seeds is that of new training text. Within a seed the order is decided by the hash too: where two arms hold
the same texts, they read the same ones in the same order, and their gap is due to the others alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from curate.text.hashing import GOLDEN, finish_all
from curate.tokens import TextEncoder

EVAL_DOCUMENT_CHARS = 3_000
"""Evaluation documents are judged up to here, so that many of them are judged."""
_RUN = re.compile(r"([^\w\s]|_)\1{3,}")
"""One mark more than three times in a row: a rule, or a blank to fill in."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Documents one after another, each ended by eos.

    Attributes:
        tokens: int64, of all documents.
        offsets: int64 (n_documents + 1,) into `tokens`.
        n_bytes: int64 (n_documents,), UTF-8 bytes of each text.
        keys: uint64 (n_documents,), hash of each text.
    """

    tokens: NDArray[np.int64]
    offsets: NDArray[np.int64]
    n_bytes: NDArray[np.int64]
    keys: NDArray[np.uint64]

    def n_tokens(self, places: NDArray[np.int64]) -> int:
        """Count the tokens of some documents."""
        return int((self.offsets[places + 1] - self.offsets[places]).sum())

    def fold(self, places: NDArray[np.int64], n_folds: int, number: int) -> NDArray[np.int64]:
        """Those of some documents whose hash falls into one of `n_folds` parts."""
        return places[self.keys[places] % np.uint64(n_folds) == np.uint64(number)]

    def draw(self, places: NDArray[np.int64], n_tokens: int, salt: str) -> NDArray[np.int64]:
        """The first `n_tokens` of some documents in an order that their hashes and `salt` decide."""
        ranks = _mixed(self.keys[places], _occurrence(places), xxhash.xxh3_64_intdigest(salt.encode()))
        ordered = places[np.argsort(ranks, kind="stable")]
        ends = np.cumsum(self.offsets[ordered + 1] - self.offsets[ordered])
        ordered = ordered[: int(np.searchsorted(ends, n_tokens)) + 1]
        parts = [self.tokens[self.offsets[i] : self.offsets[i + 1]] for i in ordered.tolist()]
        return np.concatenate([np.empty(0, np.int64), *parts])[:n_tokens]


def encode(encoder: TextEncoder, texts: Sequence[str]) -> Encoded:
    """Encode `texts` as they are."""
    tokens, lengths = encoder.encode_joined(pa.array(texts, pa.large_string()))
    raw = [text.encode() for text in texts]
    return Encoded(
        tokens.astype(np.int64),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([len(text) for text in raw], np.int64),
        np.array([xxhash.xxh3_64_intdigest(text) for text in raw], np.uint64),
    )


def encode_judged(encoder: TextEncoder, texts: Sequence[str], n_tokens: int) -> Encoded:
    """Encode the beginnings of evaluation texts in a fixed random order, whole ones up to `n_tokens`.

    A mark that is repeated more than three times is judged once: whether one training page had a line of
    underscores would else decide over a workbook.
    """
    order = np.random.default_rng(0).permutation(len(texts))
    encoded = encode(encoder, [_RUN.sub(r"\1", texts[int(i)])[:EVAL_DOCUMENT_CHARS] for i in order])
    n = int(np.searchsorted(encoded.offsets[1:], n_tokens)) + 1
    offsets = encoded.offsets[: n + 1]
    return Encoded(encoded.tokens[: offsets[-1]], offsets, encoded.n_bytes[:n], encoded.keys[:n])


def _occurrence(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 where a value stands first, 1 where it stands a second time, and so on."""
    order = np.argsort(places, kind="stable")
    sorted_places = places[order]
    begins = np.flatnonzero(np.r_[True, sorted_places[1:] != sorted_places[:-1]]) if len(places) else order
    counts = np.diff(np.append(begins, len(places)))
    found = np.empty(len(places), np.int64)
    found[order] = np.arange(len(places)) - np.repeat(begins, counts)
    return found


def _mixed(keys: NDArray[np.uint64], more: NDArray[np.int64], salt: int) -> NDArray[np.uint64]:
    return finish_all((keys ^ np.uint64(salt)) + more.astype(np.uint64) * GOLDEN)
