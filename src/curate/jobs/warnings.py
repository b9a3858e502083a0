"""Losses that look like a mistake: a source loses most of what it had, a cluster swallows a crawl."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.dedup.index import Index
from curate.jobs.pieces import Piece

_MIN_DOCUMENTS = 100
_CLUSTER_SHARE = 0.05


def tell_unlike(pieces: Sequence[Piece]) -> list[str]:
    """Say where files have other columns than the first, so that kept/ is no one table."""
    others = [piece.file.source for piece in pieces if piece.schema != pieces[0].schema]
    if not others:
        return []
    unlike = f"{others[0]} has other columns than {pieces[0].file.source}"
    return [
        f"{unlike}: kept/ holds each file with its own. Read it with union_by_name in DuckDB or the like."
    ]


def tell_out_of_reach(indexes: Sequence[Index]) -> list[str]:
    """Say where texts of an index are not where they were, so that similarities are estimated."""
    warnings: list[str] = []
    for index in indexes:
        n_documents, n_readable = index.n_documents, index.count_readable()
        if n_readable < n_documents:
            warnings.append(
                f"{n_documents - n_readable:,} of {n_documents:,} documents of the index {index.path} were compared by "
                "their signatures alone, since their text is out of reach: about one in eight removals of that kind is "
                "less alike than the threshold. If the files were moved: curate index relocate."
            )
    return warnings


def find_losses(
    found: pa.Table, n_by_shard: Sequence[int], sources: Sequence[str], share: float
) -> list[str]:
    """Name sources that lose more than `share` of their documents, and clusters above a twentieth of all.

    Args:
        found: the ledger with `kept_id`.
        n_by_shard: documents per shard.
        sources: source of each shard; several shards may have one.
        share: what a source may lose unremarked; sources of fewer than 100 documents are passed over.
    """
    removed = np.bincount(found["shard"].to_numpy(), minlength=len(sources))
    by_source: dict[str, tuple[int, int]] = {}
    for source, n_removed, n in zip(sources, removed.tolist(), n_by_shard, strict=True):
        before = by_source.get(source, (0, 0))
        by_source[source] = before[0] + n_removed, before[1] + n
    warnings = [
        f"{source} loses {n_removed:,} of its {n:,} documents ({n_removed / n:.0%}) as duplicates."
        for source, (n_removed, n) in sorted(by_source.items())
        if n >= _MIN_DOCUMENTS and n_removed > share * n
    ]
    n_documents = sum(n_by_shard)
    keepers = found["kept_shard"].to_numpy().astype(np.int64) << 40 | found["kept_row"].to_numpy()
    _, first, counts = np.unique(keepers, return_index=True, return_counts=True)
    for at in np.argsort(-counts, kind="stable").tolist():
        if n_documents < _MIN_DOCUMENTS or counts[at] <= _CLUSTER_SHARE * n_documents:
            break
        kept_id = found["kept_id"][int(first[at])].as_py()
        share_of_all = counts[at] / n_documents
        warnings.append(f"{counts[at]:,} documents ({share_of_all:.0%}) are duplicates of '{kept_id}' alone.")
    return warnings
