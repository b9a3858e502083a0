"""Settings: checked at birth, the same in Python, TOML and hash."""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
from inspect import get_annotations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.ablate.settings import AblateSettings
from curate.annotate.settings import AnnotateSettings
from curate.config import (
    check_value,
    describe_limits,
    hashed_settings,
    parse_bytes,
    read_toml,
    settings_from,
    stable_hash,
    to_toml,
)
from curate.craft.settings import CraftSettings
from curate.crawl import ReadOptions
from curate.errors import SettingError, UnknownNameError
from curate.fit.recipe import Recipe
from curate.fit.settings import EvaluateSettings
from curate.jobs.settings import DedupSettings, ScoreSettings
from curate.llm.settings import CallSettings
from curate.mixture.settings import MixtureSettings, Source, Stage
from curate.run.settings import DEFAULT_THRESHOLD, FilterSettings
from curate.serve.settings import ServeSettings
from curate.tokens.settings import TokenizeSettings
from curate.train.settings import TrainSettings
from curate.work.engine import EngineSettings

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
        ({"extractor": "nonsense"}, "Unknown extractor 'nonsense'"),
        ({"extract_focus": "foo"}, "Unknown extract focus 'foo'"),
        ({"treshold": 0.5}, "Unknown setting 'treshold'. Did you mean 'threshold'?"),
        ({"threshold": "high"}, "threshold must be a number, or NAME=NUMBER, not 'high'"),
        ({"workers": True}, "workers must be a whole number or left out"),
        ({"rules": 5}, "rules must be a list of strings"),
        ({"input": ()}, "No input"),
        ({"shard_size": "much"}, "Not a number of bytes"),
        ({"target_tokens": "many"}, "Not a number of tokens"),
        (
            {"target_tokens": "2B", "threshold": 0.5},
            "Give target_tokens, threshold or keep_fraction, one of them",
        ),
        ({"target_tokens": "2B", "scorer": "none"}, "scorer is 'none'"),
        ({"tokenizer": "t.json", "scorer": "none"}, "scorer is 'none'"),
        ({"bytes_per_token": 0.0}, "bytes_per_token must be above 0"),
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


CALLS = {"model": "m", "output": "out"}
CLASSES: dict[type, dict] = {
    AblateSettings: {},
    AnnotateSettings: CALLS | {"input": ("pages",)},
    CallSettings: {"model": "m"},
    CraftSettings: CALLS | {"input": ("pages",)},
    DedupSettings: FILES,
    EngineSettings: {},
    EvaluateSettings: {},
    FilterSettings: FILES,
    MixtureSettings: {"sources": (Source("a", ("a.parquet",)),)},
    Recipe: {},
    ScoreSettings: FILES,
    ServeSettings: {},
    Source: {"name": "a", "path": ("a.parquet",)},
    Stage: {},
    TokenizeSettings: {"input": "mixture", "output": "out"},
    TrainSettings: {"tokens": "tokens", "output": "out"},
}
WRITTEN = (FilterSettings, TrainSettings)
"""Those that a command writes to a file."""


def test_no_class_of_settings_is_missing_here() -> None:
    found: set[type] = set()
    for module in pkgutil.walk_packages(curate.__path__, "curate."):
        if module.name.rpartition(".")[2] in ("settings", "recipe", "engine"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if dataclasses.is_dataclass(value) and isinstance(value, type) and not name.startswith("_"):
                    found |= {value} if any("doc" in f.metadata for f in dataclasses.fields(value)) else set()
    assert found == CLASSES.keys()


LIMITED = [
    pytest.param(cls, field, id=f"{cls.__name__}.{field.name}")
    for cls in CLASSES
    for field in dataclasses.fields(cls)
    if describe_limits(field) or field.metadata["known"]
]


@pytest.mark.parametrize(("cls", "field"), LIMITED)
def test_each_setting_stays_at_its_limits_and_is_refused_just_past_them(
    cls: type, field: dataclasses.Field
) -> None:
    kind = str(field.type)
    wrap = {"Mapping": lambda value: {"key": value}, "tuple": lambda value: (value,)}
    held = wrap.get("" if "|" in kind else kind.partition("[")[0], lambda value: value)

    def allows(value: object) -> bool:
        try:
            check_value(cls, field.name, held(value))
        except SettingError:
            return False
        return True

    limits = field.metadata
    if limits["known"]:
        assert all(map(allows, limits["known"]))
        assert not allows("no such name")
        return
    is_whole = "float" not in kind

    def step(value: float, way: int) -> float:
        return int(value) + way if is_whole else math.nextafter(value, way * math.inf)

    if limits["low"] is not None:
        assert allows(limits["low"] if is_whole else float(limits["low"]))
        assert not allows(step(limits["low"], -1))
    if limits["above"] is not None:
        assert not allows(limits["above"] if is_whole else float(limits["above"]))
        assert allows(step(limits["above"], 1))
    if limits["high"] is not None:
        assert allows(limits["high"] if is_whole else float(limits["high"]))
        assert not allows(step(limits["high"], 1))
    assert is_whole or not allows(math.nan)


@pytest.mark.parametrize("cls", [FilterSettings, DedupSettings, ScoreSettings])
def test_every_setting_that_is_called_as_a_read_option_reaches_the_reader(cls: type) -> None:
    shared = {field.name for field in dataclasses.fields(cls)} & {
        f.name for f in dataclasses.fields(ReadOptions)
    }
    for name in shared - {"html_column"}:
        value = "permissive" if name == "license" else 77 if name.endswith("bytes") else "mine"
        options = ReadOptions.of(hashed_settings(cls(**FILES | {name: value})))
        assert getattr(options, name) == value


@pytest.mark.parametrize("cls", CLASSES)
def test_where_a_job_runs_is_declared_once_for_all_jobs(cls: type) -> None:
    if cls is not EngineSettings:
        assert not get_annotations(cls).keys() & {"engine", "ray_address"}


@pytest.mark.parametrize("cls", CLASSES)
def test_a_setting_of_the_wrong_type_is_refused_when_the_settings_are_built(cls: type) -> None:
    for field in dataclasses.fields(cls):
        with pytest.raises(SettingError, match=field.metadata["named"] or field.name):
            cls(**CLASSES[cls] | {field.name: object()})


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = {
    "str": TEXTS,
    "int": st.integers(0, 2**40),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
}


@given(
    st.sampled_from(
        [
            *WRITTEN,
            DedupSettings,
            ScoreSettings,
            TokenizeSettings,
            AnnotateSettings,
            CraftSettings,
            AblateSettings,
            ServeSettings,
            EvaluateSettings,
        ]
    ),
    st.data(),
)
def test_every_settings_file_that_is_written_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, cls: type, data: st.DataObject
) -> None:
    values = dict(CLASSES[cls])
    for field in dataclasses.fields(cls):
        kind = str(field.type).partition(" ")[0]
        made = st.lists(TEXTS, max_size=3).map(tuple) if kind.startswith("tuple") else VALUES[kind]
        if field.metadata["known"]:
            made = st.sampled_from(field.metadata["known"])
        value = data.draw(made, label=field.name)
        try:
            cls(**values | {field.name: value})
        except SettingError:
            continue
        values[field.name] = value
    settings = cls(**values)
    path = tmp_path_factory.mktemp("toml") / "settings.toml"
    path.write_text(to_toml(settings), encoding="utf-8")
    assert settings_from(cls, read_toml(path)) == settings


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


def test_the_older_name_of_the_text_format_still_works_and_todays_goes_before_it():
    for old, new in ((True, "markdown"), (False, "plain")):
        assert settings_from(FilterSettings, {"input": ["x"], "markdown": old}).text_format == new
    both = {"input": ["x"], "markdown": True, "text_format": "plain"}
    assert settings_from(FilterSettings, both).text_format == "plain"
    with pytest.raises(SettingError, match="markdown is text_format now, and was true or false, not 'yes'"):
        settings_from(FilterSettings, {"input": ["x"], "markdown": "yes"})
