"""What is counted line by line, whatever a line is taken to be."""

# ruff: noqa: ANN001, ANN201 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

import numpy as np

from curate.signals import layout as at
from curate.signals.classes import BULLET, NUMBER, TERMINAL
from curate.signals.repetition import count_duplicates, hash_pieces
from curate.signals.wordstats import count_inner
from curate.text.kernel import kernel
from curate.text.utf8 import SEED, class_at, decode, hash_bytes, last_start, mix


@kernel
def spans_to_pieces(start, spans, is_wide, pieces, paragraphs):
    """Turn the words of lines into byte ranges of stripped lines and of paragraphs.

    Args:
        start: first byte of the document.
        spans: as `measure_words` takes them.
        is_wide: whether the document holds any character that is not ASCII.
        pieces: int64 (3, capacity), filled with start, end and number of characters of each line.
        paragraphs: the same, filled for each paragraph.

    Returns:
        The number of paragraphs.
    """
    kinds, edges, lines, _, n_lines = spans
    n_paragraphs = 0
    for j in range(n_lines):
        first, end = edges[2 * lines[0, j]], edges[2 * lines[0, j + 1] - 1]
        pieces[0, j] = start + first
        pieces[1, j] = start + end
        pieces[2, j] = end - first - (count_inner(kinds, first, end) if is_wide else 0)
        if lines[1, j]:
            paragraphs[0, n_paragraphs] = start + first
            n_paragraphs += 1
        paragraphs[1, n_paragraphs - 1] = start + end
    for j in range(n_paragraphs):
        first, end = paragraphs[0, j] - start, paragraphs[1, j] - start
        paragraphs[2, j] = end - first - (count_inner(kinds, first, end) if is_wide else 0)
    return n_paragraphs


@kernel
def measure_lines(data, pieces, n_lines, classes, table, counts, hashes, raw):
    """Count lines by their length, first and last characters, and copies.

    Args:
        data: uint8, the buffer.
        pieces: int64 (3, capacity): start, end and number of characters of each line.
        n_lines: how many there are.
        classes: the table of `load_character_classes`.
        table: keys and values of a hash table with room for `n_lines`.
        counts: int32 scratch.
        hashes: uint64, filled with the hash of each line.
        raw: int64, the block `layout.LINES`.
    """
    total = squared = longest = n_short_29 = n_short_30 = np.int64(0)
    for j in range(n_lines):
        start, end, chars = pieces[0, j], pieces[1, j], pieces[2, j]
        total += chars
        squared += chars * chars
        longest = max(longest, chars)
        n_short_29 += chars < at.SHORT_LINE_CHARS
        n_short_30 += chars <= at.SHORT_LINE_CHARS
        if end > start:
            count_edges(data, start, end, classes, raw)
    raw[at.L_LINES], raw[at.L_CHARS], raw[at.L_SQUARED], raw[at.L_MAX] = n_lines, total, squared, longest
    raw[at.L_SHORT_29], raw[at.L_SHORT_30] = n_short_29, n_short_30
    hash_pieces(data, pieces, n_lines, hashes)
    count_duplicates(hashes, pieces[2], n_lines, table, counts, raw[at.L_DUP_SECOND : at.L_DUP_SECOND + 4])


@kernel
def count_edges(data, start, end, classes, raw):
    """Count one line that is not empty by its first and last characters."""
    bits = np.int64(class_at(data, start, end, classes))
    if bits & BULLET:
        count_bullet(data, start, end, raw)
    raw[at.L_LIST] += (bits & BULLET) != 0 or ((bits & NUMBER) != 0 and is_numbered(data, start, end))
    last = last_start(data, start, end)
    raw[at.L_TERMINAL] += (np.int64(class_at(data, last, end, classes)) & TERMINAL) != 0
    byte = data[last]
    if byte == 46:
        raw[at.L_ENDS_DOTS] += end - start >= 3 and data[end - 2] == 46 and data[end - 3] == 46
        raw[at.L_ENDS_SPACED_DOTS] += (
            end - start >= 5
            and data[end - 2] == 32
            and data[end - 3] == 46
            and data[end - 4] == 32
            and data[end - 5] == 46
        )
    elif byte == 0xE2 and end - last == 3:
        raw[at.L_ENDS_ELLIPSIS] += data[last + 1] == 0x80 and data[last + 2] == 0xA6


@kernel
def count_bullet(data, start, end, raw):
    """Count one line that begins with a bullet, by the bullet."""
    raw[at.L_BULLET] += 1
    byte = data[start]
    raw[at.L_BULLET_STAR] += byte == 0x2A
    raw[at.L_BULLET_HYPHEN] += byte == 0x2D
    if byte >= 0x80:
        code_point = decode(data, start, end)
        raw[at.L_BULLET_DOT] += code_point == 0x2022
        raw[at.L_BULLET_DISC] += code_point == 0x25CF


@kernel
def is_numbered(data, start, end):
    """Whether a line begins with one to three ASCII digits and `.` or `)`."""
    i = start
    while i < end and i < start + 3 and 0x30 <= data[i] <= 0x39:
        i += 1
    return i > start and i < end and data[i] in (0x2E, 0x29)


@kernel
def hash_paragraphs(data, pieces, lines, n_lines, hashes, joined):
    """Hash paragraphs from the hashes of their lines and what stands between these: `joined` is filled.

    Read front to back, so `joined` may be `hashes` itself.
    """
    n = 0
    state = SEED
    for j in range(n_lines):
        if lines[1, j]:
            state = SEED
            n += 1
        else:
            first, end = pieces[1, j - 1], pieces[0, j]
            gap = np.uint64(data[first]) if end - first == 1 else hash_bytes(data, first, end)
            state = mix(state, gap)
        state = mix(state, hashes[j])
        joined[n - 1] = state


@kernel
def measure_paragraphs(paragraphs, n_paragraphs, hashes, table, counts, raw):
    """Count paragraphs, their characters and copies, into the block `layout.PARAGRAPHS`."""
    raw[0] = n_paragraphs
    for j in range(n_paragraphs):
        raw[1] += paragraphs[2, j]
    count_duplicates(hashes, paragraphs[2], n_paragraphs, table, counts, raw[2:6])
