"""How many tokens the text of scored documents is: counted by a tokenizer where one is named, else by its bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.run.settings import FilterSettings
from curate.tokens.encoder import TextEncoder, load_encoder

N_TOKENS, N_BYTES = "n_tokens", "n_text_bytes"


def count_tokens(texts: pa.Array, tokenizer: str | None) -> Mapping[str, pa.Array]:
    """Bytes of N texts, and with a tokenizer their tokens, each with the one that ends a document: int64 columns."""
    n_bytes = pc.fill_null(pc.binary_length(texts), 0).cast(pa.int64())
    if tokenizer is None:
        return {N_BYTES: n_bytes}
    return {N_BYTES: n_bytes, N_TOKENS: pa.array(load_tokenizer(tokenizer).encode_joined(texts)[1])}


def load_tokenizer(path: str) -> TextEncoder:
    """Load the tokenizer that counts, once in each process; refuse a file that holds none."""
    return _load(path, os.stat(path).st_mtime_ns if os.path.exists(path) else 0)


def token_columns(settings: FilterSettings) -> tuple[tuple[str, str], ...]:
    """Names and types of the columns that this adds to scored rows."""
    return ((N_TOKENS, "int64"),) if settings.tokenizer and settings.scorers else ()


def estimate_tokens(counted: pa.Table, settings: FilterSettings) -> NDArray[np.float64]:
    """Tokens of N scored documents, as `count_tokens` left them."""
    return tokens_of(counted, settings.bytes_per_token)


def tokens_of(counted: pa.Table, bytes_per_token: float) -> NDArray[np.float64]:
    """The column of tokens where there is one, else bytes over `bytes_per_token`."""
    if N_TOKENS in counted.column_names:
        return counted[N_TOKENS].to_numpy().astype(np.float64)
    return counted[N_BYTES].to_numpy() / bytes_per_token


@cache
def _load(path: str, _changed_ns: int) -> TextEncoder:
    return load_encoder(path)
