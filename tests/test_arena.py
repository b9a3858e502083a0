"""The arena on other data than its own: files laid out as docs/proof.md says."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import arena, cloze
from common import EXAMPLE_CRAWL
from curate import extract_text
from curate.errors import SettingError

SOLD = "buy cheap now click here offer best price deal free shipping order today get your win big sale of and".split()


def sentences():
    """Those of the example crawl's lessons: of the pages that are longest, without copies."""
    rows = arena._documents(EXAMPLE_CRAWL)
    texts = [extract_text(content) for kind, _, _, content in rows if kind == "html"]
    longest = sorted({text for text in texts if text}, key=len)[-12:]
    return sorted({line for text in longest for line in re.findall(r"[A-Z][^.\n]{40,200}\.", text)})


TOLD = sentences()


def runs(line):
    words = line.lower().split()
    return {tuple(words[begin : begin + 6]) for begin in range(len(words) - 5)}


HOW_OFTEN = Counter(run for line in TOLD for run in runs(line))
JUDGED = [line for line in TOLD if all(HOW_OFTEN[run] == 1 for run in runs(line))][::4]
"""Some that are like no other: what shares thirteen words with them leaves every arm."""


def lesson(draw, told=tuple(line for line in TOLD if line not in JUDGED)):
    some = draw.sample(told, 12)
    return "\n\n".join(" ".join(some[begin : begin + 4]) for begin in range(0, 12, 4))


def page(*of):
    return f"<html><body><article><p>{lesson(*of)}</p></article></body></html>"


def offer(draw):
    return "\n".join(" ".join(draw.choices(SOLD, k=12)).capitalize() + "." for _ in range(16))


def write_data(folder):
    """Files of the kinds that the public data sets have."""
    draw = random.Random(1)
    for name in ("pool/crawl", "judges/lessons"):
        (folder / name).mkdir(parents=True)
    rows = [
        {"text": lesson(draw) if n % 2 else offer(draw), "url": f"https://{n}.example/"} for n in range(160)
    ]
    with gzip.open(folder / "pool" / "c4-train.00000.json.gz", "wt") as file:
        file.writelines(json.dumps(row | {"timestamp": "2019-04-25T12:57:54Z"}) + "\n" for row in rows)
    columns = {"text": [lesson(draw) for _ in range(80)], "id": [f"<urn:uuid:{n}>" for n in range(80)]}
    pq.write_table(pa.table(columns | {"language_score": [0.9] * 80}), folder / "pool" / "fineweb.parquet")
    (folder / "pool" / "crawl" / "page.html").write_text(page(draw))
    programs = {
        "content": ["def add(x):\n    return x + 1\n" * 20],
        "path": ["a/b.py"],
        "language": ["Python"],
    }
    pq.write_table(pa.table(programs), folder / "pool" / "programs.parquet")
    columns = {"id": ["1", "2"], "title": ["A", "B"], "text": [lesson(draw, JUDGED), lesson(draw, JUDGED)]}
    pq.write_table(pa.table(columns), folder / "judges" / "encyclopedia.parquet")
    for name in ("one", "two"):
        (folder / "judges" / "lessons" / f"{name}.html").write_text(page(draw, JUDGED))


def test_a_pool_of_ones_own_is_laid_out_as_the_arenas(tmp_path):
    write_data(tmp_path)
    pool, held = arena.read_data(tmp_path, tmp_path / "out")
    assert len(pool.texts) == 160 + 80 + 1 + 1
    assert len(pool.programs) == 1
    assert {domain: len(texts) for domain, texts in held.items()} == {"encyclopedia": 2, "lessons": 2}
    assert not any("<p>" in text for texts in held.values() for text in texts)
    assert not set(pool.texts) & {text for texts in held.values() for text in texts}


@pytest.mark.parametrize("missing", ["pool", "judges"])
def test_data_without_a_pool_or_without_judges_is_refused(tmp_path, missing):
    write_data(tmp_path)
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(SettingError, match=f"{tmp_path}.*(needs documents in both|does not exist|No such)"):
        arena.read_data(tmp_path, tmp_path / "out")


def test_the_arena_is_played_with_data_of_ones_own(tmp_path, capsys):
    write_data(tmp_path / "data")
    flags = ["--data", str(tmp_path / "data"), "--folder", str(tmp_path / "out"), "--tokens", "3000"]
    flags += ["--arm", "rules, no score", "--models", "trigram", "--seeds", "2"]
    found = arena.run(flags)
    assert set(found["made"]) == {"raw", "rules, no score", "default", "random, size of default"}
    assert found["made"]["raw"]["documents"] == 242
    bits = found["judges"]["trigram"]["bits_per_byte"]["trigram"]
    assert {"encyclopedia", "lessons"} == {domain for domain in bits if not domain.startswith(arena.TASK)}
    assert all(1 < value < 8 for of_arm in bits["lessons"].values() for value in of_arm)
    assert set(found["judges"]["trigram"]["tasks"]) == set(cloze.items())
    assert "| raw" in capsys.readouterr().out
    assert (tmp_path / "out" / "arena.svg").exists()
