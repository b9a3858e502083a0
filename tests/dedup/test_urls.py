"""Addresses that name the same page."""

from __future__ import annotations

import pyarrow as pa
import pytest

from curate.dedup.urls import hash_urls, normalize_url


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org", "https://www.example.org/"),
        ("http://EXAMPLE.org:80/a#b", "http://example.org/a"),
        ("https://example.org:443/?q=1", "http://example.org?q=1"),
        (" http://example.org/a/ ", "http://example.org/a"),
    ],
)
def test_these_are_the_same(one, other):
    assert normalize_url(one) == normalize_url(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/?q=1", "http://example.org/?q=2"),
        ("http://example.org:8080/", "http://example.org/"),
        ("http://a.example.org/", "http://example.org/"),
        ("http://[broken", "http://[broken2"),
        ("no address", "another"),
    ],
)
def test_these_are_not(one, other):
    assert normalize_url(one) != normalize_url(other)


def test_a_missing_address_is_like_no_other():
    high, low, is_known = hash_urls(pa.array(["http://a.org", None, "", "http://a.org/"]))
    assert is_known.tolist() == [True, False, False, True]
    assert (high[0], low[0]) == (high[3], low[3]) != (0, 0)
