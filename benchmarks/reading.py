"""Records and megabytes per CPU second of the crawl readers, format by format, beside bare reading.

The pages are those of the extraction set and of the web text, written to a temporary folder in every format.
Beside it the least that any reader must do: decompress, or walk the records with fastwarc, which parses HTTP
heads, decides nothing about pages and ends at the first damaged byte.
"""

from __future__ import annotations

import gzip
import io
import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import DATA, Spent, alternate, measured

N_ROUNDS = 5


def warc_records() -> list[bytes]:
    """Make a request, a response and a metadata record of every page, as Common Crawl stores them."""
    records = []
    for number, path in enumerate(sorted((DATA / "html" / "pages").glob("*.gz"))):
        body = gzip.decompress(path.read_bytes())
        url = f"http://example.org/{number}"
        response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n" + body
        for kind, content_type, block in (
            ("request", "application/http; msgtype=request", b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
            ("response", "application/http; msgtype=response", response),
            ("metadata", "application/warc-fields", b"fetchTimeMs: 3\r\n"),
        ):
            head = (
                f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Date: 2024-05-18T01:02:03Z\r\n"
                f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{len(records):012d}>\r\n"
                f"WARC-Target-URI: {url}\r\nContent-Type: {content_type}\r\n"
                f"Content-Length: {len(block)}\r\n\r\n"
            )
            records.append(head.encode() + block + b"\r\n\r\n")
    return records


def write_files(folder: Path) -> list[Path]:
    """Write the pages in every format."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import zstandard

    records = warc_records()
    lines = b"".join(gzip.decompress(path.read_bytes()) for path in sorted((DATA / "web").glob("*.jsonl.gz")))
    rows = [json.loads(line) for line in lines.splitlines()]
    files = {
        "pages.warc": b"".join(records),
        "pages.warc.gz": b"".join(gzip.compress(record, 6) for record in records),
        "pages.warc.zst": b"".join(map(zstandard.compress, records)),
        "web.jsonl": lines,
        "web.jsonl.gz": gzip.compress(lines, 6),
        "web.jsonl.zst": zstandard.compress(lines),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    columns = {name: [row.get(name) for row in rows] for name in ("url", "text")}
    pq.write_table(pa.table(columns), folder / "web.parquet", compression="zstd", row_group_size=2000)
    return [*(folder / name for name in files), folder / "web.parquet"]


def contenders(path: Path) -> dict[str, Callable[[], Spent]]:
    """Return the ways to read `path`: whole, skimmed as a worker does with others' chunks, and barely."""
    from curate.crawl import find_files, plan_splits, read_chunks

    (split,) = plan_splits(find_files([str(path)]))

    def read() -> Spent:
        with measured() as spent:
            for _ in read_chunks(split):
                pass
        return spent

    def skim() -> Spent:
        with measured() as spent:
            for _ in read_chunks(split, wanted=lambda _: False):
                pass
        return spent

    ways: dict[str, Callable[[], Spent]] = {"read": read, "skim": skim}
    if path.name == "web.jsonl.gz":  # one member; the module is slow with one for each record

        def bare() -> Spent:
            with measured() as spent:
                gzip.decompress(path.read_bytes())
            return spent

        ways["gzip.decompress"] = bare
    if "warc" in path.name:

        def walk() -> Spent:
            from fastwarc.warc import ArchiveIterator

            with measured() as spent:
                for record in ArchiveIterator(io.BytesIO(path.read_bytes()), parse_http=True):
                    record.reader.read()
            return spent

        ways["fastwarc"] = walk
    return ways


def run(args: Sequence[str]) -> dict[str, Any]:
    """Measure every format; takes no arguments."""
    del args
    from curate.crawl import find_files, plan_splits, read_chunks

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in write_files(Path(folder)):
            (split,) = plan_splits(find_files([str(path)]))
            chunks = [
                (chunk.n_records, chunk.pages.num_rows, chunk.n_input_bytes) for chunk in read_chunks(split)
            ]
            n_records, n_pages, n_bytes = map(sum, zip(*chunks, strict=True))
            for way, spent in alternate(contenders(path), N_ROUNDS).items():
                cpu_s = statistics.median(one.cpu_s for one in spent)
                row = {
                    "file": path.name,
                    "way": way,
                    "records": n_records,
                    "pages": n_pages,
                    "plain_bytes": n_bytes,
                    "stored_bytes": path.stat().st_size,
                    "cpu_s": round(cpu_s, 4),
                    "records_per_cpu_s": round(n_records / cpu_s),
                    "megabytes_per_cpu_s": round(n_bytes / cpu_s / 1e6, 1),
                }
                rows.append(row)
                print(
                    row["file"],
                    way,
                    row["records_per_cpu_s"],
                    "records/s",
                    row["megabytes_per_cpu_s"],
                    "MB/s",
                )
    return {"settings": {"rounds": N_ROUNDS, "statistic": "median CPU seconds"}, "rows": rows}
