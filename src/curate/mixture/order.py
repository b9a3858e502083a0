# ruff: noqa: ANN001, ANN202  (numba infers the types of kernels)
"""Which tokens every training step reads: a pure function of plan, token counts and seed; no state to save.

Three parts, each a closed rule:

- Dealing. The windows of a stage are dealt to the groups as P-fair scheduling deals time slots (Baruah,
  Cohen, Plaxton and Varvel, 1996): window j of a group that has n of the stage's N comes between j N / n
  and (j + 1) N / n, the nearest deadline first. So every prefix of the stage is within one window of the
  plan, for every group.
- The ring. Window k of a group has the targets k c to k c + c - 1 of its tokens repeated without end (c:
  the context).
- Shuffling. The windows of each pass are permuted by a keyed Feistel network, but for the one that reaches
  into the next pass: it stays last, so that no token is ever two passes ahead of another.

Dealing is sequential, so each stage keeps its state every 65,536 windows; any window is found from the one
before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xxhash
from numpy.typing import ArrayLike, NDArray

from curate.config import stable_hash
from curate.errors import SettingError
from curate.mixture.shares import lay_out
from curate.text.hashing import GOLDEN, finish
from curate.text.kernel import kernel

_BLOCK = 1 << 16
_ROUNDS = 6


class WindowOrder:
    """The order of a run's training windows; made by `build_order`.

    Attributes:
        context_tokens: targets of a window; it is read as one token more.
        windows_per_step: windows that one optimiser step takes.
        n_windows: windows of the whole run.
        n_steps: full steps of the run.
        stage_counts: int64 (n_stages, n_groups), windows of each group in each stage.
        fingerprint: 16 hex digits; equal ones mean equal windows in equal order.
    """

    def __init__(
        self,
        stage_counts: NDArray[np.int64],
        n_tokens: NDArray[np.int64],
        names: Sequence[str],
        *,
        context_tokens: int,
        windows_per_step: int,
        seed: int,
    ) -> None:
        self.context_tokens, self.windows_per_step, self.seed = context_tokens, windows_per_step, seed
        self.stage_counts = stage_counts
        self._n_tokens = n_tokens
        self._ends = np.cumsum(stage_counts.sum(axis=1))
        self._before = np.concatenate([np.zeros_like(stage_counts[:1]), np.cumsum(stage_counts, axis=0)])
        self._decks = [_Deck(counts) for counts in stage_counts]
        self._keys = np.array(
            [xxhash.xxh3_64_intdigest(f"{seed}/{name}".encode()) for name in names], np.uint64
        )
        self.n_windows = int(self._ends[-1])
        self.n_steps = self.n_windows // windows_per_step
        self.fingerprint = stable_hash(
            [1, stage_counts.tolist(), n_tokens.tolist(), list(names), context_tokens, windows_per_step, seed]
        )

    def window(self, step: int, slot: int) -> tuple[int, int]:
        """Find one window: its group and the first of its `context_tokens` + 1 tokens in it."""
        groups, offsets = self.windows(step, [slot])
        return int(groups[0]), int(offsets[0])

    def windows(self, step: int, slots: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Find the windows of some slots of a step: groups (int32) and offsets (int64), as many as slots."""
        at = np.atleast_1d(np.asarray(slots, np.int64))
        if len(at) and not (at.min() >= 0 and at.max() < self.windows_per_step):
            raise IndexError(f"slots are 0 to {self.windows_per_step - 1}, not {at.min()} to {at.max()}")
        return self._find(step * self.windows_per_step + at)

    def counts(self, n_windows: int) -> NDArray[np.int64]:
        """Count the windows of each group among the first `n_windows` of the run."""
        if n_windows <= 0:
            return np.zeros(len(self._n_tokens), np.int64)
        if n_windows >= self.n_windows:
            return self._before[-1].copy()
        stage = self._stage_of(n_windows - 1)
        begin = int(self._ends[stage - 1]) if stage else 0
        return self._before[stage] + self._decks[stage].counts(n_windows - begin)

    def passes(self, step: int) -> NDArray[np.float64]:
        """Effective epochs of each group after `step` steps: targets drawn by tokens; 0 if it has none."""
        drawn = self.counts(step * self.windows_per_step) * float(self.context_tokens)
        return np.divide(drawn, self._n_tokens, out=np.zeros(len(drawn)), where=self._n_tokens > 0)

    def stage(self, step: int) -> int:
        """The stage that a step begins in; steps past the end count to the last."""
        return self._stage_of(min(step * self.windows_per_step, self.n_windows - 1))

    def shares(self, step: int) -> NDArray[np.float64]:
        """Planned share of each group in the windows of the stage that `step` begins in."""
        counts = self.stage_counts[self.stage(step)]
        return counts / counts.sum()

    def _stage_of(self, position: int) -> int:
        return int(np.searchsorted(self._ends, position, "right"))

    def _find(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        if len(positions) and not (positions.min() >= 0 and positions.max() < self.n_windows):
            raise IndexError(
                f"windows are 0 to {self.n_windows - 1} (steps to {self.n_steps - 1}), "
                f"not {positions.min()} to {positions.max()}"
            )
        groups, turns = np.empty(len(positions), np.int32), np.empty(len(positions), np.int64)
        stages = np.searchsorted(self._ends, positions, "right")
        for stage in np.unique(stages):
            here = np.flatnonzero(stages == stage)
            begin = self._ends[stage - 1] if stage else 0
            groups[here], turns[here] = self._decks[stage].deal(positions[here] - begin)
            turns[here] += self._before[stage][groups[here]]
        return groups, _offsets(groups, turns, self._n_tokens, self.context_tokens, self._keys)


def build_order(
    plan: Mapping[str, Any],
    n_tokens: Sequence[int],
    *,
    context_tokens: int,
    windows_per_step: int,
    seed: int = 0,
    budget_tokens: int | None = None,
) -> WindowOrder:
    """Lay out a training run over the groups of a mixture.

    Args:
        plan: what `plan.json` holds: `groups`, `stages` and `budget_tokens`.
        n_tokens: training tokens of each group of the plan, in its order.
        context_tokens: targets of a window.
        windows_per_step: windows of one optimiser step, over all processes and accumulation.
        seed: of the shuffling.
        budget_tokens: targets of the whole run instead of the plan's; None in both: one pass over
            everything, as far as the caps let.

    Raises:
        SettingError: The caps on passes leave less than the budget, or a stage's weights cannot be met.
    """
    for name, value in (("context_tokens", context_tokens), ("windows_per_step", windows_per_step)):
        if value < 1:
            raise SettingError(f"{name} must be 1 or more, not {value}.")
    sizes = np.asarray(n_tokens, np.int64)
    stage_counts = lay_out(plan, sizes, context_tokens, budget_tokens)
    if stage_counts.sum() == 0:
        raise SettingError(
            f"{int(sizes.sum()):,} tokens do not fill one window of context_tokens = {context_tokens}: "
            "lower it or add text."
        )
    return WindowOrder(
        stage_counts,
        sizes,
        [group["name"] for group in plan["groups"]],
        context_tokens=context_tokens,
        windows_per_step=windows_per_step,
        seed=seed,
    )


def validation_windows(n_tokens: int, context_tokens: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut a group into windows for evaluation: (offsets, n_targets); every token is a target exactly once.

    Window i is to be read as `n_targets[i]` + 1 tokens from `offsets[i]`; the first begins at the last
    token of the group, an eos, as training windows do.

    >>> validation_windows(5, 2)
    (array([4, 1, 3]), array([2, 2, 1]))
    """
    starts = np.arange(0, n_tokens, context_tokens, dtype=np.int64)
    return (starts - 1) % max(n_tokens, 1), np.minimum(context_tokens, n_tokens - starts)


class _Deck:
    """The windows of one stage, dealt to groups; what is dealt is known at every block's begin."""

    def __init__(self, counts: NDArray[np.int64]) -> None:
        # The sequence repeats when all counts have a common divisor.
        self.n_repeats = int(np.gcd.reduce(counts)) or 1
        self._counts = counts // self.n_repeats
        self._period = int(self._counts.sum())
        self._dealt = _deal_blocks(self._counts, self._period, _BLOCK)
        self._recent: dict[int, tuple[NDArray[np.int32], NDArray[np.int64]]] = {}

    def deal(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Find the groups of some windows of the stage, and how many windows of the group came before."""
        groups, turns = np.empty(len(positions), np.int32), np.empty(len(positions), np.int64)
        rounds, places = np.divmod(positions, self._period)
        blocks = places // _BLOCK
        for block in np.unique(blocks):
            here = np.flatnonzero(blocks == block)
            block_groups, block_turns = self._block(int(block))
            at = places[here] - block * _BLOCK
            groups[here] = block_groups[at]
            turns[here] = block_turns[at] + rounds[here] * self._counts[block_groups[at]]
        return groups, turns

    def counts(self, n_windows: int) -> NDArray[np.int64]:
        """Count the windows of each group among the stage's first `n_windows`."""
        n_rounds, n_rest = divmod(n_windows, self._period)
        block = n_rest // _BLOCK
        dealt = self._dealt[block].copy()
        if n_rest % _BLOCK:
            groups, _ = self._block(block)
            dealt += np.bincount(groups[: n_rest % _BLOCK], minlength=len(dealt))
        return dealt + n_rounds * self._counts

    def _block(self, block: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        found = self._recent.get(block)
        if found is None:
            begin = block * _BLOCK
            n = min(_BLOCK, self._period - begin)
            groups, turns = np.empty(n, np.int32), np.empty(n, np.int64)
            _deal(self._counts, self._period, begin, self._dealt[block].copy(), groups, turns)
            found = groups, turns
            recent = list(self._recent.items())[-1:]  # a step may lie across two blocks
            self._recent = dict([*recent, (block, found)])
        return found


@kernel
def _deal(counts, period, begin, dealt, groups, turns):
    """Deal windows from `begin` on into `groups` and `turns`; `dealt` counts what came before, by group."""
    n_groups = len(counts)
    releases = np.full(n_groups, np.int64(2**62))
    deadlines = np.full(n_groups, np.int64(2**62))
    for group in range(n_groups):
        if dealt[group] < counts[group]:
            releases[group] = dealt[group] * period // counts[group]
            deadlines[group] = ((dealt[group] + 1) * period + counts[group] - 1) // counts[group]
    for i in range(len(groups)):
        chosen, nearest = -1, np.int64(2**62)
        for group in range(n_groups):
            if deadlines[group] < nearest and releases[group] <= begin + i:
                chosen, nearest = group, deadlines[group]
        groups[i], turns[i] = chosen, dealt[chosen]
        dealt[chosen] += 1
        if dealt[chosen] < counts[chosen]:
            releases[chosen] = dealt[chosen] * period // counts[chosen]
            deadlines[chosen] = ((dealt[chosen] + 1) * period + counts[chosen] - 1) // counts[chosen]
        else:
            deadlines[chosen] = np.int64(2**62)


def _deal_blocks(counts: NDArray[np.int64], period: int, block: int) -> NDArray[np.int64]:
    """What is dealt to each group at the begin of every block: int64 (n_blocks, n_groups)."""
    n_blocks = max(1, -(-period // block))
    states = np.zeros((n_blocks, len(counts)), np.int64)
    groups, turns = np.empty(block, np.int32), np.empty(block, np.int64)
    for i in range(1, n_blocks):
        states[i] = states[i - 1]
        _deal(counts, period, (i - 1) * block, states[i], groups, turns)
    return states


@kernel
def _offsets(groups, turns, n_tokens, context_tokens, keys):
    """Where window `turns[i]` of group `groups[i]` begins in the group's tokens."""
    offsets = np.empty(len(groups), np.int64)
    for i in range(len(groups)):
        n = n_tokens[groups[i]]
        turn = turns[i]
        n_pass = turn * context_tokens // n
        first = (n_pass * n + context_tokens - 1) // context_tokens
        last = ((n_pass + 1) * n) // context_tokens  # windows first to last - 1 end within the pass
        place = turn - first
        if place < last - first:
            place = _permute(place, last - first, _mix(keys[groups[i]] + np.uint64(n_pass) * GOLDEN))
        offsets[i] = ((first + place) * context_tokens - 1) % n
    return offsets


@kernel
def _mix(value):
    return finish(value + GOLDEN)


@kernel
def _permute(place, size, key):
    """Map 0..size-1 onto itself: a Feistel network over the next power of four, walked until it is within."""
    half = np.uint64(1)
    while (np.uint64(1) << (np.uint64(2) * half)) < np.uint64(size):
        half += np.uint64(1)
    mask = (np.uint64(1) << half) - np.uint64(1)
    value = np.uint64(place)
    while True:
        left, right = value >> half, value & mask
        for number in range(_ROUNDS):
            mixed = _mix(key ^ (right + (np.uint64(number) << np.uint64(56))))
            left, right = right, left ^ (mixed & mask)
        value = (left << half) | right
        if value < np.uint64(size):
            return np.int64(value)
