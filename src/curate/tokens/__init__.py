"""Token folders: `open_tokens` reads what `tokenize_mixture` writes.

What turns text into token files and reads them belongs here; which documents, and how often, is for `curate.mixture`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curate._lazy import lazy
from curate.tokens.settings import TokenizeSettings

if TYPE_CHECKING:
    from curate.tokens.encoder import EOS_TOKEN, TextEncoder, load_encoder, train_encoder
    from curate.tokens.folder import TokenFolder, TokenGroup, check_hashes, open_tokens
    from curate.tokens.peers import read_datatrove, read_megatron, write_peer
    from curate.tokens.tokenize import run_tokenize, tokenize_mixture, write_tokens

# The command line reads the settings of every command; what does the work is imported when it is asked for.
_HOME = {
    "EOS_TOKEN": "curate.tokens.encoder",
    "TextEncoder": "curate.tokens.encoder",
    "TokenFolder": "curate.tokens.folder",
    "TokenGroup": "curate.tokens.folder",
    "check_hashes": "curate.tokens.folder",
    "load_encoder": "curate.tokens.encoder",
    "open_tokens": "curate.tokens.folder",
    "read_datatrove": "curate.tokens.peers",
    "read_megatron": "curate.tokens.peers",
    "run_tokenize": "curate.tokens.tokenize",
    "tokenize_mixture": "curate.tokens.tokenize",
    "train_encoder": "curate.tokens.encoder",
    "write_peer": "curate.tokens.peers",
    "write_tokens": "curate.tokens.tokenize",
}

__all__ = [
    "EOS_TOKEN",
    "TextEncoder",
    "TokenFolder",
    "TokenGroup",
    "TokenizeSettings",
    "check_hashes",
    "load_encoder",
    "open_tokens",
    "read_datatrove",
    "read_megatron",
    "run_tokenize",
    "tokenize_mixture",
    "train_encoder",
    "write_peer",
    "write_tokens",
]


# Hidden from type checkers, for which every mistyped name would be there.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _HOME)
