"""Main-text extraction: snippets found and avoided, code and formulas kept, pages per CPU second; extractors in turn.

Pages are those of `html/` in the folder named by CURATE_TEST_DATA: raw pages, each with snippets that its main
text must hold and must not hold. Our own extractor is fitted here, by classifiers/extraction/recipe.py, once for
each fold of hosts, and reads every page with the selector that has not seen the page's host (`--bundled` takes
the shipped selector, which has). Pages go through in batches, every extractor after the other on each batch, so
that the machine's mood strikes all alike.

    python -m benchmarks extraction [--pages N] [--bundled] [--worst 20]
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pyarrow as pa

from curate.extract import decode_text, extract_pages
from curate.extract.model import Selector
from curate.extract.native import extract_native

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("CURATE_TEST_DATA", ROOT.parent / "shared" / "data")) / "html"
CACHE = ROOT / "benchmarks" / "results" / "scratch" / "trafilatura.json"
BATCH = 20

Extract = Callable[[list[bytes], Selector | None], list[str]]


def load_recipe() -> ModuleType:
    """classifiers/extraction/recipe.py as a module."""
    path = ROOT / "classifiers" / "extraction" / "recipe.py"
    spec = importlib.util.spec_from_file_location("extraction_recipe", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def make_extractors() -> dict[str, Extract]:
    """Name to function: pages in, texts out; each does its own decoding, as in use."""
    import trafilatura
    from resiliparse.extract.html2text import extract_plain_text

    def own(pages: list[bytes], selector: Selector | None) -> list[str]:
        return [
            text or "" for text in extract_native(pa.array(pages), None, selector=selector).texts.to_pylist()
        ]

    def own_resiliparse(pages: list[bytes], _: Selector | None) -> list[str]:
        batch = extract_pages(pa.array(pages), extractor="resiliparse")
        return [text or "" for text in batch["text"].to_pylist()]

    def peer(extract: Callable[[str], str | None]) -> Extract:
        return lambda pages, _: [extract(decode_text(page)) or "" for page in pages]

    return {
        "curate": own,
        "curate --extractor resiliparse": own_resiliparse,
        "resiliparse main_content": peer(lambda page: extract_plain_text(page, main_content=True)),
        "trafilatura": peer(lambda page: trafilatura.extract(page)),
        "trafilatura fast": peer(lambda page: trafilatura.extract(page, fast=True)),
    }


def code_lines(page: str) -> list[str]:
    """Lines of eight characters or more in pre elements with code in them, without tags and outer blanks."""
    lines = []
    for block in re.findall(r"<pre\b[^>]*>(.*?)</pre", page, re.DOTALL | re.IGNORECASE):
        text = html.unescape(re.sub(r"<[^>]*>", "", block))
        if re.search(r"[{}();=<>]|^\s{2,}\S", text, re.MULTILINE):
            lines += [line.strip() for line in text.split("\n") if len(line.strip()) >= 8]
    return lines


def formulas(page: str) -> list[str]:
    """LaTeX that the page states: annotations of MathML, MathJax scripts, alt texts of formula images."""
    found = re.findall(r'<annotation encoding="application/x-tex">(.*?)</annotation', page, re.DOTALL)
    found += re.findall(r'<script type="math/tex[^"]*">(.*?)</script', page, re.DOTALL)
    found += re.findall(r'<img[^>]*class="[^"]*(?:tex|math)[^"]*"[^>]*alt="([^"]{3,})"', page)
    stripped = (
        re.sub(r"^\{\\displaystyle (.*)\}$", r"\1", html.unescape(text).strip(), flags=re.DOTALL)
        for text in found
    )
    return [text.strip() for text in dict.fromkeys(stripped)]


def share_kept(wanted: list[list[str]], texts: list[str]) -> float | None:
    """Share of the wanted pieces that stand in their page's text, white space aside."""
    squeezed = ["".join(text.split()) for text in texts]
    hits = [("".join(w.split()) in text) for ws, text in zip(wanted, squeezed, strict=True) for w in ws]
    return round(sum(hits) / len(hits), 4) if hits else None


def run(args: list[str]) -> dict:
    parser = argparse.ArgumentParser(prog="python -m benchmarks extraction")
    parser.add_argument("--pages", type=int, default=None, help="only the first N pages")
    parser.add_argument("--bundled", action="store_true", help="the shipped selector: not held out")
    parser.add_argument("--worst", type=int, default=20, help="list the N pages of most wrong snippets")
    settings = parser.parse_args(args)
    recipe = load_recipe()
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    pages = recipe.read_real_pages(DATA / "pages", DATA / "expected.jsonl.gz", CACHE)
    selectors = [None] * recipe.N_FOLDS if settings.bundled else recipe.fit_folds(pages)
    # Pages without snippets take part in the fit alone.
    cases = [page for page in pages if page.case][: settings.pages]
    extractors = make_extractors()
    texts: dict[str, list[str]] = {name: [] for name in extractors}
    cpu_s = dict.fromkeys(extractors, 0.0)
    ordered = []
    for fold, selector in enumerate(selectors):
        members = [page for page in cases if recipe.fold_of(page.host, recipe.N_FOLDS) == fold]
        for start in range(0, len(members), BATCH):
            batch = members[start : start + BATCH]
            contents = [recipe.read_content(DATA / "pages" / page.name) for page in batch]
            for name, extract in extractors.items():
                if not ordered:
                    extract(contents[:1], selector)  # import and compile
                begin = time.process_time()
                texts[name] += extract(contents, selector)
                cpu_s[name] += time.process_time() - begin
            ordered += batch
    raw = [page.html.tobytes().decode() for page in ordered]
    wanted = {"code": [code_lines(page) for page in raw], "formulas": [formulas(page) for page in raw]}
    counts = {
        name: [recipe.score_snippets(p.case, t) for p, t in zip(ordered, texts[name], strict=True)]
        for name in texts
    }
    rows = [
        {
            "extractor": name,
            **recipe.summarise(sum(counts[name])),
            "without_absent": round(float(sum(counts[name])[3] / sum(counts[name])[2:].sum()), 4),
            "code_lines_kept": share_kept(wanted["code"], texts[name]),
            "formulas_kept": share_kept(wanted["formulas"], texts[name]),
            "cpu_s": round(cpu_s[name], 3),
            "pages_per_cpu_s": round(len(ordered) / cpu_s[name], 1),
        }
        for name in extractors
    ]
    speed = {row["extractor"]: row["pages_per_cpu_s"] for row in rows}
    return {
        "n_pages": len(ordered),
        "n_bytes": sum(page.html.size for page in ordered),
        "n_code_lines": sum(map(len, wanted["code"])),
        "n_formulas": sum(map(len, wanted["formulas"])),
        "held_out": not settings.bundled,
        "rows": rows,
        "speed_ratio": {name: round(speed["curate"] / speed[name], 1) for name in speed if name != "curate"},
        "worst": list_worst(ordered, counts, settings.worst),
    }


def list_worst(pages: list, counts: dict, n: int) -> list[dict]:
    """Our pages of most missed and unwanted snippets, beside trafilatura's."""
    order = sorted(range(len(pages)), key=lambda i: -int(counts["curate"][i][1] + counts["curate"][i][2]))
    return [
        {
            "page": pages[i].name,
            "missed": int(counts["curate"][i][1]),
            "unwanted": int(counts["curate"][i][2]),
            "trafilatura_missed": int(counts["trafilatura"][i][1]),
            "trafilatura_unwanted": int(counts["trafilatura"][i][2]),
        }
        for i in order[:n]
    ]
