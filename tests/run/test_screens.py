"""Lists of the user's own in the main job: addresses, words, benchmarks, redaction."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL, run_curate
from curate.errors import ChangedSettingsError

QUESTION = "Each step halves the number of entries that remain. A list of one thousand entries shrinks to five hundred"


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    (tmp_path / "hosts.txt").write_text("kitchens.example\n")
    (tmp_path / "words.txt").write_text("sunglasses\n")
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": QUESTION}) + "\n")
    names = {"url_blocklist": "hosts.txt", "bad_words": "words.txt", "decontaminate": "quiz.jsonl"}
    return {setting: (str(tmp_path / name),) for setting, name in names.items()}


def rows_by_url(output: Path) -> dict[str, dict]:
    tables = (pq.read_table(output / kind).to_pylist() for kind in ("kept", "dropped"))
    return {row["url"]: row for table in tables for row in table}


def test_lists_drop_pages_and_say_by_which_entry(lists: dict, tmp_path: Path) -> None:
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", workers=1, progress=False, **lists)
    rows = rows_by_url(tmp_path / "out")
    found = {
        url: (rows[url]["drop_reason"], rows[url]["drop_detail"])
        for url in (
            "https://kitchens.example/",
            "https://diary.example/lake",
            "https://lessons.example/binary-search",
        )
    }
    contaminated = "quiz: " + " ".join(QUESTION.lower().replace(".", "").split()[:13])
    assert found == {
        "https://kitchens.example/": ("url_domain", "kitchens.example"),
        "https://diary.example/lake": ("c4_bad_word", "sunglasses"),
        "https://lessons.example/binary-search": ("contaminated", contaminated),
    }


def test_contaminated_pages_can_be_flagged_instead(lists: dict, tmp_path: Path) -> None:
    settings = {"decontaminate": lists["decontaminate"], "flag_contaminated": True, "threshold": 0.0}
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", workers=1, progress=False, **settings)
    kept = {row["url"]: row["benchmark"] for row in pq.read_table(tmp_path / "out" / "kept").to_pylist()}
    assert kept["https://lessons.example/binary-search"] == "quiz"
    assert kept["https://lessons.example/newton"] is None


def test_addresses_are_redacted_and_counted(tmp_path: Path) -> None:
    page = "Write to the author, whose address is ann.lee@post.co.uk, and who reads every letter. " * 8
    (tmp_path / "page.txt").write_text(page)
    curate.filter_crawl(
        str(tmp_path / "page.txt"), tmp_path / "out", redact_pii=True, rules=(), scorer="none", progress=False
    )
    (row,) = pq.read_table(tmp_path / "out" / "kept").to_pylist()
    assert "post.co.uk" not in row["text"]
    assert row["n_emails"] == 8


def test_secrets_leave_text_and_title_before_addresses_are_looked_for(tmp_path: Path) -> None:
    url = "postgres://ann:h7Gq2xTr@db.post.co.uk/shop"
    program = f"# {url}\n" + "def add(a, b):\n    return a + b\n" * 8
    (tmp_path / "connect.py").write_text(program)
    rows = [{"text": f"Connect by {url}. " + "It is kept with the other notes. " * 20, "title": url}]
    (tmp_path / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curate.filter_crawl(
        [tmp_path / "connect.py", tmp_path / "pages.jsonl"],
        tmp_path / "out",
        redact_secrets=True,
        redact_pii=True,
        rules=(),
        code_rules=(),
        scorer="none",
        progress=False,
    )
    kept = pq.read_table(tmp_path / "out" / "kept").to_pylist()
    assert [(row["n_secrets"], row["n_emails"]) for row in kept] == [(1, 0), (1, 0)]
    for row in kept:
        assert "postgres://ann:<PASSWORD>@db.post.co.uk/shop" in row["text"]
    assert {row["title"] for row in kept} == {None, "postgres://ann:<PASSWORD>@db.post.co.uk/shop"}


def test_a_list_that_changed_counts_as_a_changed_setting(lists: dict, tmp_path: Path) -> None:
    settings = {"url_blocklist": lists["url_blocklist"], "workers": 1, "progress": False}
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", **settings)
    Path(lists["url_blocklist"][0]).write_text("diary.example\n")
    with pytest.raises(ChangedSettingsError, match=r"other settings \([^;]*hosts\.txt has changed\)"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", **settings)


def test_a_list_that_is_not_there_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('url_blocklist = ["nowhere.txt"]\n')
    done = run_curate(
        "filter", "--input", EXAMPLE_CRAWL, "--output", tmp_path / "out", "--config", tmp_path / "c.toml"
    )
    assert done.returncode == 2
    assert "nowhere.txt" in done.stderr
    assert done.stderr.count("\n") == 1
