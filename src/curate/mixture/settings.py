"""What a mixture is made of: sources, weights, budget, caps, quality buckets, stages; read from TOML."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.config import by_field, check, check_table, load_toml, parse_tokens, setting, settings_from
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
    max_per_seed: int | None = setting(
        None,
        "Most passages written from one page; the best-scored stay.",
        section="sources",
        low=1,
        high=2**31 - 1,
    )
    seed_column: str = setting(
        "seed_id", "Names the page that a passage was written from.", section="sources"
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
        None,
        "Tokens to train on, as 2B; one pass over everything if left out.",
        section="",
        low=1,
        high=2**53,
        parse=parse_tokens,
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
    # The curve of OLMo 3's quality-aware upsampling (arXiv 2512.13961): nothing below a, C (x - a)^p e^(l (x - a)) above.
    upsample_power: float | None = setting(
        None,
        "Instead of factors: a curve over the text by score, its place x from 0 to 1; the power p of (x - from)^p.",
        section="quality",
        named="quality.upsample_power",
        low=0,
        high=20,
    )
    upsample_from: float = setting(
        0.0,
        "Of that curve: the share of the text, by score, that is left out (OLMo 3: 0.4).",
        section="quality",
        named="quality.upsample_from",
        low=0,
        high=0.99,
    )
    upsample_growth: float = setting(
        0.0,
        "Of that curve: the l of its factor e^(l (x - from)).",
        section="quality",
        named="quality.upsample_growth",
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
    return mixture_settings_from(load_toml(path))


def mixture_settings_from(data: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> MixtureSettings:
    """Build the settings from a TOML file's contents; unknown names are errors with the nearest known one.

    `given` are settings by their fields' names, which go before those of the file.
    """
    values = by_field(MixtureSettings, data) | dict(given or {})
    sources = check_table("sources", values.get("sources", {}))
    values["sources"] = [
        _named(Source, name, check_table(f"sources.{name}", fields), f"source '{name}'")
        for name, fields in sources.items()
    ]
    stages = values.pop("stages", [])
    if not isinstance(stages, list):
        raise SettingError("Write each stage as a table of its own under [[stages]].")
    if stages:
        names = [check_table("stages", stage).get("name", f"stage-{i}") for i, stage in enumerate(stages, 1)]
        values["stages"] = [
            settings_from(Stage, {**stage, "name": name}, "a stage")
            for name, stage in zip(names, stages, strict=True)
        ]
    return settings_from(MixtureSettings, values)


def _named(cls: type[Source], name: str, fields: dict[str, Any], of: str) -> Source:
    if "name" in fields:
        raise UnknownNameError(f"setting of {of}", "name", [f.name for f in dataclasses.fields(cls)][1:])
    return settings_from(cls, {**fields, "name": name}, of)


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
    if settings.upsample_power is None and (settings.upsample_from or settings.upsample_growth):
        raise SettingError(
            "quality.upsample_from and upsample_growth shape a curve: give quality.upsample_power too."
        )
    _check_shares(settings)


def _check_shares(settings: MixtureSettings) -> None:
    """Refuse tables of weights that name nothing, and curves that are not for these buckets."""
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
