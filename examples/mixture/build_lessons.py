"""Writes examples/mixture/lessons.jsonl: short exercises with worked answers, in place of LLM-written text.

Run it with `python examples/mixture/build_lessons.py`; it always writes the same bytes. Every row says how it
was made, as rows of synthetic text should: `curate mix` keeps that in the column `provenance`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

N_EACH = 40
NAMES = ("Amara", "Bruno", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana", "Imre", "Jun")
THINGS = ("apples", "books", "marbles", "stamps", "seeds", "shells", "coins", "tickets")
SUBSTANCES = {"water": (0, 100), "ethanol": (-114, 78), "mercury": (-39, 357), "nitrogen": (-210, -196)}
PARTS = {
    "root": "takes up water and minerals from the soil",
    "stem": "carries water up to the leaves and holds them to the light",
    "leaf": "makes sugar from light, water and carbon dioxide",
    "flower": "forms the seeds from which new plants grow",
    "seed": "holds the young plant and the food for its first days",
}


def sharing(rng: random.Random) -> str:
    """Multiply, then divide back."""
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    friends, each = rng.randint(3, 9), rng.randint(4, 12)
    return (
        f"{name} wants to give {each} {thing} to each of {friends} friends. How many {thing} are needed?\n\n"
        f"Each friend gets {each}, and there are {friends} friends, so we multiply: {friends} times {each} is "
        f"{friends * each}. {name} needs {friends * each} {thing}.\n\n"
        f"To check the answer, share the {friends * each} {thing} out again: {friends * each} divided by "
        f"{friends} is {each}, which is what each friend was to get."
    )


def percentage(rng: random.Random) -> str:
    """A share of a whole."""
    name, thing = rng.choice(NAMES), rng.choice(THINGS)
    whole, percent = rng.randint(2, 20) * 20, rng.choice((5, 10, 20, 25, 50, 75))
    part = whole * percent // 100
    return (
        f"Of the {whole} {thing} that {name} has, {percent} percent are old. How many is that?\n\n"
        f"Percent means out of a hundred. One percent of {whole} is {whole} divided by 100, which is "
        f"{whole / 100:g}. We need {percent} times as much: {percent} times {whole / 100:g} is {part}. So {part} "
        f"of the {thing} are old, and the other {whole - part} are not."
    )


def melting(rng: random.Random) -> str:
    """Solid, liquid or gas."""
    name, (melts, boils) = rng.choice(sorted(SUBSTANCES.items()))
    degrees = rng.randint(-25, 45) * 10
    state = "solid" if degrees < melts else "liquid" if degrees < boils else "a gas"
    return (
        f"At ordinary pressure {name} melts at {melts} degrees Celsius and boils at {boils} degrees. In which "
        f"state is it at {degrees} degrees?\n\n"
        f"Below the melting point a substance is solid, between the melting and the boiling point it is "
        f"liquid, and above the boiling point it is a gas. We compare {degrees} with {melts} and {boils}: at "
        f"{degrees} degrees {name} is {state}."
    )


def plants(rng: random.Random) -> str:
    """What parts of a plant do."""
    first, second = rng.sample(sorted(PARTS), 2)
    name = rng.choice(NAMES)
    return (
        f"{name} asks what the {first} of a plant does, and what would change without it.\n\n"
        f"The {first} {PARTS[first]}. Without it the plant could not do this, and would soon lack what the "
        f"other parts need. Compare it with the {second}, which {PARTS[second]}: each part depends on the "
        f"others, and the plant lives because all of them do their work."
    )


KINDS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "sharing": ("mathematics", sharing),
    "percentage": ("mathematics", percentage),
    "melting": ("Science & Technology", melting),
    "plants": ("Science & Technology", plants),
}


def rows() -> Iterator[dict[str, str]]:
    """One row for each exercise."""
    for kind, (topic, write) in KINDS.items():
        rng = random.Random(kind)  # noqa: S311 - exercises, no secrets
        texts = dict.fromkeys(write(rng) for _ in range(4 * N_EACH))
        for number, text in enumerate(list(texts)[:N_EACH]):
            yield {
                "id": f"{kind}-{number:03}",
                "text": text,
                "topic": topic,
                "model": "examples/mixture/build_lessons.py",
                "prompt": kind,
                "license": "Apache-2.0",
            }


if __name__ == "__main__":
    lines = "".join(json.dumps(row) + "\n" for row in rows())
    (Path(__file__).parent / "lessons.jsonl").write_text(lines, encoding="utf-8")
