"""Markdown follows what rules take out of the plain text that it belongs to."""

from __future__ import annotations

import pyarrow as pa
import pytest

from curate.run.marked import follow_lines

PLAIN = "Mills\n\nA mill grinds corn.[1]\n\n- one stone\n- two stones\n\nif dry:\n    stop()\n\nTown | Mills\nAlby | 2"
MARKED = (
    "# Mills\n\nA mill grinds corn.[1]\n\n- one stone\n- two stones\n\n```python\nif dry:\n    stop()\n```\n\n"
    "| Town | Mills |\n| --- | --- |\n| Alby | 2 |"
)


def follow(before: str | None, after: str | None, marked: str | None) -> str | None:
    return follow_lines(pa.array([before]), pa.array([after]), pa.array([marked]))[0].as_py()


def test_what_stays_whole_keeps_its_marks():
    assert follow(PLAIN, PLAIN, MARKED) == MARKED


@pytest.mark.parametrize(
    ("gone", "gone_marked"),
    [
        ("Mills\n\n", "# Mills\n\n"),
        ("- two stones\n", "- two stones\n"),
        ("if dry:\n    stop()\n\n", "```python\nif dry:\n    stop()\n```\n\n"),
        ("    stop()\n", "    stop()\n"),
        ("\nAlby | 2", "\n| Alby | 2 |"),
    ],
)
def test_a_line_that_went_goes_with_its_marks(gone, gone_marked):
    assert PLAIN.count(gone) == 1
    assert follow(PLAIN, PLAIN.replace(gone, ""), MARKED) == MARKED.replace(gone_marked, "")


def test_a_line_that_changed_changes():
    assert follow(PLAIN, PLAIN.replace("[1]", ""), MARKED) == MARKED.replace("[1]", "")


def test_texts_that_do_not_belong_together_leave_the_plain_one():
    assert follow(PLAIN, "Something else.", MARKED) == "Something else."
    assert follow(PLAIN + "\nmore", PLAIN, MARKED) == PLAIN


def test_where_there_is_no_markdown_there_is_none_after():
    assert follow(PLAIN, "x", None) is None
    assert follow(PLAIN, "", MARKED) == ""


def test_marks_that_a_page_writes_itself_are_text_in_code():
    before, marked = "a ``` b\n```\nc\n\nlast", "````\na ``` b\n```\nc\n````\n\nlast"
    assert follow(before, before.replace("c\n", ""), marked) == marked.replace("c\n", "")
