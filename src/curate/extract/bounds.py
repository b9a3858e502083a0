"""Limits on a page before a tree parser sees it.

Parsers built on a tree take minutes for a page of a few hundred kilobytes whose markup is nested, or whose
attributes or options are numbered, in the tens of thousands, and some overflow the stack. One pass over the
bytes finds such pages. The limits are on bytes and structure, never on time, so that a page meets the same
fate on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.tags import NAME_PRIME, pack
from curate.text.kernel import kernel

MAX_HTML_BYTES = 32 * 2**20
MAX_DEPTH = 1000
MAX_ATTRIBUTES = 2000
MAX_NUMEROUS = 20_000  # options, and self-closed tags of SVG, MathML and unknown names

_RAW_ELEMENTS = (b"script", b"style", b"textarea", b"title")
# Elements that never nest in themselves: void ones, and those that the next of their kind closes.
_FLAT_ELEMENTS = (
    b"area base br col embed hr img input link meta param source track wbr "
    b"p li dt dd tr td th thead tbody tfoot option optgroup a"
).split()


@kernel
def _name_key(html: NDArray[np.uint8], start: int) -> tuple[np.uint64, int]:
    """A tag's name in lower case as a number (`tags.pack`), and where the name ends."""
    key = np.uint64(0)
    i = start
    while i < html.size:
        byte = html[i]
        if byte in (32, 9, 10, 12, 13, 47, 62):
            break
        if 65 <= byte <= 90:
            byte += 32
        if i - start < 8:
            key |= np.uint64(byte) << np.uint64(8 * (i - start))
        else:
            key = key * np.uint64(NAME_PRIME) + np.uint64(byte)
        i += 1
    return key, i


# In HTML `<div/>` opens a div; the slash closes only elements of SVG and MathML.
_NEVER_SELF_CLOSED = (
    b"b big blockquote body center code dl div em font h1 h2 h3 h4 h5 h6 head i menu nobr ol pre ruby s "
    b"section article aside header footer nav main form label button select figure small span strong "
    b"strike sub sup table tt u ul var"
).split()


def _keys(names: tuple[bytes, ...] | list[bytes]) -> NDArray[np.uint64]:
    return np.array([pack(name.decode()) for name in names], dtype=np.uint64)


RAW_KEYS = _keys(_RAW_ELEMENTS)
FLAT_KEYS = _keys(_FLAT_ELEMENTS)
NEVER_SELF_CLOSED_KEYS = _keys(_NEVER_SELF_CLOSED)
OPTION_KEY = _keys([b"option"])[0]


@kernel
def _skip_comment(html: NDArray[np.uint8], i: int) -> int:
    """The place after `-->` or `--!>`, or the end of the page; `i` is at `<!--`."""
    i += 4
    while i + 2 < html.size:
        if html[i] == 45 and html[i + 1] == 45:
            if html[i + 2] == 62:
                return i + 3
            if html[i + 2] == 33 and i + 3 < html.size and html[i + 3] == 62:
                return i + 4
        i += 1
    return html.size


@kernel
def _skip_raw(html: NDArray[np.uint8], i: int, name: np.uint64) -> int:
    """The place of the end tag of a script, style, textarea or title, or the end of the page."""
    while i + 1 < html.size:
        if html[i] == 60 and html[i + 1] == 47:
            key, _ = _name_key(html, i + 2)
            if key == name:
                return i
        i += 1
    return html.size


@kernel
def _skip_tag(html: NDArray[np.uint8], i: int) -> tuple[int, int, bool]:
    """From the end of a tag's name: the place after `>`, the number of attributes, whether `/>` ends it."""
    n_attributes = 0
    quote = 0
    before = 32
    while i < html.size:
        byte = html[i]
        if quote:
            if byte == quote:
                quote = 0
        elif byte == 62:
            return i + 1, n_attributes, before == 47
        elif byte in (34, 39) and before == 61:
            quote = byte
        elif byte > 32 and byte != 61 and (before <= 32 or before in (34, 39, 47)):
            n_attributes += 1
        before = byte
        i += 1
    return i, n_attributes, False


@kernel
def measure_markup(
    html: NDArray[np.uint8],
    raw: NDArray[np.uint64],
    flat: NDArray[np.uint64],
    never_self_closed: NDArray[np.uint64],
    option: np.uint64,
) -> tuple[int, int, int]:
    """The deepest nesting, the most attributes of one tag, and the number of options and self-closed tags."""
    depth = deepest = most_attributes = n_numerous = 0
    i = 0
    while i + 1 < html.size:
        if html[i] != 60:
            i += 1
            continue
        after = html[i + 1] | 32
        if html[i + 1] == 33 and i + 3 < html.size and html[i + 2] == 45 and html[i + 3] == 45:
            i = _skip_comment(html, i)
        elif html[i + 1] == 47:
            key, i = _name_key(html, i + 2)
            if depth > 0 and not (flat == key).any():
                depth -= 1
        elif 97 <= after <= 122:
            key, i = _name_key(html, i + 1)
            i, n_attributes, closed = _skip_tag(html, i)
            most_attributes = max(most_attributes, n_attributes)
            n_numerous += key == option
            if (raw == key).any():
                i = _skip_raw(html, i, key)
            elif (flat == key).any():
                continue
            elif closed and not (never_self_closed == key).any():
                n_numerous += 1
            else:
                depth += 1
                deepest = max(deepest, depth)
        else:
            i += 1
    return deepest, most_attributes, n_numerous


def find_problem(html: bytes) -> str | None:
    """Why a tree parser must not see this page, None where it may.

    One of 'html_too_large', 'html_too_deep' and 'html_too_complex'.
    """
    if len(html) > MAX_HTML_BYTES:
        return "html_too_large"
    page = np.frombuffer(html, dtype=np.uint8)
    deepest, n_attributes, n_numerous = measure_markup(
        page, RAW_KEYS, FLAT_KEYS, NEVER_SELF_CLOSED_KEYS, OPTION_KEY
    )
    if deepest > MAX_DEPTH:
        return "html_too_deep"
    if n_attributes > MAX_ATTRIBUTES or n_numerous > MAX_NUMEROUS:
        return "html_too_complex"
    return None
