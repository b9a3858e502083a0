# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels, and takes no keywords)
"""Unicode normalisation: NFC for the text that is written, and a folding for what is only compared.

A kernel tells which texts hold a code point that normalisation can touch; nearly all English ones do not, and stay
as they are without a copy. Only the others are looked at by `unicodedata`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.text.cache import remembered
from curate.text.kernel import kernel, source_stamp
from curate.text.unaligned import load64
from curate.text.unicode_tables import UNICODE_VERSION
from curate.text.words import view_utf8

_HIGH_BITS = np.uint64(0x8080808080808080)
NFC_MAY_CHANGE, IS_FOLDED = 1, 2
"""What may happen to a code point: composed or reordered; mapped to others, or taken out, before texts are compared."""

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), but for unassigned ones beyond plane 14's first blocks.
IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE01FF),
)  # fmt: skip
# Arabic: tatweel stretches a line, and vowel marks are written or left out.
ARABIC_MARKS = ((0x640, 0x640), (0x64B, 0x652), (0x670, 0x670))
_HANGUL_PARTS = ((0x1161, 0x1175), (0x11A8, 0x11C2))
_SCANNED = (range(0x40000), range(0xE0000, 0xE0200))
# Numbers other than digits stay: a square is no 2, and a half no 1 and 2.
_FOLDED_CATEGORIES = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"}


def compose(texts: pa.Array) -> pa.Array:
    r"""Bring N texts into NFC; null stays null. The array itself comes back where nothing changes.

    >>> compose(pa.array(["cafe\u0301", "plain", None])).to_pylist()
    ['café', 'plain', None]
    """
    return _replace(texts, NFC_MAY_CHANGE, lambda text: unicodedata.normalize("NFC", text))


def comparable(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    r"""Fold what looks alike before words are hashed to find duplicates and benchmarks.

    Letters, marks and digits are taken for their compatibility forms (full-width, presentation forms, ligatures),
    invisible code points and Arabic vowel marks go, and the rest is composed. Other symbols and numbers stay.

    >>> comparable(pa.array(["Ｗｅｂ ﬁle", "soft\xadhyphen", "x²", "ـﻼ"])).to_pylist()
    ['Web file', 'softhyphen', 'x²', 'لا']
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    return _replace(texts, NFC_MAY_CHANGE | IS_FOLDED, fold_text)


def fold_text(text: str) -> str:
    """What `comparable` does to one text."""
    mapping = _load_mapping()
    # A few kinds of them, mostly one: replacing each is faster than `str.translate`, and none maps to another.
    for character in mapping.keys() & set(text):
        text = text.replace(character, mapping[character])
    return unicodedata.normalize("NFC", text)


def _replace(texts: pa.Array, wanted: int, change: Callable[[str], str]) -> pa.Array:
    if pa.types.is_null(texts.type):
        return texts
    rows = np.flatnonzero(_find_touched(*view_utf8(texts), load_touches(), wanted))
    if not len(rows):
        return texts
    old = texts.take(pa.array(rows)).to_pylist()
    new = [change(text) if text is not None else None for text in old]
    changed = np.array([one != other for one, other in zip(old, new, strict=True)], np.bool_)
    if not changed.any():
        return texts
    mask = np.zeros(len(texts), np.bool_)
    mask[rows[changed]] = True
    values = pa.array([text for text, is_new in zip(new, changed, strict=True) if is_new], texts.type)
    return pc.replace_with_mask(texts, pa.array(mask), values)


@cache
def load_touches() -> NDArray[np.uint8]:
    """What may happen to every code point, uint8 (0x110000,)."""
    stamp = f"{UNICODE_VERSION} {source_stamp(Path(__file__))}"
    touches = remembered("normalise", stamp, lambda: {"touches": _build_touches()})["touches"]
    touches.flags.writeable = False
    return touches


@cache
def _load_mapping() -> dict[str, str]:
    codes = np.flatnonzero(load_touches() & IS_FOLDED).tolist()
    return {chr(code): _fold_character(chr(code)) for code in codes}


def _fold_character(character: str) -> str:
    # The presentation form of a vowel mark is that mark on tatweel, and both go.
    folded = unicodedata.normalize("NFKC", character)
    return "".join(each for each in folded if not _lies_in(ord(each), IGNORABLE + ARABIC_MARKS))


def _lies_in(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def _build_touches() -> NDArray[np.uint8]:
    touches = np.zeros(0x110000, np.uint8)
    for first, last in _HANGUL_PARTS:
        touches[first : last + 1] |= NFC_MAY_CHANGE
    for first, last in IGNORABLE + ARABIC_MARKS:
        touches[first : last + 1] |= IS_FOLDED
    for codes in _SCANNED:
        for code in codes:
            character = chr(code)
            if unicodedata.combining(character):
                touches[code] |= NFC_MAY_CHANGE
            parts = unicodedata.decomposition(character)
            if not parts:
                continue
            if not parts.startswith("<"):
                for part in parts.split()[1:]:  # may join what stands before it
                    touches[int(part, 16)] |= NFC_MAY_CHANGE
                if unicodedata.normalize("NFC", character) != character:
                    touches[code] |= NFC_MAY_CHANGE
            elif unicodedata.category(character) in _FOLDED_CATEGORIES:
                touches[code] |= IS_FOLDED
    return touches


@kernel
def _find_touched(data, bounds, touches, wanted):
    """Which texts hold a code point that is touched in a wanted way."""
    found = np.zeros(len(bounds) - 1, np.bool_)
    for d in range(len(bounds) - 1):
        i, end = bounds[d], bounds[d + 1]
        while i < end:
            if i + 8 <= end and not load64(data, i) & _HIGH_BITS:
                i += 8
                continue
            lead = np.int64(data[i])
            if lead < 0x80:
                i += 1
                continue
            width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            if i + width > end:
                break
            code = lead & (0x7F >> width)
            for k in range(1, width):
                code = code << 6 | (np.int64(data[i + k]) & 0x3F)
            if code < 0x110000 and touches[code] & wanted:
                found[d] = True
                break
            i += width
    return found
