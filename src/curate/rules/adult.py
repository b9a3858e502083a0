# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""What speaks for a page made for sexual arousal: terms of its text and title, and the name of its host.

The terms are data, `adult.toml`. Evidence alone: `curate.run.adult` decides, with the topic of the page beside it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.rules.urls import host_of
from curate.text.kernel import kernel
from curate.text.normalise import comparable
from curate.text.words import Words, hash_words

STRONG, WEAK = 1, 2
_MOST_WORDS = 8  # of a term
_BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class AdultEvidence:
    """What was found of N documents, each of shape (N,).

    Attributes:
        n_words: int64, words of the text.
        n_strong: int64, words and phrases of the text that hardly occur elsewhere.
        n_distinct: int64, how many different ones.
        n_weak: int64, words that medicine, law and others use as well.
        in_title: bool, a strong one stands in the title.
        in_host: bool, the host is named after such pages.
        first: int64, number of the first strong term, -1 where there is none.
    """

    n_words: NDArray[np.int64]
    n_strong: NDArray[np.int64]
    n_distinct: NDArray[np.int64]
    n_weak: NDArray[np.int64]
    in_title: NDArray[np.bool_]
    in_host: NDArray[np.bool_]
    first: NDArray[np.int64]


def find_evidence(urls: pa.Array, titles: pa.Array, words: Words) -> AdultEvidence:
    """Look for the terms in N documents; `words` are those of their texts. Null addresses and titles hold none.

    >>> words = hash_words(pa.array(["Great tits and finches."]))
    >>> found = find_evidence(pa.array(["https://birds.example"]), pa.array(["Garden birds"]), words)
    >>> int(found.n_strong[0]), int(found.n_weak[0]), bool(found.in_title[0])
    (0, 1, False)
    """
    counts = _count(words)
    hosts = pc.replace_substring(host_of(urls), "-", "")
    in_host = pc.match_substring_regex(hosts, "|".join(load_terms()["host"])).to_numpy(zero_copy_only=False)
    in_title = _count(hash_words(comparable(titles.cast(pa.large_string()))))[0] > 0
    n_strong, n_distinct, n_weak, first = counts
    return AdultEvidence(
        np.diff(words.offsets), n_strong, n_distinct, n_weak, in_title, in_host.astype(np.bool_), first
    )


@cache
def load_terms() -> dict[str, list[str]]:
    """The terms by their class: strong, weak, host."""
    with Path(__file__).with_name("adult.toml").open("rb") as file:
        return tomllib.load(file)


def strong_terms(numbers: Sequence[int]) -> list[str]:
    """The strong terms of these numbers."""
    terms = load_terms()["strong"]
    return [terms[number] for number in numbers]


def _count(words: Words) -> NDArray[np.int64]:
    """Strong terms, distinct ones, weak terms and the first strong one of N documents: int64 (4, N)."""
    firsts, keys, kinds, n_terms = _load_tables()
    found = np.zeros((4, len(words.offsets) - 1), np.int64)
    found[3] = -1
    _count_terms(words.hashes, words.offsets, firsts, keys, kinds, np.full(n_terms, -1, np.int64), found)
    return found


@cache
def _load_tables() -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int64], int]:
    """Open-addressing tables: hashes of first words; hashes of terms, and beside these the term's number, negative if weak."""
    strong, weak = load_terms()["strong"], load_terms()["weak"]
    words = hash_words(comparable(pa.array([*strong, *weak])))
    firsts, keys = np.zeros(4096, np.uint64), np.zeros(4096, np.uint64)
    kinds = np.zeros(4096, np.int64)
    for number in range(len(strong) + len(weak)):
        hashes = words.hashes[words.offsets[number] : words.offsets[number + 1]]
        if not 1 <= len(hashes) <= _MOST_WORDS:
            raise ValueError(f"{(strong + weak)[number]} has {len(hashes)} words")
        with np.errstate(over="ignore"):
            key = np.uint64(0)
            for each in hashes:
                key = key * _BASE + each
        _put(firsts, hashes[0])
        slot = _put(keys, key)
        kinds[slot] = number + 1 if number < len(strong) else -(number + 1)
    return firsts, keys, kinds, len(strong) + len(weak) + 2


def _put(table: NDArray[np.uint64], key: np.uint64) -> int:
    slot = int(key) >> 52
    while table[slot] not in (0, key):
        slot = (slot + 1) & (len(table) - 1)
    table[slot] = key
    return slot


@kernel
def _find(table, key):
    slot = np.int64(key >> np.uint64(52))
    while table[slot] != 0:
        if table[slot] == key:
            return slot
        slot = (slot + 1) & (len(table) - 1)
    return -1


@kernel
def _count_terms(hashes, offsets, firsts, keys, kinds, seen, found):
    for document in range(len(offsets) - 1):
        end = offsets[document + 1]
        for i in range(offsets[document], end):
            if _find(firsts, hashes[i]) < 0:
                continue
            key = np.uint64(0)
            best = 0  # the longest term that begins here
            for j in range(i, min(end, i + _MOST_WORDS)):
                key = key * _BASE + hashes[j]
                slot = _find(keys, key)
                if slot >= 0:
                    best = kinds[slot]
            if best > 0:
                found[0, document] += 1
                if seen[best] != document:
                    seen[best] = document
                    found[1, document] += 1
                if found[3, document] < 0:
                    found[3, document] = best - 1
            elif best < 0:
                found[2, document] += 1
