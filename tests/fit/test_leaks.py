"""No page is judged by a model that saw it, a copy of it, or its site."""

import random

import numpy as np
import pyarrow as pa
import pytest

from curate.errors import SettingError
from curate.fit import fit_classifier
from curate.fit.folds import draw_folds, group_pages
from labelled_pages import make_pages

WORDS = [f"word{i}" for i in range(3000)]


def write(draw, n=80):
    return draw.choices(WORDS, k=n)


def change(draw, words, n):
    words = list(words)
    for _ in range(n):
        words[draw.randrange(len(words))] = draw.choice(WORDS)
    return words


def test_planted_near_duplicates_are_never_parted():
    draw = random.Random(0)
    pages, family = [], []
    for number in range(60):
        original = write(draw)
        for n_changed in (0, 0, 1, 3):
            pages.append(" ".join(change(draw, original, n_changed)))
            family.append(number)
    order = list(range(len(pages)))
    draw.shuffle(order)
    pages, family = [pages[i] for i in order], np.array([family[i] for i in order])
    groups = group_pages(pa.array(pages), [""] * len(pages))
    folds = draw_folds(groups, np.zeros(len(pages)), 5, seed=1)
    parted = [n for n in range(60) if len(set(folds[family == n])) > 1]
    assert parted == []
    assert len(set(groups)) == 60  # and strangers are not joined


def test_pages_that_share_shingles_with_others_first_are_joined_too():
    """Two pages meet in shingles that a third and a fourth page hold before them."""
    draw = random.Random(1)
    a, b = write(draw, 5), write(draw, 5)
    pages = [" ".join(a), " ".join(b), " ".join([*a, "one", *b]), " ".join([*a, "two", *b])]
    groups = group_pages(pa.array(pages), [""] * 4)
    assert groups[2] == groups[3]


def test_short_pages_are_joined_where_their_words_are_equal():
    groups = group_pages(
        pa.array(["Buy now!", "buy NOW", "Sell now", "a b c d e", "A b c d e.", ""]), [""] * 6
    )
    assert groups.tolist() == [0, 0, 1, 2, 2, 3]


def test_sites_are_never_parted_unless_asked():
    sites = [f"site{i % 9}.example" for i in range(90)]
    draw = random.Random(2)
    texts = pa.array([" ".join(write(draw)) for _ in sites])
    folds = draw_folds(group_pages(texts, sites), np.arange(90.0) % 4, 5, seed=0)
    assert all(
        len({fold for fold, s in zip(folds, sites, strict=True) if s == site}) == 1 for site in set(sites)
    )
    apart = draw_folds(group_pages(texts, [""] * 90), np.arange(90.0) % 4, 5, seed=0)
    assert any(
        len({fold for fold, s in zip(apart, sites, strict=True) if s == site}) > 1 for site in set(sites)
    )


@pytest.mark.parametrize("member", ["own_tfidf:ridge", "ngrams:ridge", "fasttext:softmax:n_epochs=25"])
def test_labels_that_only_copies_could_tell_are_not_told(member, tmp_path):
    """Random levels of families of copies: a leak between folds would show as a correlation."""
    draw = random.Random(3)
    rows = []
    for _ in range(80):
        words, level = write(draw, 40), draw.randrange(6)
        rows += [{"text": " ".join(change(draw, words, k)), "edu_level": level} for k in (0, 1, 2)]
    held = fit_classifier(rows, tmp_path / "held", members=[member], n_resamples=5)
    assert abs(held.metrics["spearman"]["value"]) < 0.3
    leaking = [row | {"text": row["text"]} for row in rows]
    scorer_levels = held.scorer.score_levels([row["text"] for row in leaking])[0]
    assert (
        np.corrcoef(scorer_levels, [row["edu_level"] for row in leaking])[0, 1] > 0.8
    )  # seen pages are told


def test_pages_of_too_few_sites_are_refused_with_the_way_out(tmp_path):
    rows = [row | {"url": f"https://one.example/{i}"} for i, row in enumerate(make_pages(60))]
    with pytest.raises(SettingError, match=r"60 pages fall into too few groups .*--part-sites"):
        fit_classifier(rows, tmp_path / "x", members=["shape"])
    assert not (tmp_path / "x").exists()
    result = fit_classifier(rows, tmp_path / "x", members=["shape"], group_sites=False, n_resamples=5)
    assert len(set(result.folds.tolist())) == 5
