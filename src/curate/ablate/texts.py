"""Keeping evaluation text out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.dedup import find_duplicates
from curate.text.hashing import hash_runs
from curate.text.words import hash_words

NGRAM_WORDS = 13
"""Words in a row that show a copy (GPT-3, arXiv 2005.14165)."""


def outside_evaluation(texts: Sequence[str], evaluation: Sequence[str], jaccard: float) -> NDArray[np.bool_]:
    """Mark near-duplicates of evaluation texts and texts that share 13 words in a row with one."""
    return _sharing_ngrams(texts, evaluation) | _near_duplicates(texts, evaluation, jaccard)


def _near_duplicates(texts: Sequence[str], evaluation: Sequence[str], jaccard: float) -> NDArray[np.bool_]:
    """Texts in a cluster that holds an evaluation text."""
    n = len(texts)
    pairs = find_duplicates(pa.array([*texts, *evaluation], pa.large_string()), jaccard)
    removed, kept = pairs["removed_id"].to_numpy(), pairs["kept_id"].to_numpy()
    marked = np.zeros(n + len(evaluation), np.bool_)
    marked[n:] = True
    touched = np.zeros(n + len(evaluation), np.bool_)
    np.logical_or.at(touched, kept, marked[removed])
    touched |= marked
    out = touched.copy()
    out[removed] |= touched[kept]
    return out[:n]


def _sharing_ngrams(texts: Sequence[str], evaluation: Sequence[str]) -> NDArray[np.bool_]:
    known = np.unique(_ngrams(evaluation)[0])
    ngrams, owners = _ngrams(texts)
    places = np.searchsorted(known, ngrams).clip(max=max(len(known) - 1, 0))
    shared = known[places] == ngrams if len(known) else np.zeros(len(ngrams), np.bool_)
    out = np.zeros(len(texts), np.bool_)
    out[owners[shared]] = True
    return out


def _ngrams(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of every 13 words in a row, and the number of the text that each is in."""
    words = hash_words(pa.array(texts, pa.large_string()))
    runs = hash_runs(words.hashes, NGRAM_WORDS)
    first, last = np.arange(len(runs)), np.arange(len(runs)) + NGRAM_WORDS - 1
    owner = np.searchsorted(words.offsets, first, "right") - 1
    within = last < words.offsets[owner + 1]
    return runs[within], owner[within].astype(np.int64)
