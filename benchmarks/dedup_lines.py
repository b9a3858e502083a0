"""What `--dedup-lines` and `--dedup-substrings` take: from good pages, from furniture, and of the time of a run.

    furniture, wanted   documentation of 20 packages, each a site: lines of menus and footers that extraction let in, and
                        blocks of the main part, known by the pages' own containers (lessons/docs.blocks.jsonl.gz)
    books               modules of eight textbooks, each book a site
    web                 pages of Common Crawl by their addresses, few of one site; share of text by educational level

Every share is of characters that stand in the extracted text before. Intervals are bootstraps over sites or pages.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import curate
from benchmarks.harness import DATA, read_jsonl
from benchmarks.lessons import BOOKS
from curate.dedup.lines import count_lines, distinct_lines, hash_lines, hash_sites, hash_texts, remove_lines
from curate.dedup.passages import Windows, count_windows, hash_windows, remove_passages
from curate.extract import extract_pages

GRID = ((10, 5), (20, 5), (20, 10), (40, 3), (40, 5), (40, 10), (40, 20))
DEFAULT = (40, 10)
SITES = 20
PASSAGE = 200
N_RESAMPLES = 500


def run(args: list[str]) -> dict[str, Any]:
    argparse.ArgumentParser(prog="python -m benchmarks dedup_lines").parse_args(args)
    docs, books, web = _docs(), _books(), _web()
    rows: list[dict[str, Any]] = []
    for min_letters, on_site in GRID:
        row: dict[str, Any] = {"min_letters": min_letters, "on_site": on_site}
        after, _ = take_out(docs["texts"], docs["sites"], min_letters, on_site)
        row |= _blocks_lost(docs, after)
        after, _ = take_out(books["texts"], books["sites"], min_letters, on_site)
        row["books"] = _lost(books["texts"], after, books["sites"])
        after, _ = take_out(web["texts"], web["sites"], min_letters, on_site)
        row["web"] = _lost(web["texts"], after, np.arange(len(web["texts"])))
        for name, at in web["levels"].items():
            some = pa.array(at)
            row[f"web, {name}"] = _lost(web["texts"].take(some), after.take(some), at)
        rows.append(row)
        print(json.dumps(row), flush=True)
    settings = {"sites": SITES, "default": DEFAULT, "resamples": N_RESAMPLES, "passage": PASSAGE}
    return {
        "settings": settings,
        "rows": rows,
        "passages": [_passages(n_bytes, docs, books, web) for n_bytes in (100, 200, 400)],
        "speed": _speed(web),
        "run": _compare_runs(),
    }


def _passages(n_bytes: int, *sets: dict[str, Any]) -> dict[str, Any]:
    """What an earlier page of the same set has word for word, by its least length."""
    docs, books, web = (each["texts"] for each in sets)
    row: dict[str, Any] = {"bytes": n_bytes} | _blocks_lost(sets[0], take_out_passages(docs, n_bytes))
    row["books"] = _lost(books, take_out_passages(books, n_bytes), sets[1]["sites"])
    after = take_out_passages(web, n_bytes)
    row["web"] = _lost(web, after, np.arange(len(web)))
    for name, at in sets[2]["levels"].items():
        some = pa.array(at)
        row[f"web, {name}"] = _lost(web.take(some), after.take(some), at)
    print(json.dumps(row), flush=True)
    return row


def take_out_passages(texts: pa.Array, n_bytes: int) -> pa.Array:
    """Take out of the texts what earlier ones have."""
    windows = hash_windows(texts, n_bytes)
    repeated = count_windows(lambda: [(windows.hashes, _owners(windows))])
    return remove_passages(texts, windows, repeated.find(windows, np.arange(len(texts))))[0]


def _owners(windows: Windows) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(windows.firsts) - 1), np.diff(windows.firsts))


def take_out(
    texts: pa.Array, sites: NDArray[np.uint64], min_letters: int, on_site: int
) -> tuple[pa.Array, NDArray[np.int32]]:
    """Take out of the texts what recurs among them."""
    lines = hash_lines(texts, min_letters)
    shard = sites, hash_texts(texts), *distinct_lines(lines)
    recurring = count_lines(lambda: [shard], on_site=on_site, sites=SITES)
    return remove_lines(texts, lines, recurring.find(lines, sites))


def _docs() -> dict[str, Any]:
    pages = {row["id"]: row for row in read_jsonl(DATA / "lessons" / "docs.jsonl.gz")}
    blocks = [row for row in read_jsonl(DATA / "lessons" / "docs.blocks.jsonl.gz") if row["id"] in pages]
    html = pa.array([pages[row["id"]]["html"].encode() for row in blocks], pa.binary())
    texts = extract_pages(html)["text"].fill_null("")
    return {
        "texts": texts,
        "blocks": blocks,
        "sites": _number([pages[row["id"]]["source"].partition("/")[0] for row in blocks]),
    }


def _books() -> dict[str, Any]:
    texts: list[str] = []
    names: list[str] = []
    for book in BOOKS:
        rows = list(read_jsonl(DATA / "textbooks" / f"{book}.jsonl.gz"))
        if "html" in rows[0]:
            found = extract_pages(pa.array([row["html"].encode() for row in rows], pa.binary()))["text"]
            texts += found.fill_null("").to_pylist()
        else:
            texts += [row["text"] for row in rows]
        names += [book] * len(rows)
    return {"texts": pa.array(texts, pa.string()), "sites": _number(names)}


def _web() -> dict[str, Any]:
    rows = [
        row for path in sorted((DATA / "web").glob("weborganizer-*.jsonl.gz")) for row in read_jsonl(path)
    ]
    texts = pa.array([row["text"] for row in rows], pa.string())
    found: dict[str, list[float]] = {}
    for row in read_jsonl(DATA / "annotations" / "readers.jsonl.gz"):
        found.setdefault(row["url"], []).append(row["edu_level"])
    levels = np.array([np.mean(found.get(row["url"], [np.nan])) for row in rows])
    groups = {"level 2 or more": np.flatnonzero(levels >= 2), "level below 1": np.flatnonzero(levels < 1)}
    sites = hash_sites(pa.array([row["url"] for row in rows]), texts)
    return {"texts": texts, "sites": sites, "levels": groups}


def _compare_runs() -> dict[str, Any]:
    """The whole job over the web pages with and without: CPU seconds of its stages, and what was kept."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, dict[str, Any]] = {"without": {}, "with": {"dedup_lines": True}}
        ways["passages"] = {"dedup_substrings": PASSAGE}
        for name, options in ways.items():
            output = Path(folder) / name
            funnel = curate.filter_crawl(str(DATA / "web"), output, workers=1, progress=False, **options)
            cpu_s = json.loads((output / "manifest.json").read_bytes())["timings"]["cpu_s"]
            found[name] = {
                "cpu_s": round(sum(cpu_s.values()), 2),
                "lines_cpu_s": cpu_s.get("lines", 0.0),
                "read": funnel.read.n_documents,
                "kept": funnel.kept.n_documents,
                "lines_removed": dict(funnel.lines_removed),
                "n_chars_removed": funnel.n_chars_removed,
            }
    return found


def _number(names: list[str]) -> NDArray[np.uint64]:
    known = sorted(set(names))
    return np.array([known.index(name) + 1 for name in names], np.uint64)


def _blocks_lost(docs: dict[str, Any], after: pa.Array) -> dict[str, Any]:
    """Of the characters of blocks that stood in the text, the share that stands there no more."""
    before, now = ([_bare(text) for text in texts.to_pylist()] for texts in (docs["texts"], after))
    found: dict[str, NDArray[np.float64]] = {}
    for kind in ("furniture", "want"):
        had, lost = np.zeros(len(before)), np.zeros(len(before))
        for n, row in enumerate(docs["blocks"]):
            blocks = [each if isinstance(each, str) else each[1] for each in row[kind]]
            for block in {_bare(block) for block in blocks}:
                if len(block) >= 8 and block in before[n]:
                    had[n] += len(block)
                    lost[n] += len(block) * (block not in now[n])
        found[kind] = np.stack([had, lost])
    return {kind: _share(had, lost, docs["sites"]) for kind, (had, lost) in found.items()}


def _bare(text: str) -> str:
    return "".join(text.split())


def _lost(before: pa.Array, after: pa.Array, groups: NDArray[Any]) -> dict[str, Any]:
    had, now = (np.array([len(text) for text in texts.to_pylist()], float) for texts in (before, after))
    return _share(had, had - now, groups)


def _share(had: NDArray[np.float64], lost: NDArray[np.float64], groups: NDArray[Any]) -> dict[str, Any]:
    """Percent lost, with its 95% interval over groups."""
    names, places = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(places, each) for each in (had, lost)])
    drawn = np.random.default_rng(0).integers(0, len(names), (N_RESAMPLES, len(names)))
    shares = 100 * sums[1][drawn].sum(1) / np.maximum(sums[0][drawn].sum(1), 1)
    low, high = np.quantile(shares, [0.025, 0.975])
    return {
        "percent": round(100 * float(lost.sum() / max(had.sum(), 1)), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "characters": int(had.sum()),
    }


def _speed(web: dict[str, Any]) -> dict[str, Any]:
    """CPU microseconds a document of each step, best of three."""
    texts, sites = web["texts"], web["sites"]

    def cpu_us(work: Any) -> tuple[float, Any]:
        best, found = np.inf, None
        for _ in range(3):
            began_s = time.process_time()
            found = work()
            best = min(best, time.process_time() - began_s)
        return round(1e6 * best / len(texts), 2), found

    hashing, lines = cpu_us(lambda: hash_lines(texts))
    keys, shard = cpu_us(lambda: (sites, hash_texts(texts), *distinct_lines(lines)))
    counting, recurring = cpu_us(lambda: count_lines(lambda: [shard], on_site=DEFAULT[1], sites=SITES))
    removing, _ = cpu_us(lambda: remove_lines(texts, lines, recurring.find(lines, sites)))
    found = {
        "hash": hashing,
        "distinct": keys,
        "count": counting,
        "remove": removing,
        "documents": len(texts),
    }
    hashing, windows = cpu_us(lambda: hash_windows(texts, PASSAGE))
    owners, numbers = _owners(windows), np.arange(len(texts))
    counting, repeated = cpu_us(lambda: count_windows(lambda: [(windows.hashes, owners)]))
    removing, _ = cpu_us(lambda: remove_passages(texts, windows, repeated.find(windows, numbers)))
    return found | {
        "passages": {"hash": hashing, "count": counting, "remove": removing, "windows": len(owners)}
    }
