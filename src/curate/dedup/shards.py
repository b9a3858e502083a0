"""What deduplication reads: shards of keys, with their texts within reach."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@runtime_checkable
class KeyShard(Protocol):
    """Some documents' keys, and their texts by row.

    Documents that are not to take part are simply not listed. A shard is read several times and gives the
    same each time. If it has a method `release()`, that is called when its texts have been read, so that no
    file stays open.

    Attributes:
        name: unlike that of any other shard; settles the last ties, so that the order of shards never does.
    """

    name: str

    def read_keys(self) -> pa.RecordBatch | pa.Table:
        """Read the columns of `compute_keys`, with `row` (int64, ascending) and `id` (string) beside them.

        Optional columns: `score` (float64; higher stays, null counts as lowest) and `url` (string).
        """
        ...

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.Array | pa.ChunkedArray:
        """Read the texts of some rows that `read_keys` lists, ascending; null where out of reach."""
        ...


@runtime_checkable
class SignedShard(KeyShard, Protocol):
    """A shard whose texts may be out of reach, but which keeps their signatures."""

    def read_signatures(self, rows: NDArray[np.int64], /) -> NDArray[np.uint32]:
        """Read the signatures of the rows, uint32 (N, n_permutations)."""
        ...


class TextShard:
    """A shard held in memory: texts with their keys."""

    def __init__(
        self,
        texts: pa.Array | pa.ChunkedArray,
        keys: pa.RecordBatch,
        *,
        ids: pa.Array | pa.ChunkedArray,
        scores: pa.Array | pa.ChunkedArray | None = None,
        urls: pa.Array | pa.ChunkedArray | None = None,
        name: str = "",
    ) -> None:
        """Take N texts with their `compute_keys`, and per text an id, perhaps a score and a URL."""
        self.name = name
        self._texts = texts
        columns = {column: keys[column] for column in keys.schema.names}
        columns |= {"row": pa.array(np.arange(len(keys))), "id": ids}
        if scores is not None:
            columns["score"] = scores
        if urls is not None:
            columns["url"] = urls
        self._keys = pa.table(columns)

    def read_keys(self) -> pa.Table:
        """The keys."""
        return self._keys

    def read_texts(self, rows: NDArray[np.int64], /) -> pa.Array | pa.ChunkedArray:
        """The texts of the rows."""
        return self._texts.take(pa.array(rows))
