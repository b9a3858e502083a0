"""What the signal kernels know of Unicode: a set of class bits for every code point.

The table follows the Unicode version of the Python that runs (`unicodedata`); sentence-terminal marks are
in no Python table and are listed here.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.text.cache import remembered
from curate.text.kernel import source_stamp
from curate.text.unicode_tables import SINGLE_BLOCKS, is_single

SPACE = 1  # what `str.split` splits at
ALPHA = 2  # letters, L*
NUMBER = 4  # N*
UPPER = 8  # Lu and Lt
LOWER = 16  # Ll
PUNCT = 32  # P*
SYMBOL = 64  # S*
TERMINAL = 128  # ends a sentence
CLOSER = 256  # may stand between a terminal mark and the end of its sentence
BULLET = 512  # begins an item of a list
FULL_STOP = 1024  # ends a sentence with no space after it, as in Chinese and Japanese
LINE_BREAK = 2048  # what `str.splitlines` splits at
CODE = 4096  # more common in program text than in prose
MARK = 8192  # M*
UNSPACED = 16384  # a letter, mark or number of a script that is written without spaces

# Unicode 16, PropList.txt, Sentence_Terminal: pairs (first, last).
SENTENCE_TERMINAL = (
    (0x21, 0x21), (0x2E, 0x2E), (0x3F, 0x3F), (0x589, 0x589), (0x61D, 0x61F), (0x6D4, 0x6D4), (0x700, 0x702),
    (0x7F9, 0x7F9), (0x837, 0x837), (0x839, 0x839), (0x83D, 0x83E), (0x964, 0x965), (0x104A, 0x104B),
    (0x1362, 0x1362), (0x1367, 0x1368), (0x166E, 0x166E), (0x1735, 0x1736), (0x17D4, 0x17D6), (0x17D9,
    0x17DA),
    (0x1803, 0x1803), (0x1809, 0x1809), (0x1944, 0x1945), (0x1AA8, 0x1AAB), (0x1B5A, 0x1B5B), (0x1B5E,
    0x1B5F),
    (0x1B7D, 0x1B7E), (0x1C3B, 0x1C3C), (0x1C7E, 0x1C7F), (0x203C, 0x203D), (0x2047, 0x2049), (0x2E2E,
    0x2E2E),
    (0x2E3C, 0x2E3C), (0x2E53, 0x2E54), (0x3002, 0x3002), (0xA4FF, 0xA4FF), (0xA60E, 0xA60F), (0xA6F3,
    0xA6F3),
    (0xA6F7, 0xA6F7), (0xA876, 0xA877), (0xA8CE, 0xA8CF), (0xA92F, 0xA92F), (0xA9C8, 0xA9C9), (0xAA5D,
    0xAA5F),
    (0xAAF0, 0xAAF1), (0xABEB, 0xABEB), (0xFE52, 0xFE52), (0xFE56, 0xFE57), (0xFF01, 0xFF01), (0xFF0E,
    0xFF0E),
    (0xFF1F, 0xFF1F), (0xFF61, 0xFF61), (0x10A56, 0x10A57), (0x10F55, 0x10F59), (0x10F86, 0x10F89),
    (0x11047, 0x11048), (0x110BE, 0x110C1), (0x11141, 0x11143), (0x111C5, 0x111C6), (0x111CD, 0x111CD),
    (0x111DE, 0x111DF), (0x11238, 0x11239), (0x1123B, 0x1123C), (0x112A9, 0x112A9), (0x1144B, 0x1144C),
    (0x115C2, 0x115C3), (0x115C9, 0x115D7), (0x11641, 0x11642), (0x1173C, 0x1173E), (0x11944, 0x11944),
    (0x11946, 0x11946), (0x11A42, 0x11A43), (0x11A9B, 0x11A9C), (0x11C41, 0x11C42), (0x11EF7, 0x11EF8),
    (0x11F43, 0x11F44), (0x16A6E, 0x16A6F), (0x16AF5, 0x16AF5), (0x16B37, 0x16B38), (0x16B44, 0x16B44),
    (0x16E98, 0x16E98), (0x1BC9F, 0x1BC9F), (0x1DA88, 0x1DA88),
)  # fmt: skip

BULLETS = "•‣▪●◦*-"
FULL_STOPS = "。！？｡．"
CLOSERS = "\"')]}"  # and the categories Pe, Pf
CODE_MARKS = "{}<>[]=;_\\|~^`/&@$+*"
LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

_BITS_OF_INITIAL = {"L": ALPHA, "N": NUMBER, "P": PUNCT, "S": SYMBOL, "M": MARK}
_BITS_OF_CATEGORY = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Pe": CLOSER, "Pf": CLOSER}


def bits_of(character: str) -> int:
    """The class bits of one character, straight from `unicodedata` and the lists of this module."""
    category = unicodedata.category(character)
    bits = _BITS_OF_INITIAL.get(category[0], 0) | _BITS_OF_CATEGORY.get(category, 0)
    code_point = ord(character)
    listed = (
        (SPACE, character.isspace()),
        (TERMINAL, any(first <= code_point <= last for first, last in SENTENCE_TERMINAL)),
        (CLOSER, character in CLOSERS),
        (BULLET, character in BULLETS),
        (FULL_STOP, character in FULL_STOPS),
        (LINE_BREAK, character in LINE_BREAKS),
        (CODE, character in CODE_MARKS),
        (UNSPACED, category[0] in "LMN" and is_single(code_point)),
    )
    for bit, holds in listed:
        if holds:
            bits |= bit
    return bits


@cache
def load_character_classes() -> NDArray[np.uint16]:
    """The class bits of every code point, uint16 (0x110000,); built once for each version of Unicode and this module.

    >>> table = load_character_classes()
    >>> bool(table[ord("a")] & ALPHA), bool(table[ord("。")] & TERMINAL), bool(table[0x3000] & SPACE)
    (True, True, True)
    """
    stamp = f"{unicodedata.unidata_version} {source_stamp(Path(__file__))}"
    return remembered("classes", stamp, lambda: {"bits": _build_classes()})["bits"]


def _build_classes() -> NDArray[np.uint16]:
    table = np.zeros(sys.maxunicode + 1, np.uint16)
    bits_of_category: dict[str, int] = {}
    for code_points in (range(0x40000), range(0xE0000, 0xE0200)):  # nothing else has a class
        categories = list(map(unicodedata.category, map(chr, code_points)))
        for category in set(categories) - bits_of_category.keys():
            bits_of_category[category] = _BITS_OF_INITIAL.get(category[0], 0) | _BITS_OF_CATEGORY.get(
                category, 0
            )
        table[code_points.start : code_points.stop] = [bits_of_category[category] for category in categories]
    for first, last in SINGLE_BLOCKS:
        table[first : last + 1] |= np.where(
            table[first : last + 1] & (ALPHA | NUMBER | MARK), UNSPACED, 0
        ).astype(np.uint16)
    special = [code_point for first, last in SENTENCE_TERMINAL for code_point in range(first, last + 1)]
    special += map(ord, CLOSERS + BULLETS + FULL_STOPS + CODE_MARKS + LINE_BREAKS)
    special += [code_point for code_point in range(0x3001) if chr(code_point).isspace()]
    for code_point in special:
        table[code_point] = bits_of(chr(code_point))
    return table
