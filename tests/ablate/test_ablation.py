"""The instrument finds a planted difference, none where there is none, and keeps evaluation text out."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.ablate import AblateSettings, ablate, draw_svg, write_ablation
from curate.ablate import run as run_module
from curate.ablate.encoded import Encoded, encode, encode_judged
from curate.ablate.result import _gap
from curate.ablate.texts import outside_evaluation
from curate.ablate.trigram import Trigram
from curate.errors import SettingError
from curate.tokens import train_encoder

EASY = "the cat sat on a mat and saw the old dog run by the house in the rain".split()
HARD = [f"{a}{b}{c}" for a in "xzqk" for b in "aeiou" for c in "bdgv"]
SMALL = AblateSettings(tokens=4_000, vocabulary=400)


def texts(words, n, seed):
    rng = np.random.default_rng(seed)
    return [" ".join(words[i] for i in rng.integers(0, len(words), 60)) for _ in range(n)]


def test_text_like_the_evaluation_text_wins():
    arms = {"raw": texts(HARD, 300, 1), "same": texts(HARD, 300, 2), "near": texts(EASY, 300, 3)}
    gaps = {gap.arm: gap for gap in ablate(arms, {"goal": texts(EASY, 20, 4)}, SMALL).gaps()}
    assert gaps["near"].clear
    assert gaps["near"].high < 0
    assert abs(gaps["same"].gap) < abs(gaps["near"].gap) / 5


def test_two_random_halves_do_not_differ():
    both = [a + " " + b for a, b in zip(texts(HARD, 600, 1), texts(EASY, 600, 2), strict=True)]
    found = ablate({"one": both[::2], "other": both[1::2]}, {"goal": texts(EASY, 20, 4)}, SMALL)
    (gap,) = found.gaps()
    assert not gap.clear
    assert gap.low < 0 < gap.high
    assert "not clear" in found.table()


@pytest.mark.parametrize(("seeds_sd", "documents_sd"), [(1.0, 0.0), (0.0, 1.0), (0.5, 2.0)])
def test_intervals_hold_the_truth_as_often_as_they_say(seeds_sd, documents_sd):
    rng = np.random.default_rng(0)
    n_bytes = rng.integers(500, 4000, 40).astype(float)
    held = 0
    for _ in range(400):
        gaps = 0.3 + rng.normal(0, seeds_sd, (3, 1)) + rng.normal(0, documents_sd, (1, 40))
        gap = _gap(("m", "d", "a"), gaps * n_bytes, n_bytes)
        held += gap.low <= 0.3 <= gap.high
    assert 0.92 <= held / 400 <= 0.99


def test_one_seed_gives_no_interval_and_valid_json(tmp_path):
    arms = {"raw": texts(HARD, 100, 1), "near": texts(EASY, 100, 3)}
    settings = AblateSettings(tokens=3_000, vocabulary=400, seeds=1)
    found = ablate(arms, {"goal": texts(EASY, 20, 4)}, settings)
    assert not found.gaps()[0].clear
    write_ablation(found, tmp_path)
    saved = json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)
    assert saved["gaps"][0]["low"] is None
    assert "no interval" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "plot.svg").read_text() == draw_svg(found)


def test_arms_with_the_same_texts_give_the_same_numbers():
    raw = texts(HARD, 300, 1)
    found = ablate({"raw": raw, "shuffled": raw[::-1]}, {"goal": texts(EASY, 20, 4)}, SMALL)
    assert found.gaps()[0].gap == 0


@given(st.integers(2, 5), st.integers(1, 400), st.data())
def test_seeds_share_no_text_and_an_arm_reads_what_the_larger_one_reads_first(n_folds, n_tokens, data):
    sizes = np.array(data.draw(st.lists(st.integers(1, 30), min_size=8, max_size=40)))
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    keys = np.random.default_rng(0).integers(0, 2**64, len(sizes), np.uint64)
    pool = Encoded(np.arange(offsets[-1]), offsets, sizes, keys)
    everything = np.arange(len(sizes))
    folds = [pool.fold(everything, n_folds, seed) for seed in range(n_folds)]
    assert sorted(np.concatenate(folds).tolist()) == everything.tolist()
    drawn = [set(pool.draw(fold, n_tokens, "seed").tolist()) for fold in folds]
    assert sum(map(len, drawn)) == len(set().union(*drawn))
    # Without some texts, the order of the others stays.
    whole = pool.draw(everything, int(offsets[-1]), "seed")
    some = everything[:: data.draw(st.integers(2, 4))]
    owner = np.repeat(everything, sizes)
    assert pool.draw(some, int(offsets[-1]), "seed").tolist() == whole[np.isin(owner[whole], some)].tolist()


def test_a_text_that_an_arm_has_twice_is_read_twice():
    pool = Encoded(np.arange(6), np.array([0, 3, 6]), np.array([9, 9]), np.array([5, 8], np.uint64))
    assert sorted(pool.draw(np.array([0, 1, 0]), 99, "s").tolist()) == [0, 0, 1, 1, 2, 2, 3, 4, 5]


def test_rules_of_one_mark_are_judged_once_and_long_documents_up_to_a_point():
    encoder = train_encoder(["a plain text _ to fit on " * 9], 300)
    judged = encode_judged(encoder, ["Name: ________ Date: --- ..........", "a" * 9000], 10**6)
    assert sorted(judged.n_bytes.tolist()) == [len("Name: _ Date: --- ."), 3000]
    assert encode_judged(encoder, ["plain text"] * 50, 12).n_bytes.size < 10


def test_copies_of_evaluation_text_are_left_out_and_counted():
    own, judged = texts(EASY, 200, 1), texts(EASY, 5, 2)
    quoted = ["Before. " + judged[1] + " After."]
    is_out = outside_evaluation([*own, judged[0], *quoted], judged, 0.8)
    assert is_out.tolist() == [False] * 200 + [True] * 2
    arms = {"raw": texts(HARD, 200, 1), "cheat": [*own, *judged, *quoted]}
    lines = []
    found = ablate(arms, {"goal": judged}, SMALL, report=lines.append)
    assert found.facts["arms"]["cheat"] == {
        "n_documents": 200,
        "n_left_out": 6,
        "n_tokens": found.facts["arms"]["cheat"]["n_tokens"],
    }
    assert "cheat: 200 documents, 6 left out as copies of evaluation text" in lines


@pytest.mark.parametrize(
    ("arms", "evaluation", "message"),
    [
        ({"raw": ["a text"]}, {"goal": ["a goal"]}, "at least two arms"),
        ({"raw": ["a text"], "empty": [""]}, {"goal": ["a goal"]}, "'empty' has no text"),
        ({"raw": ["a text"], "other": ["b"]}, {"goal": []}, "'goal' has no text"),
        (
            {"raw": texts(HARD, 9, 1), "copy": texts(EASY, 5, 2)},
            {"goal": texts(EASY, 5, 2)},
            "'copy' are copies",
        ),
        ({"raw": texts(HARD, 9, 1), "few": ["two words"]}, {"goal": texts(EASY, 9, 1)}, "'few' has 0 tokens"),
    ],
)
def test_what_cannot_be_compared_says_why(arms, evaluation, message):
    with pytest.raises(SettingError, match=message):
        ablate(arms, evaluation, SMALL)


def test_too_little_text_lowers_the_amount_for_all_and_says_so():
    lines = []
    arms = {"raw": texts(HARD, 300, 1), "small": texts(EASY, 120, 3)}
    settings = AblateSettings(tokens=10**6, vocabulary=400)
    found = ablate(arms, {"goal": texts(EASY, 20, 4)}, settings, report=lines.append)
    assert 2_000 <= found.facts["n_tokens"]["trigram"] < 10_000
    assert any("instead of 1,000,000: arm 'small' has no more" in line for line in lines)


def test_a_stopped_call_goes_on_with_the_runs_that_are_left(tmp_path, monkeypatch):
    arms = {"raw": texts(HARD, 300, 1), "near": texts(EASY, 300, 3)}
    goal = {"goal": texts(EASY, 20, 4)}
    whole = ablate(arms, goal, SMALL)
    fitted, most = [], 4

    class Counting(Trigram):
        def __init__(self, *arguments):
            if len(fitted) == most:
                raise KeyboardInterrupt
            fitted.append(1)
            super().__init__(*arguments)

    monkeypatch.setattr(run_module, "Trigram", Counting)
    with pytest.raises(KeyboardInterrupt):
        ablate(arms, goal, SMALL, output=tmp_path)
    fitted, most, lines = [], 100, []
    again = ablate(arms, goal, SMALL, output=tmp_path, report=lines.append)
    assert len(fitted) == 2
    assert sum(line.endswith("known") for line in lines) == 4
    assert again.to_json() == whole.to_json()
    # Other settings are other runs.
    ablate(arms, goal, AblateSettings(tokens=3_000, vocabulary=400, seeds=2), output=tmp_path)
    assert len(fitted) == 2 + 4


def test_the_transformer_learns_and_finds_the_planted_difference():
    arms = {"raw": texts(HARD, 200, 1), "near": texts(EASY, 200, 3)}
    settings = AblateSettings(model=("transformer",), transformer_tokens=4_000, vocabulary=300, seeds=2)
    found = ablate(arms, {"goal": texts(EASY, 10, 4)}, settings)
    assert found.facts["learning_rate"] in run_module.PILOT_RATES
    (gap,) = found.gaps()
    assert gap.high < 0
    evaluated = found.nats["transformer"]["near"]["goal"].sum(axis=1)
    n_tokens = len(encode(train_encoder(texts(EASY, 50, 1), 300), texts(EASY, 10, 4)).tokens)
    assert (evaluated < n_tokens * math.log(300) * 0.8).all()


def test_the_transformer_judges_every_token_once_whatever_the_windows():
    torch = pytest.importorskip("torch")
    from curate.ablate import tiny

    decoder = tiny.fit_tiny(np.arange(3000) % 50, tiny.tiny_shape(64), 0, rate=1e-3, seed=0)
    tokens = np.random.default_rng(0).integers(0, 50, 3 * tiny.CONTEXT + 7)
    nats = tiny.tiny_nats(decoder, tokens, 0)
    assert nats.shape == tokens.shape
    # Chunks of a window's length from a document's begin are judged as if alone.
    alone = tiny.tiny_nats(decoder, tokens[: tiny.CONTEXT], 0)
    torch.testing.assert_close(torch.tensor(nats[: tiny.CONTEXT]), torch.tensor(alone), rtol=1e-4, atol=1e-5)


def test_a_larger_transformer_is_another_run_than_the_known_one(tmp_path):
    pytest.importorskip("torch")
    arms = {"near": texts(EASY, 60, 1), "far": texts(HARD, 60, 2)}
    judged = {"goal": texts(EASY, 10, 4)}
    common = {"model": ("transformer",), "transformer_tokens": 2000, "vocabulary": 300, "seeds": 1}
    first, again, larger = (
        ablate(arms, judged, AblateSettings(**common, learning_rate=1e-3, **size), output=tmp_path)
        for size in ({}, {"layers": 4, "width": 128}, {"layers": 2, "width": 192})
    )
    of_all = [found.nats["transformer"]["near"]["goal"].sum() for found in (first, again, larger)]
    assert of_all[0] == of_all[1] != of_all[2]
    assert len(list((tmp_path / "runs").iterdir())) == 4
    with pytest.raises(SettingError, match="width must be a multiple of 64, not 100"):
        AblateSettings(width=100)


def test_threads_of_torch_are_as_before_when_a_narrow_model_is_done(monkeypatch):
    torch = pytest.importorskip("torch")
    from curate.ablate import tiny

    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(
        tiny, "_nats", lambda *given, nats=tiny._nats: seen.append(torch.get_num_threads()) or nats(*given)
    )
    torch.set_num_threads(2)
    try:
        decoder = tiny.fit_tiny(np.arange(600) % 50, tiny.tiny_shape(64), 0, rate=1e-3, seed=0)
        tiny.tiny_nats(decoder, np.arange(200) % 50, 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


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
