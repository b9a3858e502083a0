"""Letters of scripts that are written without spaces: how often a sentence ends among them, and how many come back.

What words are to other scripts, code points are here. A text without such letters is passed over at the speed of a scan.
"""

# ruff: noqa: ANN001, ANN202 (numba infers the types)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.signals import layout
from curate.signals.classes import TERMINAL, UNSPACED, load_character_classes
from curate.signals.measure import Scratch, text_buffers
from curate.signals.repetition import measure_ngrams
from curate.text.kernel import kernel
from curate.text.utf8 import capacity_for, decode, find_or_add, width_of

LETTERS = ("letters", "sentence_ends", "repeated")
_REPEATED = layout.NGRAMS.index("dup_10_covered")


def measure_letters(texts: pa.Array | pa.ChunkedArray) -> Mapping[str, NDArray[Any]]:
    """Count letters of scripts without spaces, ends of sentences, and letters that lie in a repeated run of ten.

    A sentence ends with a terminal mark; with one of ASCII only behind such a letter, since prices hold full stops too.
    """
    data, offsets = text_buffers(texts)
    block = np.zeros((len(offsets) - 1, len(LETTERS)), np.int64)
    classes = load_character_classes()
    _count(data, offsets, classes, block)
    most = int(block[:, 0].max(initial=0))
    if most:
        scratch = Scratch(0, most + 1, 0)
        arrays = scratch.table, scratch.ids, scratch.counts, scratch.chars, scratch.left, scratch.marks
        _measure_repeats(
            data, offsets, classes, arrays, scratch.sums, np.zeros(len(layout.NGRAMS), np.int64), block
        )
    return {column: block[:, at] for at, column in enumerate(LETTERS)}


@kernel
def _count(data, offsets, classes, block):
    for d in range(len(offsets) - 1):
        end = offsets[d + 1]
        is_behind_letter = False
        i = offsets[d]
        while i < end:
            if data[i] < 0x80:
                if is_behind_letter and classes[data[i]] & TERMINAL:
                    block[d, 1] += 1
                is_behind_letter = False
                i += 1
                continue
            bits = classes[decode(data, i, end)]
            is_behind_letter = (bits & UNSPACED) != 0
            block[d, 0] += is_behind_letter
            block[d, 1] += (bits & TERMINAL) != 0
            i += min(width_of(data[i]), end - i)


@kernel
def _measure_repeats(data, offsets, classes, arrays, sums, ngrams, block):
    table, ids, counts, chars, left, marks = arrays
    keys, values = table
    for d in range(len(offsets) - 1):
        if not block[d, 0]:
            continue
        capacity = capacity_for(block[d, 0])
        values[:capacity] = -1
        end = offsets[d + 1]
        n = 0
        i = offsets[d]
        while i < end:
            if data[i] >= 0x80:
                code_point = decode(data, i, end)
                if classes[code_point] & UNSPACED:
                    first = find_or_add(np.uint64(code_point), np.int32(n), keys, values, capacity)
                    counts[n] = 0
                    counts[first] += 1
                    ids[n] = first
                    chars[n] = 1
                    n += 1
            i += min(width_of(data[i]), end - i)
        ngrams[:] = 0
        measure_ngrams(chars, n, ids, counts, table, (left, marks), sums, ngrams)
        block[d, 2] = ngrams[_REPEATED]
