"""Shingles, signatures and keys against plain Python and against datasketch."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time

import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import DedupPlan, compute_keys, compute_signatures, signatures_to_datasketch
from curate.dedup.minhash import shingle_sets
from curate.text.normalise import comparable
from curate.text.words import hash_words

MASK = 2**64 - 1
BASE, SHORT = 0x9E3779B97F4A7C15, 0x5851F42D4C957F2D
PLAN = DedupPlan(n_bands=7, n_rows=3)

TEXTS = [
    "one two three four five six seven eight nine ten",
    "a a a a a a a a a a a a",
    "four words are short",
    "exactly five words of text",
    "",
    None,
    "!?!",
    "word " * 3000,
    " ".join(str(n) for n in range(2500)),
    "昔々あるところに",
]
WORDS = st.sampled_from(["owl", "mill", "oak", "night", "Mouse", "é", "中"])


def shingle_hashes(words: list[int], width: int) -> list[int]:
    """The definition: a polynomial of the words' hashes; a short document is one shingle of all its words."""
    n = min(width, len(words))
    start = SHORT * n if n < width else 0
    hashes = []
    for i in range(len(words) - n + 1 if n else 0):
        value = start
        for word in words[i : i + n]:
            value = (value * BASE + word) & MASK
        hashes.append(value)
    return hashes


def oracle_shingles(texts, width=5):
    words = hash_words(pa.array(texts, pa.string()))
    runs = [words.hashes[a:b].tolist() for a, b in zip(words.offsets, words.offsets[1:], strict=False)]
    return [shingle_hashes(run, width) for run in runs]


def oracle_minhash(shingles: list[int], plan: DedupPlan) -> MinHash:
    sketch = MinHash(num_perm=plan.n_permutations, seed=plan.seed, scheme="affine32", hashfunc=int)
    sketch.update_batch([shingle >> 32 for shingle in shingles])
    return sketch


@pytest.mark.parametrize(
    "plan", [PLAN, DedupPlan(), DedupPlan(seed=77, shingle_words=2, n_bands=40, n_rows=5)]
)
def test_signatures_are_bit_identical_with_datasketch(plan):
    signatures = compute_signatures(pa.array(TEXTS), plan)
    for row, shingles in zip(signatures, oracle_shingles(TEXTS, plan.shingle_words), strict=True):
        assert row.tolist() == oracle_minhash(shingles, plan).hashvalues.tolist()


def test_exported_sketches_are_those_that_datasketch_makes_itself():
    sketches = signatures_to_datasketch(compute_signatures(pa.array(TEXTS), PLAN), PLAN)
    for sketch, shingles in zip(sketches, oracle_shingles(TEXTS), strict=True):
        own = oracle_minhash(shingles, PLAN)
        assert sketch == own
        own.update(5)
        sketch.hashfunc = int
        sketch.update(5)  # it can even be continued
        assert sketch == own


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=30).map(" ".join), max_size=5), st.integers(1, 8))
def test_shingle_sets_hold_every_distinct_shingle_once(texts, width):
    sets, offsets = shingle_sets(pa.array(texts, pa.string()), width)
    for i, expected in enumerate(oracle_shingles(texts, width)):
        found = sets[offsets[i] : offsets[i + 1]].tolist()
        assert len(found) == len(set(found))
        assert set(found) == {shingle | 1 for shingle in expected}


def test_keys_do_not_depend_on_neighbours_or_on_given_words():
    array = pa.array(TEXTS * 120)
    together = compute_keys(array, PLAN, signatures=True)
    assert together.equals(compute_keys(array, PLAN, hash_words(array, signs=True), signatures=True))
    assert together.slice(5, 40).equals(compute_keys(array.slice(5, 40), PLAN, signatures=True))
    alone = compute_keys(array.slice(8, 1), PLAN, signatures=True)
    assert together.slice(8, 1).equals(alone)
    assert compute_keys(pa.array([], pa.string()), PLAN).num_rows == 0


def test_exact_keys_see_words_in_order_and_bytes_where_there_are_none():
    same = ["The owl, at night!", "the OWL at night", "the owl at   night."]
    other = ["the owl night at", "the owl at", "the owl at night night", "!?", "?!", "", "owl", "!?!?"]
    keys = compute_keys(pa.array(same + other), PLAN)
    pairs = list(zip(keys["exact_high"].to_pylist(), keys["exact_low"].to_pylist(), strict=True))
    assert len(set(pairs[:3])) == 1
    assert len(set(pairs[2:])) == 1 + len(other)


def test_exact_keys_of_many_short_texts_are_all_different():
    letters = "abcdefghij"
    texts = [f"{a} {b} {c} {d}" for a in letters for b in letters for c in letters for d in letters]
    keys = compute_keys(pa.array(texts), PLAN)
    assert len(set(keys["exact_high"].to_pylist())) == len(set(keys["exact_low"].to_pylist())) == len(texts)


def test_estimates_from_signatures_are_unbiased_within_the_theory():
    plan = DedupPlan(n_bands=64, n_rows=4, shingle_words=1)
    rng = np.random.default_rng(3)
    errors = []
    for jaccard in (0.2, 0.5, 0.8):
        n_common = round(jaccard * 400)
        for _ in range(60):
            common = rng.integers(0, 10**9, n_common)
            rest = rng.integers(10**9, 10**10, 400 - n_common)
            half = len(rest) // 2
            pair = [" ".join(map(str, [*common, *part])) for part in (rest[:half], rest[half:])]
            one, other = compute_signatures(pa.array(pair), plan)
            errors.append(np.mean(one == other) - jaccard)
    assert abs(np.mean(errors)) < 0.01
    assert np.sqrt(np.mean(np.square(errors))) < 0.035  # sqrt(J (1 - J) / 256) is 0.031 at most


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server on this machine")
def test_sketches_work_in_a_minhash_lsh_on_a_real_redis_server(tmp_path):
    pytest.importorskip("redis", reason="the Python package redis is not installed")
    port = free_port()
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        base = [str(n) for n in range(300)]
        texts = [" ".join(base), " ".join([*base[:290], "x"]), " ".join(str(n) for n in range(900, 1200))]
        plan = DedupPlan()
        sketches = signatures_to_datasketch(compute_signatures(pa.array(texts), plan), plan)
        storage = {"type": "redis", "basename": b"curate-test", "redis": {"host": "127.0.0.1", "port": port}}
        params = (plan.n_bands, plan.n_rows)
        lsh = MinHashLSH(num_perm=plan.n_permutations, params=params, storage_config=storage)
        for number, sketch in enumerate(sketches[:2]):
            lsh.insert(f"doc-{number}", sketch)
        again = MinHashLSH(num_perm=plan.n_permutations, params=params, storage_config=storage)
        assert sorted(again.query(sketches[1])) == ["doc-0", "doc-1"]
        assert again.query(sketches[2]) == []
    finally:
        server.terminate()
        server.wait()


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab<>+ ,1", max_size=40), min_size=1, max_size=8), st.data())
def test_keys_of_some_documents_are_the_same_from_the_words_of_all(texts, data):
    rows = np.array([i for i in range(len(texts)) if data.draw(st.booleans())], np.int64)
    plan, all_texts = DedupPlan(), pa.array(texts)
    words = hash_words(comparable(all_texts), signs=True)
    some = all_texts.take(pa.array(rows))
    assert compute_keys(all_texts, plan, words, rows) == compute_keys(some, plan)
