"""Settings: checked at birth, the same in Python, TOML and hash."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.config import hashed_settings, parse_bytes, read_toml, settings_from, stable_hash, to_toml
from curate.errors import SettingError, UnknownNameError
from curate.run.settings import DEFAULT_THRESHOLD, FilterSettings

FILES = {"input": ("crawl/",), "output": "out"}


def test_every_setting_survives_toml(tmp_path: Path) -> None:
    settings = FilterSettings(
        **FILES, language=("en", "de"), keep_fraction=0.25, rules=(), text_column='b"ody'
    )
    path = tmp_path / "curate.toml"
    path.write_text(to_toml(settings), encoding="utf-8")
    assert settings_from(FilterSettings, read_toml(path)) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"treshold": 0.5}, "Unknown setting 'treshold'. Did you mean 'threshold'?"),
        ({"threshold": "high"}, "threshold must be float or NoneType, not 'high'"),
        ({"workers": True}, "workers must be int"),
        ({"rules": "gopher"}, "rules must be a list of strings"),
        ({"input": ()}, "No input"),
        ({"output": "s3://bucket/out"}, "must be a local folder"),
        ({"jaccard": 0.0}, "jaccard must be above 0 and at most 1, not 0"),
        ({"keep_fraction": 0.0}, "keep_fraction must be above 0"),
        ({"threshold": math.nan}, "threshold must be between 0 and 1, not nan"),
        ({"language": ()}, "language is empty"),
        ({"memory": "much"}, "Not a number of bytes"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(values: dict, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings_from(FilterSettings, FILES | values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_the_ends_of_a_range_are_in_it(threshold: float) -> None:
    assert FilterSettings(**FILES, threshold=threshold).threshold == threshold


def test_without_a_cut_the_threshold_is_the_default() -> None:
    assert FilterSettings(**FILES).threshold == DEFAULT_THRESHOLD
    assert FilterSettings(**FILES, keep_fraction=0.5).threshold is None


def test_what_cannot_change_the_result_is_not_in_the_hash() -> None:
    one, two = (
        FilterSettings(**FILES, workers=1),
        FilterSettings(input=("crawl/",), output="b", workers=8, memory="1GB"),
    )
    assert hashed_settings(one) == hashed_settings(two)
    assert hashed_settings(one) != hashed_settings(FilterSettings(**FILES, jaccard=0.7))


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)))
def test_the_hash_does_not_depend_on_the_order_of_names(values: dict) -> None:
    assert stable_hash(values) == stable_hash(dict(reversed(values.items())))


@given(st.integers(1, 10**15))
def test_a_plain_number_of_bytes_is_itself(n_bytes: int) -> None:
    assert parse_bytes(n_bytes) == parse_bytes(str(n_bytes)) == n_bytes


def test_unknown_names_are_not_listed_by_the_hundred() -> None:
    assert str(UnknownNameError("x", "a1", [f"b{n}" for n in range(100)])) == "Unknown x 'a1'."
