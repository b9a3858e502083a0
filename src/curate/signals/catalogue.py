"""The signals: what each number is, and the ways in which it can be read.

A signal may be read in more than one way, and toolkits differ in which they take. Each reading is a
parameter with a default, written behind the name: `frac_dup_lines[copies=all,lines=feed]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from curate.signals import formulas as by
from curate.signals.formulas import Formula
from curate.signals.measured import Measured

WORDS = {"words": ("space", "spacy", "uniseg", "fasttext")}
LINES = {"lines": ("stripped", "feed", "feeds", "breaks", "unstripped")}
COPIES = {"copies": ("later", "all")}
DUP_CHARS = COPIES | {"over": ("pieces", "text", "text_without_feeds", "words")}
PARAGRAPHS = {"paragraphs": ("blank_line", "feeds", "two_feeds")}
MARKS = {"marks": ("count", "skip")}
CASE = {"case": ("any", "lower")}
TOP = {
    "ties": ("first", "longest"),
    "single": ("count", "ignore"),
    "spaces": ("skip", "count"),
    "over": ("words", "text"),
}
DUP_NGRAM = {"chars": ("covered", "walked", "repeated"), "over": ("words", "text", "ngrams")}


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal: its name, its unit, what it is, its readings (the first is the default) and its formula."""

    name: str
    unit: Literal["count", "fraction", "per word", "characters", "words", "bits"]
    doc: str
    formula: Formula
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


_ALL = (
    Signal("n_bytes", "count", "bytes of UTF-8", lambda of, _: of.block("chars")["bytes"]),
    Signal("n_chars", "count", "Unicode code points", lambda of, _: of.block("chars")["chars"]),
    Signal("n_words", "count", "words: what lies between white space", by.n_words, WORDS | MARKS),
    Signal(
        "n_lines", "count", "lines that are not blank", lambda of, how: of.lines(how["lines"])["lines"], LINES
    ),
    Signal(
        "n_paragraphs",
        "count",
        "runs of lines with no blank line between",
        lambda of, how: of.paragraphs(how["paragraphs"])["paragraphs"],
        PARAGRAPHS,
    ),
    Signal(
        "n_sentences",
        "count",
        "sentences; a line that is not blank has at least one",
        lambda of, how: of.sentences(how["split"]),
        {"split": ("marks", "spacy")},
    ),
    Signal(
        "n_unique_words",
        "count",
        "distinct words, case and marks included",
        lambda of, _: of.block("words")["unique"],
    ),
    Signal(
        "n_stop_words",
        "count",
        "words that are one of Gopher's eight stop words",
        by.n_stop_words,
        WORDS | CASE,
    ),
    Signal(
        "n_distinct_stop_words",
        "count",
        "how many of Gopher's eight stop words occur",
        by.n_distinct_stop_words,
        WORDS | CASE,
    ),
    Signal(
        "n_language_stop_words",
        "count",
        "how many of the stop words of the page's own language occur (`curate.text.languages`)",
        lambda of, _: of.language_stop_words,
    ),
    Signal(
        "sentence_ends_per_letter",
        "fraction",
        "ends of sentences, of the letters of scripts without spaces",
        lambda of, _: by.ratio(of.letters["sentence_ends"], of.letters["letters"]),
    ),
    Signal(
        "dup_10letter_chars_beyond_length",
        "fraction",
        "letters of scripts without spaces that lie in a repeated run of ten, of all of them, less .06 for each doubling from "
        "400 on, at most .30",
        by.dup_10letter_beyond_length,
    ),
    Signal("n_curly_brackets", "count", "`{`", lambda of, _: of.block("chars")["curly_brackets"]),
    Signal(
        "n_lorem_ipsum", "count", "`lorem ipsum`, any case", lambda of, _: of.block("words")["lorem_ipsum"]
    ),
    Signal("mean_word_chars", "characters", "mean length of a word", by.mean_word_chars, WORDS | MARKS),
    Signal(
        "sd_word_chars",
        "characters",
        "standard deviation of the length of a word",
        lambda of, _: by.deviation(*(of.block("words")[c] for c in ("chars", "squared_chars", "words"))),
    ),
    Signal(
        "median_word_chars",
        "characters",
        "median length of a word",
        lambda of, _: np.where(of.block("words")["words"] > 0, of.symbols()["twice_median"] / 2, np.nan),
    ),
    Signal(
        "mean_line_chars",
        "characters",
        "mean length of a line",
        lambda of, _: by.ratio(of.block("lines")["chars"], of.block("lines")["lines"]),
    ),
    Signal(
        "sd_line_chars",
        "characters",
        "standard deviation of the length of a line",
        lambda of, _: by.deviation(*(of.block("lines")[c] for c in ("chars", "squared_chars", "lines"))),
    ),
    Signal("max_line_chars", "characters", "longest line", lambda of, _: of.block("lines")["max_chars"]),
    Signal("max_word_chars", "characters", "longest word", lambda of, _: of.block("words")["max_chars"]),
    Signal(
        "mean_line_words",
        "words",
        "mean number of words of a line",
        lambda of, _: by.ratio(of.block("words")["words"], of.block("lines")["lines"]),
    ),
    Signal(
        "mean_sentence_words",
        "words",
        "mean number of words of a sentence",
        lambda of, _: by.ratio(of.block("words")["words"], of.block("words")["sentences"]),
    ),
    Signal(
        "mean_paragraph_words",
        "words",
        "mean number of words of a paragraph",
        lambda of, _: by.ratio(of.block("words")["words"], of.block("paragraphs")["paragraphs"]),
    ),
    Signal("word_entropy", "bits", "entropy of the distribution of words", by.word_entropy),
    Signal("frac_alpha_words", "fraction", "words with a letter", by.of_words("alpha"), WORDS),
    Signal(
        "frac_upper_words",
        "fraction",
        "words of two characters or more, letters all upper case",
        by.of_words("upper"),
    ),
    Signal(
        "frac_title_words",
        "fraction",
        "words that begin with upper case and go on in lower case",
        by.of_words("title"),
    ),
    Signal("frac_number_words", "fraction", "words with a number and no letter", by.of_words("number")),
    Signal("frac_short_words", "fraction", "words of at most 3 characters", by.of_words("short")),
    Signal("frac_long_words", "fraction", "words of at least 9 characters", by.of_words("long")),
    Signal("frac_unique_words", "fraction", "distinct words of all words", by.of_words("unique")),
    Signal(
        "frac_stop_words", "fraction", "words that are one of Gopher's eight stop words", by.of_words("stop")
    ),
    Signal(
        "frac_second_person_words", "fraction", "you, your, yours, yourself", by.of_words("second_person")
    ),
    Signal(
        "frac_first_person_words",
        "fraction",
        "I, me, my, mine, we, us, our, ours",
        by.of_words("first_person"),
    ),
    Signal(
        "frac_symbol_words",
        "fraction",
        "words that hold `#` or `…`",
        lambda of, _: by.ratio(of.symbols()["symbol_words"], of.block("words")["words"]),
    ),
    Signal("frac_alpha_chars", "fraction", "letters", by.of_chars("alpha")),
    Signal("frac_number_chars", "fraction", "numbers", by.of_chars("number")),
    Signal("frac_punct_chars", "fraction", "punctuation", by.of_chars("punct")),
    Signal("frac_symbol_chars", "fraction", "symbols", by.of_chars("symbol")),
    Signal("frac_space_chars", "fraction", "white space", by.of_chars("space")),
    Signal(
        "frac_code_chars", "fraction", "marks more common in program text than in prose", by.of_chars("code")
    ),
    Signal("frac_nonascii_chars", "fraction", "characters that are not ASCII", by.of_chars("nonascii")),
    Signal(
        "frac_upper_letters",
        "fraction",
        "letters in upper case, of all letters",
        lambda of, _: by.ratio(of.block("chars")["upper"], of.block("chars")["alpha"]),
    ),
    Signal("hashes_per_word", "per word", "`#`", by.per_word("chars", "hashes"), WORDS),
    Signal("ellipses_per_word", "per word", "`...` and `…`", by.per_word("chars", "ellipses"), WORDS),
    Signal(
        "symbols_per_word",
        "per word",
        "`#`, `...`, `. . .` and `…`",
        lambda of, _: by.ratio(
            of.block("chars")["hashes"] + of.block("chars")["ellipses"] + of.symbols()["spaced_dots"],
            of.block("words")["words"],
        ),
    ),
    Signal("questions_per_word", "per word", "question marks", by.per_word("chars", "questions")),
    Signal("exclamations_per_word", "per word", "exclamation marks", by.per_word("chars", "exclamations")),
    Signal("commas_per_word", "per word", "commas", by.per_word("chars", "commas")),
    Signal("quotes_per_word", "per word", '`"`', by.per_word("chars", "quotes")),
    Signal("brackets_per_word", "per word", "`(`", by.per_word("chars", "brackets")),
    Signal("urls_per_word", "per word", "words that begin with `http` or `www.`", by.of_words("urls")),
    Signal("newlines_per_word", "per word", "line feeds", by.per_word("chars", "newlines"), WORDS),
    Signal(
        "frac_bullet_lines",
        "fraction",
        "lines that begin with a bullet: one of • ‣ ▪ ● ◦ * -",
        by.frac_bullet_lines,
        LINES | {"bullets": tuple(by.BULLETS)},
    ),
    Signal(
        "frac_list_lines",
        "fraction",
        "lines that begin with a bullet or a number and `.` or `)`",
        by.of_lines("list"),
    ),
    Signal(
        "frac_ellipsis_lines",
        "fraction",
        "lines that end in `...` or `…`",
        by.frac_ellipsis_lines,
        LINES | {"ellipses": tuple(by.ELLIPSES)},
    ),
    Signal(
        "frac_terminal_lines",
        "fraction",
        "lines that end in a sentence-terminal mark",
        by.of_lines("terminal"),
        LINES,
    ),
    Signal(
        "frac_short_lines",
        "fraction",
        "lines of at most 30 characters",
        by.frac_short_lines,
        LINES | {"max_chars": ("30", "29")},
    ),
    Signal(
        "frac_dup_lines",
        "fraction",
        "lines equal to an earlier one",
        by.frac_dup("lines"),
        LINES | COPIES,
    ),
    Signal(
        "frac_dup_paragraphs",
        "fraction",
        "paragraphs equal to an earlier one",
        by.frac_dup("paragraphs"),
        PARAGRAPHS | COPIES,
    ),
    Signal(
        "frac_dup_line_chars",
        "fraction",
        "characters of lines equal to an earlier one",
        by.frac_dup_chars("lines"),
        LINES | DUP_CHARS,
    ),
    Signal(
        "frac_dup_paragraph_chars",
        "fraction",
        "characters of paragraphs equal to an earlier one",
        by.frac_dup_chars("paragraphs"),
        PARAGRAPHS | DUP_CHARS,
    ),
    *(
        Signal(
            f"frac_top_{n}gram_chars",
            "fraction",
            f"characters of the most frequent {n}-gram of words, times its count",
            by.frac_top(n),
            WORDS | TOP,
        )
        for n in (2, 3, 4)
    ),
    *(
        Signal(
            f"frac_dup_{n}gram_chars",
            "fraction",
            f"characters of words that lie in a repeated {n}-gram",
            by.frac_dup_ngram(n),
            WORDS | DUP_NGRAM,
        )
        for n in range(5, 11)
    ),
    Signal(
        "dup_5gram_chars_beyond_length",
        "fraction",
        "frac_dup_5gram_chars of words that are not marks alone, less .06 for each doubling of the words from 250 on, at "
        "most .30",
        by.dup_5gram_beyond_length,
    ),
    Signal(
        "frac_lorem_ipsum_words",
        "fraction",
        "words of `lorem ipsum`, any case",
        lambda of, _: by.ratio(2 * of.block("words")["lorem_ipsum"], of.block("words")["words"]),
    ),
    Signal("frac_prose_lines", "fraction", "lines of running text", by.of_kinds("prose")),
    Signal("frac_heading_lines", "fraction", "headings and names of entries", by.of_kinds("heading")),
    Signal(
        "frac_item_lines",
        "fraction",
        "items of lists, with or without a mark, and exercises",
        by.of_kinds("list"),
    ),
    Signal("frac_program_lines", "fraction", "program text and its output", by.of_kinds("program", "output")),
    Signal("frac_table_lines", "fraction", "rows and cells of tables", by.of_kinds("table")),
    Signal("frac_formula_lines", "fraction", "formulas on a line of their own", by.of_kinds("formula")),
    Signal(
        "frac_notation_lines",
        "fraction",
        "program text, its output and formulas",
        by.of_kinds("program", "output", "formula"),
    ),
    Signal(
        "frac_furniture_lines",
        "fraction",
        "menus, buttons, notices, and what else stands around a text",
        by.of_kinds("furniture", "meta"),
    ),
)


def _program(
    name: str, unit: str, doc: str, numerator: str, denominator: str = "", block: str = "program_chars"
) -> Signal:
    """A signal of program text: one raw count, or its share of another."""

    def formula(of: Measured, _: Mapping[str, str]) -> Any:
        counts = getattr(of, block)
        return by.ratio(counts[numerator], counts[denominator]) if denominator else counts[numerator]

    return Signal(name, unit, doc, formula)  # pyright: ignore[reportArgumentType]


_PROGRAM = (
    _program("program_n_lines", "count", "lines, blank ones included", "lines"),
    _program("program_max_line_chars", "characters", "longest line, its indentation included", "max_line"),
    Signal(
        "program_mean_line_chars",
        "characters",
        "mean length of a line, blank ones included",
        lambda of, _: by.ratio(
            of.program_chars["chars"] - of.program_chars["lines"] + 1, of.program_chars["lines"]
        ),
    ),
    _program("program_frac_alnum_chars", "fraction", "letters and numbers, of all characters", "alnum", "chars"),
    _program("program_frac_alpha_chars", "fraction", "letters, of all characters", "alpha", "chars"),
    Signal(
        "program_frac_visible_alpha",
        "fraction",
        "letters, of the characters that are not white space",
        lambda of, _: by.ratio(
            of.program_chars["alpha"], of.program_chars["chars"] - of.program_chars["space"]
        ),
    ),
    Signal(
        "program_frac_visible_digits",
        "fraction",
        "digits, of the characters that are not white space",
        lambda of, _: by.ratio(
            of.program_chars["digits"], of.program_chars["chars"] - of.program_chars["space"]
        ),
    ),
    _program("program_frac_space_chars", "fraction", "white space, of all characters", "space", "chars"),
    _program("program_frac_replaced_chars", "fraction", "U+FFFD, which stands for broken bytes", "replaced", "chars"),
    _program(
        "program_frac_encoded_chars",
        "fraction",
        "characters in runs of base64 (64 or more), of hexadecimal pairs or of `\\u` escapes (8 or more)",
        "encoded",
        "chars",
    ),
    _program("program_max_encoded_chars", "characters", "longest such run", "max_encoded"),
    _program("program_is_generated", "count", "1 where the first 5 lines say that the file is generated", "generated"),
    _program("program_is_xml", "count", "1 where `<?xml version=` stands in the first 100 characters", "xml"),
    _program(
        "program_frac_comment_bytes", "fraction", "comments and documentation, of all bytes", "comment", "bytes", "program_kinds",
    ),
    _program("program_frac_string_bytes", "fraction", "strings, of all bytes", "string", "bytes", "program_kinds"),
    _program(
        "program_frac_long_string_bytes", "fraction", "words of over 20 bytes in strings, of all bytes",
        "long_string", "bytes", "program_kinds",
    ),
    _program(
        "program_frac_hex_bytes", "fraction", "words such as 0x1F, of all bytes", "hex_words", "bytes", "program_kinds",
    ),
    _program("program_n_code_lines", "count", "lines with code", "code_lines", "", "program_kinds"),
    _program(
        "program_frac_assert_lines", "fraction", "lines with `assert`, of those with code",
        "assert_lines", "code_lines", "program_kinds",
    ),
    Signal(
        "program_frac_todo_lines",
        "fraction",
        "comment lines with `todo`, `fixme` or `your code here`, of all lines",
        lambda of, _: by.ratio(of.program_kinds["todo_lines"], of.program_chars["lines"]),
    ),
)  # fmt: skip

SIGNALS: dict[str, Signal] = {signal.name: signal for signal in (*_ALL, *_PROGRAM)}
"""Every signal by name."""

KIND_SIGNALS = (
    "frac_prose_lines",
    "frac_heading_lines",
    "frac_item_lines",
    "frac_program_lines",
    "frac_table_lines",
    "frac_formula_lines",
    "frac_notation_lines",
    "frac_furniture_lines",
)
"""Shares of lines by kind (`curate.signals.kinds`), which cost one walk together."""

LETTER_SIGNALS: tuple[str, ...] = ("sentence_ends_per_letter", "dup_10letter_chars_beyond_length")
"""Signals of scripts without spaces (`curate.signals.letters`): one walk together, a scan where there are no such letters."""

PROGRAM_SIGNALS: tuple[str, ...] = tuple(signal.name for signal in _PROGRAM)
"""Signals of program text, which say nothing of prose."""

COSTS_EXTRA = frozenset(
    {
        "n_language_stop_words",
        *LETTER_SIGNALS,
        "median_word_chars",
        "frac_symbol_words",
        "symbols_per_word",
        *KIND_SIGNALS,
        *PROGRAM_SIGNALS,
    }
)
"""Signals that need a second walk over the text: computed when asked for by name."""

DEFAULT_SIGNALS: tuple[str, ...] = tuple(name for name in SIGNALS if name not in COSTS_EXTRA)
"""What one pass yields: all the default rule sets and the scorer read."""
