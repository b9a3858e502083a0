"""Fit the kinds of lines (`curate.signals.kinds`) and measure them on lines of projects that were held out.

    python classifiers/lines/recipe.py --data FOLDER --more LINES --evaluate
    python classifiers/lines/recipe.py --data FOLDER --more LINES --out classifiers/lines/kinds.safetensors

FOLDER holds `lines/kinds.jsonl.gz` (lines with their kind, by a reader), `lessons/docs.jsonl.gz` (HTML pages of
documentation) and `textbooks/*.html.jsonl.gz`. LINES is a file of further lines (JSON lines: `block`, `line`, `kind` and
`project`, a package, a host or a book), in the order in which they stand on their pages. Beside them, at a tenth of their
weight, stand lines of the HTML pages whose kind their own mark-up says (headings, items, program text, rows of tables), as
the extractor marks it. A project is in one fold, with the lines of all sorts.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold

from curate.extract import extract_pages
from curate.signals.kinds import KINDS, N_HIDDEN, Network
from curate.signals.line_features import FEATURES, N_FEATURES, N_LISTS, load_tables, measure_line
from curate.text.kernel import kernel

MARKED_WEIGHT = 0.1
LINES_OF_PAGE = 45
EPOCHS, BATCH, RATE, DECAY, DROPOUT = 24, 256, 9e-3, 1e-3, 0.2
FITTED_BOOKS = ("economics", "chemistry", "contemporary-mathematics")  # CC BY
SEED = 0
_SAME = {"reference": "meta"}

Line = tuple[str, str, str, str]  # project, block, text, kind; "?" where the mark-up does not say


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--more", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--evaluate", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    read, marked = read_lines(options.data), marked_lines(options.data)
    if options.more:
        read += more_lines(options.more)
    if options.evaluate:
        evaluate(read, marked)
    if options.out:
        save_network(fit(read, marked), options.out)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read_lines(data: Path) -> list[Line]:
    """A reader's lines, in their order; the project is a package, a host or a book."""
    project = {row["id"]: row["source"].split("/")[0] for row in read_jsonl(data / "lessons/docs.jsonl.gz")}
    project |= {row["id"]: row["url"].split("/")[2] for row in read_jsonl(data / "lessons/web.jsonl.gz")}
    found: list[Line] = []
    for row in read_jsonl(data / "lines/kinds.jsonl.gz"):
        page = row["page"]
        of = project.get(page, page[:3] if page.startswith("m") else page)
        if row["line"].strip():
            kind: str = row["kind"]
            found.append((of, row["block"], row["line"], _SAME.get(kind, kind)))
    return found


def more_lines(path: Path) -> list[Line]:
    """A file of further lines that readers read."""
    found: list[Line] = []
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            kind: str = row["kind"]
            if row["line"].strip():
                found.append((row["project"], row["block"], row["line"], _SAME.get(kind, kind)))
    return found


def marked_lines(data: Path) -> list[Line]:
    """Lines of HTML pages with the kind that their mark-up says, a stretch of each page."""
    chance = random.Random(SEED)
    sources = [(row["source"].split("/")[0], row) for row in read_jsonl(data / "lessons/docs.jsonl.gz")]
    for book in FITTED_BOOKS:
        sources += [(row["id"][:3], row) for row in read_jsonl(data / f"textbooks/{book}.html.jsonl.gz")]
    texts = extract_pages(pa.array([row["html"].encode() for _, row in sources]), text_format="markdown")[
        "text"
    ]
    found: list[Line] = []
    for (project, row), text in zip(sources, texts.to_pylist(), strict=True):
        lines = list(_kinds_of_markdown(text or "", chance))
        first = chance.randrange(max(len(lines) - LINES_OF_PAGE, 0) + 1)
        found += [(project, row["id"], line, kind) for line, kind in lines[first : first + LINES_OF_PAGE]]
    return found


def _kinds_of_markdown(text: str, chance: random.Random) -> list[tuple[str, str]]:
    """Lines without their marks, and the kind that the marks say; lists and tables as several renderers write them."""
    found: list[tuple[str, str]] = []
    in_program = False
    for line in text.split("\n"):
        bare = line.strip()
        if bare.startswith("```"):
            in_program = not in_program
        elif not bare:
            continue
        elif in_program:
            found.append((line, "program"))
        elif re.match(r"#{1,6} ", bare):
            found.append((re.sub(r"^#+ ", "", bare), "heading"))
        elif re.match(r"[-*] ", bare):
            mark = chance.choice(["- ", "- ", "• ", "• ", "* ", ""])
            found.append((chance.choice(["", "", "  "]) + mark + bare[2:], "list"))
        elif re.match(r"\d+[.)] ", bare):
            found.append((line, "list"))
        elif " | " in bare:
            if not re.fullmatch(r"[|\s:-]+", bare):
                cells = [cell.strip() for cell in bare.strip("|").split("|")]
                way = chance.random()
                rows = ["\t\t".join(cells)] if way < 0.4 else [" | ".join(cells)] if way < 0.8 else cells
                found += [(cell, "table") for cell in rows if cell.strip()]
        else:
            found.append((line.removeprefix("> "), _kind_of_block(bare)))
    return found


def _kind_of_block(text: str) -> str:
    """What a block without marks is: prose where it ends as a sentence does, a formula where hardly a word is in it."""
    words = text.split()
    if (len(words) >= 8 and re.search(r"[.?!:][\"”’)]?$", text)) or len(text) >= 200:
        return "prose"
    n_words = sum(bool(re.fullmatch(r"[A-Za-z]{4,}[,.;:]?", word)) for word in words)
    return "formula" if re.search(r"[=≤≥<>≈⟶→⇌×∫∑√±]", text) and n_words <= 1 and len(text) >= 4 else "?"


@kernel
def _measure(data, starts, firsts, ends, tables, in_lists, rows):
    for i in range(len(starts)):
        measure_line(data, starts[i], firsts[i], ends[i], tables, in_lists, rows[i])


def features_of(lines: list[Line]) -> NDArray[np.float32]:
    """Features of a line, of the line before and of the line after, zero where a block ends."""
    encoded = [line[2].encode() for line in lines]
    data = np.frombuffer(b"".join(encoded) + b" " * 16, np.uint8)
    ends = np.cumsum([len(line) for line in encoded])
    starts = ends - [len(line) for line in encoded]
    firsts = starts + [len(line) - len(line.lstrip(b" \t\r\v\f")) for line in encoded]
    lasts = ends - [len(line) - len(line.rstrip(b" \t\r\v\f")) for line in encoded]
    own = np.zeros((len(lines), N_FEATURES), np.float32)
    _measure(data, starts, firsts, lasts, load_tables(), np.zeros(N_LISTS + 1, np.int64), own)
    same = np.array([a[1] == b[1] for a, b in itertools.pairwise(lines)])
    before, after = np.zeros_like(own), np.zeros_like(own)
    before[1:][same], after[:-1][same] = own[:-1][same], own[1:][same]
    return np.hstack([own, before, after])


def train(
    features: NDArray[np.float32], kinds: NDArray[np.int64], weights: NDArray[np.float32], seed: int
) -> Any:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(
        torch.nn.Dropout(DROPOUT),
        torch.nn.Linear(features.shape[1], N_HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Dropout(DROPOUT),
        torch.nn.Linear(N_HIDDEN, len(KINDS)),
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    n = len(features)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=EPOCHS * (n // BATCH + 1))
    x, y, w = torch.tensor(features), torch.tensor(kinds), torch.tensor(weights)
    for _ in range(EPOCHS):
        order = torch.randperm(n)
        for first in range(0, n, BATCH):
            rows = order[first : first + BATCH]
            optimiser.zero_grad()
            losses = torch.nn.functional.cross_entropy(
                model(x[rows]), y[rows], reduction="none", label_smoothing=0.03
            )
            (losses * w[rows]).mean().backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def fit(read: list[Line], marked: list[Line]) -> Network:
    """Fit on every line and lay the weights out for the kernel."""
    model = train(*_join(read, marked, features_of(read), features_of(marked)), SEED)
    first, second = model[1], model[4]
    weights = first.weight.detach().numpy().T.reshape(3, N_FEATURES, N_HIDDEN)  # own, before, after
    own = weights[0].copy()
    own[0] += first.bias.detach().numpy()  # feature 0 is 1 on every line
    inner = np.concatenate([weights[1], own, weights[2]], axis=1)
    outer = np.vstack([second.weight.detach().numpy().T, second.bias.detach().numpy()])
    return Network(np.ascontiguousarray(inner, np.float32), np.ascontiguousarray(outer, np.float32))


def _join(
    read: list[Line], marked: list[Line], of_read: NDArray[np.float32], of_marked: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    known = np.array([line[3] != "?" for line in marked], bool)
    kinds = [KINDS.index(line[3]) for line in [*read, *(m for m in marked if m[3] != "?")]]
    weights = np.ones(len(kinds), np.float32)
    weights[len(read) :] = MARKED_WEIGHT
    return np.vstack([of_read, of_marked[known]]), np.array(kinds), weights


def evaluate(read: list[Line], marked: list[Line], n_folds: int = 5) -> None:
    """Print F1 on a reader's lines of projects that the fit has not seen."""
    of_read, of_marked = features_of(read), features_of(marked)
    projects = np.array([line[0] for line in read])
    kinds = np.array([KINDS.index(line[3]) for line in read])
    found = np.zeros((len(read), len(KINDS)))
    for rows, held in GroupKFold(n_folds).split(of_read, kinds, projects):
        others = [i for i, line in enumerate(marked) if line[0] not in set(projects[held])]
        joined = _join([read[i] for i in rows], [marked[i] for i in others], of_read[rows], of_marked[others])
        outputs = train(*joined, SEED)(torch.tensor(of_read[held]))
        found[held] = torch.softmax(outputs, 1).detach().numpy()
    told = found.argmax(1)
    for number, kind in enumerate(KINDS):
        print(f"{kind:<10} {f1_score(kinds, told, labels=[number], average='macro'):.2f}")
    four = kinds < 4
    print(
        f"macro F1 of the first four, over all lines: {f1_score(kinds, told, labels=range(4), average='macro'):.3f}"
    )
    over = f1_score(kinds[four], told[four], labels=range(4), average="macro")
    print(f"over the lines of these four: {over:.3f}")
    over = f1_score(kinds[four], found[four, :4].argmax(1), average="macro")
    print(f"over the lines of these four, told among the four alone: {over:.3f}")


def save_network(network: Network, path: Path) -> None:
    """Write the weights as safetensors, with the names of what they were fitted on."""
    save_file(
        dict(network._asdict()),
        str(path),
        metadata={"features": " ".join(FEATURES), "kinds": " ".join(KINDS)},
    )
    path.chmod(0o644)


if __name__ == "__main__":
    main()
