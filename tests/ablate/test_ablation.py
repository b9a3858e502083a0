"""The instrument finds a planted difference, none where there is none, and keeps evaluation text out."""

import math

import numpy as np

from curate.ablate import AblateSettings, ablate
from curate.ablate.texts import outside_evaluation
from curate.ablate.trigram import Trigram

EASY = "the cat sat on a mat and saw the old dog run by the house in the rain".split()
HARD = [f"{a}{b}{c}" for a in "xzqk" for b in "aeiou" for c in "bdgv"]


def texts(words, n, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(words[i] for i in rng.integers(0, len(words), 60)) for _ in range(n)]


def test_text_like_the_evaluation_text_wins():
    arms = {"raw": texts(HARD, 300, 1), "same": texts(HARD, 300, 2), "near": texts(EASY, 300, 3)}
    settings = AblateSettings(n_tokens=5_000, n_vocabulary=400)
    gaps = {gap.arm: gap for gap in ablate(arms, {"goal": texts(EASY, 20, 4)}, settings).gaps()}
    assert gaps["near"].high < 0
    assert abs(gaps["same"].gap) < abs(gaps["near"].gap) / 5


def test_copies_of_evaluation_text_are_left_out():
    own, judged = texts(EASY, 20, 1), texts(EASY, 5, 2)
    is_out = outside_evaluation([*own, judged[0], "Before. " + judged[1] + " After."], judged, 0.8)
    assert is_out.tolist() == [False] * 20 + [True] * 2


def test_the_trigram_model_equals_a_plain_one():
    rng = np.random.default_rng(0)
    fitted, held = rng.integers(0, 6, 400), rng.integers(0, 6, 100)
    assert math.isclose(Trigram(fitted, 6, 0).nats(held).sum(), plain_nats(fitted, held, 6), rel_tol=1e-12)


def plain_nats(fitted, held, n_vocabulary):
    def contexts(tokens):
        before = (0, 0)
        for token in map(int, tokens):
            yield before, token
            before = (0, 0) if token == 0 else (before[1], token)

    seen = list(contexts(fitted))

    def chance(context, token):
        if context is None:
            return (sum(t == token for _, t in seen) + 1) / (len(seen) + n_vocabulary)
        tail = [t for c, t in seen if c[-len(context) :] == context]
        shorter = context[1:] or None
        if not tail:
            return chance(shorter, token)
        kinds = len(set(tail))
        return (tail.count(token) + kinds * chance(shorter, token)) / (len(tail) + kinds)

    return -sum(math.log(chance(context, token)) for context, token in contexts(held))
