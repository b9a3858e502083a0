"""Token folders: `open_tokens` reads what `tokenize_mixture` writes."""

from __future__ import annotations

from curate.tokens.encoder import EOS_TOKEN, TextEncoder, load_encoder, train_encoder
from curate.tokens.folder import TokenFolder, TokenGroup, check_hashes, open_tokens
from curate.tokens.infill import Infill
from curate.tokens.peers import read_datatrove, read_megatron, write_peer
from curate.tokens.tokenize import tokenize_mixture, write_tokens

__all__ = [
    "EOS_TOKEN",
    "Infill",
    "TextEncoder",
    "TokenFolder",
    "TokenGroup",
    "check_hashes",
    "load_encoder",
    "open_tokens",
    "read_datatrove",
    "read_megatron",
    "tokenize_mixture",
    "train_encoder",
    "write_peer",
    "write_tokens",
]
