"""The word table: common words of the web, each with a small vector distilled from a sentence encoder.

Every word that enough pages hold is embedded by itself, the embeddings are brought to fewer dimensions by
principal components, and quantised to int8. A page's vector is then a weighted mean over its words with the
weight a / (a + p(word)) (smooth inverse frequency: Arora, Liang, Ma 2017). Nothing here needs a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curate.protocols import Encoder
from curate.scoring.features import KERNEL_VERSIONS
from curate.scoring.storage import write_folder
from curate.text.words import hash_words

_WORD = re.compile(r"[^\W_]+")
_LONGEST_WORD_BYTES = 32


def count_words(corpora: Iterable[pa.Array]) -> tuple[dict[str, int], NDArray[np.uint64], Any, Any, int]:
    """Count, over distinct documents, in how many each word occurs and how often.

    Returns:
        (candidate spellings with document counts by a simple word rule, hashes ascending uint64,
        documents with the hash, occurrences of the hash, number of documents).
    """
    spellings: dict[str, int] = {}
    all_hashes: list[NDArray[np.uint64]] = []
    in_documents: list[NDArray[np.uint64]] = []
    seen: set[str] = set()
    for texts in corpora:
        fresh: list[str] = []
        for text in texts.to_pylist():
            if text and text not in seen:
                seen.add(text)
                fresh.append(text)
                for word in set(_WORD.findall(text.casefold())):
                    spellings[word] = spellings.get(word, 0) + 1
        words = hash_words(pa.array(fresh, pa.large_string()))
        all_hashes.append(words.hashes.copy())
        bounds = zip(words.offsets[:-1], words.offsets[1:], strict=True)
        in_documents.extend(np.unique(words.hashes[start:stop]) for start, stop in bounds)
    hashes, occurrences = np.unique(np.concatenate(all_hashes), return_counts=True)
    _, documents = np.unique(np.concatenate(in_documents), return_counts=True)
    return spellings, hashes, documents, occurrences, len(seen)


def fit_word_table(
    corpora: Iterable[pa.Array],
    encoder: Encoder,
    output: Path,
    *,
    n_dimensions: int = 128,
    min_documents: int = 3,
    sif_a: float = 1e-3,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Fit the word table on unlabelled text and write its folder.

    Args:
        corpora: arrays of documents; equal documents count once.
        encoder: of single words.
        output: folder to write.
        n_dimensions: of the vectors kept.
        min_documents: how many documents must hold a word.
        sif_a: the weight of a word with probability p is a / (a + p).
        about: what else the configuration shall say.

    Returns:
        The configuration as written.
    """
    spellings, hashes, documents, occurrences, n_documents = count_words(corpora)
    candidates = sorted(
        word for word, n in spellings.items()
        if n >= min_documents and len(word.encode()) <= _LONGEST_WORD_BYTES
    )  # fmt: skip
    hashed = hash_words(pa.array(candidates, pa.large_string()))
    is_one_word = np.diff(hashed.offsets) == 1
    own_hashes = hashed.hashes[hashed.offsets[:-1][is_one_word]]
    words = [word for word, is_one in zip(candidates, is_one_word, strict=True) if is_one]
    place = np.searchsorted(hashes, own_hashes)
    known = (place < len(hashes)) & (hashes[np.minimum(place, len(hashes) - 1)] == own_hashes)
    words = [word for word, is_known in zip(words, known, strict=True) if is_known]
    place, own_hashes = place[known], own_hashes[known]
    embeddings = np.asarray(encoder.encode(words), np.float64)
    vectors = project(embeddings, n_dimensions)
    steps = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127.0
    sif = sif_a / (sif_a + occurrences[place] / occurrences.sum())
    arrays = {
        "hashes": own_hashes.astype(np.uint64),
        "vectors": np.rint(vectors / steps[:, None]).astype(np.int8),
        "scales": (sif * steps).astype(np.float32),
        "idf": np.log(n_documents / documents[place]).astype(np.float32),
    }
    config = {
        "kind": "word_table",
        "kernels": {"words": KERNEL_VERSIONS["words"]},
        "n_words": len(words),
        "n_dimensions": n_dimensions,
        "n_documents": n_documents,
        "min_documents": min_documents,
        "sif_a": sif_a,
        "encoder": encoder.name,
        **(about or {}),
    }
    return write_folder(output, config, arrays)


def project(embeddings: NDArray[np.float64], n_dimensions: int) -> NDArray[np.float64]:
    """Bring embeddings (N, d) to their first principal components (N, n_dimensions), signs fixed."""
    centred = embeddings - embeddings.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :n_dimensions]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return centred @ (axes * signs)
