"""Arrays on their way from the tasks that read shards to the tasks that hold ranges of keys: one file a task, in segments."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from curate.errors import RunError
from curate.text.kernel import kernel

BUFFER_BYTES = 32 << 20
MAX_RANGES = 1 << 12
_NUMBERS = 1 << 16  # of documents that a segment can tell apart


def own_path(path: Path) -> Path:
    """A name that no other try of the same task writes to.

    A task may be tried twice at a time: one that is slow is begun again elsewhere, and a node may live on that was given up for
    lost. Such a try must not cut off a file that is being read.
    """
    return path.with_name(f"{path.stem}-{secrets.token_hex(6)}{path.suffix}")


def count_ranges(n_keys: int, keys_a_range: int) -> int:
    """How many ranges `n_keys` are spread over: a power of two."""
    wanted = max(1, -(-n_keys // keys_a_range))
    return min(MAX_RANGES, 1 << (wanted - 1).bit_length())


@dataclass(frozen=True, slots=True)
class Spread:
    """A file of columns cut into segments, each of one range.

    Attributes:
        path: of the file.
        kinds: of the columns as they are stored, as NumPy names them.
        segments: int64 (N, 4): range, offset in the file, rows, and what to add to the second column; in the order of
            writing.
    """

    path: Path
    kinds: tuple[str, ...]
    segments: NDArray[np.int64]

    def by_range(self, n_ranges: int) -> list[Spread]:
        """What there is of each range."""
        ordered = self.segments[np.argsort(self.segments[:, 0], kind="stable")]
        bounds = np.searchsorted(ordered[:, 0], np.arange(n_ranges + 1)).tolist()
        return [Spread(self.path, self.kinds, ordered[begin:end]) for begin, end in pairwise(bounds)]

    def read(self, number: int, kinds: Sequence[str]) -> list[list[NDArray[Any]]]:
        """Read the segments of a range, each as its columns, of the kinds that were written.

        Raises:
            RunError: the file is shorter than it was.
        """
        found: list[list[NDArray[Any]]] = []
        wanted = self.segments[self.segments[:, 0] == number]
        if not len(wanted):
            return found
        with open(self.path, "rb") as file:
            for _, offset, n, base in wanted.tolist():
                file.seek(offset)
                columns = [np.fromfile(file, kind, n) for kind in self.kinds]
                if len(columns[-1]) < n:
                    raise cut_short(self.path)
                if self.kinds != tuple(kinds):
                    columns[1] = columns[1].astype(kinds[1]) + np.dtype(kinds[1]).type(base)
                found.append(columns)
        return found


def cut_short(path: Path) -> RunError:
    """The error of a file between two steps that is not as it was written."""
    return RunError(f"{path} is shorter than it was written. Run the same command again: it is made again.")


class SpreadWriter:
    """Collects rows and writes them by range of their first column, a key: by its top bits.

    With `packed`, the second column holds the numbers of documents, ascending; two bytes of each are stored.
    """

    def __init__(self, path: Path, kinds: Sequence[str], n_ranges: int, *, packed: bool = False) -> None:
        self._path, self._kinds, self._n_ranges = path, tuple(kinds), n_ranges
        self._packed, self._base = packed, 0
        if packed:
            self._kinds = (kinds[0], "u2", *kinds[2:])
        self._shift = np.uint64(64 - (n_ranges - 1).bit_length()) if n_ranges > 1 else np.uint64(0)
        self._waiting: list[list[NDArray[Any]]] = []
        self._n_waiting = self._n_written = 0
        self._row_bytes = sum(np.dtype(kind).itemsize for kind in self._kinds)
        self._segments: list[tuple[int, int, int, int]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._file.close()

    def add(self, *columns: NDArray[Any]) -> None:
        """Add rows; the first column is their key, uint64."""
        begin, n = 0, len(columns[0])
        while self._packed and begin < n:
            keys, numbers, *more = (column[begin:] for column in columns)
            if not self._n_waiting:
                self._base = int(numbers[0])
            end = int(np.searchsorted(numbers, self._base + _NUMBERS))
            self._add([keys[:end], numbers[:end] - self._base, *(column[:end] for column in more)])
            begin += end
            if begin < n:
                self._write()
        if not self._packed:
            self._add(columns)

    def _add(self, columns: Sequence[NDArray[Any]]) -> None:
        self._waiting.append([np.asarray(c, kind) for c, kind in zip(columns, self._kinds, strict=True)])
        self._n_waiting += len(columns[0])
        if self._n_waiting * self._row_bytes > BUFFER_BYTES:
            self._write()

    def finish(self) -> Spread:
        """Write what waits, and say where all is."""
        self._write()
        return Spread(self._path, self._kinds, np.array(self._segments, np.int64).reshape(-1, 4))

    def _write(self) -> None:
        if not self._n_waiting:
            return
        columns = [np.concatenate(parts) for parts in zip(*self._waiting, strict=True)]
        self._waiting, self._n_waiting = [], 0
        starts = np.array([0, len(columns[0])])
        if self._n_ranges > 1:
            starts = np.zeros(self._n_ranges + 1, np.int64)
            order = _order_by_range(columns[0], self._shift, starts)
            columns = [column[order] for column in columns]
        for number in np.flatnonzero(np.diff(starts)).tolist():
            begin, end = starts[number], starts[number + 1]
            self._segments.append((number, self._n_written, int(end - begin), self._base))
            for column in columns:
                self._file.write(column[begin:end].tobytes())
            self._n_written += int(end - begin) * self._row_bytes


def read_range(spreads: Iterable[Spread], number: int, kinds: Sequence[str]) -> list[NDArray[Any]]:
    """Read the rows of a range from all files, column by column."""
    parts = [segment for spread in spreads for segment in spread.read(number, kinds)]
    return [
        np.concatenate([segment[place] for segment in parts] or [np.zeros(0, kind)])
        for place, kind in enumerate(kinds)
    ]


@kernel
def _order_by_range(keys, shift, starts):  # noqa: ANN001, ANN202 - numba infers them
    """Where each row of the file comes from: ranges one after another, each in the order of the rows."""
    for key in keys:
        starts[np.int64(key >> shift) + 1] += 1
    for number in range(1, len(starts)):
        starts[number] += starts[number - 1]
    fill = starts[:-1].copy()
    order = np.empty(len(keys), np.int64)
    for i in range(len(keys)):
        number = np.int64(keys[i] >> shift)
        order[fill[number]] = i
        fill[number] += 1
    return order
