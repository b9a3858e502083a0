"""The order of training windows: what it promises, for plans of any shape."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curate.errors import SettingError
from curate.mixture import order as order_module
from curate.mixture.order import _Deck, _permute, build_order, validation_windows


def make_plan(n_groups, *, stages=1, max_passes=4.0, budget=None):
    groups = [
        {
            "name": f"g{i}",
            "source": f"s{i % 3}",
            "domain": f"d{i % 2}",
            "bucket": f"q{i % 4}",
            "max_passes": max_passes,
        }
        for i in range(n_groups)
    ]
    curves = [{}, {"q3": 2.5}, {"q0": 0.0, "q2": 2.0, "q3": 4.0}]
    return {
        "groups": groups,
        "budget_tokens": budget,
        "stages": [{"name": f"stage {i}", "share": 1.0 + i, "upsample": curves[i]} for i in range(stages)],
    }


@st.composite
def orders(draw):
    sizes = draw(st.lists(st.integers(0, 400), min_size=1, max_size=9))
    plan = make_plan(
        len(sizes), stages=draw(st.integers(1, 3)), max_passes=draw(st.sampled_from([1, 1.5, 2, 4, None]))
    )
    context = draw(st.integers(1, 40))
    seed = draw(st.integers(0, 5))
    try:
        order = build_order(
            plan, sizes, context_tokens=context, windows_per_step=draw(st.integers(1, 7)), seed=seed
        )
    except SettingError:
        assume(False)
    return order, np.array(sizes), plan


def all_windows(order):
    return order._find(np.arange(order.n_windows))


@settings(max_examples=150, deadline=None)
@given(orders())
def test_every_prefix_of_a_stage_is_within_one_window_of_the_plan(made):
    order, _, _ = made
    groups, _ = all_windows(order)
    begin = 0
    for counts in order.stage_counts:
        n = int(counts.sum())
        dealt = np.cumsum(groups[begin : begin + n, None] == np.arange(len(counts)), axis=0)
        planned = np.arange(1, n + 1)[:, None] * counts / max(n, 1)
        assert n == 0 or np.abs(dealt - planned).max() < 1
        assert n == 0 or (dealt[-1] == counts).all()
        begin += n
    assert begin == order.n_windows


@settings(max_examples=150, deadline=None)
@given(orders())
def test_tokens_of_a_group_are_targets_equally_often_or_once_more_at_any_time(made):
    order, sizes, plan = made
    seen = [np.zeros(size, int) for size in sizes]
    for group, offset in zip(*all_windows(order), strict=True):
        targets = (offset + 1 + np.arange(order.context_tokens)) % sizes[group]
        np.add.at(seen[group], targets, 1)
        assert seen[group].max() - seen[group].min() <= 1
    for counts, group in zip(seen, plan["groups"], strict=True):
        if len(counts) and group["max_passes"] is not None:
            assert counts.max() <= np.ceil(group["max_passes"])


@settings(max_examples=60, deadline=None)
@given(orders(), st.randoms(use_true_random=False))
def test_a_window_asked_for_alone_is_the_one_of_the_whole_run(made, random):
    order, _, _ = made
    groups, offsets = all_windows(order)
    for _ in range(min(20, order.n_steps * order.windows_per_step)):
        position = random.randrange(order.n_steps * order.windows_per_step)
        step, slot = divmod(position, order.windows_per_step)
        assert order.window(step, slot) == (groups[position], offsets[position])


@settings(max_examples=60, deadline=None)
@given(orders())
def test_counts_and_passes_are_those_of_the_windows_themselves(made):
    order, sizes, _ = made
    groups, _ = all_windows(order)
    for n in {0, 1, order.n_windows // 2, order.n_windows, order.n_windows + 5}:
        assert (order.counts(n) == np.bincount(groups[:n], minlength=len(sizes))).all()
    drawn = (
        np.bincount(groups[: order.n_steps * order.windows_per_step], minlength=len(sizes))
        * order.context_tokens
    )
    some = sizes > 0
    assert np.allclose(order.passes(order.n_steps)[some], (drawn / np.maximum(sizes, 1))[some])


def test_any_share_of_the_slots_gives_the_same_windows():
    order = build_order(
        make_plan(7, stages=3), [900, 30, 1, 0, 555, 77, 310], context_tokens=8, windows_per_step=12
    )
    for step in range(order.n_steps):
        groups, offsets = order.windows(step, np.arange(12))
        for world in (1, 2, 4):
            for rank in range(world):
                some = order.windows(step, np.arange(12)[rank::world])
                assert (some[0] == groups[rank::world]).all()
                assert (some[1] == offsets[rank::world]).all()


def test_the_union_sees_every_group_about_once():
    sizes = [100_000, 5_000, 40_000]
    order = build_order(make_plan(3), sizes, context_tokens=10, windows_per_step=5)
    assert order.n_windows == sum(sizes) // 10
    assert order.passes(order.n_steps) == pytest.approx([1, 1, 1], abs=0.002)


def test_a_window_begins_at_the_eos_before_a_document_or_in_its_midst():
    order = build_order(make_plan(1), [50], context_tokens=10, windows_per_step=1)
    _, offsets = all_windows(order)
    assert sorted(offsets) == [9, 19, 29, 39, 49]


def test_passes_come_in_different_orders_and_seeds_differ():
    plan = make_plan(1, budget=4000)
    order = build_order(plan, [1000], context_tokens=10, windows_per_step=1, seed=0)
    _, offsets = all_windows(order)
    first, second = offsets[:100], offsets[100:200]
    assert sorted(first) == sorted(second)
    assert (first != second).mean() > 0.9
    assert (first != np.sort(first)).mean() > 0.9
    other = build_order(plan, [1000], context_tokens=10, windows_per_step=1, seed=1)
    assert (all_windows(other)[1][:100] != first).mean() > 0.9
    assert other.fingerprint != order.fingerprint


def test_shuffled_windows_fall_everywhere_alike():
    order = build_order(make_plan(1, budget=640_000), [160_000], context_tokens=10, windows_per_step=1)
    _, offsets = all_windows(order)
    octants = np.histogram(offsets[:4000], bins=8, range=(0, 160_000))[0]
    assert np.abs(octants - 500).max() < 110  # five standard deviations
    neighbours = np.corrcoef(offsets[:-1], offsets[1:])[0, 1]
    assert abs(neighbours) < 0.02


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_permutations_hit_every_place_once(size, key):
    assert sorted(_permute(place, size, np.uint64(key)) for place in range(size)) == list(range(size))


def test_permutations_of_huge_passes_stay_in_range():
    size = 10**12 + 7
    values = {_permute(place, size, np.uint64(9)) for place in range(1000)}
    assert len(values) == 1000
    assert 0 <= min(values) < max(values) < size


def deal_plainly(counts):
    """P-fair dealing in plain Python, as the oracle: nearest deadline first, then smallest number."""
    period, dealt, groups = sum(counts), [0] * len(counts), []
    for time in range(period):
        ready = [
            (-(-(dealt[g] + 1) * period // counts[g]), g)
            for g in range(len(counts))
            if dealt[g] < counts[g] and dealt[g] * period // counts[g] <= time
        ]
        group = min(ready)[1]
        dealt[group] += 1
        groups.append(group)
    return groups


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 50))
def test_dealing_is_that_of_the_plain_loop_whatever_the_block(counts, block):
    assume(sum(counts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order_module, "_BLOCK", block)
        deck = _Deck(np.array(counts))
        period, repeats = sum(counts) // deck.n_repeats, deck.n_repeats
        expected = deal_plainly([count // repeats for count in counts]) * repeats
        groups, turns = deck.deal(np.arange(sum(counts)))
        assert groups.tolist() == expected
        assert period * repeats == sum(counts)
        for group in range(len(counts)):
            assert turns[groups == group].tolist() == list(range(counts[group]))


def test_stages_raise_the_share_of_the_best_bucket():
    order = build_order(make_plan(4, stages=3), [4000] * 4, context_tokens=16, windows_per_step=4)
    shares = [order.shares(step)[3] for step in (0, order.n_steps // 3, order.n_steps - 1)]
    assert [order.stage(step) for step in (0, order.n_steps // 3, order.n_steps - 1)] == [0, 1, 2]
    assert shares[0] < shares[1] < shares[2]
    assert order.shares(order.n_steps - 1)[0] == 0


def test_a_budget_beyond_the_caps_says_what_is_possible():
    with pytest.raises(SettingError, match=r"caps on passes allow: 4,000.*Lower budget_tokens"):
        build_order(make_plan(2), [600, 400], context_tokens=10, windows_per_step=1, budget_tokens=9000)
    with pytest.raises(SettingError, match=r"raise max_passes by a factor of 2\.25"):
        build_order(make_plan(2), [600, 400], context_tokens=10, windows_per_step=1, budget_tokens=9000)
    enough = make_plan(2, max_passes=4 * 2.25)
    order = build_order(enough, [600, 400], context_tokens=10, windows_per_step=1, budget_tokens=9000)
    assert order.n_windows == 900


def test_text_shorter_than_a_window_is_an_error_that_says_so():
    with pytest.raises(SettingError, match="do not fill one window"):
        build_order(make_plan(2), [6, 4], context_tokens=100, windows_per_step=1)


def test_windows_past_the_end_are_refused():
    order = build_order(make_plan(1), [100], context_tokens=10, windows_per_step=2)
    with pytest.raises(IndexError, match="steps to 4"):
        order.window(5, 0)
    with pytest.raises(IndexError, match="slots are 0 to 1"):
        order.window(0, 2)


@given(st.integers(0, 300), st.integers(1, 50))
def test_validation_windows_have_every_token_as_a_target_once(n_tokens, context):
    offsets, n_targets = validation_windows(n_tokens, context)
    targets = [
        (offset + 1 + i) % n_tokens for offset, n in zip(offsets, n_targets, strict=True) for i in range(n)
    ]
    assert targets == list(range(n_tokens))
    assert (n_targets > 0).all()


SHOW = """
from curate.mixture.order import build_order
groups = [{"name": n, "source": n, "domain": "d", "bucket": "q", "max_passes": 3} for n in "abc"]
plan = {"groups": groups, "budget_tokens": None, "stages": [{"name": "m", "share": 1}]}
order = build_order(plan, [500, 31, 7], context_tokens=8, windows_per_step=4, seed=3)
print(order.fingerprint, [order.window(s, i) for s in range(order.n_steps) for i in range(4)])
"""


def test_an_order_is_the_same_in_another_process(capsys):
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", SHOW]
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    exec(SHOW, {})
    assert there.stdout == capsys.readouterr().out
