"""The language of a document where program text and notation stand in it: that of its prose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.language import LANGUAGE_SCHEMA, identify_languages
from curate.signals import compute_signals, select_lines

MIN_PROSE_WORDS = 20
"""Fewer words of prose say too little of a language: indexes of English names pass for Spanish or Sundanese."""
MOSTLY_NOTATION = 0.5
"""The share of lines from which a text with less prose is program text or notation, and in no language."""


def tell_languages(texts: pa.Array, wanted: Sequence[str]) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """Give the language of N texts with its confidence, and whether each text may stay for its language.

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
