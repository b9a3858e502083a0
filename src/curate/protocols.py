"""The seams of `curate`: what a part must do to stand in for one of ours, and the law it keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Task = TypeVar("Task")
Result = TypeVar("Result")


@runtime_checkable
class Scorer(Protocol):
    """Gives every document one number in [0, 1]; higher is better.

    The score of a document depends on that document alone: not on its neighbours, their order, or the
    size of the batch. `curate.testing.check_scorer` checks this.

    A scorer should also state a `fingerprint`, as `FingerprintedScorer` has it: without one it runs, but no run that
    used it is ever gone on with, since nobody can tell it from another scorer of its name.

    A scorer may have an attribute `languages`, the ISO 639 codes of the languages it was made for: the main job then
    asks it for no page of another language. Without it, or where it is None, it is asked for every page.
    """

    @property
    def name(self) -> str:
        """What its columns are called by: `<name>_score`."""
        ...

    def score(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Score `texts` (N documents, a list of str or an Arrow string array) as float32 of shape (N,)."""
        ...


@runtime_checkable
class FingerprintedScorer(Scorer, Protocol):
    """A scorer that can be told from another one of its name."""

    @property
    def fingerprint(self) -> str:
        """A digest of all that decides its scores (code, weights, settings): equal ones mean equal scores.

        The same in every process and in a copy, and never empty.
        """
        ...


@runtime_checkable
class LevelScorer(Scorer, Protocol):
    """A scorer that also states the expected level on its annotators' scale (0-5 for `edu`)."""

    def score_levels(
        self, texts: Sequence[str] | pa.Array, /
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return (levels, scores), both float32 of shape (N,); `scores` equals what `score` returns."""
        ...


@runtime_checkable
class WindowScorer(Scorer, Protocol):
    """A scorer that reads the beginning of a document only, and says how much of each it has read."""

    def count_read(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.int64]:
        """Count the bytes of UTF-8 that each of `texts` (N documents) is scored by, int64 (N,)."""
        ...


@runtime_checkable
class CommitteeScorer(Scorer, Protocol):
    """A scorer made of several members, each of which could score alone."""

    def score_members(self, texts: Sequence[str] | pa.Array, /) -> NDArray[np.float32]:
        """Each member's own scores of `texts` (N documents), float32 (n_members, N), each in [0, 1]."""
        ...


class Engine(Protocol):
    """Maps a function over tasks, on this machine or on a cluster.

    Results come in any order. A task that raises ends the map with that error once running tasks have
    stopped; tasks commit their own output, so a stopped map can be repeated. `with` ends what it started.
    """

    n_workers: int
    is_local: bool
    """Whether all tasks run on this machine, and so see files the moment they are written."""

    def __enter__(self) -> Self:
        """The engine; what it needs starts with the first map."""
        ...

    def __exit__(self, *error: object) -> None:
        """End what was started, at once if there was an error."""
        ...

    def map(self, function: Callable[[Task], Result], tasks: Sequence[Task], /) -> Iterator[Result]:
        """Yield `function(task)` for every task, as they finish."""
        ...


class Encoder(Protocol):
    """Turns documents into embeddings, one row per document, each from that document alone."""

    name: str

    @property
    def n_dimensions(self) -> int:
        """Dimensions of an embedding."""
        ...

    def encode(self, texts: Sequence[str] | pa.Array, /) -> NDArray[Any]:
        """Embed `texts` (N documents) as float32 of shape (N, n_dimensions)."""
        ...
