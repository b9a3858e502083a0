"""rensa's inline deduplication: `python dedup_rensa.py IN OUT`.

128 permutations, its `RMinHashDeduplicator` with LSH at threshold 0.8; the first document stays. Kept rows
are written as Parquet.
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rensa import RMinHash, RMinHashDeduplicator


def main():
    source, out = map(Path, sys.argv[1:])
    seen = RMinHashDeduplicator(threshold=0.8, num_perm=128, use_lsh=True, num_bands=16)
    (out / "kept").mkdir(parents=True)
    for path in sorted(source.glob("*.parquet")):
        table = pq.read_table(path)
        is_kept = []
        for key, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
            words = text.lower().split()
            sketch = RMinHash(num_perm=128, seed=42)
            sketch.update([" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))])
            is_kept.append(seen.add(key, sketch))
        pq.write_table(table.filter(pa.array(is_kept)), out / "kept" / path.name, compression="zstd")


if __name__ == "__main__":
    main()
