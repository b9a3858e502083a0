"""Main-text extraction: snippets found and avoided, and pages per CPU second, all extractors alternating.

Pages are those of `html/` in the folder named by CURATE_TEST_DATA: raw pages, each with snippets that its
main text must hold and must not hold. Every page is decoded and extracted by every extractor in turn, so that
the machine's mood strikes all alike. `python -m benchmarks extraction [--pages N]`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from curate.extract import decode_text, extract_pages

DATA = Path(os.environ.get("CURATE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "html"


def read_cases(n_pages: int | None = None) -> list[dict]:
    """Pages with their snippets: file, content, with, without."""
    with gzip.open(DATA / "expected.jsonl.gz", "rt") as lines:
        cases = [json.loads(line) for line in lines][:n_pages]
    for case in cases:
        case["content"] = gzip.decompress((DATA / "pages" / case["file"]).read_bytes())
    return cases


def make_extractors() -> dict[str, Callable[[bytes], str]]:
    """Name to function, bytes in and text out; each does its own decoding."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    def ours(name: str) -> Callable[[bytes], str]:
        return lambda page: extract_pages(pa.array([page]), extractor=name)["text"][0].as_py() or ""

    return {
        "curate: resiliparse": ours("resiliparse"),
        "resiliparse, main_content": lambda page: extract_plain_text(decode_text(page), main_content=True),
        "trafilatura, default": lambda page: trafilatura.extract(decode_text(page)) or "",
        "trafilatura, fast": lambda page: trafilatura.extract(decode_text(page), fast=True) or "",
    }


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def score_snippets(case: dict, text: str) -> tuple[int, int, int, int]:
    """(must-haves found, must-haves missed, must-nots found, must-nots absent)."""
    text = _squeeze(text)
    found = sum(_squeeze(snippet) in text for snippet in case["with"])
    wrong = sum(_squeeze(snippet) in text for snippet in case["without"])
    return found, len(case["with"]) - found, wrong, len(case["without"]) - wrong


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser(prog="python -m benchmarks extraction")
    parser.add_argument("--pages", type=int, default=None, help="only the first N pages")
    settings = parser.parse_args(args)
    cases = read_cases(settings.pages)
    extractors = make_extractors()
    for extract in extractors.values():
        extract(cases[0]["content"])  # compile and import
    cpu_s = dict.fromkeys(extractors, 0.0)
    counts = {name: [0, 0, 0, 0] for name in extractors}
    for case in cases:
        for name, extract in extractors.items():
            start = time.process_time()
            text = extract(case["content"])
            cpu_s[name] += time.process_time() - start
            counts[name] = [a + b for a, b in zip(counts[name], score_snippets(case, text), strict=True)]
    rows = [_row(name, counts[name], cpu_s[name], len(cases)) for name in extractors]
    return {
        "n_pages": len(cases),
        "n_bytes": sum(len(case["content"]) for case in cases),
        "rows": rows,
    }


def _row(name: str, counts: list[int], cpu_s: float, n_pages: int) -> dict:
    found, missed, wrong, absent = counts
    precision, recall = found / max(found + wrong, 1), found / max(found + missed, 1)
    return {
        "extractor": name,
        "with_found": round(recall, 4),
        "without_absent": round(absent / max(absent + wrong, 1), 4),
        "precision": round(precision, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        "cpu_s": round(cpu_s, 3),
        "pages_per_cpu_s": round(n_pages / max(cpu_s, 1e-9), 1),
    }
