"""`--dedup-lines`: what recurs across a site goes before a page is judged, and each row says how much."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.dedup import lines as module
from curate.dedup.lines import (
    MOST_SHARE,
    Recurring,
    count_lines,
    distinct_lines,
    hash_lines,
    hash_sites,
    hash_texts,
    remove_lines,
)
from curate.results.explain import explain

NOTICE = "We and our partners store cookies on your device to measure what you read here."
LICENCE = "This text may be copied under the terms of a licence that is named at the end."
TOPICS = ["glacier", "violin", "harbour", "enzyme", "comet", "orchard", "turbine", "saddle", "canvas", "pepper", "meadow", "lantern"]  # fmt: skip


def plain_key(line: str) -> str | None:
    """The twin of the kernel's view of a line."""
    kept = [b + 32 if 65 <= b <= 90 else b for b in line.encode()]
    kept = [b for b in kept if 97 <= b <= 122 or b >= 128 or 48 <= b <= 57]
    n_letters = sum(not 48 <= b <= 57 for b in kept)
    return bytes(kept).hex() if n_letters >= 5 else None


def plain_recurring(texts, sites, on_site, n_sites):
    """Lines that recur, by a plain count: ((site, line) pairs, lines)."""
    seen, owners = set(), defaultdict(Counter)
    for text, site in zip(texts, sites, strict=True):
        if text is None or (site, text) in seen:
            continue
        seen.add((site, text))
        for key in {plain_key(line) for line in text.split("\n")} - {None}:
            owners[key][site] += 1
    pairs = {(site, key) for key, counts in owners.items() for site, n in counts.items() if n >= on_site}
    return pairs, {key for key, counts in owners.items() if len(counts) >= n_sites}


def plain_remove(text, goes):
    lines = text.split("\n")
    ended = text.endswith("\n")
    lost = sum(len(line.encode()) + 1 for line in lines if goes(line))
    lost -= not ended and goes(lines[-1])
    if not lost or lost > MOST_SHARE * len(text.encode()):
        return text
    out, went = [], False
    for line in lines[:-1] if ended else lines:
        if goes(line):
            went = True
        elif line or not (went or not out) or (out and out[-1]):
            out.append(line)
            went = went and not line
    return "\n".join(out).rstrip("\n")


words = st.lists(st.sampled_from(["menu", "Menu!", "é", "12", "cookies", "", " "]), max_size=3).map(" ".join)
some_texts = st.lists(st.one_of(st.none(), st.lists(words, max_size=6).map("\n".join)), max_size=8)


@settings(max_examples=150)
@given(some_texts, st.integers(2, 3), st.integers(2, 3), st.integers(1, 3))
def test_kernels_and_counts_are_those_of_plain_loops(texts, on_site, n_sites, n_ranges):
    array = pa.array(texts, pa.string())
    sites = np.array([1 + n % 3 for n in range(len(texts))], np.uint64)
    lines = hash_lines(array, 5)
    half = len(texts) // 2
    shards = []
    for part in (slice(0, half), slice(half, None)):
        some = array[part]
        shards.append((sites[part], hash_texts(some), *distinct_lines(hash_lines(some, 5))))
    recurring = count_lines(lambda: shards, on_site=on_site, sites=n_sites, n_ranges=n_ranges)
    pairs, everywhere = plain_recurring(texts, sites.tolist(), on_site, n_sites)
    assert (len(recurring.on_site), len(recurring.everywhere)) == (len(pairs), len(everywhere))
    cleaned, counts = remove_lines(array, lines, recurring.find(lines, sites))
    for text, site, found in zip(texts, sites.tolist(), cleaned.to_pylist(), strict=True):

        def goes(line, site=site):
            return (site, plain_key(line)) in pairs or plain_key(line) in everywhere

        assert found == (None if text is None else plain_remove(text, goes))
    assert counts.sum() == sum(
        (a or "").count("\n") >= 0 and a != b and sum(
            1 for line in a.split("\n") if (s, plain_key(line)) in pairs or plain_key(line) in everywhere
        )
        for a, b, s in zip(texts, cleaned.to_pylist(), sites.tolist(), strict=True)
    )  # fmt: skip


def test_a_document_without_an_address_is_a_site_of_its_own_and_copies_count_once():
    texts = pa.array(["one text", "one text", "another"])
    sites = hash_sites(pa.array([None, "", "http://"]), texts)
    assert sites[0] == sites[1] != sites[2]
    assert (
        len(
            {
                *hash_sites(
                    pa.array(["http://www.a.org/1", "https://A.org:80/2", "http://b.org"]), texts
                ).tolist()
            }
        )
        == 2
    )


def test_a_document_that_is_a_copy_stays_whole():
    text = f"{LICENCE}\nA line of its own."
    lines = hash_lines(pa.array([text]))
    everywhere = Recurring(np.zeros(0, np.uint64), np.sort(lines.hashes[lines.hashes != 0]))
    cleaned, counts = remove_lines(pa.array([text]), lines, everywhere.find(lines, np.ones(1, np.uint64)))
    assert cleaned.to_pylist() == [text]
    assert counts.sum() == 0


def page(n: int) -> dict[str, str]:
    topic = TOPICS[n]
    body = "\n\n".join(
        f"The {topic} of part {k} is what most people think of when they hear the word {topic} in a story, and it is the "
        f"{['first', 'second', 'third', 'last'][k]} one that we will describe to them with care and in full."
        for k in range(4)
    )
    return {
        "id": f"page-{n}",
        "url": f"https://www.site.example/{topic}",
        "text": f"{NOTICE}\n\n{body}\n\n{LICENCE}",
    }


@pytest.fixture(scope="module")
def crawl(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crawl")
    rows = [page(n) for n in range(12)]
    rows.append(
        {
            "id": "other",
            "url": "https://other.example/",
            "text": rows[0]["text"].replace(NOTICE, NOTICE.upper()),
        }
    )
    rows += [rows[3] | {"id": f"copy-{n}", "url": f"https://copies.example/{n}"} for n in range(12)]
    for part in range(3):
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[part::3]))
    return folder


def run(crawl, output, **settings):
    given = {
        "scorer": "none",
        "rules": ["gopher"],
        "dedup_lines": True,
        "workers": 1,
        "progress": False,
        "dedup": "none",
    }
    return curate.filter_crawl(crawl, output, **(given | settings))


NAMES = ["id", "text", "recurring_on_site", "recurring_everywhere", "n_chars_recurring"]


def rows_of(output, names=NAMES):
    tables = [
        pq.read_table(path) for kind in ("kept", "dropped") for path in sorted((output / kind).iterdir())
    ]
    return {row["id"]: row for table in tables for row in table.select(names).to_pylist()}


def test_a_sites_notices_go_and_each_row_says_so(crawl, tmp_path):
    funnel = run(crawl, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert funnel.read.n_documents == 25
    for n in range(12):
        row = rows[f"page-{n}"]
        assert row["text"] == page(n)["text"].removeprefix(f"{NOTICE}\n\n").removesuffix(f"\n\n{LICENCE}")
        assert row["recurring_on_site"] == 2
        assert row["n_chars_recurring"] == len(page(n)["text"]) - len(row["text"])
    assert NOTICE.upper() in rows["other"]["text"]  # one page of another site
    assert all(NOTICE in rows[f"copy-{n}"]["text"] for n in range(12))  # one text, twelve times
    assert funnel.lines_removed == {"recurring_on_site": 24}
    assert funnel.n_chars_removed == sum(row["n_chars_recurring"] for row in rows.values())
    (story,) = explain(tmp_path / "out", "page-1")
    assert story.lines_removed == {"recurring_on_site": 2}


def test_lines_of_many_sites_go_everywhere(crawl, tmp_path):
    run(crawl, tmp_path / "out", line_documents=100, line_sites=2)
    rows = rows_of(tmp_path / "out")
    assert NOTICE not in rows["page-1"]["text"]
    assert rows["page-1"]["recurring_everywhere"] == 2
    assert (
        rows["other"]["recurring_everywhere"] == 0
    )  # all of it stands on another site: it is a copy, and stays whole


def test_workers_chunks_and_a_stop_change_no_byte(crawl, tmp_path, monkeypatch):
    """Of lines, and of the passages that an earlier document has."""
    quoted = "A sentence that page nine took from page eight, of all the pages there are, and from no other."
    crawl = Path(shutil.copytree(crawl, tmp_path / "crawl"))
    for n in (8, 9):
        own = " ".join(f"The {TOPICS[n]} of number {k * n} is the one that we saw." for k in range(20))
        row = {"id": f"quote-{n}", "text": f"{own} {quoted} {TOPICS[n]}"}
        (crawl / f"z{n}.jsonl").write_text(json.dumps(row))
    both = {"dedup_substrings": 60}
    run(crawl, tmp_path / "whole", **both)
    funnel = run(crawl, tmp_path / "one", chunk_bytes=2000, **both)
    names = ["id", "text", "repeated_passages", "n_chars_repeated", "n_chars_recurring"]
    one, whole = (rows_of(tmp_path / name, names) for name in ("one", "whole"))
    assert one == whole
    assert quoted in one["quote-8"]["text"]
    assert quoted not in one["quote-9"]["text"]
    assert one["quote-9"]["text"].endswith(TOPICS[9])
    assert (
        funnel.lines_removed["repeated_passages"] == sum(row["repeated_passages"] for row in one.values()) > 0
    )
    assert funnel.n_chars_removed == sum(
        row["n_chars_repeated"] + row["n_chars_recurring"] for row in one.values()
    )
    run(crawl, tmp_path / "two", chunk_bytes=2000, workers=2, **both)
    real, stops = module.remove_lines, iter([True, True, False] + [True] * 99)

    def stopped(*args):
        if not next(stops):
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr("curate.run.recurring.remove_lines", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(crawl, tmp_path / "stopped", chunk_bytes=2000, **both)
    run(crawl, tmp_path / "stopped", chunk_bytes=2000, **both)
    for name in ("two", "stopped"):
        for path in sorted((tmp_path / "one").rglob("*.parquet")):
            assert path.read_bytes() == (tmp_path / name / path.relative_to(tmp_path / "one")).read_bytes()
