"""How signals follow from raw counts: a formula takes the counts of a batch and the reading that is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.signals.measured import Measured

Numbers = NDArray[Any]
Parameters = Mapping[str, str]
Formula = Callable[[Measured, Parameters], Numbers]


def ratio(numerator: Numbers, denominator: Numbers) -> NDArray[np.float64]:
    """Divide; NaN where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator != 0, dtype=np.float64
    )


def deviation(total: Numbers, squared: Numbers, n: Numbers) -> NDArray[np.float64]:
    """The standard deviation (of the population) from a sum, a sum of squares and a count."""
    mean = ratio(total, n)
    return np.sqrt(np.maximum(ratio(squared, n) - mean * mean, 0.0))


def per_word(block: str, column: str) -> Formula:
    """A count of the block, per word."""
    return lambda of, by: ratio(of.block(block)[column], of.words(by.get("words", "space"))["words"])


def of_words(column: str) -> Formula:
    """The share of words that one count holds."""
    return lambda of, by: ratio(
        of.words(by.get("words", "space"))[column], of.words(by.get("words", "space"))["words"]
    )


def of_chars(column: str) -> Formula:
    """The share of characters that one count holds."""
    return lambda of, _: ratio(of.block("chars")[column], of.block("chars")["chars"])


def of_lines(*columns: str) -> Formula:
    """The share of lines that the counts hold together."""

    def formula(of: Measured, by: Parameters) -> Numbers:
        lines = of.lines(by.get("lines", "stripped"))
        return ratio(np.sum([lines[column] for column in columns], axis=0), lines["lines"])

    return formula


def n_words(of: Measured, by: Parameters) -> Numbers:
    """Words, with or without those that are only marks."""
    words = of.words(by["words"])
    return words["words"] - words["pure_punct"] if by["marks"] == "skip" else words["words"]


def mean_word_chars(of: Measured, by: Parameters) -> Numbers:
    """Mean length of words, with or without those that are only marks."""
    words = of.words(by["words"])
    if by["marks"] == "skip":
        return ratio(words["chars"] - words["pure_punct_chars"], words["words"] - words["pure_punct"])
    return ratio(words["chars"], words["words"])


def n_stop_words(of: Measured, by: Parameters) -> Numbers:
    """Stop words, in any case or in lower case."""
    return of.words(by["words"])["stop" if by["case"] == "any" else "stop_exact"]


def n_distinct_stop_words(of: Measured, by: Parameters) -> Numbers:
    """Distinct stop words, in any case or in lower case."""
    mask = of.words(by["words"])["stop_mask" if by["case"] == "any" else "stop_exact_mask"]
    return np.bitwise_count(mask).astype(np.int64)


def word_entropy(of: Measured, _: Parameters) -> Numbers:
    """H = log2(n) - sum(c log2(c)) / n over the counts c of distinct words."""
    n = of.block("words")["words"]
    return np.log2(np.where(n > 0, n, np.nan)) - ratio(of.entropy_sums, n)


BULLETS = {
    "all": ("bullet",),
    "datatrove": ("bullet_dot", "bullet_hyphen"),
    "dolma": ("bullet_star", "bullet_hyphen"),
    "dclm": ("bullet_disc", "bullet_dot", "bullet_star", "bullet_hyphen"),
}
ELLIPSES = {
    "usual": ("ends_dots", "ends_ellipsis"),
    "character": ("ends_ellipsis",),
    "spaced": ("ends_dots", "ends_spaced_dots", "ends_ellipsis"),
}


def frac_bullet_lines(of: Measured, by: Parameters) -> Numbers:
    """Lines that begin with one of the bullets of a toolkit."""
    return of_lines(*BULLETS[by["bullets"]])(of, by)


def frac_ellipsis_lines(of: Measured, by: Parameters) -> Numbers:
    """Lines that end in what a toolkit takes for an ellipsis."""
    return of_lines(*ELLIPSES[by["ellipses"]])(of, by)


def frac_short_lines(of: Measured, by: Parameters) -> Numbers:
    """Lines of at most 30 characters, or of at most 29."""
    return of_lines("short_30" if by["max_chars"] == "30" else "short_29")(of, by)


def _pieces(of: Measured, kind: str, by: Parameters) -> Mapping[str, Numbers]:
    return of.lines(by["lines"]) if kind == "lines" else of.paragraphs(by["paragraphs"])


def frac_dup(kind: str) -> Formula:
    """Copies among lines or paragraphs."""

    def formula(of: Measured, by: Parameters) -> Numbers:
        pieces = _pieces(of, kind, by)
        return ratio(pieces["dup_second" if by["copies"] == "later" else "dup_all"], pieces[kind])

    return formula


def frac_dup_chars(kind: str) -> Formula:
    """Characters of copies among lines or paragraphs, over one of four totals."""

    def formula(of: Measured, by: Parameters) -> Numbers:
        pieces = _pieces(of, kind, by)
        chars = of.block("chars")
        total = {
            "pieces": lambda: pieces["chars"],
            "text": lambda: chars["chars"],
            "text_without_feeds": lambda: chars["chars"] - chars["newlines"],
            "words": lambda: of.block("words")["chars"],
        }[by["over"]]()
        return ratio(pieces["dup_second_chars" if by["copies"] == "later" else "dup_all_chars"], total)

    return formula


def _total(of: Measured, by: Parameters) -> Numbers:
    return of.block("chars")["chars"] if by["over"] == "text" else of.words(by["words"])["chars"]


def frac_top(n: int) -> Formula:
    """Characters of the most frequent n-gram times its count."""

    def formula(of: Measured, by: Parameters) -> Numbers:
        ngrams = of.ngrams(by["words"])
        count = ngrams[f"top_{n}_count"]
        chars = ngrams[f"top_{n}_chars" if by["ties"] == "first" else f"top_{n}_longest"]
        if by["single"] == "ignore":
            count = np.where(count > 1, count, 0)
        if by["spaces"] == "count":
            chars = chars + (n - 1)
        return ratio(count * chars, _total(of, by))

    return formula


def frac_dup_ngram(n: int) -> Formula:
    """Characters of repeated n-grams, counted in one of three ways."""

    def formula(of: Measured, by: Parameters) -> Numbers:
        ngrams = of.ngrams(by["words"])
        if by["over"] == "ngrams":
            all_chars = ngrams[f"dup_{n}_all"]
            return np.where(
                _total(of, by) > 0, ngrams[f"dup_{n}_{by['chars']}"] / np.maximum(all_chars, 1), np.nan
            )
        return ratio(ngrams[f"dup_{n}_{by['chars']}"], _total(of, by))

    return formula


DOUBLING_SHARE, GROWTH_FROM_WORDS, GROWTH_FROM_LETTERS, MOST_GROWTH = 0.06, 250, 400, 0.30


def dup_5gram_beyond_length(of: Measured, _: Parameters) -> Numbers:
    """The share of repeated 5-grams less what a text of that length may have more than one of 250 words.

    Where text teaches by repetition (examples, exercises, signatures), the share grows by 1.7 to 3.5 points with each
    doubling of its words, at the 98th percentile by 6; hardly at all in prose. So .06 for each doubling are taken off,
    at most .30. Words of marks alone, such as the blanks of a form and the rules of a table, are left out: all of them
    count as repeated, so that the share of the others is never taken for more than it is.
    """
    allowed = _growth(of.block("words")["words"], GROWTH_FROM_WORDS)
    marks = of.block("words")["pure_punct_chars"]
    repeated = np.maximum(of.block("ngrams")["dup_5_covered"] - marks, 0)
    return ratio(repeated, of.block("words")["chars"] - marks) - allowed


def _growth(n: Numbers, start: int) -> NDArray[np.float64]:
    """What texts of n words or letters may repeat more than those of `start`."""
    return np.minimum(DOUBLING_SHARE * np.log2(np.maximum(n, start) / start), MOST_GROWTH)


def dup_10letter_beyond_length(of: Measured, _: Parameters) -> Numbers:
    """The like for scripts without spaces, where ten letters stand for five words and 400 letters for 250 words."""
    letters = of.letters["letters"]
    return ratio(of.letters["repeated"], letters) - _growth(letters, GROWTH_FROM_LETTERS)


def of_kinds(*kinds: str) -> Formula:
    """The share of lines that are of these kinds."""

    def formula(of: Measured, _: Parameters) -> Numbers:
        lines = of.kinds()
        return ratio(np.sum([lines[kind] for kind in kinds], axis=0), lines["lines"])

    return formula
