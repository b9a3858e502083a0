# ruff: noqa: PLR0911, PLR0912, PLR0915, FBT001, FBT003, SIM110  (kernels take their arrays by position and decide byte by byte)
# pyright: reportReturnType=false
"""Raised and lowered text: an exponent is written with ^ and an index with _, a footnote mark in brackets.

Ordinals, trade marks and the numbers in chemical formulas stay as they are. What a raised number is can only be told
from what it follows: a digit, a single letter, a unit or the name of a function has exponents, a word or a full stop
has footnotes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.tags import FNV_OFFSET, FNV_PRIME, MASK32, fnv, look_up, make_table
from curate.extract.text import BLOCK_START, HREF_END, HREF_START, N_LINKS, OUT
from curate.text.kernel import kernel

MAX_SCRIPT_BYTES = 32

# Endings that are raised in print and part of the word: ordinals of several languages, titles, trade marks.
_ENDINGS = (
    "st nd rd th er ers re ère ème eme e es o os a as ra da ta va me mme lle le gr tm sm r ter bis tes ten te ste de ro "
    "do to mo no"
)
ENDING_KEYS, ENDING_VALUES = make_table({fnv(word): 1 for word in _ENDINGS.split()}, 128)
# Words of three letters or more that are raised to a power.
_POWERS = (
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log exp det lim max min mol rad sec min day inch inches "
    "foot feet yard yards mile miles meter meters metre metres bar ghz mhz khz mev gev kev kpa mpa hpa ohm lux atm dyn erg"
)
POWER_KEYS, POWER_VALUES = make_table({fnv(word): 1 for word in _POWERS.split()}, 128)
# English words of two letters, which have footnotes.
_SHORT = "at to of is it as by we us he me my no or so up an am be do go if on"
SHORT_KEYS, SHORT_VALUES = make_table({fnv(word): 1 for word in _SHORT.split()}, 64)
_CHEMICALS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo "
    "Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb "
    "Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am"
)
CHEMICAL_KEYS, CHEMICAL_VALUES = make_table({fnv(sign): 1 for sign in _CHEMICALS.split()}, 256)
VITAMIN = np.frombuffer(b"itamin ", np.uint8)


@kernel(allocates=False)
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@kernel(allocates=False)
def _is_letter(text: NDArray[np.uint8], i: int) -> bool:
    """Whether a byte is of a letter; all beyond ASCII are but general punctuation."""
    byte = text[i]
    if byte < 128:
        return 97 <= byte | 32 <= 122
    k = i
    while k > 0 and text[k] & 0xC0 == 0x80:
        k -= 1
    return not (text[k] == 0xE2 and text[k + 1] in (0x80, 0x88, 0x89)) and text[k] != 0xC2


@kernel(allocates=False)
def _hash_lower(text: NDArray[np.uint8], start: int, end: int) -> int:
    value = FNV_OFFSET
    for k in range(start, end):
        byte = np.int64(text[k])
        value = (value ^ (byte + 32 if 65 <= byte <= 90 else byte)) * FNV_PRIME & MASK32
    return value


@kernel(allocates=False)
def _skip_sign(text: NDArray[np.uint8], i: int, end: int) -> int:
    """The place after a plus or minus at `i`, or `i`."""
    if i < end and text[i] in (43, 45):
        return i + 1
    # U+2212 and U+2013
    if (
        i + 2 < end
        and text[i] == 0xE2
        and ((text[i + 1] == 0x88 and text[i + 2] == 0x92) or (text[i + 1] == 0x80 and text[i + 2] == 0x93))
    ):
        return i + 3
    return i


@kernel(allocates=False)
def _is_number(text: NDArray[np.uint8], i: int, end: int) -> bool:
    """Digits, perhaps with a point, a comma or a stroke."""
    if i >= end or not _is_digit(text[i]) or not _is_digit(text[end - 1]):
        return False
    for k in range(i, end):
        if not (_is_digit(text[k]) or text[k] in (44, 46, 47)):
            return False
    return True


@kernel(allocates=False)
def _all_letters(text: NDArray[np.uint8], start: int, end: int) -> bool:
    for k in range(start, end):
        if not _is_letter(text, k):
            return False
    return end > start


@kernel(allocates=False)
def _word_start(text: NDArray[np.uint8], start: int, end: int) -> int:
    k = end
    while k > start and end - k < 24 and _is_letter(text, k - 1):
        k -= 1
    return k


@kernel(allocates=False)
def _n_chars(text: NDArray[np.uint8], start: int, end: int) -> int:
    n = 0
    for k in range(start, end):
        n += text[k] & 0xC0 != 0x80
    return n


@kernel(allocates=False)
def _is_term_in_brackets(text: NDArray[np.uint8], begin: int, end: int) -> bool:
    """Whether the bracket that ends at `end` holds a term: no word of more than three letters."""
    depth, letters = 0, 0
    k = end - 1
    while k >= begin and end - k < 80:
        byte = text[k]
        if byte in (41, 93):
            depth += 1
        elif byte in (40, 91):
            depth -= 1
            if depth == 0:
                return True
        letters = letters + 1 if 97 <= byte | 32 <= 122 else 0
        if letters > 3:
            return False
        k -= 1
    return False


@kernel(allocates=False)
def _is_chemical(
    html: NDArray[np.uint8], i: int, begin: int, start: int, end: int, text: NDArray[np.uint8]
) -> bool:
    """Whether the number text[start:end] counts the atoms of what stands before it."""
    number = _is_number(text, start, end)
    if not number and not (end == start + 1 and text[start] in (120, 110)):
        return False
    k = start
    while (
        k > begin
        and start - k < 40
        and (97 <= text[k - 1] | 32 <= 122 or _is_digit(text[k - 1]) or text[k - 1] in (40, 41, 91, 93))
    ):
        k -= 1
    if k >= 7 and k - begin >= 7:
        vitamin = True
        for n in range(VITAMIN.size):
            vitamin &= text[k - VITAMIN.size + n] == VITAMIN[n]
        if vitamin:
            return True
    n_elements = n_counts = 0
    first = k
    while k < start:
        byte = text[k]
        if 65 <= byte <= 90:
            size = 2 if k + 1 < start and 97 <= text[k + 1] <= 122 else 1
            value = FNV_OFFSET
            for n in range(size):
                value = (value ^ np.int64(text[k + n])) * FNV_PRIME & MASK32
            if not look_up(value, CHEMICAL_KEYS, CHEMICAL_VALUES):
                return False
            n_elements += 1
            k += size
        elif _is_digit(byte) or byte in (40, 41, 91, 93):
            n_counts += k > first or not _is_digit(byte)
            k += 1
        else:
            return False
    if n_elements == 0 or (number and end == start + 1 and text[start] == 49 and n_elements + n_counts < 2):
        return False
    if n_elements > 1 or n_counts > 0:
        return True
    if not number:
        return False
    symbol = text[first]
    if start - first > 1:  # two letters of one element
        return True
    after = html[i] if i < html.size else np.uint8(0)
    if 65 <= after <= 90:
        return symbol in (67, 70, 72, 78, 79, 83) or (symbol == 80 and after == 79)
    return end == start + 1 and (
        (text[start] == 50 and symbol in (70, 72, 78, 79)) or (text[start] == 51 and symbol == 79)
    )


@kernel(allocates=False)
def _enclose(
    mark: int,
    braces: bool,
    start: int,
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    links: NDArray[np.int32],
) -> None:
    """Put a mark before text[start:], and braces around it; a mark of 91 is a pair of brackets."""
    n = 2 if braces else 1
    for k in range(s[OUT] - 1, start - 1, -1):
        text[k + n] = text[k]
    text[start] = mark
    if braces:
        text[start + 1] = 123
    s[OUT] += n
    if braces or mark == 91:
        text[s[OUT]] = 125 if braces else 93
        s[OUT] += 1
    last = s[N_LINKS] - 1
    if 0 <= last < links.shape[0]:
        for k in range(2):
            if links[last, k] > start or (k == 0 and links[last, k] == start and links[last, 1] > start):
                links[last, k] += n


@kernel(allocates=False)
def _leads_to_note(html: NDArray[np.uint8], s: NDArray[np.int64]) -> bool:
    for k in range(s[HREF_START], s[HREF_END]):
        if html[k] == 35:
            return True
    return False


@kernel(allocates=False)
def write_script(
    html: NDArray[np.uint8],
    i: int,
    raised: bool,
    linked: bool,
    start: int,
    text: NDArray[np.uint8],
    s: NDArray[np.int64],
    links: NDArray[np.int32],
) -> None:
    """Mark text[start:], which a `sup` or `sub` held that ended before html[i], as what it is."""
    begin, end = s[BLOCK_START], s[OUT]
    if start <= begin or end <= start or end - start > MAX_SCRIPT_BYTES:
        return
    simple = True
    for k in range(start, end):
        byte = text[k]
        if byte in (36, 10, 92):
            return
        simple &= _is_digit(byte) or 97 <= byte | 32 <= 122 or byte >= 128 or byte == 46
    sign = _skip_sign(text, start, end)
    signed = sign > start and _is_number(text, sign, end)
    last = text[start - 1]
    based = _is_digit(last) or _is_letter(text, start - 1)
    if not raised:
        if (based or last in (41, 93)) and not _is_chemical(html, i, begin, start, end, text):
            _enclose(95, not (simple or signed), start, text, s, links)
        return
    number = _is_number(text, start, end)
    if linked and _leads_to_note(html, s):
        if number:
            _enclose(91, False, start, text, s, links)
        return
    if not (based or last in (41, 93)):
        if (number and last in (33, 34, 39, 44, 46, 58, 59, 63)) or (number and last >= 128):
            _enclose(91, False, start, text, s, links)
        return
    letters = _all_letters(text, start, end)
    power = False
    if last in (41, 93):
        power = _is_term_in_brackets(text, begin, start)
        if number and not power:
            _enclose(91, False, start, text, s, links)
            return
    elif _is_digit(last):
        power = not (letters and look_up(_hash_lower(text, start, end), ENDING_KEYS, ENDING_VALUES))
    else:
        word = _word_start(text, begin, start)
        n = _n_chars(text, word, start)
        if n == 1:
            power = not (
                letters
                and end > start + 1
                and look_up(_hash_lower(text, start, end), ENDING_KEYS, ENDING_VALUES)
            )
            power &= not (letters and 65 <= last <= 90 and end == start + 1 and text[start] == 101)  # Me
        elif n == 2:
            power = not look_up(_hash_lower(text, word, start), SHORT_KEYS, SHORT_VALUES)
            power &= not letters or end == start + 1
            power &= not (letters and (65 <= text[start] <= 90 or 65 <= last <= 90))
        else:
            power = look_up(_hash_lower(text, word, start), POWER_KEYS, POWER_VALUES) != 0 and not letters
        power |= signed
        charge = _skip_sign(text, start, end) == end
        for k in range(start + 1, end):
            charge |= _is_digit(text[start]) and _skip_sign(text, k, end) == end
        power |= charge
        if not power and n > 2 and (number or (letters and end == start + 1 and 97 <= text[start] <= 122)):
            _enclose(91, False, start, text, s, links)
            return
        if not power and n == 2 and number:
            _enclose(91, False, start, text, s, links)
            return
    fraction = (
        number
        and i < html.size
        and (
            html[i] == 47
            or (html[i] == 38 and i + 3 < html.size and html[i + 1] == 102 and html[i + 2] == 114)
        )
    )
    fraction |= (
        number and i + 2 < html.size and html[i] == 0xE2 and html[i + 1] == 0x81 and html[i + 2] == 0x84
    )
    if fraction:
        for k in range(end - 1, start - 1, -1):
            text[k + 1] = text[k]
        text[start] = 32
        s[OUT] += 1
    elif power:
        single = end == start + 1 or _n_chars(text, start, end) == 1
        _enclose(94, not (simple or signed or single), start, text, s, links)
