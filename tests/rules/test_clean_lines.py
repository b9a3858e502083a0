"""Line rules against a plain-Python twin, and their laws."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.rules import LineRules, apply_rules, clean_lines, line_rules_of, load_rules, required_signals
from curate.signals import compute_signals
from curate.signals.classes import SENTENCE_TERMINAL
from curate.text.unicode_tables import is_single

CITATION = re.compile(r"\[[0-9]*\]|\[edit\]|\[citation needed\]")


def without_citations(line):
    """Take citations out until none is left, so that cleaning twice changes nothing."""
    while (shorter := CITATION.sub("", line, count=1)) != line:
        line = shorter
    return line


def lower_ascii(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


def is_unspaced(character):
    return is_single(ord(character)) and unicodedata.category(character)[0] in "LMN"


def words_of(line):
    """Runs without white space; of scripts without spaces, code points."""
    return "".join(f" {c} " if is_unspaced(c) else c for c in line).split()


def ends_in_mark(line, marks):
    last = ord(line[-1])
    foreign = last > 0x7F and any(low <= last <= high for low, high in SENTENCE_TERMINAL)
    return line.endswith(tuple(marks)) or foreign or 0x0E00 <= last <= 0x0EFF


def failing_check(line, exposed, rules):
    """The check that a stripped line fails: None for none, the empty text for one that is not counted."""
    words = words_of(line)
    if not words:
        return "" if rules.min_words is not None else None
    if rules.max_word_chars is not None and any(len(word) > rules.max_word_chars for word in words):
        return "long_word"
    if rules.end_marks is not None and (
        exposed or not ends_in_mark(line, rules.end_marks) or line.endswith("...")
    ):
        return "no_end_mark"
    if rules.min_words is not None and len(words) < rules.min_words:
        return "few_words"
    for check, substrings in rules.substrings:
        if any(substring in lower_ascii(line) for substring in substrings):
            return check or None
    return None


def clean(text, rules):
    kept, counts = [], dict.fromkeys(rules.reasons, 0)
    after_blank = after_removed = False
    for line in text.splitlines():
        stripped = line.strip()
        takes_citations = rules.remove_citations and not (rules.keep_layout and line[:1].isspace())
        cleaned = without_citations(stripped) if takes_citations else stripped
        # The reference code strips before it takes citations out, not after.
        exposed = cleaned.rstrip() != cleaned and stripped.endswith("]")
        if rules.keep_layout and not cleaned.strip():
            if stripped:
                after_removed = True
            elif kept and not (after_blank and after_removed):
                kept.append(line)
                after_blank = True
            continue
        check = failing_check(cleaned.strip(), exposed, rules)
        if check is None:
            whole = line[: len(line) - len(line.lstrip())] + cleaned + line[len(line.rstrip()) :]
            kept.append(whole if rules.keep_layout else cleaned.strip())
            after_blank = after_removed = False
        else:
            after_removed = True
            if check:
                counts[f"{rules.prefix}_line_{check}"] += 1
    while kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept).lstrip("\n" if not rules.keep_layout else ""), counts


PIECES = [
    "word", "Words", "end.", "end!", "end?", 'end"', "dots...", "[1]", "[12]", "[]", "[edit]",
    "[citation needed]", "[a]",
    "[[1]2]", "[", "]", "javascript", "JavaScript", "lorem ipsum", "Lorem Ipsum", "{", "privacy policy",
    "Terms of Use",
    "use cookies", "uses cookies", "cookie", "use of cookie",
    "ſ", "K", "longwordlongword", "日本語です。", "é", "首页", "ไทย", "है।", "end؟",
    "\xa0", "\u3000",
    "\n", "\r\n", "\r", "\n\n", "\x0b", "\x1c", "\x85", "\u2028", " ", "  ", "\t", "\x00",
]  # fmt: skip
texts = (
    st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join)
    | st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
    | st.text(max_size=80)
    | st.text("[]1edit. \n", max_size=60)
)
C4_SETS = ("c4@code", "c4@paper", "c4@fineweb", "c4@fineweb-layout")
SETS = {name: load_rules([name])[0].line_rules for name in C4_SETS} | {
    "layout": LineRules("own", keep_layout=True, end_marks=".?!", remove_citations=True),
    "layout, short": LineRules("own", keep_layout=True, max_word_chars=8, min_words=1),
    "short": LineRules("own", remove_citations=True, max_word_chars=8, end_marks="?!", min_words=1),
    "blank lines stay": LineRules("own", substrings=(("é", ("é",)), ("many", ("日本", "cookie", "]")))),
    "marks of another script": LineRules("own", end_marks=".。é", min_words=2),
    "one byte": LineRules("own", min_words=2, substrings=(("w", ("w",)), ("", ("end",)))),
}


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=150, deadline=None)
@given(st.lists(texts, min_size=1, max_size=3))
def test_line_rules_equal_the_oracle_and_cleaning_twice_changes_nothing(name, documents):
    rules = SETS[name]
    cleaned, removed = clean_lines(pa.array(documents, pa.string()), rules)
    for document, text, row in zip(documents, cleaned.to_pylist(), removed.to_pylist(), strict=True):
        assert (text, row) == clean(document, rules)
    again, removed_again = clean_lines(cleaned, rules)
    assert again.equals(cleaned)
    assert all(not any(row.values()) for row in removed_again.to_pylist())


@pytest.mark.parametrize("name", C4_SETS)
@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=6))
def test_filtering_what_was_kept_keeps_all(name, documents):
    rule_sets = load_rules([name])

    def kept_of(batch):
        cleaned, _ = clean_lines(batch, rule_sets[0].line_rules)
        verdict = apply_rules(compute_signals(cleaned, required_signals(rule_sets)), rule_sets)
        return cleaned.filter(verdict.column("drop_reason").is_null())

    kept = kept_of(pa.array(documents, pa.string()))
    assert kept_of(kept).equals(kept)


LAYOUT = load_rules(["c4@fineweb-layout"])[0].line_rules


@settings(max_examples=300, deadline=None)
@given(texts)
def test_with_the_layout_kept_lines_are_only_ever_removed(document):
    """Every line that stays is a line of the input, in order and byte for byte, but for its citations."""
    cleaned, _ = clean_lines(pa.array([document], pa.string()), LAYOUT)
    lines = iter(document.splitlines())
    for kept in cleaned[0].as_py().splitlines():
        assert any(
            kept == line or (not line[:1].isspace() and kept == without_citations(line)) for line in lines
        )


def test_the_layout_that_is_kept_is_indentation_and_the_borders_of_paragraphs():
    page = (
        "Menu\n\n  Loops repeat a block of code.[1]\n\n    for i in range(3): total += x[1]\n\tprint(total, i, x)  \n"
        "\nShare\n\nAnother paragraph begins here. [2]\n\n\nIts blank lines stay.\n\nHome\n"
    )
    cleaned, removed = clean_lines(pa.array([page]), LAYOUT)
    assert cleaned[0].as_py() == (
        "  Loops repeat a block of code.[1]\n\n    for i in range(3): total += x[1]\n\tprint(total, i, x)  \n"
        "\nAnother paragraph begins here. \n\n\nIts blank lines stay."
    )
    assert removed.to_pylist()[0]["c4_line_few_words"] == 3
    stripped, _ = clean_lines(pa.array([page]), load_rules(["c4@fineweb"])[0].line_rules)
    assert [line.split() for line in stripped[0].as_py().splitlines()][1:4] == [
        line.split()
        for line in ("for i in range(3): total += x", "print(total, i, x)", "Another paragraph begins here.")
    ]


def test_each_limit_of_the_line_rules_keeps_at_and_drops_past():
    rules = load_rules(["c4@code"])[0].line_rules
    lines = {
        "one two three four five.": None,
        "one two three four.": "few_words",
        "one two three four " + "x" * 999 + ".": None,
        "one two three four " + "x" * 1000 + ".": "long_word",
        "one two three four five": "no_end_mark",
        "one two three four five...": "no_end_mark",
        "one two three four five. [1]": "no_end_mark",
        "one two three four five.[1]": None,
        "we use javascript for all this.": "javascript",
        "read our Privacy Policy right now.": "policy",
        "this site uses cookies for you.": "policy",
        "a policy of privacy is here.": None,
    }
    for line, check in lines.items():
        cleaned, removed = clean_lines(pa.array([line]), rules)
        fired = [reason for reason, n in removed.to_pylist()[0].items() if n]
        assert fired == ([f"c4_line_{check}"] if check else []), line
        assert (cleaned[0].as_py() == "") == (check is not None)


def test_a_line_that_a_page_rule_must_see_stays():
    """In the order of the reference code `{` and `lorem ipsum` are seen before the policy strings."""
    rules = load_rules(["c4@code"])[0].line_rules
    lines = [
        "Our privacy policy { is in braces.",
        "We use javascript { in all braces.",
        "javascript lorem ipsum dolor sit amet.",
    ]
    cleaned, removed = clean_lines(pa.array(["\n".join(lines)]), rules)
    assert cleaned[0].as_py().split("\n") == [lines[0], lines[2]]
    assert removed.to_pylist()[0]["c4_line_javascript"] == 1


def test_slices_and_types_give_the_same_texts():
    rules = load_rules(["c4@fineweb"])[0].line_rules
    documents = ["skip me", "one two three.\nno", None, "a b c d [1]\r\n\r\ne f g"]
    for type_ in (pa.string(), pa.large_string()):
        cleaned, removed = clean_lines(pa.array(documents, type_)[1:], rules)
        assert cleaned.to_pylist() == ["one two three.", "", "a b c d\ne f g"]
        assert removed.column("c4_line_few_words").to_pylist() == [1, 0, 0]


@pytest.mark.realdata
def test_filtering_what_was_kept_keeps_all_real_pages(real_data):
    folder = real_data / "web"
    if not folder.is_dir():
        pytest.skip(f"no real pages at {folder}; set CURATE_TEST_DATA")
    pages = []
    for path in sorted(folder.glob("*.jsonl.gz"))[:2]:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            pages += [json.loads(line)["text"] for line in lines]
    for names in (["gopher", "c4", "fineweb"], ["c4@code"], ["c4@paper", "gopher@dolma"]):
        rule_sets = load_rules(names)
        texts, sizes = pa.array(pages), []
        for _ in range(2):
            texts, _ = clean_lines(texts, line_rules_of(rule_sets))
            verdict = apply_rules(compute_signals(texts, required_signals(rule_sets)), rule_sets)
            texts = texts.filter(verdict.column("drop_reason").is_null())
            sizes.append((len(texts), texts.nbytes))
        assert sizes[0] == sizes[1]
        assert sizes[0][0] > 0
