"""The bands follow from the recall target, and the chance to meet is what banding promises."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from curate.dedup import DedupPlan, compute_signatures
from curate.errors import SettingError


@pytest.mark.parametrize("jaccard", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("recall", [0.9, 0.99, 0.999, 0.9999])
def test_a_pair_at_the_threshold_meets_with_the_wanted_chance(jaccard, recall):
    plan = DedupPlan(jaccard=jaccard, recall=recall)
    assert plan.chance_to_meet(jaccard) >= recall
    assert plan.chance_to_meet(jaccard / 2) <= (0.2 if jaccard >= 0.5 else 0.7)


def test_the_s_curve_climbs_from_never_to_always():
    curve = DedupPlan().s_curve()
    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    assert all(low[1] <= high[1] for low, high in pairwise(curve))


def test_the_chance_to_meet_is_measured_as_promised():
    plan = DedupPlan(n_bands=6, n_rows=4)
    rng = np.random.default_rng(7)
    n_pairs, met = 600, 0
    texts = []
    for _ in range(n_pairs):
        common = rng.integers(0, 10**9, 70)
        for _ in range(2):  # sets of single words: 70 in common, 20 each apart: Jaccard 70 / 110
            words = [*common, *rng.integers(10**9, 10**10, 20)]
            texts += [" ".join(map(str, words))]
    signatures = compute_signatures(pa.array(texts), DedupPlan(n_bands=6, n_rows=4, shingle_words=1))
    bands = signatures.reshape(n_pairs, 2, 6, 4)
    met = (bands[:, 0] == bands[:, 1]).all(axis=2).any(axis=1).mean()
    assert met == pytest.approx(plan.chance_to_meet(70 / 110), abs=0.06)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"jaccard": 0}, "0.8"),
        ({"jaccard": 1.5}, "0.8"),
        ({"recall": 1.0}, "0.999"),
        ({"shingle_words": 0}, "such as 5"),
        ({"seed": -1}, "seed"),
        ({"n_bands": 3}, "together"),
        ({"jaccard": 0.001, "recall": 0.999999}, "4096"),
        ({"n_bands": 1000, "n_rows": 5}, "4096"),
    ],
)
def test_a_wrong_setting_says_what_to_give(settings, said):
    with pytest.raises(SettingError, match=said):
        DedupPlan(**settings)
