"""The gate's checks, on texts of the kinds that they are for and on those that they must let pass."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.craft import checks
from curate.craft.checks import REASONS, judge
from curate.craft.copied import RUN_WORDS, measure_copied
from curate.craft.recipe import bundled_recipes, load_recipe

GOOD = "A lens bends light. Where the glass is thicker the light travels in it for longer, and so it turns further."


def reason_of(text: str, recipe: str = "textbook", outcome: str = "labelled") -> str | None:
    return judge(text, outcome, load_recipe(recipe)).reason


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but as a language model I cannot write about this.",
        "Sorry, I am not able to produce this text.",
        "I cannot assist with this request.",
        "Unfortunately, I can't write that section.",
        "I won't be able to help with this.",
    ],
)
def test_a_refusal_is_known_by_how_it_begins(text):
    assert reason_of(text) == "craft_refused"


@pytest.mark.parametrize(
    "text",
    [
        f"Sure! Here is the section:\n\n{GOOD}",
        f"Certainly. Below is a text for nurses.\n\n{GOOD}",
        f"**Sure, here's the story you asked for:**\n\n{GOOD}",
        f"Here is a rewritten version of the extract:\n\n{GOOD}",
        f"Of course!\n{GOOD}",
        f"{GOOD}\n\nLet me know if you would like more detail.",
        f"{GOOD}\n\nI hope this helps!",
        f"{GOOD}\n\n(Word count: 301)",
    ],
)
def test_talk_to_whoever_asked_is_a_preamble(text):
    assert reason_of(text) == "craft_preamble"


@pytest.mark.parametrize(
    "text",
    [
        "Great ideas come slowly. " + GOOD,
        "Great, said Tom, and put the lens down. " + GOOD,
        "Sure, the glass is clear, but what does it do to light? " + GOOD,
        "Here is the heart of the matter: light takes the quickest way. " + GOOD,
        "Of course, no lens is perfect. " + GOOD,
        "I cannot see the back of my head without two mirrors. " + GOOD,
        "Sorry was the man who dropped the lens. " + GOOD,
        "Unfortunately, the first lenses were cloudy. " + GOOD,
        "A language model is trained on text. As a language model grows, it needs more of it. " + GOOD,
        "The user wants a password, so the prompt asks for one. " + GOOD,
        GOOD + "\n\nThe last step is\n\n- polish",
        GOOD + "\n\n```python\nprint(1)\n```",
    ],
)
def test_a_lesson_that_only_sounds_like_it_stays(text):
    assert reason_of(text) is None


@pytest.mark.parametrize(
    "text", [GOOD + " As an AI language model, I like lenses.", GOOD + " I am only an AI assistant."]
)
def test_a_text_that_speaks_of_its_writer_as_a_model_goes(text):
    assert reason_of(text) == "craft_self_talk"


@given(st.from_regex(checks._SELF_TALK.pattern, alphabet=st.characters(codec="ascii")), st.booleans())
def test_the_signs_of_self_talk_hide_no_match_of_its_pattern(talk, is_upper):
    text = f"{GOOD}\n{talk.upper() if is_upper else talk}"
    assert (checks._find_self_talk(text) is None) == (checks._SELF_TALK.search(text) is None)


@pytest.mark.parametrize("text", [GOOD + " And then the", GOOD + " which,", "<think>First I must"])
def test_a_text_that_ends_in_the_middle_is_cut_off(text):
    assert reason_of(text) == "craft_cut_off"


def test_thoughts_before_the_text_are_left_out():
    assert judge(f"<think>A lens.</think>\n{GOOD}", "labelled", load_recipe("textbook")).text == GOOD


def exercise(worked: str, stated: str) -> str:
    return f"<problem>How many?</problem><solution>Add.\nResult: {worked}</solution><answer>{stated}</answer>"


@pytest.mark.parametrize(
    ("worked", "stated"),
    [
        ("42", "42"),
        ("42.", "**42**"),
        ("1/2", "0.5"),
        ("1,200 m", "1200 m"),
        ("x = 7", "7"),
        (r"$\boxed{3}$", "3"),
        ("Blue", "blue"),
    ],
)
def test_the_same_answer_in_other_dress_is_the_same(worked, stated):
    assert reason_of(exercise(worked, stated), "exercises") is None


@pytest.mark.parametrize(
    ("worked", "stated"), [("42", "43"), ("3 cm", "3 m"), ("-2", "2"), ("blue", "red"), ("1/0", "2")]
)
def test_another_answer_is_another(worked, stated):
    assert reason_of(exercise(worked, stated), "exercises") == "craft_answer_differs"


def test_a_part_that_is_missing_or_stands_twice_is_a_wrong_format():
    assert reason_of(exercise("1", "1").replace("<answer>", "<anser>"), "exercises") == "craft_wrong_format"
    assert reason_of(exercise("1", "1") * 2, "exercises") == "craft_wrong_format"
    assert reason_of(exercise("1", "1").replace("Result:", "So"), "exercises") == "craft_wrong_format"


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ('def f(x):\n    """Double."""\n    return 2 * x', None),
        ("def f(x):\n    return 2 * x", "craft_code_unparsable"),
        ('def f(x):\n    """Double."""', "craft_code_unparsable"),
        ("def f(x:", "craft_code_unparsable"),
        ("(" * 5000, "craft_code_unparsable"),
        ("x = '\0'", "craft_code_unparsable"),
        ("# nothing", "craft_code_unparsable"),
    ],
)
def test_code_is_parsed_and_must_be_what_was_asked_for(block, reason):
    assert reason_of(f"```python\n{block}\n```", "code-exercises") == reason


def test_code_is_never_executed(tmp_path):
    path = tmp_path / "made"
    code = f'def f():\n    """Do."""\n    return 1\nopen({str(path)!r}, "w")'
    assert reason_of(f"```python\n{code}\n```", "code-exercises") is None
    assert not path.exists()


@given(
    st.text(),
    st.sampled_from(bundled_recipes()),
    st.sampled_from(["labelled", "cut_off", "refused", "empty", "rejected"]),
)
def test_any_reply_has_a_known_fate(text, recipe, outcome):
    assert judge(text, outcome, load_recipe(recipe)).reason in {None, *REASONS}


def copied_plainly(passage: list[str], seed: list[str]) -> tuple[float, int]:
    copied, longest, i = 0, 0, 0
    while i < len(passage):
        best = 0
        for j in range(len(seed)):
            k = 0
            while i + k < len(passage) and j + k < len(seed) and passage[i + k] == seed[j + k]:
                k += 1
            best = max(best, k)
        longest = max(longest, best)
        copied += best if best >= RUN_WORDS else 0
        i += best if best >= RUN_WORDS else 1
    return (copied / len(passage) if passage else 0.0), longest


WORDS = st.lists(st.sampled_from(["oak", "owl", "elm"]), max_size=40)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_what_is_copied_equals_the_plain_loop(pairs):
    passages = pa.array([" ".join(a) for a, _ in pairs], pa.large_string())
    seeds = pa.array([" ".join(b) for _, b in pairs], pa.large_string())
    shares, longest = measure_copied(passages, seeds)
    plain = [copied_plainly(a, b) for a, b in pairs]
    np.testing.assert_allclose(shares, [share for share, _ in plain])
    assert longest.tolist() == [most for _, most in plain]
