"""Validation in bits per byte, which compares models of any tokenizer, by domain and by source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from curate.mixture.order import validation_windows
from curate.mixture.texts import parse_named_paths, read_texts
from curate.tokens import TokenFolder, TokenGroup, load_encoder
from curate.train.data import make_batch
from curate.train.model import Decoder
from curate.train.parallel import Team, give_away


@dataclass(frozen=True, slots=True)
class Window:
    """One validation window: group number, offset and number of targets; none for a filler."""

    group: int
    offset: int
    n_targets: int


class Judged(Protocol):
    """Tokens that are looked at: those of a group of the validation split, or a named text."""

    @property
    def n_tokens(self) -> int:
        """With the end token of each document."""
        ...

    @property
    def n_bytes(self) -> int:
        """Of the texts."""
        ...

    def read(self, offset: int, n_tokens: int) -> NDArray[np.integer]:
        """Some tokens; past the last it goes on with the first."""
        ...


@dataclass(frozen=True, slots=True)
class NamedText:
    """A text to judge the model on that has no part in the mixture."""

    name: str
    tokens: NDArray[np.integer]
    n_bytes: int

    @property
    def n_tokens(self) -> int:
        """With the end token of each document."""
        return len(self.tokens)

    def read(self, offset: int, n_tokens: int) -> NDArray[np.integer]:
        """Some tokens; past the last it goes on with the first."""
        return self.tokens.take(np.arange(offset, offset + n_tokens), mode="wrap")


MOST_NAMED_BYTES = 64 << 20
"""Of a named text no more is read: some windows of it are looked at."""


def read_named_texts(items: Sequence[str], tokens: TokenFolder) -> list[NamedText]:
    """Read and encode the texts that `eval_texts` names.

    Raises:
        SettingError: one is no NAME=PATH, or has no text.
    """
    texts = {name: read_texts(path) for name, path in parse_named_paths("eval_texts", items).items()}
    if not texts:
        return []
    encoder = load_encoder(tokens.tokenizer_path, tokens.manifest["tokenizer"]["eos_token"])
    found: list[NamedText] = []
    for name, some in texts.items():
        sizes = np.array([len(text.encode()) for text in some])
        n = max(1, int(np.searchsorted(np.cumsum(sizes), MOST_NAMED_BYTES, "right")))
        encoded, _ = encoder.encode_joined(pa.array(some[:n], pa.large_string()))
        found.append(NamedText(name, encoded, int(sizes[:n].sum())))
    return found


FILLER = Window(0, 0, 0)


def plan_validation(groups: Sequence[Judged], context: int, most: int) -> list[Window]:
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
    judged: Sequence[TokenGroup | NamedText],
    plan: Sequence[Window],
    team: Team,
    *,
    eos_id: int,
    kind: str,
    micro_windows: int,
) -> dict[str, float]:
    """Bits per byte over `plan`: of the validation split "all", each "domain/NAME" and "source/NAME"; each named "text/NAME".

    A group counts with all its bytes: nats a token where it was looked at, times its tokens, over its bytes.
    """
    n = len(judged)
    nats, n_targets = np.zeros(n), np.zeros(n)
    context = decoder.shape.context
    decoder.eval()
    for windows in share_of(plan, team, micro_windows):
        read = [judged[w.group].read(w.offset, w.n_targets + 1) if w.n_targets else [] for w in windows]
        batch = make_batch(
            [np.asarray(r) for r in read],
            context=context,
            eos_id=eos_id,
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
    return _by_name(judged, totals[0], totals[1])


def _names(group: TokenGroup | NamedText) -> set[str]:
    if isinstance(group, NamedText):
        return {f"text/{group.name}"}
    return {"all", f"domain/{group.domain}", f"source/{group.source}"}


def _by_name(
    groups: Sequence[TokenGroup | NamedText], nats: np.ndarray, n_targets: np.ndarray
) -> dict[str, float]:
    bits: dict[str, float] = {}
    n_bytes: dict[str, int] = {}
    for number, group in enumerate(groups):
        if not n_targets[number] or not group.n_bytes:
            continue
        of_group = nats[number] / n_targets[number] * group.n_tokens / math.log(2)
        for name in _names(group):
            bits[name] = bits.get(name, 0.0) + of_group
            n_bytes[name] = n_bytes.get(name, 0) + group.n_bytes
    return {name: bits[name] / n_bytes[name] for name in sorted(bits)}
