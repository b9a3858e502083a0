"""Which pages a classifier was fitted on, so that an evaluation can say when it meets them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from curate.config import plain_file
from curate.scoring.storage import MOST_BYTES

FILE = "fitted_on.safetensors"


def hash_texts(texts: pa.Array) -> NDArray[np.uint64]:
    """Hash each text whole (XXH3, 64 bits), uint64 (N,)."""
    return np.array([xxhash.xxh3_64_intdigest(text.as_buffer() or b"") for text in texts], np.uint64)


def write_fitted_on(folder: Path, texts: pa.Array) -> None:
    """Write the hashes of the pages, sorted: of the texts themselves nothing is kept."""
    (folder / FILE).write_bytes(save({"text_hashes": np.unique(hash_texts(texts))}))


def read_fitted_on(folder: Path) -> NDArray[np.uint64] | None:
    """Read the hashes, or None where the folder has none."""
    try:
        hashes = load_file(plain_file(folder / FILE, MOST_BYTES))["text_hashes"]
    except (OSError, KeyError, ValueError, SafetensorError):
        return None
    return hashes if hashes.dtype == np.uint64 and hashes.ndim == 1 else None
