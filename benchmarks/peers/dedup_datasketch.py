"""A loop over datasketch's MinHashLSH: `python dedup_datasketch.py IN OUT`.

128 permutations, threshold 0.8 (9 bands of 13 rows follow), shingles hashed in bulk with xxh32. A document
with a candidate that is kept is removed; the first stays. Kept rows are written as Parquet.
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from datasketch import MinHash, MinHashLSH


def main():
    source, out = map(Path, sys.argv[1:])
    lsh = MinHashLSH(threshold=0.8, num_perm=128)
    (out / "kept").mkdir(parents=True)
    for path in sorted(source.glob("*.parquet")):
        table = pq.read_table(path)
        is_kept = []
        for key, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
            words = text.lower().split()
            shingles = {" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))}
            sketch = MinHash(num_perm=128, hashfunc=xxhash.xxh32_intdigest)
            sketch.update_batch(shingles)
            found = lsh.query(sketch)
            is_kept.append(not found)
            if not found:
                lsh.insert(key, sketch)
        pq.write_table(table.filter(pa.array(is_kept)), out / "kept" / path.name, compression="zstd")


if __name__ == "__main__":
    main()
