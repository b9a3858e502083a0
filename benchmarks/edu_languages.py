"""An educational score for other languages from features that know no words: is it good enough to ship?

Pages in German, French, Spanish, Russian and Chinese (`edu_levels.tsv`: ids and levels from 0 to 5 by one reader, by the rubric of
`edu_second_annotator`, from the first 1,600 characters, 800 in Chinese). They are web pages of `html/pages` and pages of Debian's
documentation packages, translations and manuals of KDE's programs for schools. Packages are fetched with `apt-get download` into a
cache, or read from the folder that CURATE_EDU_PAGES names, with a folder for each; nothing of them is kept here.

`shape` and `lines` (characters, punctuation, kinds of lines) are fitted on English lessons and web pages, and on these with the levels of
the four other languages; each language is judged by what saw none of it. In German and French, where there are 150 pages and more, fits of
the language's own words stand beside, out of fold: no page of a package or site is judged by what saw another.

`python -m benchmarks edu_languages`
"""

from __future__ import annotations

import csv
import gzip
import html
import logging
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr

from benchmarks.harness import DATA, read_jsonl
from curate.extract import extract_pages
from curate.fit import fit_classifier
from curate.fit.metrics import average_precision

CACHE = Path(os.environ.get("CURATE_EDU_PAGES", Path.home() / ".cache" / "curate" / "edu-pages"))
STRUCTURE = ("shape+lines:kernel",)
OWN_WORDS = ("own_tfidf+shape+lines:ridge",)
POSITIVE, N_RESAMPLES = 3, 500
MIN_OWN_PAGES = 150
_ENTITIES = re.compile(r"&(?!amp;|lt;|gt;|quot;|apos;|#)([a-zA-Z]+)[a-zA-Z.-]*;")


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    logging.disable(logging.INFO)
    labels = _read_labels()
    english = _read_lessons()
    web = [{**row, "site": row["id"]} for row in read_jsonl(DATA / "annotations" / "edu_train.jsonl.gz")]
    rows: list[dict[str, Any]] = []
    alone = _fit([*english, *web], STRUCTURE)
    for code, pages in labels.items():
        others = [page for other, theirs in labels.items() if other != code for page in theirs]
        row: dict[str, Any] = {
            "language": code,
            "pages": len(pages),
            "at_3_or_above": sum(page["edu_level"] >= POSITIVE for page in pages),
            "english": _judge(pages, alone),
            "english_and_others": _judge(pages, _fit([*english, *web, *others], STRUCTURE)),
            "length": _figures(pages, np.array([len(page["text"]) for page in pages], float)),
        }
        if len(pages) >= MIN_OWN_PAGES:
            for name, members in (("own_structure", STRUCTURE), ("own_words", OWN_WORDS)):
                with tempfile.TemporaryDirectory() as folder:
                    fit = fit_classifier(
                        pages, Path(folder) / "mine", members=members, positive=POSITIVE, n_resamples=2, progress=False
                    )  # fmt: skip
                row[name] = _figures(pages, fit.levels)
        rows.append(row)
        print(row, flush=True)
    return {"rows": rows, "english_pages": len(english) + len(web), "resamples": N_RESAMPLES}


def _fit(pages: list[dict[str, Any]], members: tuple[str, ...]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return fit_classifier(
            [{key: page[key] for key in ("text", "edu_level", "site")} for page in pages],
            Path(folder) / "mine", members=members, positive=POSITIVE, n_resamples=2, progress=False,
        ).scorer  # fmt: skip


def _judge(pages: list[dict[str, Any]], scorer: Any) -> dict[str, Any]:
    texts = pa.array([page["text"] for page in pages], pa.large_string())
    return _figures(pages, scorer.score_levels(texts)[0].astype(float))


def _figures(pages: list[dict[str, Any]], scores: np.ndarray) -> dict[str, Any]:
    levels = np.array([page["edu_level"] for page in pages], float)
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(levels), len(levels)) for _ in range(N_RESAMPLES)]
    measures = {
        "average_precision": lambda at: average_precision(
            scores[at], levels[at] >= POSITIVE, np.ones(len(at))
        ),
        "spearman": lambda at: float(spearmanr(scores[at], levels[at]).statistic),
    }
    found: dict[str, Any] = {}
    for name, measure in measures.items():
        low, high = np.nanquantile(
            [measure(at) for at in draws if (levels[at] >= POSITIVE).any()], (0.025, 0.975)
        )
        value = measure(np.arange(len(levels)))
        found[name] = {
            "value": round(float(value), 3),
            "low": round(float(low), 3),
            "high": round(float(high), 3),
        }
    return found


def _read_labels() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    with Path(__file__).with_name("edu_levels.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            package = row["id"].partition("/")[0]
            page = {
                "text": _read_page(row["id"]),
                "edu_level": int(row["edu_level"]),
                "site": row["id"]
                if package == "html"
                else re.sub("^debian-(faq|reference)", "debian", package),
            }
            found.setdefault(row["language"], []).append(page)
    return found


def _read_page(name: str) -> str:
    package, _, inside = name.partition("/")
    if package == "html":
        return _extract(gzip.decompress((DATA / "html" / "pages" / inside).read_bytes()))
    path, _, section = name.partition("#")
    content = (_fetch(package) / path.partition("/")[2]).read_bytes()
    return _read_section(content.decode("utf-8", "replace"), int(section)) if section else _extract(content)


@cache
def _fetch(package: str) -> Path:
    folder = CACHE / package
    if not folder.is_dir():
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as download:
            subprocess.run(["apt-get", "download", package], cwd=download, check=True)
            (archive,) = Path(download).glob("*.deb")
            subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    return folder


def _extract(content: bytes) -> str:
    return extract_pages(pa.array([content], pa.binary()), pa.array([None], pa.string()))["text"][0].as_py()


def _read_section(docbook: str, number: int) -> str:
    """The text of a chapter or section of a DocBook file up to the next one, a paragraph for each block."""
    docbook = re.sub(r"<!--.*?-->|<!DOCTYPE.*?\]>", "", docbook, flags=re.DOTALL)
    part = re.split(r"(?=<(?:sect[12]|chapter)\b)", docbook)[number + 1]
    part = re.sub(r"<(?:para|title|term|listitem|entry|row|programlisting|screen)\b[^>]*>", "\n", part)
    part = html.unescape(_ENTITIES.sub(lambda match: match[1].capitalize(), re.sub(r"<[^>]+>", "", part)))
    lines = (" ".join(line.split()) for line in part.split("\n"))
    return "\n\n".join(line for line in lines if line)


def _read_lessons() -> list[dict[str, Any]]:
    """English pages of lessons/, each once, with the first reader's level."""
    texts: dict[str, tuple[str, str]] = {}
    for row in read_jsonl(DATA / "lessons" / "docs.jsonl.gz"):
        texts[row["id"]] = _extract(row["html"].encode()) or "", row["source"]
    for row in read_jsonl(DATA / "lessons" / "web.jsonl.gz"):
        texts[row["id"]] = row["text"], row["url"]
    found: dict[str, dict[str, Any]] = {}
    with (DATA / "lessons" / "levels.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            text, site = texts.get(row["id"], ("", ""))
            if text.strip():
                page = {"text": text, "edu_level": int(row["edu_level"]), "site": site}
                found.setdefault(row["id"], page)
    return list(found.values())
