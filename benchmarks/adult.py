"""The screen for adult pages: misses and false alarms.

`labelled`: pages written for this project (`tests/rules/adult_labelled.jsonl`); those that must stay are of medicine, sex education,
law, art and others that use the same words. The terms were chosen with these pages in view. `fresh`: thirty short pages written afterwards, without addresses; nothing was changed for them.

`web`: ordinary pages with the topic that another classifier gave them. That label is wide (news about such pages, shops, dating), and the
bundled topic classifier was fitted on these very pages, so the share of Adult pages that go says little; pages of other topics that go are
false alarms, or pages whose label is wrong.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.harness import DATA, ROOT, measured, read_jsonl
from curate.run.adult import find_adult
from curate.scoring.load import load_classifier
from curate.text.normalise import comparable
from curate.text.words import hash_words

LABELLED = ROOT / "tests" / "rules" / "adult_labelled.jsonl"
FRESH = ROOT / "tests" / "rules" / "adult_fresh.jsonl"
ADULT = 0  # the topic's number


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    return {"labelled": measure_labelled(), "fresh": measure_labelled(FRESH), "web": measure_web()}


def measure_labelled(path: Path = LABELLED) -> dict[str, Any]:
    """Misses and false alarms by kind of page."""
    pages = read_jsonl(path)
    goes = _find(pages)
    kinds: dict[str, dict[str, int]] = {}
    for page, gone in zip(pages, goes, strict=True):
        group = "must go" if page["adult"] else f"must stay: {page['kind']}"
        counts = kinds.setdefault(group, {"pages": 0, "gone": 0})
        counts["pages"] += 1
        counts["gone"] += bool(gone)
    return kinds


def measure_web() -> dict[str, Any]:
    """Pages that go, by topic, and what looking at all of them costs."""
    pages = [
        row for path in sorted((DATA / "web").glob("weborganizer-*.jsonl.gz")) for row in read_jsonl(path)
    ]
    _find(pages[:20])
    with measured() as spent:
        goes = _find(pages)
    names = load_classifier("topic").classes
    topics = np.array([page["topic_id"] for page in pages])
    return {
        "pages": len(pages),
        "adult_pages": int(np.sum(topics == ADULT)),
        "adult_gone": int(np.sum(goes & (topics == ADULT))),
        "other_pages": int(np.sum(topics != ADULT)),
        "other_gone": dict(Counter(names[topic] for topic in topics[goes & (topics != ADULT)].tolist())),
        "us_per_page": round(spent.cpu_s / len(pages) * 1e6, 2),
    }


def _find(pages: list[dict[str, Any]]) -> Any:
    texts = pa.array([page["text"] for page in pages], pa.large_string())
    urls, titles = (pa.array([page.get(name) for page in pages], pa.string()) for name in ("url", "title"))
    languages = pa.array([page.get("language", "en") for page in pages])
    found = find_adult(urls, titles, texts, languages, hash_words(comparable(texts)))
    return found.is_valid().to_numpy(zero_copy_only=False)
