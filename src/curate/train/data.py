"""From token files to batches. Nothing here has state: `curate.mixture.order` says which tokens a step reads.

A document's end token is the first input of the document after it: it says "a document begins" and carries
nothing of the one before. So every token is a target once, the first of each document too, and pieces begin
at end tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from curate.train.attention import Borders, borders
from curate.train.losses import NO_TARGET


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows one after another: N = windows x context tokens."""

    tokens: Tensor
    """int64 (N,)."""
    targets: Tensor
    """int64 (N,), the token after each; `NO_TARGET` for padding."""
    positions: Tensor
    """int64 (N,), place in the document's piece."""
    where: Borders


def slots_of(rank: int, n_processes: int, n_windows: int) -> NDArray[np.int64]:
    """The slots of a step that one process reads: every `n_processes`-th, from its rank on."""
    return np.arange(rank, n_windows, n_processes)


def make_batch(
    windows: Sequence[NDArray[np.integer]], *, context: int, eos_id: int, kind: str, device: torch.device
) -> Batch:
    """Lay windows of up to context + 1 tokens side by side; shorter ones are padded with end tokens.

    Args:
        windows: tokens of each window; the first is input only, the last is target only.
        context: targets of a full window.
        eos_id: the token that ends documents.
        kind: of attention, see `curate.train.attention`.
        device: where the batch goes.
    """
    inputs = np.full((len(windows), context), eos_id, np.int64)
    targets = np.full((len(windows), context), NO_TARGET, np.int64)
    for row, window in enumerate(windows):
        n = max(0, len(window) - 1)
        inputs[row, :n] = window[:n]
        targets[row, :n] = window[1:]
    flat = inputs.reshape(-1)
    begins = flat == eos_id
    begins[::context] = True
    piece_starts = np.flatnonzero(begins)
    positions = np.arange(len(flat)) - np.repeat(piece_starts, np.diff(np.append(piece_starts, len(flat))))
    where = borders(piece_starts, len(flat), kind=kind, context=context, device=device)
    return Batch(_put(flat, device), _put(targets.reshape(-1), device), _put(positions, device), where)


def _put(numbers: NDArray[np.int64], device: torch.device) -> Tensor:
    tensor = torch.from_numpy(numbers)
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
