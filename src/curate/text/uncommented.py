# ruff: noqa: ANN001, ANN202, PLR1714  (kernels: numba infers types, and likes them plain)
"""Programs without their comments, for those who take copies with other comments for duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.text.kernel import kernel
from curate.text.program import (
    COMMENT,
    DASH,
    DOC,
    HASH,
    PERCENT,
    SEMICOLON,
    SLASH,
    SPACE,
    guess_style,
    mark_program,
)
from curate.text.words import view_utf8

_NAMES = {
    HASH: "python cython ruby perl raku shell tcsh fish awk tcl r elixir nim crystal julia coffeescript makefile cmake "
    "docker dockerfile powershell puppet gdscript",
    SLASH: "c c++ c# objective-c objective-c++ objective-j java javascript typescript go rust swift kotlin scala groovy dart d "
    "zig solidity cuda verilog systemverilog vala haxe actionscript f# delphi glsl hlsl scss less vue svelte",
    HASH | SLASH: "php terraform jsonnet",
    DASH: "sql mysql lua luau haskell ada elm vhdl applescript agda idris eiffel",
    PERCENT: "matlab erlang prolog postscript mercury",
    HASH | PERCENT: "octave",
    SEMICOLON: "common~lisp emacslisp scheme racket clojure newlisp autohotkey llvm fennel",
}
COMMENT_STYLES = {name.replace("~", " "): style for style, names in _NAMES.items() for name in names.split()}
"""How comments begin, by `program_language`; where that is none of these, it is guessed."""

_LEAST_BYTES = 64
"""Of code that is no white space; a file with less is compared with its comments."""


def drop_comments(texts: pa.Array | pa.ChunkedArray, languages: Sequence[str | None]) -> pa.Array:
    r"""Write N programs without comments and documentation strings, each of which becomes one blank.

    Args:
        texts: the programs; null counts as empty.
        languages: of each, as `program_language` names it.

    Returns:
        The programs, large_string; one of which next to nothing would be left is given back whole.

    >>> drop_comments(pa.array(["total = 0  # of all" + chr(10) + "print(total)" + chr(10)] * 2), ["python"] * 2)[0].as_py()[:10]
    'total = 0 '
    """
    data, bounds = view_utf8(texts)
    styles = np.array([COMMENT_STYLES.get(language or "", 0) for language in languages], np.int64)
    bare = np.empty(int(bounds[-1] - bounds[0]), np.uint8)
    bare_bounds = np.zeros(len(bounds), np.int64)
    _drop(data, bounds, styles, bare, bare_bounds)
    buffers = [None, pa.py_buffer(bare_bounds), pa.py_buffer(bare)]
    return pa.Array.from_buffers(pa.large_string(), len(bounds) - 1, buffers)


@kernel
def _drop(data, bounds, styles, bare, bare_bounds):
    """Write the bytes that are no comment to `bare`, and where each document ends to `bare_bounds`."""
    fill = 0
    for document in range(len(bounds) - 1):
        start, stop = bounds[document], bounds[document + 1]
        style = styles[document]
        if style == 0:
            style = guess_style(data, start, stop)
        kinds = np.empty(stop - start, np.uint8)
        mark_program(data, start, stop, style, kinds)
        first, n_code = fill, 0
        for i in range(start, stop):
            kind = kinds[i - start]
            if kind != COMMENT and kind != DOC:
                bare[fill] = data[i]
                fill += 1
                n_code += kind != SPACE
            elif i == start or kinds[i - start - 1] != kind:
                bare[fill] = 32
                fill += 1
        if n_code < _LEAST_BYTES:
            fill = first
            for i in range(start, stop):
                bare[fill] = data[i]
                fill += 1
        bare_bounds[document + 1] = fill
