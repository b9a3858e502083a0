"""Text -> the kind of every line: prose, heading, list, program, output, table, formula, meta or furniture.

A small network over the counts of `curate.signals.line_features` of a line and of its two neighbours; how it was
fitted and what it is worth: classifiers/lines/card.md. A kind depends on the line and its neighbours alone.
"""

# ruff: noqa: ANN001, ANN201, ANN202, FBT003 (numba infers the types, and takes no keywords)
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportArgumentType=false

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import safe_open

from curate.bundled import classifiers_folder
from curate.errors import RunError
from curate.signals.line_features import FEATURES, N_FEATURES, N_LISTS, load_tables, measure_line
from curate.text.kernel import kernel
from curate.text.unaligned import add_rows_16, add_rows_32, count_trailing_zeros, load64
from curate.text.words import view_utf8

KINDS = ("prose", "heading", "list", "program", "output", "table", "formula", "meta", "furniture")
"""In the order of the network's outputs."""

N_HIDDEN = 32  # a multiple of 16, which `_add_states` adds at once
_N_KINDS = len(KINDS)
_N_OUTPUTS = 16  # with room behind the kinds, so that a step is two vectors wide
_ONES, _FEEDS, _HIGH_BITS = (np.uint64(0x0101010101010101 * byte) for byte in (1, 10, 128))
_PLACES = 3  # the line before, the line itself, the line after


class Network(NamedTuple):
    """Weights: two layers, the first over three lines."""

    inner: NDArray[
        np.float32
    ]  # (N_FEATURES, 3 * N_HIDDEN): what a line adds to its successor, itself, its predecessor
    outer: NDArray[np.float32]  # (N_HIDDEN + 1, len(KINDS)); the last row is the bias


@cache
def load_network() -> Network:
    """Load the bundled weights."""
    path = classifiers_folder() / "lines" / "kinds.safetensors"
    if not path.is_file():
        raise RunError(f"The weights of line kinds are missing at '{path}': reinstall curate-web.")
    with safe_open(str(path), framework="numpy") as file:
        facts = file.metadata() or {}
        if facts.get("features") != " ".join(FEATURES) or facts.get("kinds") != " ".join(KINDS):
            raise RunError(f"'{path}' was fitted for other features: fit it again.")
        outer = np.zeros((N_HIDDEN + 1, _N_OUTPUTS), np.float32)
        outer[:, : len(KINDS)] = file.get_tensor("outer")
        return Network(np.ascontiguousarray(file.get_tensor("inner")), outer)


class Lines(NamedTuple):
    """The lines of N documents that are not blank.

    Attributes:
        offsets: int64 (N + 1,); document `i` has the lines `offsets[i]` to `offsets[i + 1]`.
        bounds: int64 (n_lines, 2), bytes of the buffer, white space at both ends left out.
        kinds: uint8 (n_lines,), places in `KINDS`.
        data: uint8, the buffer.
    """

    offsets: NDArray[np.int64]
    bounds: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    data: NDArray[np.uint8]


def find_kinds(texts: pa.Array | pa.ChunkedArray) -> Lines:
    r"""Tell the kind of every line of N texts that is not blank; null counts as the empty text.

    >>> found = find_kinds(pa.array(["What a function returns is its value, and here is one.\n    return x[0]"]))
    >>> [KINDS[kind] for kind in found.kinds]
    ['prose', 'program']
    """
    data, offsets = view_utf8(texts)
    most = int(_count_feeds(data, offsets)) + len(offsets)
    lines, bounds = np.zeros(len(offsets), np.int64), np.empty((most, 2), np.int64)
    kinds = np.empty(most, np.uint8)
    counts = np.zeros((len(offsets) - 1, len(KINDS)), np.int64)
    n = _find_kinds(
        data, offsets, load_tables(), load_network(), make_scratch(), lines, bounds, kinds, counts
    )
    return Lines(lines, bounds[:n], kinds[:n], data)


def make_scratch() -> tuple[NDArray[Any], ...]:
    """Working memory of the kernels: features, states of three lines, hidden units, outputs, words by list, features above 0."""
    return (
        np.empty(N_FEATURES, np.float32),
        # What each of the last three lines adds to the hidden units of its successor, itself, its predecessor.
        np.zeros((3, _PLACES * N_HIDDEN), np.float32),
        np.empty(N_HIDDEN, np.float32),
        np.empty(_N_OUTPUTS, np.float32),
        np.empty(N_LISTS + 1, np.int64),
        np.empty(N_FEATURES + 1, np.int32),
        np.empty(N_FEATURES + 1, np.float32),
    )


def measure_kinds(texts: pa.Array | pa.ChunkedArray) -> dict[str, NDArray[Any]]:
    """Count the lines of each kind in N texts: int64 (N,) under the names in `KINDS`, and `lines`, all of them."""
    data, offsets = view_utf8(texts)
    counts = np.zeros((len(offsets) - 1, len(KINDS)), np.int64)
    nowhere = np.zeros(len(offsets), np.int64), np.empty((0, 2), np.int64), np.empty(0, np.uint8)
    _find_kinds(data, offsets, load_tables(), load_network(), make_scratch(), *nowhere, counts)
    return {kind: counts[:, j] for j, kind in enumerate(KINDS)} | {"lines": counts.sum(axis=1)}


def select_lines(texts: pa.Array | pa.ChunkedArray, kinds: tuple[str, ...]) -> pa.Array:
    r"""The lines of these kinds of N texts, one line feed between them; a text without one becomes empty.

    >>> select_lines(pa.array(["In this line we say what the next one does.\n    return x[0]"]), ("prose",)).to_pylist()
    ['In this line we say what the next one does.']
    """
    found = find_kinds(texts)
    wanted = np.array([kind in kinds for kind in KINDS])
    selected = np.empty(len(found.data) + len(found.kinds), np.uint8)
    offsets = np.zeros(len(found.offsets), np.int64)
    n = _select_lines(found.data, found.offsets, found.bounds, found.kinds, wanted, selected, offsets)
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(selected[:n].copy())
    )


@kernel(allocates=False)
def _count_feeds(data, offsets):
    n = 0
    for i in range(offsets[0], offsets[-1]):
        n += data[i] == 10
    return n


@kernel(inline=True)
def _find_feed(data, start, end):
    """Where the next line feed is, or `end`; eight bytes at a time."""
    i = start
    while i + 8 <= end:
        block = load64(data, i) ^ _FEEDS
        found = (block - _ONES) & ~block & _HIGH_BITS
        if found:
            return i + (count_trailing_zeros(found) >> 3)
        i += 8
    while i < end and data[i] != 10:
        i += 1
    return i


@kernel(inline=True)
def _is_blank(byte):
    return byte <= 32


@kernel(allocates=False)
def _find_kinds(data, offsets, tables, network, scratch, lines, bounds, kinds, counts):
    """Fill `lines`, `counts` and, where they have room, `bounds` and `kinds`; returns the number of lines."""
    keeps = len(kinds) > 0
    row, states, hidden, outputs, in_lists, present, values = scratch
    inner = network.inner.reshape(network.inner.size)
    n = 0
    for d in range(len(offsets) - 1):
        first = n
        i, end = offsets[d], offsets[d + 1]
        while i < end:
            line_end = _find_feed(data, i, end)
            start, stop = i, line_end
            while start < stop and _is_blank(data[start]):
                start += 1
            while stop > start and _is_blank(data[stop - 1]):
                stop -= 1
            if stop > start:
                if keeps:
                    bounds[n, 0], bounds[n, 1] = start, stop
                measure_line(data, i, start, stop, tables, in_lists, row)
                _add_states(row, inner, present, values, states[n % 3])
                if n > first:
                    kind = _decide(states, n - 1, n - 1 > first, True, network.outer, hidden, outputs)
                    counts[d, kind] += 1
                    if keeps:
                        kinds[n - 1] = kind
                n += 1
            i = line_end + 1
        if n > first:
            kind = _decide(states, n - 1, n - 1 > first, False, network.outer, hidden, outputs)
            counts[d, kind] += 1
            if keeps:
                kinds[n - 1] = kind
        lines[d + 1] = n
    return n


@kernel(allocates=False)
def _measure_from(data, line_start, line_end, tables, network, scratch, state):
    """Measure the line between two line feeds into a state; whether it is not blank."""
    row, _, _, _, in_lists, present, values = scratch
    start, stop = line_start, line_end
    while start < stop and _is_blank(data[start]):
        start += 1
    while stop > start and _is_blank(data[stop - 1]):
        stop -= 1
    if stop == start:
        return False
    measure_line(data, line_start, start, stop, tables, in_lists, row)
    _add_states(row, network.inner.reshape(network.inner.size), present, values, state)
    return True


@kernel(allocates=False)
def kind_at(data, first, end, start, stop, tables, network, scratch):
    """The kind of one line, as `find_kinds` gives it: its place in `KINDS`.

    Args:
        data: uint8, the buffer.
        first: where the document begins.
        end: where it ends.
        start: where the line begins, behind a line feed or at `first`.
        stop: where it ends, at a line feed or at `end`; it is not blank.
        tables: those of `load_tables`.
        network: that of `load_network`.
        scratch: that of `make_scratch`.
    """
    _, states, hidden, outputs, _, _, _ = scratch
    _measure_from(data, start, stop, tables, network, scratch, states[1])
    has_before = has_after = False
    at = start
    while at > first and not has_before:
        line_end = at - 1
        at = line_end
        while at > first and data[at - 1] != 10:
            at -= 1
        has_before = _measure_from(data, at, line_end, tables, network, scratch, states[0])
    at = stop
    while at < end and not has_after:
        line_end = _find_feed(data, at + 1, end)
        has_after = _measure_from(data, at + 1, line_end, tables, network, scratch, states[2])
        at = line_end
    return _decide(states, 1, has_before, has_after, network.outer, hidden, outputs)


@kernel(allocates=False)
def _add_states(row, inner, present, values, state):
    """Which counts are 0 cannot be foreseen: the others are listed without a branch, then added."""
    n = 0
    for f in range(N_FEATURES):
        present[n], values[n] = f, row[f]
        n += row[f] != np.float32(0)
    state[:] = np.float32(0)
    width = _PLACES * N_HIDDEN
    for at in range(0, width - 16, 32):
        add_rows_32(state, at, inner, at, width, present, values, n)
    if width % 32:
        add_rows_16(state, width - 16, inner, width - 16, width, present, values, n)


@kernel(allocates=False)
def _decide(states, at, has_before, has_after, outer, hidden, outputs):
    """The kind with the highest output; the first of equals."""
    own, before, after = states[at % 3], states[(at + 2) % 3], states[(at + 1) % 3]
    for h in range(N_HIDDEN):
        value = own[N_HIDDEN + h]
        if has_before:
            value += before[h]
        if has_after:
            value += after[2 * N_HIDDEN + h]
        hidden[h] = max(value, np.float32(0))
    for k in range(_N_OUTPUTS):
        outputs[k] = outer[N_HIDDEN, k]
    for h in range(N_HIDDEN):
        for k in range(_N_OUTPUTS):
            outputs[k] += hidden[h] * outer[h, k]
    best = 0
    for k in range(1, _N_KINDS):
        if outputs[k] > outputs[best]:
            best = k
    return np.uint8(best)


@kernel(allocates=False)
def _select_lines(data, offsets, bounds, kinds, wanted, selected, selected_offsets):
    n = 0
    for d in range(len(offsets) - 1):
        document = n
        for j in range(offsets[d], offsets[d + 1]):
            if not wanted[kinds[j]]:
                continue
            if n > document:
                selected[n] = 10
                n += 1
            for i in range(bounds[j, 0], bounds[j, 1]):
                selected[n] = data[i]
                n += 1
        selected_offsets[d + 1] = n
    return n
