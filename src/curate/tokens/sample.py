"""Text to fit a tokenizer on: from every group as much as its share of the mixture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import xxhash

from curate.tokens.template import Template
from curate.tokens.texts import TextFiles

# Row groups are read for four times the text that is taken, so that it comes from many places.
_READ_FOR_ONE = 4


def sample_texts(texts: TextFiles, n_bytes: int) -> Iterator[str]:
    """Yield training texts of about `n_bytes` in all, as they will be encoded; the same for the same mixture.

    Groups give text by their planned share of training (`share` in the plan), as much as they have.
    Documents are chosen by their hash, within row groups that lie evenly over the group.
    """
    groups = texts.plan["groups"]
    shares = np.array([group.get("share", 1 / len(groups)) for group in groups])
    has = np.array([group.get("train", {}).get("n_bytes", 0) for group in groups], np.float64)
    for group, fraction in zip(groups, _fractions(shares, has, n_bytes), strict=True):
        if fraction > 0:
            yield from _sample_group(
                texts.files["train", group["name"]], fraction, texts.columns, texts.template
            )


def _fractions(shares: Any, has: Any, n_bytes: int) -> Any:
    """What part of each group to take: by shares, what small groups lack coming from the others."""
    taken = np.zeros(len(has))
    free = (shares > 0) & (has > 0)
    while free.any():
        wanted = np.where(free, shares / shares[free].sum() * (n_bytes - taken[~free].sum()), 0)
        full = free & (wanted >= has)
        if not full.any():
            taken[free] = wanted[free]
            break
        taken[full] = has[full]
        free &= ~full
    return np.divide(taken, has, out=np.zeros(len(has)), where=has > 0)


def _sample_group(
    files: list[Path], fraction: float, columns: Sequence[str], template: Template
) -> Iterator[str]:
    row_groups = [(file, i) for file in files for i in range(pq.read_metadata(file).num_row_groups)]
    n_read = min(len(row_groups), max(1, int(np.ceil(len(row_groups) * fraction * _READ_FOR_ONE))))
    limit = min(1.0, fraction * len(row_groups) / max(n_read, 1)) * 2.0**64
    for place in np.linspace(0, len(row_groups), n_read, endpoint=False).astype(int):
        file, index = row_groups[place]
        with pq.ParquetFile(file) as opened:
            names = [name for name in columns if name in opened.schema_arrow.names]
            for batch in opened.read_row_group(index, names).to_batches():
                texts = batch[columns[0]]
                for text, head in zip(texts.to_pylist(), template.write_heads(batch, texts), strict=True):
                    if text and xxhash.xxh3_64_intdigest(text.encode()) < limit:
                        yield head + text
