"""fastText as a member: our arrays give what fastText itself gives."""

import fasttext
import numpy as np
import pyarrow as pa
import pytest

from curate.errors import SettingError
from curate.fit import Recipe, fit_classifier, read_annotations
from curate.fit.columns import compute_columns
from curate.fit.fasttext import fit_fasttext
from curate.fit.fitting import fit_member, to_member
from curate.fit.recipe import MemberRecipe
from curate.scoring import load_scorer
from curate.scoring.features import Pages
from curate.testing import check_scorer
from labelled_pages import make_pages

QUICK = {"learning_rate": 0.5, "n_dimensions": 8, "n_epochs": 5}


@pytest.fixture(scope="module")
def bags():
    pages = read_annotations(make_pages(150))
    return pages, compute_columns(pages, Recipe().replace(members=["fasttext"]))


def test_the_level_is_what_fasttexts_own_probabilities_expect(bags, monkeypatch):
    pages, columns = bags
    models = []
    train = fasttext.train_supervised
    monkeypatch.setattr(fasttext, "train_supervised", lambda **s: models.append(train(**s)) or models[-1])
    recipe = MemberRecipe(("fasttext",), "softmax", settings=QUICK)
    fitted = fit_member(recipe, columns, pages.levels, pages.weights, 0)
    member = to_member(recipe, columns, fitted, 1.0)
    new = Pages(pa.array([row["text"] + " unheard words" for row in make_pages(20, seed=9)]), 16384)
    got = member.predict(new, {}, columns.sparse)

    numbers, bag = columns.sparse["fasttext"].number(new)
    for i in range(len(new)):
        tokens = [str(n) for n in numbers[bag.offsets[i] : bag.offsets[i + 1]] if n >= 0]
        labels, shares = models[0].predict(" ".join(tokens), k=-1)
        level = sum(int(label.removeprefix("__label__")) * p for label, p in zip(labels, shares, strict=True))
        assert got[i] == pytest.approx(level, abs=5e-3)  # weights are stored as half floats


def test_a_column_not_met_in_fitting_does_not_count(bags):
    pages, columns = bags
    recipe = MemberRecipe(("fasttext",), "softmax", settings=QUICK)
    some = np.arange(len(pages)) < 20
    fitted = fit_member(recipe, columns, pages.levels, pages.weights, 0, rows=some)
    rows = columns.rows["fasttext"][100:101]
    known = rows.multiply(fitted.head.seen).tocsr()
    known.eliminate_zeros()
    assert 0 < known.nnz < rows.nnz
    alone = fitted.head.predict(np.zeros((1, 0), np.float32), known)
    np.testing.assert_allclose(fitted.head.predict(np.zeros((1, 0), np.float32), rows), alone, atol=1e-5)


def test_rows_are_the_means_that_scoring_takes(bags):
    _, columns = bags
    feature = columns.sparse["fasttext"]
    pages = Pages(pa.array(["", "theorem theorem cell", None, "x"]), 1000)
    vectors = np.random.default_rng(0).normal(size=(len(feature.idf), 1, 3)).astype(np.float32)
    expected = feature.rows(pages) @ vectors[:, 0]
    np.testing.assert_allclose(feature.times(pages, vectors), expected, atol=1e-6)
    np.testing.assert_array_equal(feature.times(pages, vectors)[0], vectors[-1, 0])


def test_the_same_seed_gives_the_same_matrices_and_another_others(bags):
    pages, columns = bags
    labels = pages.levels.astype(int)
    first, again, other = (
        fit_fasttext(columns.rows["fasttext"], labels, 6, pages.weights, s, QUICK) for s in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_page_of_three_times_the_weight_counts_three_times(bags):
    pages, columns = bags
    labels = (pages.levels >= 3).astype(int)
    heavy = np.where(labels == 1, 3.0, 1.0)
    heavy[:100] = 1.0
    plain = fit_fasttext(columns.rows["fasttext"], labels, 2, np.ones(len(pages)), 0, QUICK)
    tilted = fit_fasttext(columns.rows["fasttext"], labels, 2, heavy, 0, QUICK)
    assert not np.array_equal(plain[0], tilted[0])


def test_the_size_is_limited(tmp_path):
    result = fit_classifier(
        make_pages(100), tmp_path / "f", members=["fasttext:softmax:n_epochs=3"], max_words=50, n_resamples=9
    )
    assert len(result.scorer.sparse["fasttext"].vocabulary) == 50
    assert (tmp_path / "f" / "weights.safetensors").stat().st_size < 5_000


def test_a_fasttext_member_is_fitted_averaged_and_keeps_the_law(tmp_path):
    members = ["fasttext*0.3", "shape:ridge"]
    result = fit_classifier(make_pages(200), tmp_path / "f", members=members, n_resamples=9)
    assert result.metrics["spearman"]["value"] > 0.5
    check_scorer(result.scorer)
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert names == {"card.md", "config.json", "fitted_on.safetensors", "metrics.json", "weights.safetensors"}
    texts = [row["text"] for row in make_pages(10, seed=3)]
    np.testing.assert_array_equal(load_scorer(tmp_path / "f").score(texts), result.scorer.score(texts))


@pytest.mark.parametrize("member", ["fasttext:ridge", "fasttext+shape", "shape:softmax", "tfidf:softmax"])
def test_fasttext_stands_alone_with_its_own_head(member):
    with pytest.raises(SettingError, match="fasttext comes with its own head, softmax"):
        MemberRecipe.parse(member)
