"""The signals: what each number is, and how it follows from the raw counts.

A signal may be read in more than one way, and toolkits differ in which they take. Each reading is a
parameter with a default, written behind the name: `frac_dup_lines[copies=all,lines=feed]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from curate.signals.measured import Measured

Numbers = NDArray[Any]
Parameters = Mapping[str, str]
Formula = Callable[[Measured, Parameters], Numbers]

WORDS = {"words": ("space", "spacy", "uniseg", "fasttext")}
LINES = {"lines": ("stripped", "feed", "feeds", "breaks", "unstripped")}
COPIES = {"copies": ("later", "all")}


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: its name, its unit, what it is, its readings (the first is the default) and its formula."""

    name: str
    unit: Literal["count", "fraction", "per word", "characters", "words", "bits"]
    doc: str
    formula: Formula
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


def ratio(numerator: Numbers, denominator: Numbers) -> NDArray[np.float64]:
    """Divide; NaN where the denominator is 0."""
    return np.divide(
        numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator != 0, dtype=np.float64
    )


def deviation(total: Numbers, squared: Numbers, n: Numbers) -> NDArray[np.float64]:
    """The standard deviation (of the population) from a sum, a sum of squares and a count."""
    mean = ratio(total, n)
    return np.sqrt(np.maximum(ratio(squared, n) - mean * mean, 0.0))


def _per_word(block: str, column: str) -> Formula:
    return lambda of, by: ratio(of.block(block)[column], of.words(by.get("words", "space"))["words"])


def _of_words(column: str) -> Formula:
    return lambda of, by: ratio(
        of.words(by.get("words", "space"))[column], of.words(by.get("words", "space"))["words"]
    )


def _of_chars(column: str) -> Formula:
    return lambda of, _: ratio(of.block("chars")[column], of.block("chars")["chars"])


def _of_lines(*columns: str) -> Formula:
    def formula(of: Measured, by: Parameters) -> Numbers:
        lines = of.lines(by.get("lines", "stripped"))
        return ratio(np.sum([lines[column] for column in columns], axis=0), lines["lines"])

    return formula


def _n_words(of: Measured, by: Parameters) -> Numbers:
    words = of.words(by["words"])
    return words["words"] - words["pure_punct"] if by["marks"] == "skip" else words["words"]


def _mean_word_chars(of: Measured, by: Parameters) -> Numbers:
    words = of.words(by["words"])
    if by["marks"] == "skip":
        return ratio(words["chars"] - words["pure_punct_chars"], words["words"] - words["pure_punct"])
    return ratio(words["chars"], words["words"])


def _n_stop_words(of: Measured, by: Parameters) -> Numbers:
    return of.words(by["words"])["stop" if by["case"] == "any" else "stop_exact"]


def _n_distinct_stop_words(of: Measured, by: Parameters) -> Numbers:
    mask = of.words(by["words"])["stop_mask" if by["case"] == "any" else "stop_exact_mask"]
    return np.bitwise_count(mask).astype(np.int64)


def _word_entropy(of: Measured, _: Parameters) -> Numbers:
    n = of.block("words")["words"]
    return np.log2(np.where(n > 0, n, np.nan)) - ratio(of.entropy_sums, n)


_BULLETS = {
    "all": ("bullet",),
    "datatrove": ("bullet_dot", "bullet_hyphen"),
    "dolma": ("bullet_star", "bullet_hyphen"),
    "dclm": ("bullet_disc", "bullet_dot", "bullet_star", "bullet_hyphen"),
}
_ELLIPSES = {
    "usual": ("ends_dots", "ends_ellipsis"),
    "character": ("ends_ellipsis",),
    "spaced": ("ends_dots", "ends_spaced_dots", "ends_ellipsis"),
}


def _frac_bullet_lines(of: Measured, by: Parameters) -> Numbers:
    return _of_lines(*_BULLETS[by["bullets"]])(of, by)


def _frac_ellipsis_lines(of: Measured, by: Parameters) -> Numbers:
    return _of_lines(*_ELLIPSES[by["ellipses"]])(of, by)


def _frac_short_lines(of: Measured, by: Parameters) -> Numbers:
    return _of_lines("short_30" if by["max_chars"] == "30" else "short_29")(of, by)


def _pieces(of: Measured, kind: str, by: Parameters) -> Mapping[str, Numbers]:
    return of.lines(by["lines"]) if kind == "lines" else of.paragraphs(by["paragraphs"])


def _frac_dup(kind: str) -> Formula:
    def formula(of: Measured, by: Parameters) -> Numbers:
        pieces = _pieces(of, kind, by)
        return ratio(pieces["dup_second" if by["copies"] == "later" else "dup_all"], pieces[kind])

    return formula


def _frac_dup_chars(kind: str) -> Formula:
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


def _frac_top(n: int) -> Formula:
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


def _frac_dup_ngram(n: int) -> Formula:
    def formula(of: Measured, by: Parameters) -> Numbers:
        ngrams = of.ngrams(by["words"])
        if by["over"] == "ngrams":
            all_chars = ngrams[f"dup_{n}_all"]
            return np.where(
                _total(of, by) > 0, ngrams[f"dup_{n}_{by['chars']}"] / np.maximum(all_chars, 1), np.nan
            )
        return ratio(ngrams[f"dup_{n}_{by['chars']}"], _total(of, by))

    return formula


_DUP_CHARS = COPIES | {"over": ("pieces", "text", "text_without_feeds", "words")}
_PARAGRAPHS = {"paragraphs": ("blank_line", "feeds", "two_feeds")}
_MARKS = {"marks": ("count", "skip")}
_CASE = {"case": ("any", "lower")}
_TOP = {
    "ties": ("first", "longest"),
    "single": ("count", "ignore"),
    "spaces": ("skip", "count"),
    "over": ("words", "text"),
}
_DUP_NGRAM = {"chars": ("covered", "walked", "repeated"), "over": ("words", "text", "ngrams")}

_ALL = (
    Signal("n_bytes", "count", "bytes of UTF-8", lambda of, _: of.block("chars")["bytes"]),
    Signal("n_chars", "count", "Unicode code points", lambda of, _: of.block("chars")["chars"]),
    Signal("n_words", "count", "words: what lies between white space", _n_words, WORDS | _MARKS),
    Signal("n_lines", "count", "lines that are not blank", lambda of, by: of.lines(by["lines"])["lines"], LINES),
    Signal(
        "n_paragraphs", "count", "runs of lines with no blank line between",
        lambda of, by: of.paragraphs(by["paragraphs"])["paragraphs"], _PARAGRAPHS,
    ),
    Signal(
        "n_sentences", "count", "sentences; a line that is not blank has at least one",
        lambda of, by: of.sentences(by["split"]), {"split": ("marks", "spacy")},
    ),
    Signal("n_unique_words", "count", "distinct words, case and marks included", lambda of, _: of.block("words")["unique"]),
    Signal("n_stop_words", "count", "words that are one of Gopher's eight stop words", _n_stop_words, WORDS | _CASE),
    Signal(
        "n_distinct_stop_words", "count", "how many of Gopher's eight stop words occur", _n_distinct_stop_words,
        WORDS | _CASE,
    ),
    Signal("n_curly_brackets", "count", "`{`", lambda of, _: of.block("chars")["curly_brackets"]),
    Signal("n_lorem_ipsum", "count", "`lorem ipsum`, any case", lambda of, _: of.block("words")["lorem_ipsum"]),
    Signal("mean_word_chars", "characters", "mean length of a word", _mean_word_chars, WORDS | _MARKS),
    Signal(
        "sd_word_chars", "characters", "standard deviation of the length of a word",
        lambda of, _: deviation(*(of.block("words")[c] for c in ("chars", "squared_chars", "words"))),
    ),
    Signal("median_word_chars", "characters", "median length of a word", lambda of, _: np.where(of.block("words")["words"] > 0, of.symbols()["twice_median"] / 2, np.nan)),
    Signal(
        "mean_line_chars", "characters", "mean length of a line",
        lambda of, _: ratio(of.block("lines")["chars"], of.block("lines")["lines"]),
    ),
    Signal(
        "sd_line_chars", "characters", "standard deviation of the length of a line",
        lambda of, _: deviation(*(of.block("lines")[c] for c in ("chars", "squared_chars", "lines"))),
    ),
    Signal("max_line_chars", "characters", "longest line", lambda of, _: of.block("lines")["max_chars"]),
    Signal("max_word_chars", "characters", "longest word", lambda of, _: of.block("words")["max_chars"]),
    Signal(
        "mean_line_words", "words", "mean number of words of a line",
        lambda of, _: ratio(of.block("words")["words"], of.block("lines")["lines"]),
    ),
    Signal(
        "mean_sentence_words", "words", "mean number of words of a sentence",
        lambda of, _: ratio(of.block("words")["words"], of.block("words")["sentences"]),
    ),
    Signal(
        "mean_paragraph_words", "words", "mean number of words of a paragraph",
        lambda of, _: ratio(of.block("words")["words"], of.block("paragraphs")["paragraphs"]),
    ),
    Signal("word_entropy", "bits", "entropy of the distribution of words", _word_entropy),
    Signal("frac_alpha_words", "fraction", "words with a letter", _of_words("alpha"), WORDS),
    Signal("frac_upper_words", "fraction", "words of two characters or more, letters all upper case", _of_words("upper")),
    Signal("frac_title_words", "fraction", "words that begin with upper case and go on in lower case", _of_words("title")),
    Signal("frac_number_words", "fraction", "words with a number and no letter", _of_words("number")),
    Signal("frac_short_words", "fraction", "words of at most 3 characters", _of_words("short")),
    Signal("frac_long_words", "fraction", "words of at least 9 characters", _of_words("long")),
    Signal("frac_unique_words", "fraction", "distinct words of all words", _of_words("unique")),
    Signal("frac_stop_words", "fraction", "words that are one of Gopher's eight stop words", _of_words("stop")),
    Signal("frac_second_person_words", "fraction", "you, your, yours, yourself", _of_words("second_person")),
    Signal("frac_first_person_words", "fraction", "I, me, my, mine, we, us, our, ours", _of_words("first_person")),
    Signal(
        "frac_symbol_words", "fraction", "words that hold `#` or `…`",
        lambda of, _: ratio(of.symbols()["symbol_words"], of.block("words")["words"]),
    ),
    Signal("frac_alpha_chars", "fraction", "letters", _of_chars("alpha")),
    Signal("frac_number_chars", "fraction", "numbers", _of_chars("number")),
    Signal("frac_punct_chars", "fraction", "punctuation", _of_chars("punct")),
    Signal("frac_symbol_chars", "fraction", "symbols", _of_chars("symbol")),
    Signal("frac_space_chars", "fraction", "white space", _of_chars("space")),
    Signal("frac_code_chars", "fraction", "marks more common in program text than in prose", _of_chars("code")),
    Signal("frac_nonascii_chars", "fraction", "characters that are not ASCII", _of_chars("nonascii")),
    Signal(
        "frac_upper_letters", "fraction", "letters in upper case, of all letters",
        lambda of, _: ratio(of.block("chars")["upper"], of.block("chars")["alpha"]),
    ),
    Signal("hashes_per_word", "per word", "`#`", _per_word("chars", "hashes"), WORDS),
    Signal("ellipses_per_word", "per word", "`...` and `…`", _per_word("chars", "ellipses"), WORDS),
    Signal(
        "symbols_per_word", "per word", "`#`, `...`, `. . .` and `…`",
        lambda of, _: ratio(
            of.block("chars")["hashes"] + of.block("chars")["ellipses"] + of.symbols()["spaced_dots"],
            of.block("words")["words"],
        ),
    ),
    Signal("questions_per_word", "per word", "question marks", _per_word("chars", "questions")),
    Signal("exclamations_per_word", "per word", "exclamation marks", _per_word("chars", "exclamations")),
    Signal("commas_per_word", "per word", "commas", _per_word("chars", "commas")),
    Signal("quotes_per_word", "per word", '`"`', _per_word("chars", "quotes")),
    Signal("brackets_per_word", "per word", "`(`", _per_word("chars", "brackets")),
    Signal("urls_per_word", "per word", "words that begin with `http` or `www.`", _of_words("urls")),
    Signal("newlines_per_word", "per word", "line feeds", _per_word("chars", "newlines"), WORDS),
    Signal(
        "frac_bullet_lines", "fraction", "lines that begin with a bullet: one of • ‣ ▪ ● ◦ * -", _frac_bullet_lines,
        LINES | {"bullets": tuple(_BULLETS)},
    ),
    Signal(
        "frac_list_lines", "fraction", "lines that begin with a bullet or a number and `.` or `)`", _of_lines("list"),
    ),
    Signal(
        "frac_ellipsis_lines", "fraction", "lines that end in `...` or `…`", _frac_ellipsis_lines,
        LINES | {"ellipses": tuple(_ELLIPSES)},
    ),
    Signal(
        "frac_terminal_lines", "fraction", "lines that end in a sentence-terminal mark", _of_lines("terminal"), LINES,
    ),
    Signal(
        "frac_short_lines", "fraction", "lines of at most 30 characters", _frac_short_lines,
        LINES | {"max_chars": ("30", "29")},
    ),
    Signal(
        "frac_dup_lines", "fraction", "lines equal to an earlier one", _frac_dup("lines"), LINES | COPIES,
    ),
    Signal(
        "frac_dup_paragraphs", "fraction", "paragraphs equal to an earlier one", _frac_dup("paragraphs"),
        _PARAGRAPHS | COPIES,
    ),
    Signal(
        "frac_dup_line_chars", "fraction", "characters of lines equal to an earlier one", _frac_dup_chars("lines"),
        LINES | _DUP_CHARS,
    ),
    Signal(
        "frac_dup_paragraph_chars", "fraction", "characters of paragraphs equal to an earlier one",
        _frac_dup_chars("paragraphs"), _PARAGRAPHS | _DUP_CHARS,
    ),
    *(
        Signal(
            f"frac_top_{n}gram_chars", "fraction", f"characters of the most frequent {n}-gram of words, times its count",
            _frac_top(n), WORDS | _TOP,
        )
        for n in (2, 3, 4)
    ),
    *(
        Signal(
            f"frac_dup_{n}gram_chars", "fraction", f"characters of words that lie in a repeated {n}-gram",
            _frac_dup_ngram(n), WORDS | _DUP_NGRAM,
        )
        for n in range(5, 11)
    ),
)  # fmt: skip

SIGNALS: dict[str, Signal] = {signal.name: signal for signal in _ALL}
"""Every signal by name."""

COSTS_EXTRA = frozenset({"median_word_chars", "frac_symbol_words", "symbols_per_word"})
"""Signals that need a second walk over the text: computed when asked for by name."""

DEFAULT_SIGNALS: tuple[str, ...] = tuple(name for name in SIGNALS if name not in COSTS_EXTRA)
"""What one pass yields: all the default rule sets and the scorer read."""
