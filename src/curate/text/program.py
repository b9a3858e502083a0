# ruff: noqa: ANN001, ANN201, ANN202, PLR0912, PLR1714  (kernels: numba infers types, and likes them plain)
"""Program text -> what each byte is: code, comment, string, documentation string, white space.

One scanner for every language, from the text alone: it guesses how comments are written and knows no grammar. That is
what features, signals and duplicates of program text need; it is no parser, and text that is no program comes out as
code without comments.

A comment begins with `#`; with `//` or `/*`; with `--`; with `%`; or with `;`, by what most lines of the document's
beginning look like. Strings stand in double, single or (with `//`) backward quotes; in three of them they are
documentation where they begin a statement. A string that its line does not close is none: so the apostrophe of a
lifetime or of a transposed matrix does not swallow what follows.
"""

from __future__ import annotations

import numpy as np

from curate.text.kernel import kernel

SPACE, CODE, COMMENT, STRING, DOC = range(5)
"""Kinds of bytes. White space inside a comment or a string is of its kind."""

HASH, SLASH, DASH, PERCENT, SEMICOLON = 1, 2, 4, 8, 16
"""How comments begin."""

_GUESS_BYTES = 8192
_MAX_NOTE_BYTES = (
    100  # of a comment before the licence that says nothing: an interpreter, a mode line, a file's name
)
# Directives of the C preprocessor, by their first two letters: they begin with `#` and are no comments.
_DIRECTIVES = np.array(
    [
        ord(word[0]) << 8 | ord(word[1])
        for word in ("include", "define", "if", "ifdef", "endif", "else", "elif", "pragma", "undef", "error")
    ],
    np.int64,
)


@kernel
def guess_style(data, start, stop):
    """How comments begin in the document `data[start:stop]`, as one of the flags; `HASH | SLASH` where nothing tells."""
    stop = min(stop, start + _GUESS_BYTES)
    n_hash = n_slash = n_dash = n_percent = n_semicolon = n_braces = 0
    i = start
    while i < stop:
        first = i
        while first < stop and (data[first] == 32 or data[first] == 9):
            first += 1
        end = first
        while end < stop and data[end] != 10:
            end += 1
        if end > first:
            a = data[first]
            b = data[first + 1] if first + 1 < end else np.uint8(0)
            last = end - 1
            while last > first and data[last] <= 32:
                last -= 1
            z = data[last]
            if a == 35:
                n_hash += 0 if _is_directive(data, first, end) else 2
                n_slash += 2 if _is_directive(data, first, end) else 0
            elif a == 47 and (b == 47 or b == 42):
                n_slash += 2
            elif a == 42 and (b == 32 or b == 47 or b == 42):
                n_slash += 1
            elif a == 45 and b == 45:
                n_dash += 2
            elif a == 37:
                n_percent += 2
            elif a == 59:
                n_semicolon += 2
            if z == 123 or z == 125 or z == 59:
                n_braces += 1
            elif z == 58:
                n_hash += 1
        i = end + 1
    # Braces and semicolons are shared by `#` languages such as Perl: they count less than comments do.
    n_slash += n_braces // 8
    best, style = 0, HASH | SLASH
    for n, flag in (
        (n_hash, HASH),
        (n_slash, SLASH),
        (n_dash, DASH),
        (n_percent, PERCENT),
        (n_semicolon, SEMICOLON),
    ):
        if n > best:
            best, style = n, flag
    # Octave has both.
    return HASH | PERCENT if style in (HASH, PERCENT) and min(n_hash, n_percent) * 4 >= best else style


@kernel
def _is_directive(data, first, end):
    """Whether a line that begins with `#` is a directive of the C preprocessor, or an attribute of Rust."""
    at = first + 1
    if at < end and (data[at] == 91 or (data[at] == 33 and at + 1 < end and data[at + 1] == 91)):
        return True
    while at < end and data[at] == 32:
        at += 1
    if at + 2 > end:
        return False
    pair = np.int64(data[at]) << 8 | np.int64(data[at + 1])
    found = False
    for directive in _DIRECTIVES:
        found |= pair == directive
    if not found:
        return False
    # `# if` in prose: a directive is followed by no other word than its own, which is not checked; by no period either.
    return data[end - 1] != 46


@kernel
def mark_program(data, start, stop, style, kinds):
    """Write the kind of every byte of `data[start:stop]` to `kinds[0:stop - start]`."""
    i = start
    is_line_start = True
    # Up to where no single, no double quote is closed: a search that reached the end of its line in vain has passed every
    # later quote of its kind as one behind a backslash, and would from there go the same way.
    vain_single = vain_double = start
    while i < stop:
        byte = data[i]
        if byte <= 32:
            kinds[i - start] = SPACE
            is_line_start |= byte == 10
            i += 1
            continue
        second = data[i + 1] if i + 1 < stop else np.uint8(0)
        before = data[i - 1] if i > start else np.uint8(10)
        end = i
        kind = CODE
        if _begins_line_comment(byte, second, before, style):
            end = _line_end(data, i, stop)
            kind = COMMENT
        elif style & SLASH and byte == 47 and second == 42:
            end = _find_pair(data, i + 2, stop, 42, 47)
            kind = COMMENT
        elif byte == 34 or byte == 39 or (byte == 96 and style & SLASH):
            third = data[i + 2] if i + 2 < stop else np.uint8(0)
            if style & HASH and byte != 96 and second == byte and third == byte:
                end = _find_triple(data, i + 3, stop, byte)
                kind = DOC if is_line_start else STRING
            elif byte == 39:
                if i >= vain_single and not _is_operand(before):
                    end, vain_single = _string_end(data, i, stop, byte)
                    kind = STRING
            elif byte == 96 or i >= vain_double:
                end, reached = _string_end(data, i, stop, byte)
                vain_double = max(vain_double, reached)
                kind = STRING
        if end <= i:
            end, kind = i + 1, CODE
        for j in range(i, end):
            kinds[j - start] = kind
        is_line_start = False
        i = end


@kernel(inline=True)
def _begins_line_comment(byte, second, before, style):
    if byte == 35:
        return style & HASH != 0 and before != 36 and before != 38 and before != 123
    if byte == 47:
        return style & SLASH != 0 and second == 47 and before != 58
    if byte == 45:
        return style & DASH != 0 and second == 45
    if byte == 37:
        return style & PERCENT != 0
    return byte == 59 and style & SEMICOLON != 0


@kernel(inline=True)
def _is_operand(byte):
    """Whether a quote behind this byte is a mark of what stands before it, as in `A'` and `f(x)'`."""
    is_letter = 97 <= (byte | 32) <= 122 and byte != 98 and byte != 102 and byte != 114 and byte != 117
    return is_letter or 48 <= byte <= 57 or byte == 41 or byte == 93 or byte == 38 or byte == 60 or byte == 95


@kernel
def _line_end(data, i, stop):
    while i < stop and data[i] != 10:
        i += 1
    return i


@kernel
def _find_pair(data, i, stop, first, second):
    """The place behind the next pair of bytes, or the end."""
    while i + 1 < stop:
        if data[i] == first and data[i + 1] == second:
            return i + 2
        i += 1
    return stop


@kernel
def _find_triple(data, i, stop, quote):
    while i + 2 < stop:
        if data[i] == 92:
            i += 1
        elif data[i] == quote and data[i + 1] == quote and data[i + 2] == quote:
            return i + 3
        i += 1
    return stop


@kernel
def _string_end(data, i, stop, quote):
    """The place behind the closing quote, or `i` where there is none, and up to where it was looked for in vain.

    A string ends with its line; one in backward quotes may span lines.
    """
    at = i + 1
    while at < stop:
        byte = data[at]
        if byte == 92:
            at += 1
        elif byte == quote:
            return at + 1, i
        elif byte == 10 and quote != 96:
            return i, at
        at += 1
    return (stop, i) if quote == 96 else (i, stop)


@kernel
def find_body(data, start, stop, kinds):
    """Where a document begins behind its licence.

    The leading comments that speak of rights are passed over, and short ones before them. Comments count as one where
    only one line break lies between them. Returns `start` where there is none.
    """
    body = at = start
    while at < stop:
        while at < stop and kinds[at - start] == SPACE:
            at += 1
        if body > start:
            body = at
        if at == stop or kinds[at - start] == CODE or kinds[at - start] == STRING:
            break
        end, n_feeds, here = at, 0, at
        while here < stop and n_feeds < 2 and (kinds[here - start] in (COMMENT, DOC, SPACE)):
            if kinds[here - start] == SPACE:
                n_feeds += data[here] == 10
            else:
                n_feeds, end = 0, here + 1
            here += 1
        if _speaks_of_rights(data, at, end):
            body = end
        elif body > start or end - at > _MAX_NOTE_BYTES:
            break
        at = end
    return body


@kernel
def _speaks_of_rights(data, start, stop):
    """Whether `licen`, `opyright`, `redistribut` or `spdx` occurs, in any case."""
    for i in range(start, stop - 4):
        a = data[i] | 32
        if (
            a == 108
            and (data[i + 1] | 32) == 105
            and (data[i + 2] | 32) == 99
            and (data[i + 3] | 32) == 101
            and (data[i + 4] | 32) == 110
        ):
            return True
        if (
            a == 111
            and (data[i + 1] | 32) == 112
            and (data[i + 2] | 32) == 121
            and (data[i + 3] | 32) == 114
            and (data[i + 4] | 32) == 105
        ):
            return True
        if a == 115 and (data[i + 1] | 32) == 112 and (data[i + 2] | 32) == 100 and (data[i + 3] | 32) == 120:
            return True
    return False
