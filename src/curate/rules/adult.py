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
from curate.text.normalise import comparable
from curate.text.terms import Terms
from curate.text.words import Words, hash_words


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
    matcher = _load_matcher()
    n, n_distinct, first = matcher.count(words)
    hosts = pc.replace_substring(host_of(urls), "-", "")
    in_host = pc.match_substring_regex(hosts, "|".join(load_terms()["host"])).to_numpy(zero_copy_only=False)
    in_title = matcher.count(hash_words(comparable(titles.cast(pa.large_string()))))[2] >= 0
    return AdultEvidence(
        np.diff(words.offsets), n[:, 0], n_distinct[:, 0], n[:, 1], in_title, in_host.astype(np.bool_), first
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


@cache
def _load_matcher() -> Terms:
    return Terms([load_terms()["strong"], load_terms()["weak"]])
