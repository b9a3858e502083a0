"""Line rules: lines leave a text before anything is measured, and each is counted by its reason."""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.batch import take_rows, whole
from curate.rules.model import LineRules
from curate.signals import KINDS
from curate.signals.classes import LINE_BREAK, SPACE, TERMINAL, UNSPACED, load_character_classes
from curate.signals.kinds import kind_at, load_network, make_scratch
from curate.signals.line_features import load_tables
from curate.signals.measure import text_buffers
from curate.text.kernel import kernel
from curate.text.unaligned import load64, store64
from curate.text.utf8 import class_at, decode, last_start, width_of

_RARE_LAST = (
    " etaoinshrdlcumwfgypbvkjxqz"  # letters of English, the rarest last; anything else is rarer still
)
_CITATIONS = (b"[edit]", b"[citation needed]")

# Columns of `counts`, and what is none.
STAYS, BLANK = -1, -2
LONG_WORD, NO_END_MARK, FEW_WORDS, FIRST_SUBSTRING = 0, 1, 2, 3

MAX_SUBSTRING_BYTES = 64
N_WINDOW_BITS = 64
_THAI, _LAO_END = 0x0E00, 0x0EFF
_ONES = np.uint64(0x0101010101010101)
_SPACES = np.uint64(0x2020202020202020)
_BRACKETS = np.uint64(0x5D5D5D5D5D5D5D5D)
_HIGH_BITS = np.uint64(0x8080808080808080)


class Patterns(NamedTuple):
    """Substrings laid out for one walk over a line, as a Shift-And automaton over a window of each.

    The windows lie side by side in the bits of a word: the parts of the substrings with the rarest letters.
    """

    masks: NDArray[np.uint64]  # (256,) bits of the windows' bytes that this byte may be
    starts: np.uint64  # the first bit of each window
    ends: np.uint64  # the last bit of each window
    table: NDArray[np.int64]  # (P, 4) bit of the end, offset of the end in the substring, length, check
    bytes: NDArray[np.uint8]  # (P, 64)
    columns: NDArray[np.int64]  # (n checks,) column of `counts`, -1 where the line stays


def clean_lines(
    texts: pa.Array | pa.ChunkedArray,
    line_rules: LineRules | Sequence[LineRules],
    languages: pa.Array | pa.ChunkedArray | None = None,
) -> tuple[pa.Array, pa.RecordBatch]:
    r"""Remove the lines of N texts that fail the line rules.

    Null counts as the empty text. Blank lines go uncounted, unless the rules keep the layout.

    Args:
        texts: N documents.
        line_rules: the rules, in order.
        languages: code of each document's language, where it is known: rules that name languages leave the others alone.

    Returns:
        The texts (large_string), and the lines removed from each as one int32 column per reason.

    >>> from curate.rules import load_rules
    >>> (c4,) = load_rules(["c4@code"])
    >>> texts, removed = clean_lines(pa.array(["A line with six words here.\nMenu"]), c4.line_rules)
    >>> texts.to_pylist(), removed.to_pylist()[0]["c4_line_no_end_mark"]
    (['A line with six words here.'], 1)
    """
    several = [line_rules] if isinstance(line_rules, LineRules) else list(line_rules)
    columns: dict[str, pa.Array] = {}
    texts = whole(texts).cast(pa.large_string()).fill_null("")
    for rules in several:
        rows = np.arange(len(texts))
        if rules.languages and languages is not None:
            named = pc.is_in(whole(languages), pa.array(list(rules.languages), pa.string()))
            rows = np.flatnonzero(named.to_numpy(zero_copy_only=False))
        counts = np.zeros((len(rules.reasons), len(texts)), np.int32)
        if rules.kinds:
            rows, cleaned, removed = _remove_kinds(texts, rows, rules)
        else:
            cleaned, removed = _clean(take_rows(texts, rows), rules)
        counts[:, rows] = removed
        texts = _put(texts, rows, cleaned)
        columns |= zip(rules.reasons, map(pa.array, counts), strict=True)
    return texts, pa.RecordBatch.from_pydict(columns)


def _put(texts: pa.Array, rows: NDArray[np.int64], others: pa.Array) -> pa.Array:
    """Put other texts in the place of those of `rows`, ascending."""
    if len(rows) in (0, len(texts)):
        return others if len(rows) else texts
    mask = np.zeros(len(texts), np.bool_)
    mask[rows] = True
    return pc.replace_with_mask(texts, pa.array(mask), others)


def _clean(texts: pa.Array, rules: LineRules) -> tuple[pa.Array, NDArray[np.int32]]:
    data, offsets = text_buffers(texts)
    n_documents = len(offsets) - 1
    n_bytes = int(offsets[-1] - offsets[0])
    cleaned, cleaned_offsets = np.empty(n_bytes + 8, np.uint8), np.zeros(n_documents + 1, np.int64)
    n_checks = sum(bool(check) for check, _ in rules.substrings)
    counts = np.zeros((n_documents, FIRST_SUBSTRING + n_checks), np.int32)
    limits = (
        -1 if rules.max_word_chars is None else rules.max_word_chars,
        -1 if rules.min_words is None else rules.min_words,
        rules.remove_citations,
        rules.keep_layout,
    )
    end_marks = np.zeros(256, np.uint8)
    codes = [ord(mark) for mark in rules.end_marks or ""]
    end_marks[[code for code in codes if code < 0x80]] = 1
    others = np.array([code for code in codes if code >= 0x80], np.int64)
    marks, patterns = (rules.end_marks is not None, end_marks, others), compile_patterns(rules.substrings)
    n_cleaned = _clean_documents(
        data,
        offsets,
        load_character_classes(),
        limits,
        marks,
        patterns,
        _citation_patterns(),
        cleaned,
        cleaned_offsets,
        counts,
    )
    array = pa.LargeStringArray.from_buffers(
        n_documents, pa.py_buffer(cleaned_offsets), pa.py_buffer(cleaned[:n_cleaned])
    )
    used = [rules.max_word_chars is not None, rules.end_marks is not None, rules.min_words is not None]
    used += [True] * n_checks
    return array, counts.T[used]


def _remove_kinds(
    texts: pa.Array, rows: NDArray[np.int64], rules: LineRules
) -> tuple[NDArray[np.int64], pa.Array, NDArray[np.int32]]:
    """Remove lines of some kinds that hold a substring from the texts of `rows`: (those that lose any, cleaned, counts).

    A line's kind depends on its neighbours, so a text that lost a line is looked at again, until it loses none: cleaning
    a cleaned text changes nothing.
    """
    patterns = compile_patterns(rules.substrings)
    wanted = np.array([kind in rules.kinds for kind in KINDS])
    told = load_tables(), load_network(), make_scratch(), wanted
    data, offsets = text_buffers(texts)
    rows = rows[_lose_any(data, offsets[:-1][rows], offsets[1:][rows], told, patterns)]
    texts = take_rows(texts, rows)
    counts = np.zeros((len(rows), len(rules.reasons)), np.int32)
    at = np.arange(len(rows))
    while len(at):
        data, offsets = text_buffers(take_rows(texts, at))
        removed = np.zeros((len(at), len(rules.reasons)), np.int32)
        cleaned, cleaned_offsets = (
            np.empty(offsets[-1] - offsets[0] + 8, np.uint8),
            np.zeros(len(offsets), np.int64),
        )
        n = _remove_lines(data, offsets, told, patterns, cleaned, cleaned_offsets, removed)
        made = pa.LargeStringArray.from_buffers(
            len(at), pa.py_buffer(cleaned_offsets), pa.py_buffer(cleaned[:n])
        )
        counts[at] += removed
        texts = _put(texts, at, made)
        data, offsets = text_buffers(made)
        at = at[_lose_any(data, offsets[:-1].copy(), offsets[1:].copy(), told, patterns)]
    return rows, texts, counts.T


@lru_cache(maxsize=64)
def compile_patterns(substrings: tuple[tuple[str, tuple[str, ...]], ...]) -> Patterns:
    """Lay substrings out for the kernel."""
    flat = [(check, text.encode()) for check, (_, texts) in enumerate(substrings) for text in texts]
    masks, starts, ends = [0] * 256, 0, 0
    table, padded = np.zeros((len(flat), 4), np.int64), np.zeros((len(flat), MAX_SUBSTRING_BYTES), np.uint8)
    bit = 0
    for p, (check, text) in enumerate(flat):
        padded[p, : len(text)] = list(text)
        first, last = _rarest_window(text, N_WINDOW_BITS // len(flat))
        starts |= 1 << bit
        for at in range(first, last + 1):
            for byte in {text[at], *chr(text[at]).upper().encode("latin-1", "ignore")[:1]}:
                masks[byte] |= 1 << bit
            bit += 1
        ends |= 1 << (bit - 1)
        table[p] = bit - 1, last, len(text), check
    columns = np.full(len(substrings), -1, np.int64)
    named = [check for check, (name, _) in enumerate(substrings) if name]
    columns[named] = FIRST_SUBSTRING + np.arange(len(named))
    return Patterns(np.array(masks, np.uint64), np.uint64(starts), np.uint64(ends), table, padded, columns)


def _rarest_window(text: bytes, width: int) -> tuple[int, int]:
    """The first and last place of the window of a substring whose letters are rarest in English."""
    rarity = [_RARE_LAST.find(chr(byte)) if chr(byte) in _RARE_LAST else 99 for byte in text]
    width = min(width, len(text))
    first = max(range(len(text) - width + 1), key=lambda at: sum(rarity[at : at + width]))
    return first, first + width - 1


@lru_cache(maxsize=1)
def _citation_patterns() -> NDArray[np.uint8]:
    made = np.zeros((len(_CITATIONS), 32), np.uint8)
    for j, text in enumerate(_CITATIONS):
        made[j, : len(text)] = list(text)
    return made


@kernel
def _lose_any(data, begins, stops, told, patterns):
    """Which documents have a line of a wanted kind that holds a substring."""
    tables, network, scratch, wanted = told
    loses = np.zeros(len(begins), np.bool_)
    masks, starts, ends = patterns.masks, patterns.starts, patterns.ends
    for d in range(len(begins)):
        first, end = begins[d], stops[d]
        state = np.uint64(0)
        i = first
        while i < end and not loses[d]:
            state = (state + state + starts) & masks[data[i]]
            if state & ends:
                if _verify(data, first, end, i, state, patterns) < len(patterns.columns):
                    start, stop = i, i
                    while start > first and data[start - 1] != 10:
                        start -= 1
                    while stop < end and data[stop] != 10:
                        stop += 1
                    loses[d] = wanted[kind_at(data, first, end, start, stop, tables, network, scratch)]
                    state, i = np.uint64(0), stop  # one look at a line is enough
                state &= ~ends
            i += 1
    return loses


@kernel
def _remove_lines(data, offsets, told, patterns, cleaned, cleaned_offsets, counts):
    """Write documents without the lines of the wanted kinds that hold a substring; returns what is written.

    Of the blank lines around a removed one, those before it stay.
    """
    tables, network, scratch, wanted = told
    written = 0
    for d in range(len(offsets) - 1):
        document = written
        start, first, end = offsets[d], offsets[d], offsets[d + 1]
        at = start
        removed = False
        while start < end:
            stop = start
            while stop < end and data[stop] != 10:
                stop += 1
            column = _first_substring(data, start, stop, patterns)
            if column != STAYS and wanted[kind_at(data, first, end, start, stop, tables, network, scratch)]:
                counts[d, column - FIRST_SUBSTRING] += 1
                removed = True
                for i in range(at, start):
                    cleaned[written] = data[i]
                    written += 1
                at = min(stop + 1, end)
                begins = written == document or (written - document > 1 and cleaned[written - 2] == 10)
                while begins and at < end and data[at] == 10:
                    at += 1
            start = stop + 1
        for i in range(at, end):
            cleaned[written] = data[i]
            written += 1
        while removed and written > document and cleaned[written - 1] == 10:
            written -= 1
        cleaned_offsets[d + 1] = written
    return written


@kernel
def _clean_documents(
    data, offsets, classes, limits, end_marks, patterns, citations, cleaned, cleaned_offsets, counts
):
    remove_citations, keep_layout = limits[2], limits[3]
    written = 0
    for d in range(len(offsets) - 1):
        document = solid_end = written  # behind the last line that is not blank
        after_blank = after_removed = False
        i, end = offsets[d], offsets[d + 1]
        may_match = _may_match(data[i:end], patterns.masks, patterns.starts, patterns.ends)
        while i < end:
            line_end, next_line, has_bracket = _find_line(data, i, end, classes)
            line = written
            if line > document:
                cleaned[written] = 10
                written += 1
            text = written
            if keep_layout:
                cites = remove_citations and has_bracket
                written, first, last, exposed = _copy_whole(
                    data, i, line_end, classes, cites, citations, cleaned, written
                )
            else:
                written, exposed = _copy_line(
                    data, i, line_end, classes, remove_citations and has_bracket, citations, cleaned, written
                )
                first, last = text, written
            if keep_layout and first == last:
                # Blank lines stay between kept lines; around removed ones, the first of them.
                if not has_bracket and line > document and not (after_blank and after_removed):
                    after_blank = True
                else:
                    written = line
                    after_removed |= has_bracket  # a line of citations alone
                i = next_line
                continue
            column = _failing_check(cleaned, first, last, exposed, classes, limits, end_marks)
            # What stood around a citation may join to a substring.
            if column == STAYS and (may_match or has_bracket):
                column = _first_substring(cleaned, first, last, patterns)
            if column == STAYS:
                solid_end = written if last > first else solid_end
                after_blank = after_removed = False
            else:
                written = line
                after_removed = True
                if column != BLANK:
                    counts[d, column] += 1
            i = next_line
        written = solid_end
        cleaned_offsets[d + 1] = written
    return written


@kernel
def _find_line(data, start, end, classes):
    """Where the line that begins at `start` ends, where the next begins, and whether a `]` is in it.

    Eight bytes at a time where none of them is a control character, a `]` or part of a wide character.
    """
    i = start
    has_bracket = False
    while i < end:
        if i + 8 <= end:
            block = load64(data, i)
            brackets = block ^ _BRACKETS
            marked = block | ((block - _SPACES) & ~block) | ((brackets - _ONES) & ~brackets)
            if not marked & _HIGH_BITS:
                i += 8
                continue
        stop = min(i + 8, end)
        while i < stop:
            byte = data[i]
            width = 1
            if byte < 0x20:
                if classes[byte] & LINE_BREAK:
                    width = 2 if byte == 13 and i + 1 < end and data[i + 1] == 10 else 1
                    return i, i + width, has_bracket
            elif byte >= 0x80:
                width = min(width_of(byte), end - i)
                # Every line break that is not ASCII begins with one of these.
                if byte in (0xC2, 0xE2) and classes[decode(data, i, end)] & LINE_BREAK:
                    return i, i + width, has_bracket
            has_bracket |= byte == 0x5D
            i += width
    return end, end, has_bracket


@kernel
def _copy_line(data, start, end, classes, remove_citations, citations, cleaned, written):
    """Write a line stripped, without its citations if asked; returns the new end of what is written.

    Also returns whether white space stood before a citation at the line's end: the reference code strips
    lines before it takes citations out, so such a line does not end in its mark.
    """
    start = _skip_front(data, start, end, classes)
    end = _skip_back(data, start, end, classes)
    text = written
    if not remove_citations:
        return _copy_bytes(data, start, end, cleaned, written), False
    written, at_end = _copy_without_citations(data, start, end, citations, cleaned, written)
    stripped = _skip_back(cleaned, text, written, classes)
    first = _skip_front(cleaned, text, stripped, classes)
    if first > text:
        for i in range(first, stripped):
            cleaned[text + i - first] = cleaned[i]
    return text + stripped - first, at_end and stripped < written


@kernel
def _copy_whole(data, start, end, classes, remove_citations, citations, cleaned, written):
    """Write a line as it is; its citations go if asked, unless it is indented, as program text is.

    Returns the new end of what is written, the first and last place of the line stripped, and whether white
    space stood before a citation at its end.
    """
    first = _skip_front(data, start, end, classes)
    last = _skip_back(data, first, end, classes)
    text = written
    if not remove_citations or first > start:
        written = _copy_bytes(data, start, end, cleaned, written)
        return written, text + first - start, text + last - start, False
    written, at_end = _copy_without_citations(data, first, last, citations, cleaned, written)
    stripped = _skip_back(cleaned, text, written, classes)
    exposed = at_end and stripped < written
    written = _copy_bytes(data, last, end, cleaned, written)
    return written, _skip_front(cleaned, text, stripped, classes), stripped, exposed


@kernel
def _copy_bytes(data, start, end, cleaned, written):
    """Write bytes, eight at a time; `cleaned` has slack behind it."""
    n = end - start
    i = 0
    while i < n and start + i + 8 <= len(data):
        store64(cleaned, written + i, load64(data, start + i))
        i += 8
    while i < n:
        cleaned[written + i] = data[start + i]
        i += 1
    return written + n


@kernel
def _copy_without_citations(data, start, end, citations, cleaned, written):
    """Write bytes without citations, until none is left; also whether the last byte closed one."""
    text = written
    at_end = False
    for i in range(start, end):
        byte = data[i]
        cleaned[written] = byte
        written += 1
        if byte == 0x5D:
            before = _citation_start(cleaned, text, written, citations)
            if before >= 0:
                written = before
                at_end = i == end - 1
    return written, at_end


@kernel
def _skip_front(data, start, end, classes):
    """Where the first character that is not white space begins."""
    while start < end and class_at(data, start, end, classes) & SPACE:
        start += min(width_of(data[start]), end - start)
    return start


@kernel
def _skip_back(data, start, end, classes):
    """Where the last character that is not white space ends."""
    while end > start:
        last = last_start(data, start, end)
        if not class_at(data, last, end, classes) & SPACE:
            break
        end = last
    return end


@kernel
def _citation_start(cleaned, text, written, citations):
    """Where the citation that the last byte, a `]`, closes begins; -1 when it closes none."""
    i = written - 2
    while i >= text and 0x30 <= cleaned[i] <= 0x39:
        i -= 1
    if i >= text and cleaned[i] == 0x5B:
        return i
    for j in range(len(citations)):
        length = 0
        while citations[j, length]:
            length += 1
        if written - length >= text:
            same = True
            for k in range(length):
                same &= cleaned[written - length + k] == citations[j, k]
            if same:
                return written - length
    return -1


@kernel
def _failing_check(cleaned, start, end, exposed, classes, limits, end_marks):
    """The column of the first check that a cleaned line fails, substrings aside; STAYS or BLANK for none."""
    max_word_chars, min_words, _, _ = limits
    n_words = _count_words(cleaned, start, end, classes, max(min_words, 1))
    if n_words == 0:
        return STAYS if min_words < 0 else BLANK
    if 0 <= max_word_chars < end - start and _longest_word(cleaned, start, end, classes) > max_word_chars:
        return LONG_WORD
    asks_mark, marks, other_marks = end_marks
    if asks_mark:
        dots = (
            end - start >= 3 and cleaned[end - 1] == 46 and cleaned[end - 2] == 46 and cleaned[end - 3] == 46
        )
        if exposed or dots or not _ends_in_mark(cleaned, start, end, classes, marks, other_marks):
            return NO_END_MARK
    return FEW_WORDS if n_words < min_words else STAYS


@kernel
def _ends_in_mark(cleaned, start, end, classes, marks, other_marks):
    """Whether a line ends in a mark that is asked for, or in the mark of another script that ends a sentence.

    Thai and Lao have no such mark: their lines are not judged by it.
    """
    if cleaned[end - 1] < 0x80:
        return marks[cleaned[end - 1]] != 0
    last = decode(cleaned, last_start(cleaned, start, end), end)
    for k in range(len(other_marks)):
        if other_marks[k] == last:
            return True
    return (classes[last] & TERMINAL) != 0 or _THAI <= last <= _LAO_END


@kernel
def _count_words(cleaned, start, end, classes, enough):
    """The number of words of a line, or `enough` when there are as many or more.

    In scripts written without spaces every code point is one, as for deduplication.
    """
    n_words = 0
    after_space = True
    i = start
    while i < end and n_words < enough:
        byte = cleaned[i]
        if byte < 0x80:
            is_space = byte <= 0x20 and (classes[byte] & SPACE) != 0
            i += 1
        else:
            bits = classes[decode(cleaned, i, end)]
            is_space = (bits & SPACE) != 0
            i += min(width_of(byte), end - i)
            if (bits & UNSPACED) != 0:
                n_words += 1
                after_space = True
                continue
        n_words += after_space and not is_space
        after_space = is_space
    return n_words


@kernel
def _may_match(text, masks, starts, ends):
    """Whether any window of a substring stands in a text: false for most, at two operations a byte.

    While no window has ended, the shift cannot carry into a start bit, so `+` is `|`, and faster.
    """
    state = ended = np.uint64(0)
    for i in range(len(text)):
        state = (state + state + starts) & masks[text[i]]
        ended |= state
    return (ended & ends) != 0


@kernel
def _first_substring(cleaned, start, end, patterns):
    """The column of the first check that a substring of a line decides; STAYS when none removes the line."""
    check = len(patterns.columns)
    masks, starts, ends = patterns.masks, patterns.starts, patterns.ends
    state = np.uint64(0)
    for i in range(start, end):
        state = (state + state + starts) & masks[cleaned[i]]
        if state & ends:
            check = min(check, _verify(cleaned, start, end, i, state, patterns))
            state &= ~ends
    return patterns.columns[check] if check < len(patterns.columns) else STAYS


@kernel
def _longest_word(cleaned, start, end, classes):
    """The longest word of a line, in characters."""
    longest = chars = 0
    while start < end:
        bits = class_at(cleaned, start, end, classes)
        chars = 0 if bits & (SPACE | UNSPACED) else chars + 1
        longest = max(longest, chars)
        start += min(width_of(cleaned[start]), end - start)
    return longest


@kernel
def _verify(cleaned, start, end, at, state, patterns):
    """The first check with a substring that stands where its window ends at `at`."""
    decision = len(patterns.columns)
    for p in range(len(patterns.table)):
        if not state >> np.uint64(patterns.table[p, 0]) & np.uint64(1):
            continue
        first = at - patterns.table[p, 1]
        length = patterns.table[p, 2]
        if first >= start and first + length <= end and _same(cleaned, first, length, patterns.bytes[p]):
            decision = min(decision, patterns.table[p, 3])
    return decision


@kernel
def _same(cleaned, first, length, wanted):
    """Whether these bytes stand at `first`; ASCII letters match in any case."""
    for k in range(length):
        byte = cleaned[first + k]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte != wanted[k]:
            return False
    return True
