"""Fitting classifiers: folds, heads, annotators, calibration, folders."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix

from curate.errors import SettingError, UnknownNameError
from curate.fit import Recipe, fit_classifier, read_annotations
from curate.fit.calibrate import fit_isotonic, fit_platt
from curate.fit.fitting import member_weights
from curate.fit.folds import draw_folds, group_pages
from curate.fit.heads import fit_head
from curate.fit.recipe import HEAD_NAMES
from curate.scoring import load_scorer
from curate.scoring.heads import head_arrays, head_from_arrays
from curate.testing import check_scorer
from labelled_pages import make_pages

FAST = {"kernel": {"n_centres": 40}, "mlp": {"n_networks": 2, "n_epochs": 5}, "forest": {"n_trees": 10}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("classifiers") / "mine"


@pytest.fixture(scope="module")
def fitted(folder):
    return fit_classifier(make_pages(), folder)


def test_a_fitted_classifier_finds_what_was_annotated(fitted):
    assert fitted.metrics["spearman"]["low"] > 0.7
    assert fitted.metrics["average_precision"]["3"]["value"] > 0.9


def test_a_fitted_classifier_keeps_the_law_of_scorers(fitted):
    check_scorer(fitted.scorer)


def test_a_folder_loads_as_the_scorer_it_was_written_from(fitted, tmp_path):
    folder = tmp_path / "copy"
    fitted.scorer.save(folder)
    texts = [row["text"] for row in make_pages(20, seed=5)]
    again = load_scorer(folder)
    np.testing.assert_array_equal(again.score(texts), fitted.scorer.score(texts))
    assert again.name == "mine"


def test_the_same_pages_and_recipe_give_the_same_bytes(fitted, tmp_path):
    fitted.scorer.save(tmp_path / "first")
    again = fit_classifier(make_pages(), tmp_path / "mine")
    again.scorer.save(tmp_path / "second")
    for name in ("config.json", "weights.safetensors"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert again.metrics == fitted.metrics


def test_a_folder_in_use_is_not_overwritten_unasked(fitted, folder, tmp_path):
    with pytest.raises(SettingError, match="--overwrite"):
        fit_classifier(make_pages(40), folder)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(SettingError, match="of another program"):
        fit_classifier(make_pages(40), tmp_path, overwrite=True)


@pytest.mark.parametrize("head", [head for head in HEAD_NAMES if head != "softmax"])
def test_a_heads_arrays_predict_what_scikit_learn_predicts(head):
    rng = np.random.default_rng(3)
    dense = rng.normal(size=(120, 6)).astype(np.float32)
    y = np.clip(np.round(2 + dense[:, 0] - dense[:, 1] ** 2), 0, 5)
    fit = fit_head(head, dense, None, y, np.ones(120), 0, FAST.get(head, {}))
    stored = {name: array.copy() for name, array in head_arrays(fit.head).items()}
    again = head_from_arrays(fit.head.kind, stored).predict(dense)
    np.testing.assert_array_equal(again, fit.predict(dense, None))
    np.testing.assert_allclose(again, reference(head, dense, y), atol=2e-3)


def reference(head, dense, y):
    """The same head, asked through scikit-learn."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPRegressor
    from sklearn.svm import SVR

    x = dense.astype(np.float64)
    gamma = 0.6 / x.var(axis=0).sum()
    if head == "ridge":
        return Ridge(alpha=2).fit(x, y).predict(x)
    if head == "logistic":
        cuts = np.unique(y)[1:]
        models = [LogisticRegression(C=10, max_iter=300).fit(x, y >= c) for c in cuts]
        return sum(m.predict_proba(x)[:, 1] for m in models)
    if head == "svr":
        return SVR(C=2, gamma=gamma).fit(x, y).predict(x)
    if head == "kernel":
        bumps = Nystroem(gamma=gamma, n_components=40, random_state=0).fit(x)
        return Ridge(alpha=0.3).fit(bumps.transform(x), y).predict(bumps.transform(x))
    if head == "forest":
        forest = RandomForestRegressor(10, min_samples_leaf=3, max_features=0.3, random_state=0)
        return forest.fit(dense, y, sample_weight=np.ones(len(y))).predict(dense)
    nets = [
        MLPRegressor(
            hidden_layer_sizes=(32,),
            alpha=1,
            learning_rate_init=0.003,
            max_iter=5,
            n_iter_no_change=5,
            random_state=k,
        )
        for k in range(2)
    ]
    with pytest.warns(match="Maximum iterations"):
        return np.mean([net.fit(x, y).predict(x) for net in nets], axis=0)


def test_the_product_of_word_counts_is_the_matrix_it_was_fitted_on(fitted):
    member = fitted.scorer.members[0]
    feature = fitted.scorer.sparse["tfidf"]
    from curate.scoring.features import Pages

    pages = Pages(pa.array([row["text"] for row in make_pages(12)]), 10_000)
    flat = member.sparse_weights.transpose(1, 0, 2).reshape(-1, member.sparse_weights.shape[2])
    np.testing.assert_allclose(
        feature.rows(pages) @ flat, feature.times(pages, member.sparse_weights), atol=1e-4
    )


@pytest.mark.parametrize(
    "members",
    [
        ["own_tfidf+shape:logistic"],
        ["ngrams:ridge"],
        ["shape:forest", "static:svr"],
        ["own_tfidf:ridge", "shape:mlp*0.5"],
    ],
)
def test_every_feature_and_head_can_be_fitted(members, tmp_path):
    result = fit_classifier(make_pages(120), tmp_path / "c", members=members, n_buckets=1024, stack=True)
    assert result.metrics["spearman"]["value"] > 0.4
    check_scorer(result.scorer)


def test_binary_labels_need_no_setting(tmp_path):
    rows = [{"text": r["text"], "label": r["edu_level"] >= 3} for r in make_pages(100)]
    result = fit_classifier(rows, tmp_path / "b", members=["own_tfidf:logistic"])
    assert result.scorer.scale == (0.0, 1.0, 1.0)
    scores = result.scorer.score([row["text"] for row in rows])
    assert np.mean((scores > 0.5) == [row["label"] for row in rows]) > 0.9


def test_too_few_positives_are_refused_with_the_way_out(tmp_path):
    rows = [{"text": f"page {i}", "edu_level": 2} for i in range(30)]
    with pytest.raises(SettingError, match="0 of 30 pages are at level 3"):
        fit_classifier(rows, tmp_path / "x")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"members": ["tfidf:kernel"]}, "word counts need one of the heads ridge, logistic"),
        ({"members": ["tfdif:ridge"]}, "Did you mean 'tfidf'"),
        ({"members": ["shape:rigde"]}, "Did you mean 'ridge'"),
        ({"members": []}, "at least one member"),
        ({"members": ["encoder:ridge"]}, "--encoder"),
        ({"zones": (75, 300)}, "falling"),
        ({"n_buckets": 1000}, "power of two"),
        ({"window": 5}, "Did you mean 'window_bytes'"),
        ({"calibration": "plat"}, "Did you mean 'platt'"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(SettingError, match=message) as caught:
        Recipe().replace(**settings)
    assert "\n" not in str(caught.value)


def test_naming_the_default_members_changes_nothing_and_a_stated_weight_counts():
    named = ["tfidf:ridge", "tfidf+shape:ridge", "static+lsa+shape:kernel"]
    assert Recipe().replace(members=named) == Recipe()
    levels = np.array([[1.0, 3, 0], [2, 2, 0], [3, 1, 0], [4, 0, 0]])
    assert member_weights(Recipe(), levels, levels[:, 0]).tolist() == pytest.approx([1, 0, 0])
    stated = Recipe().replace(members=[named[0], f"{named[1]}*2", named[2]])
    for recipe, weights in ((stated, [0.25, 0.5, 0.25]), (Recipe(stack=False), [1 / 3] * 3)):
        assert member_weights(recipe, levels, levels[:, 0]).tolist() == pytest.approx(weights)


def test_unknown_settings_of_a_head_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'alpha'"):
        fit_head("ridge", np.zeros((4, 1), np.float32), None, np.arange(4.0), np.ones(4), 0, {"alpa": 1})


@pytest.mark.parametrize("head", ["ridge", "logistic"])
def test_a_negative_idf_power_asks_more_of_rare_words_and_weighs_plain_rows(head: str) -> None:
    rng = np.random.default_rng(0)
    common = rng.random(400) < 0.5
    rare = common.copy()  # both words tell the same
    rows = csr_matrix(np.column_stack([common, rare]).astype(np.float32))
    idf = np.array([1.0, 9.0], np.float32)
    dense = np.zeros((400, 0), np.float32)

    def weights_at(power: float, idf: np.ndarray | None) -> np.ndarray:
        fit = fit_head(head, dense, rows, common.astype(float), np.ones(400), 0, {"idf_power": power}, idf)
        assert fit.sparse_weights is not None
        told = fit.predict(dense, rows)
        assert told[common].min() > told[~common].max()
        return fit.sparse_weights[:, 0]

    assert np.array_equal(weights_at(0.0, idf), weights_at(-0.5, None))
    even, uneven = weights_at(0.0, idf), weights_at(-0.5, idf)
    assert even[0] == pytest.approx(even[1], rel=1e-3)
    assert uneven[0] > 3 * uneven[1] > 0


def test_annotations_are_read_from_every_kind_of_file(tmp_path):
    rows = make_pages(6)
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    for source in (tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl", tmp_path / "c.parquet", rows):
        pages = read_annotations(source)
        assert pages.levels.tolist() == [row["edu_level"] for row in rows]
        assert pages.sites[0] == "site0.example"
    assert len(read_annotations([tmp_path / "*.jsonl", tmp_path / "c.parquet"])) == 12


def test_rows_without_text_or_level_are_counted_not_raised():
    rows = [*make_pages(3), {"text": "x"}, {"edu_level": 2}, {"text": "y", "edu_level": "much"}]
    assert read_annotations(rows).skipped == {"no edu_level": 1, "no text": 1, "edu_level is no number": 1}
    with pytest.raises(SettingError, match="--level-field"):
        read_annotations([{"text": "x"}])


def test_pages_of_one_site_and_near_duplicates_share_a_group():
    long = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    texts = pa.array(
        [long, long + " fifteen", "something else entirely, you know", "first of a", "second of a"]
    )
    groups = group_pages(texts, ["", "", "", "a.example", "a.example"])
    assert groups.tolist() == [0, 0, 1, 2, 2]


def test_folds_hold_groups_whole_and_spread_levels():
    groups = np.repeat(np.arange(50), 4)
    levels = np.tile([0.0, 0, 1, 3], 50)
    folds = draw_folds(groups, levels, 5, seed=1)
    assert all(len(set(folds[groups == g])) == 1 for g in range(50))
    assert np.bincount(folds).tolist() == [40] * 5


def test_platt_finds_the_curve_and_isotonic_stays_in_order():
    rng = np.random.default_rng(0)
    levels = rng.normal(size=20_000)
    positive = rng.random(20_000) < 1 / (1 + np.exp(-(2 * levels - 1)))
    platt = fit_platt(levels, positive, np.ones(20_000))
    assert (platt.slope, platt.intercept) == pytest.approx((2, -1), abs=0.1)
    isotonic = fit_isotonic(levels, positive, np.ones(20_000))
    scores = isotonic.apply(np.sort(levels).astype(np.float32))
    assert (np.diff(scores) >= 0).all()
    assert abs(scores.mean() - positive.mean()) < 0.01


def test_a_calibration_of_separable_levels_stays_finite():
    platt = fit_platt(np.array([0.0, 0, 5, 5]), np.array([False, False, True, True]), np.ones(4))
    assert np.isfinite([platt.slope, platt.intercept]).all()
