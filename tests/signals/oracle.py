"""The signals of one text in plain Python: slow, short, and written from the definitions alone."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from itertools import pairwise
from statistics import median

from curate.signals.classes import BULLETS, CLOSERS, CODE_MARKS, FULL_STOPS, SENTENCE_TERMINAL

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
SECOND = {"you", "your", "yours", "yourself"}
FIRST = {"i", "me", "my", "mine", "we", "us", "our", "ours"}
NAN = float("nan")


def ratio(a, b):
    return a / b if b else NAN


def lower_ascii(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


def is_category(c, initials):
    return unicodedata.category(c)[0] in initials


def is_terminal(c):
    return any(first <= ord(c) <= last for first, last in SENTENCE_TERMINAL)


def is_closer(c):
    return c in CLOSERS or unicodedata.category(c) in ("Pe", "Pf")


def stripped_lines(text):
    return [line.strip() for line in text.split("\n") if line.strip()]


def paragraphs_of(text):
    found, current = [], []
    for line in text.split("\n"):
        if line.strip():
            current.append(line)
        elif current:
            found.append("\n".join(current).strip())
            current = []
    return [*found, "\n".join(current).strip()] if current else found


def ends_sentence(word):
    while word and is_closer(word[-1]) and not is_terminal(word[-1]):
        word = word[:-1]
    return bool(word) and is_terminal(word[-1])


def full_stops_inside(word):
    n, stopped = 0, False
    for c in word:
        if c in FULL_STOPS:
            stopped = True
        elif stopped and not (is_closer(c) or is_terminal(c)):
            n, stopped = n + 1, False
    return n


def count_sentences(text, any_case=False):
    n = 0
    for line in stripped_lines(text):
        words = line.split()
        n += 1 + sum(map(full_stops_inside, words))
        for word, following in pairwise(words):
            n += ends_sentence(word) and (any_case or unicodedata.category(following[0]) != "Ll")
    return n


def duplicates(pieces, copies="later"):
    if copies == "all":
        counts = Counter(pieces)
        repeated = [piece for piece in pieces if counts[piece] > 1]
    else:
        seen, repeated = set(), []
        for piece in pieces:
            if piece in seen:
                repeated.append(piece)
            seen.add(piece)
    return len(repeated), sum(map(len, repeated))


def top_ngram(words, n, total):
    grams = list(zip(*(words[i:] for i in range(n)), strict=False))
    if not grams:
        return ratio(0, total)
    gram, count = Counter(grams).most_common(1)[0]
    return ratio(count * sum(map(len, gram)), total)


def covered_by_repeats(words, n, total):
    grams = list(zip(*(words[i:] for i in range(n)), strict=False))
    counts = Counter(grams)
    covered = {k for i, gram in enumerate(grams) if counts[gram] > 1 for k in range(i, i + n)}
    return ratio(sum(len(words[k]) for k in covered), total)


def deviation(numbers):
    if not numbers:
        return NAN
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((x - mean) ** 2 for x in numbers) / len(numbers))


def is_list_line(line):
    return line[0] in BULLETS or re.match(r"[0-9]{1,3}[.)]", line) is not None


def signals_of(text):
    words, lines, paragraphs = text.split(), stripped_lines(text), paragraphs_of(text)
    n, n_lines, n_chars = len(words), len(lines), len(text)
    folded = [lower_ascii(word) for word in words]
    letters = [c for c in text if is_category(c, "L")]
    word_chars = sum(map(len, words))
    line_chars = sum(map(len, lines))
    counts = Counter(words)
    later_lines, later_line_chars = duplicates(lines)
    later_paragraphs, later_paragraph_chars = duplicates(paragraphs)
    n_sentences = count_sentences(text)

    def has(word, initials):
        return any(is_category(c, initials) for c in word)

    def is_upper(c):
        return unicodedata.category(c) in ("Lu", "Lt")

    def is_lower(c):
        return unicodedata.category(c) == "Ll"

    def of_words(test):
        return ratio(sum(map(test, words)), n)

    def of_chars(test):
        return ratio(sum(map(test, text)), n_chars)

    def of_lines(test):
        return ratio(sum(map(test, lines)), n_lines)

    found = {
        "n_bytes": len(text.encode()),
        "n_chars": n_chars,
        "n_words": n,
        "n_lines": n_lines,
        "n_paragraphs": len(paragraphs),
        "n_sentences": n_sentences,
        "n_unique_words": len(counts),
        "n_stop_words": sum(word in STOP_WORDS for word in folded),
        "n_distinct_stop_words": len(STOP_WORDS.intersection(folded)),
        "n_curly_brackets": text.count("{"),
        "n_lorem_ipsum": lower_ascii(text).count("lorem ipsum"),
        "mean_word_chars": ratio(word_chars, n),
        "sd_word_chars": deviation(list(map(len, words))),
        "mean_line_chars": ratio(line_chars, n_lines),
        "sd_line_chars": deviation(list(map(len, lines))),
        "max_line_chars": max(map(len, lines), default=0),
        "max_word_chars": max(map(len, words), default=0),
        "mean_line_words": ratio(n, n_lines),
        "mean_sentence_words": ratio(n, n_sentences),
        "mean_paragraph_words": ratio(n, len(paragraphs)),
        "word_entropy": -sum(c / n * math.log2(c / n) for c in counts.values()) if n else NAN,
        "frac_alpha_words": of_words(lambda word: has(word, "L")),
        "frac_upper_words": of_words(
            lambda w: len(w) > 1 and any(map(is_upper, w)) and not any(map(is_lower, w))
        ),
        "frac_title_words": of_words(lambda word: is_upper(word[0]) and any(map(is_lower, word))),
        "frac_number_words": of_words(lambda word: has(word, "N") and not has(word, "L")),
        "frac_short_words": of_words(lambda word: len(word) <= 3),
        "frac_long_words": of_words(lambda word: len(word) >= 9),
        "frac_unique_words": ratio(len(counts), n),
        "frac_stop_words": ratio(sum(word in STOP_WORDS for word in folded), n),
        "frac_second_person_words": ratio(sum(word in SECOND for word in folded), n),
        "frac_first_person_words": ratio(sum(word in FIRST for word in folded), n),
        "frac_alpha_chars": of_chars(lambda c: is_category(c, "L")),
        "frac_number_chars": of_chars(lambda c: is_category(c, "N")),
        "frac_punct_chars": of_chars(lambda c: is_category(c, "P")),
        "frac_symbol_chars": of_chars(lambda c: is_category(c, "S")),
        "frac_space_chars": of_chars(str.isspace),
        "frac_code_chars": of_chars(lambda c: c in CODE_MARKS),
        "frac_nonascii_chars": of_chars(lambda c: not c.isascii()),
        "frac_upper_letters": ratio(sum(map(is_upper, letters)), len(letters)),
        "hashes_per_word": ratio(text.count("#"), n),
        "ellipses_per_word": ratio(text.count("...") + text.count("…"), n),
        "questions_per_word": ratio(text.count("?") + text.count("？"), n),
        "exclamations_per_word": ratio(text.count("!") + text.count("！"), n),
        "commas_per_word": ratio(text.count(",") + text.count("，") + text.count("、"), n),
        "quotes_per_word": ratio(text.count('"'), n),
        "brackets_per_word": ratio(text.count("("), n),
        "urls_per_word": ratio(
            sum(
                word.startswith(("http", "www.")) and len(w.encode()) > 8
                for word, w in zip(folded, words, strict=True)
            ),
            n,
        ),
        "newlines_per_word": ratio(text.count("\n"), n),
        "frac_bullet_lines": of_lines(lambda line: line[0] in BULLETS),
        "frac_list_lines": of_lines(is_list_line),
        "frac_ellipsis_lines": of_lines(lambda line: line.endswith(("...", "…"))),
        "frac_terminal_lines": of_lines(lambda line: is_terminal(line[-1])),
        "frac_short_lines": of_lines(lambda line: len(line) <= 30),
        "frac_dup_lines": ratio(later_lines, n_lines),
        "frac_dup_paragraphs": ratio(later_paragraphs, len(paragraphs)),
        "frac_dup_line_chars": ratio(later_line_chars, line_chars),
        "frac_dup_paragraph_chars": ratio(later_paragraph_chars, sum(map(len, paragraphs))),
    }
    marks = sum(len(word) for word in words if not has(word, "L") and not has(word, "N"))
    covered = covered_by_repeats(words, 5, 1) if words else 0
    growth = min(0.06 * math.log2(max(n, 250) / 250), 0.3)
    found |= {
        "dup_5gram_chars_beyond_length": ratio(max(covered - marks, 0), word_chars - marks) - growth,
        "frac_lorem_ipsum_words": ratio(2 * lower_ascii(text).count("lorem ipsum"), n),
    }
    found |= {f"frac_top_{k}gram_chars": top_ngram(words, k, word_chars) for k in (2, 3, 4)}
    found |= {f"frac_dup_{k}gram_chars": covered_by_repeats(words, k, word_chars) for k in range(5, 11)}
    return found


def peer_signals_of(text):
    """The signals that only peers' rules read."""
    words = text.split()
    return {
        "median_word_chars": float(median(map(len, words))) if words else NAN,
        "frac_symbol_words": ratio(sum("#" in word or "…" in word for word in words), len(words)),
        "symbols_per_word": ratio(sum(map(text.count, ("#", "...", ". . .", "…"))), len(words)),
    }
