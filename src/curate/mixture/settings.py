"""What a mixture is made of: sources, weights, budget, caps, quality buckets, stages; read from TOML."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.config import check, parse_tokens, setting
from curate.errors import SettingError, UnknownNameError

_NAME = re.compile(r"[A-Za-z0-9_-]+")


LARGEST_FACTOR = 1e9
"""Of weights, shares and factors: beyond it sums of products lose the small ones."""


@dataclass(frozen=True, slots=True)
class Source:
    """Some files that are weighed together: `[sources.NAME]`."""

    name: str = setting("", "Letters, digits, - and _.", section="sources")
    path: tuple[str, ...] = setting(
        (),
        "Files, folders or globs of Parquet or JSON lines, or the output of 'curate filter'; local or fsspec URLs.",
        section="sources",
    )
    weight: float | None = setting(
        None,
        "Share of the training tokens; what its size gives if left out.",
        section="sources",
        low=0,
        high=LARGEST_FACTOR,
    )
    max_passes: float | None = setting(
        None, "Instead of the mixture's.", section="sources", above=0, high=LARGEST_FACTOR
    )
    max_share: float | None = setting(
        None,
        "Most of the training tokens that the source may make up, as written text; the others take the rest.",
        section="sources",
        above=0,
        high=1,
    )
    score: float | None = setting(
        None,
        "For documents without a score of their own, as text that is known to be good.",
        section="sources",
        low=-LARGEST_FACTOR,
        high=LARGEST_FACTOR,
    )
    domain: str | None = setting(None, "For documents without one of their own.", section="sources")
    text_column: str | None = setting(None, "Found by its usual names if left out.", section="sources")
    id_column: str | None = setting(None, "Found by its usual names if left out.", section="sources")
    provenance: tuple[str, ...] | None = setting(
        None,
        "Columns to keep beside the text as one JSON object; the usual ones if left out.",
        section="sources",
    )

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self.name)):
            raise SettingError(f"The source name '{self.name}' may have letters, digits, - and _ only.")
        check(self, f"source '{self.name}'")
        if not self.path or not all(self.path):
            raise SettingError(f"Source '{self.name}' has no path: name a file, folder or glob.")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the training run with weights of its own; what it leaves out is the mixture's: `[[stages]]`."""

    name: str = setting("main", "For the plan.", section="stages")
    share: float = setting(
        1.0,
        "Of the run's tokens, relative to the other stages.",
        section="stages",
        above=0,
        high=LARGEST_FACTOR,
    )
    sources: Mapping[str, float] = setting(
        {}, "Source to share of the stage's tokens.", section="stages", low=0, high=LARGEST_FACTOR
    )
    domains: Mapping[str, float] = setting(
        {}, "Domain to share of the stage's tokens.", section="stages", low=0, high=LARGEST_FACTOR
    )
    buckets: Mapping[str, float] = setting(
        {}, "Quality bucket to share of the stage's tokens.", section="stages", low=0, high=LARGEST_FACTOR
    )
    upsample: tuple[float, ...] = setting(
        (), "A factor for each bucket, lowest first.", section="stages", low=0, high=LARGEST_FACTOR
    )

    def __post_init__(self) -> None:
        check(self, f"stage '{self.name}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureSettings:
    """A mixture; see `docs/mixture.md` for the file that describes one. Wrong ones are refused when this is built."""

    sources: tuple[Source, ...] = setting((), "What there is.", section="sources")
    stages: tuple[Stage, ...] = setting(
        (Stage(),), "In the order of training; one that covers all if none is given.", section="stages"
    )
    budget_tokens: int | None = setting(
        None, "Tokens to train on; one pass over everything if left out.", section="", low=1, high=2**53
    )
    # Up to 4 passes repeated text is worth nearly as much as new text (Muennighoff et al., 2023, arXiv 2305.16264).
    max_passes: float | None = setting(
        4.0, "Most passes over any document.", section="", above=0, high=LARGEST_FACTOR
    )
    seed: int = setting(0, "Of the split.", section="", low=-(2**63), high=2**63 - 1)
    score_column: str = setting(
        "edu_score", "Number that decides the quality bucket.", section="quality", named="quality.column"
    )
    bucket_edges: tuple[float, ...] = setting(
        (),
        "Scores between buckets, ascending; a score at an edge is in the upper bucket.",
        section="quality",
        named="quality.edges",
        low=-LARGEST_FACTOR,
        high=LARGEST_FACTOR,
    )
    n_buckets: int = setting(
        1,
        "Instead of edges: so many buckets of about equal bytes.",
        section="quality",
        named="quality.buckets",
        low=1,
        high=100,
    )
    upsample: tuple[float, ...] = setting(
        (),
        "A factor for each bucket, lowest first.",
        section="quality",
        named="quality.upsample",
        low=0,
        high=LARGEST_FACTOR,
    )
    upsample_power: float | None = setting(
        None,
        "Instead of factors: (p + 1) u^p, u being the middle of the bucket among all text by score.",
        section="quality",
        named="quality.upsample_power",
        low=0,
        high=20,
    )
    bucket_weights: Mapping[str, float] = setting(
        {},
        "Bucket to share of the training tokens.",
        section="quality",
        named="quality.weights",
        low=0,
        high=LARGEST_FACTOR,
    )
    domain_column: str = setting(
        "topic", "Text that decides the domain.", section="domains", named="domains.column"
    )
    domain_weights: Mapping[str, float] = setting(
        {},
        "Domain to share of the training tokens.",
        section="domains",
        named="domains.weights",
        low=0,
        high=LARGEST_FACTOR,
    )
    validation_fraction: float = setting(
        0.005,
        "Of documents, chosen by the hash of their words.",
        section="validation",
        named="validation.fraction",
        low=0,
        high=0.5,
    )
    keep_near_validation: bool = setting(
        default=False,
        doc="Leave near-duplicates of validation documents in training (for comparisons).",
        section="validation",
        named="validation.keep_near_duplicates",
    )
    dedup: str = setting(
        "none",
        "Over all sources together: none, exact or near.",
        section="cleaning",
        named="cleaning.dedup",
        known=("none", "exact", "near"),
    )
    jaccard: float = setting(
        0.8,
        "Similarity from which on documents are near-duplicates.",
        section="cleaning",
        named="cleaning.jaccard",
        above=0,
        high=1,
    )
    decontaminate: tuple[str, ...] = setting(
        (),
        "Files with benchmark texts; training documents that share a run of words with one go.",
        section="cleaning",
        named="cleaning.decontaminate",
    )
    # 13 as for GPT-3 (Brown et al., 2020).
    ngram_words: int = setting(
        13, "Length of that run.", section="cleaning", named="cleaning.ngram_words", low=1, high=64
    )
    bytes_per_token: float = setting(
        4.2, "For the plan, until the tokens are counted.", section="", above=0, high=1000
    )

    def __post_init__(self) -> None:
        if not self.sources:
            raise SettingError(
                'A mixture needs sources: add for example [sources.web] with path = "curated/kept".'
            )
        check(self)
        _check_together(self)

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


def _sections() -> dict[str, dict[str, str]]:
    """Sections of the TOML file, their settings and the fields they fill."""
    sections: dict[str, dict[str, str]] = {}
    for field in dataclasses.fields(MixtureSettings):
        section, _, key = (field.metadata["named"] or "").partition(".")
        if key:
            sections.setdefault(section, {})[key] = field.name
    return sections


_SECTIONS = _sections()
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
                values[_SECTIONS[name][key]] = inner
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
    values: dict[str, Any] = {"name": name, **fields, "path": (path,) if isinstance(path, str) else path}
    return Source(**values)


def _stage(number: int, fields: dict[str, Any]) -> Stage:
    known = [field.name for field in dataclasses.fields(Stage)]
    for key in fields:
        if key not in known:
            raise UnknownNameError("setting of a stage", key, known)
    values: dict[str, Any] = {"name": f"stage-{number + 1}", **fields}
    return Stage(**values)


def _check_together(settings: MixtureSettings) -> None:
    """Refuse what several settings say together and cannot be met."""
    weights = [source.weight for source in settings.sources]
    if all(weight == 0 for weight in weights):
        raise SettingError("No source has a weight above 0. Give one source a weight, or leave weights out.")
    names = [stage.name for stage in settings.stages]
    if len(set(names)) < len(names):
        raise SettingError("Two stages have the same name; give each its own.")
    if settings.bucket_edges and settings.n_buckets != 1:
        raise SettingError("Give quality.edges or quality.buckets, not both.")
    if list(settings.bucket_edges) != sorted(set(settings.bucket_edges)):
        raise SettingError(f"quality.edges must ascend, not {list(settings.bucket_edges)}.")
    if settings.upsample and settings.upsample_power is not None:
        raise SettingError("Give quality.upsample or quality.upsample_power, not both.")
    tables = {"quality.weights": settings.bucket_weights, "domains.weights": settings.domain_weights}
    curves = {"quality.upsample": settings.upsample}
    known = [source.name for source in settings.sources]
    for stage in settings.stages:
        of = f"of stage '{stage.name}'"
        tables |= {
            f"sources {of}": stage.sources,
            f"domains {of}": stage.domains,
            f"buckets {of}": stage.buckets,
        }
        curves[f"upsample {of}"] = stage.upsample
        for name in stage.sources:
            if name not in known:
                raise UnknownNameError("source", name, known)
    for what, table in tables.items():
        if table and sum(table.values()) <= 0:
            raise SettingError(f"{what} has no weight above 0.")
    for what, curve in curves.items():
        if curve and len(curve) != settings.n_all_buckets:
            raise SettingError(
                f"{what} has {len(curve)} factors for {settings.n_all_buckets} buckets: give one for each, "
                "lowest first."
            )
