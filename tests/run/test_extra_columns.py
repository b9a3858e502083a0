"""Users' own columns through a whole run, and through another cut."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from curate import filter_crawl, rethreshold

TEXT = "The sun warms the sea, and water rises as vapour. It cools to clouds, and falls as rain on the land, number {}."


def test_columns_come_back_as_they_were_also_after_another_cut(tmp_path):
    n = 3
    table = pa.table({
        "id": [str(i) for i in range(n)],
        "title": ["A", None, "C"],
        "text": [TEXT.format(i) for i in range(n)],
        "price": pa.array([Decimal("1.10"), None, Decimal("-2.00")], pa.decimal128(5, 2)),
        "when": pa.array([dt.datetime(2024, 1, 2, tzinfo=dt.UTC)] * n, pa.timestamp("us", "UTC")),
        "blob": pa.array([b"\xff\0", b"", None], pa.binary()),
        "tags": pa.array([[{"a": 1, "b": "x"}], [], None]),
        "m": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "took": pa.array([5, 6, None], pa.duration("us")),
        "sort": pa.array(["u", "v", None]).dictionary_encode(),
        "big": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "half": pa.array([1.5, 2.0, None], pa.float16()),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    output = tmp_path / "out"
    filter_crawl(
        str(tmp_path / "a.parquet"), output, rules=[], language=["any"], dedup="none", threshold=0.0, progress=False,
        workers=1,
    )  # fmt: skip
    kept = pq.read_table(output / "kept")
    for name in table.column_names:
        assert kept[name].type == table[name].type
        assert kept[name].to_pylist() == table[name].to_pylist()
    rethreshold(output, threshold=1.0)
    rethreshold(output, threshold=0.0)
    assert pq.read_table(output / "kept").equals(kept)
