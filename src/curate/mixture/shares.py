"""From weights to whole numbers: the share of every group in a stage, and its windows under the caps.

A group is one source × domain × quality bucket. Shares are solved from sizes, so the same settings give the
plan from estimated sizes and later the order of training from true token counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import SettingError

AXES = {"sources": "source", "domains": "domain", "buckets": "bucket"}
"""Tables of a stage that hold shares, and the property of a group that each is about."""

_UNLIMITED = np.int64(2**62)
_MAX_ROUNDS = 2000
_CLOSE = 1e-12
_TOLERABLE = 1e-6


def solve_shares(
    groups: Sequence[Mapping[str, Any]], sizes: NDArray[np.float64], stage: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Find the share of each group in a stage: float64 (n_groups,) that sums to 1.

    Without weights a group's share is its size times the upsampling of its bucket: the union. Weights then
    fix the shares of sources, domains and buckets; names without a weight divide the rest by their sizes.
    Weights on several axes are met together by iterative proportional fitting (Deming and Stephan, 1940),
    which keeps the groups otherwise as near to the union as can be.

    Args:
        groups: each with `source`, `domain` and `bucket`.
        sizes: tokens of each, 0 or more.
        stage: `upsample` (bucket to factor), `sources`, `domains`, `buckets` (name to share); all may be
            absent.

        A stage may also have `max_shares` (source to the most that it may have): what a source would have above
        that goes to the others, in proportion to what they have.

    Raises:
        SettingError: A weight cannot be met, as its name has no text or another axis leaves none; or the caps on
            sources leave less than everything.
    """
    shares = _solve_weights(groups, sizes, stage)
    caps: Mapping[str, float] = stage.get("max_shares") or {}
    names, members = _members(groups, "sources")
    capped: dict[str, float] = {}
    while True:
        found = dict(zip(names, np.bincount(members, shares, len(names)).tolist(), strict=True))
        above = {name: cap for name, cap in caps.items() if found.get(name, 0.0) > cap + _TOLERABLE}
        if not above:
            return shares
        capped |= above
        left, free = (
            1 - sum(capped.values()),
            {name: n for name, n in found.items() if name not in capped and n > 0},
        )
        if not free or left <= 0:
            where = stage.get("name", "main")
            told = ", ".join(f"{name} {cap:g}" for name, cap in sorted(capped.items()))
            raise SettingError(
                f"max_share leaves nothing to make up stage '{where}' ({told}). Raise one, or add a source without it."
            )
        weights = capped | {name: n * left / sum(free.values()) for name, n in free.items()}
        shares = _solve_weights(groups, sizes, {**stage, "sources": weights})


def _solve_weights(
    groups: Sequence[Mapping[str, Any]], sizes: NDArray[np.float64], stage: Mapping[str, Any]
) -> NDArray[np.float64]:
    factors = stage.get("upsample") or {}
    shares = sizes * np.array([float(factors.get(group["bucket"], 1.0)) for group in groups])
    where = f"stage '{stage.get('name', 'main')}'"
    if shares.sum() <= 0:
        raise SettingError(f"There is no text for {where}: give it a bucket or source that has some.")
    shares = shares / shares.sum()
    targets = [
        _fit_targets(axis, stage[axis], _members(groups, axis), shares, where)
        for axis in AXES
        if stage.get(axis)
    ]
    for _ in range(_MAX_ROUNDS if targets else 0):
        error = 0.0
        for _, members, wanted in targets:
            found = np.bincount(members, shares, len(wanted))
            error = max(error, float(np.abs(found - wanted).max()))
            shares = shares * np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)[members]
        if error < _CLOSE:
            break
    for axis, members, wanted in targets:
        miss = np.abs(np.bincount(members, shares, len(wanted)) - wanted)
        if miss.max() > _TOLERABLE:
            name = sorted({group[AXES[axis]] for group in groups})[int(miss.argmax())]
            raise SettingError(
                f"The weights of {where} contradict each other: {AXES[axis]} '{name}' cannot have its "
                f"share of {wanted[miss.argmax()]:.3g} beside the others. Remove a weight or lower it."
            )
    return shares / shares.sum()


def _members(groups: Sequence[Mapping[str, Any]], axis: str) -> tuple[list[str], NDArray[np.int64]]:
    names = sorted({group[AXES[axis]] for group in groups})
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[group[AXES[axis]]] for group in groups], np.int64)


def _fit_targets(
    axis: str,
    weights: Mapping[str, float],
    named: tuple[list[str], NDArray[np.int64]],
    shares: NDArray[np.float64],
    where: str,
) -> tuple[str, NDArray[np.int64], NDArray[np.float64]]:
    """Complete the weights of an axis: what they leave goes to the other names by size."""
    names, members = named
    found = np.bincount(members, shares, len(names))
    wanted = np.zeros(len(names))
    for name, weight in weights.items():
        if weight > 0 and (name not in names or found[names.index(name)] <= 0):
            known = ", ".join(name for name, share in zip(names, found, strict=True) if share > 0)
            raise SettingError(
                f"{where} has no text of {AXES[axis]} '{name}', which has a weight. Known: {known}."
            )
        if name in names:
            wanted[names.index(name)] = weight
    is_free = np.array([name not in weights for name in names]) & (found > 0)
    total = wanted.sum()
    if not is_free.any():
        return axis, members, wanted / total
    if total > 1 + _CLOSE:
        free = ", ".join(name for name, free in zip(names, is_free, strict=True) if free)
        raise SettingError(
            f"The {axis} of {where} have weights that add to {total:.4g}, which leaves less than nothing for "
            f"{free}. Weights beside names without one are shares below 1; or give every name a weight."
        )
    wanted[is_free] = (1 - min(total, 1.0)) * found[is_free] / found[is_free].sum()
    return axis, members, wanted


def lay_out(
    plan: Mapping[str, Any],
    n_tokens: NDArray[np.int64],
    context_tokens: int,
    budget_tokens: int | None = None,
) -> NDArray[np.int64]:
    """Find how many windows each stage takes of each group: int64 (n_stages, n_groups).

    Args:
        plan: `groups` (with `max_passes`), `stages` (with `share`) and `budget_tokens`.
        n_tokens: training tokens of each group.
        context_tokens: tokens of a window; 1 to plan in tokens.
        budget_tokens: instead of the plan's; None in both: one pass over everything, as far as the caps let.

    Raises:
        SettingError: The caps on passes leave less than the budget, or a stage's weights cannot be met.
    """
    groups, stages = plan["groups"], plan["stages"]
    if len(n_tokens) != len(groups):
        raise SettingError(f"The plan has {len(groups)} groups, but {len(n_tokens)} token counts are given.")
    caps = _cap_windows(groups, n_tokens, context_tokens)
    shares = np.array([solve_shares(groups, n_tokens.astype(np.float64), stage) for stage in stages])
    budget = plan["budget_tokens"] if budget_tokens is None else budget_tokens
    if budget is None and np.allclose(shares, n_tokens / max(n_tokens.sum(), 1), rtol=1e-9):
        caps = np.minimum(
            caps, n_tokens // context_tokens
        )  # the union in one pass: rounding begins no second one
    n_windows = _total_windows(budget, n_tokens, caps, shares, context_tokens)
    parts = np.cumsum([float(stage["share"]) for stage in stages])
    per_stage = np.diff(np.rint(parts / parts[-1] * n_windows), prepend=0).astype(np.int64)
    return divide_windows(shares, per_stage, caps, [stage["name"] for stage in stages], context_tokens)


def _cap_windows(
    groups: Sequence[Mapping[str, Any]], sizes: NDArray[np.int64], context_tokens: int
) -> NDArray[np.int64]:
    """Most whole windows of each group within its cap on passes."""
    caps = [
        _UNLIMITED
        if group.get("max_passes") is None
        else int(group["max_passes"] * int(size) // context_tokens)
        for group, size in zip(groups, sizes, strict=True)
    ]
    return np.where(sizes > 0, np.array(caps, np.int64), 0)


def _total_windows(
    budget: int | None,
    sizes: NDArray[np.int64],
    caps: NDArray[np.int64],
    shares: NDArray[np.float64],
    context_tokens: int,
) -> int:
    used = shares.max(axis=0) > 0
    if budget is None:
        return int(np.minimum(sizes // context_tokens, caps)[used].sum())
    n_windows = budget // context_tokens
    room = sum(int(cap) for cap in caps[used])
    if n_windows > room + len(caps):
        most = room * context_tokens
        raise SettingError(
            f"A budget of {budget:,} tokens is more than the caps on passes allow: {most:,}. Lower budget_tokens "
            f"to that, raise max_passes by a factor of {_up(budget / max(most, 1))}, or add text."
        )
    return min(n_windows, room)


def _up(factor: float) -> str:
    """Round up to two places, so that doing what a message says is enough."""
    return f"{math.ceil(factor * 100 - 1e-9) / 100:.2f}"


def divide_windows(
    shares: NDArray[np.float64],
    n_windows: NDArray[np.int64],
    caps: NDArray[np.int64],
    stage_names: Sequence[str],
    context_tokens: int = 1,
) -> NDArray[np.int64]:
    """Turn shares into whole windows under caps: int64 (n_stages, n_groups).

    A group that would exceed its cap over all stages is lowered to it in equal proportion in every stage;
    what is freed goes to the stage's other groups by their shares. Then every stage is rounded by largest
    remainders.

    Args:
        shares: (n_stages, n_groups), rows sum to 1.
        n_windows: of each stage.
        caps: most windows of each group over all stages.
        stage_names: for the message.
        context_tokens: tokens of a window, for the message.

    Raises:
        SettingError: The caps leave a stage short of windows.
    """
    wanted = _fill_under_caps(shares, n_windows, caps, stage_names, context_tokens)
    divided = np.floor(wanted + 1e-9).astype(np.int64)
    for stage in range(len(divided)):
        missing = int(n_windows[stage] - divided[stage].sum())
        order = np.argsort(-(wanted[stage] - divided[stage]), kind="stable")
        order = order[shares[stage][order] > 0]
        while missing > 0:
            room = order[divided.sum(axis=0)[order] < caps[order]][:missing]
            if not len(room):
                break  # by less than one window a group: the stage ends that much earlier
            divided[stage][room] += 1
            missing -= len(room)
    return divided


def _fill_under_caps(
    shares: NDArray[np.float64],
    n_windows: NDArray[np.int64],
    caps: NDArray[np.int64],
    stage_names: Sequence[str],
    context_tokens: int,
) -> NDArray[np.float64]:
    wanted = shares * n_windows[:, None]
    is_full = np.zeros(shares.shape[1], np.bool_)
    while True:
        totals = wanted.sum(axis=0)
        over = ~is_full & (totals > caps * (1 + 1e-12))
        if not over.any():
            return wanted
        is_full |= over
        wanted[:, over] *= caps[over] / totals[over]
        left = n_windows - wanted[:, is_full].sum(axis=1)
        free = np.where(is_full, 0.0, shares)
        mass = free.sum(axis=1)
        for stage, (n_left, n_free) in enumerate(zip(left, mass, strict=True)):
            if n_free > 0:
                wanted[stage, ~is_full] = free[stage, ~is_full] * (n_left / n_free)
            elif n_left > len(caps):
                asked, possible = n_windows[stage], n_windows[stage] - n_left
                factor = _up(float(asked / possible)) if possible > 0 else "much"
                raise SettingError(
                    f"Stage '{stage_names[stage]}' is to have {int(asked) * context_tokens:,} tokens, but the caps "
                    f"on passes leave {int(possible) * context_tokens:,}. Lower budget_tokens or the stage's "
                    f"share, raise max_passes by a factor of {factor}, or give the stage more of the text."
                )
