"""The screen for adult pages: what terms and host say, and the topic of those pages alone of which they say enough.

An English page, and one in no language, goes if the topic classifier says Adult and

    words   two different strong terms stand in it, three words in a thousand; or
    name    its host or title is named after such pages, and one strong or two weak terms stand in it.

The classifier reads English. Pages in other languages go by two different strong terms, one word in a hundred, or by the name of
their host with one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.rules.adult import AdultEvidence, find_evidence, strong_terms
from curate.scoring.load import load_classifier
from curate.text.words import Words

REASON = "adult"
_LEAST_TOPIC = 0.7
_PROVEN, _LIKELY = 0.01, 0.003  # strong terms per word


def find_adult(
    urls: pa.Array,
    titles: pa.Array,
    texts: Callable[[NDArray[np.int64]], pa.Array],
    languages: pa.Array,
    words: Words,
) -> pa.Array:
    """Say of N documents why they are adult pages, as text; null for all others.

    Args:
        urls: address of each, or null.
        titles: title of each, or null.
        texts: gives the texts of some of the N, which is asked for few.
        languages: code of each, null where it is in none.
        words: of the texts.
    """
    found = find_evidence(urls, titles, words)
    english = np.array([code in (None, "en") for code in languages.to_pylist()], np.bool_)
    proven, suspected = weigh(found, english)
    topics = np.full(len(urls), np.nan)
    asked = np.flatnonzero(suspected)
    if len(asked):
        topics[asked] = _ask_topic(texts(asked))
    is_adult = proven | (suspected & (topics >= _LEAST_TOPIC))
    reasons: list[str | None] = [None] * len(urls)
    for row in np.flatnonzero(is_adult).tolist():
        first = int(found.first[row])
        parts = [f"terms {found.n_strong[row]}" + (f" ({strong_terms([first])[0]})" if first >= 0 else "")]
        parts += ["host"] if found.in_host[row] else []
        parts += ["title"] if found.in_title[row] else []
        parts += [] if np.isnan(topics[row]) else [f"topic Adult {topics[row]:.2f}"]
        reasons[row] = ", ".join(parts)
    return pa.array(reasons, pa.string())


def weigh(found: AdultEvidence, english: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of N documents terms and host prove alone (none in English), and for which the topic decides."""
    rate = found.n_strong / np.maximum(found.n_words, 1)
    named = found.in_host | found.in_title
    proven = (found.n_distinct >= 2) & (rate >= _PROVEN)
    proven |= found.in_host & (found.n_strong > 0)
    suspected = (found.n_distinct >= 2) & (rate >= _LIKELY)
    suspected |= named & ((found.n_strong > 0) | (found.n_weak >= 2))
    return proven & ~english, suspected & english


def _ask_topic(texts: pa.Array) -> NDArray[np.float32]:
    return _load_topic().score(texts)


@cache
def _load_topic():  # noqa: ANN202
    return load_classifier("topic").scorer("Adult")
