"""Where each raw count of a document lies: blocks of int64 columns that the kernels fill.

A block is measured under one reading of the text (one definition of a word, of a line); the formulas turn
blocks into signals.
"""

from __future__ import annotations

CHARS = (
    "bytes", "chars", "alpha", "number", "upper", "lower", "punct", "symbol", "space", "code", "nonascii",
    "newlines", "hashes", "ellipses", "questions", "exclamations", "commas", "quotes", "brackets",
    "curly_brackets",
)  # fmt: skip
(
    BYTES, N_CHARS, N_ALPHA, N_NUMBER, N_UPPER, N_LOWER, N_PUNCT, N_SYMBOL, N_SPACE, N_CODE, N_NONASCII,
    N_NEWLINES, N_HASHES, N_ELLIPSES, N_QUESTIONS, N_EXCLAMATIONS, N_COMMAS, N_QUOTES, N_BRACKETS,
    N_CURLY,
) = range(len(CHARS))  # fmt: skip

WORDS = (
    "words", "chars", "squared_chars", "max_chars", "alpha", "upper", "title", "number", "short", "long",
    "unique",
    "stop", "stop_mask", "stop_exact", "stop_exact_mask", "second_person", "first_person", "urls",
    "lorem_ipsum", "pure_punct", "pure_punct_chars", "sentences",
)  # fmt: skip
(
    W_WORDS, W_CHARS, W_SQUARED, W_MAX, W_ALPHA, W_UPPER, W_TITLE, W_NUMBER, W_SHORT, W_LONG, W_UNIQUE,
    W_STOP, W_STOP_MASK, W_STOP_EXACT, W_STOP_EXACT_MASK, W_SECOND_PERSON, W_FIRST_PERSON, W_URLS,
    W_LOREM, W_PURE_PUNCT, W_PURE_PUNCT_CHARS, W_SENTENCES,
) = range(len(WORDS))  # fmt: skip

# n-grams: for n of 2-4 the count, characters of the first and of the longest of the most frequent; for n of
# 5-10 the characters covered, the characters met again in a greedy walk, of repeats and of all with overlap.
NGRAMS = (
    *(f"top_{n}_{what}" for n in (2, 3, 4) for what in ("count", "chars", "longest")),
    *(f"dup_{n}_{what}" for n in range(5, 11) for what in ("covered", "walked", "repeated", "all")),
)

LINES = (
    "lines", "chars", "squared_chars", "max_chars", "short_29", "short_30", "terminal", "list",
    "bullet", "bullet_dot", "bullet_disc", "bullet_star", "bullet_hyphen",
    "ends_dots", "ends_spaced_dots", "ends_ellipsis",
    "dup_second", "dup_second_chars", "dup_all", "dup_all_chars",
)  # fmt: skip
(
    L_LINES, L_CHARS, L_SQUARED, L_MAX, L_SHORT_29, L_SHORT_30, L_TERMINAL, L_LIST,
    L_BULLET, L_BULLET_DOT, L_BULLET_DISC, L_BULLET_STAR, L_BULLET_HYPHEN,
    L_ENDS_DOTS, L_ENDS_SPACED_DOTS, L_ENDS_ELLIPSIS,
    L_DUP_SECOND, L_DUP_SECOND_CHARS, L_DUP_ALL, L_DUP_ALL_CHARS,
) = range(len(LINES))  # fmt: skip

PARAGRAPHS = ("paragraphs", "chars", "dup_second", "dup_second_chars", "dup_all", "dup_all_chars")

SHORT_WORD_CHARS = 3
LONG_WORD_CHARS = 9
SHORT_LINE_CHARS = 30  # FineWeb, arXiv 2406.17557, section 3.6
