"""A crawl with planted duplicates, generated: document `i` follows from the seed and `i` alone.

Words are drawn by Zipf's law from 20,000 made-up ones. Of all documents 84% are originals, 15% are copies of
an original with a part of the words replaced (Jaccard 0.4 to 1.0), and 1% share three quarters of a template,
as the pages of one site do. A family is an original with its copies; the template's pages are one family.
"""

from __future__ import annotations

from pathlib import Path

import numba as nb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

SEED = 20_250_601
N_WORDS = 20_000
FILE_DOCUMENTS = 50_000
TEMPLATE = -2
MAX_WORDS = 720
_REPLACED = (0.0, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08)  # share of words replaced in a copy


def make_vocabulary() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint16]]:
    """Give the words' bytes, where each begins, and a table that draws them by Zipf's law."""
    rng = np.random.default_rng(SEED)
    letters = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz", np.uint8)
    weights = np.linspace(1, 0.1, len(letters))
    words: dict[bytes, None] = {}
    while len(words) < N_WORDS:
        n = max(2, int(rng.gamma(4, 1.25)))
        words[rng.choice(letters, n, p=weights / weights.sum()).tobytes()] = None
    shares = 1 / np.arange(1, N_WORDS + 1)
    table = np.searchsorted(np.cumsum(shares) / shares.sum(), (np.arange(1 << 16) + 0.5) / (1 << 16))
    offsets = np.cumsum([0, *map(len, words)])
    return np.frombuffer(b"".join(words), np.uint8).copy(), offsets, table.astype(np.uint16)


@nb.njit(cache=True)
def _mix(x):
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)  # SplitMix64's constants
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@nb.njit(cache=True)
def _stream(document, salt):
    return _mix(np.uint64(document) * np.uint64(1000003) + np.uint64(salt))


@nb.njit(cache=True)
def _draw(document, position, salt):
    return _mix(_stream(document, salt) + np.uint64(position))


@nb.njit(cache=True)
def _kind(document, salt):
    """0: original, 1: copy, 2: page of the template."""
    share = _draw(document, 900_001, salt) % np.uint64(1000)
    return 1 if share < 150 and document > 20 else 2 if share < 160 else 0


@nb.njit(cache=True)
def _root(document, salt):
    at = document
    step = 0
    while _kind(at, salt) != 0:
        step += 1
        at = np.int64(_draw(document, 900_100 + step, salt) % np.uint64(document))
    return at


@nb.njit(cache=True)
def _word_ids(document, salt, table, replaced, ids):
    """Fill ids with the document's words; returns how many."""
    kind = _kind(document, salt)
    root = _root(document, salt) if kind == 1 else document
    n = 80 + np.int64(_draw(root, 900_002, salt) % np.uint64(MAX_WORDS - 100))
    share = (
        replaced[np.int64(_draw(document, 900_003, salt) % np.uint64(len(replaced)))] if kind == 1 else 0.0
    )
    limit = np.uint64(share * 2.0**32)
    if kind == 2:
        n = 400
    own, shared = _stream(document, salt), _stream(root, salt)
    template = _stream(np.int64(1) << 40, salt)
    for i in range(n):
        source = template if kind == 2 and i < 300 else shared
        if limit and (_mix(own + np.uint64(2_000_000 + i)) >> np.uint64(32)) < limit:
            ids[i] = table[np.int64(_mix(own + np.uint64(3_000_000 + i)) & np.uint64(0xFFFF))]
        else:
            ids[i] = table[np.int64(_mix(source + np.uint64(i)) & np.uint64(0xFFFF))]
    return n


@nb.njit(cache=True)
def _write(first, n, salt, words, offsets, table, replaced, data, bounds):
    ids = np.empty(MAX_WORDS, np.int64)
    fill = 0
    for k in range(n):
        n_words = _word_ids(first + k, salt, table, replaced, ids)
        for i in range(n_words):
            for at in range(offsets[ids[i]], offsets[ids[i] + 1]):
                data[fill] = words[at]
                fill += 1
            data[fill] = 32
            fill += 1
        fill -= 1
        bounds[k + 1] = fill
    return fill


@nb.njit(cache=True)
def _families(n, salt, families):
    for document in range(n):
        kind = _kind(document, salt)
        families[document] = -2 if kind == 2 else _root(document, salt)


def families_of(n: int) -> NDArray[np.int64]:
    """Give the family of each of the first n documents: its original, or `TEMPLATE`."""
    families = np.empty(n, np.int64)
    _families(n, SEED, families)
    return families


def make_texts(first: int, n: int) -> pa.Array:
    """Generate documents first to first + n as large_string."""
    words, offsets, table = make_vocabulary()
    data = np.empty(n * MAX_WORDS * 8, np.uint8)
    bounds = np.zeros(n + 1, np.int64)
    fill = _write(first, n, SEED, words, offsets, table, np.array(_REPLACED), data, bounds)
    return pa.LargeStringArray.from_buffers(n, pa.py_buffer(bounds), pa.py_buffer(data[:fill].copy()))


def write_crawl(folder: Path, n: int) -> Path:
    """Write n documents, unless they are there: Parquet files of 50,000, with the columns `id` and `text`."""
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, n, FILE_DOCUMENTS):
        path = folder / f"part-{first // FILE_DOCUMENTS:04d}.parquet"
        if path.exists():
            continue
        end = min(first + FILE_DOCUMENTS, n)
        schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
        with pq.ParquetWriter(
            path.with_suffix(".tmp"), schema, compression="zstd", use_dictionary=False
        ) as writer:
            for begin in range(first, end, 10_000):
                texts = make_texts(begin, min(10_000, end - begin))
                ids = [f"doc-{i:09d}" for i in range(begin, begin + len(texts))]
                writer.write_table(pa.table({"id": ids, "text": texts}, schema))
        path.with_suffix(".tmp").rename(path)
    return folder
