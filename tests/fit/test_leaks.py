"""No page is judged by a model that saw it, a copy of it, or its site."""

import random

import numpy as np
import pyarrow as pa
import pytest

from curate.errors import SettingError
from curate.fit import fit_classifier
from curate.fit.folds import draw_folds, group_pages
from curate.fit.sites import site_of
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
    a, b = write(draw, 15), write(draw, 15)
    pages = [" ".join(a), " ".join(b), " ".join([*a, "one", *b]), " ".join([*a, "two", *b])]
    groups = group_pages(pa.array(pages), [""] * 4)
    assert groups[2] == groups[3]


def test_short_pages_are_joined_where_their_words_are_equal():
    groups = group_pages(
        pa.array(["Buy now!", "buy NOW", "Sell now", "a b c d e", "A b c d e.", ""]), [""] * 6
    )
    assert groups.tolist() == [0, 0, 1, 2, 2, 3]


def largest_group(texts):
    return int(np.bincount(group_pages(pa.array(texts), [""] * len(texts))).max())


@pytest.mark.parametrize(("n_pages", "n_words"), [(1000, 100), (400, 300), (12, 150)])
@pytest.mark.parametrize("every", [1, 3])
def test_a_banner_that_many_pages_share_does_not_make_them_one(n_pages, n_words, every):
    draw = random.Random(4)
    banner = " ".join(f"banner{i}" for i in range(36))
    texts = [
        (banner + " " if i % every == 0 else "") + " ".join(write(draw, n_words)) for i in range(n_pages)
    ]
    assert largest_group(texts) == 1


def test_copies_are_joined_under_a_banner_and_in_great_number():
    draw = random.Random(5)
    banner = " ".join(f"banner{i}" for i in range(36))
    words = write(draw, 150)
    many = [" ".join(change(draw, words, 3)) for _ in range(200)]
    others = [banner + " " + " ".join(write(draw, 150)) for _ in range(200)]
    words = write(draw, 150)
    pair = [banner + " " + " ".join(change(draw, words, k)) for k in (0, 4)]
    groups = group_pages(pa.array(many + others + pair), [""] * 402)
    assert len(set(groups[:200])) == 1
    assert groups[400] == groups[401]
    assert len(set(groups)) == 202


def test_chapters_of_a_book_in_characters_are_pages_of_their_own():
    """Sentences of a small stock of words, as any field has: five characters in a row are often the same."""
    draw = random.Random(6)
    syllables = [chr(c) for c in range(0x3042, 0x3093)]
    stock = ["".join(draw.choices(syllables, k=draw.randint(2, 3))) for _ in range(800)]
    chapters = ["".join("".join(draw.choices(stock, k=8)) + "。" for _ in range(90)) for _ in range(89)]
    assert largest_group(chapters) <= 4
    copy = chapters[3][:900] + "".join(draw.choices(stock, k=8)) + chapters[3][900:]
    groups = group_pages(pa.array([*chapters, copy]), [""] * 90)
    assert groups[89] == groups[3]


def test_one_site_has_many_addresses():
    same = ["http://www.site1.example.com/1", "www.site1.example.com/2", "https://s2.EXAMPLE.com:8443/", "example.com.",
            "//cdn.example.com/x", "http://me@www2.example.com?x"]  # fmt: skip
    assert {site_of(url) for url in same} == {"example.com"}
    assert site_of("http://ann.github.io/") != site_of("http://ben.github.io/")
    assert site_of("a.b.co.uk") == "b.co.uk"
    assert [site_of(url) for url in ("http://10.0.0.1:80/x", "http://intranet/x")] == ["10.0.0.1", "intranet"]
    assert {site_of(url) for url in ("n/a", "page 12", "", None, 7, "/path", "file:///a")} == {""}


@pytest.mark.parametrize("form", ["www.site{}-words.com/{}", "http://s{}.site{}-words.com/"])
def test_labels_that_only_the_site_could_tell_are_not_told(form, tmp_path):
    """Each site has a level and words of its own; no other page can tell them."""
    draw = random.Random(7)
    rows = []
    for site in range(30):
        words = [f"s{site}w{k}" for k in range(40)]
        for page in range(6):
            url = form.format(site, page) if form.startswith("www") else form.format(page, site)
            rows.append({"text": " ".join(draw.choices(words, k=60)), "label": site % 2, "url": url})
    held = fit_classifier(rows, tmp_path / "held", members=["own_tfidf:ridge"], n_resamples=5)
    assert held.metrics["roc_area"]["1"]["value"] < 0.75


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
