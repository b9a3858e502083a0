"""The language of a document where program text and notation stand in it, that of its prose; and of each of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.language import LANGUAGE_SCHEMA, identify_languages
from curate.signals import KINDS, compute_signals, find_kinds, select_lines

MIN_PROSE_WORDS = 20
"""Fewer words of prose say too little of a language: indexes of English names pass for Spanish or Sundanese."""
MOSTLY_NOTATION = 0.5
"""The share of lines from which a text with less prose is program text or notation, and in no language."""


def tell_languages(texts: pa.Array, wanted: Sequence[str]) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """The language of N texts with its confidence, and whether each text may stay for its language.

    It is the likeliest language of the whole text. Where that is not wanted, the lines that are prose are asked, if they
    have `MIN_PROSE_WORDS`: program text and notation pass for any language. A text that hardly has prose and is
    notation for the most part is in no language (null, confidence 0), and stays.
    """
    found = identify_languages(texts)
    is_wanted = _is_in(found["language"], wanted)
    rows = np.flatnonzero(~is_wanted)
    shares = compute_signals(texts.take(pa.array(rows)), ["frac_notation_lines", "frac_table_lines"])
    notation = shares["frac_notation_lines"].to_numpy(zero_copy_only=False)
    rows, notation = rows[notation > 0], notation[notation > 0]
    if not len(rows):
        return found, is_wanted
    prose = select_lines(texts.take(pa.array(rows)), ("prose",))
    n_words = compute_signals(prose, ["n_words"])["n_words"].to_numpy()
    of_prose = identify_languages(prose)
    in_none = (n_words < MIN_PROSE_WORDS) & (notation >= MOSTLY_NOTATION)
    has_prose = n_words >= MIN_PROSE_WORDS
    replaced = has_prose | in_none
    columns: list[pa.Array] = []
    for name in LANGUAGE_SCHEMA.names:
        nothing = pa.scalar(None if name == "language" else 0.0, LANGUAGE_SCHEMA.field(name).type)
        values = pc.if_else(pa.array(in_none), nothing, of_prose[name]).filter(pa.array(replaced))
        mask = np.zeros(len(texts), np.bool_)
        mask[rows[replaced]] = True
        columns.append(pc.replace_with_mask(found[name], pa.array(mask), values))
    stays = is_wanted.copy()
    stays[rows[has_prose]] = _is_in(of_prose["language"], wanted)[has_prose]
    stays[rows[in_none]] = True
    return pa.record_batch(columns, schema=LANGUAGE_SCHEMA), stays


def _is_in(languages: pa.Array, wanted: Sequence[str]) -> NDArray[np.bool_]:
    known = pc.fill_null(pc.is_in(languages, pa.array(list(wanted), pa.string())), fill_value=False)
    return known.to_numpy(zero_copy_only=False)


# ---- lines ------------------------------------------------------------------------------------------------

MIN_LINE_CHARS = 30
"""Shorter lines say too little of a language, and count for that of the line before them."""
MIN_LINE_CONFIDENCE = 0.5
N_SHARES = 3
SHARE_COLUMNS = tuple(
    (f"{name}_{place}", kind)
    for place in range(1, N_SHARES + 1)
    for name, kind in (("line_language", "string"), ("line_share", "float"))
)
"""The languages of a page's lines, the largest first, and the share of its characters in each."""


@dataclass(frozen=True, slots=True)
class LineLanguages:
    """The language of every line of N texts.

    Attributes:
        lines: string (n_lines,), in order.
        offsets: int64 (N + 1,): the lines of each text.
        codes: string (n_lines,), null where nothing tells, and of program text, its output and formulas.
        n_chars: int64 (n_lines,), code points without white space at the ends.
    """

    lines: pa.Array
    offsets: NDArray[np.int64]
    codes: pa.Array
    n_chars: NDArray[np.int64]

    @classmethod
    def of(cls, texts: pa.Array) -> LineLanguages:
        """Tell the language of every line; one that is short or unclear has that of the last clear one, or else of the next."""
        split = pc.split_pattern(texts.cast(pa.large_string()).fill_null(""), "\n")
        lines, offsets = split.flatten(), split.offsets.to_numpy().astype(np.int64)
        offsets = offsets - offsets[0]
        n_chars = (
            pc.utf8_length(pc.utf8_trim_whitespace(lines)).to_numpy(zero_copy_only=False).astype(np.int64)
        )
        # A letter of a script without spaces says as much as three others.
        n_bytes = pc.binary_length(lines).to_numpy(zero_copy_only=False)
        is_notation = _find_notation(texts, n_chars > 0, offsets)
        asked = np.flatnonzero((np.maximum(n_chars, n_bytes) >= MIN_LINE_CHARS) & ~is_notation)
        found = identify_languages(lines.take(pa.array(asked)))
        sure = found["language_confidence"].to_numpy() >= MIN_LINE_CONFIDENCE
        clear = np.full(len(lines), -1, np.int64)  # the line from which each takes its language
        clear[asked[sure]] = np.flatnonzero(sure)
        documents = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        for step in (1, -1):  # forwards, then backwards for what stands before the first clear line
            order = np.arange(len(lines))[::step]
            known = clear[order] >= 0
            last = np.maximum.accumulate(np.where(known, np.arange(len(order)), -1))
            source = order[np.maximum(last, 0)]
            taken = (last >= 0) & (documents[source] == documents[order])
            clear[order] = np.where(taken, clear[source], clear[order])
        codes = found["language"].take(pa.array(np.maximum(clear, 0), mask=(clear < 0) | is_notation))
        return cls(lines, offsets, codes, n_chars)

    def shares(self) -> list[list[tuple[str, float]]]:
        """(code, share of the characters) of each text, the largest first; equal shares by code."""
        coded = self.codes.dictionary_encode()
        names = [*coded.dictionary.to_pylist(), ""]
        numbers = coded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        documents = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        sums = np.zeros((len(self.offsets) - 1, len(names)), np.int64)
        np.add.at(sums, (documents, numbers), self.n_chars)
        sums = sums[:, :-1]
        found: list[list[tuple[str, float]]] = []
        for row in sums:
            whole = int(row.sum())
            some = [(names[place], int(row[place]) / whole) for place in np.flatnonzero(row)]
            found.append(sorted(some, key=lambda pair: (-pair[1], pair[0])))
        return found

    def keep(self, wanted: Sequence[str]) -> tuple[pa.Array, NDArray[np.int64], NDArray[np.int64]]:
        """The texts of the lines in the wanted languages, and in none; how many lines and characters went, int64 (N,)."""
        goes = ~(_is_in(self.codes, wanted) | self.codes.is_null().to_numpy(zero_copy_only=False))
        texts: list[str] = []
        lost = np.zeros((2, len(self.offsets) - 1), np.int64)
        for number, (begin, end) in enumerate(zip(self.offsets, self.offsets[1:], strict=False)):
            gone = goes[begin:end]
            lines = self.lines[begin:end]
            stay = lines.filter(pa.array(~gone)) if gone.any() else lines
            texts.append(
                "\n".join(stay.to_pylist()).strip("\n") if gone.any() else "\n".join(lines.to_pylist())
            )
            lost[0, number] = np.count_nonzero(gone & (self.n_chars[begin:end] > 0))
            lost[1, number] = self.n_chars[begin:end][gone].sum()
        return pa.array(texts, pa.string()), lost[0], lost[1]


def _find_notation(
    texts: pa.Array, has_text: NDArray[np.bool_], offsets: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the lines of N texts are program text, its output or formulas; `has_text` says which are not blank."""
    found = find_kinds(texts)
    is_notation = np.zeros(len(has_text), np.bool_)
    kinds = np.array([kind in ("program", "output", "formula") for kind in KINDS])[found.kinds]
    before = np.concatenate([[0], np.cumsum(has_text)])
    same = np.diff(before[offsets]) == np.diff(
        found.offsets
    )  # what is white space is told otherwise in rare texts
    for number in np.flatnonzero(same & (np.diff(found.offsets) > 0)).tolist():
        begin, end = offsets[number], offsets[number + 1]
        is_notation[begin:end][has_text[begin:end]] = kinds[found.offsets[number] : found.offsets[number + 1]]
    return is_notation


def tell_by_share(
    found: pa.RecordBatch,
    is_wanted: NDArray[np.bool_],
    shares: Sequence[Sequence[tuple[str, float]]],
    wanted: Sequence[str],
    least: float,
) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """What `tell_languages` found of N texts, by their lines, and whether each may stay.

    A text stays where lines in the wanted languages hold something, and at least the share `least` of its characters; its
    language is then the wanted one with the largest share, and its confidence that share. A text in no language keeps its fate.
    """
    codes, confidences = found["language"].to_pylist(), found["language_confidence"].to_pylist()
    stays = is_wanted.copy()
    for row, of_text in enumerate(shares):
        own = [(code, share) for code, share in of_text if code in wanted]
        if codes[row] is None or not of_text:
            continue
        stays[row] = bool(own) and sum(share for _, share in own) >= least
        if stays[row] and codes[row] not in wanted:
            codes[row], confidences[row] = own[0]
    columns = [pa.array(codes, pa.string()), pa.array(confidences, pa.float32())]
    return pa.record_batch(columns, schema=LANGUAGE_SCHEMA), stays


def share_columns(shares: Sequence[Sequence[tuple[str, float]]]) -> dict[str, pa.Array]:
    """`SHARE_COLUMNS` of N texts; null where a text has fewer languages."""
    columns: dict[str, pa.Array] = {}
    for place in range(N_SHARES):
        some = [found[place] if place < len(found) else (None, None) for found in shares]
        columns[f"line_language_{place + 1}"] = pa.array([code for code, _ in some], pa.string())
        columns[f"line_share_{place + 1}"] = pa.array([share for _, share in some], pa.float32())
    return columns
