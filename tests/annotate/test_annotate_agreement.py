"""Agreement figures against published examples, and the merging rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from curate.annotate.agreement import krippendorff_alpha, measure_agreement, merge_labels
from curate.annotate.labels import with_level_field
from curate.errors import SettingError

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units,
# missing data. Published: nominal .743, ordinal .815, interval .849.
_ = np.nan
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T


@pytest.mark.parametrize(("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(metric, alpha):
    assert krippendorff_alpha(PUBLISHED, metric) == pytest.approx(alpha, abs=5e-4)


def plain_alpha(levels, distance):
    """By its definition: pairs within units against pairs of all values that can be paired."""
    units = [[v for v in row if not np.isnan(v)] for row in levels]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    if not units:
        return float("nan")
    n = len(values)
    observed = sum(sum(distance(a, b) for a in unit for b in unit) / (len(unit) - 1) for unit in units) / n
    expected = sum(distance(a, b) for a in values for b in values) / (n * (n - 1))
    return 1 - observed / expected if expected else float("nan")


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (6, 3), elements=st.sampled_from([0.0, 1.0, 2.0, 5.0, np.nan])))
def test_alpha_equals_its_definition(levels):
    for metric, distance in (
        ("interval", lambda a, b: (a - b) ** 2),
        ("nominal", lambda a, b: float(a != b)),
    ):
        assert krippendorff_alpha(levels, metric) == pytest.approx(plain_alpha(levels, distance), nan_ok=True)


def row(page, level, annotator="model", **others):
    return {
        "id": page,
        "text": f"text of {page}",
        "edu_level": level,
        "annotator": annotator,
        "reason": f"{annotator} {level}",
    } | others


def test_agreement_of_two_annotators_names_their_figures_and_their_quarrels():
    rows = [
        row("a", 1),
        row("a", 1, "other"),
        row("b", 2),
        row("b", 4, "other"),
        row("c", 3),
        row("c", 3, "other"),
        row("d", 0),
        row("e", None, "other", problem="refused"),
    ]
    found = measure_agreement(rows)
    assert found.annotators == {"model": 4, "other": 3}
    assert (found.n_pages, found.n_shared) == (4, 3)
    pair = found.pairs[0]
    assert (pair.n_pages, pair.frac_equal, pair.frac_within_1) == (
        3,
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
    )
    assert pair.mean_difference == pytest.approx(2 / 3)
    # By hand: weighted disagreement 4 observed of 3 pages; expected over all pairs (1,1,9 + 1,4,0... ) / 3.
    one, other = np.array([1, 2, 3]), np.array([1, 4, 3])
    expected = ((one[:, None] - other[None, :]) ** 2).mean()
    assert pair.kappa == pytest.approx(1 - ((one - other) ** 2).mean() / expected)
    assert [(page.id, page.spread) for page in found.disagreements] == [("b", 2.0)]


def test_draws_of_one_model_are_compared_with_each_other():
    found = measure_agreement(
        [row("a", 1, draw=0), row("a", 2, draw=1), row("b", 3, draw=0), row("b", 3, draw=1)]
    )
    assert set(found.annotators) == {"model", "model | draw 1"}


def test_annotators_that_never_vary_have_no_kappa():
    found = measure_agreement([row("a", 1), row("a", 1, "other")])
    assert np.isnan(found.pairs[0].kappa)
    assert np.isnan(found.alpha["interval"])


def test_nothing_to_compare_is_a_setting_error():
    with pytest.raises(SettingError, match="No row has a level"):
        measure_agreement([row("a", None)])


def test_a_person_goes_before_every_model_and_the_last_word_counts():
    merged = merge_labels(
        [row("a", 1), row("a", 4, "human:kim"), row("a", 5, "other"), row("a", 3, "human:kim")]
    )
    assert [(m["edu_level"], m["annotator"], m["n_levels"]) for m in merged] == [(3, "human:kim", 4)]


def test_models_meet_at_the_median_and_draws_count_once_for_each_model():
    rows = [
        row("a", 0, "x", draw=0),
        row("a", 0, "x", draw=1),
        row("a", 0, "x", draw=2),
        row("a", 3, "y"),
        row("a", 4, "z"),
    ]
    merged = merge_labels(rows)
    assert (merged[0]["edu_level"], merged[0]["annotator"], merged[0]["spread"]) == (3, "merged", 4)


def test_two_models_can_meet_at_a_half():
    assert merge_labels([row("a", 2, "x"), row("a", 3, "y")])[0]["edu_level"] == 2.5


def test_a_page_without_a_level_keeps_its_problem():
    merged = merge_labels([row("a", None, problem="refused"), row("b", 2)])
    assert [(m["id"], m["edu_level"], m.get("problem")) for m in merged] == [
        ("a", None, "refused"),
        ("b", 2, None),
    ]


def test_labels_of_ones_own_are_merged_by_their_own_field_and_without_ids():
    """Tables of people have no `level_field`, often no ids, and nobody's name."""
    own = [{"text": f"page {n}", "science": n % 3} for n in range(6)]
    other = [row | {"science": row["science"] + 1} for row in own]
    for function in (merge_labels, measure_agreement):
        with pytest.raises(SettingError, match="No row has a level.*--level-field"):
            function(own)
    with pytest.raises(SettingError, match="Did you mean 'science'"):
        with_level_field(own, "scienc")
    rows = with_level_field([*own, *other, {"text": "page 7", "science": float("nan")}], "science")
    merged = merge_labels(rows)
    assert [each["science"] for each in merged] == [0.5, 1.5, 2.5, 0.5, 1.5, 2.5, None]
    assert [each["science"] for each in merge_labels(merged)] == [each["science"] for each in merged]
    found = measure_agreement(rows)
    assert (found.n_pages, found.n_shared, found.pairs[0].mean_difference) == (6, 6, 1.0)
