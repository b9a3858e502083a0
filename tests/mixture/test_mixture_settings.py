"""The file that describes a mixture."""

import pytest

from curate.errors import SettingError
from curate.mixture import mixture_settings_from, parse_tokens, read_mixture_settings

WHOLE = """
budget_tokens = "2B"
max_passes = 4
seed = 3

[sources.web]
path = "curated/kept"
weight = 0.7

[sources.textbooks]
path = ["a.jsonl", "b.jsonl"]
score = 1.0
domain = "textbook"
max_passes = 8

[quality]
column = "edu_score"
edges = [0.3, 0.6]
upsample = [0.5, 1, 2]
weights = { q2 = 0.5 }

[domains]
column = "topic"
weights = { maths = 0.2 }

[validation]
fraction = 0.01

[cleaning]
dedup = "near"
decontaminate = "benchmarks/*.jsonl"

[[stages]]
share = 0.8

[[stages]]
name = "anneal"
share = 0.2
sources = { textbooks = 0.5 }
upsample = [0, 0, 1]
"""


def test_a_whole_file_is_read(tmp_path):
    (tmp_path / "mixture.toml").write_text(WHOLE)
    settings = read_mixture_settings(tmp_path / "mixture.toml")
    assert settings.budget_tokens == 2_000_000_000
    assert [source.path for source in settings.sources] == [("curated/kept",), ("a.jsonl", "b.jsonl")]
    assert settings.sources[1].max_passes == 8
    assert settings.bucket_edges == (0.3, 0.6)
    assert settings.bucket_weights == {"q2": 0.5}
    assert settings.domain_weights == {"maths": 0.2}
    assert settings.decontaminate == ("benchmarks/*.jsonl",)
    assert [stage.name for stage in settings.stages] == ["stage-1", "anneal"]
    assert settings.stages[1].upsample == (0, 0, 1)


WEB = {"sources": {"web": {"path": "x.jsonl"}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sources": {}}, r"needs sources.*\[sources.web\]"),
        ({"budget": 1}, "Unknown setting 'budget'.*budget_tokens"),
        (
            {"sources": {"web": {"path": "x", "wieght": 1}}},
            "Unknown setting of source 'web' 'wieght'.*'weight'",
        ),
        ({"sources": {"a.b": {"path": "x"}}}, "source name 'a.b'"),
        ({"sources": {"web": {}}}, "Source 'web' has no path"),
        (
            {"sources": {"web": {"path": "x", "weight": -1}}},
            "weight of source 'web' must be between 0 and 1e[+]09, not -1",
        ),
        ({"quality": {"edge": [1]}}, r"Unknown setting in \[quality\] 'edge'.*'edges'"),
        ({"quality": {"edges": [0.5, 0.1]}}, "must ascend"),
        ({"quality": {"edges": [0.5], "buckets": 3}}, "not both"),
        ({"quality": {"buckets": 0}}, "quality.buckets must be between 1 and 100, not 0"),
        ({"quality": {"buckets": 3, "upsample": [1, 2]}}, "2 factors for 3 buckets"),
        (
            {"quality": {"buckets": 2, "upsample": [1, -2]}},
            "quality.upsample must be between 0 and 1e[+]09, not -2",
        ),
        ({"quality": {"buckets": 2, "upsample": [1, 2], "upsample_power": 1}}, "not both"),
        ({"validation": {"fraction": 0.9}}, "validation.fraction must be between 0 and 0.5, not 0.9"),
        ({"cleaning": {"dedup": "fuzzy"}}, "Unknown cleaning.dedup 'fuzzy'"),
        ({"cleaning": {"ngram_words": 0}}, "ngram_words must be between 1 and 64, not 0"),
        ({"max_passes": 0}, "max_passes must be above 0 and at most 1e[+]09, not 0"),
        ({"max_passes": "many"}, "max_passes must be a number"),
        ({"bytes_per_token": float("nan")}, "bytes_per_token must be above 0 and at most 1000, not nan"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"budget_tokens": "lots"}, "Not a number of tokens: 'lots'"),
        ({"stages": {"a": 1}}, r"under \[\[stages\]\]"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"stages": [{"share": 0}]}, "share of stage 'stage-1' must be above 0"),
        ({"stages": [{"sources": {"wob": 1}}]}, "Unknown source 'wob'. Did you mean 'web'"),
        ({"stages": [{"sources": {"web": 0}}]}, "has no weight above 0"),
        ({"domains": {"weights": {"a": "b"}}}, "must be a number, not 'b'"),
    ],
)
def test_wrong_settings_say_what_to_write(changes, message):
    with pytest.raises(SettingError, match=message):
        mixture_settings_from(WEB | changes)


def test_files_that_cannot_be_read_are_setting_errors(tmp_path):
    with pytest.raises(SettingError, match="Cannot read"):
        read_mixture_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[")
    with pytest.raises(SettingError, match="not valid TOML"):
        read_mixture_settings(tmp_path / "bad.toml")


def test_token_numbers_have_units():
    assert parse_tokens("1.5b") == 1_500_000_000
    assert parse_tokens(300) == 300
    with pytest.raises(SettingError, match="above 0"):
        parse_tokens("0")


WRONG_KINDS = [
    ("quality", "edges", 0.5),
    ("quality", "upsample", 2),
    ("quality", "column", 3),
    ("quality", "column", ["a"]),
    ("quality", "buckets", 2.5),
    ("domains", "column", 3),
    ("domains", "weights", [1]),
    ("validation", "keep_near_duplicates", "no"),
    ("cleaning", "decontaminate", 5),
    ("cleaning", "jaccard", "x"),
    ("sources.web", "path", 3),
    ("sources.web", "text_column", 3),
    ("sources.web", "domain", 3),
    ("sources.web", "provenance", 3),
    ("stages", "upsample", 3),
    ("stages", "name", 3),
    ("", "seed", 1.5),
    ("", "max_passes", "four"),
]
ENDLESS = [
    ("sources.web", "weight"),
    ("sources.web", "max_passes"),
    ("sources.web", "score"),
    ("stages", "share"),
    ("quality", "edges"),
    ("quality", "upsample"),
    ("quality", "upsample_power"),
    ("", "max_passes"),
    ("", "bytes_per_token"),
]


def changed(section, key, value):
    if section == "stages":
        return WEB | {"stages": [{key: value}]}
    if section == "sources.web":
        return {"sources": {"web": WEB["sources"]["web"] | {key: value}}}
    return WEB | ({section: {key: value}} if section else {key: value})


@pytest.mark.parametrize(("section", "key", "value"), WRONG_KINDS)
def test_a_setting_of_the_wrong_kind_is_one_line_that_names_it(section, key, value):
    with pytest.raises(SettingError, match=key) as caught:
        mixture_settings_from(changed(section, key, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300])
@pytest.mark.parametrize(("section", "key"), ENDLESS)
def test_no_number_is_without_end(section, key, value):
    listed = [value] if key == "edges" else [1.0, value] if key == "upsample" else value
    with pytest.raises(SettingError, match=key):
        mixture_settings_from(changed(section, key, listed))


def test_sources_of_no_weight_at_all_are_refused():
    sources = {name: {"path": "x.jsonl", "weight": 0} for name in ("a", "b")}
    with pytest.raises(SettingError, match="weight above 0"):
        mixture_settings_from({"sources": sources})
