"""Strictness of annotators and readers, agreement, and readings that become pages: on made-up annotators."""

import numpy as np
import pytest

from curate.errors import SettingError, UnknownNameError
from curate.fit import Recipe, fit_classifier, read_annotations
from curate.fit.annotators import (
    check_names,
    fit_strictness,
    measure_agreement,
    merge_readings,
    number_pages,
    reference_rows,
    render_annotators,
)
from labelled_pages import make_pages

SCALE = (0.0, 5.0, 3.0)


def reading(page, level, annotator, **more):
    return {"text": f"page {page}", "edu_level": level, "annotator": annotator, **more}


def strictness_of(rows, reference="reference", same_scale=()):
    readings = read_annotations(rows)
    is_reference = reference_rows(readings, Recipe(reference_annotator=reference))
    return fit_strictness(readings, is_reference, same_scale)


@pytest.mark.parametrize("seed", range(3))
def test_a_strict_annotator_of_rich_pages_and_a_mild_one_of_poor_pages_are_both_found(seed):
    """What the pages of a domain are worth is not taken for the strictness of who read them."""
    rng = np.random.default_rng(seed)
    rows = []
    for page in range(900):
        rich = page % 3 == 1
        poor = page % 3 == 2
        worth = rng.normal(3.2 if rich else 0.9 if poor else 2.0, 0.6)
        who = [("strict", -0.8)] if rich else [("mild", 0.6)] if poor else [("reference", 0.0)]
        if page < 240:  # a few pages of each domain were read twice
            who = list({**dict(who), "reference": 0.0}.items())
        rows += [reading(page, worth + shift + rng.normal(0, 0.3), name) for name, shift in who]
    found = strictness_of(rows).annotators
    assert found["strict"]["strictness"] == pytest.approx(-0.8, abs=0.12)
    assert found["mild"]["strictness"] == pytest.approx(0.6, abs=0.12)
    assert found["strict"]["low"] < -0.8 < found["strict"]["high"]
    assert found["mild"]["low"] < 0.6 < found["mild"]["high"]
    assert found["reference"]["strictness"] == 0
    assert found["strict"]["n_shared_pages"] == 80


def test_readers_of_one_annotator_share_their_strictness_and_differ_by_their_own():
    rng = np.random.default_rng(0)
    own = {"a": -0.3, "b": 0.0, "c": 0.3, "rare": 0.0}
    rows = []
    for page in range(600):
        worth = rng.normal(2, 1)
        rows.append(reading(page, worth, "reference"))
        reader = "abc"[page % 3]
        rows.append(reading(page, worth - 0.5 + own[reader] + rng.normal(0, 0.3), "guild", reader=reader))
    rows.append(reading(0, rows[0]["edu_level"] - 1.3, "guild", reader="rare"))
    found = strictness_of(rows)
    whole = {name.split(": ")[1]: row["strictness"] for name, row in found.readers.items()}
    assert whole["a"] == pytest.approx(-0.8, abs=0.1)
    assert whole["c"] == pytest.approx(-0.2, abs=0.1)
    assert -1.2 < whole["rare"] < -0.5  # one reading does not make a reader
    assert found.noise == pytest.approx(0.3, abs=0.1)


def test_strictness_reaches_an_annotator_by_way_of_another():
    rows = []
    for page in range(60):
        rows.append(reading(page, page % 4 + 1.0, "middle"))
        other = ("reference", 1.5) if page < 30 else ("far", 0.5)
        rows.append(reading(page, page % 4 + other[1], other[0]))
    found = strictness_of(rows).annotators
    assert found["middle"]["strictness"] == pytest.approx(-0.5, abs=0.01)
    assert found["far"]["strictness"] == pytest.approx(-1.0, abs=0.01)


def test_who_shares_no_page_is_taken_at_its_word_and_said_to_be_unknown():
    rows = [reading(page, 2.0, "reference") for page in range(20)]
    rows += [reading(100 + page, 1.0, "stranger") for page in range(20)]
    found = strictness_of(rows)
    assert found.annotators["stranger"]["strictness"] is None
    assert not found.shifts.any()
    assert "shares no page" in render_annotators([], found)


def test_annotators_of_the_same_scale_are_not_shifted():
    rows = [
        reading(page, level, name) for page in range(30) for name, level in (("reference", 3), ("same", 2))
    ]
    assert strictness_of(rows).annotators["same"]["strictness"] == pytest.approx(-1, abs=0.01)
    assert strictness_of(rows, same_scale=("same",)).annotators["same"]["strictness"] == 0


def test_pages_that_were_chosen_by_their_first_level_do_not_make_the_second_reader_strict():
    """Pages at a rare level are there by the error of the first reading: their chance of being drawn undoes it."""
    rng = np.random.default_rng(1)
    n = 20_000
    worth = rng.normal(1.5, 0.8, n)
    first = np.clip(np.round(worth + rng.normal(0, 0.5, n)), 0, 5)
    drawn = np.zeros(n, bool)
    rows = []
    for level in range(5):
        there = np.flatnonzero(first == level)
        taken = there[: min(60, len(there))]
        drawn[taken] = True
        for page in taken:
            chance = len(taken) / len(there)
            rows.append(reading(page, first[page], "reference"))
            second = np.clip(np.round(worth[page] - 0.5 + rng.normal(0, 0.3)), 0, 5)
            rows.append(reading(page, second, "reader", propensity=chance))
    weighted = strictness_of(rows).annotators["reader"]
    plain = strictness_of([{**row, "propensity": 1} for row in rows]).annotators["reader"]
    assert weighted["low"] < -0.45 < weighted["high"]
    assert plain["strictness"] < weighted["strictness"] - 0.05


def test_an_annotators_name_is_matched_whole():
    readings = read_annotations(
        [reading(0, 1, "gpt-4o"), reading(1, 2, "gpt-4o-mini"), reading(2, 2, "gpt-4o-mini")]
    )
    assert reference_rows(readings, Recipe(reference_annotator="gpt-4o")).tolist() == [True, False, False]
    with pytest.raises(UnknownNameError, match="Did you mean"):
        reference_rows(readings, Recipe(reference_annotator="gpt-4"))
    with pytest.raises(UnknownNameError):
        check_names(("mini",), readings)
    with pytest.raises(SettingError, match="name no annotator"):
        check_names(("gpt",), read_annotations([{"text": "a", "label": 1}]))
    weighted = read_annotations(
        [reading(0, 1, "gpt-4o"), reading(1, 2, "gpt-4o-mini")], annotator_weights={"gpt-4o": 0.5}
    )
    assert weighted.weights.tolist() == [0.5, 1.0]


def test_every_reading_counts_also_one_that_equals_another_and_a_page_counts_once():
    rows = [
        *(reading(0, level, "reference", id="x") for level in (3, 3, 4)),
        reading(1, 2, "reference"),
        reading(0, 1, "other"),
        reading(2, 4, "other"),
    ]
    readings = read_annotations(rows)
    assert len(readings) == 6
    assert number_pages(readings).tolist() == [0, 0, 0, 1, 0, 2]
    is_reference = reference_rows(readings, Recipe(reference_annotator="reference"))
    shifts = np.where(is_reference, 0.0, -0.5)
    merged = merge_readings(readings, shifts, is_reference, SCALE)
    assert merged.pages.texts.to_pylist() == ["page 0", "page 1", "page 2"]
    np.testing.assert_allclose(merged.pages.levels, [3, 2, 4.5])  # the median of the reference's readings
    np.testing.assert_allclose(merged.targets, [(10 + 1.5) / 4, 2, 4.5])
    assert merged.reference.tolist() == [True, True, False]
    assert merged.first.tolist() == [0, 3, 5]
    assert merged.pages.weights.tolist() == [1, 1, 1]


def test_most_readings_say_whether_a_page_is_positive():
    votes = [(1, 1, 0), (0, 1, 0), (1, 0), (1,), (0, 1, 1, 1)]
    rows = [reading(at, vote, "") for at, page in enumerate(votes) for vote in page]
    readings = read_annotations(rows)
    merged = merge_readings(readings, np.zeros(len(rows)), np.ones(len(rows), bool), (0.0, 1.0, 1.0))
    assert merged.pages.levels.tolist() == [1, 0, 0.5, 1, 1]
    np.testing.assert_allclose(merged.targets, [2 / 3, 1 / 3, 1 / 2, 1, 3 / 4])


def test_agreement_counts_pairs_of_readings():
    rows = [reading(page, level, "a") for page, level in enumerate((0, 1, 2, 3))]
    rows += [reading(page, level, "b") for page, level in enumerate((0, 1, 1, 1))]
    rows += [reading(0, 1, "b"), reading(9, 2, "b")]
    across, within = measure_agreement(read_annotations(rows))
    assert (across["first"], across["second"], across["n_pages"], across["n_pairs"]) == ("a", "b", 4, 5)
    assert across["equal"] == pytest.approx(2 / 5)
    assert across["within_1"] == pytest.approx(4 / 5)
    assert across["mean_difference"] == pytest.approx(-2 / 5)
    assert (within["first"], within["second"], within["n_pairs"]) == ("b", "b", 1)
    assert within["mean_difference"] == 0


def test_a_fit_reports_agreement_and_strictness_and_levels_stand_on_the_references_scale(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for i, row in enumerate(make_pages(200, n_levels=4)):
        level = row["edu_level"] + 1.0
        if i % 2 or i < 40:
            rows.append({**row, "edu_level": level, "annotator": "reference"})
        if i % 2 == 0 or i < 40:
            rows.append({**row, "edu_level": level - 1 + rng.choice([0, 0, 1]), "annotator": "strict"})
    fit = fit_classifier(
        rows, tmp_path / "c", members=["own_tfidf:ridge"], reference_annotator="reference", n_resamples=5
    )
    assert fit.metrics["strictness"]["annotators"]["strict"]["strictness"] == pytest.approx(-2 / 3, abs=0.2)
    assert fit.metrics["agreement"][0]["n_pages"] == 40
    assert fit.metrics["n_pages"] == fit.reference.sum() == 120
    assert len(fit.annotations) == len(fit.levels) == 200
    assert fit.scorer.about["annotations"]["n_pages"] == 200
    assert fit.scorer.about["annotations"]["n_readings"] == 240
