"""What users add to the rules of `curate filter`, on the command line: its effect on rows and on the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from common import run_curate

QUESTION = "A merchant buys forty bags of rye and sells a quarter of them at twice the price he paid"
LESSON = (
    "Rivers carry sand and stones from the mountains to the plains. When the water slows down, it drops the "
    "heavy pieces first and keeps the fine mud. Farmers have long known that such ground is good for wheat. "
    "Floods may be a danger, yet a valley without them would soon lose its strength. That is why people "
    "learned to live with the high water, and to build their houses on small hills. "
)
PAGES = {
    "https://plain.example.net/a": LESSON,
    "https://shop.blocked.example/b": LESSON + "The shop is open on most days of the week.",
    "https://plain.example.net/c": LESSON + "What the heck is a flood plain, asked the child one day.",
    "https://plain.example.net/d": LESSON + QUESTION.upper() + ", which leaves him thirty.",
    "https://plain.example.net/e": LESSON
    + "Write to ann.lee@post.co.uk or ask the server at 8.8.4.4 about it.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pages.jsonl").write_text(
        "".join(json.dumps({"url": url, "text": text}) + "\n" for url, text in PAGES.items())
    )
    (tmp_path / "hosts.txt").write_text("blocked.example\n")
    (tmp_path / "words.txt").write_text("heck\n")
    (tmp_path / "quiz.jsonl").write_text(json.dumps({"question": QUESTION}) + "\n")
    return tmp_path


def filter_pages(folder: Path, *flags: str, config: str = "") -> tuple[dict[str, dict], dict]:
    """Run the command on the pages; the rows by the end of their address, and the funnel of the manifest."""
    (folder / "config.toml").write_text(
        'scorer = "none"\ndedup = "none"\nworkers = 1\nrules = ["gopher", "c4", "fineweb"]\n' + config
    )
    out = folder / "out"
    files = "--input", folder / "pages.jsonl", "--output", out, "--config", folder / "config.toml"
    done = run_curate("filter", *files, *flags, cwd=folder)
    assert done.returncode == 0, done.stderr
    tables = (pq.read_table(path).to_pylist() for path in sorted(out.glob("*/*.parquet")))
    rows = {row["url"][-1]: row for table in tables for row in table}
    assert len(rows) == len(PAGES)
    return rows, json.loads((out / "manifest.json").read_text())["funnel"]


def test_without_flags_every_page_is_kept_as_it_is(folder):
    rows, funnel = filter_pages(folder)
    assert {row["text"] for row in rows.values()} == set(PAGES.values())
    assert funnel["dropped"] == []


def test_lists_and_redaction_act_on_their_pages_and_show_in_the_ledger(folder):
    config = 'url_blocklist = ["hosts.txt"]\nbad_words = ["words.txt"]\n'
    rows, funnel = filter_pages(folder, "--decontaminate", "quiz.jsonl", "--redact-pii", config=config)
    assert {end: (row.get("drop_reason"), row.get("drop_detail")) for end, row in rows.items()} == {
        "a": (None, None),
        "b": ("url_domain", "blocked.example"),
        "c": ("c4_bad_word", "heck"),
        "d": ("contaminated", "quiz: " + " ".join(QUESTION.lower().split()[:13])),
        "e": (None, None),
    }
    assert {drop["reason"]: drop["n_documents"] for drop in funnel["dropped"]} == {
        "url_domain": 1,
        "c4_bad_word": 1,
        "contaminated": 1,
    }
    assert "Write to email@example.com or ask the server at 192.0.2.1 about it." in rows["e"]["text"]
    assert [(rows[end]["n_emails"], rows[end]["n_ips"]) for end in "ae"] == [(0, 0), (1, 1)]


def test_contaminated_pages_are_kept_and_named_when_only_flagged(folder):
    rows, funnel = filter_pages(folder, "--decontaminate", "quiz.jsonl", config="flag_contaminated = true\n")
    assert funnel["dropped"] == []
    assert {end: row["benchmark"] for end, row in rows.items()} == dict.fromkeys("abce") | {"d": "quiz"}
    assert rows["d"]["benchmark_ngram"].startswith("a merchant buys forty bags")


def test_markdown_and_links_reach_the_text_and_line_rules_leave_the_layout(folder):
    paragraph = (
        f"<p>{LESSON} See the <a href='https://maps.example.net/rhine'>map of the Rhine</a> for more.</p>"
    )
    code = "<pre><code>def drop(water):\n    return water.slow_down(stones, sand)</code></pre>"
    html = f"<html><body><article><h1>How rivers build land</h1>{paragraph}{code}{paragraph[:-4]} Again.</p></article></body></html>"
    (folder / "page.html").write_text(html)
    texts = {}
    rows = {}
    for flags in ((), ("--text-format", "markdown", "--keep-links"), ("--markdown",)):
        out = folder / f"html{len(flags)}"
        done = run_curate(
            "filter", "--input", folder / "page.html", "--output", out, "--scorer", "none", "--rules", "c4",
            "--workers", 1, *flags,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (row,) = pq.read_table(out / "kept").to_pylist()
        texts[flags], rows[flags] = row["text"], row
    plain, marked, old_name = texts.values()
    assert "# How rivers build land" in old_name
    judged = [
        {name: value for name, value in row.items() if name not in ("text", "url")} for row in rows.values()
    ]
    # rules, signals and scores are those of the plain text
    assert len({json.dumps(each, default=str) for each in judged}) == 1
    assert "https://maps.example.net/rhine" not in plain
    assert "https://maps.example.net/rhine" in marked
    assert "# How rivers build land" in marked
    assert "# How" not in plain
    assert "```\n    return water.slow_down(stones, sand)\n```" in marked  # a line rule took the first line
    assert "\n\n" in marked


def test_a_set_whose_package_is_missing_says_what_to_type_before_anything_is_read(folder):
    code = (
        "import sys; sys.modules['spacy'] = None; import runpy; sys.argv[0] = 'curate';"
        "runpy.run_module('curate', run_name='__main__')"
    )

    flags = ["filter", "--input", "pages.jsonl", "--output", "out", "--rules", "gopher@datatrove-0.10"]
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install '.[peers]'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "out").exists()
