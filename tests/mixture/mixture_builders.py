"""Made-up documents and source files for the tests of mixtures."""

import gzip
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq

SYLLABLES = (
    "ba be bi bo da de di do ka ke ki ko la le li lo ma me mi mo na ne ni no ra re ri ro sa se si so".split()
)


def make_text(seed, n_words=60):
    rng = random.Random(seed)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(n_words)]
    return " ".join(words).capitalize() + "."


def make_rows(prefix, n, **columns):
    rows = [{"id": f"{prefix}-{i}", "text": make_text(f"{prefix}-{i}")} for i in range(n)]
    for name, make in columns.items():
        for i, row in enumerate(rows):
            row[name] = make(i)
    return rows


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(row + "\n" if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    return str(path)


def write_table(path, rows, row_group_size=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=row_group_size)
    return str(path)


def read_split(folder, split):
    files = sorted((folder / split).rglob("*.parquet"))
    return [row | {"group": file.parent.name} for file in files for row in pq.read_table(file).to_pylist()]


def read_removed(folder):
    return [
        row
        for file in sorted((folder / "removed").glob("*.parquet"))
        for row in pq.read_table(file).to_pylist()
    ]


def snapshot(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
