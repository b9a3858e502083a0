"""The screen for adult pages, on pages written for this project: `tests/rules/adult_labelled.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from curate.rules.adult import load_terms, strong_terms
from curate.run.adult import find_adult
from curate.text.normalise import comparable
from curate.text.words import hash_words

PAGES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "rules" / "adult_labelled.jsonl").read_text("utf-8").splitlines()
]


def find(pages):
    urls, titles, texts, languages = (
        pa.array([page[name] for page in pages]) for name in ("url", "title", "text", "language")
    )
    return find_adult(urls, titles, texts.take, languages, hash_words(comparable(texts))).to_pylist()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page["title"])
def test_adult_pages_go_and_medicine_law_art_and_lessons_stay(page):
    (reason,) = find([page])
    assert (reason is not None) == page["adult"], reason


def test_a_page_is_judged_alone():
    together = find(PAGES)
    assert together == [find([page])[0] for page in PAGES]


def test_null_addresses_titles_and_languages_and_empty_texts_are_no_evidence():
    nothing = {"url": None, "title": None, "text": "", "language": None}
    assert find([nothing]) == [None]
    assert find([nothing | {"url": "https://porn.example", "title": "milf"}]) == [None]


def test_no_term_is_in_two_classes_or_twice():
    terms = [term for kind in ("strong", "weak") for term in load_terms()[kind]]
    assert len(terms) == len(set(terms))
    assert strong_terms([0]) == [load_terms()["strong"][0]]


def test_a_run_names_the_reason_and_keeps_them_where_that_is_asked_for(tmp_path):
    crawl = tmp_path / "crawl.parquet"
    texts = [f"{page['text']} Page {i}." for i, page in enumerate(PAGES)]
    pq.write_table(
        pa.table({"text": texts} | {name: [page[name] for page in PAGES] for name in ("url", "title")}), crawl
    )
    settings = {"rules": [], "scorer": "none", "language": "any", "workers": 1, "progress": False}
    funnel = curate.filter_crawl(str(crawl), tmp_path / "out", **settings)
    n_adult = sum(page["adult"] for page in PAGES)
    assert funnel.dropped["rules", "adult"].n_documents == n_adult
    row = pq.read_table(tmp_path / "out" / "dropped").to_pylist()[0]
    assert row["drop_detail"].startswith("terms ")
    kept = curate.filter_crawl(str(crawl), tmp_path / "all", allow_adult=True, **settings)
    assert kept.kept.n_documents == len(PAGES)
