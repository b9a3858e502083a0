"""Programs that differ in comments alone are one where comments do not count, and others are not."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.text.program import COMMENT, DOC, SPACE, guess_style, mark_program, spell_marks
from curate.text.uncommented import COMMENT_STYLES, drop_comments
from curate.text.words import hash_words


def drop(text, language=None):
    return drop_comments(pa.array([text]), [language])[0].as_py()


def drop_plainly(text, language):
    data = np.frombuffer(text.encode(), np.uint8)
    kinds = np.zeros(len(data), np.uint8)
    style = COMMENT_STYLES.get(language) or guess_style(data, 0, len(data))
    mark_program(data, 0, len(data), style, kinds)
    is_comment = [kind in (COMMENT, DOC) for kind in kinds]
    if sum(not here and kind != SPACE for here, kind in zip(is_comment, kinds, strict=True)) < 64:
        return text
    kept = bytearray()
    for place, here in enumerate(is_comment):
        if not here:
            kept.append(data[place])
        elif place == 0 or kinds[place - 1] != kinds[place]:
            kept += b" "
    return kept.decode()


LINES = [
    "x = 1",
    "y = 'a # b'",
    "# note",
    "// note",
    "/* long",
    "*/",
    "-- note",
    "% note",
    "; note",
    '"""doc"""',
    "é☃",
    "\t",
    "",
]
PROGRAM = "total = sum(values)\nmean = total / len(values)\nprint(total, mean, max(values))\n"


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(LINES), max_size=30),
            st.sampled_from([None, "python", "c", "sql", "none"]),
        ),
        max_size=4,
    )
)
def test_the_kernel_does_what_a_plain_loop_does(documents):
    texts = ["\n".join(lines) for lines, _ in documents]
    languages = [language for _, language in documents]
    found = drop_comments(pa.array(texts, pa.string()), languages)
    assert found.to_pylist() == [drop_plainly(*pair) for pair in zip(texts, languages, strict=True)]


@pytest.mark.parametrize(
    ("language", "line", "block"),
    [
        ("python", "# a note", '"""What the module is for."""'),
        ("go", "// a note", "/* What the package\n is for */"),
        ("sql", "-- a note", ""),
        ("matlab", "% a note", ""),
        ("common lisp", ";; a note", ""),
    ],
)
def test_programs_with_other_comments_have_the_same_words(language, line, block):
    def words(text):
        return hash_words(spell_marks(drop_comments(pa.array([text]), [language]))).hashes.tolist()

    first, second, last = PROGRAM.strip().split("\n")
    commented = f"{block}\n{first} {line}\n\n{line}, and another one\n{second}\n{last}\n"
    assert words(commented) == words(PROGRAM)
    assert words(commented) != words(PROGRAM.replace("max", "min"))


def test_a_file_that_is_nearly_all_comment_is_compared_with_it():
    assert drop("# only a note\nimport this\n", "python") == "# only a note\nimport this\n"
    assert drop("", "python") == ""
    assert drop_comments(pa.array([None, PROGRAM]), [None, None]).to_pylist() == ["", PROGRAM]
