"""Fit the block selector of `curate.extract` and measure it on hosts that it has not seen.

    python classifiers/extraction/recipe.py --pages DIR --snippets expected.jsonl.gz --cache silver.json \\
        --lessons DIR --textbooks DIR --evaluate

and `--out classifiers/extraction/selector.safetensors` in place of `--evaluate` to fit.

DIR of `--pages` holds raw pages (`*.html` or `*.html.gz`). Their labels are silver: the share of a block's four-word
shingles that trafilatura gives, default and fast mode averaged. Where snippets are given (JSON lines with `file`,
`with`, `without`), blocks that hold one are labelled by it, with more weight. `--lessons` adds pages of documentation
whose main part and furniture are known element by element, `--textbooks` modules of textbooks. `kinds.py` adds
made-up pages of kinds that silver teaches wrongly. The table of class words is cross-fitted: the features of a page
never use a table that its host helped to make.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))
from kinds import DOCUMENTATION_FRAMES, Page, make_pages

from curate.extract import decode_text
from curate.extract.bounds import find_problem
from curate.extract.features import PATH_DECAY, TOKEN_SCALE
from curate.extract.measure import C_CHARS, inner_density, link_density
from curate.extract.model import Selector, export_trees, save_selector, score_blocks
from curate.extract.names import THRESHOLDS
from curate.extract.outline import P_END, find_places
from curate.extract.scan import (
    E_FLAGS,
    E_ITEM,
    E_LEVEL,
    E_N_TOKENS,
    E_PARENT,
    E_TAG,
    E_TOKEN,
    IN_CELL,
    M_CANONICAL,
)
from curate.extract.select import choose_blocks
from curate.extract.tags import TAG_NUMBERS
from curate.extract.text import B_CELLS, B_ELEMENT, B_END, B_PRE, B_START
from curate.extract.tokens import N_TOKEN_BUCKETS
from curate.extract.workspace import describe_page, make_workspace, read_page

TREES: dict[str, Any] = {
    "max_iter": 120,
    "learning_rate": 0.1,
    "max_leaf_nodes": 16,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_features": 0.5,
    "early_stopping": False,
    "random_state": 0,
}
HAND_WEIGHT = 3.0
MADE_UP_PAGES, MADE_UP_WEIGHT = 500, 0.5
NAMELESS = 5  # one page in so many is shown without the class words
N_FOLDS, N_TABLE_FOLDS = 5, 4
MAX_HOST_PAGES = 4.0
LESSON_WEIGHT, TEXTBOOK_WEIGHT, MAX_PAGE_WEIGHT = 0.5, 0.3, 400.0
TEXTBOOKS = ("economics", "chemistry", "contemporary-mathematics")  # those of CC BY
# Characters of a block that are looked for among the 400 that a lesson states, some of which may be signs that are left out.
PREFIX = 300
NOT_TEXT = str.maketrans("", "", "#\u00b6\u00a7|^_{}")
CORRECTIONS = Path(__file__).with_name("corrections.jsonl")
MENU_SHARE, MIN_MENU_PAGES = 0.5, 4  # a link on more of a project's pages is its menu's
NEAR = 6  # blocks on either side that tell which copy of a text is main text
WORD = re.compile(r"\w+")
SECOND_LEVEL = ("co", "com", "org", "net", "ac", "gov", "edu")
HOST_IN_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*?\.(?:com|org|net|info|eu|co\.uk|[a-z]{2})(?=[.-])")


@dataclass
class FitPage:
    """A page with its blocks' texts, their labels (0-1) and whether a correction or snippet set the label."""

    name: str
    host: str  # pages of one host are never on both sides of a split
    html: NDArray[np.uint8]
    texts: list[str]
    labels: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    by_hand: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    n_chars: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    known: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))  # blocks that teach
    case: dict[str, Any] = field(default_factory=dict)
    silver: str = ""
    weight: float = 1.0


WORKSPACE = make_workspace(8_000_000)


def read_fit_page(name: str, host: str, html: bytes) -> FitPage:
    """Scan a page into the texts of its blocks."""
    raw = np.frombuffer(html, np.uint8)
    n = read_page(raw, WORKSPACE)
    spans = WORKSPACE.blocks[:n, [B_START, B_END]]
    texts = [WORKSPACE.text[a:b].tobytes().decode() for a, b in spans]
    return FitPage(
        name, host, raw, texts, n_chars=WORKSPACE.counts[:n, C_CHARS].copy(), known=np.ones(n, np.bool_)
    )


def squeeze(text: str) -> str:
    """White space as single blanks, without soft hyphens."""
    return " ".join(text.replace("\u00ad", "").split())


def words(text: str) -> list[str]:
    """Words in lower case."""
    return WORD.findall(text.lower())


def shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of four words."""
    found = words(text)
    return {tuple(found[i : i + 4]) for i in range(len(found) - 3)}


def label_by_silver(texts: Sequence[str], silver: str) -> NDArray[np.float64]:
    """For each block the share of its shingles in `silver`; short blocks must be one of its lines.

    A text that stands more often on the page than in `silver` (a menu has the heading, too) is main text where the
    blocks around it are.
    """
    known = shingles(silver)
    lines = {" ".join(words(line)) for line in silver.split("\n")}
    running = f" {' '.join(words(silver))} "
    labels = np.zeros(len(texts))
    copies: dict[str, list[int]] = {}
    for b, text in enumerate(texts):
        found = words(text)
        joined = " ".join(found)
        if len(found) >= 6:
            labels[b] = np.mean([tuple(found[i : i + 4]) in known for i in range(len(found) - 3)])
        elif found:
            labels[b] = joined in lines or (len(found) >= 3 and f" {joined} " in running)
        if labels[b] > 0:
            copies.setdefault(joined, []).append(b)
    lengths = np.array([min(len(text), 500) for text in texts])
    for joined, places in copies.items():
        n_wanted = max(running.count(f" {joined} "), 1)
        if len(places) <= n_wanted:
            continue
        others = labels * lengths
        others[places] = 0
        support = [others[max(b - NEAR, 0) : b + NEAR + 1].sum() for b in places]
        for k in np.argsort(support, kind="stable")[:-n_wanted]:
            labels[places[k]] = 0
    return labels


def digest(text: str) -> str:
    """What stands for a block's text in a file of corrections, so that the file holds no text."""
    return hashlib.sha256(" ".join(words(text)).encode()).hexdigest()[:12]


def apply_corrections(page: FitPage, correction: dict[str, Any]) -> None:
    """Let labels that were set by hand overrule the silver ones."""
    for label, name in ((1.0, "main"), (0.0, "boilerplate")):
        digests = set(correction.get(name, ()))
        for b, text in enumerate(page.texts if digests else ()):
            if digest(text) in digests:
                page.labels[b], page.by_hand[b] = label, True


def apply_structure(page: FitPage) -> None:
    """Let headings that stand within main text be main text: trafilatura leaves out many."""
    n = read_page(page.html, WORKSPACE)
    blocks, elements, places = WORKSPACE.blocks, WORKSPACE.elements, WORKSPACE.places
    find_places(blocks, n, elements, places)
    before = np.concatenate([[0.0], np.cumsum(page.labels * page.n_chars)])
    total = np.concatenate([[0], np.cumsum(page.n_chars)])
    for b in range(n - 1, -1, -1):
        e = blocks[b, B_ELEMENT]
        if elements[e, E_LEVEL] > 0 and not page.by_hand[b] and before[b] > 0:
            end = places[b, P_END]
            if before[end] - before[b + 1] > 0.5 * max(total[end] - total[b + 1], 1):
                page.labels[b] = 1.0


def apply_snippets(page: FitPage) -> None:
    """Let the snippets that the main text must or must not hold overrule the silver labels."""
    wanted = [squeeze(s) for s in page.case.get("with", [])]
    unwanted = [squeeze(s) for s in page.case.get("without", [])]
    for b, text in enumerate(map(squeeze, page.texts)):
        if any(s in text for s in wanted) or (len(text) > 15 and any(text in s for s in wanted)):
            page.labels[b], page.by_hand[b] = 1.0, True
        elif any(s in text for s in unwanted):
            page.labels[b], page.by_hand[b] = 0.0, True


def read_rows(path: Path | None) -> dict[str, dict[str, Any]]:
    """JSON lines, gzipped or not, by their `file`."""
    if path is None:
        return {}
    lines = read_content(path).decode().strip().split("\n")
    return {row["file"]: row for row in map(json.loads, lines)}


def read_real_pages(
    folder: Path, snippets: Path | None, cache: Path, corrections: Path | None = CORRECTIONS
) -> list[FitPage]:
    """Pages of `folder` with silver labels; what trafilatura gave is kept in `cache`, for it is slow."""
    cases, corrected = read_rows(snippets), read_rows(corrections)
    silver = json.loads(cache.read_text()) if cache.exists() else {}
    pages = []
    for path in sorted(folder.iterdir()):
        html = decode_text(read_content(path))
        if find_problem(html.encode()):
            continue
        if path.name not in silver:
            silver[path.name] = ask_trafilatura(html)
        case = cases.get(path.name, {})
        page = read_fit_page(path.name, host_of(path.name, case, html.encode()), html.encode())
        given = silver[path.name]
        page.labels = np.mean(
            [label_by_silver(page.texts, given[mode]) for mode in ("default", "fast")], axis=0
        )
        page.case, page.silver = case, given["default"]
        page.by_hand = np.zeros(len(page.texts), np.bool_)
        apply_corrections(page, corrected.get(path.name, {}))
        apply_structure(page)
        apply_snippets(page)
        pages.append(page)
    cache.write_text(json.dumps(silver))
    return pages


def read_content(path: Path) -> bytes:
    """A page's bytes, unpacked where they are gzipped."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def ask_trafilatura(html: str) -> dict[str, str]:
    """Its text in default and fast mode."""
    import trafilatura

    return {
        "default": trafilatura.extract(html, include_comments=False) or "",
        "fast": trafilatura.extract(html, include_comments=False, fast=True) or "",
    }


def host_of(name: str, case: dict[str, Any], html: bytes) -> str:
    """The site that a page came from: of its case's or its own canonical address, else of its file name.

    The last two labels of the host, three where they are like `co.uk`; coarse on purpose, so that no site is on both
    sides of a split.
    """
    read_page(np.frombuffer(html, np.uint8), WORKSPACE)
    start, end = WORKSPACE.meta[M_CANONICAL].tolist()
    stated = unescape(html[start:end].decode()).strip() if start >= 0 else ""
    for url in (case.get("url", ""), stated):
        host = urlsplit(url).hostname if url.startswith("http") else None
        if host and "." in host:
            break
    else:
        found = HOST_IN_NAME.match(name)
        host = found[0] if found else re.sub(r"[-\d]*(\.html)?(\.gz)?$", "", name)
    labels = host.split(".")
    return ".".join(labels[-3:] if len(labels) > 2 and labels[-2] in SECOND_LEVEL else labels[-2:])


def bare(text: str) -> str:
    """A text without white space, the signs of permalinks and those of raised and lowered text."""
    return "".join(text.translate(NOT_TEXT).split())


def read_lessons(docs: Path, stated: Path) -> list[FitPage]:
    """Pages of documentation, a project counting as one host; labels from the blocks that `stated` lists for each.

    Blocks that it does not speak of, such as text outside of any paragraph, teach nothing.
    """
    known = {row["id"]: row for row in map(json.loads, read_content(stated).decode().strip().split("\n"))}
    pages = []
    for row in map(json.loads, read_content(docs).decode().strip().split("\n")):
        if row["id"] in known and not find_problem(row["html"].encode()):
            page = read_fit_page(row["id"], row["source"].split("/")[0], row["html"].encode())
            label_by_blocks(page, known[row["id"]]["want"], known[row["id"]]["furniture"])
            page.weight = LESSON_WEIGHT
            pages.append(page)
    unlabel_menus(pages)
    return pages


def unlabel_menus(pages: list[FitPage]) -> None:
    """Let menus be furniture, though a project's own main container holds them, and contents lists teach nothing.

    A menu's links stand on most pages of a project; a link beside one (the next page's title) is of the menu, too.
    Contents lists are left out by a rule; beside a page's headings they would teach that those are furniture.
    """
    found = [link_blocks(page) for page in pages]
    n_pages = Counter(page.host for page in pages)
    n_with = Counter(
        (page.host, text)
        for page, (linked, _) in zip(pages, found, strict=True)
        for text in set(linked)
        if text
    )
    for page, (linked, listed) in zip(pages, found, strict=True):
        least = max(MENU_SHARE * n_pages[page.host], MIN_MENU_PAGES)
        of_menu = np.array([bool(text) and n_with[page.host, text] > least for text in linked], np.bool_)
        beside = np.zeros(len(linked) + 2, np.bool_)
        beside[:-2] |= of_menu
        beside[2:] |= of_menu
        of_menu |= beside[1:-1] & np.array([bool(text) for text in linked], np.bool_)
        page.labels[of_menu] = 0.0
        page.known = page.known & ~listed | of_menu


def link_blocks(page: FitPage) -> tuple[list[str], NDArray[np.bool_]]:
    """The text of each block that is a link off the page and nothing else, else ""; which are items of contents lists."""
    n = read_page(page.html, WORKSPACE)
    blocks, counts, elements = WORKSPACE.blocks, WORKSPACE.counts, WORKSPACE.elements
    linked = [text if link_density(blocks, counts, b) > 0.8 else "" for b, text in enumerate(page.texts)]
    items = [elements[blocks[b, B_ELEMENT], E_ITEM] for b in range(n)]
    listed = [item >= 0 and inner_density(blocks, counts, b) > 0.8 for b, item in enumerate(items)]
    return linked, np.array(listed, np.bool_)


def label_by_blocks(page: FitPage, want: list[list[str]], furniture: list[str]) -> None:
    """Label what matches a wanted element of its kind within the page's main stretch, and what lies outside of it."""
    n = read_page(page.html, WORKSPACE)
    wanted: dict[str, list[str]] = {}
    for kind, text in want:
        wanted.setdefault(KIND_OF.get(kind, "text"), []).append(bare(text))
    exact = {kind: set(texts) for kind, texts in wanted.items()}
    running = {kind: "\0".join(["", *texts, ""]) for kind, texts in wanted.items()}
    unwanted = set(map(bare, furniture))
    found = np.zeros(n, np.bool_)
    linked = np.zeros(n, np.bool_)
    for b, text in enumerate(page.texts):
        linked[b] = (
            link_density(WORKSPACE.blocks, WORKSPACE.counts, b)
            + inner_density(WORKSPACE.blocks, WORKSPACE.counts, b)
            > 0.8
        )
        kind = kind_of_block(b)
        if kind == "cell":
            cells = [bare(cell) for cell in text.replace("\n", " | ").split(" | ")]
            hits = [cell in exact.get("cell", ()) for cell in cells if cell]
            found[b] = bool(hits) and sum(hits) >= 0.5 * len(hits)
            kind = "cell" if found[b] else "text"
        stripped = bare(text)[:PREFIX]
        # code without `pre` is stated as a paragraph or definition
        for k in {"text": ("text", "cell"), "pre": ("pre", "text")}.get(kind, (kind,)):
            found[b] |= stripped in exact.get(k, ())
            found[b] |= bool(stripped) and f"\0{stripped}" in running.get(k, "")
            found[b] |= len(stripped) >= 12 and stripped in running.get(k, "")
    start, end = best_stretch(np.where(found, page.n_chars, -page.n_chars))
    inside = (np.arange(n) >= start) & (np.arange(n) < end)
    page.labels = (found & inside).astype(np.float64)
    said = np.array([bare(text) in unwanted for text in page.texts], np.bool_)
    page.known = found & inside | ~found & (~inside | said | linked)
    page.by_hand = np.zeros(n, np.bool_)


KIND_OF = {"h": "heading", "dt": "term", "pre": "pre", "td": "cell", "th": "cell"}
T_DT = TAG_NUMBERS["dt"]


def kind_of_block(b: int) -> str:
    """Which kind of element a block of the page last read is."""
    e = WORKSPACE.blocks[b, B_ELEMENT]
    item = WORKSPACE.elements[e, E_ITEM]
    if WORKSPACE.elements[e, E_LEVEL] > 0:
        return "heading"
    if WORKSPACE.blocks[b, B_PRE]:
        return "pre"
    if item >= 0 and WORKSPACE.elements[item, E_TAG] == T_DT:
        return "term"
    in_cell = WORKSPACE.elements[e, E_FLAGS] & IN_CELL
    return "cell" if WORKSPACE.blocks[b, B_CELLS] > 0 or in_cell else "text"


def best_stretch(gains: NDArray[np.int64]) -> tuple[int, int]:
    """The stretch of the greatest sum."""
    best, start, end, total, begin = 0, 0, 0, 0, 0
    for b, gain in enumerate(gains.tolist()):
        if total <= 0:
            total, begin = 0, b
        total += gain
        if total > best:
            best, start, end = total, begin, b + 1
    return start, end


def read_textbooks(paths: Sequence[Path], seed: int = 3) -> list[FitPage]:
    """Modules of textbooks, each in a made-up frame of documentation, for their own frames are all alike."""
    rng = random.Random(seed)
    pages = []
    for path in paths:
        for row in map(json.loads, read_content(path).decode().strip().split("\n")):
            found = re.search(r"<main>(.*)</main>", row["html"], re.DOTALL)
            if not found:
                continue
            made = Page(rng)
            before, main, after = rng.choice(DOCUMENTATION_FRAMES)
            names = {"tree": made.tree(), "here": made.here(), "title": made.title(), "name": made.name()}
            names |= {
                "date": made.date(),
                "note": made.sentence(),
                "before": made.title(1, 3),
                "after": made.title(1, 3),
            }
            name = main.split()[0]
            body = f"{before.format(**names)}<{main}><main>{found[1]}</main></{name}>{after.format(**names)}"
            page = read_fit_page(row["id"], f"textbook {path.name}", made.wrap(body, row["title"]))
            page.labels = np.array([float(is_in_main(b)) for b in range(len(page.texts))])
            page.html = np.frombuffer(
                page.html.tobytes().replace(b"<main>", b"").replace(b"</main>", b""), np.uint8
            )
            if read_page(page.html, WORKSPACE) != len(page.texts):
                continue
            page.by_hand = np.zeros(len(page.texts), np.bool_)
            page.weight = TEXTBOOK_WEIGHT
            pages.append(page)
    return pages


def is_in_main(b: int) -> bool:
    """Whether a block of the page last read lies in `main` itself, not in an element of its role."""
    e = WORKSPACE.blocks[b, B_ELEMENT]
    while e >= 0 and WORKSPACE.elements[e, E_TAG] != TAG_NUMBERS["main"]:
        e = WORKSPACE.elements[e, E_PARENT]
    return e >= 0 and not WORKSPACE.elements[e, E_N_TOKENS]


def made_up_pages(n: int, seed: int) -> list[FitPage]:
    """Pages of `kinds.py` with their labels; a kind counts as one host."""
    pages = []
    for i, (kind, html, golden) in enumerate(make_pages(n, seed)):
        page = read_fit_page(f"{kind}-{i}", f"made-up {kind}", html)
        long = [text for text in golden if len(text) > 12]
        page.labels = np.array([float(_is_golden(text, golden, long)) for text in page.texts])
        page.by_hand = np.zeros(len(page.texts), np.bool_)
        page.weight = MADE_UP_WEIGHT
        pages.append(page)
    return pages


def _is_golden(text: str, golden: set[str], long: list[str]) -> bool:
    cells = text.replace("\n", " | ").split(" | ")
    return text in golden or any(cell.strip() in golden for cell in cells) or any(g in text for g in long)


@njit
def _add_tokens(blocks, elements, tokens, labels, weights, good, total):
    for b in range(labels.size):
        e, share = blocks[b, B_ELEMENT], weights[b]
        for _ in range(6):
            for t in range(elements[e, E_TOKEN], elements[e, E_TOKEN] + elements[e, E_N_TOKENS]):
                good[tokens[t]] += share * labels[b]
                total[tokens[t]] += share
            e = elements[e, E_PARENT]
            share *= PATH_DECAY
            if e < 0:
                break


def count_tokens(page: FitPage) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Class words of a page's elements and the share of main text within each."""
    read_page(page.html, WORKSPACE)
    good, total = np.zeros(N_TOKEN_BUCKETS), np.zeros(N_TOKEN_BUCKETS)
    weights = np.sqrt(page.n_chars.astype(np.float64)) * page.known
    _add_tokens(WORKSPACE.blocks, WORKSPACE.elements, WORKSPACE.tokens, page.labels, weights, good, total)
    used = np.flatnonzero(total)
    return used, good[used] / total[used]


def make_table(counts: list[tuple[str, NDArray[np.int64], NDArray[np.float64]]]) -> NDArray[np.int16]:
    """Log-odds of main text by class word, every page counting once, drawn to the mean by one page.

    All pages of a host count as MAX_HOST_PAGES at most, and a word of one host alone says nothing.
    """
    good, total = np.zeros(N_TOKEN_BUCKETS), np.zeros(N_TOKEN_BUCKETS)
    n_hosts = np.zeros(N_TOKEN_BUCKETS, np.int64)
    hosts: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
    for host, used, share in counts:
        hosts.setdefault(host, []).append((used, share))
    for pages in hosts.values():
        own_good, own_total = np.zeros(N_TOKEN_BUCKETS), np.zeros(N_TOKEN_BUCKETS)
        for used, share in pages:
            own_good[used] += share
            own_total[used] += 1
        scale = np.minimum(1.0, MAX_HOST_PAGES / np.maximum(own_total, 1.0))
        good += own_good * scale
        total += own_total * scale
        n_hosts += own_total > 0
    prior = good.sum() / total.sum()
    odds = np.log((good + prior) / (total - good + 1 - prior)) - math.log(prior / (1 - prior))
    odds[(n_hosts < 2) | (np.abs(odds) < 0.02)] = 0
    return np.clip(np.round(odds * TOKEN_SCALE), -1280, 1280).astype(np.int16)


def features_of(page: FitPage, table: NDArray[np.int16]) -> NDArray[np.float32]:
    """The page's features with a table of class words."""
    n = read_page(page.html, WORKSPACE)
    describe_page(WORKSPACE, table)
    return WORKSPACE.features[:n].copy()


def fold_of(host: str, n_folds: int) -> int:
    """A host's fold, the same on every machine."""
    return int(hashlib.md5(host.encode(), usedforsecurity=False).hexdigest(), 16) % n_folds


def fit_selector(pages: list[FitPage]) -> Selector:
    """Fit the table of class words (cross-fitted for the trees' sake) and the trees."""
    counts = [(page.host, *count_tokens(page)) for page in pages]
    folds = [fold_of("table " + page.host, N_TABLE_FOLDS) for page in pages]
    tables = [
        make_table([c for c, f in zip(counts, folds, strict=True) if f != fold])
        for fold in range(N_TABLE_FOLDS)
    ]
    no_words = np.zeros(N_TOKEN_BUCKETS, np.int16)
    columns = [
        features_of(page, tables[fold] if fold_of(f"words {page.name}", NAMELESS) else no_words)
        for page, fold in zip(pages, folds, strict=True)
    ]
    x = np.concatenate(columns)
    y = np.concatenate([page.labels for page in pages])
    w = np.concatenate([weights_of(page) for page in pages])
    x, y, w = x[w > 0], y[w > 0], w[w > 0]
    # A label between 0 and 1 counts as both, in proportion.
    unsure = (y > 0.05) & (y < 0.95)
    x = np.concatenate([x, x[unsure]])
    target = np.concatenate([np.where(unsure, 1, y >= 0.5), np.zeros(unsure.sum())])
    weight = np.concatenate([np.where(unsure, w * y, w), (w * (1 - y))[unsure]])
    with threadpool_limits(
        1
    ):  # threads that wait for each other cost more than they gain on a machine in use
        model = HistGradientBoostingClassifier(**TREES).fit(x, target, sample_weight=weight)
    return export_trees(model, make_table(counts))


def weights_of(page: FitPage) -> NDArray[np.float64]:
    """Long blocks count more, those with a hand-made label much more, and those of a short main text up to twice.

    What is judged is a mean over pages, in which a block of a short page weighs more than one of a long page.
    """
    by_length = np.minimum(np.sqrt(page.n_chars) / 6, 4) + 0.3
    n_main_chars = float((page.labels * page.n_chars).sum())
    by_page = min(max(math.sqrt(4000 / (n_main_chars + 500)), 0.5), 2.0)
    weights = (by_length + HAND_WEIGHT * page.by_hand) * page.weight * by_page * page.known
    return weights * min(1.0, MAX_PAGE_WEIGHT / max(weights.sum(), 1.0))


def choose(page: FitPage, selector: Selector, threshold: float) -> str:
    """The text that a selector gives for a page, blocks on lines of their own."""
    n = read_page(page.html, WORKSPACE)
    top = describe_page(WORKSPACE, selector.table)
    score_blocks(WORKSPACE.features, n, selector, WORKSPACE.row, WORKSPACE.scores)
    keep = np.zeros(n, np.uint8)
    choose_blocks(n, top, threshold, WORKSPACE, keep)
    return "\n".join(text for text, kept in zip(page.texts, keep, strict=True) if kept)


def score_snippets(case: dict[str, Any], text: str) -> NDArray[np.int64]:
    """(must-haves found, must-haves missed, must-nots found, must-nots absent)."""
    text = squeeze(text)
    found = sum(squeeze(s) in text for s in case.get("with", []))
    wrong = sum(squeeze(s) in text for s in case.get("without", []))
    return np.array([found, len(case.get("with", [])) - found, wrong, len(case.get("without", [])) - wrong])


def summarise(counts: NDArray[np.int64]) -> dict[str, float]:
    """Precision, recall and F1 of snippets."""
    precision = counts[0] / max(counts[0] + counts[2], 1)
    recall = counts[0] / max(counts[0] + counts[1], 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def read_schooling(lessons: Path | None, textbooks: Path | None) -> tuple[list[FitPage], list[FitPage]]:
    """The pages of documentation and of textbooks in two folders, none where a folder is not named."""
    pages = read_lessons(lessons / "docs.jsonl.gz", lessons / "docs.blocks.jsonl.gz") if lessons else []
    books = [textbooks / f"{name}.html.jsonl.gz" for name in TEXTBOOKS] if textbooks else []
    return pages, read_textbooks(books)


def fit_folds(
    pages: list[FitPage],
    lessons: list[FitPage] = [],  # noqa: B006 - never written to
    textbooks: list[FitPage] = [],  # noqa: B006
    n_folds: int = N_FOLDS,
) -> list[Selector]:
    """One selector a fold, fitted without the fold's hosts, projects of documentation among them."""
    always = textbooks + made_up_pages(MADE_UP_PAGES, seed=1)
    return [
        fit_selector([page for page in pages + lessons if fold_of(page.host, n_folds) != fold] + always)
        for fold in range(n_folds)
    ]


def evaluate(pages: list[FitPage], lessons: list[FitPage], textbooks: list[FitPage]) -> dict[str, Any]:
    """Snippet scores of every page by the selector that has not seen its host, at the settings' thresholds.

    `silver_f1` is the mean over pages of the F1 of four-word shingles against trafilatura's default text.
    """
    selectors = fit_folds(pages, lessons, textbooks)
    report: dict[str, Any] = {"pages": len(pages), "hosts": len({page.host for page in pages})}
    for focus, threshold in THRESHOLDS.items():
        total, agreement = np.zeros(4, np.int64), []
        for page in pages:
            text = choose(page, selectors[fold_of(page.host, N_FOLDS)], threshold)
            total += score_snippets(page.case, text)
            agreement.append(shingle_f1(shingles(text), shingles(page.silver)))
        report[focus] = summarise(total) | {
            "threshold": threshold,
            "silver_f1": round(float(np.mean(agreement)), 4),
        }
    return report


def shingle_f1(found: set[tuple[str, ...]], wanted: set[tuple[str, ...]]) -> float:
    """1 where both are empty."""
    if not found and not wanted:
        return 1.0
    return 2 * len(found & wanted) / (len(found) + len(wanted))


def main() -> None:
    """Parse arguments; fit or evaluate."""
    parser = argparse.ArgumentParser(description="Fit or evaluate the block selector.")
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--snippets", type=Path)
    parser.add_argument(
        "--corrections",
        type=Path,
        default=CORRECTIONS,
        help="labels by hand: file, main, boilerplate (digests)",
    )
    parser.add_argument("--lessons", type=Path, help="folder of docs.jsonl.gz and docs.blocks.jsonl.gz")
    parser.add_argument("--textbooks", type=Path, help="folder of the textbooks' *.html.jsonl.gz")
    parser.add_argument("--cache", type=Path, required=True, help="JSON file of trafilatura's texts")
    parser.add_argument("--out", type=Path, help="where to write the fitted selector")
    parser.add_argument("--evaluate", action="store_true", help="cross-validate by host and print JSON")
    settings = parser.parse_args()
    pages = read_real_pages(settings.pages, settings.snippets, settings.cache, settings.corrections)
    lessons, textbooks = read_schooling(settings.lessons, settings.textbooks)
    if settings.evaluate:
        print(json.dumps(evaluate(pages, lessons, textbooks), indent=1))
    if settings.out:
        every = pages + lessons + textbooks + made_up_pages(MADE_UP_PAGES, seed=1)
        save_selector(fit_selector(every), settings.out)


if __name__ == "__main__":
    main()
