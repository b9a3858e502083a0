"""What a mixture is made of: sources, weights, budget, caps, quality buckets, stages; read from TOML."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingError, UnknownNameError

_TOKEN_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Source:
    """Some files that are weighed together.

    Attributes:
        name: letters, digits, - and _.
        path: files, folders or globs of Parquet or JSON lines; local or fsspec URLs.
        weight: share of the training tokens; null for what its size gives.
        max_passes: instead of the mixture's.
        score: for documents without a score of their own, as text that is known to be good.
        domain: for documents without one of their own.
        text_column, id_column: null to find them by their usual names.
        provenance: columns to keep beside the text as one JSON object; null for the usual ones.
    """

    name: str
    path: tuple[str, ...]
    weight: float | None = None
    max_passes: float | None = None
    score: float | None = None
    domain: str | None = None
    text_column: str | None = None
    id_column: str | None = None
    provenance: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the training run with weights of its own; what it leaves out is the mixture's.

    Attributes:
        name: for the plan.
        share: of the run's tokens, relative to the other stages.
        sources, domains, buckets: name to share of the stage's tokens.
        upsample: a factor for each bucket, lowest first; empty for the mixture's.
    """

    name: str
    share: float = 1.0
    sources: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    domains: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    buckets: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    upsample: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    """A mixture; see `docs/mixture.md` for the file that describes one.

    Attributes:
        sources: what there is.
        stages: in the order of training; one that covers all when none is given.
        budget_tokens: tokens to train on; null for one pass over everything.
        max_passes: most passes over any document; 4 by default, up to which repeated text is worth nearly as
            much as new text (Muennighoff et al., 2023).
        seed: of the split.
        score_column: number that decides the quality bucket.
        bucket_edges: scores between buckets, ascending; a score at an edge is in the upper bucket.
        n_buckets: instead of edges: so many buckets of about equal bytes.
        upsample: a factor for each bucket, lowest first.
        upsample_power: instead of factors: (p + 1) u^p, u being the middle of the bucket among all text by
            score. bucket_weights, domain_weights: shares of the training tokens.
        domain_column: text that decides the domain.
        validation_fraction: of documents, chosen by the hash of their words.
        dedup: 'none', 'exact' or 'near': over all sources together.
        jaccard: similarity from which on documents are near-duplicates.
        keep_near_validation: leave near-duplicates of validation documents in training (for comparisons).
        decontaminate: files with benchmark texts; training documents that share a run of words with one go.
        ngram_words: length of that run; 13 as for GPT-3 (Brown et al., 2020).
        bytes_per_token: for the plan, until the tokens are counted.
    """

    sources: tuple[Source, ...]
    stages: tuple[Stage, ...] = (Stage("main"),)
    budget_tokens: int | None = None
    max_passes: float | None = 4.0
    seed: int = 0
    score_column: str = "edu_score"
    bucket_edges: tuple[float, ...] = ()
    n_buckets: int = 1
    upsample: tuple[float, ...] = ()
    upsample_power: float | None = None
    bucket_weights: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    domain_column: str = "topic"
    domain_weights: Mapping[str, float] = dataclasses.field(default_factory=dict[str, float])
    validation_fraction: float = 0.005
    dedup: str = "none"
    jaccard: float = 0.8
    keep_near_validation: bool = False
    decontaminate: tuple[str, ...] = ()
    ngram_words: int = 13
    bytes_per_token: float = 4.2

    def __post_init__(self) -> None:
        _check(self)

    @property
    def n_all_buckets(self) -> int:
        """Buckets of scored documents."""
        return len(self.bucket_edges) + 1 if self.bucket_edges else self.n_buckets

    def to_json(self) -> dict[str, Any]:
        """Everything that decides the result, as JSON-able values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # tuples as lists, as a file gives them back


def read_mixture_settings(path: str | Path) -> MixtureSettings:
    """Read a mixture's TOML file.

    Raises:
        SettingError: The file cannot be read, or a setting in it is unknown or wrong.
    """
    import tomllib

    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"Cannot read the settings file {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not valid TOML: {error}.") from error
    return mixture_settings_from(data)


_SECTIONS: dict[str, dict[str, str]] = {
    "quality": {
        "column": "score_column",
        "edges": "bucket_edges",
        "buckets": "n_buckets",
        "upsample": "upsample",
        "upsample_power": "upsample_power",
        "weights": "bucket_weights",
    },
    "domains": {"column": "domain_column", "weights": "domain_weights"},
    "validation": {"fraction": "validation_fraction", "keep_near_duplicates": "keep_near_validation"},
    "cleaning": {
        "dedup": "dedup",
        "jaccard": "jaccard",
        "decontaminate": "decontaminate",
        "ngram_words": "ngram_words",
    },
}
"""Sections of the TOML file, their settings and the fields they fill."""

_TOP = ("budget_tokens", "max_passes", "seed", "bytes_per_token")


def mixture_settings_from(data: Mapping[str, Any]) -> MixtureSettings:
    """Build the settings from a TOML file's contents; unknown names are errors with the nearest known one."""
    known = {*_TOP, *_SECTIONS, "sources", "stages"}
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name not in known:
            raise UnknownNameError("setting", name, known)
        if name in _TOP:
            values[name] = value
        elif name in _SECTIONS:
            for key, inner in _table(name, value).items():
                if key not in _SECTIONS[name]:
                    raise UnknownNameError(f"setting in [{name}]", key, _SECTIONS[name])
                values[_SECTIONS[name][key]] = tuple(inner) if isinstance(inner, list) else inner
    if isinstance(values.get("decontaminate"), str):
        values["decontaminate"] = (values["decontaminate"],)
    if "budget_tokens" in values:
        values["budget_tokens"] = parse_tokens(values["budget_tokens"])
    sources = _table("sources", data.get("sources", {}))
    values["sources"] = tuple(
        _source(name, _table(f"sources.{name}", fields)) for name, fields in sources.items()
    )
    stages = data.get("stages", [])
    if not isinstance(stages, list):
        raise SettingError("Write each stage as a table of its own under [[stages]].")
    if stages:
        values["stages"] = tuple(_stage(i, _table("stages", fields)) for i, fields in enumerate(stages))
    return MixtureSettings(**values)


def parse_tokens(text: str | float) -> int:
    """Read a number of tokens: '2B', '500M', '1.4T', 1e9.

    >>> parse_tokens("1.4T"), parse_tokens(1e6)
    (1400000000000, 1000000)
    """
    raw = str(text).strip().upper().replace("_", "").replace(",", "")
    unit = raw[-1:] if raw[-1:] in _TOKEN_UNITS else ""
    try:
        n_tokens = round(float(raw.removesuffix(unit) if unit else raw) * _TOKEN_UNITS[unit])
    except (ValueError, OverflowError):
        raise SettingError(f"Not a number of tokens: '{text}'. Write for example 2B or 500M.") from None
    if n_tokens <= 0:
        raise SettingError(f"A number of tokens must be above 0, not '{text}'.")
    return n_tokens


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingError(f"'{name}' must be a table of settings, not {value!r}. See docs/mixture.md.")
    return value


def _source(name: str, fields: dict[str, Any]) -> Source:
    path = fields.get("path", ())
    known = [field.name for field in dataclasses.fields(Source) if field.name != "name"]
    for key in fields:
        if key not in known:
            raise UnknownNameError(f"setting of source '{name}'", key, known)
    values: dict[str, Any] = dict(fields)
    values["path"] = (path,) if isinstance(path, str) else tuple(path)
    if "provenance" in values:
        named = values["provenance"]
        values["provenance"] = tuple(named) if isinstance(named, list) else (None,)
    return Source(name, **values)


def _stage(number: int, fields: dict[str, Any]) -> Stage:
    known = [field.name for field in dataclasses.fields(Stage)]
    for key in fields:
        if key not in known:
            raise UnknownNameError("setting of a stage", key, known)
    values: dict[str, Any] = {"name": f"stage-{number + 1}", **fields}
    values["upsample"] = tuple(fields.get("upsample", ()))
    return Stage(**values)


def _check(settings: MixtureSettings) -> None:
    if not settings.sources:
        raise SettingError(
            'A mixture needs sources: add for example [sources.web] with path = "curated/kept".'
        )
    for source in settings.sources:
        _check_source(source)
    _check_number("max_passes", settings.max_passes, 0, None, or_null=True)
    _check_number("bytes_per_token", settings.bytes_per_token, 0, None)
    _check_number("validation.fraction", settings.validation_fraction, -1e-9, 0.5)
    if settings.dedup not in {"none", "exact", "near"}:
        raise UnknownNameError("kind of deduplication", str(settings.dedup), ("none", "exact", "near"))
    _check_whole("seed", settings.seed, -(2**63), 2**63)
    _check_whole("cleaning.ngram_words", settings.ngram_words, 1, 64)
    _check_buckets(settings)
    names = [stage.name for stage in settings.stages]
    if len(set(names)) < len(names):
        raise SettingError("Two stages have the same name; give each its own.")
    for stage in settings.stages:
        _check_number(f"share of stage '{stage.name}'", stage.share, 0, None)
        tables = {"sources": stage.sources, "domains": stage.domains, "buckets": stage.buckets}
        for what, weights in tables.items():
            _check_weights(f"{what} of stage '{stage.name}'", weights)
        for name in stage.sources:
            if name not in {source.name for source in settings.sources}:
                raise UnknownNameError("source", name, [source.name for source in settings.sources])
    _check_weights("quality.weights", settings.bucket_weights)
    _check_weights("domains.weights", settings.domain_weights)


def _check_source(source: Source) -> None:
    if not _NAME.fullmatch(source.name):
        raise SettingError(f"The source name '{source.name}' may have letters, digits, - and _ only.")
    if not source.path or not all(map(_is_name, source.path)):
        raise SettingError(f"Source '{source.name}' has no path: name a file, folder or glob.")
    if not all(map(_is_name, source.provenance or ())):
        raise SettingError(
            f'provenance of source \'{source.name}\' must be a list of columns, as ["model", "prompt"].'
        )
    _check_number(f"weight of source '{source.name}'", source.weight, -1e-9, None, or_null=True)
    _check_number(f"max_passes of source '{source.name}'", source.max_passes, 0, None, or_null=True)
    _check_number(f"score of source '{source.name}'", source.score, None, None, or_null=True)


def _check_buckets(settings: MixtureSettings) -> None:
    edges, n = settings.bucket_edges, settings.n_buckets
    _check_whole("quality.buckets", n, 1, 100)
    if edges and n != 1:
        raise SettingError("Give quality.edges or quality.buckets, not both.")
    for edge in edges:
        _check_number("quality.edges", edge, None, None)
    if list(edges) != sorted(set(edges)):
        raise SettingError(f"quality.edges must ascend, not {list(edges)}.")
    if settings.upsample and settings.upsample_power is not None:
        raise SettingError("Give quality.upsample or quality.upsample_power, not both.")
    _check_number("quality.upsample_power", settings.upsample_power, -1e-9, 20, or_null=True)
    curves = {"quality.upsample": settings.upsample}
    curves |= {f"upsample of stage '{stage.name}'": stage.upsample for stage in settings.stages}
    for what, curve in curves.items():
        if curve and len(curve) != settings.n_all_buckets:
            raise SettingError(
                f"{what} has {len(curve)} factors for {settings.n_all_buckets} buckets: give one for each, "
                "lowest "
                "first."
            )
        for factor in curve:
            _check_number(what, factor, -1e-9, None)


def _check_weights(what: str, weights: Any) -> None:
    for name, weight in _table(what, weights).items():
        _check_number(f"{what}: {name}", weight, -1e-9, None)
    if weights and sum(weights.values()) <= 0:
        raise SettingError(f"{what} has no weight above 0.")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _check_whole(what: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SettingError(f"{what} must be a whole number from {least} to {most}, not {value!r}.")


def _check_number(
    what: str, value: Any, above: float | None, most: float | None, *, or_null: bool = False
) -> None:
    if value is None and or_null:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise SettingError(f"{what} must be a number, not {value!r}.")
    if (above is not None and value <= above) or (most is not None and value > most):
        low = "0 or more" if above is not None and above < 0 else f"above {above}"
        high = "" if most is None else f" and up to {most:g}"
        raise SettingError(f"{what} must be {low}{high}, not {value!r}.")
