"""A writer for the practice server: plain English of the length that is asked for, and every fault that writers have.

    with PracticeServer(write=write_passage, plant=...) as server: ...

It is no language model: its sentences are put together by a hash of the prompt, so that the same prompt gives the
same text, and what it says means nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_NOUNS = [
    "river",
    "bridge",
    "engine",
    "garden",
    "teacher",
    "student",
    "letter",
    "market",
    "window",
    "machine",
    "forest",
    "planet",
    "number",
    "circle",
    "basket",
    "farmer",
    "sailor",
    "harbour",
    "village",
    "mountain",
    "valley",
    "kitchen",
    "candle",
    "mirror",
    "ladder",
    "wagon",
    "anchor",
    "feather",
    "island",
    "journey",
    "signal",
    "measure",
    "pattern",
    "question",
    "answer",
    "reason",
    "result",
    "method",
    "lesson",
    "example",
    "problem",
    "theory",
    "experiment",
    "balance",
    "weight",
]
_VERBS = [
    "carries",
    "follows",
    "measures",
    "explains",
    "changes",
    "supports",
    "reaches",
    "divides",
    "compares",
    "counts",
    "lifts",
    "moves",
    "repairs",
    "studies",
    "describes",
    "discovers",
    "remembers",
    "protects",
    "collects",
    "balances",
]
_QUALITIES = [
    "small",
    "heavy",
    "bright",
    "careful",
    "simple",
    "narrow",
    "distant",
    "quiet",
    "ancient",
    "useful",
    "steady",
    "broken",
    "hidden",
    "familiar",
    "patient",
    "curious",
    "gentle",
    "regular",
    "sudden",
    "practical",
]
_LINKS = ("because", "although", "whenever", "so that", "as soon as", "even though", "while", "since")
_TIMES = (
    "In the morning", "After a while", "At first", "In the end", "Most of the time", "Once in a year", "On the way home",
    "Without any doubt", "For this reason", "Near the old road", "During the winter", "With a little practice",
)  # fmt: skip
WRITER_FAULTS = (
    "wr_refusal", "wr_preamble", "wr_afterword", "wr_self_talk", "wr_loop", "wr_copy", "wr_cut", "wr_mid_sentence",
    "wr_wrong_format", "wr_foreign", "wr_short", "wr_long", "wr_no_words", "wr_empty", "wr_bad_code", "wr_other_answer",
)  # fmt: skip
"""Faults of the text itself; `curate.testing.practice.FAILURES` has those of servers."""


def write_passage(prompt: str, fault: str | None = None) -> str:
    """Write what a prompt of `curate craft` asks for, or what goes wrong in its place."""
    n_words = int(found[1]) if (found := re.search(r"(?<!\d)(\d+)\s+words", prompt)) else 200
    found = re.search(r"words must occur[^:]*:\s*([\w, ]+)", prompt)
    required = [] if found is None or fault == "wr_no_words" else found[1].split(", ")
    n_words = {"wr_short": n_words // 10, "wr_long": 5 * n_words}.get(fault or "", n_words)
    good = _in_form(prompt, random.Random(prompt), n_words, required, fault)  # noqa: S311
    return _FAULTS.get(fault or "", lambda text, _: text)(good, prompt)


def _in_form(prompt: str, chance: random.Random, n_words: int, required: list[str], fault: str | None) -> str:
    words = " ".join(f"There was a {word} in it." for word in required)
    if "<problem>" in prompt:
        a, b = chance.randrange(10, 99), chance.randrange(10, 99)
        stated = a + b + (fault == "wr_other_answer")
        problem = (
            f"{_sentences(chance, n_words // 2)} {words} There are {a} of them here and {b} there. How many?"
        )
        solution = f"{_sentences(chance, n_words // 2)}\nThe sum of {a} and {b} is {a + b}.\nResult: {a + b}"
        return f"<problem>{problem}</problem>\n<solution>{solution}</solution>\n<answer>{stated}</answer>"
    body = "    return [" if fault == "wr_bad_code" else "    return first + second"
    if "one block between ```python" in prompt:
        doc = f'    """{_sentences(chance, n_words)} {words}"""'
        return f"```python\ndef add(first: int, second: int) -> int:\n{doc}\n{body}\n```"
    if "Question:" in prompt:
        pairs = [
            f"Question: {_sentences(chance, 12)}\nAnswer: {_sentences(chance, n_words // 5)}"
            for _ in range(4)
        ]
        return "\n\n".join(pairs)
    if "Tutor:" in prompt:
        turns = [f"{who}: {_sentences(chance, n_words // 6)}" for who in ("Tutor", "Learner") * 3]
        return "\n\n".join([*turns, f"Tutor: {words}"])
    text = f"{_sentences(chance, n_words // 2)}\n\n{words} {_sentences(chance, n_words // 2)}"
    if "```python" in prompt:
        text += f"\n\n```python\ndef add(first, second):\n{body}\n```\n\nIt returns the sum."
    return text


def _sentences(chance: random.Random, n_words: int) -> str:
    made: list[str] = []
    while sum(len(sentence.split()) for sentence in made) < n_words:
        a, b, c, d = (chance.choice(_NOUNS) for _ in range(4))
        one, two = chance.choice(_VERBS), chance.choice(_VERBS)
        p, q, r = (chance.choice(_QUALITIES) for _ in range(3))
        made.append(
            f"{chance.choice(_TIMES)} the {p} {a} {one} the {q} {b} {chance.choice(_LINKS)} the {c} {two} a {r} {d}."
        )
    return " ".join(made)


def _page_in(prompt: str) -> str:
    return prompt.partition("<page>\n")[2].rpartition("\n</page>")[0]


# ruff: noqa: ARG005  (each takes the good text and the prompt)
_FAULTS: dict[str, Callable[[str, str], str]] = {
    "wr_refusal": lambda text, prompt: "I'm sorry, but I can't help with writing about this subject.",
    "wr_preamble": lambda text, prompt: f"Sure! Here is the section you asked for:\n\n{text}",
    "wr_afterword": lambda text, prompt: f"{text}\n\nLet me know if you would like any changes!",
    "wr_self_talk": lambda text, prompt: f"{text} As an AI language model, I have never seen a river.",
    "wr_loop": lambda text, prompt: " ".join([text[: text.find(".") + 1]] * 20) + f" {text}",
    "wr_copy": lambda text, prompt: f"{_page_in(prompt)} {text[: text.find('.') + 1]}",
    "wr_cut": lambda text, prompt: text[: len(text) // 2],
    "wr_mid_sentence": lambda text, prompt: text[: text.rfind(" ")] + " and the",
    "wr_wrong_format": lambda text, prompt: re.sub(r"</?answer>|```|Question:|Tutor:", "", text),
    "wr_foreign": lambda text, prompt: " ".join(
        f"Der Lehrer erklärt den Schülern am Morgen die Aufgabe Nummer {n}, und danach rechnen sie gemeinsam weiter."
        for n in range(1 + len(text.split()) // 16)
    ),
    "wr_empty": lambda text, prompt: " \n",
}
