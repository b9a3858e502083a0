"""Lines that go for their kind: only furniture, only where it says what it is, and the rest byte for byte."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curate.rules import LineRules, clean_lines, load_rules
from curate.signals import KINDS, find_kinds

(CURATE,) = load_rules(["curate"])
PHRASES = dict(CURATE.line_rules.substrings)
PAGE = """Skip to main content
Home

How a leaf makes sugar
Green plants take in light with a pigment called chlorophyll, and use it to split water into its two parts.

- Water rises from the roots.
- Share this with the class: what would happen in the dark?
    follow_us = accept("privacy policy")
Your email address will not be published. Required fields are marked *
Log in to comment"""


def clean_plainly(text):
    """One line after the other, until none goes."""
    while True:
        kinds = [KINDS[kind] for kind in find_kinds(pa.array([text])).kinds]
        lines = text.split("\n")
        k, kept, gone = 0, [], False
        for line in lines:
            is_blank = not line.strip(" \t\r\n\v\f\0" + "".join(map(chr, range(32))))
            kind = None if is_blank else kinds[k]
            k += not is_blank
            lowered = "".join(c.lower() if c.isascii() else c for c in line)
            if kind == "furniture" and any(p in lowered for phrases in PHRASES.values() for p in phrases):
                gone = True
            else:
                kept.append(line)
        if not gone:
            return [line for line in lines if line]
        text = "\n".join(kept)


def test_furniture_goes_and_lessons_stay():
    (text,), removed = clean_lines(pa.array([PAGE]), CURATE.line_rules)
    for line in PAGE.split("\n")[2:9]:
        assert line in text.as_py().split("\n")
    assert "Skip to main content" not in text.as_py()
    assert sum(column[0].as_py() for column in removed.columns) >= 1


@given(
    st.lists(
        st.sampled_from([*PAGE.split("\n"), "© all rights reserved", "Privacy Policy | Terms of Use", "  "])
    )
)
def test_removal_equals_the_plain_loop_and_does_nothing_twice(lines):
    text = "\n".join(lines)
    cleaned, removed = clean_lines(pa.array([text, None]), CURATE.line_rules)
    assert [line for line in cleaned[0].as_py().split("\n") if line] == clean_plainly(text)
    again, removed_again = clean_lines(cleaned, CURATE.line_rules)
    assert again.equals(cleaned)
    assert not any(column[0].as_py() for column in removed_again.columns)
    if not any(column[0].as_py() for column in removed.columns):
        assert cleaned[0].as_py() == text


def test_a_set_of_one_s_own_may_name_other_kinds():
    rules = LineRules("own", substrings=(("shop", ("add to cart",)),), kinds=KINDS)
    texts, removed = clean_lines(pa.array(["A fine day.\n\nAdd to cart\n\nAnother one."]), rules)
    assert texts.to_pylist() == ["A fine day.\n\nAnother one."]
    assert removed.to_pylist() == [{"own_line_shop": 1}]
