"""What chance makes of a calibration error, and rates by group."""

import numpy as np
import pytest

from curate.fit.calibrate import compare_rates, perfect_calibration_error


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
