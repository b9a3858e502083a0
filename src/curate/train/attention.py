"""Attention that stops at document borders.

Windows of tokens are cut from a stream of documents, so one window holds the end of one document and the
beginning of others. A token sees the tokens of its own document and window before it, nothing else; that
gives the logits that each document would have alone. Three ways compute the same thing:

    documents   one causal SDPA call for each document; the way on a CPU, exact and without a mask
    varlen      torch's variable-length flash attention; CUDA and bf16, and the way of choice there
    flex        flex_attention with a block mask; CUDA, for float32 and GPUs without flash attention

Shapes: N tokens of a batch in one row, H query heads, K key and value heads, D numbers a head.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from curate.errors import SettingError, UnknownNameError

KINDS = ("auto", "documents", "varlen", "flex")


@dataclass(frozen=True, slots=True)
class Borders:
    """Where the documents of one batch begin and end, in the form that an attention kind takes."""

    kind: str
    lengths: list[int]
    """Tokens of each document's piece in the batch, in order; a window border ends a piece too."""
    offsets: Tensor | None
    """int32 (n_pieces + 1,), on the device; for varlen."""
    max_length: int
    block_mask: Any = None


def chosen_kind(kind: str, device: torch.device, *, bf16: bool) -> str:
    """Resolve 'auto' (documents on a CPU; varlen, or flex for float32, on CUDA) and refuse what cannot run."""
    if kind not in KINDS:
        raise UnknownNameError("attention", kind, KINDS)
    on_gpu = device.type == "cuda"
    if kind == "auto":
        return "documents" if not on_gpu else "varlen" if bf16 else "flex"
    if kind in {"varlen", "flex"} and not on_gpu:
        raise SettingError(
            f"attention = '{kind}' trains on CUDA only. Set attention = 'documents' or 'auto'."
        )
    if kind == "varlen" and not bf16:
        raise SettingError(
            "attention = 'varlen' (flash attention) takes no float32. Set dtype = 'bf16' or attention = 'flex'."
        )
    return kind


def borders(
    piece_starts: NDArray[np.int64], n_tokens: int, *, kind: str, context: int, device: torch.device
) -> Borders:
    """Describe a batch of `n_tokens` whose pieces begin at `piece_starts` (ascending, the first is 0)."""
    edges = np.append(piece_starts, n_tokens)
    lengths = np.diff(edges)
    if kind == "documents":
        return Borders(kind, lengths.tolist(), None, context)
    if kind == "varlen":
        # max_length is the bound, not the maximum: a number that changes would compile again.
        return Borders(kind, [], torch.from_numpy(edges.astype(np.int32)).to(device), context)
    from torch.nn.attention.flex_attention import create_block_mask

    piece = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)).to(device)

    def same_piece_before(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (piece[query] == piece[key]) & (query >= key)

    mask = create_block_mask(same_piece_before, None, None, n_tokens, n_tokens, device=str(device))
    return Borders(kind, [], None, context, mask)


def attend(q: Tensor, k: Tensor, v: Tensor, where: Borders) -> Tensor:
    """Causal attention within each piece: q (N, H, D), k and v (N, K, D) -> (N, H, D)."""
    if where.kind == "varlen":
        from torch.nn.attention.varlen import varlen_attn

        n, offsets = where.max_length, cast("Tensor", where.offsets)
        grouped = q.shape[1] != k.shape[1]
        out = varlen_attn(q, k, v, offsets, offsets, n, n, window_size=(-1, 0), enable_gqa=grouped)
        return cast("Tensor", out)
    k, v = _spread_heads(k, q.shape[1]), _spread_heads(v, q.shape[1])
    if where.kind == "flex":
        return _flex(q, k, v, where.block_mask)
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))  # (1, H, N, D)
    pieces = [
        functional.scaled_dot_product_attention(*piece, is_causal=True)
        for piece in zip(
            q.split(where.lengths, 2), k.split(where.lengths, 2), v.split(where.lengths, 2), strict=True
        )
    ]
    joined = torch.cat(pieces, dim=2) if len(pieces) > 1 else pieces[0]
    return joined.squeeze(0).transpose(0, 1)


def attend_to_past(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Let the last tokens of one document see all before them: q (N, H, D), k and v (P + N, K, D)."""
    k, v = _spread_heads(k, q.shape[1]), _spread_heads(v, q.shape[1])
    n_new, n_all = q.shape[0], k.shape[0]
    allowed = torch.ones(n_new, n_all, dtype=torch.bool, device=q.device).tril(n_all - n_new)
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed).squeeze(0).transpose(0, 1)


def _spread_heads(x: Tensor, n_heads: int) -> Tensor:
    """(N, K, D) -> (N, H, D): each key or value head serves H / K query heads."""
    return x if x.shape[1] == n_heads else x.repeat_interleave(n_heads // x.shape[1], dim=1)


def _flex(q: Tensor, k: Tensor, v: Tensor, block_mask: Any) -> Tensor:
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    out = _flex_kernel(compiled=q.is_cuda)(q, k, v, block_mask=block_mask)
    return out.squeeze(0).transpose(0, 1)


@functools.cache
def _flex_kernel(*, compiled: bool) -> Any:
    """Uncompiled it makes the whole matrix of scores: for tests on a CPU, forward only."""
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention) if compiled else flex_attention
