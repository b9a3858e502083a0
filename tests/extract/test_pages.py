from __future__ import annotations

import builtins

import pyarrow as pa
import pytest

from curate.errors import SettingError, UnknownNameError
from curate.extract import EXTRACTORS, PAGE_TEXT_SCHEMA, extract_pages, extract_text

SENTENCES = (
    "Copper conducts heat far better than steel does, which is why pans have copper bottoms.",
    "The handle, on the other hand, is made of steel, because nobody wants a handle that gets hot.",
    "A thick bottom spreads the heat of a small flame and so keeps the milk from burning.",
)
ARTICLE = (
    "<html><head><title>Pans &amp; heat</title></head><body><nav><ul><li><a href=/>Home</a><li>"
    "<a href=/shop>Shop</a></ul></nav><article><h1>Why pans have copper bottoms</h1>"
    + "".join(f"<p>{sentence}</p>" for sentence in SENTENCES * 3)
    + "</article><footer><a href=/imprint>Imprint</a></footer></body></html>"
)


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_every_extractor_gives_the_article_by_paragraphs_and_not_the_menu(extractor):
    text = extract_text(ARTICLE, extractor=extractor)
    assert all(sentence in text.splitlines() for sentence in SENTENCES)
    assert "Shop" not in text
    assert "Imprint" not in text


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_a_page_gives_the_same_alone_and_in_a_batch(extractor):
    pages = pa.array([ARTICLE.encode(), None, b"", ARTICLE.replace("Copper", "Gold").encode("utf-16")])
    batch = extract_pages(pages, pa.array([None, None, "utf-8", None], pa.string()), extractor=extractor)
    assert batch.schema == PAGE_TEXT_SCHEMA
    assert batch["text"].to_pylist()[0] == extract_text(ARTICLE.encode(), extractor=extractor)
    assert batch["title"].to_pylist() == ["Pans & heat", None, None, "Pans & heat"]
    assert batch["extract_problem"].to_pylist() == [None, "no_content", "no_text", None]
    assert "Gold conducts" in batch["text"].to_pylist()[3]


def test_an_empty_batch_gives_an_empty_batch():
    assert extract_pages(pa.array([], pa.binary())).num_rows == 0


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (b"\xff\xd8\xff\xe0" + bytes(range(128, 256)) * 200, "undecodable"),
        (b"\0\1\2\3" * 500, "undecodable"),
        (b"<div>" * 200_000 + b"deep", "html_too_deep"),
        (b"<div/>" * 200_000 + b"deep", "html_too_deep"),
        (b"<p>x" * 3000, None),
        (b"<script>" + b"<div>" * 50_000 + b"</script><p>text", None),
        (b"<p " + b"a=1 " * 50_000 + b">text", "html_too_complex"),
        (b"<select>" + b"<option>x" * 50_000, "html_too_complex"),
        (b"<svg>" + b"<path d='M0 0'/>" * 5000 + b"</svg><p>text", None),
        (b'<p title="' + b"x" * 2_000_000 + b'">text', None),
        (b"<p>text<!-- " + b"<div>" * 100_000, None),
    ],
)
def test_a_hostile_page_gives_a_reason_or_its_text(page, problem):
    batch = extract_pages(pa.array([page]), extractor="resiliparse")
    found = batch["extract_problem"].to_pylist()[0]
    assert found in ({problem} if problem else {None, "no_text"})
    assert (batch["text"].to_pylist()[0] is None) == (found is not None)


def test_text_with_lone_surrogates_is_cleaned():
    assert "\ufffd" in extract_text(ARTICLE.replace("Copper", "Copper\ud800"))


def test_an_unknown_extractor_is_named_with_the_nearest_known_one():
    with pytest.raises(UnknownNameError, match="Did you mean 'trafilatura'"):
        extract_text("", extractor="trafilatur")


def test_trafilatura_says_how_to_install_it_where_it_is_missing(monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "trafilatura":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SettingError, match=r"pip install '\.\[trafilatura\]'"):
        extract_pages(pa.array([b""]), extractor="trafilatura")
