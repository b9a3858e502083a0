"""What chance makes of a calibration error, and rates by group."""

import numpy as np
import pytest
from classifiers.recipe.measures import compare_rates, perfect_calibration_error

from curate.fit.calibrate import fit_platt


def test_a_perfect_scorer_has_a_calibration_error_that_shrinks_with_the_pages():
    scores = np.random.default_rng(0).beta(0.4, 4, 4000)
    few, many = perfect_calibration_error(scores[:500]), perfect_calibration_error(scores)
    assert few["low"] < few["value"] < few["high"]
    assert 0 < many["value"] < few["value"] / 2
    assert perfect_calibration_error(np.array([0.0, 1.0]))["high"] == 0


def test_rates_by_group_are_promised_by_the_scores():
    scores = np.array([0.5, 0.5, 0.5, 0.5, 0.2, 0.2])
    positive = np.array([True, True, False, False, True, True])
    compared = compare_rates(scores, positive, ["b", "b", "b", "b", "a", "a"])
    assert compared["groups"] == [
        {"name": "b", "n_pages": 4, "promised": 2.0, "found": 2},
        {"name": "a", "n_pages": 2, "promised": 0.4, "found": 2},
    ]
    assert compared["chi_squared"] == pytest.approx(1.6**2 / 0.32)
    assert compared["p_value"] == pytest.approx(np.exp(-4))  # of two degrees of freedom: exp(-x / 2)


def test_calibrated_scores_pass_and_scores_that_are_off_in_one_group_do_not():
    rng = np.random.default_rng(1)
    scores = rng.uniform(0, 0.5, 4000)
    groups = [f"group {i % 8}" for i in range(4000)]
    positive = rng.random(4000) < scores
    assert compare_rates(scores, positive, groups)["p_value"] > 0.01
    off = positive | (np.arange(4000) % 8 == 3)
    assert compare_rates(scores, off, groups)["p_value"] < 1e-6


def test_platts_curve_promises_what_the_source_holds_however_rare_it_is():
    """Fifty labels of a kind and fifty others, with their propensity, at rates down to one in five hundred."""
    for rate in (0.05, 0.01, 0.002):
        ratios: list[float] = []
        for seed in range(20):
            rng = np.random.default_rng(seed)
            n = 100_000
            positive = rng.random(n) < rate
            levels = rng.normal(np.where(positive, 2.5, 0.0), 1)
            chosen = np.concatenate([
                rng.choice(np.flatnonzero(positive), 50, replace=False),
                rng.choice(np.flatnonzero(~positive), 50, replace=False),
            ])  # fmt: skip
            weights = np.where(positive, positive.sum() / 50, (~positive).sum() / 50)
            platt = fit_platt(levels[chosen], positive[chosen], weights[chosen])
            scores = platt.apply(levels.astype(np.float32))
            ratios.append(float(scores.sum()) / int(positive.sum()))
        assert 0.8 < np.median(ratios) < 1.4, (rate, np.median(ratios))


def test_platts_targets_do_not_depend_on_the_unit_of_weights_and_count_labels_where_all_weigh_alike():
    rng = np.random.default_rng(3)
    positive = np.arange(200) % 5 == 0
    levels = rng.normal(np.where(positive, 1.5, 0.0), 1)
    one = fit_platt(levels, positive, np.ones(200))
    many = fit_platt(levels, positive, np.full(200, 250.0))
    assert (one.slope, one.intercept) == pytest.approx((many.slope, many.intercept), rel=1e-6)
    scores = one.apply(levels.astype(np.float32))
    promised = 40 * 41 / 42 + 160 * 1 / 162  # Platt's own targets, whose sum the curve keeps
    assert float(scores.sum()) == pytest.approx(promised, rel=1e-3)
