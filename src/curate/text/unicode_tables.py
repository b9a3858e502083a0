"""What the word kernel knows of Unicode: which code points make words, and what they fold to.

The tables are built from `unicodedata` on first use (about 50 ms), so they follow the Unicode version of
the Python that runs; `UNICODE_VERSION` goes into every file whose bytes depend on them.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.text.cache import remembered
from curate.text.kernel import source_stamp

UNICODE_VERSION = unicodedata.unidata_version

SEPARATOR, WORD, SINGLE, FOLDING = 0, 1, 2, 4
"""Kinds of code points; `FOLDING` is a flag beside `WORD`."""

SINGLE_BLOCKS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x109F),  # Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x3005, 0x3007),  # ideographic iteration mark, closing mark and zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3038, 0x303C),  # more of them, iteration marks
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),  # Katakana phonetic extensions
    (0x3400, 0x4DBF),  # Han extension A
    (0x4E00, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar extended B
    (0xAA60, 0xAA7F),  # Myanmar extended A
    (0xF900, 0xFAFF),  # Han compatibility ideographs
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x1AFF0, 0x1B16F),  # Kana extensions and supplement
    (0x20000, 0x3FFFF),  # Han extensions B and on: planes 2 and 3
)
"""Blocks of the scripts written without spaces (Unicode's Blocks.txt): one word per code point."""

_ASSIGNED = (range(0x40000), range(0xE0000, 0xE0200))  # no letter, mark or number lies outside of these
_LAST_FOLDING = 0x1FFFF
_PAGE = 64


class UnicodeTables(NamedTuple):
    """The classifier's tables, read by kernels.

    Attributes:
        kinds: uint8 (0x110000,), one of `SEPARATOR`, `WORD`, `WORD | FOLDING`, `SINGLE`.
        fold_pages: uint16 (2048,), for code points below 0x20000 the page of `folds` of their 64 neighbours.
        folds: uint64, folded UTF-8 bytes from the lowest byte up; their number in the top byte.
    """

    kinds: NDArray[np.uint8]
    fold_pages: NDArray[np.uint16]
    folds: NDArray[np.uint64]


def is_single(code_point: int) -> bool:
    """Whether the code point lies in a block of a script written without spaces."""
    return any(first <= code_point <= last for first, last in SINGLE_BLOCKS)


@cache
def load_tables() -> UnicodeTables:
    """The tables, built once for each version of Unicode and of this module."""
    stamp = f"{UNICODE_VERSION} {source_stamp(Path(__file__))}"
    return UnicodeTables(**remembered("unicode", stamp, lambda: _build_tables()._asdict()))


def _build_tables() -> UnicodeTables:
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    for code_points in _ASSIGNED:
        initials = "".join(map(unicodedata.category, map(chr, code_points)))[::2].encode()
        made_of = np.frombuffer(initials, np.uint8)
        kinds[code_points.start : code_points.stop] = np.isin(made_of, np.frombuffer(b"LMN", np.uint8))
    for first, last in SINGLE_BLOCKS:
        kinds[first : last + 1] *= SINGLE
    fold_pages = np.zeros((_LAST_FOLDING + 1) // _PAGE, np.uint16)
    pages = [np.zeros(_PAGE, np.uint64)]
    for code_point in np.flatnonzero(kinds[: _LAST_FOLDING + 1] == WORD).tolist():
        character = chr(code_point)
        folded = character.casefold()
        if folded == character:
            continue
        kinds[code_point] |= FOLDING
        page, slot = divmod(code_point, _PAGE)
        if not fold_pages[page]:
            fold_pages[page] = len(pages)
            pages.append(np.zeros(_PAGE, np.uint64))
        encoded = folded.encode()
        pages[fold_pages[page]][slot] = int.from_bytes(encoded, "little") | len(encoded) << 56
    return UnicodeTables(kinds, fold_pages, np.concatenate(pages))
