"""From the documents that are in to the plan: buckets, groups, and how often each group is seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.config import stable_hash
from curate.errors import SettingError
from curate.mixture.scan import NO_DOMAIN, Documents
from curate.mixture.settings import MixtureSettings
from curate.mixture.shares import lay_out

FORMAT = "curate-mixture"
VERSION = 1
UNSCORED = "unscored"
DEFAULT_DOMAIN_COLUMN = "topic"
_MOST_GROUPS = 4096


@dataclass(frozen=True, slots=True)
class Grouping:
    """Every document's group: numbers into `groups`, -1 for documents that are out."""

    group: NDArray[np.int32]
    groups: list[dict[str, Any]]
    edges: tuple[float, ...]


def group_documents(documents: Documents, settings: MixtureSettings) -> Grouping:
    """Put the documents that are in into groups by source, domain and quality bucket.

    Raises:
        SettingError: There are more than 4,096 groups, as when the domain column holds addresses; or settings
            about scores or domains find none to act on.
    """
    is_in = documents.reason == ""
    _refuse_unread(documents, is_in, settings)
    edges = settings.bucket_edges or _quantile_edges(documents, is_in, settings.n_buckets)
    n_buckets = len(edges) + 1
    bucket = np.searchsorted(np.array(edges), documents.score, "right")
    bucket[np.isnan(documents.score)] = n_buckets
    codes = (documents.source.astype(np.int64) * len(documents.domains) + documents.domain) * (
        n_buckets + 1
    ) + bucket
    found, group = np.unique(codes[is_in], return_inverse=True)
    if len(found) > _MOST_GROUPS:
        raise SettingError(
            f"Sources, domains and buckets make {len(found):,} groups; at most {_MOST_GROUPS:,} are "
            "possible. The "
            f"column '{settings.domain_column}' has {len(documents.domains):,} values: name another as "
            "domains.column."
        )
    numbers = np.full(len(codes), -1, np.int32)
    numbers[is_in] = group
    slugs = _slugs(documents.domains)
    groups: list[dict[str, Any]] = []
    for code in found.tolist():
        rest, place = divmod(code, n_buckets + 1)
        source, domain = divmod(rest, len(documents.domains))
        name = UNSCORED if place == n_buckets else f"q{place}"
        properties = settings.sources[source]
        groups.append(
            {
                "name": f"{properties.name}.{slugs[domain]}.{name}",
                "source": properties.name,
                "domain": documents.domains[domain],
                "bucket": name,
                "max_passes": settings.max_passes if properties.max_passes is None else properties.max_passes,
            }
        )
    return _sorted_by_name(Grouping(numbers, groups, tuple(float(edge) for edge in edges)))


def _refuse_unread(documents: Documents, is_in: NDArray[np.bool_], settings: MixtureSettings) -> None:
    """Refuse settings that would have no effect, since no document has the column that they name."""
    if not is_in.any():
        return
    by_score = settings.n_all_buckets > 1 or settings.bucket_weights or settings.upsample_power is not None
    if by_score and np.isnan(documents.score[is_in]).all():
        raise SettingError(
            f"[quality] would have no effect: no document has a number in the column '{settings.score_column}'. Name the "
            "column of scores as quality.column, or give sources a score."
        )
    named = {name for stage in settings.stages for name in stage.domains} | set(settings.domain_weights)
    if named and not named & set(documents.domains):
        raise SettingError(
            f"[domains] would have no effect: the column '{settings.domain_column}' holds none of "
            f"{', '.join(sorted(named)[:5])}. Name another as domains.column; there are: "
            f"{', '.join(sorted(documents.domains)[:8])}."
        )
    if settings.domain_column != DEFAULT_DOMAIN_COLUMN and set(documents.domains) <= {NO_DOMAIN}:
        raise SettingError(
            f"domains.column names '{settings.domain_column}', which no document has. Leave it out, or name another."
        )


def build_plan(
    documents: Documents, is_validation: NDArray[np.bool_], grouping: Grouping, settings: MixtureSettings
) -> dict[str, Any]:
    """Build what `plan.json` holds, with token counts estimated from bytes.

    Raises:
        SettingError: Weights or caps cannot be met.
    """
    groups = [dict(group) for group in grouping.groups]
    for split, chosen in (("train", ~is_validation), ("validation", is_validation)):
        members = np.flatnonzero(chosen & (grouping.group >= 0))
        numbers = grouping.group[members]
        n_documents = np.bincount(numbers, minlength=len(groups))
        n_bytes = np.bincount(numbers, documents.n_bytes[members], len(groups)).astype(np.int64)
        for group, n, size in zip(groups, n_documents.tolist(), n_bytes.tolist(), strict=True):
            n_tokens = round(size / settings.bytes_per_token) + n  # each ends with an eos
            group[split] = {"n_documents": n, "n_bytes": size, "n_tokens": n_tokens}
    stages = _stages(settings, groups, len(grouping.edges) + 1)
    plan: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "settings": settings.to_json(),
        "settings_hash": stable_hash(settings.to_json()),
        "budget_tokens": settings.budget_tokens,
        "bytes_per_token": settings.bytes_per_token,
        "bucket_edges": list(grouping.edges),
        "groups": groups,
        "stages": stages,
        "removed": _count_removed(documents, settings),
    }
    if not sum(group["train"]["n_tokens"] for group in groups):
        raise SettingError(f"No document is left for training. {_tell_removed(plan['removed'])}")
    sizes = np.array([group["train"]["n_tokens"] for group in groups], np.int64)
    counts = lay_out(plan, sizes, 1)
    for stage, tokens in zip(stages, counts, strict=True):
        stage["n_tokens"] = {group["name"]: int(n) for group, n in zip(groups, tokens, strict=True) if n}
    for group, n, size in zip(groups, counts.sum(axis=0).tolist(), sizes.tolist(), strict=True):
        group["share"] = n / int(counts.sum())
        group["passes"] = n / size if size else 0.0
    _check_caps(groups, settings)
    return plan


def _check_caps(groups: Sequence[dict[str, Any]], settings: MixtureSettings) -> None:
    """Refuse a plan in which a source has more than its cap, since the others run into their caps on passes."""
    for source in settings.sources:
        share = sum(group["share"] for group in groups if group["source"] == source.name)
        if source.max_share is not None and share > source.max_share + 0.01:
            raise SettingError(
                f"Source '{source.name}' would have {share:.0%} of the mixture, above its max_share of {source.max_share:.0%}: "
                "the others have too little text. Give a smaller budget_tokens, or the others more max_passes."
            )


def _quantile_edges(documents: Documents, is_in: NDArray[np.bool_], n_buckets: int) -> tuple[float, ...]:
    """Scores that cut the scored text into buckets of about equal bytes; equal edges merge."""
    scored = np.flatnonzero(is_in & ~np.isnan(documents.score))
    if n_buckets == 1 or not len(scored):
        return ()
    order = scored[np.argsort(documents.score[scored], kind="stable")]
    total = np.cumsum(documents.n_bytes[order])
    cuts = np.searchsorted(total, total[-1] * np.arange(1, n_buckets) / n_buckets, "right")
    edges = np.unique(documents.score[order[np.minimum(cuts, len(order) - 1)]])
    if len(edges) != n_buckets - 1 or edges[0] <= documents.score[order[0]]:
        raise SettingError(
            f"The scores do not allow quality.buckets = {n_buckets} of equal size: too many are equal. "
            "Give fewer, "
            "or quality.edges."
        )
    return tuple(edges.tolist())


def percentiles_of(groups: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """The part of all scored text, worst first, that each bucket is: where it begins and ends, from 0 to 1."""
    sizes: dict[str, int] = {}
    for group in groups:
        if group["bucket"] != UNSCORED:
            sizes[group["bucket"]] = sizes.get(group["bucket"], 0) + group["train"]["n_bytes"]
    total, done = sum(sizes.values()) or 1, 0
    found: dict[str, tuple[float, float]] = {}
    for name in sorted(sizes, key=lambda name: int(name[1:])):
        found[name] = done / total, (done + sizes[name]) / total
        done += sizes[name]
    return found


def curve_factors(
    percentiles: Mapping[str, tuple[float, float]], *, power: float, begins: float, growth: float
) -> dict[str, float]:
    """The mean over each bucket of C (x - a)^p e^(l (x - a)), 0 below a; C makes the mean over all text 1.

    >>> curve_factors({"q0": (0.0, 0.5), "q1": (0.5, 1.0)}, power=1, begins=0.0, growth=0.0)
    {'q0': 0.5, 'q1': 1.5}
    """
    places = (np.arange(_CURVE_STEPS) + 0.5) / _CURVE_STEPS
    above = np.maximum(places - begins, 0.0)
    heights = np.where(places > begins, above**power * np.exp(growth * above), 0.0)
    summed = np.concatenate([[0.0], np.cumsum(heights)]) / heights.sum()
    edges = np.linspace(0.0, 1.0, _CURVE_STEPS + 1)
    factors: dict[str, float] = {}
    for name, (low, high) in percentiles.items():
        taken = np.interp(high, edges, summed) - np.interp(low, edges, summed)
        factors[name] = round(float(taken / (high - low)), 6) if high > low else 0.0
    return factors


_CURVE_STEPS = 10_000


def _stages(
    settings: MixtureSettings, groups: Sequence[Mapping[str, Any]], n_buckets: int
) -> list[dict[str, Any]]:
    """Every stage with all its weights: its own, else the mixture's."""
    names = [f"q{i}" for i in range(n_buckets)]
    curve = settings.upsample
    if settings.upsample_power is not None:
        found = curve_factors(
            percentiles_of(groups),
            power=settings.upsample_power,
            begins=settings.upsample_from,
            growth=settings.upsample_growth,
        )
        curve = tuple(found.get(name, 0.0) for name in names)
    sources = {source.name: source.weight for source in settings.sources if source.weight is not None}
    caps = {source.name: source.max_share for source in settings.sources if source.max_share is not None}
    stages: list[dict[str, Any]] = []
    for stage in settings.stages:
        factors = stage.upsample or curve
        stages.append(
            {
                "name": stage.name,
                "share": float(stage.share),
                "sources": dict(stage.sources or sources),
                "domains": dict(stage.domains or settings.domain_weights),
                "buckets": dict(stage.buckets or settings.bucket_weights),
                "upsample": dict(zip(names, map(float, factors), strict=True)) if factors else {},
            }
            | ({"max_shares": caps} if caps else {})
        )
    return stages


def _count_removed(documents: Documents, settings: MixtureSettings) -> dict[str, dict[str, int]]:
    """Removed documents by reason and source."""
    removed: dict[str, dict[str, int]] = {}
    for reason in sorted(set(documents.reason.tolist()) - {""}):
        numbers = documents.source[documents.reason == reason]
        counts = np.bincount(numbers, minlength=len(settings.sources)).tolist()
        removed[reason] = {source.name: n for source, n in zip(settings.sources, counts, strict=True) if n}
    return removed


def _tell_removed(removed: dict[str, dict[str, int]]) -> str:
    if not removed:
        return "The files of the sources are empty, or validation took what there was."
    counts = ", ".join(f"{name} {reason} {n:,}" for reason, by in removed.items() for name, n in by.items())
    return f"Removed: {counts}. Sources are Parquet, or JSON lines with one object a line; see text_column."


def _slugs(names: Sequence[str]) -> list[str]:
    """Names for files: lower-case letters, digits and -, each its own."""
    slugs: dict[str, None] = {}
    next_number: dict[str, int] = {}
    for name in names:
        slug = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:60] or "x"
        taken, number = slug, next_number.get(slug, 2)
        while taken in slugs:
            taken, number = f"{slug}-{number}", number + 1
        next_number[slug] = number
        slugs[taken] = None
    return list(slugs)


def _sorted_by_name(grouping: Grouping) -> Grouping:
    """Sort groups by source, then name: where domains first came up does not decide."""
    order = sorted(range(len(grouping.groups)), key=lambda place: grouping.groups[place]["name"])
    ranks = np.full(len(order) + 1, -1, np.int32)  # the last is that of -1
    ranks[order] = np.arange(len(order))
    return Grouping(ranks[grouping.group], [grouping.groups[place] for place in order], grouping.edges)
