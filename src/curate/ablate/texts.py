"""Texts of arms and evaluation domains: reading them, and keeping evaluation text out of training."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from curate.dedup import find_duplicates
from curate.errors import SettingError
from curate.words import hash_words

NGRAM_WORDS = 13
"""Words in a row that show a copy (GPT-3, arXiv 2005.14165)."""
_BASE = np.uint64(0x9E3779B97F4A7C15)


def read_texts(path: str | Path, column: str = "text") -> list[str]:
    """Read a column of Parquet or JSON-lines files (gzipped or not): one file, or a folder of them.

    The output folder of `curate filter` stands for what it kept. Empty texts are left out.
    """
    place = Path(path)
    if (place / "kept").is_dir():
        place /= "kept"
    if not place.exists():
        raise SettingError(f"{place} does not exist. Name a Parquet or JSON-lines file, or a folder of them.")
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    texts: list[str] = []
    for file in files:
        if file.suffix == ".parquet":
            texts += _of_parquet(file, column)
        elif ".jsonl" in file.name:
            texts += _of_jsonl(file, column)
    if not texts:
        raise SettingError(f"{place} holds no text in a column '{column}' of *.parquet or *.jsonl files.")
    return texts


def outside_evaluation(
    texts: Sequence[str], evaluation: Sequence[str], jaccard: float
) -> tuple[list[str], int]:
    """Leave out near-duplicates of evaluation texts and texts that share 13 words in a row with one.

    Returns:
        The texts that stay, in order, and how many were left out.
    """
    out = _sharing_ngrams(texts, evaluation) | _near_duplicates(texts, evaluation, jaccard)
    return [text for text, leave in zip(texts, out, strict=True) if not leave], int(out.sum())


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
    n = len(words.hashes) - NGRAM_WORDS + 1
    if n <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    summed = np.zeros(n, np.uint64)
    for i in range(NGRAM_WORDS):
        summed = summed * _BASE + words.hashes[i : i + n]
    first, last = np.arange(n), np.arange(n) + NGRAM_WORDS - 1
    owner = np.searchsorted(words.offsets, first, "right") - 1
    within = last < words.offsets[owner + 1]
    return summed[within], owner[within].astype(np.int64)


def _of_parquet(file: Path, column: str) -> list[str]:
    data = ds.dataset(file)
    if column not in data.schema.names:
        raise SettingError(f"{file} has no column '{column}'. It has: {', '.join(data.schema.names)}.")
    return [text for text in data.to_table(columns=[column])[column].to_pylist() if text]


def _of_jsonl(file: Path, column: str) -> list[str]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        return [text for line in lines if (text := json.loads(line).get(column))]
