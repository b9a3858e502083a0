"""Shares from weights, and whole windows under caps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import SettingError
from curate.mixture.shares import divide_windows, solve_shares

GROUPS = [
    {"source": source, "domain": domain, "bucket": bucket}
    for source in ("books", "web")
    for domain in ("art", "maths")
    for bucket in ("q0", "q1")
]
SIZES = np.array([10.0, 20, 30, 40, 100, 200, 300, 300])


def share_of(shares, axis, name):
    return sum(share for share, group in zip(shares, GROUPS, strict=True) if group[axis] == name)


def test_without_weights_the_mixture_is_the_union():
    assert solve_shares(GROUPS, SIZES, {}) == pytest.approx(SIZES / 1000)


def test_a_weight_fixes_a_share_and_the_others_divide_the_rest_by_size():
    shares = solve_shares(GROUPS, SIZES, {"sources": {"books": 0.5}})
    assert share_of(shares, "source", "books") == pytest.approx(0.5)
    assert shares[:4] == pytest.approx(0.5 * SIZES[:4] / 100)
    assert shares[4:] == pytest.approx(0.5 * SIZES[4:] / 900)


def test_a_cap_on_a_source_gives_what_is_above_to_the_others_and_binds_only_there():
    shares = solve_shares(GROUPS, SIZES, {"max_shares": {"web": 0.6}})
    assert share_of(shares, "source", "web") == pytest.approx(0.6)
    assert shares[:4] == pytest.approx(0.4 * SIZES[:4] / 100)
    assert solve_shares(GROUPS, SIZES, {"max_shares": {"web": 0.9}}) == pytest.approx(SIZES / 1000)
    capped = solve_shares(GROUPS, SIZES, {"sources": {"books": 3, "web": 1}, "max_shares": {"books": 0.5}})
    assert share_of(capped, "source", "books") == pytest.approx(0.5)


def test_a_cap_holds_beside_weights_of_domains():
    shares = solve_shares(GROUPS, SIZES, {"domains": {"art": 0.5}, "max_shares": {"web": 0.3}})
    assert share_of(shares, "source", "web") == pytest.approx(0.3)
    assert share_of(shares, "domain", "art") == pytest.approx(0.5)


def test_caps_that_leave_less_than_everything_are_refused():
    with pytest.raises(SettingError, match="max_share leaves nothing"):
        solve_shares(GROUPS, SIZES, {"max_shares": {"web": 0.3, "books": 0.3}})


def test_weights_for_every_name_are_ratios():
    shares = solve_shares(GROUPS, SIZES, {"sources": {"books": 3, "web": 1}})
    assert share_of(shares, "source", "books") == pytest.approx(0.75)


def test_a_curve_lifts_good_buckets_and_zero_leaves_one_out():
    shares = solve_shares(GROUPS, SIZES, {"upsample": {"q0": 0, "q1": 2}})
    assert share_of(shares, "bucket", "q0") == 0
    assert shares[1] == pytest.approx(20 / 560)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_weights_on_all_axes_are_met_at_once(books, maths, best):
    stage = {"sources": {"books": books}, "domains": {"maths": maths}, "buckets": {"q1": best}}
    shares = solve_shares(GROUPS, SIZES, stage)
    assert share_of(shares, "source", "books") == pytest.approx(books, abs=1e-6)
    assert share_of(shares, "domain", "maths") == pytest.approx(maths, abs=1e-6)
    assert share_of(shares, "bucket", "q1") == pytest.approx(best, abs=1e-6)
    assert shares.sum() == pytest.approx(1)


def test_a_weight_for_a_name_without_text_is_an_error():
    with pytest.raises(SettingError, match=r"no text of domain .physics.*Known: art, maths"):
        solve_shares(GROUPS, SIZES, {"domains": {"physics": 0.2}})


def test_weights_beside_unweighted_names_must_leave_them_something():
    with pytest.raises(SettingError, match=r"add to 1.5.*web"):
        solve_shares(GROUPS, SIZES, {"sources": {"books": 1.5}})


def test_contradicting_weights_are_an_error():
    groups = [{"source": "a", "domain": "x", "bucket": "q"}, {"source": "b", "domain": "y", "bucket": "q"}]
    with pytest.raises(SettingError, match="contradict"):
        solve_shares(groups, np.array([1.0, 1.0]), {"sources": {"a": 0.9}, "domains": {"x": 0.1}})


def test_what_a_cap_frees_goes_to_the_others_by_their_shares():
    divided = divide_windows(
        np.array([[0.5, 0.3, 0.2]]), np.array([100]), np.array([10, 1000, 1000]), ["main"]
    )
    assert divided.tolist() == [[10, 54, 36]]


def test_a_cap_lowers_a_group_alike_in_all_stages():
    shares = np.array([[0.5, 0.5], [0.9, 0.1]])
    divided = divide_windows(shares, np.array([100, 100]), np.array([70, 1000]), ["one", "two"])
    assert divided.sum(axis=1).tolist() == [100, 100]
    assert divided[:, 0].tolist() == [25, 45]


def test_a_stage_whose_groups_are_all_capped_is_an_error_that_names_it():
    shares = np.array([[0.5, 0.5], [1.0, 0.0]])
    with pytest.raises(
        SettingError, match=r"Stage 'late' is to have 100 tokens, .* leave 40\..* factor of 2\.50"
    ):
        divide_windows(shares, np.array([100, 100]), np.array([60, 1000]), ["early", "late"])


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 8).flatmap(
        lambda n: st.tuples(
            st.lists(st.floats(0.01, 1), min_size=n, max_size=n),
            st.lists(st.integers(0, 60), min_size=n, max_size=n),
            st.integers(1, 200),
        )
    )
)
def test_whole_windows_keep_the_caps_and_fill_the_stage(drawn):
    weights, caps, n_windows = drawn
    n_windows = min(n_windows, sum(caps))
    shares = np.array(weights) / sum(weights)
    divided = divide_windows(shares[None], np.array([n_windows]), np.array(caps), ["main"])
    assert (divided[0] <= caps).all()
    assert divided.sum() == n_windows


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(0.001, 1), min_size=1, max_size=12),
    st.lists(st.integers(0, 500), min_size=1, max_size=4),
)
def test_without_caps_every_group_is_within_one_window_of_its_share(weights, n_windows):
    shares = np.tile(np.array(weights) / sum(weights), (len(n_windows), 1))
    caps = np.full(len(weights), 2**62)
    names = [f"s{i}" for i in range(len(n_windows))]
    divided = divide_windows(shares, np.array(n_windows), caps, names)
    assert (np.abs(divided - shares * np.array(n_windows)[:, None]) < 1).all()
    assert divided.sum(axis=1).tolist() == n_windows
