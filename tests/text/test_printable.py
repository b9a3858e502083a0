"""Nothing that is not ours acts on a terminal."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.cli import run
from curate.cli.say import make_console, say
from curate.text.printable import printable

ACTING = {
    *map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029",
}  # fmt: skip


def test_every_control_bidi_and_separator_character_is_escaped():
    for character in ACTING:
        escaped = printable(f"a{character}b")
        assert escaped.isascii()
        assert escaped.isprintable()
        assert len(escaped) > 3


def test_every_character_that_is_left_is_visible_or_a_joiner_or_a_sign():
    left = [
        c
        for c in map(chr, range(0x110000))
        if printable(c) == c and unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]
    names = {unicodedata.name(c) for c in left}
    acting = ("TAG", "OVERRIDE", "ISOLATE", "EMBEDDING", "LEFT-TO-RIGHT", "RIGHT-TO-LEFT")
    assert not [name for name in names if any(word in name for word in acting)]
    assert {"ZERO WIDTH JOINER", "ZERO WIDTH NON-JOINER", "SOFT HYPHEN"} <= names


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_printed_is_one_line_that_utf8_can_hold(text):
    escaped = printable(text)
    assert len(escaped.splitlines()) <= 1
    assert printable(escaped) == escaped
    escaped.encode()


def test_say_and_the_console_print_one_line_each(capsys):
    say("a\nb", "c\x1b[2J")
    make_console().print("d\ne [bold]f[/bold] \x1b]0;title\x07")
    assert capsys.readouterr().out == "a\\nb\nc\\x1b[2J\nd\\ne [bold]f[/bold] \\x1b]0;title\\x07\n"


EVIL = "\x1b[2J\x1b]0;owned\x07\nKEPT  forged\r\u202e\u2028\x9b"


@pytest.fixture
def hostile_run(tmp_path):
    rows = [
        {"id": f"{i}{EVIL}", "url": f"http://a.example/{EVIL}", "title": EVIL, "text": f"{EVIL} words " * 9}
        for i in (1, 1)
    ]
    (tmp_path / f"in{EVIL.replace('/', '')}.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows) + "broken\n"
    )
    (tmp_path / "empty\x1b[2J\nx.jsonl").write_bytes(b"")
    output = tmp_path / "out"
    run(
        [
            "filter",
            "--input",
            str(tmp_path),
            "--output",
            str(output),
            "--rules",
            "none",
            "--language",
            "any",
            "--scorer",
            "none",
        ]
    )
    return output, rows[0]["id"]


def test_no_summary_story_or_error_holds_a_raw_control_character(hostile_run, capsys):
    output, key = hostile_run
    shown = [capsys.readouterr()]
    run(["explain", str(output), key, "--text"])
    run(["explain", str(output), f"http://a.example/{EVIL}"])
    run(["explain", str(output), f"nothing{EVIL}"])
    run(["filter", "--input", f"none{EVIL}", "--output", str(output)])
    shown.append(capsys.readouterr())
    text = "".join(each.out + each.err for each in shown)
    assert not ACTING.difference("\n") & set(text)
    assert not [line for line in text.splitlines() if line.startswith("KEPT  forged")]
    assert "2 documents have the id, URL or path" in text


def test_the_report_holds_no_script_of_a_page_and_no_raw_markup(tmp_path):
    from curate import filter_crawl, write_report

    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    rows = [{"id": evil, "url": f"http://a.example/{evil}", "title": evil, "text": f"{evil} words " * 9}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    filter_crawl(
        str(tmp_path), tmp_path / "out", rules=[], language=["any"], scorer="none", progress=False, workers=1
    )
    page = write_report(tmp_path / "out").read_text().lower()
    assert page.count("<script") == 1  # our own, which the browser allows by its hash alone
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "javascript:" not in page
