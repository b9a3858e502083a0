"""Duplicates of a table in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.config import parse_bytes
from curate.dedup.minhash import compute_keys
from curate.dedup.plan import DedupPlan
from curate.dedup.resolve import resolve_duplicates
from curate.dedup.shards import TextShard
from curate.errors import SettingError
from curate.text.gate import as_texts, is_table


def find_duplicates(
    table_or_texts: pa.Table | pa.RecordBatch | pa.Array | pa.ChunkedArray | Iterable[str | None] | Any,
    jaccard: float = 0.8,
    *,
    recall: float = 0.999,
    by_url: bool = False,
    plan: DedupPlan | None = None,
    memory_bytes: int | str = 4 << 30,
) -> pa.Table:
    """Find the documents to remove so that no two near-duplicates stay, and for each the one that stays.

    >>> text = "The owl sleeps by day in the hollow oak behind the old mill and hunts by night."
    >>> find_duplicates([text, text.upper(), "Another story."]).to_pylist()
    [{'removed_id': 1, 'kept_id': 0, 'jaccard': 1.0, 'method': 'exact'}]

    Args:
        table_or_texts: a table (Arrow, pandas, polars) with the column `text` and, where there are any, `id`, `score`
            and `url`; or texts as `curate.text.gate.as_texts` takes them, whose ids are their positions from 0.
        jaccard: similarity of the sets of word 5-grams from which on two documents are near-duplicates.
        recall: chance that a pair exactly at the threshold is found.
        by_url: also remove all but one of the documents of each address.
        plan: to be used instead of `jaccard` and `recall`.
        memory_bytes: what keys and shingles may take at a time; also as '4GB'.

    Returns:
        A table `removed_id`, `kept_id` (of the ids' type), `jaccard` (float32, null where the address told),
        `method` ("url", "exact" or "near"), in the order of the input. No `kept_id` is a `removed_id`.
    """
    plan = plan or DedupPlan(jaccard=jaccard, recall=recall)
    table = _as_table(table_or_texts)
    columns = {name: table[name] for name in ("id", "score", "url") if name in table.schema.names}
    ids = _as_ids(columns["id"]) if "id" in columns else pa.array(range(table.num_rows), pa.int64())
    keys = compute_keys(table["text"], plan)
    shard = TextShard(
        table["text"], keys, ids=ids, scores=columns.get("score"), urls=columns.get("url") if by_url else None
    )
    with tempfile.TemporaryDirectory(prefix="curate-dedup-") as scratch:
        ledger = resolve_duplicates(
            [shard], plan, Path(scratch, "keys"), memory_bytes=parse_bytes(memory_bytes), by_url=by_url
        )
    return pa.table(
        {
            "removed_id": ids.take(ledger["row"]),
            "kept_id": ids.take(ledger["kept_row"]),
            "jaccard": ledger["jaccard"],
            "method": ledger["method"],
        }
    )


def _as_table(table_or_texts: Any) -> pa.Table:
    """A table whose texts went through the gate; ids and the other columns are as they were."""
    if not is_table(table_or_texts):
        return pa.table({"text": as_texts(table_or_texts)})
    if isinstance(table_or_texts, pa.RecordBatch):
        table = pa.Table.from_batches([table_or_texts])
    else:
        table = table_or_texts if isinstance(table_or_texts, pa.Table) else pa.table(table_or_texts)
    names = table.schema.names
    if "text" not in names:
        raise SettingError(f"The table has no column 'text'; rename one of: {', '.join(names)}.")
    return table.set_column(names.index("text"), "text", as_texts(table["text"]))


def _as_ids(ids: pa.ChunkedArray) -> pa.Array:
    """The ids as one array that rows can be taken from."""
    if ids.type == pa.string_view():
        ids = ids.cast(pa.large_string())
    if pa.types.is_nested(ids.type):
        raise SettingError(f"The column 'id' holds {ids.type}; give ids that are strings or numbers.")
    return pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], ids.type)
