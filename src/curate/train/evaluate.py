"""Validation in bits per byte, which compares models of any tokenizer, by domain and by source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from curate.mixture.order import validation_windows
from curate.tokens import TokenFolder, TokenGroup
from curate.train.data import make_batch
from curate.train.model import Decoder
from curate.train.parallel import Team, give_away


@dataclass(frozen=True, slots=True)
class Window:
    """One validation window: group number, offset and number of targets; none for a filler."""

    group: int
    offset: int
    n_targets: int


FILLER = Window(0, 0, 0)


def plan_validation(groups: Sequence[TokenGroup], context: int, most: int) -> list[Window]:
    """The windows to look at: all of a group, or `most` spread evenly over it."""
    plan: list[Window] = []
    for number, group in enumerate(groups):
        if not group.n_tokens:
            continue
        offsets, n_targets = validation_windows(group.n_tokens, context)
        chosen = np.unique(np.linspace(0, len(offsets) - 1, min(most, len(offsets))).round().astype(np.int64))
        plan += [Window(number, int(offsets[i]), int(n_targets[i])) for i in chosen]
    return plan


def share_of(plan: Sequence[Window], team: Team, micro_windows: int) -> list[list[Window]]:
    """Batches of this process; all processes have equally many, so that none waits for ever."""
    n_batches = -(-len(plan) // (team.n_processes * micro_windows))
    mine = [*plan[team.rank :: team.n_processes]]
    mine += [FILLER] * (n_batches * micro_windows - len(mine))
    return [mine[i : i + micro_windows] for i in range(0, len(mine), micro_windows)]


@torch.no_grad()
def bits_per_byte(
    decoder: Decoder,
    tokens: TokenFolder,
    plan: Sequence[Window],
    team: Team,
    *,
    kind: str,
    micro_windows: int,
) -> dict[str, float]:
    """Bits per byte over `plan`, for "all", each "domain/NAME" and each "source/NAME".

    A group counts with all its bytes: nats a token where it was looked at, times its tokens, over its bytes.
    """
    n = len(tokens.validation)
    nats, n_targets = np.zeros(n), np.zeros(n)
    context = decoder.shape.context
    decoder.eval()
    for windows in share_of(plan, team, micro_windows):
        read = [
            tokens.validation[w.group].read(w.offset, w.n_targets + 1) if w.n_targets else [] for w in windows
        ]
        batch = make_batch(
            [np.asarray(r) for r in read],
            context=context,
            eos_id=tokens.eos_id,
            kind=kind,
            device=team.device,
        )
        found, _ = decoder(batch.tokens, batch.positions, batch.where, targets=batch.targets)
        by_window = found.view(len(windows), context).double().sum(1).tolist()
        for window, summed in zip(windows, by_window, strict=True):
            nats[window.group] += summed
            n_targets[window.group] += window.n_targets
    decoder.train()
    give_away(decoder)
    totals = np.array(team.total([*nats, *n_targets])).reshape(2, n)
    return _by_name(tokens.validation, totals[0], totals[1])


def _by_name(groups: Sequence[TokenGroup], nats: np.ndarray, n_targets: np.ndarray) -> dict[str, float]:
    bits: dict[str, float] = {}
    n_bytes: dict[str, int] = {}
    for number, group in enumerate(groups):
        if not n_targets[number] or not group.n_bytes:
            continue
        of_group = nats[number] / n_targets[number] * group.n_tokens / math.log(2)
        for name in {"all", f"domain/{group.domain}", f"source/{group.source}"}:
            bits[name] = bits.get(name, 0.0) + of_group
            n_bytes[name] = n_bytes.get(name, 0) + group.n_bytes
    return {name: bits[name] / n_bytes[name] for name in sorted(bits)}
