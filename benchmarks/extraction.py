"""Main-text extraction: snippets found and avoided, code and formulas kept, pages per CPU second; extractors in turn.

Pages are those of `html/` in the folder named by CURATE_TEST_DATA: raw pages, most with snippets that their main
text must hold and must not hold. Our own extractor is fitted here, by classifiers/extraction/recipe.py, once for
each fold of sites, and reads every page with the selector that has not seen the page's site (`--bundled` takes
the shipped selector, which has). Pages go through in batches, every extractor after the other on each batch, so
that the machine's mood strikes all alike.

Whole texts: the pages named `readability-*` are the test pages of Mozilla's Readability. Where CURATE_READABILITY
names its folder `test/test-pages`, the texts are held against what its authors expect, by runs of four words, and
F1 is a mean over pages; no label of the fit comes from there. CURATE_DOCUMENTATION does the same for folders of
documentation. Both are skipped, saying so, where not named. Code and formulas: pages of `benchmarks.pages.notation`.

Elements: the share of headings, terms, definitions, paragraphs, cells, list items and listings of documentation pages
that come out whole, and of lines of menus and footers that do (`benchmarks.pages.elements`), in all and by project;
every page by the selector that has not seen a page of its project.

Intervals are 95%, from resampling sites.

`--peers-tests` also runs the test pages of Readability, Defuddle, newspaper4k and trafilatura (`benchmarks.pages.peers_tests`),
with the shipped selector, which has seen Readability's, and says which kinds of text are lost by whom.

    python -m benchmarks extraction [--pages N] [--bundled] [--worst 20] [--peers-tests]
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

import numpy as np
import pyarrow as pa

from benchmarks.pages import elements, full_text, notation, peers_tests
from curate.extract import decode_text, extract_pages
from curate.extract.model import Selector
from curate.extract.native import extract_native

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("CURATE_TEST_DATA", ROOT.parent / "shared" / "data"))
DATA = SHARED / "html"
CACHE = ROOT / "benchmarks" / "results" / "scratch" / "trafilatura.json"
BATCH = 20
N_RESAMPLES = 1000

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
    parser.add_argument("--peers-tests", action="store_true", help="also other extractors' test pages")
    settings = parser.parse_args(args)
    recipe = load_recipe()
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    pages = recipe.read_real_pages(DATA / "pages", DATA / "expected.jsonl.gz", CACHE)
    if settings.bundled:
        selectors = [None] * recipe.N_FOLDS
    else:
        selectors = recipe.fit_folds(pages, *recipe.read_schooling(SHARED / "lessons", SHARED / "textbooks"))
    extractors = make_extractors()
    texts: dict[str, list[str]] = {name: [] for name in extractors}
    cpu_s = dict.fromkeys(extractors, 0.0)
    ordered = []
    for fold, selector in enumerate(selectors):
        members = [page for page in pages if recipe.fold_of(page.host, recipe.N_FOLDS) == fold]
        for start in range(0, len(members[: settings.pages]), BATCH):
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
        name: np.array([recipe.score_snippets(p.case, t) for p, t in zip(ordered, texts[name], strict=True)])
        for name in texts
    }
    sites = [page.host for page in ordered]
    speed = {name: round(len(ordered) / cpu_s[name], 1) for name in extractors}
    rows = [
        {
            "extractor": name,
            **recipe.summarise(counts[name].sum(axis=0)),
            **snippet_intervals(counts[name], counts["trafilatura"], sites),
            "without_absent": round(float(counts[name][:, 3].sum() / counts[name][:, 2:].sum()), 4),
            "code_lines_kept": share_kept(wanted["code"], texts[name]),
            "formulas_kept": share_kept(wanted["formulas"], texts[name]),
            "cpu_s": round(cpu_s[name], 3),
            "pages_per_cpu_s": speed[name],
        }
        for name in extractors
    ]
    return {
        "n_pages": sum(bool(page.case) for page in ordered),
        "n_pages_timed": len(ordered),
        "n_sites": len(set(sites)),
        "n_bytes": sum(page.html.size for page in ordered),
        "n_code_lines": sum(map(len, wanted["code"])),
        "n_formulas": sum(map(len, wanted["formulas"])),
        "held_out": not settings.bundled,
        "rows": rows,
        "speed_ratio": {name: round(speed["curate"] / speed[name], 1) for name in speed if name != "curate"},
        "whole_texts": compare_whole_texts(recipe, ordered, texts),
        "documentation": compare_documentation(recipe, extractors),
        "elements": compare_elements(recipe, extractors, selectors, settings.pages),
        "notation": compare_notation(extractors),
        "worst": list_worst(ordered, counts, settings.worst),
        "peers_tests": compare_peers_tests(extractors) if settings.peers_tests else None,
    }


def compare_peers_tests(extractors: dict[str, Extract]) -> dict:
    """Lines of other extractors' test pages that are lost, by kind and extractor."""
    shown = {name: extractors[name] for name in ("curate", "resiliparse main_content", "trafilatura")}
    cases = list(peers_tests.read_cases(CACHE.parent / "peers-tests"))
    return peers_tests.compare(cases, shown, "curate")


def resample(sites: list[str]) -> list[np.ndarray]:
    """Indices of the pages of resampled sites, N_RESAMPLES times."""
    members: dict[str, list[int]] = {}
    for i, site in enumerate(sites):
        members.setdefault(site, []).append(i)
    groups = [np.array(group) for group in members.values()]
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(groups), (N_RESAMPLES, len(groups)))
    return [np.concatenate([groups[k] for k in draw]) for draw in draws]


def interval(values: list[float]) -> list[float]:
    """The middle 95%."""
    return [round(float(x), 4) for x in np.percentile(values, [2.5, 97.5])]


def snippet_f1(counts: np.ndarray) -> float:
    """F1 of a table of `score_snippets`."""
    found, missed, wrong, _ = counts.sum(axis=0)
    return 2 * found / max(2 * found + missed + wrong, 1)


def snippet_intervals(counts: np.ndarray, peer: np.ndarray, sites: list[str]) -> dict:
    """Intervals of snippet F1 and of its difference to the peer's."""
    samples = resample(sites)
    own, other = ([snippet_f1(table[rows]) for rows in samples] for table in (counts, peer))
    difference = [a - b for a, b in zip(own, other, strict=True)]
    return {
        "f1_interval": interval(own),
        "f1_over_trafilatura": round(snippet_f1(counts) - snippet_f1(peer), 4),
        "f1_over_trafilatura_interval": interval(difference),
    }


def whole_text_rows(
    recipe: ModuleType, texts: dict[str, list[str]], wanted: list[str], sites: list[str]
) -> list:
    """Precision, recall and F1 of runs of four words, means over pages, with intervals."""
    known = [recipe.shingles(text) for text in wanted]
    scores = {
        name: np.array([shingle_scores(recipe.shingles(t), k) for t, k in zip(found, known, strict=True)])
        for name, found in texts.items()
    }
    samples = resample(sites)
    rows = []
    for name, table in scores.items():
        difference = table[:, 2] - scores["trafilatura"][:, 2]
        precision, recall, f1 = (round(float(x), 4) for x in table.mean(axis=0))
        rows.append(
            {
                "extractor": name,
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "f1_interval": interval([table[k, 2].mean() for k in samples]),
                "median_f1": round(float(np.median(table[:, 2])), 4),
                "pages_below_0.7": int((table[:, 2] < 0.7).sum()),
                "f1_over_trafilatura": round(float(difference.mean()), 4),
                "f1_over_trafilatura_interval": interval([difference[k].mean() for k in samples]),
            }
        )
    return rows


def shingle_scores(found: set, wanted: set) -> tuple[float, float, float]:
    """(precision, recall, F1)."""
    both = len(found & wanted)
    return both / max(len(found), 1), both / len(wanted), 2 * both / (len(found) + len(wanted))


def compare_whole_texts(recipe: ModuleType, ordered: list, texts: dict[str, list[str]]) -> dict | None:
    """Held-out texts of Readability's test pages beside what its authors expect."""
    expected = full_text.readability_texts()
    if not expected:
        print(
            f"whole texts: skipped, {full_text.READABILITY} does not name a folder of test pages",
            file=sys.stderr,
        )
        return None
    names = [
        page.name.removeprefix("readability-").removesuffix(".gz").removesuffix(".html") for page in ordered
    ]
    chosen = [i for i, name in enumerate(names) if len(recipe.words(expected.get(name, ""))) >= 4]
    sites = [ordered[i].host for i in chosen]
    picked = {name: [texts[name][i] for i in chosen] for name in texts}
    rows = whole_text_rows(recipe, picked, [expected[names[i]] for i in chosen], sites)
    return {"n_pages": len(chosen), "n_sites": len(set(sites)), "rows": rows}


def compare_documentation(recipe: ModuleType, extractors: dict[str, Extract]) -> dict | None:
    """Pages of documentation with the shipped selector, which has seen none of them."""
    found = [page for page in full_text.documentation_pages(60) if len(recipe.words(page[2])) >= 4]
    if not found:
        print(f"documentation: skipped, {full_text.DOCUMENTATION} names no folder", file=sys.stderr)
        return None
    pages = [content for _, content, _ in found]
    texts = {name: extract(pages, None) for name, extract in extractors.items()}
    raw = [page.decode("utf-8", "replace") for page in pages]
    code, tex = [code_lines(page) for page in raw], [formulas(page) for page in raw]
    rows = whole_text_rows(recipe, texts, [text for _, _, text in found], [str(i) for i in range(len(found))])
    for row in rows:
        row["code_lines_kept"] = share_kept(code, texts[row["extractor"]])
        row["formulas_kept"] = share_kept(tex, texts[row["extractor"]])
    counts = {"n_pages": len(found), "n_code_lines": sum(map(len, code)), "n_formulas": sum(map(len, tex))}
    return counts | {"folders": sorted({name for name, _, _ in found}), "rows": rows}


def compare_elements(
    recipe: ModuleType, extractors: dict[str, Extract], selectors: list[Selector | None], n_pages: int | None
) -> dict | None:
    """Shares of elements of documentation pages that come out whole, in all and by project."""
    if not (SHARED / "lessons" / "docs.blocks.jsonl.gz").exists():
        print(f"elements: skipped, no lessons in {SHARED}", file=sys.stderr)
        return None
    lessons = elements.read_lessons(SHARED / "lessons")[:n_pages]
    counts: dict[str, list[dict[str, tuple[int, int]]]] = {name: [] for name in extractors}
    for lesson in lessons:
        selector = selectors[recipe.fold_of(lesson.project, len(selectors))]
        for name, extract in extractors.items():
            counts[name].append(elements.count_elements(lesson, extract([lesson.html], selector)[0]))
    projects = sorted({lesson.project for lesson in lessons})
    rows = [{"extractor": name, **elements.add_shares(counts[name])} for name in extractors]
    by_project = {
        project: {
            name: elements.add_shares(
                c for c, lesson in zip(counts[name], lessons, strict=True) if lesson.project == project
            )
            for name in extractors
        }
        for project in projects
    }
    return {"n_pages": len(lessons), "rows": rows, "by_project": by_project}


def compare_notation(extractors: dict[str, Extract]) -> dict:
    """Code and formulas of pages written for this project: share kept, and ways of writing that are read exactly."""
    code, tex = notation.code_pages(), notation.formula_pages()
    rows = []
    for name, extract in extractors.items():
        pages = [page.encode() for page in (*code.values(), *tex.values())]
        texts = extract(pages, None)
        lines = [notation.score_code(text) for text in texts[: len(code)]]
        written = [notation.score_formulas(text) for text in texts[len(code) :]]
        rows.append(
            {
                "extractor": name,
                "code_lines_kept": round(sum(share for share, _ in lines) / len(lines), 4),
                "code_exact": sum(exact for _, exact in lines),
                "formulas_kept": round(sum(share for share, _ in written) / len(written), 4),
                "formulas_exact": sum(exact for _, exact in written),
            }
        )
    return {"n_ways_of_code": len(code), "n_ways_of_formulas": len(tex), "rows": rows}


def list_worst(pages: list, counts: dict, n: int) -> list[dict]:
    """Our pages of most missed and unwanted snippets, beside trafilatura's."""
    order = sorted(range(len(pages)), key=lambda i: (-int(counts["curate"][i][1:3].sum()), pages[i].name))
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
