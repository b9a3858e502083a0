"""What is written is what was fitted: heads, members and whole classifiers, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from curate.errors import SettingError, UnknownNameError
from curate.fit import fit_classifier
from curate.fit.heads import fit_head, split_levels
from curate.fit.recipe import MemberRecipe
from curate.scoring import load_scorer
from curate.scoring.heads import (
    HEADS,
    ForestHead,
    KernelHead,
    LinearHead,
    MlpHead,
    OrdinalHead,
    SoftmaxHead,
    head_arrays,
    head_from_arrays,
)
from curate.scoring.model import FittedScorer
from labelled_pages import make_pages


def draw_head(kind, rng, n_features, n):
    """A head of random arrays, as a fit might leave it."""

    def floats(*shape):
        return rng.normal(size=shape).astype(np.float32)

    if kind is LinearHead:
        return LinearHead(floats(n_features), floats(1))
    if kind is OrdinalHead:
        return OrdinalHead(floats(n_features, n), floats(n), np.sort(floats(n + 1)))
    if kind is SoftmaxHead:
        return SoftmaxHead(floats(n_features, n), np.sort(floats(n)))
    if kind is KernelHead:
        return KernelHead(floats(n_features, n), floats(n), floats(1), np.abs(floats(1)))
    if kind is MlpHead:
        return MlpHead(floats(n_features, n), floats(n), floats(n), floats(1))
    feature = np.array([rng.integers(n_features), -1, -1] * n, np.int32)
    roots = np.arange(0, 3 * n, 3, dtype=np.int32)
    left, right = (np.repeat(roots, 3) + k for k in (1, 2))
    return ForestHead(
        roots, feature, floats(3 * n), left.astype(np.int32), right.astype(np.int32), floats(3 * n)
    )


@given(st.sampled_from(sorted(HEADS)), st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 5))
@settings(max_examples=150)
def test_every_head_predicts_the_same_after_a_round_trip(kind, seed, n_features, n):
    rng = np.random.default_rng(seed)
    head = draw_head(HEADS[kind], rng, n_features, n)
    features = rng.normal(size=(rng.integers(0, 8), n_features)).astype(np.float32)
    again = head_from_arrays(head.kind, load(save(dict(head_arrays(head)))))
    np.testing.assert_array_equal(again.predict(features), head.predict(features))
    alone = [head.predict(features[i : i + 1])[0] for i in range(len(features))]
    np.testing.assert_array_equal(head.predict(features), np.array(alone, np.float32))


MEMBERS = {
    "ridge": ["tfidf+shape:ridge:idf_power=-0.5"],
    "logistic": ["own_tfidf+shape:logistic"],
    "hashed": ["ngrams:logistic:C=1"],
    "svr": ["static+shape:svr:C=1,epsilon=0.2"],
    "kernel": ["static+common_words:kernel:n_centres=30,vector_scale=0.5"],
    "mlp": ["shape:mlp:n_networks=2,n_epochs=5"],
    "forest": ["shape:forest:n_trees=10,min_leaf=2"],
    "classes": ["classes:ridge"],
    "fasttext": ["fasttext:softmax:n_epochs=5"],
    "average": ["ngrams:ridge*0.3", "shape:ridge*2"],
    "stack": ["own_tfidf:ridge", "shape:forest:n_trees=5", "static:kernel:n_centres=20"],
}


@pytest.mark.parametrize("name", sorted(MEMBERS))
def test_every_classifier_scores_the_same_after_a_round_trip(name, tmp_path, monkeypatch):
    saved = []
    save_scorer = FittedScorer.save
    monkeypatch.setattr(
        FittedScorer, "save", lambda self, folder: saved.append(self) or save_scorer(self, folder)
    )
    settings = {"n_buckets": 4096, "stack": name == "stack", "n_resamples": 9}
    result = fit_classifier(make_pages(120), tmp_path / name, members=MEMBERS[name], **settings)
    texts = [row["text"] for row in make_pages(30, seed=8)]
    for given_texts in (texts, ["", "x", "\ud83d", "word " * 20_000]):
        levels, scores = saved[0].score_levels(given_texts)
        again = load_scorer(tmp_path / name).score_levels(given_texts)
        np.testing.assert_array_equal(again[0], levels)
        np.testing.assert_array_equal(again[1], scores)
    assert sum(result.metrics["member_weights"].values()) == pytest.approx(1)


def test_a_head_by_levels_keeps_to_a_scale_that_does_not_begin_at_0():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(300, 2)).astype(np.float32)
    y = np.select([dense[:, 0] < -0.5, dense[:, 0] < 0.5], [1.0, 2.0], 5.0)
    predicted = fit_head("logistic", dense, None, y, np.ones(300), 0, {}).predict(dense, None)
    assert predicted.min() == pytest.approx(1, abs=0.1)
    assert predicted.max() == pytest.approx(5, abs=0.1)
    assert np.abs(predicted - y).mean() < 0.15


@given(st.lists(st.floats(0, 100), min_size=2, max_size=60))
def test_levels_are_split_into_few_that_rise(levels):
    found, cuts = split_levels(np.array(levels))
    assert 1 <= len(found) <= 11
    assert (np.diff(found.astype(np.float64)) >= 0).all()
    assert len(cuts) == len(found) - 1


def test_members_take_settings_of_their_head():
    member = MemberRecipe.parse(" static + shape : svr : C=4, epsilon=0.2 *0.5")
    assert member.features == ("static", "shape")
    assert member.settings == {"C": 4.0, "epsilon": 0.2}
    assert member.weight == 0.5
    with pytest.raises(UnknownNameError, match="Did you mean 'epsilon'"):
        MemberRecipe.parse("shape:svr:epsilom=1")
    with pytest.raises(SettingError, match="is no member"):
        MemberRecipe.parse("shape:svr:C")
